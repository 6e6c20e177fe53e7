// Debits of backends over HTTP: authorize, commit, cancel, their
// idempotency keys, what conflicts, what is refused for want of credit, and the tenant's rate.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Node, Postgres, auditRows, eventually, onEachStore } from './fleet.mjs';

const tenants = `
tenants:
  - id: a
    KEYS
    prices: {token_micros: 2000, interaction_micros: 10000}
    budget: {monthly_micros: 100000}
    split: mini_platform
  - id: b
    KEYS
    prices: {token_micros: 1000}
    rate: {requests: 5, period_ms: 60000, burst: 4, queue: 0}
`;

const TOKENS = { unit: 'token_unit', quantity: 10_000 }; // 20,000 micros

/** Status and body of one request. */
async function ask(node, verb, tenant, token, body) {
  const response = await node.usage(verb, tenant, token, body);
  return { status: response.status, headers: response.headers, ...(await response.json()) };
}

const left = async (node) =>
  (await node.ctlJson('budget', 'a')).accounts.find(({ account }) => account === 'credit');

test('authorize, commit and cancel', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const token = node.token({ tenant: 'a', scope: 'usage' });
    const a = (verb, body) => ask(node, verb, 'a', token, body);

    // Less than authorized is committed; the rest is free again; once more changes nothing.
    const held = await a('authorize', { key: 'chat', ...TOKENS, provider_id: 'llm:small' });
    assert.deepEqual([held.status, held.state, held.cost_micros], [200, 'authorized', 20_000]);
    assert.equal((await a('authorize', { key: 'chat', ...TOKENS })).state, 'authorized');
    const first = await a('commit', { key: 'chat', quantity: 4000 });
    assert.deepEqual([first.status, first.state, first.cost_micros], [200, 'committed', 8000]);
    const again = await a('commit', { key: 'chat', quantity: 4000 });
    assert.deepEqual([again.status, again.id, again.cost_micros], [200, first.id, 8000]);

    // The key stands for what it stood for.
    for (const [verb, body] of [
      ['commit', { key: 'chat', quantity: 4001 }],
      ['authorize', { key: 'chat', unit: 'interaction_unit', quantity: 1000 }],
      ['cancel', { key: 'chat' }],
    ]) {
      const refused = await a(verb, body);
      assert.equal(refused.status, 409, `${verb} ${JSON.stringify(body)}: ${refused.status}`);
      assert.ok(refused.detail);
    }

    // What is cancelled costs nothing and cannot be committed.
    await a('authorize', { key: 'gone', ...TOKENS });
    assert.equal((await a('cancel', { key: 'gone' })).state, 'cancelled');
    for (const verb of ['commit', 'cancel'])
      assert.equal((await a(verb, { key: 'gone' })).status, 404, `${verb} after cancel`);

    // 92,000 are left: nine turns, and the tenth is refused whole.
    for (let i = 0; i < 9; i++) {
      const turn = { key: `turn-${i}`, unit: 'interaction_unit', quantity: 1000 };
      assert.equal((await a('commit', turn)).status, 200, `turn ${i}`);
    }
    const refused = await a('commit', { key: 'x', unit: 'interaction_unit', quantity: 1000 });
    assert.deepEqual([refused.status, refused.title, refused.gate], [402, 'Twin is sleeping', 17]);
    assert.equal((await a('commit', { key: 'y', unit: 'token_unit', quantity: 1000 })).status, 200);

    const isWhole = () => auditRows(node, "tenant = 'a'").length === 11;
    assert.ok(await eventually(5000, isWhole), JSON.stringify(auditRows(node, "tenant = 'a'")));
    const rows = auditRows(node, "tenant = 'a'");
    const [chat] = rows.filter(({ id }) => id === first.id);
    assert.deepEqual(
      [chat.unit, chat.quantity_ms, chat.cost_micros, chat.creator_micros, chat.provider_id],
      ['token_unit', 4000, 8000, 6400, 'llm:small'],
    );
    const cost = rows.reduce((sum, row) => sum + row.cost_micros, 0);
    assert.equal(cost, 100_000, 'the whole of the budget, and not a micro more');
  }));

