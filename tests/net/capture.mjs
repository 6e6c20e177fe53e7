// Reads what tcpdump wrote, and tells the marking of every datagram of ours.

import { readFileSync } from 'node:fs';

const PCAP_MAGIC = 0xa1b2c3d4;
const FILE_HEAD = 24, RECORD_HEAD = 16;
const ETHERNET_HEAD = 14, IPV6_HEAD = 40, UDP_HEAD = 8;
const ETHER_IPV4 = 0x0800, ETHER_IPV6 = 0x86dd, UDP = 17;

function* frames(file) {
  const bytes = readFileSync(file);
  if (bytes.readUInt32LE(0) !== PCAP_MAGIC) throw new Error(`${file} is no pcap of this machine`);
  for (let at = FILE_HEAD; at + RECORD_HEAD <= bytes.length;) {
    const length = bytes.readUInt32LE(at + 8);
    const begin = at + RECORD_HEAD;
    if (begin + length > bytes.length) return;
    yield bytes.subarray(begin, begin + length);
    at = begin + length;
  }
}

/** {dscp, ecn, payload} of a UDP datagram in an Ethernet frame, or undefined. */
function datagram(frame) {
  const type = frame.readUInt16BE(12);
  const ip = frame.subarray(ETHERNET_HEAD);
  if (type === ETHER_IPV4 && ip[9] === UDP) {
    return { dscp: ip[1] >> 2, ecn: ip[1] & 3, payload: ip.subarray((ip[0] & 15) * 4 + UDP_HEAD) };
  }
  if (type === ETHER_IPV6 && ip[6] === UDP) {
    const traffic = ip.readUInt16BE(0) >> 4 & 0xff;
    return { dscp: traffic >> 2, ecn: traffic & 3, payload: ip.subarray(IPV6_HEAD + UDP_HEAD) };
  }
  return undefined;
}

/** What a datagram is (RFC 7983), RTP by its payload type. */
function kind(payload) {
  if (payload[0] < 4) return 'stun';
  if (payload[0] >= 20 && payload[0] < 64) return 'dtls';
  if (payload[1] >= 192 && payload[1] < 224) return 'rtcp';
  return `rtp ${payload[1] & 127}`;
}

/** {kind: {dscp: count}}, and how many had ECN bits set under the key "ecn". */
export function markings(file) {
  const found = { ecn: 0 };
  for (const frame of frames(file)) {
    const one = datagram(frame);
    if (!one || one.payload.length < 2) continue;
    const row = (found[kind(one.payload)] ??= {});
    row[one.dscp] = (row[one.dscp] ?? 0) + 1;
    if (one.ecn) found.ecn++;
  }
  return found;
}
