/* From totals to rates: what two answers of a node's `stats.slices` say of the time between them.
 * Pure. Any thread. */
#pragma once

struct json_t;

/* Adds to every slice, tenant and class of `now`, by what `before` (an earlier answer of the same
 * node) had: `rate_bps`, `packets_per_s`, `queued_packets`, `queued_bytes`, `drops` (packets by
 * reason in that time) and `p50_us`, `p99_us` of the time packets waited (null where none were
 * sent); to tenants `policed`, the packets of their publishers by colour in that time; and
 * `rate_bps` of all to the answer itself. Who is new counts from nothing. -EINVAL: they are no such
 * answers, or `before` is not earlier. -ENOMEM. */
int slice_rates_add(struct json_t *now, const struct json_t *before);
