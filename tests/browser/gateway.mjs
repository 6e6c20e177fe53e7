// Gateways for the tests: each is a process of its own, in a temporary folder, on free ports.

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const READY_MS = 20_000;
const STOP_MS = 10_000;
const LOG_LINES_SHOWN = 40;

const run = promisify(execFile);

/** The path of a program to test. */
export function program(variable) {
  const path = process.env[variable];
  assert.ok(path, `${variable} is not set: it is the path of the program to test`);
  return path;
}

export async function freeTcpPort(address) {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export async function freeUdpPort(address) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(0, address);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A certificate that no browser trusts, for a gateway that is not on loopback. */
function makeCertificate(folder, address) {
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
      .concat(['-days', '2', '-subj', '/CN=nn5g-test', '-addext', `subjectAltName=IP:${address}`])
      .concat(['-keyout', join(folder, 'tls.key'), '-out', join(folder, 'tls.pem')]),
    { stdio: 'ignore' },
  );
}

export class Gateway {
  /** Where the API is, for instance "http://127.0.0.1:41234". */
  base;
  /** UDP port of all media. */
  mediaPort;
  #folder = mkdtempSync(join(tmpdir(), 'nn5g-'));
  #process = null;
  #logFile = join(this.#folder, 'log');
  /** The network namespace it runs in; null: the test's own. */
  #namespace = null;
  /** Where plain HTTP is, as seen from its namespace. */
  #plainBase = '';

  /**
   * Starts one, listening on one address only, for API and media.
   * @param {string} address
   * @param {object} options
   * @param {string} [options.namespace] A network namespace of its own: API over HTTPS then, and
   *   ports as they come.
   * @param {string[]} [options.more] More lines of gateway.yaml.
   * @param {string[]} [options.slices] Lines of `slices` in tenants.yaml.
   * @param {string[]} [options.policy] What tenants.yaml says of the tenant besides its key.
   */
  static async start(address = '127.0.0.1', options = {}) {
    const gateway = new Gateway();
    gateway.#namespace = options.namespace ?? null;
    await gateway.#configure(address, options);
    try {
      await gateway.run();
    } catch (error) {
      await gateway.kill();
      gateway.#removeFolder();
      throw error;
    }
    return gateway;
  }

