/* A session is one browser's publishing or playing: admitted once, bound to a stream, carried by a
 * transport, observed over event sockets, terminated for a reason. Control thread; the media
 * plane's messages about its transport come here too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/ingress.h"
#include "gateway/sdp.h"
#include "gateway/stream.h"
#include "media/mailbox.h"
#include "media/transport.h"
#include "slices/tenant.h"

#define SESSION_ID_BYTES                                                                           \
	33 /* 128 random bits as hex, and NUL: knowing it is the right to watch its events */
#define SESSION_CNAME_BYTES 17 /* 64 random bits as hex: it says nothing of the id */
#define SESSION_ETAG_BYTES  24
#define SESSION_SOCKETS_MAX 4

struct account_session;
struct node;
struct plane;
struct slice;
struct server_socket;
struct session_table;

enum session_role { SESSION_PUBLISHER, SESSION_VIEWER, SESSION_ROLES };
enum session_state {
	SESSION_GENESIS,
	SESSION_ACTIVE,
	SESSION_PAUSED, /* connected; no media passes */
	SESSION_TERMINATED,
	SESSION_STATES
};
enum session_reason {
	REASON_NONE,
	REASON_USER_EXIT,  /* DELETE, BYE or close_notify; the tenant exited */
	REASON_COST_LIMIT, /* nothing left to pay with, and the ladder ends here */
	REASON_OPERATOR,   /* nn5gctl session kill, session.terminate */
	REASON_DRAINED,    /* the node stops: come back, here or elsewhere */
	REASON_EXPIRED,    /* never connected in time, or at the end of its allowed length */
	REASON_LOST,       /* ICE consent ran out */
	REASON_REPLACED,   /* another publisher took the stream over, or its tracks changed under a
			      viewer */
	REASON_ERROR,      /* DTLS failed */
	REASON_REASONS
};

/* Who holds a session's media back; it goes on when nobody does. */
enum session_pause { PAUSE_TENANT = 1, PAUSE_OPERATOR = 2 };

extern const char *const session_role_names[SESSION_ROLES];
extern const char *const session_state_names[SESSION_STATES];
extern const char *const session_reason_names[REASON_REASONS];

struct session {
	char id[SESSION_ID_BYTES];
	char cname[SESSION_CNAME_BYTES]; /* in SDP and RTCP alike (RFC 7022) */
	enum session_role role;
	enum session_state state;
	enum session_reason reason;
	struct session_table *table;     /* parent */
	struct tenant *tenant;           /* borrowed; counts us */
	struct stream *stream;           /* one reference; NULL once released */
	struct transport *transport;     /* owned */
	struct account_session *account; /* owned; NULL: nothing is metered against a budget */
	struct slice *slice;             /* borrowed; NULL: none. Holds slice_bps of it */
	int64_t slice_bps;
	struct ingress_session ingress; /* publishers */
	struct directory_entry *entry;  /* owned; present credentials */
	struct directory_entry
		*previous_entry; /* owned; before an ICE restart, valid for a while */
	uint64_t previous_until_ns;
	struct sdp_agreement *proposal; /* owned; a counter-offer waiting for its answer */
	char first_mid[SDP_MID_MAX + 1];
	char etag[SESSION_ETAG_BYTES];
	uint32_t etag_version;
	bool from_loopback; /* signalled over loopback: loopback candidates are offered too */
	bool is_published;  /* checks find it */
	bool is_attached;   /* in the stream as publisher or viewer */
	uint32_t epoch;     /* of its ownership: of the node that carries it */
	uint8_t paused_by;  /* bits of enum session_pause */
	uint64_t created_ns;
	TAILQ_ENTRY(session) link;                          /* in stream->viewers */
	struct server_socket *sockets[SESSION_SOCKETS_MAX]; /* borrowed */
	uint64_t stats_before[TRANSPORT_STATS];             /* at the last tick, for rates */
};

struct session_counters {
	uint64_t created[SESSION_ROLES];
	uint64_t terminated[REASON_REASONS];
	unsigned int open[SESSION_ROLES][SESSION_STATES];
};

struct session_table *session_table_create(struct node *node);
/* All sessions must be gone (session_count 0). Takes NULL. */
void session_table_destroy(struct session_table *table);
/* What tenants may send. */
struct ingress *session_ingress(const struct session_table *table);
/* Sessions that hold anything: also terminated ones that are still being taken apart. */
unsigned int session_count(const struct session_table *table);
const struct session_counters *session_counters(const struct session_table *table);

/* A session in genesis with credentials, for `stream` (whose reference it takes over), not yet
 * reachable. The caller fills its transport (gateway/binding.h), then publishes or discards it.
 * -ENOSPC, -ENOMEM: the reference is given back. */
int session_create(struct session_table *table, enum session_role role, struct tenant *tenant,
		   struct stream *stream, struct session **out);
/* Gives it its transport (taken over) and makes it reachable by checks. A publisher takes the
 * stream over, a viewer attaches. */
void session_publish(struct session *session, struct transport *transport);
/* Holds all its media back at once, connection and event channel stay. -EALREADY. */
int session_pause(struct session *session, enum session_pause by);
/* Standing, rate and budget permitting (gates 8, 14 and 17) its media goes on, unless it is paused
 * for another cause too. -EALREADY: it was not paused; -EPERM: its tenant is not active; -EBUSY: an
 * operator's wish is over the tenant's rate; -EDQUOT: nothing is left to pay with. */
int session_resume(struct session *session, enum session_pause by);
/* Pauses, resumes or ends the tenant's sessions as its standing says; one that is gone has exited.
 */
void session_on_standing(struct session_table *table, const struct tenant *tenant);
/* The tenant's policy has changed: what it and its publishers may send (gateway/ingress.h). */
void session_on_policy(struct session_table *table, const struct tenant *tenant);
/* Ends it for a reason: tells its event sockets, frees all behind a barrier. The pointer is dead
 * afterwards. */
void session_terminate(struct session *session, enum session_reason reason);
void session_terminate_all(struct session_table *table, enum session_reason reason);
/* Ends the viewers of a stream. */
void session_terminate_viewers(struct stream *stream, enum session_reason reason);

/* NULL: unknown or terminated. */
struct session *session_find(struct session_table *table, const char *id);
/* Fresh ICE credentials for a restart; the old ones stay valid while the browser moves. -ENOSPC,
 * -ENOMEM. */
int session_restart_ice(struct session *session, const char *remote_ufrag);

/* Calls back for every session that has not ended. */
void session_each(struct session_table *table,
		  void (*each)(void *context, const struct session *session), void *context);
/* A message of the media plane. */
void session_on_message(struct session_table *table, const struct message *message);
/* Once a second: timeouts, statistics events. */
void session_tick(struct session_table *table, uint64_t now_ns, uint64_t connect_ns);
