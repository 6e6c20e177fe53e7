// What /slices says of made-up slices and tenants, growing from reading to reading as if they sent
// at the rates they are given.

const CLASSES = [
  'control',
  'voice',
  'interactive_data',
  'interactive_video',
  'video',
  'retransmission',
  'bulk',
];
const BOUNDS_NS = [
  50_000, 100_000, 200_000, 500_000, 1e6, 2e6, 5e6, 10e6, 20e6, 50e6, 100e6, 200e6, 500e6, 1e9, 2e9,
];
const PACKET_BYTES = 1000;

const zero = (name) => ({
  class: name,
  sent_packets: 0,
  sent_bytes: 0,
  dropped: { full: 0, late: 0, early: 0, no_pipe: 0 },
  yellow_packets: 0,
  queued_packets: 0,
  queued_bytes: 0,
  delay_bins: new Array(BOUNDS_NS.length + 1).fill(0),
  delay_ns: 0,
});

/** @param {any} into @param {any} row */
function add(into, row) {
  for (const key of ['sent_packets', 'sent_bytes', 'yellow_packets']) into[key] += row[key];
  for (const key of ['queued_packets', 'queued_bytes', 'delay_ns']) into[key] += row[key];
  for (const reason of Object.keys(row.dropped)) into.dropped[reason] += row.dropped[reason];
  row.delay_bins.forEach((count, bin) => (into.delay_bins[bin] += count));
}

/**
 * Tenants as `{ id, maxBps, bps: { video: 2e6 }, lateOf, queuedOf, delayBin }`: rates by class, what
 * part is dropped as late, packets queued, the bin that 9 of 10 packets fall into (the tenth falls
 * two further). Slices as `{ id, guaranteedBps, maxBps, tenants }`.
 */
export class SlicesFixture {
  #slices;
  #linkBps;
  #seconds = 0;

  constructor({ linkBps, slices }) {
    this.#linkBps = linkBps;
    this.#slices = slices;
  }

  /** The next reading, a second after the last. */
  next() {
    this.#seconds += 1;
    return {
      link_bps: this.#linkBps,
      at_ns: 1e12 + this.#seconds * 1e9,
      delay_bounds_ns: BOUNDS_NS,
      slices: this.#slices.map((slice) => this.#slice(slice)),
    };
  }

  #slice({ id, guaranteedBps = 0, maxBps = 0, tenants }) {
    const rows = tenants.map((tenant) => this.#tenant(tenant));
    const classes = CLASSES.map(zero);
    for (const { classes: own } of rows) own.forEach((row, i) => add(classes[i], row));
    return { id, guaranteed_bps: guaranteedBps, max_bps: maxBps, classes, tenants: rows };
  }

  #tenant({ id, maxBps = 0, bps = {}, lateOf = 0, queued = 0, delayBin = 2 }) {
    const classes = CLASSES.map((name) => {
      const row = zero(name);
      const packets = (this.#seconds * (bps[name] ?? 0)) / 8 / PACKET_BYTES;
      row.sent_bytes = packets * PACKET_BYTES;
      row.sent_packets = packets;
      row.dropped.late = lateOf * packets;
      row.delay_bins[delayBin] = 0.9 * packets;
      row.delay_bins[delayBin + 2] = 0.1 * packets;
      row.queued_packets = bps[name] ? queued : 0;
      row.queued_bytes = row.queued_packets * PACKET_BYTES;
      return row;
    });
    const packets = classes.reduce((sum, row) => sum + row.sent_packets, 0);
    const policer = Object.fromEntries(
      [
        ['green', 0.9],
        ['yellow', 0.08],
        ['red', 0.02],
      ].map(([color, part]) => [color, { packets: part * packets, bytes: part * packets * 1000 }]),
    );
    return { id, max_bps: maxBps, classes, policer };
  }
}
