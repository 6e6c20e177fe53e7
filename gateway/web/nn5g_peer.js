/**
 * What the SDK does with a peer connection besides negotiating: waiting for it, choosing a codec,
 * and the session description of an ICE restart. No state. nn5g.js is the only user.
 */

import { Nn5gError } from './nn5g_http.js';

/**
 * @param {RTCPeerConnection} pc @param {number} ms @param {AbortSignal} signal
 * @returns {Promise<void>} Resolves when connected.
 */
export function connected(pc, ms, signal) {
  return new Promise((resolve, reject) => {
    /** @param {unknown} [error] */
    const done = (error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', check);
      pc.removeEventListener('connectionstatechange', check);
      if (error) reject(error);
      else resolve();
    };
    const check = () => {
      if (signal.aborted) done(signal.reason);
      else if (pc.connectionState === 'connected') done();
      else if (pc.connectionState === 'closed') done(new Nn5gError('the connection was closed'));
    };
    const timer = setTimeout(() => done(new Nn5gError('no media path to the gateway')), ms);
    signal.addEventListener('abort', check);
    pc.addEventListener('connectionstatechange', check);
    check();
  });
}

/**
 * Offers one codec, and what repairs it, instead of all.
 * @param {RTCRtpTransceiver} transceiver @param {string} name
 */
function preferCodec(transceiver, name) {
  /** @param {RTCRtpCapabilities | null} capabilities */
  const matching = (capabilities) =>
    (capabilities?.codecs ?? []).filter(
      ({ mimeType }) => mimeType.toLowerCase() === `video/${name.toLowerCase()}`,
    );
  const repair = (RTCRtpReceiver.getCapabilities('video')?.codecs ?? []).filter(
    ({ mimeType }) => mimeType.toLowerCase() === 'video/rtx',
  );
  const sendable = matching(RTCRtpSender.getCapabilities('video'));
  if (!sendable.length) throw new Nn5gError(`this browser cannot encode ${name}`);
  try {
    transceiver.setCodecPreferences([...sendable, ...repair]);
  } catch {
    // Browsers that follow the newer text of the specification compare with what can be received.
    transceiver.setCodecPreferences([
      ...matching(RTCRtpReceiver.getCapabilities('video')),
      ...repair,
    ]);
  }
}

/**
 * Sends these tracks.
 * @param {RTCPeerConnection} pc @param {MediaStream} media
 * @param {{ codec?: string, maxBitrate?: number }} options Of video: its name in SDP; bits per second.
 */
export function addTracks(pc, media, { codec, maxBitrate }) {
  for (const track of media.getTracks()) {
    const isVideo = track.kind === 'video';
    const transceiver = pc.addTransceiver(track, {
      direction: 'sendonly',
      streams: [media],
      sendEncodings: isVideo && maxBitrate ? [{ maxBitrate }] : [{}],
    });
    if (isVideo && codec) preferCodec(transceiver, codec);
  }
}

/**
 * How loud what arrives is, as its sender says in the packets (RFC 6464).
 * @param {RTCPeerConnection} pc
 * @returns {number} 0..1; 0 as well when nobody says.
 */
export function senderLevel(pc) {
  const receiver = pc.getReceivers().find(({ track }) => track.kind === 'audio');
  return receiver?.getSynchronizationSources()[0]?.audioLevel ?? 0;
}

/**
 * The body of an ICE restart (RFC 8840; RFC 9725, 4.3.3): our new credentials, on the first m-line.
 * @param {string} sdp Local description.
 * @returns {string}
 */
export function restartFragment(sdp) {
  const [head, ...media] = sdp.split(/\r?\n(?=m=)/);
  const first = media[0] ?? '';
  /** @param {RegExp} line @param {string} text */
  const pick = (line, text) => text.match(line)?.[0];
  return (
    [
      pick(/^a=group:BUNDLE.*$/m, head),
      pick(/^m=.*$/m, first),
      pick(/^a=mid:.*$/m, first),
      pick(/^a=ice-ufrag:.*$/m, first),
      pick(/^a=ice-pwd:.*$/m, first),
    ]
      .filter(Boolean)
      .join('\r\n') + '\r\n'
  );
}

/**
 * The answer after an ICE restart: the one before, with the credentials and candidates of the
 * gateway's fragment.
 * @param {string} sdp Remote description before the restart.
 * @param {string} fragment Body of the gateway's reply.
 * @returns {string}
 * @throws {Nn5gError} When the fragment has no credentials.
 */
export function restartedAnswer(sdp, fragment) {
  const ufrag = fragment.match(/^a=ice-ufrag:.*$/m)?.[0].trim();
  const pwd = fragment.match(/^a=ice-pwd:.*$/m)?.[0].trim();
  if (!ufrag || !pwd) throw new Nn5gError('the reply to the ICE restart has no credentials');
  const candidates = fragment.match(/^a=candidate:.*$/gm) ?? [];
  const kept = sdp
    .replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, '')
    .replace(/^a=ice-ufrag:.*$/gm, ufrag)
    .replace(/^a=ice-pwd:.*$/gm, pwd);
  const [head, first, ...rest] = kept.split(/(?<=\n)(?=m=)/);
  const added = candidates.map((line) => `${line.trim()}\r\n`).join('');
  return [head, first + added, ...rest].join('');
}
