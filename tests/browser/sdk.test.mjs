// The SDK's promises: it waits, tells why, cleans up, and comes back by itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, openPage, withBrowsers } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { Relay } from './relay.mjs';
import { eventually } from './sampling.mjs';

const SMALL = { width: 320, height: 180, frameRate: 15 };

/** One test with a gateway, a publisher's and a viewer's page of its own. */
function sdkTest(name, run) {
  test(name, async (t) => {
    const gateway = await Gateway.start();
    await withBrowsers(1, async (browser) => {
      const publisher = await openPage(browser, gateway.base);
      const viewer = await openPage(browser, gateway.base);
      await run({
        t,
        gateway,
        publisher,
        viewer,
        stream: { stream: 'live', token: gateway.token() },
      });
    }).finally(() => gateway.stop());
  });
}

const framesOf = async (viewer) => (await call(viewer, 'sample')).framesDecoded;

async function assertPlays(viewer, ms, why) {
  const before = await framesOf(viewer).catch(() => 0);
  const isPlaying = async () => (await framesOf(viewer).catch(() => 0)) > before + 5;
  assert.ok(await eventually(ms, isPlaying), why);
}

/** What the gateway says of a session that should be gone. */
async function statusOf(gateway, id, token) {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${gateway.base}/session/${id}`, { method: 'DELETE', headers })).status;
}

sdkTest(
  'a viewer that comes first waits for the publisher',
  async ({ publisher, viewer, stream }) => {
    await call(viewer, 'playLater', stream);
    assert.ok(await eventually(5000, async () => (await call(viewer, 'state')) === 'waiting'));
    await call(publisher, 'publish', { ...stream, ...SMALL });
    assert.ok(await eventually(5000, async () => (await call(viewer, 'state')) === 'connected'));
    await assertPlays(viewer, 5000, 'nothing is decoded');
    const statuses = (await call(viewer, 'requests')).map(({ status }) => status);
    assert.equal(statuses.pop(), 201);
    assert.ok(statuses.length > 0 && statuses.every((status) => status === 409), `got ${statuses}`);
  },
);

sdkTest(
  'stop and leaving the page delete the session',
  async ({ gateway, publisher, viewer, stream }) => {
    const published = await call(publisher, 'publish', { ...stream, ...SMALL });
    const played = await call(viewer, 'play', stream);
    await call(viewer, 'stop');
    const { method, path, status } = (await call(viewer, 'requests')).at(-1);
    assert.deepEqual([method, path, status], ['DELETE', `/session/${played}`, 200]);
    assert.equal(await call(viewer, 'state'), 'ended');
    assert.equal(await statusOf(gateway, played, stream.token), 404);
    await publisher.goto('about:blank');
    const isGone = async () => {
      const { status: again } = await fetch(`${gateway.base}/whep/demo/live`, {
        method: 'POST',
        headers: { 'content-type': 'application/sdp', authorization: `Bearer ${stream.token}` },
        body: await offerOf(viewer),
      });
      return again === 409;
    };
    assert.ok(await eventually(5000, isGone), 'the stream outlives its page');
    assert.equal(await statusOf(gateway, published, stream.token), 404);
  },
);

/** An offer to play, made by a real browser. */
function offerOf(page) {
  return page.evaluate(async () => {
    const pc = new RTCPeerConnection();
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    const { sdp } = await pc.createOffer();
    pc.close();
    return sdp;
  });
}

sdkTest('a refusal names its gate', async ({ gateway, viewer }) => {
  const stream = 'live';
  const garbled = `${gateway.token().slice(0, -8)}AAAAAAAA`;
  const bad = await call(viewer, 'failure', 'publish', { stream, token: garbled });
  assert.deepEqual([bad.isOurs, bad.status, bad.gate], [true, 401, 4]);
  const playOnly = gateway.token({ scope: 'play' });
  const scope = await call(viewer, 'failure', 'publish', { stream, token: playOnly });
  assert.deepEqual([scope.isOurs, scope.status, scope.gate], [true, 403, 11]);
  for (const { message, gateName } of [bad, scope]) {
    assert.ok(message.length > 0 && gateName.length > 0, 'says neither why nor where');
  }
  const none = await call(viewer, 'failure', 'play', {
    stream: 'nobody',
    token: gateway.token(),
    wait: false,
  });
  assert.equal(none.status, 409);
});

sdkTest('the event channel tells state and figures', async ({ publisher, viewer, stream }) => {
  await call(publisher, 'publish', { ...stream, ...SMALL });
  await call(viewer, 'play', stream);
  for (const page of [publisher, viewer]) {
    const find = (matches) =>
      eventually(5000, async () => (await call(page, 'messages')).find(matches));
    const isActive = ({ type, state }) => type === 'session.state' && state === 'active';
    assert.ok(await find(isActive), 'not told that it is active');
    const stats = await find(({ type }) => type === 'session.stats');
    assert.ok(stats, 'no session.stats');
    for (const name of ['rtt_ms', 'packets', 'lost', 'bitrate_bps']) {
      assert.equal(typeof stats[name], 'number', `session.stats has no ${name}`);
    }
    const count = async () =>
      (await call(page, 'messages')).filter(({ type }) => type === 'session.stats').length;
    const before = await count();
    assert.ok(await eventually(5000, async () => (await count()) >= before + 2), 'only once');
  }
  const told = (type) =>
    eventually(5000, async () =>
      (await call(viewer, 'messages')).some((message) => message.type === type),
    );
  await call(publisher, 'stop');
  assert.ok(await told('stream.stopped'), 'the viewer is not told that the publisher went');
  await call(publisher, 'publish', { ...stream, ...SMALL });
  assert.ok(await told('stream.started'), 'the viewer is not told that the publisher came back');
});

sdkTest('a dead path is left by an ICE restart', async ({ gateway, publisher, viewer, stream }) => {
  const relay = await Relay.start({ gatewayPort: gateway.mediaPort });
  try {
    await call(viewer, 'reroute', relay.port);
    await call(publisher, 'publish', { ...stream, ...SMALL });
    const id = await call(viewer, 'play', stream);
    relay.cut();
    const patched = await eventually(25_000, async () =>
      (await call(viewer, 'requests')).find(({ method, status }) => method === 'PATCH' && status),
    );
    assert.equal(patched?.status, 200);
    assert.ok(await eventually(5000, async () => (await call(viewer, 'state')) === 'connected'));
    await assertPlays(viewer, 5000, 'nothing is decoded after the restart');
    assert.equal(await call(viewer, 'id'), id, 'another session');
  } finally {
    relay.stop();
  }
});

sdkTest('both sides come back after the gateway was killed', async (parts) => {
  const { gateway, publisher, viewer, stream } = parts;
  await call(publisher, 'publish', { ...stream, ...SMALL });
  const id = await call(viewer, 'play', stream);
  await gateway.kill();
  await gateway.run();
  const isBack = async () =>
    (await call(viewer, 'state')) === 'connected' && (await call(viewer, 'id')) !== id;
  assert.ok(await eventually(40_000, isBack), 'the viewer did not come back');
  await assertPlays(viewer, 15_000, 'nothing is decoded after the gateway came back');
});
