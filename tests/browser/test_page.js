// Runs in the browser: starts sessions through the SDK and reads what only the page can see.
// The tests call these by name (browser.mjs, call).

import { Nn5gError, Session } from '/nn5g.js';

const video = document.querySelector('video');
let session = null;
let postedMs = 0;
let firstFrameMs = null;
const requests = [];
const messages = [];
const states = [];
const endings = [];

// What the SDK asks of the gateway, and when.
const realFetch = globalThis.fetch;
globalThis.fetch = async (url, options = {}) => {
  const row = {
    method: options.method ?? 'GET',
    path: new URL(url, location.href).pathname,
    status: 0,
  };
  requests.push(row);
  if (row.method === 'POST') postedMs = performance.now();
  const response = await realFetch(url, options);
  row.status = response.status;
  return response;
};

function open(kind, options) {
  session = new Session(kind, { base: location.origin, tenant: 'demo', ...options });
  session.addEventListener('message', ({ detail }) =>
    messages.push({ ...detail, heardMs: performance.now() }),
  );
  session.addEventListener('ended', ({ detail }) => endings.push(detail.reason));
  session.addEventListener('state', ({ detail }) => states.push(detail));
}

// Between receiver and decoder: what arrives of each kind, audio by its RTP timestamps (48 kHz).
const seen = { lastVideoMs: 0, audio: { frames: 0, gapMaxMs: 0, arrivalGapMaxMs: 0 } };
let lastAudio = null;

function noteFrame(kind, frame) {
  const arrivalMs = performance.now();
  if (kind === 'video') {
    seen.lastVideoMs = arrivalMs;
    return;
  }
  const { rtpTimestamp } = frame.getMetadata();
  const { audio } = seen;
  if (lastAudio) {
    const gapMs = ((rtpTimestamp - lastAudio.rtpTimestamp) >>> 0) / 48;
    audio.gapMaxMs = Math.max(audio.gapMaxMs, gapMs);
    audio.arrivalGapMaxMs = Math.max(audio.arrivalGapMaxMs, arrivalMs - lastAudio.arrivalMs);
  }
  lastAudio = { rtpTimestamp, arrivalMs };
  audio.frames++;
}

function watchReceiver(receiver, kind) {
  const { readable, writable } = receiver.createEncodedStreams();
  const watch = new TransformStream({
    transform(frame, controller) {
      noteFrame(kind, frame);
      controller.enqueue(frame);
    },
  });
  readable
    .pipeThrough(watch)
    .pipeTo(writable)
    .catch(() => {}); // the connection was closed
}

const failureOf = (error) => ({
  name: error.name,
  message: error.message,
  status: error.status,
  gate: error.gate,
  gateName: error.gateName,
  isOurs: error instanceof Nn5gError,
});

globalThis.testPage = {
  /** Publishes the fake camera and microphone. Resolves with the session's id. */
  async publish({ width = 640, height = 360, frameRate = 20, ...options }) {
    const media = { audio: true, video: { width, height, frameRate } };
    open('publish', { media, ...options });
    await session.start();
    return session.id;
  },

  /** Plays. Resolves with the session's id at the first frame. */
  async play(options) {
    open('play', { video, ...options });
    const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    await session.start();
    await shown;
    firstFrameMs = performance.now() - postedMs;
    return session.id;
  },

  /** Begins to play and does not wait for it. */
  playLater(options) {
    open('play', { video, ...options });
    session.start().catch(() => {});
  },

  /** How a session of this kind fails to start. */
  async failure(kind, options) {
    open(kind, kind === 'publish' ? { media: { audio: true }, ...options } : options);
    return session.start().then(() => null, failureOf);
  },

  /** Watches the media of later connections on its way to the decoders. */
  watchMedia() {
    const Real = globalThis.RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Real {
      constructor(configuration) {
        super({ ...configuration, encodedInsertableStreams: true });
        this.addEventListener('track', ({ receiver, track }) =>
          watchReceiver(receiver, track.kind),
        );
      }
    };
  },

  /** What watchMedia saw; times are those of performance.now(). */
  media: () => seen,

  /** What a publisher was asked for. */
  async asked() {
    const rows = [...(await session.pc.getStats()).values()];
    const row = rows.find((row) => row.type === 'outbound-rtp' && row.kind === 'video') ?? {};
    return { pli: row.pliCount, fir: row.firCount, keyFrames: row.keyFramesEncoded };
  },

  stop: () => session.stop(),
  id: () => session.id,
  state: () => session.state,
  digest: () => session.stats(),
  firstFrameMs: () => firstFrameMs,
  requests: () => requests,
  messages: () => messages,
  states: () => states,
  endings: () => endings,
  remoteSdp: () => session.pc.remoteDescription.sdp,

  /** Sends all media of later connections to this port instead, of the gateway or of `address`. */
  reroute(port, address = '$2') {
    const real = RTCPeerConnection.prototype.setRemoteDescription;
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
      const rerouted = sdp.replace(
        /^(a=candidate:\S+ 1 udp \d+) (\S+) \d+ /gim,
        `$1 ${address} ${port} `,
      );
      return real.call(this, { type, sdp: rerouted });
    };
  },

  /** What a viewer's decoders have done so far. */
  async sample() {
    const report = await session.pc.getStats();
    const rows = [...report.values()];
    const row = (kind) => rows.find((row) => row.type === 'inbound-rtp' && row.kind === kind) ?? {};
    const [picture, sound] = [row('video'), row('audio')];
    return {
      timeMs: picture.timestamp,
      framesDecoded: picture.framesDecoded ?? 0,
      audioEnergy: sound.totalAudioEnergy ?? 0,
      audioBytes: sound.bytesReceived ?? 0,
      videoBytes: picture.bytesReceived ?? 0,
      lost: (picture.packetsLost ?? 0) + (sound.packetsLost ?? 0),
      freezes: picture.freezeCount ?? 0,
      nacks: picture.nackCount ?? 0,
      retransmitted: picture.retransmittedPacketsReceived ?? 0,
      codec: report.get(picture.codecId)?.mimeType ?? '',
      width: picture.frameWidth ?? 0,
    };
  },
};
