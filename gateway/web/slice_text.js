/** Figures of the slice page as people read them. */

/** @param {number} value @returns {string} Three digits. */
const threeDigits = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

/** @param {number} bps */
export function formatBps(bps) {
  if (bps >= 1e9) return `${threeDigits(bps / 1e9)} Gbit/s`;
  if (bps >= 1e6) return `${threeDigits(bps / 1e6)} Mbit/s`;
  return bps > 0 ? `${threeDigits(bps / 1e3)} kbit/s` : '0 bit/s';
}

/** A configured rate: no zeros that say nothing. @param {number} bps */
export function formatLimit(bps) {
  for (const [unit, size] of /** @type {[string, number][]} */ ([
    ['Gbit/s', 1e9],
    ['Mbit/s', 1e6],
    ['kbit/s', 1e3],
  ])) {
    if (bps >= size) return `${Number((bps / size).toFixed(3))} ${unit}`;
  }
  return `${bps} bit/s`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  if (bytes >= 1e6) return `${threeDigits(bytes / 1e6)} MB`;
  return bytes >= 1000 ? `${threeDigits(bytes / 1e3)} kB` : `${bytes} B`;
}

/** @param {number} perSecond */
export const formatPace = (perSecond) =>
  `${perSecond < 10 && !Number.isInteger(perSecond) ? perSecond.toFixed(1) : Math.round(perSecond)}/s`;

/** @param {number} ns */
const milliseconds = (ns) => String(Number((ns / 1e6).toPrecision(2)));

/** @param {{ p50: number, p99: number }} delay @param {number} longest The last bound there is. */
export function formatDelay({ p50, p99 }, longest) {
  const [half, most] = [p50, p99].map((ns) =>
    ns === Infinity ? `> ${milliseconds(longest)}` : milliseconds(ns),
  );
  return `${half} / ${most} ms`;
}

/** @param {string} name As in "interactive_video". */
export const formatName = (name) => name.replaceAll('_', ' ');
