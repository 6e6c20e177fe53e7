// kill -9 of the gateway, of nn5g-control, of PostgreSQL, at random points under load: what was
// acknowledged or journaled is in the ledger exactly once, chains verify, and what is granted never
// exceeds the limit.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually, onEachStore, pause, program } from './fleet.mjs';

const KILLS = Number(process.env.NN5G_KILLS ?? 200); // over both stores
const LIMIT_MICROS = 500_000_000;
const tenants = `
tenants:
  - id: a
    KEYS
    prices: {token_micros: 1000, interaction_micros: 300, session_interactions: 1, video_micros: 60000}
    budget: {monthly_micros: ${LIMIT_MICROS}}
    split: imvu
`;

/** The same numbers in each run, unless the seed is given. */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Debits and sessions as fast as they are answered, until stopped; keeps what was acknowledged. */
class Load {
  acknowledged = new Set();
  asked = 0;
  failed = 0;
  #isOver = false;
  #token;
  #loops = [];

  constructor(node) {
    this.#token = node.token({ tenant: 'a' });
    for (let i = 0; i < 4; i++) this.#loops.push(this.#debit(node, i));
    this.#loops.push(this.#play(node));
  }

  async #debit(node, loop) {
    for (let i = 0; !this.#isOver; i++) {
      const key = `${loop}-${i}`;
      // A backend asks again under the same key until it is answered.
      for (let tries = 0; !this.#isOver; tries++) {
        this.asked++;
        const body = { key, unit: 'token_unit', quantity: 1000 + (i % 7), provider_id: 'llm:x' };
        const answer = await node.usage('commit', 'a', this.#token, body).catch(() => null);
        await answer?.arrayBuffer().catch(() => {});
        if (answer?.status === 200) {
          this.acknowledged.add(key);
          break;
        }
        this.failed++;
        await pause(10);
      }
      await pause(5);
    }
  }

  async #play(node) {
    while (!this.#isOver) {
      const published = await node.post('whip', 'a', 'live', this.#token).catch(() => null);
      await published?.arrayBuffer().catch(() => {});
      for (let i = 0; i < 5 && !this.#isOver; i++) {
        const played = await node.post('whep', 'a', 'live', this.#token).catch(() => null);
        await played?.arrayBuffer().catch(() => {});
        await pause(15);
      }
    }
  }

  async stop() {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }
}

/** Real media beside it: a publisher and viewers, started again whenever they have lost the node. */
class Media {
  #isOver = false;
  #child = null;
  #loop;

  constructor(node) {
    const token = join(node.folder, 'token');
    execFileSync('sh', ['-c', `umask 077; cat >'${token}'`], {
      input: node.token({ tenant: 'a' }),
    });
    this.#loop = this.#run(node, token);
  }

