/** One session on the page: picture, state, five live graphs, the figures behind them, events. */

import { Graph } from './graph.js';

const EVENTS_MAX = 100;
const SILENT = ['session.stats']; // once per second: shown as figures, not as events

/** @param {number} bps */
const megabits = (bps) => `${(bps / 1e6).toFixed(2)} Mbit/s`;

/**
 * @typedef {import('./nn5g_stats.js').Digest} Digest
 * @typedef {{ name: string, title: string, low?: number, high: number,
 *   of: (digest: Digest) => number | null, format: (value: number) => string }} Gauge
 */

const SILENCE_DB = -60;

/** @param {number} level 0..1 @returns {number} Decibels below the loudest. */
const decibels = (level) => (level > 0 ? Math.max(SILENCE_DB, 20 * Math.log10(level)) : SILENCE_DB);

/** @type {Gauge[]} `high` keeps noise from looking like news. */
const GAUGES = [
  {
    name: 'bitrate',
    title: 'Bitrate',
    high: 500_000,
    format: megabits,
    of: (digest) => digest.bitrateBps,
  },
  {
    name: 'fps',
    title: 'Frames',
    high: 30,
    of: ({ video }) => video?.fps ?? null,
    format: (value) => `${value.toFixed(0)} /s`,
  },
  {
    name: 'rtt',
    title: 'RTT',
    high: 10,
    of: (digest) => digest.rttMs,
    format: (value) => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`,
  },
  {
    name: 'loss',
    title: 'Loss',
    high: 0.02,
    of: (digest) => digest.lossRatio,
    format: (value) => `${(100 * value).toFixed(value && value < 0.01 ? 2 : 1)} %`,
  },
  {
    name: 'audio',
    title: 'Sound',
    low: SILENCE_DB,
    high: 0,
    of: ({ audio }) => (audio ? decibels(audio.level) : null),
    format: (value) => (value > SILENCE_DB ? `${value.toFixed(0)} dB` : 'silent'),
  },
];

/** What a picture-less screen says. @type {{ [state: string]: string }} */
const WAITING = {
  new: '',
  connecting: 'Connecting',
  connected: '',
  ended: 'Ended',
  waiting: 'Nothing is published yet. Playing starts by itself.',
  reconnecting: 'Connection lost, getting it back',
};

/** What ended a session that nobody stopped here. @type {{ [reason: string]: string }} */
const ENDINGS = {
  COST_LIMIT: 'Ended: there is nothing left to pay with.',
  OPERATOR: 'Ended by the operator.',
  EXPIRED: 'Ended: it reached the longest time a session may last.',
};

/** @param {number} ms @returns {string} Minutes and seconds. */
const minutes = (ms) =>
  `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;

/**
 * @template {HTMLElement} T
 * @param {ParentNode} root @param {string} selector
 * @returns {T}
 */
function find(root, selector) {
  const element = root.querySelector(selector);
  if (!element) throw new Error(`no ${selector} in the page`);
  return /** @type {T} */ (element);
}

/** @param {string} id */
function cloneOf(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const fragment = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  return /** @type {HTMLElement} */ (fragment.firstElementChild);
}

/**
 * @param {Digest} digest @param {'publish' | 'play'} kind
 * @returns {Array<[string, string | number]>}
 */
function factsOf({ video, audio, availableBps, remoteAddress }, kind) {
  /** @type {Array<[string, string | number]>} */
  const facts = [];
  const packets = (video?.packets ?? 0) + (audio?.packets ?? 0);
  const lost = (video?.lost ?? 0) + (audio?.lost ?? 0);
  facts.push(['Packets', packets.toLocaleString('en')], ['Lost', lost.toLocaleString('en')]);
  facts.push(['Repeated', (video?.retransmitted ?? 0).toLocaleString('en')]);
  facts.push(['Jitter', `${(video ?? audio)?.jitterMs.toFixed(1) ?? 0} ms`]);
  if (video && kind === 'play')
    facts.push(['Freezes', video.freezes], ['Dropped', video.framesDropped]);
  if (video && kind === 'publish') facts.push(['Limited by', video.limitation]);
  if (video) facts.push(['Key frames', video.keyFrames]);
  if (availableBps && kind === 'publish') facts.push(['Estimate', megabits(availableBps)]);
  if (remoteAddress) facts.push(['Gateway', remoteAddress]);
  return facts;
}

export class Panel {
  #session;
  #root = cloneOf('panel');
  /** @type {Map<string, { graph: Graph, output: HTMLElement }>} */
  #gauges = new Map();
  /** @type {Map<string, string>} What does not pass, by kind, and why. */
  #limits = new Map();
  #isPaused = false;
  /** @type {{ used_video_ms?: number, used_voice_ms?: number }} As the gateway counts. */
  #used = {};

  /**
   * @param {import('./nn5g.js').Session} session Not started yet.
   * @param {object} options
   * @param {string} options.title
   * @param {boolean} [options.mirrored] As a person sees themselves.
   */
  constructor(session, { title, mirrored = false }) {
    this.#session = session;
    this.#root.dataset.kind = session.kind;
    find(this.#root, 'h3').textContent = title;
    find(this.#root, '.screen').classList.toggle('mirrored', mirrored);
    for (const gauge of GAUGES) this.#addGauge(gauge);
    this.#wireButtons();
    session.addEventListener('state', (event) =>
      this.#onState(/** @type {CustomEvent} */ (event).detail),
    );
    session.addEventListener('stats', (event) =>
      this.#onStats(/** @type {CustomEvent} */ (event).detail),
    );
    session.addEventListener('message', (event) => {
      const { type, ...more } = /** @type {CustomEvent} */ (event).detail;
      this.#onMessage(type, more);
      if (!SILENT.includes(type)) this.#log([type, ...Object.values(more)].join(' '));
    });
    session.addEventListener('reconnecting', (event) => {
      const { attempt, delayMs, error } = /** @type {CustomEvent} */ (event).detail;
      this.#log(`attempt ${attempt}: ${error.message}; next in ${Math.round(delayMs)} ms`);
    });
    session.addEventListener('error', (event) =>
      this.fail(/** @type {CustomEvent} */ (event).detail.error),
    );
  }

  get root() {
    return this.#root;
  }
  get video() {
    return /** @type {HTMLVideoElement} */ (find(this.#root, 'video'));
  }

  /** Says why it does not go on. @param {any} error */
  fail(error) {
    const problem = find(this.#root, '.problem');
    const gate = error.gate !== null && error.gate !== undefined;
    const where = [
      error.status && `status ${error.status}`,
      gate && `gate ${error.gate}`,
      error.gateName,
    ];
    const small = document.createElement('small');
    small.textContent = where.filter(Boolean).join(' · ');
    problem.replaceChildren(error.message, small);
    problem.hidden = false;
    this.#log(`error: ${error.message}`);
  }

  /** @param {Gauge} gauge */
  #addGauge({ name, title, low, high, format }) {
    const figure = cloneOf('gauge');
    figure.dataset.name = name;
    find(figure, '.name').textContent = title;
    find(this.#root, '.gauges').append(figure);
    const graph = new Graph(find(figure, 'canvas'), { name: title, format, low, high });
    this.#gauges.set(name, { graph, output: find(figure, 'output') });
  }

  #wireButtons() {
    const stop = /** @type {HTMLButtonElement} */ (find(this.#root, '.stop'));
    stop.addEventListener('click', () => {
      if (this.#session.state === 'ended') this.#root.remove();
      else this.#session.stop();
    });
    const sound = /** @type {HTMLButtonElement} */ (find(this.#root, '.sound'));
    sound.hidden = this.#session.kind === 'publish';
    sound.addEventListener('click', () => {
      this.video.muted = !this.video.muted;
      sound.textContent = this.video.muted ? 'Unmute' : 'Mute';
      sound.setAttribute('aria-pressed', String(!this.video.muted));
    });
  }

  /** @param {{ state: import('./nn5g.js').State, reason: string }} detail */
  #onState({ state, reason }) {
    const chip = find(this.#root, '.state');
    chip.dataset.state = state;
    chip.textContent = state === 'connected' && this.#session.kind === 'publish' ? 'live' : state;
    find(this.#root, '.wait').textContent = WAITING[state];
    this.#log(reason ? `${state}: ${reason}` : state);
    if (state === 'connected') find(this.#root, '.problem').hidden = true;
    if (state !== 'ended') return;
    this.video.srcObject = null;
    find(this.#root, '.picture').textContent = '';
    find(this.#root, '.sound').hidden = true;
    find(this.#root, '.stop').textContent = 'Close';
  }

  /** @returns {Array<[string, string]>} */
  #usedFacts() {
    const { used_video_ms: video, used_voice_ms: voice } = this.#used;
    if (video === undefined || voice === undefined) return [];
    return [
      ['Video minutes', minutes(video)],
      ['Voice minutes', minutes(voice)],
    ];
  }

  /** @param {string} type @param {any} detail */
  #onMessage(type, detail) {
    if (type === 'session.stats') this.#used = detail;
    else if (type === 'limit.downgraded') this.#limits.set(detail.kind, detail.reason);
    else if (type === 'limit.upgraded') this.#limits.delete(detail.kind);
    else if (type === 'session.state') this.#onSessionState(detail);
    if (type !== 'session.stats') this.#showLimits();
  }

  /** The limits in force follow it. @param {{ state: string, reason?: string }} detail */
  #onSessionState({ state, reason = '' }) {
    this.#limits.clear();
    this.#isPaused = state === 'paused';
    if (state === 'terminated' && ENDINGS[reason]) this.#limits.set('end', ENDINGS[reason]);
  }

  #showLimits() {
    const banner = find(this.#root, '.limits');
    const lines = this.#isPaused ? ['Paused: no media passes for now.'] : [];
    for (const [kind, reason] of this.#limits) {
      const what = kind === 'voice' ? 'Sound' : 'Picture';
      lines.push(kind === 'end' ? reason : `${what} is off: ${reason}.`);
    }
    banner.replaceChildren(
      ...lines.map((line) => {
        const row = document.createElement('span');
        row.textContent = line;
        return row;
      }),
    );
    banner.hidden = lines.length === 0;
  }

  /** @param {Digest} digest */
  #onStats(digest) {
    this.#root.classList.add('measured');
    for (const { name, of, format } of GAUGES) {
      const value = of(digest);
      const gauge = this.#gauges.get(name);
      if (!gauge) continue;
      gauge.output.textContent = value === null ? '–' : format(value);
      if (value !== null) gauge.graph.push(value);
    }
    const { video, audio } = digest;
    find(this.#root, '.picture').textContent = [
      video?.codec,
      video?.width && `${video.width} × ${video.height}`,
      audio?.codec,
    ]
      .filter(Boolean)
      .join(' · ');
    find(this.#root, '.facts').replaceChildren(
      ...[...factsOf(digest, this.#session.kind), ...this.#usedFacts()].map(([name, value]) => {
        const row = document.createElement('div');
        row.className = name === 'Gateway' ? 'wide' : '';
        row.append(document.createElement('dt'), document.createElement('dd'));
        row.children[0].textContent = name;
        row.children[1].textContent = String(value);
        return row;
      }),
    );
  }

  /** @param {string} text */
  #log(text) {
    const events = find(this.#root, '.events');
    const row = document.createElement('li');
    const time = document.createElement('time');
    time.textContent = new Date().toTimeString().slice(0, 8);
    row.append(time, text);
    events.prepend(row);
    if (events.children.length > EVENTS_MAX) events.lastElementChild?.remove();
  }
}
