/**
 * What a peer connection's statistics (W3C webrtc-stats) say, boiled down to the numbers a person
 * or a dashboard wants. A pure function: counters come from the report, rates from the difference
 * to the sample before it. nn5g.js calls it once per second.
 */

/**
 * @typedef {object} MediaDigest One kind of media, video or audio.
 * @property {string} codec Name as in SDP, for instance "VP8"; "" until the first packet.
 * @property {number} bitrateBps Payload bits per second since the sample before.
 * @property {number} packets Packets sent or received, in total.
 * @property {number} lost Packets lost, in total, as the receiving side counts them.
 * @property {number} lossRatio 0..1, since the sample before.
 * @property {number} jitterMs Interarrival jitter at the receiving side.
 * @property {number} nacks Retransmission requests (RFC 4585), sent or received.
 * @property {number} plis Key frame requests (RFC 4585), sent or received.
 * @property {number} retransmitted Packets sent or received again.
 * @property {number} frames Video frames encoded or decoded; 0 for audio.
 * @property {number} keyFrames Of these, key frames.
 * @property {number} fps Video frames per second since the sample before.
 * @property {number} width Pixels.
 * @property {number} height Pixels.
 * @property {number} freezes Playback freezes, in total (viewer).
 * @property {number} freezeSeconds Their length, in total (viewer).
 * @property {number} framesDropped Frames decoded too late to be shown (viewer).
 * @property {string} limitation Why the encoder sends less than it could: "none", "cpu",
 *   "bandwidth", "other" (publisher).
 * @property {number} level Audio level 0..1; 0 for video. Of a muted player as the sender says.
 * @property {number} energy Total audio energy (W3C totalAudioEnergy): rises while there is sound.
 */

/**
 * @typedef {object} Digest
 * @property {number} timeMs When it was taken, on the report's clock.
 * @property {MediaDigest | null} video
 * @property {MediaDigest | null} audio
 * @property {number} bitrateBps Audio and video together.
 * @property {number} lossRatio The worse of the two, 0..1, since the sample before.
 * @property {number | null} rttMs Of the ICE pair in use; null until the first answer.
 * @property {number | null} availableBps The sender's bandwidth estimate; null when unknown.
 * @property {string} localAddress Our end of the ICE pair; "" when the browser hides it.
 * @property {string} remoteAddress The gateway's end, "ADDRESS:PORT".
 */

/** @typedef {Map<string, any>} Report The values of an RTCStatsReport by id. */

/** @param {Report} report @param {string} type */
function* ofType(report, type) {
  for (const row of report.values()) if (row.type === type) yield row;
}

/**
 * @param {Report} report
 * @returns {any} The candidate pair that carries the media, or undefined.
 */
function activePair(report) {
  for (const transport of ofType(report, 'transport')) {
    const pair = report.get(transport.selectedCandidatePairId);
    if (pair) return pair;
  }
  // Firefox has no transport rows.
  for (const pair of ofType(report, 'candidate-pair')) {
    if (pair.nominated && pair.state === 'succeeded') return pair;
  }
  return undefined;
}

/** @param {any} candidate */
function addressOf(candidate) {
  const host = candidate?.address ?? '';
  if (!host) return '';
  return host.includes(':') ? `[${host}]:${candidate.port}` : `${host}:${candidate.port}`;
}

/**
 * @param {Report} report @param {Report | undefined} before
 * @param {any} row An inbound-rtp or outbound-rtp row.
 * @returns {MediaDigest}
 */
function digestRow(report, before, row) {
  const inbound = row.type === 'inbound-rtp';
  const past = before?.get(row.id);
  const seconds = past ? (row.timestamp - past.timestamp) / 1000 : 0;
  /** @param {string} name Growth since the sample before. */
  const grown = (name) => (past ? Math.max(0, (row[name] ?? 0) - (past[name] ?? 0)) : 0);
  /** @param {string} name */
  const rate = (name) => (seconds > 0 ? grown(name) / seconds : 0);
  const peer = inbound ? undefined : report.get(row.remoteId);
  const source = inbound ? row : report.get(row.mediaSourceId);
  const expected = grown('packetsReceived') + grown('packetsLost');
  return {
    codec: report.get(row.codecId)?.mimeType.split('/')[1] ?? '',
    bitrateBps: 8 * rate(inbound ? 'bytesReceived' : 'bytesSent'),
    packets: (inbound ? row.packetsReceived : row.packetsSent) ?? 0,
    lost: (inbound ? row.packetsLost : peer?.packetsLost) ?? 0,
    lossRatio: inbound
      ? expected
        ? grown('packetsLost') / expected
        : 0
      : (peer?.fractionLost ?? 0),
    jitterMs: 1000 * ((inbound ? row.jitter : peer?.jitter) ?? 0),
    nacks: row.nackCount ?? 0,
    plis: row.pliCount ?? 0,
    retransmitted: (inbound ? row.retransmittedPacketsReceived : row.retransmittedPacketsSent) ?? 0,
    frames: (inbound ? row.framesDecoded : row.framesEncoded) ?? 0,
    keyFrames: (inbound ? row.keyFramesDecoded : row.keyFramesEncoded) ?? 0,
    fps: rate(inbound ? 'framesDecoded' : 'framesEncoded'),
    width: row.frameWidth ?? 0,
    height: row.frameHeight ?? 0,
    freezes: row.freezeCount ?? 0,
    freezeSeconds: row.totalFreezesDuration ?? 0,
    framesDropped: row.framesDropped ?? 0,
    limitation: row.qualityLimitationReason ?? 'none',
    level: source?.audioLevel ?? 0,
    energy: source?.totalAudioEnergy ?? 0,
  };
}

/**
 * @param {Report} report The statistics now.
 * @param {Report | undefined} before The sample before; without it, rates are 0.
 * @param {'publish' | 'play'} kind Which direction the media goes.
 * @returns {Digest}
 */
export function digest(report, before, kind) {
  /** @type {{ [kind: string]: MediaDigest }} */
  const media = {};
  let timeMs = 0;
  for (const row of ofType(report, kind === 'play' ? 'inbound-rtp' : 'outbound-rtp')) {
    timeMs = Math.max(timeMs, row.timestamp);
    media[row.kind] ??= digestRow(report, before, row);
  }
  const pair = activePair(report);
  const video = media.video ?? null;
  const audio = media.audio ?? null;
  const rtt = pair?.currentRoundTripTime;
  return {
    timeMs,
    video,
    audio,
    bitrateBps: (video?.bitrateBps ?? 0) + (audio?.bitrateBps ?? 0),
    lossRatio: Math.max(video?.lossRatio ?? 0, audio?.lossRatio ?? 0),
    rttMs: rtt === undefined ? null : 1000 * rtt,
    availableBps: pair?.availableOutgoingBitrate ?? null,
    localAddress: addressOf(report.get(pair?.localCandidateId)),
    remoteAddress: addressOf(report.get(pair?.remoteCandidateId)),
  };
}
