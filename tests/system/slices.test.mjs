// Slices as operators see them, through the real processes: put, changed and refused at run time,
// their tenants placed and moved under running sessions, on the screen, in /metrics, in the audit
// trail; and a thousand tenants that leave nothing behind.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { eventually, Node, onEachStore, program } from './fleet.mjs';

const FORCE_MAX_MS = 1000;
const portMbps = 1000; // a new store's own slices guarantee 700 of it
const tenants = `
slices:
  - {id: events, guaranteed_bps: 100000000, max_bps: 300000000, latency_ms: 50, five_qi: 2}
tenants:
  - {id: a, KEYS, slice: events}
  - {id: b, KEYS}
`;

/** @returns {Promise<any>} What `slice top --once` shows. */
const top = (node, ...words) => node.ctlJson('slice', 'top', '--once', ...words);

const sliceOf = (report, id) => report.slices.find((slice) => slice.id === id);

/** The slice that shows the tenant, and the tenant. */
function placeOf(report, id) {
  for (const slice of report.slices) {
    const tenant = slice.tenants.find((tenant) => tenant.id === id);
    if (tenant) return { slice: slice.id, ...tenant };
  }
  return null;
}

const report = async (node) => (await fetch(`${node.base}/slices`)).json();

/** What nn5gctl says when it refuses; it has to. */
async function refusal(node, ...words) {
  try {
    await node.ctl(...words);
  } catch (error) {
    assert.equal(error.code, 1, error.stderr);
    return error.stderr;
  }
  assert.fail(`taken: ${words.join(' ')}`);
}

const areTold = (node, type, count) => async () =>
  (await node.ctlJson('events', '--max', '5000')).events.filter(({ event }) => event.type === type)
    .length >= count;

test('a slice is put, changed, refused and removed while the others go on', (t) =>
  onEachStore(t, { tenants, portMbps }, async (t, node) => {
    const isThere = (check) =>
      eventually(FORCE_MAX_MS, async () => check(sliceOf(await report(node), 'extra')), 10);
    await node.ctl('slice', 'put', 'extra', 'guaranteed=50M', 'max=60M', 'five_qi=3', 'latency=80');
    assert.ok(
      await isThere((slice) => slice?.guaranteed_bps === 50e6 && slice.max_bps === 60e6),
      'not there after a second',
    );
    await node.ctl('slice', 'put', 'extra', 'max=70M', 'five_qi=80');
    assert.ok(
      await isThere((slice) => slice.max_bps === 70e6 && slice.five_qi === 80),
      'the change is not in force after a second',
    );

    const before = (await report(node)).slices.map(({ id, guaranteed_bps, max_bps }) => [
      id,
      guaranteed_bps,
      max_bps,
    ]);
    for (const [words, told] of [
      [['fat', 'guaranteed=151M'], /expected at most the 150000000 bit\/s that node node-1 has/],
      [['extra', 'guaranteed=201M', 'max=0'], /found 201000000, expected at most the 200000000/],
      [['odd', 'five_qi=11'], /five_qi: found 11, expected a standardized value: 1 2 3 4 5 6 7/],
      [['odd', 'guaranteed=7k'], /guaranteed_bps: found 7000, expected 0 or at least 8000 bit\/s/],
      [['odd', 'max=101G'], /max_bps: found "101000000000", expected a number from 0 to 1000/],
      [['odd', 'guaranteed=2M', 'max=1M'], /found 2000000, expected at most max_bps, which is 1/],
      [['odd', 'latency=0'], /latency_ms: found "0", expected a number from 1 to 10000/],
    ])
      assert.match(await refusal(node, 'slice', 'put', ...words), told);
    assert.match(await refusal(node, 'slice', 'remove', 'events'), /plans or tenants have it/);
    assert.deepEqual(
      (await report(node)).slices.map(({ id, guaranteed_bps, max_bps }) => [
        id,
        guaranteed_bps,
        max_bps,
      ]),
      before,
    );

    // By hand, past nn5gctl: the node refuses by itself, and keeps what it has.
    node.sql("UPDATE slices SET guaranteed_bps = 400000000, max_bps = 0 WHERE id = 'extra'");
    const isRefused = areTold(node, 'slice.refused', 1);
    assert.ok(await eventually(5000, isRefused, 50), 'a refusal is not told');
    assert.equal(sliceOf(await report(node), 'extra').guaranteed_bps, 50e6);
    node.sql("UPDATE slices SET guaranteed_bps = 10000000 WHERE id = 'extra'");
    assert.ok(await isThere((slice) => slice.guaranteed_bps === 10e6), 'what fits is not taken');

    await node.ctl('slice', 'remove', 'extra');
    assert.ok(await isThere((slice) => !slice), 'there after a second');
    for (const [type, count] of [
      ['slice.allocated', 5],
      ['slice.changed', 2],
      ['slice.released', 1],
    ])
      assert.ok(await eventually(5000, areTold(node, type, count), 50), `${type} is not told`);
    const { events } = await node.ctlJson('events');
    const [change] = events.filter(({ event }) => event.type === 'slice.changed');
    assert.equal(change.event.slice, 'extra');
    assert.match(change.event.detail, /max_bps 60000000 -> 70000000, five_qi 3 -> 80/);
    assert.match(await node.ctl('events'), /slice\.released +extra/);
  }));

