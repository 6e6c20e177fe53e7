/* RTCP of a transport: what we report on a clock, and what we take from the peer. Home worker. */
#pragma once

#include <stdint.h>

struct worker;
struct transport;
struct rte_mbuf;

#define REPORT_INTERVAL_NS 1000000000ull /* sender and receiver reports */
#define REPORT_TWCC_NS                                                                             \
	50000000ull /* transport-wide feedback: libwebrtc's own receivers use 50..250 ms */
#define REPORT_NACK_NS 10000000ull /* between looks at what is missing */
#define REPORT_NACK_RETRY_NS                                                                       \
	40000000ull /* before asking again; browsers ignore what comes within a round trip */
#define REPORT_PLI_NS     400000000ull /* before a key frame request is repeated */
#define REPORT_PLI_MIN_NS 150000000ull /* between two requests, at least */
/* After a packet was dropped for the publisher's rate: a key frame is large and would be dropped
 * too. */
#define REPORT_PLI_POLICED_NS     300000000ull
#define REPORT_PLI_POLICED_MAX_NS 2000000000ull /* but what is over its rate for good gets one */
#define REPORT_PLI_FLOOD_NS                                                                        \
	20000000ull /* requests of one viewer that come quicker are one: no browser does that */

/* Sends what is due and returns when it wants to be called next. */
uint64_t report_service(struct worker *worker, struct transport *transport);
/* A decrypted compound packet of the peer; borrowed. */
void report_on_rtcp(struct worker *worker, struct transport *transport, struct rte_mbuf *packet);
/* Asks for the key frames that tracks want, as far as the intervals above allow, and schedules the
 * rest. */
void report_keyframes(struct worker *worker, struct transport *transport);
/* Says goodbye for all that is sent. */
void report_bye(struct worker *worker, struct transport *transport);
