// The control plane is away, and nothing is in hand: `deny` refuses with 503, `continue_bounded`
// spends as much as its bound and not a micro more; what was spent is in the ledger afterwards, once.
// What was lent before goes on to its end in either case.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditRows, eventually, onEachStore } from './fleet.mjs';

const BOUND_MICROS = 30_000;
const PRICE_MICROS = 1000;
const tenants = `
tenants:
  - id: denying
    KEYS
    prices: {token_micros: ${PRICE_MICROS}, interaction_micros: 10000, session_interactions: 1}
    budget: {monthly_micros: 1000000, outage: deny}
  - id: bounded
    KEYS
    prices: {token_micros: ${PRICE_MICROS}}
    budget: {monthly_micros: 1000000, outage: continue_bounded, outage_micros: ${BOUND_MICROS}}
`;

/** Takes the control plane away, and gives it back: its process hangs, or its store is gone. */
function outage(node, postgres) {
  if (postgres) return { begin: () => postgres.kill(), end: () => postgres.start() };
  const pid = node.controlPid();
  return { begin: () => process.kill(pid, 'SIGSTOP'), end: () => process.kill(pid, 'SIGCONT') };
}

test('deny refuses, continue_bounded goes on up to its bound', (t) =>
  onEachStore(t, { tenants }, async (t, node, postgres) => {
    const tokens = Object.fromEntries(
      ['denying', 'bounded'].map((tenant) => [tenant, node.token({ tenant })]),
    );
    const commit = (tenant, key, quantity = 1000) =>
      node.usage('commit', tenant, tokens[tenant], { key, unit: 'token_unit', quantity });
    assert.equal((await node.post('whip', 'denying', 'live', tokens.denying)).status, 201);

    const { begin, end } = outage(node, postgres);
    begin();
    let passed = 0;
    let ended = false;
    try {
      const started = Date.now();
      const denied = await commit('denying', 'first');
      t.diagnostic(`denied=${denied.status} after ${Date.now() - started} ms`);
      assert.equal(denied.status, 503);
      assert.ok(Number(denied.headers.get('retry-after')) >= 1);
      const played = await node.post('whep', 'denying', 'live', tokens.denying);
      assert.deepEqual([played.status, (await played.json()).gate], [503, 17]);

      // More than the bound at once is nothing that could be begun.
      assert.equal((await commit('bounded', 'big', BOUND_MICROS + 1000)).status, 503);
      for (; passed < 100; passed++) {
        const { status } = await commit('bounded', `k${passed}`);
        if (status !== 200) {
          assert.equal(status, 503);
          break;
        }
      }
      assert.equal(passed, BOUND_MICROS / PRICE_MICROS, 'the bound is not what was spent');
      // The same key again costs nothing, also now.
      assert.equal((await commit('bounded', 'k0')).status, 200);
    } finally {
      await end();
      ended = true;
    }
    assert.ok(ended);
    for (const tenant of ['denying', 'bounded']) {
      const isBack = async () => (await commit(tenant, 'back')).status === 200;
      assert.ok(await eventually(10_000, isBack, 100), `${tenant}: it does not come back`);
      const want = tenant === 'bounded' ? passed + 1 : 1;
      const isWhole = () => auditRows(node, `tenant = '${tenant}'`).length === want;
      assert.ok(await eventually(10_000, isWhole, 100), `${tenant}: not ${want} rows`);
    }
    const credit = async () =>
      (await node.ctlJson('budget', 'bounded')).accounts.find(
        ({ account }) => account === 'credit',
      );
    assert.equal((await credit()).used_month, (passed + 1) * PRICE_MICROS);
  }));
