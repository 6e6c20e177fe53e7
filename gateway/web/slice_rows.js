/**
 * Rows of the slice page: all have the same cells (the page's template `cells`), and are made once
 * and then only refreshed, so that what is open stays open and the keyboard's focus stays where it
 * was.
 */

import { formatBps, formatBytes, formatDelay, formatName, formatPace } from './slice_text.js';

export const CLASSES = [
  'control',
  'voice',
  'interactive_data',
  'interactive_video',
  'video',
  'retransmission',
  'bulk',
];
const COLORS = ['green', 'yellow', 'red'];

/** @typedef {import('./slice_rates.js').Flow} Flow */

/**
 * @template {HTMLElement} T
 * @param {ParentNode} root @param {string} selector
 * @returns {T}
 */
export function find(root, selector) {
  const element = root.querySelector(selector);
  if (!element) throw new Error(`no ${selector} in the page`);
  return /** @type {T} */ (element);
}

/** @param {string} tag @param {string} [className] @param {string} [text] */
export function make(tag, className = '', text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** @param {HTMLElement} element @param {string} text Touches the page only when it changes. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Coloured parts beside each other, as wide as their share. */
class Stack {
  /** @type {Map<string, HTMLElement>} */
  #parts = new Map();

  /** @param {HTMLElement} root @param {string[]} names */
  constructor(root, names) {
    for (const name of names) {
      const part = make('i');
      part.dataset.part = name;
      this.#parts.set(name, part);
      root.append(part);
    }
  }

  /** @param {{ [name: string]: number }} values @param {number} whole */
  show(values, whole) {
    for (const [name, part] of this.#parts) {
      const share = whole > 0 ? (100 * (values[name] ?? 0)) / whole : 0;
      part.style.width = `${Math.min(100, share).toFixed(2)}%`;
    }
  }
}

/**
 * What a row of the tree is about.
 * @typedef {object} Subject
 * @property {string} name
 * @property {string} says A word beside the name.
 * @property {Flow} flow
 * @property {number} fullBps Where its bar is full.
 * @property {number} [guaranteedBps]
 * @property {string} limits What its rate is held against.
 * @property {string} [state] As "borrowing".
 */

/** The cells of one row: name, bar, figures. */
export class Row {
  #cell;
  #stack;
  /** @type {Stack | null} Made when a colour is first seen. */
  #colors = null;

  /** @param {HTMLElement} root Gets the cells. @param {string} kind */
  constructor(root, kind) {
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById('cells'));
    root.classList.add('row');
    root.dataset.kind = kind;
    root.append(template.content.cloneNode(true));
    const cell = (/** @type {string} */ name) => find(root, `.${name}`);
    this.root = root;
    this.#cell = {
      name: find(root, '.name strong'),
      says: find(root, '.name small'),
      bar: cell('bar'),
      mark: cell('mark'),
      rate: find(root, '.rate strong'),
      limits: find(root, '.rate small'),
      queue: cell('queue'),
      delay: cell('delay'),
      drops: cell('drops'),
      policer: cell('policer'),
    };
    this.#stack = new Stack(cell('fill'), CLASSES);
  }

  /** @param {Subject} subject @param {number} longestNs */
  show(subject, longestNs) {
    const { flow } = subject;
    const cell = this.#cell;
    this.root.dataset.state = subject.state ?? '';
    write(cell.name, subject.name);
    write(cell.says, subject.says);
    this.#showBar(subject);
    write(cell.rate, formatBps(flow.bps));
    write(cell.limits, subject.limits);
    const queue = `${flow.queuedPackets} · ${formatBytes(flow.queuedBytes)}`;
    write(cell.queue, flow.queuedPackets ? queue : 'empty');
    cell.queue.classList.toggle('none', !flow.queuedPackets);
    write(cell.delay, flow.delayNs ? formatDelay(flow.delayNs, longestNs) : '');
    this.#showDrops(flow);
    this.#showColors(flow);
  }

  /** @param {Subject} subject */
  #showBar({ name, flow, fullBps, guaranteedBps = 0, limits }) {
    const { bar, mark } = this.#cell;
    this.#stack.show(flow.bpsOf, fullBps);
    mark.hidden = !(guaranteedBps > 0 && fullBps > 0);
    mark.style.left = `${Math.min(100, (100 * guaranteedBps) / fullBps || 0).toFixed(2)}%`;
    bar.ariaLabel = `${name}, rate`;
    bar.ariaValueNow = String(Math.round(flow.bps));
    bar.ariaValueMax = String(Math.round(Math.max(fullBps, flow.bps)));
    bar.ariaValueText = `${formatBps(flow.bps)} ${limits}`.trim();
    bar.title = CLASSES.filter((name) => flow.bpsOf[name] > 0)
      .map((name) => `${formatName(name)} ${formatBps(flow.bpsOf[name])}`)
      .join('\n');
  }

  /** @param {Flow} flow */
  #showDrops({ drops }) {
    const reasons = Object.entries(drops).filter(([, rate]) => rate > 0);
    const text = reasons.map(([reason, rate]) => `${formatName(reason)} ${formatPace(rate)}`);
    write(this.#cell.drops, text.join(', ') || 'none');
    this.#cell.drops.classList.toggle('none', !reasons.length);
  }

  /** @param {Flow} flow */
  #showColors({ colors }) {
    const { policer } = this.#cell;
    const all = COLORS.reduce((sum, color) => sum + (colors[color] ?? 0), 0);
    policer.hidden = all === 0;
    if (all === 0) return;
    if (!this.#colors) {
      const bar = make('span', 'colors');
      this.#colors = new Stack(bar, COLORS);
      policer.replaceChildren(bar, make('small'));
    }
    this.#colors.show(colors, all);
    const shares = COLORS.map((color) => Math.round((100 * (colors[color] ?? 0)) / all));
    write(find(policer, 'small'), `${shares.join(' / ')} %`);
    policer.title = COLORS.map((color) => `${color} ${formatPace(colors[color] ?? 0)}`).join(', ');
  }
}

/** Rows of one parent by name: made when first seen, removed when gone, in the order given. */
export class Rows {
  /** @type {Map<string, any>} */
  #rows = new Map();
  #root;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /**
   * @template T
   * @param {T[]} items @param {(item: T) => string} nameOf
   * @param {(item: T) => { root: HTMLElement }} create
   * @param {(row: any, item: T) => void} show
   */
  show(items, nameOf, create, show) {
    const names = new Set(items.map(nameOf));
    for (const [name, row] of this.#rows) {
      if (names.has(name)) continue;
      row.root.remove();
      this.#rows.delete(name);
    }
    let at = this.#root.firstElementChild;
    for (const item of items) {
      const name = nameOf(item);
      const row = this.#rows.get(name) ?? create(item);
      this.#rows.set(name, row);
      show(row, item);
      if (row.root === at) at = at?.nextElementSibling ?? null;
      else this.#root.insertBefore(row.root, at);
    }
  }
}
