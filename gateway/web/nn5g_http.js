/**
 * The HTTP side of WHIP (RFC 9725) and WHEP: requests that fail as Nn5gError, the headers these
 * protocols add, and waiting between tries. No state. nn5g.js is the only user.
 */

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 10_000;
const TIMEOUT_MS = 10_000;

/**
 * Why a request or a session failed. `message` is fit for showing to a person.
 *
 * When the gateway refused, the fields are those of its problem report (RFC 9457): `gate` and
 * `gateName` say at which of its admission gates the request stopped.
 */
export class Nn5gError extends Error {
  /**
   * @param {string} message
   * @param {object} [more]
   * @param {number} [more.status] HTTP status; 0 when there was no answer.
   * @param {any} [more.problem] Body of an application/problem+json answer.
   * @param {number | null} [more.retryAfterMs] From Retry-After; null without one.
   * @param {unknown} [more.cause]
   */
  constructor(message, { status = 0, problem = {}, retryAfterMs = null, cause } = {}) {
    super(message, { cause });
    this.name = 'Nn5gError';
    /** HTTP status; 0 when there was no answer. */
    this.status = status;
    /** @type {string} */
    this.title = problem.title ?? '';
    /** @type {string} */
    this.detail = problem.detail ?? '';
    /** @type {number | null} */
    this.gate = problem.gate ?? null;
    /** @type {string} */
    this.gateName = problem.gate_name ?? '';
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * @param {string | null} value A Retry-After header (RFC 9110, 10.2.3): seconds or a date.
 * @returns {number | null} Milliseconds from now.
 */
export function parseRetryAfter(value) {
  if (!value) return null;
  if (/^\d+$/.test(value)) return 1000 * Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}

/**
 * @param {string | null} value A Link header (RFC 8288), several links joined by commas.
 * @returns {Array<{ target: string, parameters: { [name: string]: string } }>}
 */
export function parseLinks(value) {
  const links = [];
  const link = /<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))*)/g;
  for (const [, target, tail] of (value ?? '').matchAll(link)) {
    /** @type {{ [name: string]: string }} */
    const parameters = {};
    const parameter = /;\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))/g;
    for (const [, name, quoted, plain] of tail.matchAll(parameter)) {
      parameters[name.toLowerCase()] = plain ?? quoted.replace(/\\(.)/g, '$1');
    }
    links.push({ target, parameters });
  }
  return links;
}

/**
 * @param {ReturnType<typeof parseLinks>} links
 * @returns {RTCIceServer[]} Those with rel="ice-server" (RFC 9725, 4.6).
 */
export function iceServersOf(links) {
  return links
    .filter(({ parameters }) => parameters.rel === 'ice-server')
    .map(({ target, parameters: { username, credential } }) =>
      username === undefined ? { urls: target } : { urls: target, username, credential },
    );
}

/** Could the same request succeed a little later? @param {Nn5gError} error */
export const isPassing = ({ status }) =>
  status === 0 || status === 409 || status === 429 || status >= 500;

/**
 * How long to wait before trying again: never less than the gateway asks for, and not the same for
 * all, who would else come back in the same instant.
 * @param {Nn5gError} error @param {number} attempt From 1.
 * @returns {number} Milliseconds.
 */
export function retryDelay(error, attempt) {
  const backoff = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (attempt - 1));
  return (error.retryAfterMs ?? backoff) * (1 + Math.random() / 2);
}

/** Is it a WHEP gateway's own offer? @param {Response} response */
export const isCounterOffer = (response) =>
  response.status === 406 && response.headers.has('location');

/**
 * fetch() that fails as Nn5gError.
 * @param {string} method
 * @param {string} url
 * @param {object} [more]
 * @param {string} [more.token] Sent as a bearer token.
 * @param {{ [name: string]: string }} [more.headers]
 * @param {string} [more.body]
 * @param {AbortSignal} [more.signal]
 * @param {number} [more.timeoutMs]
 * @param {boolean} [more.keepalive] Outlives the page.
 * @param {(response: Response) => boolean} [more.accepts] Which others than 200..299 are answers.
 * @returns {Promise<Response>}
 * @throws {Nn5gError | DOMException} The latter, named AbortError, when `signal` was aborted.
 */
export async function request(method, url, more = {}) {
  const { token, headers = {}, body, signal, timeoutMs = TIMEOUT_MS, keepalive, accepts } = more;
  if (token) headers.authorization = `Bearer ${token}`;
  const limit = new AbortController();
  const giveUp = () => limit.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', giveUp);
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  try {
    const response = await fetch(url, { method, headers, body, keepalive, signal: limit.signal });
    if (response.ok || accepts?.(response)) return response;
    throw await failure(response);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Nn5gError) throw error;
    const why = limit.signal.aborted ? 'took too long to answer' : 'cannot be reached';
    throw new Nn5gError(`the gateway ${why}`, { cause: error });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}

/**
 * @param {number} ms @param {AbortSignal} signal
 * @returns {Promise<void>} Rejects with the signal's reason.
 */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      globalThis.removeEventListener('online', done);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    globalThis.addEventListener('online', done); // the network is back: no reason to wait
    if (signal.aborted) done();
  });
}

/** @param {Response} response @returns {Promise<Nn5gError>} */
async function failure(response) {
  const type = response.headers.get('content-type') ?? '';
  const isProblem = /^application\/(problem\+)?json\b/.test(type);
  const problem = isProblem ? await response.json().catch(() => ({})) : {};
  const message = problem.detail || problem.title || response.statusText || 'request refused';
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'));
  return new Nn5gError(message, { status: response.status, problem, retryAfterMs });
}
