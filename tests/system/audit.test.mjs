// Exactly 60 s of video through real Chromium are exactly one row of audit_logs, with the right cost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from '../browser/browser.mjs';
import { auditRows, eventually, onEachStore } from './fleet.mjs';

const PRICE_MICROS = 20_000;
const tenants = `
tenants:
  - id: a
    KEYS
    prices: {video_micros: ${PRICE_MICROS}, voice_micros: 5000}
    budget: {video_minutes: 1}
    ladder: {video_out: deny}
    split: imvu
`;

test('60 s of video are one row with its cost, provider and split', { concurrency: true }, (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    await withBrowsers(2, async (studio, living) => {
      const stream = { tenant: 'a', stream: 'live', token: node.token({ tenant: 'a' }) };
      const publisher = await openPage(studio, node.base);
      const viewer = await openPage(living, node.base);
      await call(publisher, 'publish', { ...stream, width: 320, height: 180, frameRate: 15 });
      const session = await call(viewer, 'play', stream);
      const started = Date.now();
      const hasEnded = async () => (await call(viewer, 'state')) === 'ended';
      assert.ok(await eventually(75_000, hasEnded, 50), 'the minute never ends');
      const seconds = (Date.now() - started) / 1000;
      assert.deepEqual(await call(viewer, 'endings'), ['COST_LIMIT']);
      assert.ok(await eventually(5000, () => auditRows(node, "tenant = 'a'").length > 0));
      const rows = auditRows(node, "tenant = 'a'");
      t.diagnostic(
        `ended after ${seconds.toFixed(1)} s, rows=${rows.length} cost=${rows[0].cost_micros}`,
      );
      assert.equal(rows.length, 1, JSON.stringify(rows));
      const [row] = rows;
      assert.deepEqual(
        [row.unit, row.kind, row.quantity_ms, row.price_micros, row.cost_micros],
        ['minute_unit', 'video', 60_000, PRICE_MICROS, PRICE_MICROS],
      );
      assert.deepEqual([row.creator_micros, row.platform_micros], [11_000, 9_000]);
      assert.deepEqual([row.provider_id, row.session], ['whip:live', session]);
      assert.ok(seconds > 58 && seconds < 65, `60 s of stream took ${seconds} s`);
    });
  }),
);
