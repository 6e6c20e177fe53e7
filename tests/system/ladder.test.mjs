// The ladder in Chromium: video runs out and the voice goes on unbroken; voice runs out and the
// session stays; a top-up brings both back in the same session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from '../browser/browser.mjs';
import { auditRows, eventually, onEachStore, pause } from './fleet.mjs';

const EVENT_MAX_MS = 100;
const FRAME_MS = 67; // at 15 frames a second
const AUDIO_GAP_MAX_MS = 40;
const tenants = `
tenants:
  - id: a
    KEYS
    prices: {video_micros: 20000, voice_micros: 5000}
    budget: {video_minutes: 0, voice_minutes: 0}
`;

const limitEvents = async (page, type) =>
  (await call(page, 'messages')).filter((message) => message.type === type);

async function waitFor(page, type, kind, ms) {
  const found = async () => (await limitEvents(page, type)).find((event) => event.kind === kind);
  const event = await eventually(ms, found);
  assert.ok(
    event,
    `no ${type} of ${kind} in ${ms} ms: ${JSON.stringify(await call(page, 'messages'))}`,
  );
  return event;
}

async function assertStands(page, name) {
  const before = (await call(page, 'sample'))[name];
  await pause(1500);
  assert.equal((await call(page, 'sample'))[name], before, `${name} goes on`);
}

async function assertMoves(page, name, ms) {
  const before = (await call(page, 'sample'))[name];
  const moves = async () => (await call(page, 'sample'))[name] > before;
  assert.ok(await eventually(ms, moves), `${name} stands still`);
}

test('video, then voice, then text; a top-up brings both back', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    await node.ctl('top-up', 'a', 'video', '6s');
    await node.ctl('top-up', 'a', 'voice', '6s');
    await withBrowsers(2, async (studio, living) => {
      const stream = { tenant: 'a', stream: 'live', token: node.token({ tenant: 'a' }) };
      const publisher = await openPage(studio, node.base);
      const viewer = await openPage(living, node.base);
      await call(viewer, 'watchMedia');
      await call(publisher, 'publish', { ...stream, width: 320, height: 180, frameRate: 15 });
      const session = await call(viewer, 'play', stream);

      const fell = await waitFor(viewer, 'limit.downgraded', 'video', 15_000);
      await pause(1000);
      const { lastVideoMs, audio } = await call(viewer, 'media');
      const told = fell.heardMs - lastVideoMs;
      t.diagnostic(`the event came ${told.toFixed(0)} ms after the last frame`);
      assert.ok(told <= EVENT_MAX_MS + FRAME_MS, `told ${told} ms after the last frame`);
      t.diagnostic(
        `audio: ${audio.frames} frames, gap=${audio.gapMaxMs} ms, arrival gap=${audio.arrivalGapMaxMs.toFixed(0)} ms`,
      );
      assert.ok(audio.gapMaxMs <= AUDIO_GAP_MAX_MS, `a gap of ${audio.gapMaxMs} ms in the voice`);
      await assertStands(viewer, 'framesDecoded');
      await assertMoves(viewer, 'audioEnergy', 2000);

      await waitFor(viewer, 'limit.downgraded', 'voice', 15_000);
      await pause(500);
      await assertStands(viewer, 'audioBytes');
      assert.equal(await call(viewer, 'state'), 'connected');
      // The publisher has no one left to publish to.
      await waitFor(publisher, 'limit.downgraded', 'video', 1000);

      await node.ctl('top-up', 'a', 'voice', '1');
      await node.ctl('top-up', 'a', 'video', '1');
      await waitFor(viewer, 'limit.upgraded', 'video', 2000);
      await waitFor(viewer, 'limit.upgraded', 'voice', 2000);
      await assertMoves(viewer, 'framesDecoded', 3000);
      await assertMoves(viewer, 'audioBytes', 3000);
      assert.equal(await call(viewer, 'id'), session);
      const posts = (await call(viewer, 'requests')).filter(({ method }) => method === 'POST');
      assert.equal(posts.length, 1, 'the viewer asked for a new session');
      await call(viewer, 'stop');
    });
    const isBilled = () => auditRows(node, "tenant = 'a'").some(({ kind }) => kind === 'voice');
    assert.ok(await eventually(5000, isBilled));
    const rows = auditRows(node, "tenant = 'a'");
    const video = rows.filter(({ kind }) => kind === 'video');
    const voice = rows.filter(({ kind }) => kind === 'voice');
    assert.deepEqual([video.length, voice.length], [1, 1], JSON.stringify(rows));
    assert.ok(video[0].quantity_ms > 6000 && voice[0].quantity_ms >= 6000, JSON.stringify(rows));
  }));
