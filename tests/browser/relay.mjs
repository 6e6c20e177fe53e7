// A UDP relay in the test's own process that stands between browsers and the gateway and loses
// packets.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const ADDRESS = '127.0.0.1';

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
  #front = createSocket('udp4');
  /** Per client port: the socket that speaks to the gateway for it. */
  #flows = new Map();
  #random;
  #loss;

  /** `loss`: 0..1, in each direction. */
  static async start({ gatewayPort, loss = 0, seed = 1 }) {
    const relay = new Relay();
    relay.#random = randomFrom(seed);
    relay.#loss = loss;
    relay.#front.on('message', (bytes, { port }) => relay.#toGateway(bytes, port, gatewayPort));
    relay.#front.bind(0, ADDRESS);
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

  #toGateway(bytes, clientPort, gatewayPort) {
    const flow = this.#flows.get(clientPort) ?? this.#addFlow(clientPort);
    if (!flow.isCut && !this.#isDropped()) flow.socket.send(bytes, gatewayPort, ADDRESS);
  }

  #addFlow(clientPort) {
    const flow = { socket: createSocket('udp4'), isCut: false };
    flow.socket.on('message', (bytes) => {
      if (!flow.isCut && !this.#isDropped()) this.#front.send(bytes, clientPort, ADDRESS);
    });
    this.#flows.set(clientPort, flow);
    return flow;
  }
}
