// What the system tests are made of: stores, nodes with their control plane, the operator's command
// line. All real processes, each in a folder of its own under the system's temporary folder.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freeTcpPort, freeUdpPort, pause, program } from '../browser/gateway.mjs';
import { eventually } from '../browser/sampling.mjs';

export { eventually, pause, program };

const READY_MS = 30_000;
const STOP_MS = 15_000;
const LOG_LINES_SHOWN = 40;
const POSTGRES = fileURLToPath(new URL('../postgres', import.meta.url));
const SDP = new URL('../gateway/sdp/', import.meta.url);

const run = promisify(execFile);

/** A PostgreSQL of the test's own. */
export class Postgres {
  url = '';
  #folder = mkdtempSync(join(tmpdir(), 'nn5g-pg-'));

  static async start() {
    const postgres = new Postgres();
    chmodSync(postgres.#folder, 0o755); // the server runs as another user
    await postgres.start();
    return postgres;
  }

  async start() {
    const { stdout } = await run(POSTGRES, ['start', this.#folder]);
    this.url = stdout.trim().split('\n').at(-1);
  }

  /** As the kernel's out-of-memory killer would: the postmaster and with it all its children. */
  kill() {
    execFileSync(POSTGRES, ['kill', this.#folder]);
  }

  /** As an upgrade would: it ends cleanly, its clients are cut off, and it comes back. */
  async restart() {
    await run(POSTGRES, ['stop', this.#folder]);
    await this.start();
  }

  sql(text) {
    return execFileSync('psql', ['-XqAt', '-F', '\t', this.url, '-c', text], {
      encoding: 'utf8',
    }).trim();
  }

  async stop() {
    await run(POSTGRES, ['stop', this.#folder]);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The two stores, each as {name, url(), sql(text), stop()} of a fleet whose first node is `node`. */
export const STORES = ['sqlite', 'postgres'];

/** One node: a gateway with the nn5g-control it starts itself. */
export class Node {
  base;
  folder = mkdtempSync(join(tmpdir(), 'nn5g-node-'));
  #process = null;
  #logFile = join(this.folder, 'log');
  #postgres = null;
  #isExternal = false;
  #control = null; // the nn5g-control beside it, of control.mode external

  /**
   * @param {object} options
   * @param {string} options.tenants Text of tenants.yaml; KEYS stands for the keys of a tenant.
   * @param {Postgres} [options.postgres] The store; without it an SQLite file of the node's own.
   * @param {string} [options.name]
   * @param {string} [options.more] More lines of gateway.yaml.
   * @param {number} [options.portMbps] node.port_mbps; 0: not known.
   * @param {boolean} [options.isExternal] Its control plane comes with startControl().
   */
  static async start({
    tenants,
    postgres = null,
    name = 'node-1',
    more = '',
    portMbps = 0,
    keysOf = null,
    isExternal = false,
  }) {
    const node = new Node();
    node.#postgres = postgres;
    node.#isExternal = isExternal;
    try {
      await node.#configure({ tenants, name, more, portMbps, keysOf });
      await node.run();
    } catch (error) {
      await node.kill();
      throw error;
    }
    return node;
  }

  async #configure({ tenants, name, more, portMbps, keysOf }) {
    const httpPort = await freeTcpPort('127.0.0.1');
    const mediaPort = await freeUdpPort('127.0.0.1');
    this.base = `http://127.0.0.1:${httpPort}`;
    if (keysOf) {
      for (const file of ['key.pem', 'pub.pem'])
        writeFileSync(join(this.folder, file), readFileSync(join(keysOf.folder, file)), {
          mode: 0o600,
        });
    } else {
      const key = join(this.folder, 'key.pem');
      const text = execFileSync(program('NN5G_CTL'), ['key', 'generate', '--out', key]);
      writeFileSync(join(this.folder, 'pub.pem'), text);
    }
    this.writeTenants(tenants);
    const store = this.#postgres ? `control: {store: "${this.#postgres.url}"}` : '';
    const lines = [
      `node: {name: ${name}, memory_mb: 128, packets: 8191, port_mbps: ${portMbps}}`,
      `http: {port: ${httpPort}}`,
      `media: {listen: [127.0.0.1], port: ${mediaPort}}`,
      'ice: {connect_s: 300}',
      this.#isExternal ? 'control: {mode: external}' : store,
      'tenants: tenants.yaml',
      more,
      '',
    ];
    writeFileSync(join(this.folder, 'gateway.yaml'), lines.join('\n'));
  }

  writeTenants(text) {
    const keys = 'keys: [{id: dev, algorithm: EdDSA, public_key_file: pub.pem}]';
    writeFileSync(join(this.folder, 'tenants.yaml'), text.replaceAll('KEYS', keys));
  }

  async run() {
    const log = openSync(this.#logFile, 'a');
    this.#process = spawn(
      program('NN5G_GATEWAY'),
      ['--config', join(this.folder, 'gateway.yaml')],
      {
        stdio: ['ignore', log, log],
      },
    );
    closeSync(log);
    const isReady = async () => {
      assert.equal(this.#process.exitCode, null, `the gateway ended by itself\n${this.log()}`);
      return this.#isAt(this.#isExternal ? 'healthz' : 'readyz');
    };
    assert.ok(
      await eventually(READY_MS, isReady, 50),
      `not ready after ${READY_MS} ms\n${this.log()}`,
    );
  }

  #isAt(probe) {
    return fetch(`${this.base}/${probe}`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** The nn5g-control beside the node, as a service manager would start it. */
  async startControl() {
    const state = join(this.folder, 'state');
    const log = openSync(this.#logFile, 'a');
    const words = ['--admin', join(state, 'admin.sock'), '--socket', join(state, 'control.sock')];
    words.push('--store', this.storeUrl, '--state', state);
    words.push('--import', join(this.folder, 'tenants.yaml'));
    this.#control = spawn(program('NN5G_CONTROL'), words, { stdio: ['ignore', log, log] });
    closeSync(log);
    assert.ok(await eventually(READY_MS, () => this.#isAt('readyz'), 20), this.log());
  }

  async killControl() {
    const control = this.#control;
    this.#control = null;
    if (!control || control.exitCode !== null || control.signalCode !== null) return;
    const exited = once(control, 'exit');
    control.kill('SIGKILL');
    await exited;
  }

  get pid() {
    return this.#process.pid;
  }

  /** The pid of the nn5g-control that this gateway runs now, or null. */
  controlPid() {
    try {
      const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8')
        .trim()
        .split(' ');
      return (
        Number(
          children.find((pid) =>
            readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('nn5g-control'),
          ),
        ) || null
      );
    } catch {
      return null;
    }
  }

  /** Runs nn5gctl on this node's control plane; its standard output. */
  async ctl(...words) {
    const { stdout } = await run(program('NN5G_CTL'), words, {
      env: {
        ...process.env,
        NN5G_CONTROL_SOCKET: join(this.folder, 'state/control.sock'),
        NN5G_ADMIN_SOCKET: join(this.folder, 'state/admin.sock'),
      },
      maxBuffer: 1 << 28,
    });
    return stdout;
  }

  async ctlJson(...words) {
    return JSON.parse(await this.ctl(...words, '--json'));
  }

  get storeUrl() {
    return this.#postgres ? this.#postgres.url : `sqlite:${join(this.folder, 'state/store.db')}`;
  }

  /** Runs SQL on the store, as an operator by hand would: rows of tab-separated columns. */
  sql(text) {
    if (this.#postgres) return this.#postgres.sql(text);
    const file = join(this.folder, 'state/store.db');
    return execFileSync('sqlite3', ['-cmd', '.timeout 5000', '-separator', '\t', file, text], {
      encoding: 'utf8',
    }).trim();
  }

  token({ tenant, stream = '*', scope = 'publish play usage', ttl = '1h' }) {
    const key = join(this.folder, 'key.pem');
    const words = [
      'token',
      '--key',
      key,
      '--key-id',
      'dev',
      '--tenant',
      tenant,
      '--stream',
      stream,
    ];
    return execFileSync(program('NN5G_CTL'), [...words, '--scope', scope, '--ttl', ttl], {
      encoding: 'utf8',
    }).trim();
  }

  /** POSTs a recorded browser's offer. @param {'whip' | 'whep'} verb */
  post(verb, tenant, stream, token, headers = {}) {
    const offer = verb === 'whip' ? 'chromium_publish_vp8.sdp' : 'chromium_play.sdp';
    return fetch(`${this.base}/${verb}/${tenant}/${stream}`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', authorization: `Bearer ${token}`, ...headers },
      body: readFileSync(new URL(offer, SDP)),
    });
  }

  /** One of the usage routes. @param {'authorize' | 'commit' | 'cancel'} verb */
  usage(verb, tenant, token, body) {
    return fetch(`${this.base}/usage/${tenant}/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  }

  /** One number of /metrics, summed over the rows whose labels contain `labels`. */
  async metric(name, labels = '') {
    const text = await (await fetch(`${this.base}/metrics`)).text();
    return text
      .split('\n')
      .filter(
        (line) => line.startsWith(name) && /[ {]/.test(line[name.length]) && line.includes(labels),
      )
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  log(lines = LOG_LINES_SHOWN) {
    return readFileSync(this.#logFile, 'utf8').split('\n').slice(-lines).join('\n');
  }

  async kill() {
    await this.#end('SIGKILL');
  }

  async stop() {
    const status = await this.#end('SIGTERM');
    const log = this.log();
    rmSync(this.folder, { recursive: true, force: true });
    assert.equal(status, 0, `the gateway did not exit cleanly\n${log}`);
  }

  /** A signal to the gateway that is waited for by nobody. */
  signal(name) {
    this.#process.kill(name);
  }

  async #end(signal) {
    const running = this.#process;
    this.#process = null;
    if (!running || running.exitCode !== null || running.signalCode !== null)
      return running?.exitCode;
    const exited = once(running, 'exit');
    running.kill(signal);
    const timer = setTimeout(() => running.kill('SIGKILL'), STOP_MS);
    const [code, killedBy] = await exited;
    clearTimeout(timer);
    await this.killControl();
    return code ?? killedBy;
  }
}

/**
 * Runs `use` with a node on each store, as subtests: in turn, or at once where the test says
 * {concurrency: true}.
 */
export async function onEachStore(t, options, use) {
  const ofStore = (store) =>
    t.test(store, async (t) => {
      const postgres = store === 'postgres' ? await Postgres.start() : null;
      const node = await Node.start({ ...options, postgres });
      try {
        await use(t, node, postgres);
      } catch (error) {
        t.diagnostic(node.log());
        throw error;
      } finally {
        await node.stop();
        await postgres?.stop();
      }
    });
  await Promise.all(STORES.map(ofStore));
}

/** The rows of audit_logs that fit, as objects. */
export function auditRows(node, where) {
  const columns = [
    'id',
    'unit',
    'kind',
    'quantity_ms',
    'price_micros',
    'cost_micros',
    'creator_micros',
    'platform_micros',
    'provider_id',
    'session',
  ];
  const text = node.sql(
    `SELECT ${columns.join(', ')} FROM audit_logs WHERE ${where} ORDER BY tenant, sequence`,
  );
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) =>
      Object.fromEntries(
        line
          .split('\t')
          .map((value, i) => [columns[i], /^-?\d+$/.test(value) ? Number(value) : value]),
      ),
    );
}
