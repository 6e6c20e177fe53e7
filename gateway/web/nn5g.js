/**
 * NN-5G browser SDK: publish over WHIP (RFC 9725) and play over WHEP, without a dependency.
 *
 *     import { publish, play } from './nn5g.js';
 *
 *     const live = await publish({ tenant: 'demo', stream: 'live', token, media });
 *     const view = await play({ tenant: 'demo', stream: 'live', token, video: videoElement });
 *     view.addEventListener('stats', ({ detail }) => console.log(detail.bitrateBps));
 *     await view.stop();
 *
 * A Session owns one resource on the gateway and one RTCPeerConnection at a time. What always
 * holds: one attempt to connect or to recover runs at a time; every resource the gateway created
 * for us is deleted, by stop(), by the attempt that replaces it, or when the page goes away;
 * after `ended` nothing runs and no other event follows.
 *
 * The gateway is ICE-lite: it has one address and learns ours from the checks we send. So the
 * offer is sent at once, without waiting for candidates, and none are trickled.
 */

import { EventChannel } from './nn5g_events.js';
import {
  Nn5gError,
  iceServersOf,
  isCounterOffer,
  isPassing,
  parseLinks,
  request,
  retryDelay,
  sleep,
} from './nn5g_http.js';
import {
  addTracks,
  connected,
  restartFragment,
  restartedAnswer,
  senderLevel,
} from './nn5g_peer.js';
import { digest } from './nn5g_stats.js';

export { Nn5gError };

const CONNECT_TIMEOUT_MS = 10_000; // from the answer to the connection
const DISCONNECTED_GRACE_MS = 3_000; // a short gap heals by itself
const RESTART_TIMEOUT_MS = 4_000; // then the session is renewed instead
const DELETE_TIMEOUT_MS = 3_000;
const STATS_INTERVAL_MS = 1_000;
const STATS_FRESH_MS = 200; // rates over less are noise

/** Ends that a new session must not undo. After others it is renewed. */
const FINAL_REASONS = {
  publish: ['USER_EXIT', 'COST_LIMIT', 'OPERATOR', 'EXPIRED', 'REPLACED'],
  play: ['USER_EXIT', 'COST_LIMIT', 'OPERATOR', 'EXPIRED'],
};

/**
 * @typedef {object} Options Of publish() and play().
 * @property {string} [url] The endpoint. Or its parts:
 * @property {string} [base] The gateway, like "https://edge.example:8443"; default: the page's.
 * @property {string} [tenant]
 * @property {string} [stream]
 * @property {string | (() => string | Promise<string>)} [token] Bearer token. A function is asked
 *   before every attempt, for tokens that expire or serve once.
 * @property {RTCIceServer[]} [iceServers] Beside those the gateway names.
 * @property {boolean} [reconnect] Restart ICE, then renew the session, when the connection is lost;
 *   default true.
 * @property {AbortSignal} [signal] Aborting it stops the session.
 * @property {MediaStream | MediaStreamConstraints} [media] What to publish; default: camera and
 *   microphone. Tracks the session asked for itself are stopped with it.
 * @property {string} [codec] Publish as "VP8", "VP9", "H264" or "AV1" only.
 * @property {number} [maxBitrate] Of published video, bits per second.
 * @property {HTMLVideoElement} [video] Where to play.
 * @property {boolean} [wait] Play: wait for a publisher when there is none; default true.
 */

/** @typedef {'new' | 'connecting' | 'waiting' | 'connected' | 'reconnecting' | 'ended'} State */

