// The main job: one Chromium publishes camera and microphone, three others play them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { eventually, sampleEverySecond, videoBps } from './sampling.mjs';

const SECONDS = 20;
const VIEWERS = 3;
const BITRATE_MIN_BPS = 1_000_000;
const FIRST_FRAME_MAX_MS = 1000;
const FREEZES_MAX = 2; // a busy machine may stop a decoder

function assertRising(samples, name, who) {
  for (let i = 1; i < samples.length; i++) {
    assert.ok(
      samples[i][name] > samples[i - 1][name],
      `${who}: ${name} stood still in second ${i}: ${samples.map((sample) => sample[name])}`,
    );
  }
}

function checkViewer(t, samples, firstFrameMs, index) {
  const who = `viewer ${index + 1}`;
  const last = samples.at(-1);
  const freezes = last.freezes - samples[0].freezes; // not those of other browsers' starts
  const bps = videoBps(samples.at(-6), last);
  t.diagnostic(
    `${who}: first frame ${firstFrameMs.toFixed(0)} ms, ${last.framesDecoded} frames, ` +
      `${(bps / 1e6).toFixed(2)} Mbps, lost=${last.lost} freezes=${freezes}`,
  );
  assertRising(samples, 'framesDecoded', who);
  assertRising(samples, 'audioEnergy', who);
  assert.ok(bps > BITRATE_MIN_BPS, `${who}: video at ${bps} bit/s`);
  assert.ok(firstFrameMs < FIRST_FRAME_MAX_MS, `${who}: first frame after ${firstFrameMs} ms`);
  assert.equal(last.lost, 0, `${who}: packets lost`);
  assert.ok(freezes <= FREEZES_MAX, `${who}: froze ${freezes} times`);
}

test('one publishes, three play, and a restarted publisher keeps its viewers', async (t) => {
  const gateway = await Gateway.start();
  const token = gateway.token();
  const stream = { stream: 'live', token };
  await withBrowsers(1 + VIEWERS, async (studio, ...others) => {
    const publisher = await openPage(studio, gateway.base);
    const viewers = await Promise.all(others.map((browser) => openPage(browser, gateway.base)));
    const ids = [];

    await t.test('each viewer sees the first frame at once and decodes for 20 s', async (t) => {
      await call(publisher, 'publish', stream);
      for (const viewer of viewers) ids.push(await call(viewer, 'play', stream));
      const samples = await sampleEverySecond(viewers, SECONDS);
      for (const [index, viewer] of viewers.entries()) {
        checkViewer(t, samples[index], await call(viewer, 'firstFrameMs'), index);
      }
    });

    await t.test('viewers continue with a publisher that stopped and came back', async () => {
      await call(publisher, 'stop');
      const before = await Promise.all(viewers.map((viewer) => call(viewer, 'sample')));
      await call(publisher, 'publish', stream);
      for (const [index, viewer] of viewers.entries()) {
        const more = await eventually(
          10_000,
          async () =>
            (await call(viewer, 'sample')).framesDecoded > before[index].framesDecoded + 40,
        );
        assert.ok(more, `viewer ${index + 1} decodes nothing of the new publisher`);
        assert.equal(
          await call(viewer, 'id'),
          ids[index],
          `viewer ${index + 1} has another session`,
        );
        const posts = (await call(viewer, 'requests')).filter(({ method }) => method === 'POST');
        assert.equal(posts.length, 1, `viewer ${index + 1} asked for a new session`);
      }
    });
  }).finally(() => gateway.stop());
});
