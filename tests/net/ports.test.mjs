// The gateway on an interface of its own namespace, in each port mode, with exactly the capabilities of
// that mode; publisher and viewers (nn5g-bench fanout) on the other end of the veth pair. Media flows
// without loss over IPv4 and IPv6, the kernel goes on answering ping and TCP, every class is marked,
// and neither SIGTERM nor SIGKILL leaves anything behind.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { markings } from './capture.mjs';
import { logged, Net, until } from './net.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const program = (variable, name) => process.env[variable] ?? join(root, 'build/release', name);
const gateway = program('NN5G_GATEWAY', 'nn5g-gateway');
const ctl = program('NN5G_CTL', 'nn5gctl');
const bench = program('NN5G_BENCH', 'nn5g-bench');
const forward = fileURLToPath(new URL('forward.mjs', import.meta.url));

// Of sanitized builds: what libraries leave behind.
process.env.LSAN_OPTIONS ??= `suppressions=${join(root, 'tests/lsan.supp')}:print_suppressions=0`;

const FORWARD_PORT = 8081;
const NOBODY = '65534';
const EF = 46, AF41 = 34;

// IPC_LOCK stands in for the unit's LimitMEMLOCK=infinity, which a test may not be able to ask for.
const CAPABILITIES = {
  socket: [],
  af_packet: ['net_raw', 'net_admin'],
  af_xdp: ['net_raw', 'net_admin', 'bpf', 'ipc_lock'],
};

/** A command as an ordinary user with a mode's capabilities and no others. */
function withCapabilities(mode, ...argv) {
  const list = CAPABILITIES[mode].map((name) => `+${name}`).join(',');
  return ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups',
    ...(list ? [`--inh-caps=${list}`, `--ambient-caps=${list}`] : []),
    `--bounding-set=-all${list ? `,${list}` : ''}`, ...argv];
}

class Node {
  constructor(net, mode, listen, workers = 1) {
    this.net = net;
    this.mode = mode;
    this.folder = mkdtempSync(join(tmpdir(), 'nn5g-net-'));
    this.log = join(this.folder, 'log');
    const key = join(this.folder, 'key.pem');
    writeFileSync(join(this.folder, 'tenants.yaml'),
      execFileSync(ctl, ['key', 'generate', '--tenant', 'net', '--key-id', 'k', '--out', key]));
    writeFileSync(join(this.folder, 'token'),
      execFileSync(ctl, ['token', '--key', key, '--key-id', 'k', '--tenant', 'net', '--stream', '*',
        '--scope', 'publish play', '--ttl', '1h']));
    writeFileSync(join(this.folder, 'gateway.yaml'), [
      'http: {port: 0}',
      `media: {listen: ["${listen}"], port: 8443}`,
      `port: {mode: ${mode}, interface: nic}`,
      `node: {state: state, workers: ${workers}}`,
      'control: {mode: none}',
      'tenants: tenants.yaml',
      ''].join('\n'));
    chmodSync(this.folder, 0o755);
    execFileSync('mkdir', ['-m', '777', join(this.folder, 'state')]);
  }

  async start() {
    this.gateway = this.net.start('node', this.log, ...withCapabilities(this.mode, gateway, '--config',
      join(this.folder, 'gateway.yaml')));
    let ended = false;
    this.gateway.ended.then(() => { ended = true; });
    await until(() => ended || logged(this.log, 'started'), 'the gateway starts');
    assert.ok(!ended, `the gateway ended: ${readFileSync(this.log, 'utf8')}`);
    const port = logged(this.log, 'started').metadata.http_port;
    const log = join(this.folder, 'forward');
    this.forward = this.net.start('node', log, process.execPath, forward, this.net.node_ipv4,
      String(FORWARD_PORT), String(port));
    await until(() => readFileSync(log, 'utf8').includes('ready'), 'the forwarder starts');
  }

  /** Ends the gateway; returns [status, signal]. */
  async end(signal) {
    const [end] = await Promise.all([this.net.end(this.gateway, signal),
      this.net.end(this.forward, 'SIGKILL')]);
    return end;
  }

  async endInOrder() {
    const [status] = await this.end('SIGTERM');
    assert.equal(status, 0, readFileSync(this.log, 'utf8').slice(-4000));
    assert.equal(this.net.hasXdp(), false, 'SIGTERM leaves no program behind');
  }

