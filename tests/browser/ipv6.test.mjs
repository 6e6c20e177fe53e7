// A gateway that has only an IPv6 address.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { sampleEverySecond } from './sampling.mjs';

const SECONDS = 5;

test('media flows over IPv6 alone', async (t) => {
  const gateway = await Gateway.start('::1');
  const stream = { stream: 'live', token: gateway.token() };
  await withBrowsers(2, async (studio, home) => {
    const publisher = await openPage(studio, gateway.base);
    const viewer = await openPage(home, gateway.base);
    await call(publisher, 'publish', stream);
    await call(viewer, 'play', stream);
    for (const page of [publisher, viewer]) {
      const lines = (await call(page, 'remoteSdp')).match(/^a=candidate:.*$/gm) ?? [];
      const addresses = lines.map((line) => line.split(' ')[4]);
      assert.ok(addresses.length > 0, 'the answer has no candidate');
      assert.deepEqual([...new Set(addresses)], ['::1']);
      assert.equal((await call(page, 'digest')).remoteAddress, `[::1]:${gateway.mediaPort}`);
    }
    const [samples] = await sampleEverySecond([viewer], SECONDS);
    const frames = samples.at(-1).framesDecoded - samples[0].framesDecoded;
    t.diagnostic(`${(frames / SECONDS).toFixed(1)} frames/s, lost=${samples.at(-1).lost}`);
    assert.ok(frames > 5 * SECONDS, `only ${frames} frames in ${SECONDS} s`);
    assert.equal(samples.at(-1).lost, 0, 'packets lost');
  }).finally(() => gateway.stop());
});
