// A publisher with a limit: its browser is told, and sends less instead of losing what it sends.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { eventually, sampleEverySecond, videoBps } from './sampling.mjs';

const LIMIT_BPS = 500_000;
const LIMITED = [`bandwidth: { ingress_bps: ${LIMIT_BPS} }`];
const FREE_BPS = 1_200_000; // what the film fills in a while, if nobody minds
const RAMP_MS = 30_000;
const ADAPT_MS = 8_000;
const STEADY_S = 10;
const STEADY_DROPS_MAX = 0.01; // of the packets

const kilo = (bps) => Math.round(bps / 1000);

/** What the gateway told the page, of one type. */
async function heard(page, type) {
  return (await call(page, 'messages')).filter((message) => message.type === type);
}

/** The publisher's rate in the last second, as the gateway counts it. */
async function sentBps(page) {
  return (await heard(page, 'session.stats')).at(-1)?.bitrate_bps ?? 0;
}

async function policed(gateway) {
  const drops = ['policed_session', 'policed_tenant'].map((reason) =>
    gateway.metric('nn5g_dropped_packets_total', `reason="${reason}"`),
  );
  return (await Promise.all(drops)).reduce((sum, n) => sum + n);
}

/** Samples of a viewer while what its publisher sends is within the limit. */
async function watchSteady(t, gateway, publisher, viewer) {
  const before = [await policed(gateway), await gateway.metric('nn5g_rtp_received_total')];
  const heardBefore = (await heard(publisher, 'session.stats')).length;
  const [samples] = await sampleEverySecond([viewer], STEADY_S);
  const drops = (await policed(gateway)) - before[0];
  const packets = (await gateway.metric('nn5g_rtp_received_total')) - before[1];
  const rates = (await heard(publisher, 'session.stats'))
    .slice(heardBefore)
    .map(({ bitrate_bps: bps }) => bps);
  const shownBps = videoBps(samples[0], samples.at(-1));
  t.diagnostic(
    `steady: dropped ${drops} of ${packets}, publisher ${rates.map(kilo)} kbit/s, viewer ` +
      `${kilo(shownBps)} kbit/s, freezes ${samples.at(-1).freezes - samples[0].freezes}`,
  );
  assert.ok(packets > 10 * STEADY_S, `only ${packets} packets came`);
  assert.ok(drops <= STEADY_DROPS_MAX * packets, `${drops} of ${packets} packets were dropped`);
  for (let i = 1; i < samples.length; i++) {
    assert.ok(samples[i].framesDecoded > samples[i - 1].framesDecoded, `no frame in second ${i}`);
  }
  const mean = rates.reduce((sum, bps) => sum + bps, 0) / rates.length;
  assert.ok(mean < LIMIT_BPS, `${mean} bit/s go on, ${LIMIT_BPS} are allowed`);
  assert.ok(mean > LIMIT_BPS / 4, `${mean} bit/s are left of ${LIMIT_BPS}`);
}

test('a limit that comes while it publishes makes the browser send less', async (t) => {
  const gateway = await Gateway.start();
  const stream = { stream: 'live', token: gateway.token() };
  await withBrowsers(2, async (studio, home) => {
    const publisher = await openPage(studio, gateway.base);
    const viewer = await openPage(home, gateway.base);
    await call(publisher, 'publish', stream);
    await call(viewer, 'play', stream);
    const free = await eventually(RAMP_MS, async () => (await sentBps(publisher)) > FREE_BPS);
    assert.ok(free, `without a limit it sends ${await sentBps(publisher)} bit/s`);
    assert.equal(await policed(gateway), 0, 'dropped without a limit');
    assert.equal(await gateway.metric('nn5g_remb_sent_total'), 0);
    assert.match(await call(publisher, 'remoteSdp'), /a=rtcp-fb:\d+ goog-remb/);

    const limitedMs = Date.now();
    gateway.change({ policy: LIMITED });
    const told = await eventually(5_000, async () => (await heard(publisher, 'limit.rate'))[0]);
    assert.ok(told, 'the page was not told');
    assert.deepEqual(
      { scope: told.scope, committed: told.committed_bps, peak: told.peak_bps, state: told.state },
      { scope: 'tenant', committed: LIMIT_BPS, peak: 2 * LIMIT_BPS, state: 'over' },
    );
    const adapted = await eventually(
      ADAPT_MS,
      async () => (await sentBps(publisher)) < LIMIT_BPS && Date.now() - limitedMs,
    );
    assert.ok(adapted, `after ${ADAPT_MS} ms it sends ${await sentBps(publisher)} bit/s`);
    t.diagnostic(
      `below the limit ${adapted} ms after it was written, dropped ${await policed(gateway)}`,
    );
    await watchSteady(t, gateway, publisher, viewer);
    const last = (await heard(publisher, 'limit.rate')).at(-1);
    assert.equal(last.state, 'ok', JSON.stringify(last));

    gateway.change({});
    const rises = await eventually(
      RAMP_MS,
      async () => (await sentBps(publisher)) > FREE_BPS && Date.now() - limitedMs,
    );
    assert.ok(rises, `without the limit it sends ${await sentBps(publisher)} bit/s`);
  }).finally(() => gateway.stop());
});

test('a limit that was there before is kept from the start', async (t) => {
  const gateway = await Gateway.start('127.0.0.1', { policy: LIMITED });
  const stream = { stream: 'live', token: gateway.token() };
  await withBrowsers(2, async (studio, home) => {
    const publisher = await openPage(studio, gateway.base);
    const viewer = await openPage(home, gateway.base);
    await call(publisher, 'publish', stream);
    await call(viewer, 'play', stream);
    await sampleEverySecond([viewer], 5);
    t.diagnostic(`dropped in the first seconds: ${await policed(gateway)}`);
    await watchSteady(t, gateway, publisher, viewer);
  }).finally(() => gateway.stop());
});
