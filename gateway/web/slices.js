/**
 * The slice page: who sends how much of the link. One tree, the link at its root, in it slices, in
 * these their tenants and classes; every row has the same columns, so that bars compare. Asks the
 * gateway each second, and only while the page can be seen.
 */

import { SliceRates } from './slice_rates.js';
import { CLASSES, Row, Rows, find, make, write } from './slice_rows.js';
import { formatLimit, formatName } from './slice_text.js';

const INTERVAL_MS = 1000;
const TENANTS_SHOWN = 8; // the busiest; a button shows more
const SLICES_OPEN = 4; // so few are opened at once

/** @typedef {import('./slice_rates.js').Flow} Flow */
/** @typedef {{ id: string, flow: Flow }} Class */
/** @typedef {{ id: string, maxBps: number, flow: Flow, classes: Class[] }} Tenant */
/**
 * @typedef {Tenant & { guaranteedBps: number, tenantIds: string[],
 *   measureTenants: () => Tenant[] }} Slice
 */

/** What has something to show. @param {Class[]} classes */
const busy = (classes) =>
  classes.filter(
    ({ flow }) => flow.bps > 0 || flow.queuedPackets > 0 || flow.delayNs || hasDrops(flow),
  );

/** @param {Flow} flow */
const hasDrops = ({ drops }) => Object.values(drops).some((rate) => rate > 0);

/** A row that opens onto the rows below it. */
class Branch {
  root = /** @type {HTMLDetailsElement} */ (make('details', 'branch'));
  #row;
  #classes;

  /** @param {string} kind */
  constructor(kind) {
    const summary = make('summary');
    this.below = make('div', 'below');
    this.root.append(summary, this.below);
    this.#row = new Row(summary, kind);
    const classes = make('div', 'classes');
    this.below.append(classes);
    this.#classes = new Rows(classes);
  }

  /** @param {import('./slice_rows.js').Subject} subject @param {Class[]} classes @param {number} longestNs */
  show(subject, classes, longestNs) {
    this.#row.show(subject, longestNs);
    if (!this.root.open) return;
    this.#classes.show(
      busy(classes),
      ({ id }) => id,
      ({ id }) => {
        const row = new Row(make('div'), 'class');
        row.root.dataset.class = id;
        return row;
      },
      (row, { id, flow }) =>
        row.show(
          { name: formatName(id), says: '', flow, fullBps: subject.fullBps, limits: '' },
          longestNs,
        ),
    );
  }
}

/** What a slice does with what it has. @param {Slice} slice */
function stateOf({ flow, guaranteedBps, maxBps }) {
  if (flow.bps === 0) return 'idle';
  if (maxBps > 0 && flow.bps > 0.97 * maxBps) return 'at its limit';
  if (guaranteedBps === 0) return '';
  return flow.bps <= guaranteedBps ? 'within its guarantee' : 'borrowing';
}

/** @param {Slice} slice */
function limitsOf({ guaranteedBps, maxBps }) {
  const most = maxBps > 0 && `of ${formatLimit(maxBps)}`;
  const sure = guaranteedBps > 0 && `${formatLimit(guaranteedBps)} guaranteed`;
  return [most, sure].filter(Boolean).join(',\n');
}

class SliceBranch extends Branch {
  #shown = TENANTS_SHOWN;
  #more = /** @type {HTMLButtonElement} */ (make('button', 'quiet more'));
  #tenants;

  constructor() {
    super('slice');
    const tenants = make('div', 'tenants');
    this.#more.type = 'button';
    this.#more.addEventListener('click', () => (this.#shown *= 4));
    this.below.append(tenants, this.#more);
    this.#tenants = new Rows(tenants);
  }

  /** @param {Slice} slice @param {string} wanted @param {number} fullBps @param {number} longestNs */
  showSlice(slice, wanted, fullBps, longestNs) {
    const { id, flow, guaranteedBps, classes, tenantIds } = slice;
    const count = tenantIds.length === 1 ? '1 tenant' : `${tenantIds.length} tenants`;
    const state = stateOf(slice);
    const says = [count, state].filter(Boolean).join(' · ');
    const subject = {
      name: id,
      says,
      flow,
      fullBps,
      guaranteedBps,
      limits: limitsOf(slice),
      state,
    };
    this.show(subject, classes, longestNs);
    if (this.root.open) this.#showTenants(slice.measureTenants(), wanted, fullBps, longestNs);
  }

  /** @param {Tenant[]} all @param {string} wanted @param {number} fullBps @param {number} longestNs */
  #showTenants(all, wanted, fullBps, longestNs) {
    const found = all.filter(({ id }) => id.toLowerCase().includes(wanted));
    const pool = found.length ? found : all; // the slice itself was found
    const busiest = pool.toSorted((a, b) => b.flow.bps - a.flow.bps || (a.id < b.id ? -1 : 1));
    // Who is shown changes with the rates, their order does not: rows do not jump about.
    const shown = busiest.slice(0, this.#shown).sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#tenants.show(
      shown,
      ({ id }) => id,
      () => new Branch('tenant'),
      (branch, { id, maxBps, flow, classes }) => {
        const limits = maxBps > 0 ? `of ${formatLimit(maxBps)}` : '';
        const subject = { name: id, says: '', flow, fullBps: maxBps || fullBps, limits };
        branch.show(subject, classes, longestNs);
      },
    );
    const hidden = pool.length - shown.length;
    this.#more.hidden = hidden === 0;
    write(this.#more, `and ${hidden} more`);
  }
}

class SlicePage {
  #state = find(document, '#state');
  #find = /** @type {HTMLInputElement} */ (find(document, '#find'));
  #pause = find(document, '#pause');
  #empty = find(document, '#empty');
  #leftOut = find(document, '#left-out');
  #rates = new SliceRates();
  #link;
  #slices;
  #isFirst = true;
  #lookedFor = '';
  /** Without a limit of their own, bars are full at the highest rate seen. */
  #peakBps = 1e6;
  /** @type {() => void} Shows the last reading again. */
  #refresh = () => {};

