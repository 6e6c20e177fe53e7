#include "media/counter.h"

#include <assert.h>

#define DROP(name, text)                                                                           \
	{                                                                                          \
		.metric = "dropped_packets_total", .label = name, .help = text                     \
	}
#define EVENT(name, text)                                                                          \
	{                                                                                          \
		.metric = name, .help = text                                                       \
	}

const struct counter_row counter_rows[COUNTERS] = {
	[DROP_UNKNOWN_PROTOCOL] = DROP("unknown_protocol", "Packets dropped, by reason"),
	[DROP_UNKNOWN_FLOW] = DROP("unknown_flow", "SRTP from an address ICE never validated"),
	[DROP_DTLS_UNVALIDATED] =
		DROP("dtls_unvalidated", "DTLS from an address ICE never validated"),
	[DROP_DTLS_QUEUE_FULL] = DROP("dtls_queue_full", "Handshake thread is behind"),
	[DROP_DTLS_RATE] = DROP("dtls_rate", "More DTLS than a session has use for"),
	[DROP_SIGNALLING_RATE] =
		DROP("signalling_rate", "More STUN and DTLS of strangers than a worker checks"),
	[DROP_STUN_MALFORMED] = DROP("stun_malformed", "STUN that cannot be read"),
	[DROP_STUN_UNKNOWN_UFRAG] = DROP("stun_unknown_ufrag", "Check for no session of ours"),
	[DROP_STUN_REFUSED] = DROP("stun_refused", "Check without integrity or not a request"),
	[DROP_FLOW_TABLE_FULL] = DROP("flow_table_full", "No room for another 5-tuple"),
	[DROP_NO_KEYS] = DROP("no_keys", "SRTP before the handshake ended"),
	[DROP_SRTP_AUTH] = DROP("srtp_auth", "SRTP that does not authenticate"),
	[DROP_SRTP_REPLAY] = DROP("srtp_replay", "SRTP index seen before"),
	[DROP_RTP_MALFORMED] = DROP("rtp_malformed", "RTP that cannot be read"),
	[DROP_RTP_UNKNOWN_SSRC] = DROP("rtp_unknown_ssrc", "RTP of no negotiated track"),
	[DROP_RTP_DUPLICATE] = DROP("rtp_duplicate", "Packet received before, also by repair"),
	[DROP_RTP_STALE] = DROP("rtp_stale", "Older than the reception window"),
	[DROP_RTCP_MALFORMED] = DROP("rtcp_malformed", "RTCP that cannot be read"),
	[DROP_NO_BUFFER] = DROP("no_buffer", "Packet pool is empty"),
	[DROP_PROTECT] = DROP("protect", "SRTP protection refused the packet"),
	[DROP_MAILBOX_FULL] = DROP("mailbox_full", "Another worker is behind"),
	[DROP_NOT_SENDABLE] = DROP("not_sendable", "Session has no validated address"),
	[DROP_RTX_BUDGET] = DROP("rtx_budget", "Viewer asked for too many retransmissions"),
	[DROP_METER] = DROP("meter", "Media kind without credit, held, or waiting for a key frame"),
	[DROP_POLICED_SESSION] = DROP("policed_session", "Over its session's peak ingress rate"),
	[DROP_POLICED_TENANT] = DROP("policed_tenant", "Over its tenant's peak ingress rate"),
	[DROP_QUEUE_FULL] = DROP("queue_full", "Its tenant's queue on the way out is full"),
	[DROP_QUEUE_LATE] = DROP("queue_late", "Waited longer on the way out than its class may"),
	[DROP_QUEUE_EARLY] = DROP("queue_early", "Its tenant's queue on the way out fills (RED)"),
	[DROP_QUEUE_GONE] = DROP("queue_gone", "Its tenant left while it was on the way out"),
	[DROP_QUEUE_REFUSED] =
		DROP("queue_refused", "Sure to be dropped on the way out, so not encrypted"),
	[DROP_EGRESS_FULL] = DROP("egress_full", "The thread that sends is behind"),
	[COUNT_STUN_CHECKS] = EVENT("stun_checks_total", "Valid connectivity checks"),
	[COUNT_STUN_KEEPALIVES] = EVENT("stun_keepalives_total", "Binding indications"),
	[COUNT_STUN_ERRORS_SENT] = EVENT("stun_errors_sent_total", "Checks answered with an error"),
	[COUNT_ROLE_CONFLICTS] = EVENT("ice_role_conflicts_total", "Checks answered with 487"),
	[COUNT_PAIRS_SELECTED] =
		EVENT("ice_pairs_selected_total", "Changes of a session's address"),
	[COUNT_CONSENT_EXPIRED] =
		EVENT("ice_consent_expired_total", "Sessions silent for too long"),
	[COUNT_HANDED_OVER] =
		EVENT("packets_handed_over_total", "Packets passed to the session's worker"),
	[COUNT_RTP_IN] = EVENT("rtp_received_total", "RTP packets taken from publishers"),
	[COUNT_RTP_OUT] = EVENT("rtp_forwarded_total", "RTP packets sent to viewers"),
	[COUNT_RTP_RECOVERED] =
		EVENT("rtp_recovered_total", "Lost packets that publishers sent again"),
	[COUNT_RTCP_IN] = EVENT("rtcp_received_total", "RTCP packets received"),
	[COUNT_RTCP_OUT] = EVENT("rtcp_sent_total", "RTCP packets sent"),
	[COUNT_NACK_SENT] = EVENT("nacked_packets_sent_total", "Packets asked for from publishers"),
	[COUNT_NACK_RECEIVED] = EVENT("nacked_packets_received_total", "Packets viewers asked for"),
	[COUNT_RTX_SENT] = EVENT("rtx_sent_total", "Retransmissions to viewers"),
	[COUNT_RTX_MISSED] = EVENT("rtx_missed_total", "Asked for, but no longer held"),
	[COUNT_PLI_SENT] = EVENT("keyframe_requests_sent_total", "PLI sent to publishers"),
	[COUNT_PLI_RECEIVED] = EVENT("keyframe_requests_received_total", "PLI and FIR of viewers"),
	[COUNT_KEYFRAMES] = EVENT("keyframes_total", "Key frames received"),
	[COUNT_TRANSPORT_CC_SENT] =
		EVENT("transport_cc_sent_total", "Transport-wide feedback packets"),
	[COUNT_POLICED_YELLOW] = EVENT("policed_yellow_total",
				       "RTP packets marked down: over a committed ingress rate"),
	[COUNT_REMB_SENT] = EVENT("remb_sent_total", "Limits told to publishers by REMB"),
	[COUNT_LOSSES_TOLD] = EVENT("keyframe_requests_for_drops_total",
				    "Key frames asked for as a viewer's video was dropped here"),
	[COUNT_PACED] = EVENT("paced_packets_total", "Video packets held back to spread a burst"),
	[COUNT_PACER_FULL] =
		EVENT("pacer_full_total", "Bursts too long to be spread, sent as they came"),
	[COUNT_REPLAYS] =
		EVENT("replays_total", "Viewers that began with a key frame sent before they came"),
};

static_assert(sizeof(counter_rows) / sizeof(counter_rows[0]) == COUNTERS, "one row per counter");
