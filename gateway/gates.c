/* The table of gates, and who walks along it. An admission stands at one gate at a time; when that
 * makes it wait, it goes on there, after another look at what may have changed meanwhile. What was
 * set aside is given back in the order opposite to that in which it was taken, whenever a later
 * gate or anybody behind the gates says no. */
#include "gateway/gates_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glib.h>
#include <jansson.h>

#include "conf/log.h"
#include "gateway/account.h"
#include "gateway/admin.h"
#include "gateway/node.h"
#include "gateway/problem.h"
#include "gateway/token.h"

#define SESSION   (1u << ASK_SESSION)
#define AGAIN     (1u << ASK_AGAIN)
#define USAGE     (1u << ASK_USAGE)
#define RESUME    (1u << ASK_RESUME)
#define UNKNOWN   "" /* tenants that do not exist share one row: outsiders cannot grow the table */
#define BIT(gate) (1u << (gate))

static const struct gate_row {
	const char *name;
	enum admit (*check)(struct admission *admission);
	void (*release)(struct admission *admission);
	unsigned int asks;
	bool after_wait;   /* once more when it goes on */
	const char *title; /* of its problems; NULL: the status' */
} gates[GATES] = {
	[GATE_REQUEST] = {"request", gate_check_request, NULL, SESSION | USAGE, false, NULL},
	[GATE_NODE] = {"node", gate_check_node, NULL, SESSION | USAGE, true, NULL},
	[GATE_TRANSPORT] = {"transport", gate_check_transport, NULL, SESSION | AGAIN | USAGE, false,
			    NULL},
	[GATE_TOKEN] = {"token", gate_check_token, NULL, SESSION | AGAIN | USAGE, false, NULL},
	[GATE_FRESHNESS] = {"freshness", gate_check_freshness, NULL, SESSION | USAGE, false, NULL},
	[GATE_AUDIENCE] = {"audience", gate_check_audience, NULL, SESSION | AGAIN | USAGE, false,
			   NULL},
	[GATE_TENANT] = {"tenant", gate_check_tenant, NULL, SESSION | AGAIN | USAGE, true, NULL},
	[GATE_STANDING] = {"standing", gate_check_standing, NULL, SESSION | USAGE | RESUME, true,
			   NULL},
	[GATE_ISOLATION] = {"isolation", gate_check_isolation, NULL, SESSION | AGAIN | USAGE, false,
			    NULL},
	[GATE_ORIGIN] = {"origin", gate_check_origin, NULL, SESSION, false, NULL},
	[GATE_SCOPE] = {"scope", gate_check_scope, NULL, SESSION | USAGE, false, NULL},
	[GATE_ROUTE] = {"route", gate_check_route, NULL, SESSION, false, NULL},
	[GATE_CONSENT] = {"consent", gate_check_consent, NULL, SESSION, false, NULL},
	[GATE_RATE] = {"rate", gate_take_rate, gate_release_rate, SESSION | USAGE | RESUME, false,
		       NULL},
	[GATE_CONCURRENCY] = {"concurrency", gate_take_concurrency, gate_release_concurrency,
			      SESSION, false, NULL},
	[GATE_SLICE] = {"slice", gate_take_slice, gate_release_slice, SESSION, false, NULL},
	[GATE_BUDGET] = {"budget", gate_take_budget, gate_release_budget, SESSION | RESUME, false,
			 "Twin is sleeping"},
};

const char *gate_name(enum gate gate)
{
	return gates[gate].name;
}

enum admit gates_say_no(struct admission *admission, int status, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(admission->detail, sizeof(admission->detail), format, arguments);
	va_end(arguments);
	admission->status = status;
	return ADMIT_NO;
}

struct admission *gates_ask(struct node *node, enum gate_ask ask,
			    const struct http_request *request, const char *tenant_id,
			    const char *stream_name)
{
	struct admission *admission = calloc(1, sizeof(*admission));
	if (!admission)
		return NULL;
	admission->node = node;
	admission->ask = ask;
	admission->request = request;
	/* What does not fit is one byte too long, which the first gate sees. */
	g_strlcpy(admission->tenant_id, tenant_id, sizeof(admission->tenant_id));
	g_strlcpy(admission->stream_name, stream_name, sizeof(admission->stream_name));
	return admission;
}

static void release_all(struct admission *admission)
{
	for (unsigned int gate = GATES; gate-- > 1;) {
		if (!(admission->held & BIT(gate)))
			continue;
		admission->held &= ~BIT(gate);
		gates[gate].release(admission);
	}
}

static void tell_audit(const struct admission *admission)
{
	if (!admission->node->admin)
		return;
	/* A detail may quote outside text. */
	char *detail = g_utf8_make_valid(admission->detail, -1);
	json_t *event =
		json_pack("{s:s, s:I, s:s, s:s, s:s?, s:i, s:s, s:i, s:s}", "type", "denied",
			  "at_ms", (json_int_t)(g_get_real_time() / 1000), "tenant",
			  admission->tenant_id, "stream", admission->stream_name, "session",
			  admission->session ? admission->session->id : NULL, "gate",
			  (int)admission->gate, "gate_name", gates[admission->gate].name, "status",
			  admission->status, "detail", detail);
	g_free(detail);
	if (event)
		admin_event(admission->node->admin, event);
}

