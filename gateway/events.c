#include "gateway/events.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/account.h"
#include "gateway/server.h"
#include "gateway/session.h"

#define CLOSE_NORMAL 1000 /* RFC 6455 7.4.1 */
#define NS_PER_MS    1000000

static void send_text(struct server_socket *socket, json_t *event)
{
	char *text = json_dumps(event, JSON_COMPACT);
	if (text)
		server_socket_send(socket, text, strlen(text));
	free(text);
}

static void send_all(struct session *session, json_t *event)
{
	for (unsigned int i = 0; event && i < SESSION_SOCKETS_MAX; i++) {
		if (session->sockets[i])
			send_text(session->sockets[i], event);
	}
	json_decref(event);
}

/* Most sessions have nobody who listens, and an event costs as much as the rest of a change of
 * state. */
static bool is_watched(const struct session *session)
{
	for (unsigned int i = 0; i < SESSION_SOCKETS_MAX; i++) {
		if (session->sockets[i])
			return true;
	}
	return false;
}

static json_t *state_event(const struct session *session)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s*}", "type", "session.state", "session",
			 session->id, "role", session_role_names[session->role], "state",
			 session_state_names[session->state], "reason",
			 session->reason ? session_reason_names[session->reason] : NULL);
}

bool events_watch(struct session *session, struct server_socket *socket)
{
	for (unsigned int i = 0; i < SESSION_SOCKETS_MAX; i++) {
		if (session->sockets[i])
			continue;
		session->sockets[i] = socket;
		json_t *event = state_event(session);
		if (event)
			send_text(socket, event);
		json_decref(event);
		account_tell_limits(session->account);
		ingress_tell_all(session);
		return true;
	}
	return false;
}

void events_unwatch(struct session *session, struct server_socket *socket)
{
	for (unsigned int i = 0; i < SESSION_SOCKETS_MAX; i++) {
		if (session->sockets[i] == socket)
			session->sockets[i] = NULL;
	}
}

void events_state(struct session *session)
{
	if (is_watched(session))
		send_all(session, state_event(session));
	if (session->state != SESSION_TERMINATED) {
		account_tell_limits(session->account);
		return;
	}
	for (unsigned int i = 0; i < SESSION_SOCKETS_MAX; i++) {
		if (session->sockets[i])
			server_socket_close(session->sockets[i], CLOSE_NORMAL);
	}
}

static json_int_t stat_of(const struct session *session, enum transport_stat stat)
{
	return (json_int_t)atomic_load_explicit(&session->transport->stats[stat],
						memory_order_relaxed);
}

static json_int_t rate_of(struct session *session, enum transport_stat stat)
{
	json_int_t now = stat_of(session, stat);
	json_int_t before = (json_int_t)session->stats_before[stat];
	session->stats_before[stat] = (uint64_t)now;
	return now - before;
}

void events_stats(struct session *session)
{
	bool is_publisher = session->role == SESSION_PUBLISHER;
	json_int_t bytes = rate_of(session, is_publisher ? STAT_RX_BYTES : STAT_TX_BYTES);
	const struct meter *meter = &session->transport->meter;
	if (!is_watched(session))
		return;
	json_t *event = json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:I}",
		"type", "session.stats", "packets",
		stat_of(session, is_publisher ? STAT_RX_PACKETS : STAT_TX_PACKETS), "bytes",
		stat_of(session, is_publisher ? STAT_RX_BYTES : STAT_TX_BYTES), "bitrate_bps",
		bytes * 8, "lost", stat_of(session, STAT_LOST), "recovered",
		stat_of(session, STAT_RECOVERED), "retransmitted", stat_of(session, STAT_RTX_SENT),
		"nacks", stat_of(session, STAT_NACKS), "keyframe_requests",
		stat_of(session, STAT_KEYFRAME_REQUESTS), "rtt_ms",
		(double)stat_of(session, STAT_RTT_US) / 1000.0, "jitter_ms",
		(double)stat_of(session, STAT_JITTER_US) / 1000.0, "fraction_lost",
		(double)stat_of(session, STAT_FRACTION_LOST_Q8) / 256.0, "viewers",
		(json_int_t)session->stream->n_viewers, "used_video_ms",
		(json_int_t)(meter_used_ns(meter, METER_VIDEO) / NS_PER_MS), "used_voice_ms",
		(json_int_t)(meter_used_ns(meter, METER_VOICE) / NS_PER_MS));
	send_all(session, event);
}

void events_stream(struct session *session, bool is_started)
{
	if (!is_watched(session))
		return;
	send_all(session,
		 json_pack("{s:s}", "type", is_started ? "stream.started" : "stream.stopped"));
}

static const char *kind_name(enum meter_kind kind)
{
	return kind == METER_VIDEO ? "video" : "voice";
}

void events_limit_downgraded(struct session *session, enum meter_kind kind, enum account account,
			     const char *reason)
{
	send_all(session,
		 json_pack("{s:s, s:s, s:s*, s:s}", "type", "limit.downgraded", "kind",
			   kind_name(kind), "account",
			   account < ACCOUNTS ? account_names[account] : NULL, "reason", reason));
}

void events_limit_upgraded(struct session *session, enum meter_kind kind)
{
	send_all(session,
		 json_pack("{s:s, s:s}", "type", "limit.upgraded", "kind", kind_name(kind)));
}

void events_limit_rate(struct session *session, const struct ingress_limit *limit)
{
	send_all(session, json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "type", "limit.rate", "scope",
				    limit->scope == INGRESS_TENANT ? "tenant" : "session",
				    "committed_bps", (json_int_t)limit->committed_bps, "peak_bps",
				    (json_int_t)limit->peak_bps, "dropped_packets",
				    (json_int_t)limit->dropped_packets, "state",
				    limit->is_over ? "over" : "ok"));
}
