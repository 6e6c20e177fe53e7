/**
 * From the totals of /slices to what happens now. Totals only grow, so two readings give rates; the
 * delay's percentiles come from the histogram's growth over a longer window, or they would jump
 * with every handful of packets.
 *
 * @typedef {object} ClassTotals One traffic class of a slice or a tenant, as the gateway writes it.
 * @property {string} class
 * @property {number} sent_packets
 * @property {number} sent_bytes Wire bytes.
 * @property {{ [reason: string]: number }} dropped
 * @property {number} yellow_packets
 * @property {number} queued_packets
 * @property {number} queued_bytes
 * @property {number[]} delay_bins
 *
 * @typedef {{ [color: string]: { packets: number, bytes: number } }} Colors
 *
 * @typedef {object} TenantTotals
 * @property {string} id
 * @property {number} max_bps 0: what the slice gives.
 * @property {ClassTotals[]} classes
 * @property {Colors} [policer] What its publishers sent, by colour.
 *
 * @typedef {object} SliceTotals
 * @property {string} id
 * @property {boolean} [default] That of tenants without one, and of the node's own packets.
 * @property {boolean} [removed] What is queued still leaves.
 * @property {number} guaranteed_bps
 * @property {number} max_bps 0: whatever the link has.
 * @property {ClassTotals[]} classes
 * @property {TenantTotals[]} tenants
 *
 * @typedef {object} Reading
 * @property {number} link_bps 0: not known.
 * @property {number} at_ns
 * @property {number[]} delay_bounds_ns Upper bounds of all bins but the last.
 * @property {SliceTotals[]} slices
 * @property {number} [tenants_left_out] The least busy of very many.
 *
 * @typedef {object} Flow What moves now.
 * @property {number} bps
 * @property {{ [name: string]: number }} bpsOf By class.
 * @property {number} queuedPackets
 * @property {number} queuedBytes
 * @property {{ [reason: string]: number }} drops Packets per second.
 * @property {{ [color: string]: number }} colors Packets per second.
 * @property {{ p50: number, p99: number } | null} delayNs Upper bounds; null: nothing was sent.
 */

const WINDOW = 10; // readings that the delay's percentiles look back over

/** @type {Pick<ClassTotals, 'sent_bytes' | 'dropped' | 'delay_bins'>} */
const ZERO = { sent_bytes: 0, dropped: {}, delay_bins: [] };

/** @param {number} now @param {number} [before] A total that shrank began anew. */
const growth = (now, before = 0) => (now >= before ? now - before : 0);

/** A slice that was removed and one that has its name now may both be there. */
const keyOf = (/** @type {SliceTotals} */ { id, removed }) => (removed ? `${id} (removed)` : id);

/** @template T @param {T[]} rows @param {(row: T) => string} key @returns {Map<string, T>} */
const index = (rows, key) => new Map(rows.map((row) => [key(row), row]));

/**
 * Upper bound of the bin that the fraction `part` of all counts falls into.
 * @param {number[]} bins @param {number[]} bounds @param {number} part
 */
function percentile(bins, bounds, part) {
  const rank = part * bins.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  const bin = bins.findIndex((count) => count > 0 && (seen += count) >= rank);
  return bounds[bin] ?? Infinity;
}

/**
 * @param {ClassTotals[]} now @param {ClassTotals[] | undefined} past
 * @param {number[]} bounds
 */
function delayOf(now, past, bounds) {
  const before = index(past ?? [], (row) => row.class);
  const bins = new Array(bounds.length + 1).fill(0);
  for (const row of now) {
    const old = before.get(row.class) ?? ZERO;
    row.delay_bins.forEach((count, bin) => (bins[bin] += growth(count, old.delay_bins[bin])));
  }
  if (!bins.some((count) => count > 0)) return null;
  return { p50: percentile(bins, bounds, 0.5), p99: percentile(bins, bounds, 0.99) };
}

/**
 * @param {ClassTotals[]} now
 * @param {ClassTotals[] | undefined} before The reading before this one.
 * @param {ClassTotals[] | undefined} past The oldest one of the window.
 * @param {{ seconds: number, bounds: number[] }} span
 * @returns {Flow}
 */
function flowOf(now, before, past, { seconds, bounds }) {
  /** @type {Flow} */
  const flow = {
    bps: 0,
    bpsOf: {},
    queuedPackets: 0,
    queuedBytes: 0,
    drops: {},
    colors: {},
    delayNs: delayOf(now, past, bounds),
  };
  const old = index(before ?? [], (row) => row.class);
  for (const row of now) {
    const last = old.get(row.class) ?? ZERO;
    const bps = (8 * growth(row.sent_bytes, last.sent_bytes)) / seconds;
    flow.bps += bps;
    flow.bpsOf[row.class] = bps;
    flow.queuedPackets += row.queued_packets;
    flow.queuedBytes += row.queued_bytes;
    for (const [reason, count] of Object.entries(row.dropped)) {
      const rate = growth(count, last.dropped[reason]) / seconds;
      flow.drops[reason] = (flow.drops[reason] ?? 0) + rate;
    }
  }
  return flow;
}

