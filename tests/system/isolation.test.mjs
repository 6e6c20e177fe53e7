// A valid token of one tenant on another's stream: refused at gate 9, and nothing is reserved.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEachStore } from './fleet.mjs';

const tenants = `
tenants:
  - {id: a, KEYS, budget: {monthly_micros: 1000000}, prices: {video_micros: 1000}}
  - {id: b, KEYS, budget: {monthly_micros: 1000000}, prices: {video_micros: 1000}, sessions_max: 1}
`;

test("a tenant's token cannot reach another's stream", (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    assert.equal((await node.post('whip', 'b', 'live', node.token({ tenant: 'b' }))).status, 201);
    const before = await node.ctlJson('budget', 'b');
    const sessions = await node.metric('nn5g_sessions');
    const started = performance.now();
    const response = await node.post('whep', 'b', 'live', node.token({ tenant: 'a' }));
    t.diagnostic(`answered in ${(performance.now() - started).toFixed(1)} ms`);
    const problem = await response.json();
    assert.deepEqual([response.status, problem.gate], [403, 9], JSON.stringify(problem));
    assert.equal(
      await node.metric('nn5g_gate_denials_total', 'gate="9",name="isolation",tenant="b"'),
      1,
    );
    assert.equal(await node.metric('nn5g_sessions'), sessions);
    assert.deepEqual(await node.ctlJson('budget', 'b'), before);
  }));