  /** One publisher and its viewers, from the far side. */
  async fanout(viewers, seconds) {
    const { status, out, err } = await this.net.run('far', bench, 'fanout', '--url',
      `http://${this.net.node_ipv4}:${FORWARD_PORT}`, '--tenant', 'net', '--stream', 's', '--token-file',
      join(this.folder, 'token'), '--viewers', String(viewers), '--rounds', '1', '--seconds', String(seconds),
      '--audio', '--verify', '--accept-noise', '--json');
    assert.equal(status, 0, `${out}\n${err}\n${readFileSync(this.log, 'utf8').slice(-4000)}`);
    return out.trim().split('\n').map((line) => JSON.parse(line)).find(({ type }) => type === 'sample');
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** tcpdump on the far side, of what the gateway sends. */
async function capture(net, node) {
  const file = join(node.folder, 'pcap'), log = join(node.folder, 'tcpdump');
  const child = net.start('far', log, 'tcpdump', '-i', 'nic', '-n', '-U', '--immediate-mode', '-s', '128',
    '-B', '8192', '-Z', 'root', '-w', file, 'udp and src port 8443');
  await until(() => readFileSync(log, 'utf8').includes('listening on'), 'tcpdump listens');
  return async () => {
    await net.end(child, 'SIGINT');
    return markings(file);
  };
}

async function pings(net) {
  const answers = await Promise.all([net.node_ipv4, net.node_ipv6].map((address) =>
    net.run('far', 'ping', '-q', '-c', '10', '-i', '0.2', address)));
  for (const { out } of answers) assert.match(out, /10 received/);
}

function expectMarked(found, kind, allowed) {
  assert.ok(found[kind], `no ${kind} in ${JSON.stringify(found)}`);
  for (const dscp of Object.keys(found[kind]))
    assert.ok(allowed.includes(Number(dscp)), `${kind} with DSCP ${dscp}: ${JSON.stringify(found)}`);
}

/** Runs `body` with a net and a node on it, and leaves nothing of either. */
async function withNode({ id, mode, family = 'ipv4', queues = 1, workers = 1 }, body) {
  const net = new Net(id, queues);
  let node;
  try {
    node = new Node(net, mode, net[`node_${family}`], workers);
    await body(net, node);
  } finally {
    await net.remove();
    node?.remove();
  }
}

for (const mode of Object.keys(CAPABILITIES)) {
  for (const family of ['ipv4', 'ipv6']) {
    test(`${mode} over ${family}: media, marking, ping, TCP`, (t) =>
      withNode({ id: `${mode}-${family}`, mode, family }, async (net, node) => {
        // Over IPv4 checksums come unfinished, as between containers; over IPv6 as from a wire.
        if (family === 'ipv6') await net.run('far', 'ethtool', '-K', 'nic', 'tx', 'off');
        await node.start();
        assert.equal(net.hasXdp(), mode === 'af_xdp');
        const stop = await capture(net, node);
        const [round] = await Promise.all([node.fanout(8, 4), pings(net)]);
        const found = await stop();
        t.diagnostic(`${mode} ${family}: ${JSON.stringify(round)}`);
        t.diagnostic(`marked = ${JSON.stringify(found)}`);
        expectMarked(found, 'stun', [EF]);
        expectMarked(found, 'dtls', [EF]);
        expectMarked(found, 'rtcp', [EF]);
        expectMarked(found, 'rtp 111', [EF]);
        expectMarked(found, 'rtp 96', [AF41]);
        assert.equal(found.ecn, 0);
        await node.endInOrder();
      }));
  }

  // A veth's queues are none that net_af_xdp opens more than one of.
  if (mode !== 'af_xdp') {
    test(`${mode}: two workers share two receive queues`, (t) =>
      withNode({ id: `${mode}-queues`, mode, queues: 2, workers: 2 }, async (net, node) => {
        await node.start();
        t.diagnostic(`${mode} two workers: ${JSON.stringify(await node.fanout(16, 3))}`);
        await node.endInOrder();
      }));
  }

  test(`${mode}: killed, it leaves nothing behind and starts again`, () =>
    withNode({ id: `${mode}-kill`, mode }, async (net, node) => {
      for (let round = 0; round < 3; round++) {
        await node.start();
        await node.fanout(2, 1);
        await node.end('SIGKILL');
        assert.equal(net.hasXdp(), false, 'SIGKILL leaves no program behind');
      }
    }));
}

/** Starts a gateway that must refuse to, and say why. */
async function refused(net, reason, workers = 1) {
  const node = new Node(net, 'af_xdp', net.node_ipv4, workers);
  try {
    await assert.rejects(node.start(), reason);
  } finally {
    node.remove();
  }
}

test('af_xdp: what it cannot have is refused with the reason', () =>
  withNode({ id: 'refused', mode: 'af_xdp', queues: 2 }, async (net) => {
    const object = join(gateway, '../steer.bpf.o');
    await refused(net, /ethtool -L nic rx 1/);
    await net.run('node', 'ethtool', '-L', 'nic', 'rx', '1');
    await refused(net, /each worker needs a receive queue/, 2);
    await net.run('far', 'ethtool', '-L', 'nic', 'tx', '1');
    const { status, err } = await net.run('node', 'ip', 'link', 'set', 'dev', 'nic', 'xdp', 'obj', object,
      'program', 'nn5g_steer');
    assert.equal(status, 0, err);
    // It bears our name and nobody holds it: but without CAP_SYS_ADMIN nobody is told the name.
    await refused(net, /another XDP program is on the interface/);
    assert.ok(net.hasXdp(), 'what another put there stays');
  }));
