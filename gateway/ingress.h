/* What tenants and sessions may send (policy: bandwidth.ingress_*): control's side of
 * media/policing.h. A tenant's policing lives from its first publisher until a while after its
 * last, so that who comes back finds the buckets it left. Publishers are told when a limit is
 * exceeded and when it no longer is: the event limit.rate. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/policing.h"

struct ingress;
struct ingress_tenant;
struct plane;
struct session;
struct tenant;

enum ingress_scope { INGRESS_SESSION, INGRESS_TENANT, INGRESS_SCOPES };

/* What a publisher is told of one limit. */
struct ingress_limit {
	enum ingress_scope scope;
	int64_t committed_bps, peak_bps;
	uint64_t dropped_packets; /* of this session's, by this limit, since it began */
	bool is_over;
};

/* A session's part, embedded in it; zeroed: a viewer. */
struct ingress_session {
	struct ingress_tenant *tenant; /* one reference; NULL: nothing is policed */
	struct policer_config config;  /* the session's own limit */
	uint64_t measured_ns;
	struct ingress_notice {
		uint64_t bytes, dropped; /* until the last look: of all this limit is for */
		uint64_t told;           /* dropped_packets of the last event */
		unsigned int quiet;      /* looks in a row at which it was kept */
		bool is_over;
	} notices[INGRESS_SCOPES];
};

/* NULL: no memory. */
struct ingress *ingress_create(struct plane *plane);
/* When the plane has stopped. Takes NULL. */
void ingress_destroy(struct ingress *ingress);

/* A publisher comes: its tenant is policed from now on. -ENOMEM. */
int ingress_attach(struct ingress *ingress, struct session *session);
/* Its transport is complete and not yet published. */
void ingress_bind(struct session *session);
/* Its home is known (MESSAGE_CONNECTED), or it has gone (MESSAGE_CLOSED). */
void ingress_on_home(struct ingress *ingress, struct session *session);
/* Behind the barrier that frees the session. */
void ingress_detach(struct session *session);

/* The tenant's policy has changed: its limits and its sessions' are in force with the next packets.
 * `sessions` are what session_each finds. */
void ingress_on_tenant(struct ingress *ingress, const struct tenant *tenant);
void ingress_on_policy(struct ingress *ingress, struct session *session);

/* Once a second: rates are divided anew, what nobody has used for a while is freed. */
void ingress_tick(struct ingress *ingress, uint64_t now_ns);
/* Once a second, of a session that is connected: tells what has changed. */
void ingress_tell(struct session *session, uint64_t now_ns);
/* The limits that are exceeded now, to those who just began to watch. */
void ingress_tell_all(struct session *session);

/* For metrics: tenants that are policed, or were until lately. */
void ingress_each(const struct ingress *ingress,
		  void (*each)(void *context, const char *tenant, const struct policing *policing),
		  void *context);
