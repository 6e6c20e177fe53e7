// A UDP relay that stands between browsers and the gateway and loses packets: in the test's own
// process, or as a program in another network namespace:
//   node relay.mjs '{"address":"10.0.0.2","gatewayAddress":"10.0.0.1","gatewayPort":8443,"loss":0.1}'
// prints its port and runs until its standard input ends.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const LOOPBACK = '127.0.0.1';

const open = (address) => createSocket(address.includes(':') ? 'udp6' : 'udp4');

/** Numbers 0..1 that are the same in every run (mulberry32). */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Relay {
  port = 0;
  /** Datagrams that came in, and those of them that were dropped, in both directions. */
  seen = 0;
  dropped = 0;
  #front;
  #address;
  #gateway;
  /** Per client port: the socket that speaks to the gateway for it. */
  #flows = new Map();
  #random;
  #loss;

  /**
   * `loss`: 0..1, in each direction. `address` is the relay's own, and that of its clients: what
   * came from another gets no answer.
   */
  static async start({
    gatewayPort,
    gatewayAddress = LOOPBACK,
    address = LOOPBACK,
    loss = 0,
    seed = 1,
  }) {
    const relay = new Relay();
    relay.#random = randomFrom(seed);
    relay.#loss = loss;
    relay.#gateway = { port: gatewayPort, address: gatewayAddress };
    relay.#address = address;
    relay.#front = open(address);
    relay.#front.on('message', (bytes, { port }) => relay.#toGateway(bytes, port));
    relay.#front.bind(0, address);
    await once(relay.#front, 'listening');
    relay.port = relay.#front.address().port;
    return relay;
  }

  /** From now on nothing passes for the clients there are; new ones do. */
  cut() {
    for (const flow of this.#flows.values()) flow.isCut = true;
  }

  stop() {
    this.#front.close();
    for (const { socket } of this.#flows.values()) socket.close();
  }

  #isDropped() {
    this.seen += 1;
    if (this.#random() >= this.#loss) return false;
    this.dropped += 1;
    return true;
  }

  #toGateway(bytes, clientPort) {
    const flow = this.#flows.get(clientPort) ?? this.#addFlow(clientPort);
    if (flow.isCut || this.#isDropped()) return;
    flow.socket.send(bytes, this.#gateway.port, this.#gateway.address);
  }

  #addFlow(clientPort) {
    const flow = { socket: open(this.#address), isCut: false };
    flow.socket.on('message', (bytes) => {
      if (!flow.isCut && !this.#isDropped()) this.#front.send(bytes, clientPort, this.#address);
    });
    this.#flows.set(clientPort, flow);
    return flow;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const relay = await Relay.start(JSON.parse(process.argv[2]));
  console.log(relay.port);
  process.stdin.on('end', () => relay.stop()).resume();
}
