// What viewers' decoders do over time.

import { call } from './browser.mjs';

/** Once per second for `seconds`, all pages at the same instants: rows of samples, one per page. */
export async function sampleEverySecond(pages, seconds) {
  const rows = [];
  const begin = Date.now();
  for (let second = 0; second <= seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, begin + 1000 * second - Date.now()));
    rows.push(await Promise.all(pages.map((page) => call(page, 'sample'))));
  }
  return pages.map((_, index) => rows.map((row) => row[index]));
}

/** Video bits per second between two samples. */
export function videoBps(from, to) {
  return (8000 * (to.videoBytes - from.videoBytes)) / (to.timeMs - from.timeMs);
}

/** What `check` returns as soon as that is something; null after `ms`. */
export async function eventually(ms, check, everyMs = 100) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > deadline) return null;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
