// Gateways for the tests: each is a process of its own, in a temporary folder, on free ports.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_MS = 20_000;
const STOP_MS = 10_000;
const LOG_LINES_SHOWN = 40;

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

export class Gateway {
  /** Where the API is, for instance "http://127.0.0.1:41234". */
  base;
  /** UDP port of all media. */
  mediaPort;
  #folder = mkdtempSync(join(tmpdir(), 'nn5g-'));
  #process = null;
  #logFile = join(this.#folder, 'log');

  /**
   * Starts one, listening on one address only, for API and media. `policy` is what tenants.yaml
   * says of the tenant besides its key: lines of YAML.
   */
  static async start(address = '127.0.0.1', policy = []) {
    const gateway = new Gateway();
    await gateway.#configure(address);
    gateway.#writeTenants(policy);
    try {
      await gateway.run();
    } catch (error) {
      await gateway.kill();
      gateway.#removeFolder();
      throw error;
    }
    return gateway;
  }

  async #configure(address) {
    const httpPort = await freeTcpPort(address);
    this.mediaPort = await freeUdpPort(address);
    this.base = `http://${address.includes(':') ? `[${address}]` : address}:${httpPort}`;
    const publicKey = execFileSync(program('NN5G_CTL'), [
      'key',
      'generate',
      '--out',
      join(this.#folder, 'dev.key.pem'),
    ]);
    writeFileSync(join(this.#folder, 'dev.pub.pem'), publicKey);
    writeFileSync(
      join(this.#folder, 'gateway.yaml'),
      [
        'http:',
        `  address: "${address}"`,
        `  port: ${httpPort}`,
        'media:',
        `  listen: ["${address}"]`,
        `  port: ${this.mediaPort}`,
        'tenants: tenants.yaml',
        '',
      ].join('\n'),
    );
  }

  #writeTenants(policy) {
    writeFileSync(
      join(this.#folder, 'tenants.yaml'),
      [
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

  /** Another policy for the tenant, while it runs. */
  changePolicy(policy) {
    this.#writeTenants(policy);
    this.#process.kill('SIGHUP');
  }

  /** Runs the process, again after kill(), and waits until it is ready. */
  async run() {
    const log = openSync(this.#logFile, 'a');
    this.#process = spawn(
      program('NN5G_GATEWAY'),
      ['--config', join(this.#folder, 'gateway.yaml')],
      { stdio: ['ignore', log, log] },
    );
    closeSync(log);
    const deadline = Date.now() + READY_MS;
    for (;;) {
      const ready = await fetch(`${this.base}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (ready) return;
      assert.equal(this.#process.exitCode, null, `the gateway ended by itself\n${this.log()}`);
      assert.ok(Date.now() < deadline, `not ready after ${READY_MS} ms\n${this.log()}`);
      await pause(50);
    }
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
    const text = await (await fetch(`${this.base}/metrics`)).text();
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