test('a tenant is placed with its session and moves under it', (t) =>
  onEachStore(t, { tenants, portMbps }, async (t, node) => {
    const place = async (id) => placeOf(await report(node), id);
    assert.deepEqual(await place('a').then(({ slice, placed }) => [slice, placed]), [
      'events',
      false,
    ]);
    for (const tenant of ['a', 'b']) {
      const token = node.token({ tenant });
      assert.equal((await node.post('whip', tenant, 'live', token)).status, 201);
    }
    assert.deepEqual(
      await place('a').then(({ slice, placed, sessions }) => [slice, placed, sessions]),
      ['events', true, 1],
    );
    assert.deepEqual(await place('b').then(({ slice, placed }) => [slice, placed]), ['', true]);

    await node.ctl('plan', 'put', 'show', 'slice=silver', 'bandwidth.egress=3M');
    for (const [words, wanted] of [
      [['slice=gold'], ['gold', 0]],
      [['bandwidth.egress=5M'], ['gold', 5e6]],
      [
        ['slice=', 'bandwidth.egress=', 'plan=show'],
        ['silver', 3e6],
      ],
    ]) {
      await node.ctl('tenant', 'set', 'a', ...words);
      const isThere = async () => {
        const { slice, max_bps, placed } = await place('a');
        return placed && slice === wanted[0] && max_bps === wanted[1];
      };
      assert.ok(await eventually(FORCE_MAX_MS, isThere, 10), `${words}: not within a second`);
    }
    await node.ctl('plan', 'put', 'show', 'bandwidth.egress=2M');
    assert.ok(
      await eventually(FORCE_MAX_MS, async () => (await place('a')).max_bps === 2e6, 10),
      'a changed plan is not in force within a second',
    );
    // What its session was promised went along: the slice it left can be removed.
    assert.equal(sliceOf(await report(node), 'silver').sessions, 1);
    assert.equal(sliceOf(await report(node), 'gold').sessions, 0);
    await node.ctl('slice', 'remove', 'events');
    assert.ok(
      await eventually(FORCE_MAX_MS, async () => !sliceOf(await report(node), 'events'), 10),
      'a slice that nobody is in stays',
    );

    for (const [type, count] of [
      ['tenant.placed', 2],
      ['tenant.moved', 2],
      ['tenant.shaped', 2],
    ])
      assert.ok(await eventually(5000, areTold(node, type, count), 50), `${type} is not told`);
    const { events } = await node.ctlJson('events', '--tenant', 'a');
    const moves = events.filter(({ event }) => event.type === 'tenant.moved');
    assert.match(moves[0].event.detail, /slice 'events' -> 'gold'/);
    assert.match(moves[1].event.detail, /slice 'gold' -> 'silver', egress_bps 5000000 -> 3000000/);
  }));

test('what real media takes is seen as it leaves', async () => {
  const node = await Node.start({ tenants, portMbps });
  try {
    const token = join(node.folder, 'token');
    execFileSync('sh', ['-c', `umask 077; cat > ${token}`], { input: node.token({ tenant: 'a' }) });
    const words = ['fanout', '--url', node.base, '--tenant', 'a', '--stream', 'live'];
    words.push(
      '--token-file',
      token,
      '--viewers',
      '4',
      '--rounds',
      '1',
      '--seconds',
      '1',
      '--accept-noise',
    );
    execFileSync(program('NN5G_BENCH'), words, { stdio: 'ignore' });
    const shown = await top(node);
    const a = placeOf(shown, 'a');
    assert.equal(a.slice, 'events');
    const video = a.classes.find((row) => row.class.endsWith('video'));
    const control = a.classes.find((row) => row.class === 'control');
    assert.ok(video.sent_packets > 100, 'no video was sent in its class');
    assert.ok(control.sent_packets > 4, 'no control was sent in its class');
    const bins = video.delay_bins.reduce((sum, count) => sum + count, 0);
    assert.equal(bins, video.sent_packets);
    assert.equal(video.delay_bins.length, shown.delay_bounds_ns.length + 1);
    assert.ok('rate_bps' in video && 'p99_us' in a && 'rate_bps' in shown);

    const labels = `slice="events",class="${video.class}"`;
    assert.ok((await node.metric('nn5g_slice_sent_bytes_total', labels)) >= video.sent_bytes);
    assert.ok((await node.metric('nn5g_slice_delay_seconds_count', labels)) >= bins);
    assert.equal(await node.metric('nn5g_slice_guaranteed_bps', 'slice="events"'), 100e6);
    assert.ok((await node.metric('nn5g_tenant_sent_bytes_total', 'tenant="a"')) > 0);

    const table = await node.ctl('slice', 'top', '--once');
    assert.match(table, /node-1 .* link 1 Gbit\/s/);
    assert.match(table, /^events +.*\[.*\|.*\] +\d+% +100 Mbit\/s +300 Mbit\/s/m);
    assert.match(table, /^ {2}a /m);
    assert.match(table, /^ {4}(interactive_)?video /m);
  } finally {
    await node.stop();
  }
});

