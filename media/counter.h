/* What a worker counts: one enum, one table of names that feeds /metrics. A counter has one writer,
 * its worker; any thread reads. */
#pragma once

#include <stdint.h>

enum counter {
	/* Dropped packets, by reason. */
	DROP_UNKNOWN_PROTOCOL,
	DROP_UNKNOWN_FLOW,
	DROP_DTLS_UNVALIDATED,
	DROP_DTLS_QUEUE_FULL,
	DROP_DTLS_RATE,
	DROP_SIGNALLING_RATE,
	DROP_STUN_MALFORMED,
	DROP_STUN_UNKNOWN_UFRAG,
	DROP_STUN_REFUSED,
	DROP_FLOW_TABLE_FULL,
	DROP_NO_KEYS,
	DROP_SRTP_AUTH,
	DROP_SRTP_REPLAY,
	DROP_RTP_MALFORMED,
	DROP_RTP_UNKNOWN_SSRC,
	DROP_RTP_DUPLICATE,
	DROP_RTP_STALE,
	DROP_RTCP_MALFORMED,
	DROP_NO_BUFFER,
	DROP_PROTECT,
	DROP_MAILBOX_FULL,
	DROP_NOT_SENDABLE,
	DROP_RTX_BUDGET,
	DROP_METER,
	DROP_POLICED_SESSION,
	DROP_POLICED_TENANT,
	DROP_QUEUE_FULL,
	DROP_QUEUE_LATE,
	DROP_QUEUE_EARLY,
	DROP_QUEUE_GONE,
	DROP_QUEUE_REFUSED,
	DROP_EGRESS_FULL,
	/* Events. */
	COUNT_STUN_CHECKS,
	COUNT_STUN_KEEPALIVES,
	COUNT_STUN_ERRORS_SENT,
	COUNT_ROLE_CONFLICTS,
	COUNT_PAIRS_SELECTED,
	COUNT_CONSENT_EXPIRED,
	COUNT_HANDED_OVER,
	COUNT_RTP_IN,
	COUNT_RTP_OUT,
	COUNT_RTP_RECOVERED,
	COUNT_RTCP_IN,
	COUNT_RTCP_OUT,
	COUNT_NACK_SENT,
	COUNT_NACK_RECEIVED,
	COUNT_RTX_SENT,
	COUNT_RTX_MISSED,
	COUNT_PLI_SENT,
	COUNT_PLI_RECEIVED,
	COUNT_KEYFRAMES,
	COUNT_TRANSPORT_CC_SENT,
	COUNT_POLICED_YELLOW,
	COUNT_REMB_SENT,
	COUNT_LOSSES_TOLD,
	COUNT_PACED,
	COUNT_PACER_FULL,
	COUNT_REPLAYS,
	COUNTERS
};

struct counter_row {
	const char *metric; /* Prometheus name without "nn5g_" */
	const char *label;  /* `reason` of a drop, else NULL */
	const char *help;
};

extern const struct counter_row counter_rows[COUNTERS];

struct counters {
	uint64_t value[COUNTERS];
};

/* Writer's side: the worker's own thread. */
static inline void count_n(struct counters *counters, enum counter counter, uint64_t n)
{
	__atomic_store_n(&counters->value[counter], counters->value[counter] + n, __ATOMIC_RELAXED);
}

static inline void count(struct counters *counters, enum counter counter)
{
	count_n(counters, counter, 1);
}

static inline uint64_t counter_read(const struct counters *counters, enum counter counter)
{
	return __atomic_load_n(&counters->value[counter], __ATOMIC_RELAXED);
}
