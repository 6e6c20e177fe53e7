// PostgreSQL is restarted under a running session: not a packet is lost, what was used meanwhile is
// in the ledger once, and changes made after it still reach the node within a second.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Node, Postgres, auditRows, eventually, pause, program } from './fleet.mjs';

const VIEWERS = 3;
const SECONDS = 12;
const RESTARTS = 3;
const tenants = `
tenants:
  - id: a
    KEYS
    prices: {video_micros: 60000, token_micros: 1000}
    budget: {monthly_micros: 100000000}
`;

const run = promisify(execFile);

test('PostgreSQL is restarted under a running session', async (t) => {
  const postgres = await Postgres.start();
  const node = await Node.start({ tenants, postgres });
  try {
    const token = node.token({ tenant: 'a' });
    const tokenFile = join(node.folder, 'token');
    writeFileSync(tokenFile, token, { mode: 0o600 });
    const words = ['fanout', '--url', node.base, '--tenant', 'a', '--stream', 'live', '--json'];
    words.push(
      '--accept-noise',
      '--token-file',
      tokenFile,
      '--viewers',
      `${VIEWERS}`,
      '--rounds',
      '1',
    );
    const bench = run(program('NN5G_BENCH'), [...words, '--seconds', `${SECONDS}`]);
    const isPlaying = async () =>
      (await node.metric('nn5g_sessions', 'role="viewer",state="active"')) === VIEWERS;
    assert.ok(await eventually(10_000, isPlaying, 50));
    const debits = [];
    for (let i = 0; i < RESTARTS; i++) {
      const body = { key: `k${i}`, unit: 'token_unit', quantity: 1000 };
      debits.push(node.usage('commit', 'a', token, body).then(({ status }) => status));
      await pause(500);
      await postgres.restart();
      await pause(1000);
    }
    const lines = (await bench).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const round = lines.find(({ type }) => type === 'sample');
    t.diagnostic(`restarts=${RESTARTS} packets=${round.packets} lost=${round.lost}`);
    assert.equal(round.lost, 0, 'the media noticed');
    assert.deepEqual(
      await Promise.all(debits),
      debits.map(() => 200),
    );

    const isWhole = () => auditRows(node, "tenant = 'a'").length === VIEWERS + RESTARTS;
    assert.ok(
      await eventually(10_000, isWhole, 100),
      JSON.stringify(auditRows(node, "tenant = 'a'")),
    );
    const rows = auditRows(node, "tenant = 'a'");
    for (const { quantity_ms } of rows.filter(({ kind }) => kind === 'video'))
      assert.ok(
        quantity_ms >= SECONDS * 1000 && quantity_ms < (SECONDS + 5) * 1000,
        `${quantity_ms} ms`,
      );
    const used = postgres.sql(
      "SELECT used FROM meters WHERE tenant = 'a' AND account = 'credit' AND period = 'total'",
    );
    assert.equal(
      Number(used),
      rows.reduce((sum, { cost_micros }) => sum + cost_micros, 0),
    );
    await run(program('NN5G_CTL'), ['ledger', 'verify', '--store', postgres.url]);

    // It listens again.
    postgres.sql("UPDATE tenants SET standing = 'paused' WHERE id = 'a'");
    const isPaused = async () => (await node.post('whip', 'a', 'x', token)).status === 403;
    assert.ok(await eventually(1000, isPaused, 20), 'a change is not in force within a second');
  } catch (error) {
    t.diagnostic(node.log());
    throw error;
  } finally {
    await node.stop();
    await postgres.stop();
  }
});
