// A tenant has 1.00 and requests that cost 0.01: 100 succeed, the next is refused at gate 17, and the
// stream's source never hears of it. On both stores; and with two nodes taking turns on one store.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from '../browser/browser.mjs';
import { Node, Postgres, auditRows, eventually, onEachStore } from './fleet.mjs';

const REQUESTS = 100;
const tenants = `
tenants:
  - id: a
    KEYS
    prices: {interaction_micros: 10000, session_interactions: 1}
    budget: {monthly_micros: 1000000}
  - id: b
    KEYS
    prices: {interaction_micros: 10000, session_interactions: 1}
    budget: {monthly_micros: 1000000}
`;

async function assertSleeping(response) {
  const problem = await response.json();
  assert.equal(response.status, 402, JSON.stringify(problem));
  assert.equal(problem.title, 'Twin is sleeping');
  assert.equal(problem.gate, 17);
}

/** What the source itself has noticed of its viewers. */
async function sourceSees(page, node) {
  const { pli, fir, keyFrames } = await call(page, 'asked');
  const requested = await node.metric('nn5g_keyframe_requests_sent_total');
  const viewers = await node.metric('nn5g_sessions', 'role="viewer",state="genesis"');
  return { pli, fir, keyFrames, requested, viewers };
}

test('100 requests of 0.01 pass on 1.00, the 101st gets 402 and does not touch the source', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    await withBrowsers(1, async (studio) => {
      const page = await openPage(studio, node.base);
      const token = node.token({ tenant: 'a' });
      await call(page, 'publish', { tenant: 'a', stream: 'live', token, width: 320, height: 180 });
      for (let i = 1; i <= REQUESTS; i++) {
        const response = await node.post('whep', 'a', 'live', token);
        assert.equal(response.status, 201, `request ${i}: ${await response.text()}`);
      }
      // The source's first key frames have been asked for by then; what comes later would be ours.
      let before = await sourceSees(page, node);
      await assertSleeping(await node.post('whep', 'a', 'live', token));
      const after = await sourceSees(page, node);
      assert.deepEqual(after, before, 'the refused request reached the source');
      assert.equal(after.viewers, REQUESTS);

      const usage = await node.usage('authorize', 'a', token, {
        key: 'k',
        unit: 'interaction_unit',
        quantity: 1000,
      });
      await assertSleeping(usage);
      // Refused ones leave nothing taken, and the bill says 100 times 0.01.
      assert.ok(await eventually(5000, () => auditRows(node, "tenant = 'a'").length === REQUESTS));
      const rows = auditRows(node, "tenant = 'a'");
      assert.equal(
        rows.reduce((sum, row) => sum + row.cost_micros, 0),
        1_000_000,
      );
      assert.ok(rows.every((row) => row.unit === 'interaction_unit' && row.cost_micros === 10_000));
    });
  }));

/** Asks the nodes in the order given until one refuses; how many passed. */
async function passesInTurns(nodes, tenant, tokens, order) {
  let passed = 0;
  for (let i = 0; i < REQUESTS + 20; i++) {
    const at = order(i);
    const response = await nodes[at].post('whep', tenant, 'live', tokens[at]);
    if (response.status === 201) passed++;
    else await assertSleeping(response);
  }
  return passed;
}

test('two nodes on one PostgreSQL: 100 in total, never 101, whoever is asked', async (t) => {
  const postgres = await Postgres.start();
  const first = await Node.start({ tenants, postgres, name: 'node-1' });
  const second = await Node.start({ tenants, postgres, name: 'node-2', keysOf: first });
  const nodes = [first, second];
  try {
    for (const [tenant, what, order] of [
      ['a', 'in turns', (i) => i % 2],
      ['b', '70 at one, the rest at the other', (i) => (i < 70 ? 0 : 1)],
    ]) {
      const tokens = nodes.map((node) => node.token({ tenant }));
      for (const [i, node] of nodes.entries())
        assert.equal((await node.post('whip', tenant, 'live', tokens[i])).status, 201);
      assert.equal(await passesInTurns(nodes, tenant, tokens, order), REQUESTS, what);
      const count = () =>
        Number(postgres.sql(`SELECT count(*) FROM audit_logs WHERE tenant = '${tenant}'`));
      assert.ok(await eventually(5000, () => count() === REQUESTS), `${what}: ${count()} rows`);
    }
  } catch (error) {
    t.diagnostic(first.log());
    t.diagnostic(second.log());
    throw error;
  } finally {
    await first.stop();
    await second.stop();
    await postgres.stop();
  }
});
