// What is secret stays so: a tenant's secret, private keys and tokens are neither in logs, metrics,
// events, exports or the store, nor on a command line; and what holds them is for their owner only.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { eventually, onEachStore, program } from './fleet.mjs';

const SECRET = 'sk-live-4711-this-is-nobodys-business';
const tenants = `
tenants:
  - {id: a, KEYS, prices: {token_micros: 1000}, budget: {monthly_micros: 1000000}}
`;

/** Sets the secret as an operator would: over standard input. */
async function setSecret(node) {
  const words = [
    'secret',
    'set',
    'a',
    'openai',
    '--socket',
    join(node.folder, 'state/control.sock'),
  ];
  const child = spawn(program('NN5G_CTL'), words, { stdio: ['pipe', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  child.stdin.end(`${SECRET}\n`);
  assert.deepEqual(await exited, [0, null]);
}

/** All that the folder's files hold, as text of bytes; the files that are to hold keys left out. */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/key\.pem$|^token$|secret\.key$/.test(entry.name))
    .map((entry) => [
      entry.name,
      readFileSync(join(entry.parentPath ?? entry.path, entry.name), 'latin1'),
    ]);
}

test('secrets are nowhere to be seen', (t) =>
  onEachStore(t, { tenants }, async (t, node, postgres) => {
    await setSecret(node);
    const token = node.token({ tenant: 'a' });
    const wrong = `${token.slice(0, -8)}AAAAAAAA`;
    const debit = { key: 'k', unit: 'token_unit', quantity: 1000 };
    assert.equal((await node.usage('commit', 'a', token, debit)).status, 200);
    assert.equal((await node.usage('commit', 'a', wrong, debit)).status, 401);
    assert.equal((await node.post('whip', 'a', 'live', token)).status, 201);
    assert.equal((await node.post('whip', 'a', 'more', wrong)).status, 401);
    const isTold = async () =>
      (await node.ctlJson('events', '--tenant', 'a')).events.some(({ event }) => event.gate === 4);
    assert.ok(await eventually(5000, isTold, 100));
    await node.ctl('tenant', 'export', 'a', '--out', join(node.folder, 'export.jsonl'));
    const said = [
      ...filesOf(node.folder),
      ['metrics', await (await fetch(`${node.base}/metrics`)).text()],
      ['events', await node.ctl('events', '--json')],
      ['secret list', await node.ctl('secret', 'list', 'a', '--json')],
      ['tenant show', await node.ctl('tenant', 'show', 'a', '--json')],
      ['stats', node.log(100_000)],
      ...[node.pid, node.controlPid()].map((pid) => [
        `command line of ${pid}`,
        readFileSync(`/proc/${pid}/cmdline`, 'latin1'),
      ]),
    ];
    if (postgres)
      for (const table of ['tenants', 'keys', 'secrets', 'events', 'audit_logs', 'sessions'])
        said.push([table, postgres.sql(`SELECT row_to_json(${table}) FROM ${table}`)]);
    const body = (file) =>
      readFileSync(join(node.folder, file), 'utf8').split('\n').slice(1, -2).join('\n');
    const secrets = {
      "a tenant's secret": SECRET,
      'its hexadecimal': Buffer.from(SECRET).toString('hex'),
      'its base64': Buffer.from(SECRET).toString('base64').slice(0, 40),
      'a token': token.split('.')[2],
      'a private key': body('key.pem'),
      "the ledger's key": body('state/ledger.key.pem'),
      'the key of secrets': readFileSync(join(node.folder, 'state/secret.key'), 'latin1'),
    };
    for (const [what, secret] of Object.entries(secrets)) {
      assert.ok(secret.length >= 32, what);
      for (const [where, text] of said) assert.ok(!text.includes(secret), `${what} is in ${where}`);
    }
    assert.ok(said.length > 10 && said.every(([, text]) => typeof text === 'string'));
    for (const entry of readdirSync(join(node.folder, 'state'), { withFileTypes: true })) {
      const { mode } = statSync(join(node.folder, 'state', entry.name));
      assert.equal(
        mode & 0o077,
        0,
        `${entry.name} is open to others: ${(mode & 0o777).toString(8)}`,
      );
    }
  }));

test('a password in the URL of the store is refused, and not repeated', () => {
  for (const url of [
    'postgresql://u:geheim@127.0.0.1:1/x',
    'postgresql://u@127.0.0.1:1/x?password=geheim',
  ]) {
    const words = [
      '--admin',
      '/nowhere/a',
      '--socket',
      '/nowhere/b',
      '--state',
      '/nowhere',
      '--store',
    ];
    const refused = () =>
      execFileSync(program('NN5G_CONTROL'), [...words, url], { stdio: 'pipe', timeout: 5000 });
    assert.throws(refused, ({ status, stderr }) => {
      assert.equal(status, 2, `${stderr}`);
      assert.match(`${stderr}`, /PGPASSFILE/);
      assert.ok(!`${stderr}`.includes('geheim'));
      return true;
    });
  }
});