  constructor() {
    const tree = find(document, '#tree');
    const slices = make('div', 'below');
    this.#link = new Row(make('div'), 'link');
    this.#link.root.hidden = true;
    tree.append(this.#link.root, slices);
    this.#slices = new Rows(slices);
    for (const name of CLASSES) {
      const item = make('li', '', formatName(name));
      item.dataset.part = name;
      find(document, '#legend').append(item);
    }
    this.#pause.addEventListener('click', () => {
      const isPaused = this.#pause.ariaPressed !== 'true';
      this.#pause.ariaPressed = String(isPaused);
      if (isPaused) this.#tell('busy', 'paused');
    });
    // What is opened or looked for is there at once, also while paused.
    tree.addEventListener('toggle', () => this.#refresh(), true);
    tree.addEventListener('click', () => this.#refresh());
    this.#find.addEventListener('input', () => this.#refresh());
    this.#poll();
  }

  /** @param {string} state @param {string} text */
  #tell(state, text) {
    this.#state.dataset.state = state;
    write(this.#state, text);
  }

  async #poll() {
    const isSeen = document.visibilityState === 'visible' && this.#pause.ariaPressed !== 'true';
    if (isSeen) await this.#read();
    setTimeout(() => this.#poll(), INTERVAL_MS);
  }

  async #read() {
    try {
      const response = await fetch('slices', { cache: 'no-store' });
      if (!response.ok) throw new Error(`the node answers ${response.status}`);
      const reading = await response.json();
      const view = this.#rates.take(reading);
      if (this.#pause.ariaPressed === 'true') return;
      if (view) this.#refresh = () => this.#show(view, reading.delay_bounds_ns.at(-1) ?? 0);
      this.#refresh();
      const leftOut = reading.tenants_left_out ?? 0;
      this.#leftOut.hidden = leftOut === 0;
      write(this.#leftOut, `${leftOut} tenants that have sent less are left out.`);
      this.#tell('ready', `live · slices ${reading.slices.length}`);
    } catch (error) {
      const said = /** @type {Error} */ (error);
      this.#tell('away', said instanceof TypeError ? 'the node cannot be reached' : said.message);
    }
  }

  /** @param {{ linkBps: number, flow: Flow, slices: Slice[] }} view @param {number} longestNs */
  #show({ linkBps, flow, slices }, longestNs) {
    const wanted = this.#find.value.trim().toLowerCase();
    const promised = slices.reduce((sum, { guaranteedBps }) => sum + guaranteedBps, 0);
    this.#peakBps = Math.max(this.#peakBps, flow.bps);
    const fullBps = linkBps || this.#peakBps;
    const limits = linkBps > 0 ? `of ${formatLimit(linkBps)}` : '';
    const says = promised > 0 ? `${formatLimit(promised)} guaranteed to slices` : '';
    // Where the link is not known its bar shows who sends, and a mark would say nothing.
    const guaranteedBps = linkBps > 0 ? promised : 0;
    const subject = { name: 'Link', says, flow, fullBps, guaranteedBps, limits };
    this.#link.root.hidden = false;
    this.#link.show(subject, longestNs);
    const matches = (/** @type {string} */ id) => id.toLowerCase().includes(wanted);
    const found = slices.filter(({ id, tenantIds }) => matches(id) || tenantIds.some(matches));
    const opens = this.#isFirst && slices.length <= SLICES_OPEN;
    this.#isFirst = false;
    const isNewSearch = wanted !== this.#lookedFor;
    this.#lookedFor = wanted;
    this.#slices.show(
      found,
      ({ id }) => id,
      () => {
        const branch = new SliceBranch();
        branch.root.open = opens;
        return branch;
      },
      (branch, slice) => {
        if (isNewSearch && !matches(slice.id)) branch.root.open = true; // it is about a tenant
        branch.showSlice(slice, wanted, slice.maxBps || fullBps, longestNs);
      },
    );
    this.#empty.hidden = found.length > 0;
    write(this.#empty, slices.length ? 'No slice and no tenant of that name.' : 'No slices.');
  }
}

new SlicePage();
