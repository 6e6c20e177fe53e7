/* Gates 1 to 9: the request, the node, the token and whose it is. They look and set nothing aside,
 * cheap and unauthenticated ones first. */
#include "gateway/gates_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <jansson.h>

#include "gateway/admin.h"
#include "gateway/node.h"
#include "gateway/token.h"
#include "slices/journal.h"

#define RETRY_AFTER_S 5

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

static enum admit check_offer(struct admission *admission)
{
	const struct http_request *request = admission->request;
	struct sdp_error error = {0};
	if (!admission_make_offer(admission))
		return gates_say_no(admission, 503, "out of memory");
	int rc = sdp_parse(request->body, request->body_bytes, admission->offer, &error);
	if (rc)
		return gates_say_no(admission, rc == -ENOTSUP ? 422 : 400, "SDP line %u: %s",
				    error.line, error.reason);
	return ADMIT_YES;
}

static enum admit check_object(struct admission *admission)
{
	const struct http_request *request = admission->request;
	json_error_t error;
	admission->body =
		json_loadb(request->body, request->body_bytes, JSON_REJECT_DUPLICATES, &error);
	if (!admission->body)
		return gates_say_no(admission, 400, "JSON line %d: %s", error.line, error.text);
	if (!json_is_object(admission->body))
		return gates_say_no(admission, 400, "the body is JSON, but no object");
	return ADMIT_YES;
}

enum admit gate_check_request(struct admission *admission)
{
	static const struct {
		const char *type, *what;
		enum admit (*check)(struct admission *admission);
	} bodies[ASKS] = {
		[ASK_SESSION] = {"application/sdp", "an SDP offer", check_offer},
		[ASK_USAGE] = {"application/json", "a JSON object", check_object},
	};
	const struct http_request *request = admission->request;
	bool has_stream = admission->ask == ASK_SESSION;

	if (!is_name(admission->tenant_id, TENANT_ID_MAX) ||
	    (has_stream && !is_name(admission->stream_name, STREAM_NAME_MAX)))
		return gates_say_no(admission, 400,
				    "tenant and stream are 1 to 63 of A-Z a-z 0-9 _ . -");
	if (!is_media_type(request->content_type, bodies[admission->ask].type))
		return gates_say_no(admission, 415, "Content-Type is '%.60s', expected %s",
				    request->content_type, bodies[admission->ask].type);
	if (request->body_bytes == 0)
		return gates_say_no(admission, 400, "the body is empty, expected %s",
				    bodies[admission->ask].what);
	return bodies[admission->ask].check(admission);
}

/* Sessions that go on while it drains are still paid for. */
const char *gates_node_ails(const struct node *node, enum gate_ask ask)
{
	if (node->is_draining && ask == ASK_SESSION)
		return "this node is draining: it takes no new sessions";
	if (config_control_mode(&node->config) == CONTROL_EXTERNAL && !admin_is_fed(node->admin))
		return "this node does not know its tenants yet: no control plane has told it";
	switch (node->journal ? journal_health(node->journal) : 0) {
	case 0:
		return NULL;
	case -ENOSPC:
		return "this node's disk is full: usage cannot be written down";
	default:
		return "this node's journal takes nothing more: usage cannot be written down";
	}
}

enum admit gate_check_node(struct admission *admission)
{
	struct node *node = admission->node;
	const char *ailment = gates_node_ails(node, admission->ask);
	admission->retry_after_s = RETRY_AFTER_S;
	if (ailment)
		return gates_say_no(admission, 503, "%s", ailment);
	if (admission->ask == ASK_SESSION &&
	    session_count(node->sessions) >= node->config.limits.sessions)
		return gates_say_no(admission, 503, "this node has all the %u sessions it may have",
				    node->config.limits.sessions);
	struct stream *stream =
		stream_find(node->streams, admission->tenant_id, admission->stream_name);
	if (admission->ask == ASK_SESSION && admission->role == SESSION_VIEWER && stream &&
	    stream->n_viewers >= node->config.limits.sessions_per_stream)
		return gates_say_no(admission, 503,
				    "this stream has all the %u viewers it may have here",
				    node->config.limits.sessions_per_stream);
	admission->retry_after_s = 0;
	return ADMIT_YES;
}

enum admit gate_check_transport(struct admission *admission)
{
	const struct http_request *request = admission->request;
	if (request->is_tls || address_is_loopback(&request->peer))
		return ADMIT_YES;
	return gates_say_no(admission, 403, "plain HTTP is for loopback only, use HTTPS");
}

enum admit gate_check_token(struct admission *admission)
{
	struct node *node = admission->node;
	const char *token = token_of_bearer(admission->request->authorization);
	if (!token)
		return gates_say_no(admission, 401, "no bearer token in the Authorization header");
	struct token_verdict verdict = {0};
	if (token_verify(node->tokens, node->tenants, token, node->config.limits.token_bytes,
			 node->config.node.audience, &verdict))
		return gates_say_no(admission, 401, "%s", verdict.why);
	admission->owner = verdict.owner;
	admission->claims = verdict.claims;
	return ADMIT_YES;
}

enum admit gate_check_freshness(struct admission *admission)
{
	const char *why = token_freshness(&admission->claims, (int64_t)time(NULL));
	if (why)
		return gates_say_no(admission, 401, "%s", why);
	if (token_is_spent(admission->node->replays, admission->owner->id, &admission->claims))
		return gates_say_no(admission, 401, "the token (jti) was used before");
	return ADMIT_YES;
}

enum admit gate_check_audience(struct admission *admission)
{
	const struct jwt_claims *claims = &admission->claims;
	if (strcmp(claims->issuer, admission->owner->config->issuer) != 0)
		return gates_say_no(admission, 401, "iss is '%s', expected '%s'", claims->issuer,
				    admission->owner->config->issuer);
	if (strcmp(claims->audience, admission->node->config.node.audience) != 0)
		return gates_say_no(admission, 401, "aud is '%s', expected '%s'", claims->audience,
				    admission->node->config.node.audience);
	return ADMIT_YES;
}

enum admit gate_check_tenant(struct admission *admission)
{
	admission->tenant = tenant_find(admission->node->tenants, admission->tenant_id,
					strlen(admission->tenant_id));
	if (!admission->tenant || !admission->tenant->config)
		return gates_say_no(admission, 403, "tenant '%s' is not known here",
				    admission->tenant_id);
	return ADMIT_YES;
}

enum admit gate_check_standing(struct admission *admission)
{
	static const char *const names[] = {
		[TENANT_ACTIVE] = "active", [TENANT_PAUSED] = "paused", [TENANT_EXITED] = "exited"};
	const struct tenant_config *config = admission->tenant->config;
	enum tenant_standing standing = config ? config->standing : TENANT_EXITED;
	if (standing != TENANT_ACTIVE)
		return gates_say_no(admission, 403, "tenant '%s' is %s", admission->tenant_id,
				    names[standing]);
	return ADMIT_YES;
}

enum admit gate_check_isolation(struct admission *admission)
{
	const char *stream = admission->claims.stream;
	if (admission->owner != admission->tenant)
		return gates_say_no(admission, 403,
				    "a token of tenant '%s' cannot reach tenant '%s'",
				    admission->owner->id, admission->tenant_id);
	if (admission->ask != ASK_USAGE && stream[0] && strcmp(stream, "*") != 0 &&
	    strcmp(stream, admission->stream_name) != 0)
		return gates_say_no(admission, 403, "the token is for stream '%s'", stream);
	return ADMIT_YES;
}
