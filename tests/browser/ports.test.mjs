// Chromium to gateway over a cable, in every mode a port has on an interface of the kernel's, over
// IPv4 and IPv6: media flows, the kernel goes on answering on that interface, and each packet is
// marked as its class. Needs root: the cable is a veth pair between two network namespaces.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { markings } from '../net/capture.mjs';
import { Net } from '../net/net.mjs';
import { EXECUTABLE, call, openPage, withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { eventually, sampleEverySecond } from './sampling.mjs';

const SECONDS = 5;
const LOSS = 0.05;
const RELAY = fileURLToPath(new URL('relay.mjs', import.meta.url));

/** A tenant in a slice of this 5QI: 2 is conversational video, 8 buffered. */
const slice = (fiveQi) => ({
  slices: ['- id: gold', '  sst: 1', `  five_qi: ${fiveQi}`, '  guaranteed_bps: 10000000'],
  policy: ['slice: gold'],
});
const WATCHED = { control: 46, voice: 46, video: 26, retransmission: 28 };
const INTERACTIVE = { ...WATCHED, video: 34 };
const MAPPED = { control: 48, voice: 44, video: 36, retransmission: 8 };
const MAP = '{control: 48, voice: 44, video: 36, retransmission: 8}';

const RUNS = [
  { mode: 'socket', dscp: MAPPED, tenants: slice(8), more: ['qos:', `  dscp: ${MAP}`] },
  { mode: 'af_packet', dscp: WATCHED, tenants: slice(8) },
  { mode: 'af_xdp', dscp: INTERACTIVE, tenants: slice(2) },
];

/** What the payload types of the viewers' answers stand for. */
function kindsOf(sdps) {
  const kinds = { stun: 'control', dtls: 'control', rtcp: 'control' };
  for (const [, type, codec] of sdps.join('').matchAll(/^a=rtpmap:(\d+) (\w+)\//gm)) {
    const name = codec.toLowerCase();
    kinds[`rtp ${type}`] = name === 'opus' ? 'voice' : name === 'rtx' ? 'retransmission' : 'video';
  }
  return kinds;
}

/** Each kind has one mark alone, and no packet an ECN bit. Returns packets by kind and mark. */
function checkMarks({ ecn, ...found }, kinds, expected) {
  const counts = {};
  for (const [what, marks] of Object.entries(found)) {
    for (const [dscp, count] of Object.entries(marks)) {
      const mark = `${kinds[what] ?? what} ${dscp}`;
      counts[mark] = (counts[mark] ?? 0) + count;
    }
  }
  const marks = Object.entries(expected).map(([kind, dscp]) => `${kind} ${dscp}`);
  assert.deepEqual(Object.keys(counts).sort(), marks.sort(), JSON.stringify(counts));
  assert.equal(ecn, 0, 'packets with ECN bits');
  return counts;
}

/** The cable with the gateway at one end; at the other Chromium, tcpdump, and a lossy relay. */
class Cable {
  net;
  /** A program that starts Chromium at the far end. */
  launcher;
  #folder = mkdtempSync(join(tmpdir(), 'nn5g-cable-'));

  static async connect(id) {
    const cable = new Cable();
    cable.net = new Net(id);
    cable.launcher = join(cable.#folder, 'chromium');
    writeFileSync(
      cable.launcher,
      `#!/bin/sh\nexec ip netns exec ${cable.net.far} ${EXECUTABLE} "$@"\n`,
    );
    chmodSync(cable.launcher, 0o755);
    // Chromium gathers the addresses of its default route.
    const { net } = cable;
    await net.run('far', 'ip', 'route', 'add', 'default', 'via', net.node_ipv4);
    await net.run('far', 'ip', '-6', 'route', 'add', 'default', 'via', net.node_ipv6);
    return cable;
  }

  /** Starts tcpdump on what the gateway's port sends; call the result to end it and read that. */
  async capture(port) {
    const [file, log] = ['pcap', 'tcpdump'].map((name) => join(this.#folder, name));
    const child = this.net.start(
      ...['far', log, 'tcpdump', '-i', 'nic', '-n', '-U', '--immediate-mode', '-Z', 'root'],
      ...['-s', '128', '-w', file, `udp and src port ${port}`],
    );
    assert.ok(await eventually(10_000, () => /listening on/.test(readFileSync(log, 'utf8'))));
    return async () => {
      await this.net.end(child, 'SIGINT');
      return markings(file);
    };
  }

  /** Starts relay.mjs at the far end. Ends with its standard input. */
  relay(options) {
    const words = ['netns', 'exec', this.net.far, process.execPath, RELAY, JSON.stringify(options)];
    return spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  }

  async remove() {
    await this.net.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The interface is used in the way that was asked for. */
async function checkMode(net, mode) {
  assert.equal(net.hasXdp(), mode === 'af_xdp');
  const { out } = await net.run('node', 'cat', '/proc/net/packet');
  assert.equal(out.trim().split('\n').length > 1, mode === 'af_packet', out);
}

/** The kernel's own business on the interface that the port shares with it. */
async function checkKernel(net, page, address) {
  const { out } = await net.run('far', 'ping', '-c', '10', '-i', '0.2', '-W', '2', address);
  assert.match(out, /10 received, 0% packet loss/);
  for (let i = 0; i < 5; i++) {
    const status = await page.evaluate(
      async () => (await fetch('/healthz', { cache: 'no-store' })).status,
    );
    assert.equal(status, 200);
  }
}

/** A viewer behind a relay that loses packets, until enough was sent to it again. */
async function playWithLoss(cable, page, stream, options) {
  const relay = cable.relay({ ...options, loss: LOSS });
  try {
    const [line] = await once(relay.stdout, 'data');
    await call(page, 'reroute', Number(line), options.address);
    await call(page, 'play', stream);
    const again = async () => (await call(page, 'sample')).retransmitted > 20;
    assert.ok(await eventually(20_000, again), 'hardly anything was sent again');
    return await call(page, 'remoteSdp');
  } finally {
    relay.stdin.end();
  }
}

async function playAndCheck(t, cable, gateway, family, [studio, home], { mode, dscp }) {
  const { net } = cable;
  await checkMode(net, mode);
  const stopCapture = await cable.capture(gateway.mediaPort);
  const stream = { stream: 'live', token: gateway.token() };
  const publisher = await openPage(studio, gateway.base);
  const viewer = await openPage(home, gateway.base);
  const unlucky = await openPage(home, gateway.base);
  await call(publisher, 'publish', stream);
  await call(viewer, 'play', stream);
  const [[samples]] = await Promise.all([
    sampleEverySecond([viewer], SECONDS),
    checkKernel(net, viewer, net[`node_${family}`]),
  ]);
  const [first, last] = [samples[0], samples.at(-1)];
  const frames = last.framesDecoded - first.framesDecoded;
  assert.ok(frames > 5 * SECONDS, `only ${frames} frames in ${SECONDS} s\n${gateway.log()}`);
  assert.ok(last.audioEnergy > first.audioEnergy, 'no sound');
  assert.equal(last.lost, 0, 'packets lost');
  const sdps = [await call(viewer, 'remoteSdp')];
  sdps.push(
    await playWithLoss(cable, unlucky, stream, {
      address: net[`far_${family}`],
      gatewayAddress: net[`node_${family}`],
      gatewayPort: gateway.mediaPort,
    }),
  );
  const counts = checkMarks(await stopCapture(), kindsOf(sdps), dscp);
  const told = Object.entries(counts).map(([mark, count]) => `${mark}=${count}`);
  t.diagnostic(`${(frames / SECONDS).toFixed(1)} frames/s, class DSCP=packets: ${told.join(' ')}`);
}

async function runOver(t, family, row) {
  const cable = await Cable.connect(`${row.mode}-${family}`);
  try {
    const gateway = await Gateway.start(cable.net[`node_${family}`], {
      namespace: cable.net.node,
      more: ['port:', `  mode: ${row.mode}`, '  interface: nic', ...(row.more ?? [])],
      ...row.tenants,
    });
    const use = (...browsers) => playAndCheck(t, cable, gateway, family, browsers, row);
    await withBrowsers(2, use, { launcher: cable.launcher }).finally(() => gateway.stop());
  } finally {
    await cable.remove();
  }
}

for (const row of RUNS) {
  for (const family of ['ipv4', 'ipv6']) {
    const skip = process.getuid() !== 0 && 'network namespaces want root';
    test(`${row.mode} over ${family}: media, marks, ping, TCP`, { skip }, (t) =>
      runOver(t, family, row),
    );
  }
}
