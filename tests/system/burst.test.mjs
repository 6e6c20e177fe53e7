// Twice as many requests as a tenant's rate: half pass, none later than the queue allows, the others
// get 429 with Retry-After, and over the whole run the rate is the limit's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEachStore, pause } from './fleet.mjs';

const RATE = 50; // a second
const SECONDS = 5;
const QUEUE = 10;
const DELAY_MS = 200;
const tenants = `
tenants:
  - id: a
    KEYS
    rate: {requests: ${RATE}, period_ms: 1000, burst: 1, queue: ${QUEUE}, delay_ms: ${DELAY_MS}}
`;

async function ask(node, token, answers) {
  const asked = performance.now();
  const response = await node.post('whep', 'a', 'live', token);
  const problem = response.status === 201 ? null : await response.json();
  answers.push({
    status: response.status,
    gate: problem?.gate,
    retryAfter: response.headers.get('retry-after'),
    asked,
    answered: performance.now(),
  });
}

test('a rate of 50/s holds against 100/s', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const token = node.token({ tenant: 'a' });
    assert.equal((await node.post('whip', 'a', 'live', token)).status, 201);
    await pause(500); // the publisher's own request has left the bucket
    const answers = [];
    const asking = [];
    const begin = performance.now();
    for (let i = 0; i < 2 * RATE * SECONDS; i++) {
      const due = begin + (i * 1000) / (2 * RATE);
      if (due > performance.now()) await pause(due - performance.now());
      asking.push(ask(node, token, answers));
    }
    await Promise.all(asking);
    const passed = answers
      .filter(({ status }) => status === 201)
      .sort((a, b) => a.answered - b.answered);
    const refused = answers.filter(({ status }) => status !== 201);
    const waits = passed.map(({ asked, answered }) => answered - asked);
    const spanS = (passed.at(-1).answered - passed[0].answered) / 1000;
    const rate = (passed.length - 1) / spanS;
    t.diagnostic(
      `passed=${passed.length} refused=${refused.length} longest wait ${Math.max(...waits).toFixed(0)} ms, rate=${rate.toFixed(2)}/s`,
    );
    assert.equal(answers.length, 2 * RATE * SECONDS);
    for (const { status, gate, retryAfter } of refused) {
      assert.deepEqual([status, gate], [429, 14]);
      assert.ok(Number(retryAfter) >= 1, `Retry-After: ${retryAfter}`);
    }
    // Half of what came, and what still waited when the last one came.
    assert.ok(
      passed.length >= RATE * SECONDS * 0.99 && passed.length <= RATE * SECONDS + 1 + QUEUE,
      `${passed.length} passed`,
    );
    assert.ok(Math.abs(rate / RATE - 1) <= 0.01, `${rate} a second`);
    assert.ok(Math.max(...waits) <= DELAY_MS + 150, `one waited ${Math.max(...waits)} ms`);
    assert.equal((await fetch(`${node.base}/healthz`)).status, 200);
  }));