  async #configure(address, options) {
    const publicKey = execFileSync(program('NN5G_CTL'), [
      'key',
      'generate',
      '--out',
      join(this.#folder, 'dev.key.pem'),
    ]);
    writeFileSync(join(this.#folder, 'dev.pub.pem'), publicKey);
    this.#writeTenants(options);
    const host = address.includes(':') ? `[${address}]` : address;
    const lines = this.#namespace
      ? this.#listenApart(address, host)
      : await this.#listenHere(address, host);
    lines.push('tenants: tenants.yaml', ...(options.more ?? []), '');
    writeFileSync(join(this.#folder, 'gateway.yaml'), lines.join('\n'));
  }

  /** In the test's own namespace, on free ports. */
  async #listenHere(address, host) {
    const httpPort = await freeTcpPort(address);
    this.mediaPort = await freeUdpPort(address);
    this.base = this.#plainBase = `http://${host}:${httpPort}`;
    return [
      'http:',
      `  address: "${address}"`,
      `  port: ${httpPort}`,
      'media:',
      `  listen: ["${address}"]`,
      `  port: ${this.mediaPort}`,
    ];
  }

  /** In a namespace where every port is free. */
  #listenApart(address, host) {
    makeCertificate(this.#folder, address);
    this.mediaPort = 8443;
    this.base = `https://${host}:8443`;
    this.#plainBase = 'http://127.0.0.1:8080';
    return [
      'https:',
      `  address: "${address}"`,
      '  certificate: tls.pem',
      '  key: tls.key',
      'media:',
      `  listen: ["${address}"]`,
    ];
  }

  #writeTenants({ slices = [], policy = [] }) {
    writeFileSync(
      join(this.#folder, 'tenants.yaml'),
      [
        ...(slices.length > 0 ? ['slices:', ...slices.map((line) => `  ${line}`)] : []),
        'tenants:',
        '  - id: demo',
        '    keys:',
        '      - id: dev',
        '        algorithm: EdDSA',
        '        public_key_file: dev.pub.pem',
        ...policy.map((line) => `    ${line}`),
        '',
      ].join('\n'),
    );
  }

  /** Other slices and another policy for the tenant, while it runs. */
  change(options) {
    this.#writeTenants(options);
    this.#process.kill('SIGHUP');
  }

  /** Runs the process, again after kill(), and waits until it is ready. */
  async run() {
    const log = openSync(this.#logFile, 'a');
    const command = [program('NN5G_GATEWAY'), '--config', join(this.#folder, 'gateway.yaml')];
    if (this.#namespace) command.unshift('ip', 'netns', 'exec', this.#namespace);
    this.#process = spawn(command[0], command.slice(1), { stdio: ['ignore', log, log] });
    closeSync(log);
    const deadline = Date.now() + READY_MS;
    for (;;) {
      if ((await this.#get('readyz')) !== null) return;
      assert.equal(this.#process.exitCode, null, `the gateway ended by itself\n${this.log()}`);
      assert.ok(Date.now() < deadline, `not ready after ${READY_MS} ms\n${this.log()}`);
      await pause(50);
    }
  }

  /** What it answers, asked where it is; null: nothing, or not 200. */
  async #get(path) {
    const url = `${this.#plainBase}/${path}`;
    if (!this.#namespace) {
      return fetch(url).then(
        (response) => (response.ok ? response.text() : null),
        () => null,
      );
    }
    const script = `const answer = await fetch('${url}').catch(() => process.exit(1));
      if (!answer.ok) process.exit(1);
      process.stdout.write(await answer.text());`;
    return run(
      'ip',
      ['netns', 'exec', this.#namespace, process.execPath, '--input-type=module', '-e', script],
      { maxBuffer: 1 << 26 },
    ).then(
      ({ stdout }) => stdout,
      () => null,
    );
  }

  /** A token for the tenant "demo". */
  token({ stream = '*', scope = 'publish play' } = {}) {
    return execFileSync(
      program('NN5G_CTL'),
      [
        'token',
        '--key',
        join(this.#folder, 'dev.key.pem'),
        '--key-id',
        'dev',
        '--tenant',
        'demo',
        '--stream',
        stream,
        '--scope',
        scope,
        '--ttl',
        '1h',
      ],
      { encoding: 'utf8' },
    ).trim();
  }

  /** The end of its log. */
  log() {
    return readFileSync(this.#logFile, 'utf8').split('\n').slice(-LOG_LINES_SHOWN).join('\n');
  }

  /** One number of /metrics, summed over the rows whose labels contain `labels`. */
  async metric(name, labels = '') {
    const text = await this.#get('metrics');
    return text
      .split('\n')
      .filter(
        (line) => line.startsWith(name) && /[ {]/.test(line[name.length]) && line.includes(labels),
      )
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** As the kernel's out-of-memory killer would. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Asks it to end, and holds it to a clean exit. */
  async stop() {
    const status = await this.#end('SIGTERM');
    const log = this.log();
    this.#removeFolder();
    assert.equal(status, 0, `the gateway did not exit cleanly\n${log}`);
  }

  async #end(signal) {
    const running = this.#process;
    this.#process = null;
    if (!running || running.exitCode !== null) return running?.exitCode;
    const exited = once(running, 'exit');
    running.kill(signal);
    const timer = setTimeout(() => running.kill('SIGKILL'), STOP_MS);
    const [code, killedBy] = await exited;
    clearTimeout(timer);
    return code ?? killedBy;
  }

  #removeFolder() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
