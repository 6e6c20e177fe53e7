// Each video codec from one Chromium to another.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { sampleEverySecond } from './sampling.mjs';

const SECONDS = 5;
const FRAME_RATE = 15; // AV1 by software, next to its decoder, on two cores
const FRAMES_MIN = (SECONDS * FRAME_RATE) / 2;

test('every codec is published and played', async (t) => {
  const gateway = await Gateway.start();
  const token = gateway.token();
  await withBrowsers(2, async (studio, home) => {
    for (const codec of ['VP8', 'VP9', 'H264', 'AV1']) {
      await t.test(codec, async (t) => {
        const stream = { stream: codec, token };
        const publisher = await openPage(studio, gateway.base);
        const viewer = await openPage(home, gateway.base);
        await call(publisher, 'publish', { ...stream, codec, frameRate: FRAME_RATE });
        await call(viewer, 'play', stream);
        const [samples] = await sampleEverySecond([viewer], SECONDS);
        const last = samples.at(-1);
        const frames = last.framesDecoded - samples[0].framesDecoded;
        t.diagnostic(`${last.codec}: ${(frames / SECONDS).toFixed(1)} frames/s, lost=${last.lost}`);
        assert.equal(last.codec, `video/${codec}`);
        assert.ok(frames >= FRAMES_MIN, `only ${frames} frames in ${SECONDS} s`);
        assert.ok(last.audioEnergy > samples[0].audioEnergy, 'no sound');
        assert.equal(last.lost, 0, 'packets lost');
        await call(publisher, 'stop');
        await call(viewer, 'stop');
        await Promise.all([publisher.close(), viewer.close()]);
      });
    }
  }).finally(() => gateway.stop());
});
