// Browsers for the tests: Debian's Chromium with a fake camera and microphone, on a bare page of
// the gateway that only loads the SDK (test_page.js).

import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { film } from './camera.mjs';

export const EXECUTABLE = process.env.NN5G_CHROMIUM ?? '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];
const SCRIPT = readFileSync(new URL('test_page.js', import.meta.url), 'utf8');

/** @param {{ launcher?: string }} options `launcher`: a program that starts Chromium elsewhere. */
export function launch({ launcher = EXECUTABLE } = {}) {
  const args = [...ARGUMENTS, `--use-file-for-fake-video-capture=${film()}`];
  return chromium.launch({ executablePath: launcher, args });
}

/**
 * A page where `testPage` (test_page.js) is there. It must be one that the gateway itself serves:
 * Chromium lets a page that a test made up speak to no loopback WebSocket.
 */
export async function openPage(browser, base) {
  const page = await browser.newPage({
    viewport: { width: 480, height: 270 },
    ignoreHTTPSErrors: true, // a gateway that is not on loopback has a certificate of the test's
  });
  await page.goto(`${base}/healthz`);
  await page.setContent('<!doctype html><video playsinline width="320" height="180"></video>');
  await page.addScriptTag({ type: 'module', content: SCRIPT });
  await page.waitForFunction(() => globalThis.testPage);
  return page;
}

/** Calls one of test_page.js's functions in the page. */
export function call(page, name, ...parameters) {
  return page.evaluate(
    ([name, parameters]) => globalThis.testPage[name](...parameters),
    [name, parameters],
  );
}

/** Runs `use` with its own browsers and closes them whatever happens. `options` are launch's. */
export async function withBrowsers(count, use, options = {}) {
  const browsers = [];
  try {
    for (let i = 0; i < count; i++) browsers.push(await launch(options));
    return await use(...browsers);
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()));
  }
}