/**
 * A published or played stream. publish() and play() make and start one; make it yourself to listen
 * before it starts.
 *
 * Events, all CustomEvents with a `detail`:
 * - `state` `{ state: State, reason: string }`; `waiting`: nothing is published yet
 * - `stats` {@link import('./nn5g_stats.js').Digest}, once per second while connected
 * - `message` what the gateway says: `{ type: 'session.state' | 'session.stats' |
 *   'stream.started' | 'stream.stopped' | string, ... }`
 * - `limit.downgraded` `{ kind: 'video' | 'voice', account?: 'credit' | 'video' | 'voice',
 *   reason: string }`: this kind does not pass any more, the session and all else goes on; without
 *   an account, none of the stream's viewers may receive it. `limit.upgraded` `{ kind }`: it passes
 *   again. Limits in force are repeated whenever the gateway tells the session's state
 * - `limit.rate` `{ scope: 'session' | 'tenant', committed_bps, peak_bps, dropped_packets, state:
 *   'over' | 'ok' }` to a publisher: it, or all its tenant's publishers together, send more than
 *   they may; what is over the peak is dropped. The browser is told by REMB and sends less
 * - `paused`, `resumed`: the gateway holds all media back, or lets it pass again
 * - `reconnecting` `{ attempt: number, delayMs: number, error: Nn5gError }`, before each wait
 * - `error` `{ error: Error }`, when it ends because of one
 * - `ended` `{ reason: string }`: "STOPPED" by stop(), "FAILED" after `error`, else what the
 *   gateway said, like "COST_LIMIT" or, when another publisher took over, "REPLACED"
 */
export class Session extends EventTarget {
  #kind;
  #options;
  #endpoint;
  /** @type {State} */
  #state = 'new';
  /** @type {RTCPeerConnection | null} */
  #pc = null;
  /** @type {MediaStream} What is published or played. */
  #media = new MediaStream();
  #ownsMedia = false;
  #resource = ''; // URL; "" = none
  #token = '';
  #etag = '';
  /** @type {EventChannel | null} */
  #channel = null;
  #busy = false; // connecting or recovering: that task judges the connection
  #isPaused = false; // by the gateway
  #isTaken = false; // the media came from the gateway's offer, not from ours
  #over = new AbortController();
  #grace = 0;
  #ticker = 0;
  /** @type {Map<string, any> | undefined} */
  #report;
  /** @type {import('./nn5g_stats.js').Digest | null} */
  #digest = null;
  #onPageHide = () => this.stop();

  /** @param {'publish' | 'play'} kind @param {Options} options */
  constructor(kind, options) {
    super();
    const { url, base = globalThis.location?.origin, tenant = '', stream = '' } = options;
    if (!url && !(tenant && stream)) throw new Nn5gError('a url, or tenant and stream, are needed');
    const verb = kind === 'publish' ? 'whip' : 'whep';
    const path = `/${verb}/${encodeURIComponent(tenant)}/${encodeURIComponent(stream)}`;
    this.#kind = kind;
    this.#options = options;
    this.#endpoint = url ? new URL(url, globalThis.location?.href).href : new URL(path, base).href;
  }

  get kind() {
    return this.#kind;
  }
  get state() {
    return this.#state;
  }
  /** The connection in use; another one after a renewal. */
  get pc() {
    return this.#pc;
  }
  /** The session's id on the gateway; "" while there is none. */
  get id() {
    return this.#resource.split('/').pop() ?? '';
  }
  /** What is published or played. Stays the same object when the session is renewed. */
  get media() {
    return this.#media;
  }

