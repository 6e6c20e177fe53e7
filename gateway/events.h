/* The event channel of a session: what its sockets are told, as JSON texts {"type": ...}. Control
 * thread. */
#pragma once

#include <stdbool.h>

#include "conf/policy.h"
#include "slices/meter.h"

struct ingress_limit;
struct session;
struct server_socket;

/* Adds a watcher, which is told the present state at once. False: SESSION_SOCKETS_MAX watch
 * already. */
bool events_watch(struct session *session, struct server_socket *socket);
void events_unwatch(struct session *session, struct server_socket *socket);
/* {"type":"session.state","state":...,"reason":...}, and after it, as after every one, the limits
 * in force; a terminated session's sockets are closed after it. */
void events_state(struct session *session);
/* {"type":"session.stats", ...}: totals since the start, rates over the last second; used_video_ms
 * and used_voice_ms as the meter charges them. */
void events_stats(struct session *session);
/* {"type":"stream.started"} or {"type":"stream.stopped"} to a viewer. */
void events_stream(struct session *session, bool is_started);
/* {"type":"limit.downgraded","kind":"video"|"voice","account":"credit"|"video"|"voice",
 * "reason":...}: this kind does not pass any more; account ACCOUNTS: no account of the session's
 * own. {"type":"limit.upgraded","kind":...}: it passes again. */
void events_limit_downgraded(struct session *session, enum meter_kind kind, enum account account,
			     const char *reason);
void events_limit_upgraded(struct session *session, enum meter_kind kind);
/* {"type":"limit.rate","scope":"tenant"|"session","committed_bps":...,"peak_bps":...,
 * "dropped_packets":...,"state":"over"|"ok"} to a publisher: it (or all its tenant's publishers
 * together) sends more than may be, and what is over the peak is dropped. At most one a second and
 * scope; dropped_packets are this session's since its start. */
void events_limit_rate(struct session *session, const struct ingress_limit *limit);
