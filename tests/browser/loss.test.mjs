// A viewer behind a network that loses one packet in twenty, in each direction.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { Relay } from './relay.mjs';
import { sampleEverySecond, videoBps } from './sampling.mjs';

const SECONDS = 20;
const LOSS = 0.05;
const FREEZES_MAX = 1;

test('retransmission hides 5 % loss from the viewer', async (t) => {
  const gateway = await Gateway.start();
  const relay = await Relay.start({ gatewayPort: gateway.mediaPort, loss: LOSS, seed: 20 });
  const stream = { stream: 'live', token: gateway.token() };
  await withBrowsers(2, async (studio, home) => {
    const publisher = await openPage(studio, gateway.base);
    const viewer = await openPage(home, gateway.base);
    await call(viewer, 'reroute', relay.port);
    await call(publisher, 'publish', stream);
    await call(viewer, 'play', stream);
    const [samples] = await sampleEverySecond([viewer], SECONDS);
    const last = samples.at(-1);
    const ratio = relay.dropped / relay.seen;
    t.diagnostic(
      `relay dropped ${relay.dropped} of ${relay.seen} (ratio=${ratio.toFixed(4)}); ` +
        `freezes=${last.freezes} nacks=${last.nacks} retransmitted=${last.retransmitted} ` +
        `${(videoBps(samples[0], last) / 1e6).toFixed(2)} Mbps`,
    );
    assert.ok(
      relay.seen > 100 * SECONDS,
      `the media did not pass the relay: ${relay.seen} packets`,
    );
    assert.ok(Math.abs(ratio - LOSS) < 0.015, `the relay dropped ${ratio} of the packets`);
    assert.ok(last.nacks > 0, 'the viewer asked for nothing again');
    assert.ok(last.retransmitted > 0, 'nothing came again');
    assert.ok(last.freezes <= FREEZES_MAX, `froze ${last.freezes} times`);
    for (let i = 1; i < samples.length; i++) {
      assert.ok(samples[i].framesDecoded > samples[i - 1].framesDecoded, `no frame in second ${i}`);
    }
  }).finally(() => {
    relay.stop();
    return gateway.stop();
  });
});