const TENANTS = 1000;
const ROUNDS = 3;
const EXITED_FED = 100; // those that left last are remembered
const RSS_GROWTH_MAX_KB = 96 * 1024; // queues of a thousand tenants stay in the scheduler
const ROUND_GROWTH_MAX_KB = 16 * 1024; // of those after the first

/** A connection to the control socket that asks one thing after another. */
class Control {
  #waiting = new Map();
  #id = 0;

  constructor(path) {
    this.socket = connect(path);
    createInterface({ input: this.socket }).on('line', (line) => {
      const answer = JSON.parse(line);
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
  }

  async ask(method, params) {
    const id = ++this.#id;
    const answer = await new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    });
    assert.ok(!answer.error, `${method}: ${JSON.stringify(answer.error)}`);
    return answer.result;
  }
}

/** A token as nn5gctl would sign it, without a process for each. */
function tokenOf(key, tenant) {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: tenant, aud: 'nn5g', tenant, stream: '*', scope: 'publish play', iat: now };
  const text = `${encode({ alg: 'EdDSA', typ: 'JWT', kid: 'dev' })}.${encode({
    ...claims,
    exp: now + 3600,
    jti: randomUUID(),
  })}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

const rssKb = (pid) =>
  Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB$/m)[1]);

async function inParallel(n, width, work) {
  let next = 0;
  const worker = async () => {
    while (next < n) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

test('a thousand tenants come and go, and memory returns', async (t) => {
  const node = await Node.start({ tenants, portMbps });
  const control = new Control(join(node.folder, 'state/control.sock'));
  try {
    const key = createPrivateKey(readFileSync(join(node.folder, 'key.pem')));
    const publicKey = readFileSync(join(node.folder, 'pub.pem'), 'utf8');
    const pem = publicKey.match(/-----BEGIN[^]*-----END PUBLIC KEY-----/)?.[0] ?? publicKey;
    const rss = [];
    const rssAtStart = rssKb(node.pid);
    for (let round = 0; round < ROUNDS; round++) {
      const id = (i) => `t${round}-${i}`;
      await inParallel(TENANTS, 8, (i) =>
        control.ask('tenant.create', {
          tenant: {
            id: id(i),
            slice: i % 2 ? 'events' : 'free',
            keys: [{ id: 'dev', algorithm: 'EdDSA', public_key: pem }],
          },
        }),
      );
      const known = 2 + (round > 0 ? EXITED_FED : 0);
      const isFed = async () => (await node.metric('nn5g_tenants')) === TENANTS + known;
      assert.ok(await eventually(20_000, isFed, 100), 'not fed');
      await inParallel(TENANTS, 8, async (i) => {
        const response = await node.post('whip', id(i), 'live', tokenOf(key, id(i)));
        assert.equal(response.status, 201, await response.text());
      });
      const shown = await top(node, '--tenants', '2000');
      const placed = shown.slices.flatMap((slice) => slice.tenants).filter((row) => row.placed);
      assert.equal(placed.length, TENANTS);
      assert.equal(await node.metric('nn5g_tenant_places'), TENANTS);
      await inParallel(TENANTS, 8, (i) =>
        control.ask('tenant.exit', { tenant: id(i), force: false }),
      );
      const areGone = async () =>
        (await node.metric('nn5g_tenant_places')) === 0 &&
        (await node.metric('nn5g_tenants')) === 2 + EXITED_FED;
      assert.ok(await eventually(30_000, areGone, 200), 'places are left');
      const isBack = () => rssKb(node.pid) < rssAtStart + RSS_GROWTH_MAX_KB;
      await eventually(10_000, isBack, 100);
      rss.push(rssKb(node.pid));
    }
    t.diagnostic(`resident at the start ${rssAtStart} kB, after each round ${rss.join(', ')} kB`);
    assert.ok(rss.at(-1) - rssAtStart < RSS_GROWTH_MAX_KB, `it grew from ${rssAtStart} kB: ${rss}`);
    // The first round fills queues and caches that have a bound; those after it find them full.
    assert.ok(rss.at(-1) - rss[0] < ROUND_GROWTH_MAX_KB, `it grows: ${rss.join(', ')} kB`);
    const isListed = areTold(node, 'tenant.placed', TENANTS);
    assert.ok(await eventually(10_000, isListed, 200), 'the audit trail does not list them');
  } finally {
    control.socket.destroy();
    await node.stop();
  }
});
