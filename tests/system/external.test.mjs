// A fleet as the README has it: two nodes, an nn5g-control beside each, one PostgreSQL. A node is not
// ready before it is fed; either control plane reaches both nodes; a node whose control plane dies
// goes on with what it knows.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Node, Postgres, eventually } from './fleet.mjs';

const KILL_MAX_MS = 1000;
const tenants = `
tenants:
  - {id: a, KEYS, prices: {video_micros: 60000}, budget: {monthly_micros: 1000000}}
`;

const probe = async (node) => (await fetch(`${node.base}/readyz`)).status;

test('two nodes, each with an nn5g-control of its own', async (t) => {
  const postgres = await Postgres.start();
  const nodes = [];
  try {
    for (const name of ['node-1', 'node-2'])
      nodes.push(
        await Node.start({ tenants, postgres, name, isExternal: true, keysOf: nodes[0] ?? null }),
      );
    const [first, second] = nodes;
    const token = first.token({ tenant: 'a' });
    const publish = async (node, stream) => {
      const response = await node.post('whip', 'a', stream, token);
      const text = await response.text();
      return response.status === 201 ? 201 : [response.status, JSON.parse(text).gate];
    };
    for (const node of nodes) {
      assert.deepEqual(await publish(node, 'x'), [503, 2], 'a node that was never fed');
      assert.equal(await probe(node), 503);
      await node.startControl();
    }
    for (const node of nodes) assert.equal(await publish(node, 'live'), 201);

    // Sessions of both are seen from either, and are killed from either.
    const list = async () => (await first.ctlJson('session', 'list')).sessions;
    assert.ok(await eventually(2000, async () => (await list()).length === 2, 50));
    const there = (await list()).find(({ node }) => node === 'node-2');
    const asked = Date.now();
    await first.ctl('session', 'kill', there.session);
    const isGone = async () => (await second.metric('nn5g_sessions')) === 0;
    assert.ok(await eventually(KILL_MAX_MS, isGone, 5), 'the session goes on');
    t.diagnostic(`a session of the other node ended after ${Date.now() - asked} ms`);

    await first.ctl('node', 'drain', 'node-2');
    const drains = async () => `${await publish(second, 'more')}` === '503,2';
    assert.ok(await eventually(1000, drains, 10), 'the other node does not drain');
    assert.equal(await probe(second), 503);
    assert.equal(await publish(first, 'more'), 201);
    const listed = (await first.ctlJson('node', 'list')).nodes;
    assert.deepEqual(
      listed.map((node) => [node.id, node.is_draining]),
      [
        ['node-1', false],
        ['node-2', true],
      ],
    );
    await first.ctl('node', 'drain', 'node-2', '--off');
    const isBack = async () => (await publish(second, 'back')) === 201;
    assert.ok(await eventually(1000, isBack, 10), 'the other node does not take sessions again');

    // Without its control plane a node is as it was; a new one finds everything in the store.
    await first.killControl();
    assert.equal(await publish(first, 'alone'), 201);
    assert.equal(await probe(first), 200);
    await assert.rejects(first.ctl('tenant', 'list'), /is nn5g-control running/);
    await first.startControl();
    const isKnown = async () => {
      const sessions = await list().catch(() => []);
      return ['live', 'alone'].every((name) =>
        sessions.some(({ node, stream }) => node === 'node-1' && stream === name),
      );
    };
    assert.ok(await eventually(5000, isKnown, 100), JSON.stringify(await list()));
  } catch (error) {
    for (const node of nodes) t.diagnostic(node.log());
    throw error;
  } finally {
    for (const node of nodes) await node.stop();
    await postgres.stop();
  }
});