/** @param {TenantTotals} now @param {TenantTotals | undefined} before @param {number} seconds */
function colorsOf(now, before, seconds) {
  /** @type {{ [color: string]: number }} */
  const colors = {};
  for (const [color, { packets }] of Object.entries(now.policer ?? {}))
    colors[color] = growth(packets, before?.policer?.[color]?.packets) / seconds;
  return colors;
}

/** @param {{ [color: string]: number }[]} rows */
function sumOf(rows) {
  /** @type {{ [color: string]: number }} */
  const sum = {};
  for (const row of rows) {
    for (const [color, rate] of Object.entries(row)) sum[color] = (sum[color] ?? 0) + rate;
  }
  return sum;
}

/** @param {Flow[]} flows @returns {Flow} All of them as one; its delay is left out. */
function flowOfAll(flows) {
  const sum = (/** @type {(flow: Flow) => number} */ of) =>
    flows.reduce((total, flow) => total + of(flow), 0);
  return {
    bps: sum(({ bps }) => bps),
    bpsOf: sumOf(flows.map(({ bpsOf }) => bpsOf)),
    queuedPackets: sum(({ queuedPackets }) => queuedPackets),
    queuedBytes: sum(({ queuedBytes }) => queuedBytes),
    drops: sumOf(flows.map(({ drops }) => drops)),
    colors: sumOf(flows.map(({ colors }) => colors)),
    delayNs: null,
  };
}

/**
 * A tenant that moves to another slice takes its totals along, so tenants are found by name alone.
 * @param {Reading | undefined} reading
 */
function tenantsOf(reading) {
  return index(reading?.slices.flatMap(({ tenants }) => tenants) ?? [], ({ id }) => id);
}

/** Keeps the last readings and says what happened between them. */
export class SliceRates {
  /** @type {Reading[]} */
  #readings = [];

  /**
   * @param {Reading} now
   * @returns {null | ReturnType<typeof SliceRates.between>} null: the first one says nothing yet.
   */
  take(now) {
    const last = this.#readings.at(-1);
    if (last && now.at_ns <= last.at_ns) this.#readings = []; // another life of the node
    const before = this.#readings.at(-1);
    const past = this.#readings[0];
    this.#readings = [...this.#readings, now].slice(-WINDOW);
    return before ? SliceRates.between(now, before, past) : null;
  }

  /** @param {Reading} now @param {Reading} before @param {Reading} past */
  static between(now, before, past) {
    const seconds = (now.at_ns - before.at_ns) / 1e9;
    const span = { seconds, bounds: now.delay_bounds_ns };
    const [lastSlices, pastSlices] = [before, past].map((reading) => index(reading.slices, keyOf));
    const [lastTenants, pastTenants] = [before, past].map(tenantsOf);

    /** @param {{ classes: ClassTotals[] }} row @param {any} last @param {any} old */
    const measure = (row, last, old) => ({
      flow: flowOf(row.classes, last?.classes, old?.classes, span),
      classes: row.classes.map((totals) => ({
        id: totals.class,
        flow: flowOf([totals], last?.classes, old?.classes, span),
      })),
    });

    /** @param {TenantTotals} tenant */
    const measureTenant = (tenant) => {
      const last = lastTenants.get(tenant.id);
      const measured = measure(tenant, last, pastTenants.get(tenant.id));
      measured.flow.colors = colorsOf(tenant, last, seconds);
      return { id: tenant.id, maxBps: tenant.max_bps, ...measured };
    };

    const slices = now.slices.map((slice) => {
      const key = keyOf(slice);
      const measured = measure(slice, lastSlices.get(key), pastSlices.get(key));
      measured.flow.colors = sumOf(
        slice.tenants.map((tenant) => colorsOf(tenant, lastTenants.get(tenant.id), seconds)),
      );
      const { guaranteed_bps: guaranteedBps, max_bps: maxBps, tenants } = slice;
      const id = slice.default ? 'default' : key;
      // There may be thousands: they are measured when somebody looks.
      const measureTenants = () => tenants.map(measureTenant);
      const tenantIds = tenants.map((tenant) => tenant.id);
      return { id, guaranteedBps, maxBps, ...measured, tenantIds, measureTenants };
    });
    return { linkBps: now.link_bps, flow: flowOfAll(slices.map(({ flow }) => flow)), slices };
  }
}
