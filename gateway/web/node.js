/**
 * The node as it describes itself: /readyz and /healthz for the line at the top, /metrics
 * (Prometheus text) for the table. Asks only while the page can be seen.
 */

const INTERVAL_MS = 2000;

/**
 * @typedef {object} Sample
 * @property {string} name Without the "nn5g_" in front.
 * @property {string} labels As "kind play, state active".
 * @property {number} value
 * @property {boolean} isCounter
 * @property {string} help
 */

/**
 * @param {string} text Prometheus text format.
 * @returns {Sample[]} Histogram buckets left out: they are for machines.
 */
export function parseMetrics(text) {
  /** @type {Map<string, string>} */
  const types = new Map();
  /** @type {Map<string, string>} */
  const helps = new Map();
  const samples = [];
  for (const line of text.split('\n')) {
    const [, key, family, rest] = line.match(/^# (TYPE|HELP) (\S+) (.*)$/) ?? [];
    if (key) (key === 'TYPE' ? types : helps).set(family, rest);
    const [, name, inner, value] = line.match(/^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)/) ?? [];
    if (!name || name.endsWith('_bucket')) continue;
    const labels = [...(inner ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
    samples.push({
      name: name.replace(/^nn5g_/, ''),
      labels: labels.map(([, label, text]) => `${label} ${text}`).join(', '),
      value: Number(value),
      isCounter: types.get(name) === 'counter' || /_(total|count|sum)$/.test(name),
      help: helps.get(name) ?? '',
    });
  }
  return samples;
}

/** @param {number} seconds */
function formatAge(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} days`;
}

/** @param {number} value */
function formatNumber(value) {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

/** Shows the node in the page's elements #node-*, for as long as the page lives. */
export class NodeView {
  #state = /** @type {HTMLElement} */ (document.getElementById('node-state'));
  #filter = /** @type {HTMLInputElement} */ (document.getElementById('node-filter'));
  #rows = /** @type {HTMLElement} */ (document.getElementById('node-rows'));
  #empty = /** @type {HTMLElement} */ (document.getElementById('node-empty'));
  /** @type {Sample[]} */
  #samples = [];
  /** @type {Map<string, number>} */
  #rates = new Map();
  #takenMs = 0;

  constructor() {
    this.#filter.addEventListener('input', () => this.#show());
    document.addEventListener('visibilitychange', () => this.#poll());
    setInterval(() => this.#poll(), INTERVAL_MS);
    this.#poll();
  }

  async #poll() {
    if (document.visibilityState !== 'visible') return;
    try {
      const [ready, health, metrics] = await Promise.all(
        ['readyz', 'healthz', 'metrics'].map((path) => fetch(path, { cache: 'no-store' })),
      );
      if (metrics.ok) this.#take(parseMetrics(await metrics.text()));
      this.#tell(ready.ok, await health.json().catch(() => ({})));
    } catch {
      this.#state.dataset.state = 'away';
      this.#state.textContent = 'the node cannot be reached';
    }
  }

  /** @param {boolean} isReady @param {any} health */
  #tell(isReady, health) {
    const uptime = this.#samples.find(({ name }) => name === 'uptime_seconds')?.value;
    this.#state.dataset.state = isReady ? 'ready' : 'busy';
    this.#state.textContent = [
      isReady ? 'ready' : 'not ready',
      health.version && `version ${health.version}`,
      uptime !== undefined && `up ${formatAge(uptime)}`,
    ]
      .filter(Boolean)
      .join(' · ');
  }

  /** @param {Sample[]} samples */
  #take(samples) {
    const nowMs = performance.now();
    const seconds = (nowMs - this.#takenMs) / 1000;
    const before = new Map(
      this.#samples.map((sample) => [sample.name + sample.labels, sample.value]),
    );
    this.#rates.clear();
    for (const { name, labels, value, isCounter } of samples) {
      const past = before.get(name + labels);
      if (isCounter && past !== undefined) this.#rates.set(name + labels, (value - past) / seconds);
    }
    this.#samples = samples;
    this.#takenMs = nowMs;
    this.#show();
  }

  #show() {
    const wanted = this.#filter.value.trim().toLowerCase();
    // Without a filter, what never happened stays out of sight.
    const shown = this.#samples.filter(({ name, labels, value }) =>
      wanted ? `${name} ${labels}`.toLowerCase().includes(wanted) : value !== 0,
    );
    this.#empty.hidden = shown.length > 0;
    this.#rows.replaceChildren(...shown.map((sample) => this.#row(sample)));
  }

  /** @param {Sample} sample */
  #row({ name, labels, value, help }) {
    const rate = this.#rates.get(name + labels);
    const row = document.createElement('tr');
    row.title = help;
    const texts = [
      name.replace(/_total$/, '').replaceAll('_', ' '),
      labels,
      formatNumber(value),
      rate ? formatNumber(Math.max(0, rate)) : '',
    ];
    for (const text of texts) row.insertCell().textContent = text;
    return row;
  }
}
