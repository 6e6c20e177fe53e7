/* The admin socket: JSON-RPC for the control plane and for operators. Methods are one table
 * (admin_methods.c), which is also their reference. The connection that said hello as "control" is
 * the control plane: it feeds tenants, slices and quota, and gets the upcalls. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/rpc.h"

struct admin;
struct node;
struct session;

/* Listens on config.admin.socket. Negative errno, logged. */
int admin_start(struct node *node, struct admin **out);
void admin_stop(struct admin *admin);
/* Is a control plane connected; and did one ever feed a snapshot? NULL: no. */
bool admin_has_control(const struct admin *admin);
bool admin_is_fed(const struct admin *admin);
/* An upcall to the control plane; without one `reply` says RPC_CLOSED, later. Takes over `params`.
 */
void admin_call(struct admin *admin, const char *method, struct json_t *params, rpc_reply reply,
		void *context);
/* A line of the audit trail, sent in batches (NULL admin: control: none, nobody to tell): {"at_ms",
 * "type", "tenant", "stream", "session", "gate", "gate_name", "status", "slice", "detail"}. Takes
 * over `event`. Bounded; what does not fit is counted. */
void admin_event(struct admin *admin, struct json_t *event);
/* A session came, changed or ended: told to the control plane in batches (session.claim). */
void admin_claim(struct admin *admin, const struct session *session);
struct admin_counters {
	uint64_t connections, connections_refused; /* taken; over the cap */
	uint64_t controls, controls_refused;       /* hellos of control planes */
	uint64_t gaps;                             /* in the feed's revisions */
	uint64_t faults;                           /* of the feed's: tenants, slices */
	uint64_t calls, calls_failed;              /* ours */
	uint64_t events_sent, events_lost, claims_sent, claims_lost;
	uint64_t records_acknowledged, records_refused, reports_failed;
	uint64_t peers_refused; /* for their credentials */
	unsigned int open;      /* connections */
};
struct admin_counters admin_counters(const struct admin *admin);
/* The methods and the upcalls as Markdown: gateway/ADMIN.md is this text. */
void admin_reference(FILE *out);
