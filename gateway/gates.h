/* Admission: the 17 gates of DESIGN 9, one table, in order; there is no other way to a session.
 * Each gate has its number, code and a denial counter per tenant. What the late gates set aside is
 * an admission's until it is kept. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/jwt.h"
#include "conf/tenants.h"
#include "gateway/sdp.h"
#include "gateway/server.h"
#include "gateway/session.h"
#include "gateway/stream.h"

enum gate {
	GATE_REQUEST = 1, /* size, type, SDP or JSON well-formed: 400 413 415 422 */
	GATE_NODE,        /* fed, not draining, not overloaded, its disk not full: 503 */
	GATE_TRANSPORT,   /* TLS, or loopback: 403 */
	GATE_TOKEN,       /* signature, allowed algorithm (RFC 8725): 401 */
	GATE_FRESHNESS,   /* exp, nbf, iat, replay: 401 */
	GATE_AUDIENCE,    /* iss, aud: 401 */
	GATE_TENANT,      /* known: 403 */
	GATE_STANDING,    /* active: 403 */
	GATE_ISOLATION,   /* the token's tenant owns the target: 403 */
	GATE_ORIGIN,      /* the tenant's domains: 403 */
	GATE_SCOPE,       /* publish, play, usage: 403 */
	GATE_ROUTE,       /* public, private, restricted: 403 */
	GATE_CONSENT,     /* the twin's owner approved: 403 */
	GATE_RATE,        /* leaky bucket: 429 */
	GATE_CONCURRENCY, /* tenant's session cap: 429 */
	GATE_SLICE,       /* guaranteed bandwidth left: 503 */
	GATE_BUDGET,      /* credit reserved: 402 "Twin is sleeping", 503 */
	GATES
};

/* What is asked for; each passes the gates that are its own. */
enum gate_ask {
	ASK_SESSION, /* a new session: all */
	ASK_AGAIN,   /* something about one that exists. It may outlast the token that made it, and
			its owner can still end it */
	ASK_USAGE,   /* a debit by a backend */
	ASK_RESUME,  /* a paused session is to go on; no request */
	ASKS
};

struct account_session;
struct json_t;
struct node;
struct slice;

/* What is asked, what the gates found and set aside, and why one said no. */
struct admission {
	struct node *node;
	enum gate_ask ask;
	enum session_role role;             /* of a session */
	const struct http_request *request; /* borrowed; the deferral's while it waits */
	char tenant_id[TENANT_ID_MAX + 2], stream_name[STREAM_NAME_MAX + 2]; /* of the target */
	const struct session *session;                                       /* of ASK_RESUME */
	/* found */
	struct sdp_session *offer; /* owned; admission_offer */
	struct json_t *body;       /* owned; of ASK_USAGE */
	struct tenant *owner;      /* whose token it is */
	struct tenant *tenant;     /* the target's */
	struct jwt_claims claims;
	/* set aside */
	uint32_t held; /* bit per gate */
	struct slice *slice;
	int64_t slice_bps;
	struct account_session *account;
	/* waits at `gate` */
	unsigned int timer;              /* of gate 14; a GLib source */
	bool is_asking;                  /* gate 17: the control plane is asked */
	void (*on_ready)(void *context); /* call gates_admit again. NULL: it cannot wait */
	void *context;
	/* denial; `gate` is also where it stands */
	enum gate gate;
	int status;
	unsigned int retry_after_s; /* 0 = none */
	char detail[256];
};

/* `tenant_id` and `stream_name` are copied ("" where there is none). NULL: no memory. */
struct admission *gates_ask(struct node *node, enum gate_ask ask,
			    const struct http_request *request, const char *tenant_id,
			    const char *stream_name);
enum admit { ADMIT_YES, ADMIT_NO, ADMIT_LATER };
/* Runs the gates, or goes on where it waited. NO: denied, counted, told to log and audit trail;
 * nothing is set aside any more, and `admission` says why. LATER: `on_ready` will be called; the
 * offer is forgotten meanwhile. */
enum admit gates_admit(struct admission *admission);
/* The offer of the request, read (again) if it is not there; NULL: no memory. */
const struct sdp_session *admission_offer(struct admission *admission);
/* The session takes over what was set aside for it. Not yet published. */
void gates_keep(struct admission *admission, struct session *session);
/* What was asked for is done and has cost its place in the rate; the rest is given back. */
void gates_keep_rate(struct admission *admission);
/* A token that is good once is spent now. NO: another request did while this one waited. */
enum admit gates_spend(struct admission *admission);
/* Gives back what is still set aside, ends the waiting. Takes NULL. */
void gates_forget(struct admission *admission);
/* A denial for what a gate checks but only shows later (SDP that does not fit, a token that was
 * spent meanwhile): as if the gate had said it. */
enum admit gates_refuse(struct admission *admission, enum gate gate, int status,
			const char *detail);
/* Writes the denial. */
void gates_deny(const struct admission *admission, struct http_response *response);
/* Gates 8, 14 and 17 for a paused session that is to go on, at once or not. 0, or -EPERM, -EBUSY,
 * -EDQUOT; denials are counted and told. */
int gates_resume(struct node *node, const struct session *session);

/* Why this node as a whole takes nothing of that; NULL: it does. */
const char *gates_node_ails(const struct node *node, enum gate_ask ask);

const char *gate_name(enum gate gate);

/* Denials, for /metrics: calls back for every (gate, tenant) that has any; tenant "" = not known.
 */
struct gate_counters;
struct gate_counters *gate_counters_create(void);
void gate_counters_destroy(struct gate_counters *counters);
void gate_counters_add(struct gate_counters *counters, enum gate gate, const char *tenant);
void gate_counters_each(const struct gate_counters *counters,
			void (*each)(void *context, enum gate gate, const char *tenant,
				     uint64_t denials),
			void *context);
