#include "gateway/gates.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <glib.h>

#include "conf/log.h"
#include "gateway/node.h"
#include "gateway/problem.h"
#include "gateway/token.h"

#define RETRY_AFTER_S 5
/* Denials are counted for tenants that exist; everything else shares one row, so that outsiders
 * cannot grow the table. */
#define UNKNOWN_TENANT ""

static bool deny(struct admission *admission, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool deny(struct admission *admission, int status, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(admission->detail, sizeof(admission->detail), format, arguments);
	va_end(arguments);
	admission->status = status;
	return false;
}

static bool is_name(const char *text, size_t max)
{
	size_t len = strlen(text);
	return len > 0 && len <= max &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

static bool is_media_type(const char *value, const char *type)
{
	size_t len = strlen(type);
	return strncasecmp(value, type, len) == 0 && strchr("; \t", value[len]);
}

static bool check_request(struct admission *admission)
{
	const struct http_request *request = admission->request;
	struct sdp_error error = {0};

	if (!is_name(admission->tenant_id, TENANT_ID_MAX) ||
	    !is_name(admission->stream_name, STREAM_NAME_MAX))
		return deny(admission, 400, "tenant and stream are 1 to 63 of A-Z a-z 0-9 _ . -");
	if (!is_media_type(request->content_type, "application/sdp"))
		return deny(admission, 415, "Content-Type is '%.60s', expected application/sdp",
			    request->content_type);
	if (request->body_bytes == 0)
		return deny(admission, 400, "the body is empty, expected an SDP offer");
	int rc = sdp_parse(request->body, request->body_bytes, admission->offer, &error);
	if (rc)
		return deny(admission, rc == -ENOTSUP ? 422 : 400, "SDP line %u: %s", error.line,
			    error.reason);
	return true;
}

static bool check_node(struct admission *admission)
{
	struct node *node = admission->node;
	admission->retry_after_s = RETRY_AFTER_S;
	if (node->is_draining)
		return deny(admission, 503, "this node is shutting down");
	if (session_count(node->sessions) >= node->config.limits.sessions)
		return deny(admission, 503, "this node has all the %u sessions it may have",
			    node->config.limits.sessions);
	struct stream *stream =
		stream_find(node->streams, admission->tenant_id, admission->stream_name);
	if (admission->role == SESSION_VIEWER && stream &&
	    stream->n_viewers >= node->config.limits.sessions_per_stream)
		return deny(admission, 503, "this stream has all the %u viewers it may have here",
			    node->config.limits.sessions_per_stream);
	admission->retry_after_s = 0;
	return true;
}

static bool check_transport(struct admission *admission)
{
	const struct http_request *request = admission->request;
	if (request->is_tls || address_is_loopback(&request->peer))
		return true;
	return deny(admission, 403, "plain HTTP is for loopback only, use HTTPS");
}

static bool check_token(struct admission *admission)
{
	struct node *node = admission->node;
	const char *token = token_of_bearer(admission->request->authorization);
	if (!token)
		return deny(admission, 401, "no bearer token in the Authorization header");
	struct token_verdict verdict = {0};
	if (token_verify(node->tenants, token, node->config.limits.token_bytes,
			 node->config.node.audience, &verdict))
		return deny(admission, 401, "%s", verdict.why);
	admission->owner = verdict.owner;
	admission->claims = verdict.claims;
	return true;
}

static bool check_freshness(struct admission *admission)
{
	const char *why = token_freshness(&admission->claims, (int64_t)time(NULL));
	if (why)
		return deny(admission, 401, "%s", why);
	if (token_is_spent(admission->node->replays, admission->owner->id, &admission->claims))
		return deny(admission, 401, "the token (jti) was used before");
	return true;
}

static bool check_audience(struct admission *admission)
{
	const struct jwt_claims *claims = &admission->claims;
	if (strcmp(claims->issuer, admission->owner->config->issuer) != 0)
		return deny(admission, 401, "iss is '%s', expected '%s'", claims->issuer,
			    admission->owner->config->issuer);
	if (strcmp(claims->audience, admission->node->config.node.audience) != 0)
		return deny(admission, 401, "aud is '%s', expected '%s'", claims->audience,
			    admission->node->config.node.audience);
	return true;
}

static bool check_tenant(struct admission *admission)
{
	admission->tenant = tenant_find(admission->node->tenants, admission->tenant_id,
					strlen(admission->tenant_id));
	if (!admission->tenant || !admission->tenant->config)
		return deny(admission, 403, "tenant '%s' is not known here", admission->tenant_id);
	return true;
}

static bool check_standing(struct admission *admission)
{
	static const char *const names[] = {
		[TENANT_ACTIVE] = "active", [TENANT_PAUSED] = "paused", [TENANT_EXITED] = "exited"};
	enum tenant_standing standing = admission->tenant->config->standing;
	if (standing != TENANT_ACTIVE)
		return deny(admission, 403, "tenant '%s' is %s", admission->tenant_id,
			    names[standing]);
	return true;
}

static bool check_isolation(struct admission *admission)
{
	const char *stream = admission->claims.stream;
	if (admission->owner != admission->tenant)
		return deny(admission, 403, "a token of tenant '%s' cannot reach tenant '%s'",
			    admission->owner->id, admission->tenant_id);
	if (stream[0] && strcmp(stream, "*") != 0 && strcmp(stream, admission->stream_name) != 0)
		return deny(admission, 403, "the token is for stream '%s'", stream);
	return true;
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = words; (at = strstr(at, word)); at += len) {
		if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

static bool check_scope(struct admission *admission)
{
	const char *wanted = admission->role == SESSION_PUBLISHER ? "publish" : "play";
	if (!has_word(admission->claims.scope, wanted))
		return deny(admission, 403, "scope is '%s', expected it to hold '%s'",
			    admission->claims.scope, wanted);
	return true;
}

static bool check_concurrency(struct admission *admission)
{
	unsigned int max = admission->tenant->config->policy.sessions_max;
	if (max == 0 || admission->tenant->n_sessions < max)
		return true;
	admission->retry_after_s = RETRY_AFTER_S;
	return deny(admission, 429, "tenant '%s' has all the %u sessions it may have",
		    admission->tenant_id, max);
}

static const struct gate_row {
	const char *name;
	bool (*check)(struct admission *admission);
	bool again; /* also for requests about a session that exists */
} gates[GATES] = {
	[GATE_REQUEST] = {"request", check_request, false},
	[GATE_NODE] = {"node", check_node, false},
	[GATE_TRANSPORT] = {"transport", check_transport, true},
	[GATE_TOKEN] = {"token", check_token, true},
	[GATE_FRESHNESS] = {"freshness", check_freshness, false},
	[GATE_AUDIENCE] = {"audience", check_audience, true},
	[GATE_TENANT] = {"tenant", check_tenant, true},
	[GATE_STANDING] = {"standing", check_standing, false},
	[GATE_ISOLATION] = {"isolation", check_isolation, true},
	[GATE_SCOPE] = {"scope", check_scope, false},
	[GATE_CONCURRENCY] = {"concurrency", check_concurrency, false},
};

struct gate_counters {
	GHashTable *rows; /* tenant id -> uint64_t[GATES] */
};

struct gate_counters *gate_counters_create(void)
{
	struct gate_counters *counters = calloc(1, sizeof(*counters));
	if (counters)
		counters->rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return counters;
}

void gate_counters_destroy(struct gate_counters *counters)
{
	if (!counters)
		return;
	g_hash_table_destroy(counters->rows);
	free(counters);
}

void gate_counters_each(const struct gate_counters *counters,
			void (*each)(void *context, enum gate gate, const char *tenant,
				     uint64_t denials),
			void *context)
{
	GHashTableIter iter;
	gpointer tenant, row;
	g_hash_table_iter_init(&iter, counters->rows);
	while (g_hash_table_iter_next(&iter, &tenant, &row)) {
		for (unsigned int gate = 1; gate < GATES; gate++) {
			if (((uint64_t *)row)[gate])
				each(context, (enum gate)gate, tenant, ((uint64_t *)row)[gate]);
		}
	}
}

static void count_denial(struct admission *admission)
{
	GHashTable *rows = admission->node->denials->rows;
	const char *id = admission->tenant_id;
	struct tenant *tenant = tenant_find(admission->node->tenants, id, strlen(id));
	if (!tenant)
		id = UNKNOWN_TENANT;
	uint64_t *row = g_hash_table_lookup(rows, id);
	if (!row) {
		row = g_new0(uint64_t, GATES);
		g_hash_table_insert(rows, g_strdup(id), row);
	}
	row[admission->gate]++;
}

static bool run(struct admission *admission, bool again)
{
	for (unsigned int gate = 1; gate < GATES; gate++) {
		if (!gates[gate].check || (again && !gates[gate].again))
			continue;
		admission->gate = (enum gate)gate;
		if (gates[gate].check(admission))
			continue;
		count_denial(admission);
		log_info(LOG_GATES, "denied",
			 "\"gate\":%u,\"gate_name\":\"%s\",\"status\":%d,\"tenant\":\"%s\","
			 "\"detail\":\"%s\"",
			 gate, gates[gate].name, admission->status,
			 log_escape(admission->tenant_id), log_escape(admission->detail));
		return false;
	}
	return true;
}

bool gates_admit(struct admission *admission)
{
	return run(admission, false);
}

bool gates_admit_again(struct admission *admission)
{
	return run(admission, true);
}

void gates_deny(const struct admission *admission, struct http_response *response)
{
	problem_write(response, admission->status, admission->gate, gates[admission->gate].name,
		      admission->detail);
	if (admission->retry_after_s)
		http_header(response, "retry-after", "%u", admission->retry_after_s);
	if (admission->status == 401)
		http_header(response, "www-authenticate", "Bearer realm=\"nn5g\"");
}

const char *gate_name(enum gate gate)
{
	return gates[gate].name;
}
