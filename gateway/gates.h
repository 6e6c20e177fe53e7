/* Admission: the gates of DESIGN 9, one table, in order; there is no other way to a session. Each
 * gate has its number, code and a denial counter per tenant. Control thread. */
#pragma once

#include <stdint.h>

#include "gateway/sdp.h"
#include "gateway/server.h"
#include "gateway/session.h"
#include "conf/jwt.h"

/* Numbers are the design's; the ones that are missing come with the ledger. */
enum gate {
	GATE_REQUEST = 1,      /* size, type, SDP well-formed: 400 413 415 422 */
	GATE_NODE,             /* not draining, not overloaded: 503 */
	GATE_TRANSPORT,        /* TLS, or loopback: 403 */
	GATE_TOKEN,            /* signature, allowed algorithm (RFC 8725): 401 */
	GATE_FRESHNESS,        /* exp, nbf, iat, replay: 401 */
	GATE_AUDIENCE,         /* iss, aud: 401 */
	GATE_TENANT,           /* known: 403 */
	GATE_STANDING,         /* active: 403 */
	GATE_ISOLATION,        /* the token's tenant owns the target: 403 */
	GATE_SCOPE = 11,       /* publish, play: 403 */
	GATE_CONCURRENCY = 15, /* tenant's session cap: 429 */
	GATES = 18
};

struct node;

/* What is asked, what the gates found, and why one said no. */
struct admission {
	struct node *node;
	const struct http_request *request;
	const char *tenant_id, *stream_name; /* of the target */
	enum session_role role;
	struct sdp_session *offer; /* GATE_REQUEST reads the body into it */
	struct tenant *owner;      /* whose token it is */
	struct tenant *tenant;     /* the target's */
	struct jwt_claims claims;
	/* denial */
	enum gate gate;
	int status;
	unsigned int retry_after_s; /* 0 = none */
	char detail[256];
};

/* All gates, for a new session. False: denied, counted, and `admission` says why. */
bool gates_admit(struct admission *admission);
/* The gates that a request about a session that exists passes: 3, 4, 6, 7 and 9. A session may
 * outlast the token that made it, and its owner can still end it. */
bool gates_admit_again(struct admission *admission);
/* Writes the denial. */
void gates_deny(const struct admission *admission, struct http_response *response);

const char *gate_name(enum gate gate);

/* Denials, for /metrics: calls back for every (gate, tenant) that has any; tenant "" = not known.
 */
struct gate_counters;
struct gate_counters *gate_counters_create(void);
void gate_counters_destroy(struct gate_counters *counters);
void gate_counters_each(const struct gate_counters *counters,
			void (*each)(void *context, enum gate gate, const char *tenant,
				     uint64_t denials),
			void *context);