static enum admit deny(struct admission *admission)
{
	const char *id = admission->tenant_id;
	const struct gate_row *row = &gates[admission->gate];
	bool is_known = tenant_find(admission->node->tenants, id, strlen(id)) != NULL;
	release_all(admission);
	gate_counters_add(admission->node->denials, admission->gate, is_known ? id : UNKNOWN);
	log_info(LOG_GATES, "denied",
		 "\"gate\":%u,\"gate_name\":\"%s\",\"status\":%d,\"tenant\":\"%s\","
		 "\"detail\":\"%s\"",
		 admission->gate, row->name, admission->status, log_escape(id),
		 log_escape(admission->detail));
	tell_audit(admission);
	return ADMIT_NO;
}

static enum admit pass(struct admission *admission, enum gate gate)
{
	const struct gate_row *row = &gates[gate];
	admission->gate = gate;
	enum admit verdict = row->check(admission);
	if (verdict == ADMIT_NO)
		return deny(admission);
	if (verdict == ADMIT_YES && row->release)
		admission->held |= BIT(gate);
	return verdict;
}

/* The world went on while it waited. */
static enum admit look_again(struct admission *admission)
{
	enum gate stood_at = admission->gate;
	for (unsigned int gate = 1; gate < stood_at; gate++) {
		bool is_due = gates[gate].after_wait && gates[gate].asks & 1u << admission->ask;
		if (is_due && pass(admission, (enum gate)gate) == ADMIT_NO)
			return ADMIT_NO;
	}
	admission->gate = stood_at;
	return ADMIT_YES;
}

struct sdp_session *admission_make_offer(struct admission *admission)
{
	struct node *node = admission->node;
	admission->offer =
		node->spare_offer ? node->spare_offer : malloc(sizeof(*admission->offer));
	node->spare_offer = NULL;
	return admission->offer;
}

void admission_drop_offer(struct admission *admission)
{
	struct node *node = admission->node;
	if (node->spare_offer)
		free(admission->offer);
	else
		node->spare_offer = admission->offer;
	admission->offer = NULL;
}

enum admit gates_admit(struct admission *admission)
{
	if (admission->gate && look_again(admission) == ADMIT_NO)
		return ADMIT_NO;
	unsigned int gate = admission->gate ? admission->gate : 1;
	for (; gate < GATES; gate++) {
		if (!(gates[gate].asks & 1u << admission->ask))
			continue;
		enum admit verdict = pass(admission, (enum gate)gate);
		if (verdict == ADMIT_LATER) {
			admission_drop_offer(admission);
		}
		if (verdict != ADMIT_YES)
			return verdict;
	}
	return ADMIT_YES;
}

enum admit gates_refuse(struct admission *admission, enum gate gate, int status, const char *detail)
{
	admission->gate = gate;
	gates_say_no(admission, status, "%s", detail);
	return deny(admission);
}

enum admit gates_spend(struct admission *admission)
{
	int rc = token_spend(admission->node->replays, admission->owner->id, &admission->claims,
			     (int64_t)time(NULL));
	if (rc == 0)
		return ADMIT_YES;
	if (rc == -EALREADY)
		return gates_refuse(admission, GATE_FRESHNESS, 401,
				    "the token (jti) was used before");
	return gates_refuse(admission, GATE_FRESHNESS, 503,
			    "too many single-use tokens are remembered");
}

const struct sdp_session *admission_offer(struct admission *admission)
{
	struct sdp_error error = {0};
	const struct http_request *request = admission->request;
	if (!admission->offer && admission_make_offer(admission))
		sdp_parse(request->body, request->body_bytes, admission->offer, &error);
	return admission->offer;
}

void gates_keep(struct admission *admission, struct session *session)
{
	session->slice = admission->slice;
	session->slice_bps = admission->slice_bps;
	session->account = admission->account;
	/* The session counts itself: gate 15's count is given back. */
	admission->held &= BIT(GATE_CONCURRENCY);
	release_all(admission);
}

int gates_resume(struct node *node, const struct session *session)
{
	struct admission admission = {
		.node = node,
		.ask = ASK_RESUME,
		.role = session->role,
		.session = session,
		.tenant = session->tenant,
	};
	g_strlcpy(admission.tenant_id, session->tenant->id, sizeof(admission.tenant_id));
	if (gates_admit(&admission) == ADMIT_YES)
		return 0;
	switch (admission.gate) {
	case GATE_STANDING:
		return -EPERM;
	case GATE_RATE:
		return -EBUSY;
	default:
		return -EDQUOT;
	}
}

void gates_keep_rate(struct admission *admission)
{
	admission->held &= ~BIT(GATE_RATE);
}

void gates_forget(struct admission *admission)
{
	if (!admission)
		return;
	gate_stop_waiting(admission);
	release_all(admission);
	admission_drop_offer(admission);
	json_decref(admission->body);
	free(admission);
}

void gates_deny(const struct admission *admission, struct http_response *response)
{
	const struct gate_row *row = &gates[admission->gate];
	struct problem problem = {
		.status = admission->status,
		.title = admission->status == 402 ? row->title : NULL,
		.gate = admission->gate,
		.gate_name = row->name,
		.detail = admission->detail,
	};
	problem_tell(response, &problem);
	if (admission->retry_after_s)
		http_header(response, "retry-after", "%u", admission->retry_after_s);
	if (admission->status == 401)
		http_header(response, "www-authenticate", "Bearer realm=\"nn5g\"");
}