  async #run(node, token) {
    const words = [
      'fanout',
      '--url',
      node.base,
      '--tenant',
      'a',
      '--stream',
      'media',
      '--token-file',
      token,
    ];
    while (!this.#isOver) {
      this.#child = spawn(
        program('NN5G_BENCH'),
        [...words, '--viewers', '3', '--rounds', '1', '--seconds', '2', '--accept-noise'],
        { stdio: 'ignore' },
      );
      const over = pause(4000);
      await Promise.race([new Promise((resolve) => this.#child.on('exit', resolve)), over]);
      this.#child.kill('SIGKILL');
      await pause(100);
    }
  }

  async stop() {
    this.#isOver = true;
    this.#child?.kill('SIGKILL');
    await this.#loop;
  }
}

const integer = (node, sql) => Number(node.sql(sql) || 0);

/** used + outstanding of the tenant's credit. */
const committed = (node) =>
  integer(
    node,
    "SELECT coalesce((SELECT used FROM meters WHERE tenant = 'a' AND account = 'credit' AND period = 'total'), 0)",
  ) +
  integer(
    node,
    "SELECT coalesce(sum(granted - settled), 0) FROM grants WHERE tenant = 'a' AND account = 'credit'",
  );

/** A dead gateway's journal: id -> what was written of it, which is to be in the ledger. */
function journaled(node) {
  const file = join(node.folder, 'state/journal.db');
  const copy = join(node.folder, 'journal-copy.db');
  for (const tail of ['', '-wal']) {
    rmSync(copy + tail, { force: true });
    if (existsSync(file + tail)) copyFileSync(file + tail, copy + tail);
  }
  return rowsOf(
    execFileSync(
      'sqlite3',
      [
        '-separator',
        '\t',
        copy,
        'SELECT id, quantity_ms, cost_micros FROM records WHERE quantity_ms > 0',
      ],
      { encoding: 'utf8' },
    ),
  );
}

/** Lines of id, tab, rest as a map. */
function rowsOf(text) {
  const lines = text.trim().split('\n').filter(Boolean);
  return lines.map((line) => [
    line.slice(0, line.indexOf('\t')),
    line.slice(line.indexOf('\t') + 1),
  ]);
}

/** Ends what runs, once the control plane answers again. */
async function endSessions(node) {
  const end = () =>
    node.ctl('session', 'kill', '--tenant', 'a').then(
      () => true,
      () => null,
    );
  assert.ok(await eventually(10_000, end, 200), 'the control plane does not come back');
}

async function killOne(victim, node, postgres, kept) {
  if (victim === 'postgres') {
    postgres.kill();
    await postgres.start();
  } else if (victim === 'control') {
    const pid = await eventually(5000, () => node.controlPid());
    process.kill(pid, 'SIGKILL');
  } else {
    await node.kill();
    for (const [id, what] of journaled(node)) kept.set(id, what);
    await node.run();
  }
}

test('nothing acknowledged is lost or billed twice', (t) =>
  onEachStore(t, { tenants }, async (t, node, postgres) => {
    const draw = random(Number(process.env.NN5G_SEED ?? 20261126));
    const victims = postgres ? ['gateway', 'control', 'postgres'] : ['gateway', 'control'];
    const counts = Object.fromEntries(victims.map((victim) => [victim, 0]));
    const kept = new Map(); // journaled when its gateway was killed
    const load = new Load(node);
    const media = new Media(node);
    let most = 0;
    for (let i = 0; i < KILLS / 2; i++) {
      await pause(50 + draw() * 350);
      const victim = victims[Math.floor(draw() * victims.length)];
      counts[victim]++;
      await killOne(victim, node, postgres, kept);
      most = Math.max(most, committed(node));
      assert.ok(most <= LIMIT_MICROS, `${most} granted and used of ${LIMIT_MICROS}`);
    }
    await media.stop();
    await load.stop();
    await endSessions(node);
    const settled = async () => (await node.metric('nn5g_journal_records')) === 0;
    assert.ok(await eventually(20_000, settled, 200), 'the journal does not drain');

    const rows = rowsOf(
      node.sql("SELECT id, quantity_ms, cost_micros FROM audit_logs WHERE tenant = 'a'"),
    );
    const ledger = new Map(rows);
    assert.equal(ledger.size, rows.length, 'an id is there twice');
    const lost = [...load.acknowledged].filter((key) => !ledger.has(`a:key:${key}`));
    assert.deepEqual(lost, [], `${lost.length} acknowledged debits are not in the ledger`);
    const changed = [...kept].filter(([id, what]) => ledger.get(id) !== what);
    assert.deepEqual(
      changed,
      [],
      `${changed.length} journaled records are not in the ledger as written`,
    );
    const used = integer(
      node,
      "SELECT used FROM meters WHERE tenant = 'a' AND account = 'credit' AND period = 'total'",
    );
    assert.equal(used, integer(node, "SELECT sum(cost_micros) FROM audit_logs WHERE tenant = 'a'"));
    await promisify(execFile)(program('NN5G_CTL'), ['ledger', 'verify', '--store', node.storeUrl]);
    t.diagnostic(
      `killed ${JSON.stringify(counts)}, rows=${rows.length} acknowledged=${load.acknowledged.size} ` +
        `journaled=${kept.size} asked=${load.asked} unanswered=${load.failed} most_committed=${most}`,
    );
    assert.ok(load.acknowledged.size > 100, 'there was hardly any load');
  }));