  /**
   * Connects. Once per session.
   * @returns {Promise<this>} When media can flow.
   * @throws {Nn5gError | DOMException} Refused, unreachable, or (AbortError) stopped.
   */
  async start() {
    if (this.#state !== 'new') throw new Nn5gError('a session starts once');
    this.#options.signal?.addEventListener('abort', () => this.stop(), { once: true });
    try {
      this.#options.signal?.throwIfAborted();
      this.#busy = true;
      this.#setState('connecting');
      if (this.#kind === 'publish') await this.#takeMedia();
      globalThis.addEventListener?.('pagehide', this.#onPageHide);
      await this.#establish(true);
    } catch (error) {
      if (!this.#over.signal.aborted) this.#end('FAILED', error);
      throw error;
    } finally {
      this.#busy = false;
    }
    if (this.#pc) this.#watch(this.#pc);
    return this;
  }

  /**
   * Ends the session here and on the gateway.
   * @returns {Promise<void>} When the gateway has confirmed, or cannot be reached.
   */
  async stop() {
    if (this.#over.signal.aborted) return;
    const gone = this.#discard();
    this.#end('STOPPED');
    await gone;
  }

  /**
   * Statistics now; rates are since the last `stats` event.
   * @returns {Promise<import('./nn5g_stats.js').Digest | null>} null while there is no connection.
   */
  async stats() {
    if (!this.#pc) return null;
    const report = /** @type {any} */ (await this.#pc.getStats());
    const now = digest(report, this.#report, this.#kind);
    const isFresh = this.#digest && now.timeMs - this.#digest.timeMs < STATS_FRESH_MS;
    return isFresh ? this.#digest : now;
  }

  /** @param {string} name @param {object} [detail] */
  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /** @param {State} state @param {string} [reason] */
  #setState(state, reason = '') {
    if (state === this.#state || this.#state === 'ended') return;
    this.#state = state;
    this.#emit('state', { state, reason });
  }

  /** @param {string} reason @param {unknown} [error] */
  #end(reason, error) {
    if (this.#state === 'ended') return;
    this.#discard();
    this.#over.abort(
      reason === 'STOPPED'
        ? new DOMException('the session was stopped', 'AbortError')
        : new Nn5gError(`the gateway ended the session: ${reason}`),
    );
    globalThis.removeEventListener?.('pagehide', this.#onPageHide);
    if (this.#ownsMedia) for (const track of this.#media.getTracks()) track.stop();
    if (error) this.#emit('error', { error });
    this.#setState('ended', reason);
    this.#emit('ended', { reason });
  }

  async #takeMedia() {
    const { media = { audio: true, video: true } } = this.#options;
    this.#ownsMedia = !(media instanceof MediaStream);
    this.#media =
      media instanceof MediaStream ? media : await navigator.mediaDevices.getUserMedia(media);
    if (!this.#over.signal.aborted) return;
    for (const track of this.#media.getTracks()) if (this.#ownsMedia) track.stop();
    throw this.#over.signal.reason;
  }

  /**
   * Tries until connected, or until an error that trying again would not undo.
   * @param {boolean} isFirst Then only what the gateway asks us to wait for is tried again.
   */
  async #establish(isFirst) {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#attempt();
        return;
      } catch (error) {
        this.#over.signal.throwIfAborted();
        this.#discard();
        const delayMs = this.#retryDelay(error, attempt, isFirst);
        if (delayMs === null) throw error;
        if (error.status === 409 && this.#kind === 'play') this.#setState('waiting');
        else this.#emit('reconnecting', { attempt, delayMs, error });
        await sleep(delayMs, this.#over.signal);
      }
    }
  }

  /**
   * @param {any} error @param {number} attempt @param {boolean} isFirst
   * @returns {number | null} Milliseconds; null = do not try again.
   */
  #retryDelay(error, attempt, isFirst) {
    const { wait = true, reconnect = true } = this.#options;
    if (!(error instanceof Nn5gError)) return null;
    const isUnpublished = error.status === 409 && this.#kind === 'play';
    if (isUnpublished) return wait ? retryDelay(error, 1) : null;
    if (!isPassing(error) || (isFirst ? error.retryAfterMs === null : !reconnect)) return null;
    return retryDelay(error, attempt);
  }

  /** One try: a new connection, a new resource, media flowing. */
  async #attempt() {
    const signal = this.#over.signal;
    const { token = '' } = this.#options;
    this.#token = typeof token === 'function' ? await token() : token;
    let pc = this.#openConnection();
    this.#addMedia(pc);
    const offer = await pc.createOffer();
    const response = await request('POST', this.#endpoint, {
      token: this.#token,
      headers: { 'content-type': 'application/sdp', accept: 'application/sdp' },
      body: offer.sdp,
      // Not aborted by stop(): only the answer tells what there is to delete.
      accepts: isCounterOffer,
    });
    this.#isTaken = isCounterOffer(response);
    const links = this.#takeResource(response);
    const sdp = await response.text();
    if (signal.aborted) await this.#discard();
    signal.throwIfAborted();
    if (this.#isTaken) pc = this.#openConnection();
    // ICE starts at setLocalDescription: by then the gateway has named its servers.
    const iceServers = [...(this.#options.iceServers ?? []), ...iceServersOf(links)];
    if (iceServers.length) pc.setConfiguration({ ...pc.getConfiguration(), iceServers });
    if (this.#isTaken) {
      await this.#answer(pc, sdp);
    } else {
      await pc.setLocalDescription(offer);
      await pc.setRemoteDescription({ type: 'answer', sdp });
    }
    await connected(pc, CONNECT_TIMEOUT_MS, signal);
  }

  #openConnection() {
    this.#release()?.close();
    const { iceServers = [] } = this.#options;
    const pc = new RTCPeerConnection({ iceServers, bundlePolicy: 'max-bundle' });
    pc.addEventListener('connectionstatechange', () => this.#watch(pc));
    pc.addEventListener('track', ({ track }) => this.#show(track));
    this.#pc = pc;
    this.#ticker = setInterval(() => this.#tick(pc), STATS_INTERVAL_MS);
    return pc;
  }

  /** @param {RTCPeerConnection} pc */
  #addMedia(pc) {
    if (this.#kind === 'publish') {
      addTracks(pc, this.#media, this.#options);
    } else {
      pc.addTransceiver('audio', { direction: 'recvonly' });
      pc.addTransceiver('video', { direction: 'recvonly' });
    }
  }

  /**
   * Takes what the gateway made for us: where it is, its ETag, its event channel.
   * @param {Response} response
   */
  #takeResource(response) {
    const location = response.headers.get('location');
    if (!location) throw new Nn5gError('the gateway answered without a session');
    const links = parseLinks(response.headers.get('link'));
    this.#resource = new URL(location, response.url).href;
    this.#etag = response.headers.get('etag') ?? '';
    const events = links.find(({ parameters }) => parameters.rel === 'urn:nn5g:events');
    if (events && !this.#over.signal.aborted) {
      const url = new URL(events.target, response.url).href.replace(/^http/, 'ws');
      this.#channel = new EventChannel(url, (message) => this.#hear(message));
    }
    return links;
  }

  /** Takes a WHEP counter-offer. @param {RTCPeerConnection} pc @param {string} sdp */
  async #answer(pc, sdp) {
    await pc.setRemoteDescription({ type: 'offer', sdp });
    await pc.setLocalDescription();
    await request('PATCH', this.#resource, {
      token: this.#token,
      headers: { 'content-type': 'application/sdp' },
      body: pc.localDescription?.sdp,
      signal: this.#over.signal,
    });
  }

  /** @param {MediaStreamTrack} track A received one. */
  #show(track) {
    for (const old of this.#media.getTracks()) {
      if (old.kind === track.kind) this.#media.removeTrack(old);
    }
    this.#media.addTrack(track);
    const { video } = this.#options;
    if (!video || video.srcObject === this.#media) return;
    video.srcObject = this.#media;
    video.play().catch(() => {}); // refused autoplay: the page's own controls start it
  }

  /** @param {RTCPeerConnection} pc */
  #watch(pc) {
    if (pc !== this.#pc || this.#busy || this.#state === 'ended') return;
    clearTimeout(this.#grace);
    if (pc.connectionState === 'connected') this.#setState('connected');
    if (pc.connectionState === 'failed') this.#recover(true);
    if (pc.connectionState === 'disconnected') {
      this.#grace = setTimeout(() => this.#recover(true), DISCONNECTED_GRACE_MS);
    }
  }

  /** @param {boolean} isRestartable Try an ICE restart before renewing the session. */
  async #recover(isRestartable) {
    const signal = this.#over.signal;
    if (this.#busy || signal.aborted) return;
    clearTimeout(this.#grace);
    if (this.#options.reconnect === false) {
      this.#end('FAILED', new Nn5gError('the connection was lost'));
      return;
    }
    this.#busy = true;
    this.#setState('reconnecting');
    try {
      if (!isRestartable || !(await this.#restartIce())) {
        this.#discard();
        await this.#establish(false);
      }
    } catch (error) {
      if (!signal.aborted) this.#end('FAILED', error);
    } finally {
      this.#busy = false;
    }
    if (this.#pc) this.#watch(this.#pc);
  }

  /** @returns {Promise<boolean>} Whether the connection is back. */
  async #restartIce() {
    const pc = this.#pc;
    const before = pc?.remoteDescription?.sdp;
    if (!pc || !before || !this.#etag || this.#isTaken) return false;
    try {
      await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
      const response = await request('PATCH', this.#resource, {
        token: this.#token,
        headers: { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': '"*"' },
        body: restartFragment(pc.localDescription?.sdp ?? ''),
        signal: this.#over.signal,
        timeoutMs: RESTART_TIMEOUT_MS,
      });
      this.#etag = response.headers.get('etag') ?? this.#etag;
      const sdp = restartedAnswer(before, await response.text());
      await pc.setRemoteDescription({ type: 'answer', sdp });
      await connected(pc, RESTART_TIMEOUT_MS, this.#over.signal);
      return true;
    } catch {
      this.#over.signal.throwIfAborted();
      return false;
    }
  }

  /** @param {{ type?: string, state?: string, reason?: string }} message */
  #hear(message) {
    this.#emit('message', message);
    const { type = '', ...detail } = message;
    if (type.startsWith('limit.')) this.#emit(type, detail);
    if (type === 'session.state') this.#hearPause(message.state === 'paused');
    if (message.type !== 'session.state' || message.state !== 'terminated') return;
    const { reason = '' } = message;
    this.#resource = ''; // nothing left to delete
    if (FINAL_REASONS[this.#kind].includes(reason)) {
      this.#end(reason);
    } else if (this.#busy) {
      this.#pc?.close(); // fires no event of its own
      this.#pc?.dispatchEvent(new Event('connectionstatechange'));
    } else {
      this.#recover(false);
    }
  }

  /** @param {boolean} isPaused */
  #hearPause(isPaused) {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    this.#emit(isPaused ? 'paused' : 'resumed');
  }

  /** @param {RTCPeerConnection} pc */
  async #tick(pc) {
    if (pc.connectionState !== 'connected') return;
    const report = /** @type {any} */ (await pc.getStats());
    if (pc !== this.#pc) return;
    const now = digest(report, this.#report, this.#kind);
    // Browsers report no level of what is muted here; the sender's own says what is to be heard.
    if (now.audio) now.audio.level ||= senderLevel(pc);
    this.#digest = now;
    this.#report = report;
    this.#emit('stats', this.#digest);
  }

  /** Forgets the connection, for its caller to close. */
  #release() {
    const pc = this.#pc;
    clearInterval(this.#ticker);
    clearTimeout(this.#grace);
    this.#report = undefined;
    this.#digest = null;
    this.#pc = null;
    return pc;
  }

  /**
   * Lets go of connection and resource. The request outlives the page.
   * @returns {Promise<void>} When the gateway has confirmed, or cannot be reached.
   */
  async #discard() {
    const pc = this.#release();
    const resource = this.#resource;
    this.#resource = '';
    this.#channel?.close();
    this.#channel = null;
    // Before close(), whose DTLS alert would end the session without a word from us.
    const more = { token: this.#token, keepalive: true, timeoutMs: DELETE_TIMEOUT_MS };
    if (resource) await request('DELETE', resource, more).catch(() => {});
    pc?.close();
  }
}

/**
 * Publishes a stream over WHIP.
 * @param {Options} options
 * @returns {Promise<Session>} When media flows. Fails as Session.start() does.
 */
export function publish(options) {
  return new Session('publish', options).start();
}

/**
 * Plays a stream over WHEP; waits until it is published, unless `wait` is false.
 * @param {Options} options
 * @returns {Promise<Session>} When media flows. Fails as Session.start() does.
 */
export function play(options) {
  return new Session('play', options).start();
}
