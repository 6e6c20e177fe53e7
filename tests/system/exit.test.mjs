// The end of a tenant: its sessions end, what nodes hold of it comes back, its share of the slice is
// free, and the export is verified on a machine that has nothing else.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually, onEachStore, program } from './fleet.mjs';

const EXIT_MAX_MS = 15_000;
const tenants = `
tenants:
  - {id: other, KEYS}
`;

const run = promisify(execFile);

/** `ledger verify --export` where there is no node and no store; its exit code and what it says. */
async function verifyElsewhere(text, name = 'export.jsonl') {
  const folder = mkdtempSync(join(tmpdir(), 'nn5g-elsewhere-'));
  try {
    writeFileSync(join(folder, name), text);
    return await run(program('NN5G_CTL'), ['ledger', 'verify', '--export', name], {
      cwd: folder,
      env: { PATH: process.env.PATH },
    }).then(
      ({ stdout, stderr }) => ({ status: 0, text: stdout + stderr }),
      ({ code, stdout, stderr }) => ({ status: code, text: stdout + stderr }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A publisher and viewers of the tenant, with real media. */
function media(node, tokenFile) {
  const words = ['fanout', '--url', node.base, '--tenant', 'acme', '--stream', 'live'];
  words.push(
    '--token-file',
    tokenFile,
    '--viewers',
    '2',
    '--rounds',
    '1',
    '--seconds',
    '30',
    '--accept-noise',
  );
  return spawn(program('NN5G_BENCH'), words, { stdio: 'ignore' });
}

test('tenant exit settles, releases and exports', (t) =>
  onEachStore(t, { tenants }, async (t, node) => {
    const key = join(node.folder, 'acme.pem');
    await node.ctl('tenant', 'create', 'acme', '--plan', 'gold', '--key-out', key, 'split=imvu');
    const tokenFile = join(node.folder, 'token');
    const words = ['token', '--key', key, '--key-id', 'k1', '--tenant', 'acme'];
    words.push('--scope', 'publish play usage');
    const token = execFileSync(program('NN5G_CTL'), words, { encoding: 'utf8' }).trim();
    writeFileSync(tokenFile, token, { mode: 0o600 });

    const debit = { key: 'k', unit: 'token_unit', quantity: 2500, provider_id: 'llm:small' };
    assert.equal((await node.usage('commit', 'acme', token, debit)).status, 200);
    const bench = media(node, tokenFile);
    try {
      const isPlaying = async () =>
        (await node.ctlJson('session', 'list', '--tenant', 'acme')).sessions.filter(
          ({ state }) => state === 'active',
        ).length === 3;
      assert.ok(await eventually(10_000, isPlaying, 100), 'no sessions');
      const file = join(node.folder, 'acme.jsonl');
      const started = Date.now();
      await node.ctl('tenant', 'exit', 'acme', '--out', file);
      t.diagnostic(`exit took ${Date.now() - started} ms`);
      assert.ok(Date.now() - started < EXIT_MAX_MS, 'nodes did not give back what they held');

      const text = readFileSync(file, 'utf8');
      const sound = await verifyElsewhere(text);
      assert.equal(sound.status, 0, sound.text);
      const rows = Number(node.sql("SELECT count(*) FROM audit_logs WHERE tenant = 'acme'"));
      assert.ok(rows >= 3, `${rows} rows`);
      assert.match(sound.text, new RegExp(`acme: ${rows} rows, .* sound`));
      const forged = await verifyElsewhere(text.replace('"llm:small"', '"llm:large"'));
      assert.equal(forged.status, 1, forged.text);
      assert.match(forged.text, /row \d+ \(acme:key:k\)/);

      const shown = await node.ctlJson('tenant', 'show', 'acme');
      assert.equal(shown.tenant.standing, 'exited');
      const budget = await node.ctlJson('budget', 'acme');
      for (const { account, outstanding } of budget.accounts)
        assert.equal(outstanding, 0, `${account} with nodes`);
      const { slices } = await node.ctlJson('slice', 'list');
      assert.equal(slices.find(({ id }) => id === 'gold').promised_bps, 0);
      assert.equal((await node.post('whep', 'acme', 'live', token)).status, 403);
      assert.equal((await node.usage('commit', 'acme', token, { ...debit, key: 'l' })).status, 403);
      // It may be repeated, and it is final.
      await node.ctl('tenant', 'exit', 'acme');
      await assert.rejects(node.ctl('tenant', 'resume', 'acme'), /exited/);
    } finally {
      const ended = once(bench, 'exit');
      bench.kill('SIGKILL');
      await ended;
    }
  }));