test('a debit that is wrong, or not ours, costs nothing', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const token = node.token({ tenant: 'a', scope: 'usage' });
    for (const [body, what] of [
      [{ ...TOKENS }, 'no key'],
      [{ key: '', ...TOKENS }, 'an empty key'],
      [{ key: 'k'.repeat(256), ...TOKENS }, 'a long key'],
      [{ key: 'k', unit: 'minute_unit', quantity: 1000 }, 'a unit that is metered'],
      [{ key: 'k', unit: 'token_unit' }, 'no quantity'],
      [{ key: 'k', unit: 'token_unit', quantity: -1 }, 'less than nothing'],
      [{ key: 'k', unit: 'token_unit', quantity: 1.5 }, 'a fraction'],
      [{ key: 'k', unit: 'token_unit', quantity: 1e15 }, 'too much'],
      [[1], 'no object'],
    ])
      assert.equal((await node.usage('authorize', 'a', token, body)).status, 400, what);
    const commit = { key: 'k', ...TOKENS };
    const status = async (...words) => (await node.usage(...words)).status;
    assert.equal(await status('commit', 'a', node.token({ tenant: 'b' }), commit), 403);
    const player = node.token({ tenant: 'a', scope: 'publish play' });
    assert.equal(await status('commit', 'a', player, commit), 403);
    assert.equal(await status('commit', 'a', 'nonsense', commit), 401);
    assert.equal(await status('steal', 'a', token, commit), 404);
    assert.equal((await fetch(`${node.base}/usage/a/commit`)).status, 405);
    assert.equal(auditRows(node, "tenant = 'a'").length, 0);
  }));

test("a tenant's rate is that of its debits too", (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const token = node.token({ tenant: 'b', scope: 'usage' });
    const answers = [];
    for (let i = 0; i < 10; i++)
      answers.push(
        await ask(node, 'commit', 'b', token, { key: `k${i}`, unit: 'token_unit', quantity: 1000 }),
      );
    const refused = answers.filter(({ status }) => status === 429);
    assert.equal(answers.filter(({ status }) => status === 200).length, 5);
    assert.equal(refused.length, 5);
    for (const { gate, headers } of refused) {
      assert.equal(gate, 14);
      const after = Number(headers.get('retry-after'));
      assert.ok(after >= 1 && after <= 12, `Retry-After: ${after}`);
    }
  }));

test('a key that is committed at both nodes of a fleet is paid once', async (t) => {
  const twins = `
tenants:
  - {id: a, KEYS, prices: {token_micros: 1000}, budget: {monthly_micros: 10000}}
`;
  const postgres = await Postgres.start();
  const nodes = [];
  try {
    for (const name of ['node-1', 'node-2'])
      nodes.push(await Node.start({ tenants: twins, postgres, name, keysOf: nodes[0] ?? null }));
    const token = nodes[0].token({ tenant: 'a' });
    const commit = async (node, key) =>
      (await node.usage('commit', 'a', token, { key, unit: 'token_unit', quantity: 1000 })).status;
    for (let i = 0; i < 4; i++)
      for (const node of nodes) assert.equal(await commit(node, `k${i}`), 200);
    const isReported = async () =>
      (await nodes[0].metric('nn5g_journal_records')) === 0 &&
      (await nodes[1].metric('nn5g_journal_records')) === 0;
    assert.ok(await eventually(5000, isReported, 50));
    let passed = 0;
    for (let i = 0; i < 10; i++) if ((await commit(nodes[i % 2], `x${i}`)) === 200) passed++;
    assert.equal(passed, 6, 'of 10 in all, after 4 that were paid once');
    assert.ok(await eventually(5000, () => auditRows(nodes[0], "tenant = 'a'").length === 10));
  } catch (error) {
    for (const node of nodes) t.diagnostic(node.log());
    throw error;
  } finally {
    for (const node of nodes) await node.stop();
    await postgres.stop();
  }
});
