// Whatever is changed in a copy of a ledger, `nn5gctl ledger verify` finds it and names the row.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { eventually, onEachStore, program } from './fleet.mjs';

const ROWS = 12;
const tenants = `
tenants:
  - {id: a, KEYS, prices: {token_micros: 1500}, budget: {monthly_micros: 1000000}, split: mini_platform}
`;
const NUMBERS = [
  'quantity_ms',
  'price_micros',
  'cost_micros',
  'creator_micros',
  'platform_micros',
  'epoch',
  'part',
  'opened_at',
  'closed_at',
];
const TEXTS = [
  'session',
  'unit',
  'kind',
  'split',
  'provider_id',
  'stream',
  'slice',
  'node',
  'boot',
];
const where = (sequence) => `WHERE tenant = 'a' AND sequence = ${sequence}`;

/** Each: what is done, the SQL, and the sequence of the row to be named (null: a head). */
const TAMPERINGS = [
  ...NUMBERS.map((name) => [
    `${name} changed`,
    `UPDATE audit_logs SET ${name} = ${name} + 1 ${where(5)}`,
    5,
  ]),
  ...TEXTS.map((name) => [
    `${name} changed`,
    `UPDATE audit_logs SET ${name} = ${name} || 'x' ${where(6)}`,
    6,
  ]),
  ['id changed', `UPDATE audit_logs SET id = id || 'x' ${where(7)}`, 7],
  ['a hash changed', `UPDATE audit_logs SET hash = previous_hash ${where(5)}`, 5],
  ['a link changed', `UPDATE audit_logs SET previous_hash = hash ${where(5)}`, 5],
  ['a row removed', `DELETE FROM audit_logs ${where(4)}`, 4],
  ['the last row removed', `DELETE FROM audit_logs ${where(ROWS - 1)}`, ROWS - 1],
  [
    'two rows swapped',
    `UPDATE audit_logs SET sequence = -1 ${where(3)}; UPDATE audit_logs SET sequence = 3 ${where(8)};
     UPDATE audit_logs SET sequence = 8 WHERE tenant = 'a' AND sequence = -1`,
    3,
  ],
  [
    'a forked head',
    `UPDATE ledger_heads SET root = (SELECT hash FROM audit_logs ${where(2)}) WHERE tenant = 'a'`,
    null,
  ],
];

/** Copies the store. Returns {url, sql(text), drop()}. */
function copyStore(node, postgres, i) {
  if (!postgres) {
    const file = join(node.folder, `copy-${i}.db`);
    execFileSync('sqlite3', [join(node.folder, 'state/store.db'), `VACUUM INTO '${file}.part'`]);
    copyFileSync(`${file}.part`, file);
    return {
      url: `sqlite:${file}`,
      sql: (text) => execFileSync('sqlite3', [file, text], { encoding: 'utf8' }),
      drop() {},
    };
  }
  const name = `copy_${i}`;
  const url = new URL(postgres.url);
  const dump = execFileSync('pg_dump', [postgres.url], { maxBuffer: 1 << 28 });
  postgres.sql(`CREATE DATABASE ${name}`);
  url.pathname = `/${name}`;
  const psql = (input, ...words) =>
    execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', url.href, ...words], {
      encoding: 'utf8',
      input,
    });
  psql(dump);
  return {
    url: url.href,
    sql: (text) => psql('', '-c', text).trim(),
    drop: () => postgres.sql(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}

/** Whoever can change the rows can drop the triggers that forbid it. */
function disarm(copy, isPostgres) {
  if (isPostgres) {
    copy.sql(
      'ALTER TABLE audit_logs DISABLE TRIGGER USER; ALTER TABLE ledger_heads DISABLE TRIGGER USER',
    );
    return;
  }
  const triggers = copy.sql(
    "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('audit_logs', 'ledger_heads')",
  );
  for (const name of triggers.trim().split('\n').filter(Boolean)) copy.sql(`DROP TRIGGER ${name}`);
}

async function verify(url) {
  try {
    const { stdout } = await promisify(execFile)(program('NN5G_CTL'), [
      'ledger',
      'verify',
      '--store',
      url,
    ]);
    return { status: 0, text: stdout };
  } catch (error) {
    return { status: error.code, text: `${error.stdout}${error.stderr}` };
  }
}

test('every tampering of a ledger is found and named', (t) =>
  onEachStore(t, { tenants }, async (t, node, postgres) => {
    const token = node.token({ tenant: 'a' });
    for (let i = 0; i < ROWS; i++) {
      const answer = await node.usage('commit', 'a', token, {
        key: `turn-${i}`,
        unit: 'token_unit',
        quantity: 100 + i,
        provider_id: 'llm:x',
      });
      assert.equal(answer.status, 200, await answer.text());
    }
    const count = () => Number(node.sql("SELECT count(*) FROM audit_logs WHERE tenant = 'a'"));
    assert.ok(await eventually(5000, () => count() === ROWS));
    await node.ctl('ledger', 'sign');
    const clean = await verify(node.storeUrl);
    assert.equal(clean.status, 0, clean.text);
    const ids = node
      .sql("SELECT id FROM audit_logs WHERE tenant = 'a' ORDER BY sequence")
      .split('\n');
    for (const [i, [what, sql, sequence]] of TAMPERINGS.entries()) {
      const copy = copyStore(node, postgres, i);
      disarm(copy, postgres);
      copy.sql(sql);
      const { status, text } = await verify(copy.url);
      assert.equal(status, 1, `${what}: not found\n${text}`);
      const named =
        sequence === null ? /head/ : new RegExp(`row ${sequence}\\b|\\(${ids[sequence]}\\)`);
      assert.match(text, named, `${what}: row ${sequence} is not named`);
      copy.drop();
    }
    t.diagnostic(`found=${TAMPERINGS.length} of ${TAMPERINGS.length}`);
    const refused = () => node.sql(`UPDATE audit_logs SET cost_micros = 0 ${where(1)}`);
    assert.throws(refused, 'audit_logs can be changed in the live store');
  }));
