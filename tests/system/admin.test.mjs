// The admin socket's reference is what the socket answers: every method of gateway/ADMIN.md is in
// `help`, in that order, with those parameters, and answers; what is no method or no parameter is
// refused by JSON-RPC's codes.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { onEachStore } from './fleet.mjs';

const tenants = `
tenants:
  - {id: a, KEYS, prices: {token_micros: 1000}, budget: {monthly_micros: 1000000}}
`;

/** A client of the admin socket: a message a line. */
class Admin {
  #socket;
  #lines;
  #id = 0;

  static async open(node) {
    const admin = new Admin();
    admin.#socket = connect(join(node.folder, 'state/admin.sock'));
    await once(admin.#socket, 'connect');
    admin.#lines = createInterface({ input: admin.#socket })[Symbol.asyncIterator]();
    return admin;
  }

  async say(line) {
    this.#socket.write(`${line}\n`);
    const { value } = await this.#lines.next();
    return JSON.parse(value);
  }

  /** Its answer: {result} or {error}. */
  async call(method, params) {
    const id = ++this.#id;
    const answer = await this.say(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    assert.equal(answer.id, id);
    return answer;
  }

  close() {
    this.#socket.destroy();
  }
}

/** Methods and their parameters as gateway/ADMIN.md has them, without the upcalls. */
function reference() {
  const text = readFileSync(new URL('../../gateway/ADMIN.md', import.meta.url), 'utf8');
  const [own] = text.split('## Upcalls');
  return own
    .split('### ')
    .slice(1)
    .map((section) => ({
      name: section.match(/^`([^`]+)`/)[1],
      params: [...section.matchAll(/^\| `(\w+)` \| .* \| (yes|no) \|/gm)].map(
        ([, name, required]) => ({ name, required: required === 'yes' }),
      ),
    }));
}

/** What is refused because it could not be meant; anything else may be an answer. */
const CODES = { parse: -32700, request: -32600, method: -32601, params: -32602 };

test('the reference is what the socket answers', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const admin = await Admin.open(node);
    try {
      const mode = statSync(join(node.folder, 'state/admin.sock')).mode & 0o777;
      assert.ok((mode & 0o007) === 0, `others may use the socket: mode ${mode.toString(8)}`);
      const { result } = await admin.call('help');
      const told = result.methods.map(({ name, params }) => ({
        name,
        params: (params ?? []).map(({ name, required }) => ({ name, required: !!required })),
      }));
      assert.deepEqual(told, reference());

      for (const { name, params } of reference()) {
        const wrong = await admin.call(name, { nonsense: 1 });
        assert.equal(wrong.error?.code, CODES.params, `${name}: an unknown parameter`);
        if (params.some(({ required }) => required)) {
          const missing = await admin.call(name, {});
          assert.equal(missing.error?.code, CODES.params, `${name}: nothing given`);
        }
        const list = await admin.call(name, [1]);
        assert.ok(list.error, `${name}: parameters by position`);
      }
      for (const [line, code] of [
        ['{"jsonrpc": "2.0", "id": 1, "method": "steal"}', CODES.method],
        ['{"jsonrpc": "2.0", "id": 1, "method": "quota.request"}', CODES.method],
        ['{"jsonrpc": "2.0", "id": 1}', CODES.request],
        ['{"id": 1, "method": "stats"}', CODES.request],
      ]) {
        const { error } = await admin.say(line);
        assert.equal(error?.code, code, line);
      }
      const second = await Admin.open(node);
      const words = { role: 'control', version: 'x', protocol: 1 };
      assert.ok((await second.call('hello', words)).error, 'a second control plane is let in');
      second.close();
      assert.ok((await admin.call('stats')).result, 'the socket has had enough');
    } finally {
      admin.close();
    }
  }));

test('sessions and debits over the admin socket', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const admin = await Admin.open(node);
    try {
      assert.equal((await node.post('whip', 'a', 'live', node.token({ tenant: 'a' }))).status, 201);
      const { sessions } = (await admin.call('session.list', { tenant: 'a' })).result;
      assert.equal(sessions.length, 1);
      const [{ session }] = sessions;
      for (const [method, state] of [
        ['session.get', 'genesis'],
        ['session.pause', 'paused'],
        ['session.resume', 'genesis'],
      ]) {
        const { result, error } = await admin.call(method, { session });
        assert.ok(result, `${method}: ${JSON.stringify(error)}`);
        t.diagnostic(`${method} state=${result.state}`);
        assert.equal(result.session, session);
        if (method === 'session.get') assert.equal(result.state, state);
      }
      const debit = { tenant: 'a', key: 'k', unit: 'token_unit', quantity: 2000 };
      const held = await admin.call('usage.authorize', debit);
      assert.deepEqual([held.result?.state, held.result?.cost_micros], ['authorized', 2000]);
      const committed = await admin.call('usage.commit', { tenant: 'a', key: 'k', quantity: 500 });
      assert.deepEqual(
        [committed.result?.state, committed.result?.cost_micros],
        ['committed', 500],
      );
      const late = await admin.call('usage.cancel', { tenant: 'a', key: 'k' });
      assert.ok(late.error?.message, 'what is committed can be cancelled');

      const draining = await admin.call('node.drain', { drain: true });
      assert.deepEqual(draining.result, { draining: true, sessions: 1 });
      const refused = await node.post('whep', 'a', 'live', node.token({ tenant: 'a' }));
      assert.deepEqual([refused.status, (await refused.json()).gate], [503, 2]);
      // What goes on is still paid for.
      const turn = { key: 'turn', unit: 'token_unit', quantity: 1000 };
      const paid = await node.usage('commit', 'a', node.token({ tenant: 'a' }), turn);
      assert.equal(paid.status, 200);
      await admin.call('node.drain', { drain: false });
      assert.equal((await node.post('whep', 'a', 'live', node.token({ tenant: 'a' }))).status, 201);

      const ended = await admin.call('session.terminate', { session, reason: 'USER_EXIT' });
      assert.deepEqual(ended.result, { terminated: 1 });
      assert.ok((await admin.call('session.get', { session })).error);
      const wrong = await admin.call('session.terminate', { session, reason: 'BOREDOM' });
      assert.equal(wrong.error?.code, CODES.params);
    } finally {
      admin.close();
    }
  }));
