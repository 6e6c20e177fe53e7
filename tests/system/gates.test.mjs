// What a tenant's policy says of a request, through the real process: origin, scope, route, consent,
// standing, sessions and slice, each with its gate, its counter, its line in the audit trail, and
// nothing left set aside.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, onEachStore, program } from './fleet.mjs';

const tenants = `
slices:
  - {id: narrow, guaranteed_bps: 3000000}
tenants:
  - id: a
    KEYS
    access:
      domains: [app.example.org, .twins.example]
      routes:
        - {stream: own, access: restricted, subject: ada}
        - {stream: named*, access: private}
  - {id: pending, KEYS, access: {consent: pending}}
  - {id: revoked, KEYS, access: {consent: revoked}}
  - {id: few, KEYS, sessions_max: 2}
  - {id: thin, KEYS, slice: narrow, session_bps: 1000000}
`;

/** A token as a tenant's backend signs it, with the subject given. */
function tokenOf(node, tenant, { stream = '*', subject, scope = 'publish play' } = {}) {
  const words = ['token', '--key', join(node.folder, 'key.pem'), '--key-id', 'dev'];
  words.push('--tenant', tenant, '--stream', stream, '--scope', scope);
  if (subject) words.push('--subject', subject);
  return execFileSync(program('NN5G_CTL'), words, { encoding: 'utf8' }).trim();
}

/** 201, or what was said instead as [status, gate]. */
async function publish(node, tenant, stream, token, headers = {}) {
  const response = await node.post('whip', tenant, stream, token, headers);
  const text = await response.text();
  if (response.status !== 201) return [response.status, JSON.parse(text).gate];
  // One stream has one publisher: it goes, so that the next can come.
  const location = new URL(response.headers.get('location'), node.base);
  const ended = await fetch(location, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  });
  assert.equal(ended.status, 200);
  return 201;
}

test('origin, scope, route and consent', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const any = tokenOf(node, 'a');
    const origin = (value) => publish(node, 'a', 'live', any, { origin: value });
    assert.equal(await publish(node, 'a', 'live', any), 201);
    for (const good of ['https://app.example.org', 'http://APP.example.org:8080'])
      assert.equal(await origin(good), 201, good);
    assert.equal(await origin('https://ada.twins.example'), 201);
    for (const bad of [
      'https://example.org',
      'https://twins.example',
      'https://eviltwins.example',
      'https://app.example.org.evil.net',
      'https://evil.net/https://app.example.org',
      'null',
    ])
      assert.deepEqual(await origin(bad), [403, 10], bad);

    assert.deepEqual(
      await publish(node, 'a', 'live', tokenOf(node, 'a', { scope: 'play usage' })),
      [403, 11],
    );

    const ada = (stream) => tokenOf(node, 'a', { stream, subject: 'ada' });
    assert.deepEqual(await publish(node, 'a', 'named-1', any), [403, 12]);
    assert.equal(await publish(node, 'a', 'named-1', ada('named-1')), 201);
    assert.deepEqual(await publish(node, 'a', 'named-1', ada('named-2')), [403, 9]);
    assert.deepEqual(await publish(node, 'a', 'own', ada('*')), [403, 12]);
    const eve = tokenOf(node, 'a', { stream: 'own', subject: 'eve' });
    assert.deepEqual(await publish(node, 'a', 'own', eve), [403, 12]);
    assert.equal(await publish(node, 'a', 'own', ada('own')), 201);

    for (const tenant of ['pending', 'revoked'])
      assert.deepEqual(await publish(node, tenant, 'x', tokenOf(node, tenant)), [403, 13]);
    await node.ctl('tenant', 'set', 'pending', 'access.consent=granted');
    const isGranted = async () =>
      (await publish(node, 'pending', 'x', tokenOf(node, 'pending'))) === 201;
    assert.ok(await eventually(1000, isGranted, 20), 'consent is not in force within a second');

    for (const [gate, tenant, denials] of [
      [10, 'a', 6],
      [11, 'a', 1],
      [12, 'a', 3],
      [9, 'a', 1],
      [13, 'revoked', 1],
    ]) {
      const counted = await node.metric(
        'nn5g_gate_denials_total',
        `gate="${gate}",name="${['isolation', 'origin', 'scope', 'route', 'consent'][gate - 9]}",tenant="${tenant}"`,
      );
      assert.equal(counted, denials, `denials of gate ${gate}`);
      const isTold = async () =>
        (await node.ctlJson('events', '--tenant', tenant)).events.filter(
          ({ event }) => event.gate === gate,
        ).length === denials;
      assert.ok(await eventually(5000, isTold, 100), `gate ${gate} in the audit trail`);
    }
  }));

test('standing, sessions and slice, and nothing is left set aside', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const open = async (tenant, stream) => {
      const response = await node.post('whip', tenant, stream, tokenOf(node, tenant));
      const text = await response.text();
      return response.status === 201 ? 201 : [response.status, JSON.parse(text).gate];
    };
    for (const [tenant, room, denied] of [
      ['few', 2, [429, 15]],
      ['thin', 3, [503, 16]],
    ]) {
      for (let i = 0; i < room; i++) assert.equal(await open(tenant, `s${i}`), 201);
      for (let i = 0; i < 5; i++) assert.deepEqual(await open(tenant, 'one-more'), denied);
      const areKnown = async () =>
        (await node.ctlJson('session', 'list', '--tenant', tenant)).sessions.length === room;
      assert.ok(await eventually(2000, areKnown, 50), `${tenant}: the store does not know them`);
      await node.ctl('session', 'kill', '--tenant', tenant);
      const isFree = async () => (await open(tenant, 'again')) === 201;
      assert.ok(await eventually(2000, isFree, 50), `${tenant}: its room is not given back`);
      // As much room as before, no less and no more.
      for (let i = 1; i < room; i++) assert.equal(await open(tenant, `s${i}`), 201);
      assert.deepEqual(await open(tenant, 'one-more'), denied);
    }
    await node.ctl('tenant', 'pause', 'few');
    const isPaused = async () => `${await open('few', 'x')}` === '403,8';
    assert.ok(await eventually(1000, isPaused, 20), 'the pause is not in force within a second');
    await node.ctl('tenant', 'resume', 'few');
    const goesOn = async () => `${await open('few', 'x')}` === '429,15';
    assert.ok(await eventually(1000, goesOn, 20), 'its sessions outlive the pause');
  }));
