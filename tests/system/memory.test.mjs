// What `nn5gctl stats memory` says of a node with real sessions: owners add up to what is resident,
// a session costs what it may, and what sessions took comes back when they are gone.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, Node, program } from './fleet.mjs';

const VIEWERS = 200;
const ROUNDS = 2;
const SECONDS = 3; // that they stay
const SESSION_BYTES_MAX = 100 * 1024;
const ROUND_GROWTH_MAX = 3 << 20; // of what is resident after a round; sessions take twice that
const OF_SESSIONS = ['transports', 'dtls', 'srtp_in', 'srtp_out', 'sessions', 'feeds'];
const tenants = `
tenants:
  - {id: a, KEYS}
`;

/** A publisher and viewers with keys and hardly any media. */
function media(node, tokenFile) {
  const words = ['fanout', '--url', node.base, '--tenant', 'a', '--stream', 'still'];
  words.push('--token-file', tokenFile, '--viewers', `${VIEWERS}`, '--rate', '1');
  words.push('--packet', '100', '--rounds', '1', '--seconds', `${SECONDS}`, '--accept-noise');
  return spawn(program('NN5G_BENCH'), words, { stdio: 'ignore' });
}

const bytesOf = (report) =>
  Object.fromEntries(report.owners.map(({ owner, bytes }) => [owner, bytes]));

function checkSum(report) {
  const sum = report.owners.reduce((all, { bytes }) => all + bytes, 0);
  assert.equal(sum, report.resident_bytes);
}

test('memory by owner, with sessions and after them', async (t) => {
  const node = await Node.start({ tenants });
  try {
    const tokenFile = join(node.folder, 'token');
    writeFileSync(tokenFile, node.token({ tenant: 'a' }), { mode: 0o600 });
    const rest = [];
    for (let round = 1; round <= ROUNDS; round++) {
      const bench = media(node, tokenFile);
      const isOpen = async () =>
        (await node.metric('nn5g_sessions', 'state="active"')) === VIEWERS + 1;
      assert.ok(await eventually(30_000, isOpen, 200), 'sessions do not come');
      const report = await node.ctlJson('stats', 'memory');
      t.diagnostic(`${report.session_bytes} bytes a session, ${report.resident_bytes} in all`);
      checkSum(report);
      assert.equal(report.sessions, VIEWERS + 1);
      assert.ok(report.session_bytes > 0 && report.session_bytes <= SESSION_BYTES_MAX);
      const bytes = bytesOf(report);
      for (const owner of OF_SESSIONS) assert.ok(bytes[owner] > 0, `nothing of ${owner}`);
      assert.equal(await node.metric('nn5g_memory_bytes', 'owner="transports"'), bytes.transports);
      const table = await node.ctl('stats', 'memory');
      for (const { owner } of report.owners) assert.match(table, new RegExp(`^${owner} `, 'm'));

      if (bench.exitCode === null) await once(bench, 'exit');
      const isEmpty = async () => (await node.metric('nn5g_sessions')) === 0;
      assert.ok(await eventually(60_000, isEmpty, 200), 'sessions do not go');
      let after;
      const isFree = async () => {
        after = await node.ctlJson('stats', 'memory');
        return OF_SESSIONS.every((owner) => bytesOf(after)[owner] === 0);
      };
      assert.ok(await eventually(10_000, isFree, 200), `not given back: ${JSON.stringify(after)}`);
      checkSum(after);
      assert.equal(after.session_bytes, 0);
      rest.push(after.resident_bytes);
    }
    t.diagnostic(`resident after each round: ${rest.join(', ')}`);
    assert.ok(rest.at(-1) - rest[0] < ROUND_GROWTH_MAX, 'rounds add up');
  } finally {
    await node.stop();
  }
});
