/* The HTTP side of a session. What is judged about the requester is in gates.c, about SDP in
 * sdp_*.c; here is what the two RFCs say about methods, status codes and headers. */
#include "gateway/whip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "gateway/binding.h"
#include "gateway/candidates.h"
#include "gateway/errand.h"
#include "gateway/gates.h"
#include "gateway/node.h"
#include "gateway/problem.h"
#include "gateway/sdp_template.h"
#include "media/plane.h"

#define ANSWER_BYTES_MAX      SDP_TEMPLATE_BYTES_MAX
#define NOT_PUBLISHED_RETRY_S 1
#define TYPE_SDP              "application/sdp"
#define TYPE_FRAGMENT         "application/trickle-ice-sdpfrag"

void whip_add_cors(const struct http_request *request, struct http_response *response)
{
	http_header(response, "access-control-allow-origin", "*");
	if (request->method != HTTP_OPTIONS) {
		http_header(response, "access-control-expose-headers",
			    "Location, Link, ETag, Retry-After, Accept-Post, Accept-Patch");
		return;
	}
	http_header(response, "access-control-allow-methods", "POST, PATCH, DELETE, OPTIONS");
	http_header(response, "access-control-allow-headers",
		    "Authorization, Content-Type, If-Match");
	http_header(response, "access-control-max-age", "86400");
}

static void refuse_method(struct http_response *response, const char *allowed)
{
	problem_write(response, 405, 0, NULL, "this resource does not have that method");
	http_header(response, "allow", "%s", allowed);
}

static void add_ice_servers(const struct gateway_config *config, struct http_response *response)
{
	for (unsigned int i = 0; i < config->ice.n_servers; i++) {
		const struct config_ice_server *server = &config->ice.servers[i];
		if (server->username && server->credential)
			http_header(response, "link",
				    "<%s>; rel=\"ice-server\"; username=\"%s\"; "
				    "credential=\"%s\"; credential-type=\"password\"",
				    server->url, server->username, server->credential);
		else
			http_header(response, "link", "<%s>; rel=\"ice-server\"", server->url);
	}
}

/* Our side of a description. */
static struct sdp_local local_side(struct node *node, const struct session *session,
				   enum sdp_setup setup)
{
	struct sdp_local local = {
		.session_id = session->created_ns,
		.version = session->etag_version,
		.ice_ufrag = session->entry->local.ufrag,
		.ice_pwd = session->entry->local.pwd,
		.fingerprint = dtls_identity_fingerprint(node->plane->identity),
		.setup = setup,
		.publish = session->role == SESSION_PUBLISHER,
		.cname = session->cname,
	};
	local.n_candidates =
		candidates_get(&node->candidates, &node->config, port_udp_port(node->plane->port),
			       session->from_loopback, clock_ns(), &local.candidates);
	return local;
}

static void add_session_headers(struct node *node, const struct session *session,
				struct http_response *response)
{
	http_header(response, "location", "/session/%s", session->id);
	http_header(response, "etag", "%s", session->etag);
	http_header(response, "accept-patch", "%s", TYPE_FRAGMENT);
	http_header(response, "link", "</session/%s/events>; rel=\"urn:nn5g:events\"", session->id);
	add_ice_servers(&node->config, response);
}

/* A viewer's answer is its stream's template, filled in; one that does not fit makes a new one. */
static int write_answer(struct session *session, const struct sdp_agreement *agreement,
			const struct sdp_local *local, char *out, size_t room)
{
	struct stream *stream = session->stream;
	if (local->publish || local->setup == SDP_ACTPASS)
		return sdp_write(agreement, local, out, room);
	if (!stream->answer || !sdp_template_fits(stream->answer, agreement, local)) {
		sdp_template_destroy(stream->answer);
		stream->answer = sdp_template_create(agreement, local);
	}
	return stream->answer ? sdp_template_write(stream->answer, agreement, local, out, room)
			      : -ENOMEM;
}

/* Writes a description with `status` and all headers of a new session. Without it the browser would
 * not know of the session, which then ends. */
static void describe(struct node *node, struct session *session,
		     const struct sdp_agreement *agreement, enum sdp_setup setup, int status,
		     struct http_response *response)
{
	char text[ANSWER_BYTES_MAX];
	struct sdp_local local = local_side(node, session, setup);
	int size = write_answer(session, agreement, &local, text, sizeof(text));
	if (size < 0) {
		problem_write(response, 500, 0, NULL, "the description does not fit");
		session_terminate(session, REASON_ERROR);
	} else {
		http_bytes(response, status, TYPE_SDP, text, (size_t)size);
		add_session_headers(node, session, response);
	}
}

static void note_first_mid(struct session *session, const struct sdp_agreement *agreement)
{
	for (unsigned int i = 0; i < agreement->n_lines; i++) {
		if (!agreement->lines[i].accepted)
			continue;
		memcpy(session->first_mid, agreement->lines[i].mid, sizeof(session->first_mid));
		return;
	}
}

/* The session is made: it is bound, answered, and then reachable. */
static void complete(const struct admission *admission, struct session *session,
		     const struct sdp_agreement *agreement, struct http_response *response)
{
	struct node *node = admission->node;
	const struct sdp_session *offer = admission->offer;
	struct transport *transport;
	int rc = session->role == SESSION_PUBLISHER
			 ? binding_publish(node->plane, offer, agreement, session->stream,
					   &transport)
			 : binding_play(node->plane, offer, agreement, session->stream, &transport);
	if (rc) {
		session_terminate(session, REASON_ERROR);
		problem_write(response, 503, 0, NULL, "out of memory");
		return;
	}
	snprintf(session->entry->remote_ufrag, sizeof(session->entry->remote_ufrag), "%s",
		 offer->ice_ufrag);
	note_first_mid(session, agreement);
	session_publish(session, transport);
	describe(node, session, agreement, offer->setup == SDP_PASSIVE ? SDP_ACTIVE : SDP_PASSIVE,
		 201, response);
}

/* The session with what its gates set aside for it. Takes over the reference to the stream. */
static struct session *create_session(struct admission *admission, struct stream *stream,
				      struct http_response *response)
{
	struct session *session = NULL;
	if (gates_spend(admission) != ADMIT_YES) {
		gates_deny(admission, response);
		stream_release(stream);
		return NULL;
	}
	if (session_create(admission->node->sessions, admission->role, admission->tenant, stream,
			   &session)) {
		problem_write(response, 503, 0, NULL, "no room for another session");
		http_header(response, "retry-after", "5");
		return NULL;
	}
	gates_keep(admission, session);
	session->from_loopback = address_is_loopback(&admission->request->peer);
	return session;
}

static void publish(struct admission *admission, struct http_response *response)
{
	struct node *node = admission->node;
	struct sdp_agreement agreement;
	struct sdp_error error = {0};
	if (sdp_agree_publish(admission->offer, &agreement, &error)) {
		gates_refuse(admission, GATE_REQUEST, 422, error.reason);
		gates_deny(admission, response);
		return;
	}
	struct stream *stream = stream_prepare(node->streams, admission->tenant_id,
					       admission->stream_name, &agreement);
	if (!stream) {
		problem_write(response, 503, 0, NULL, "out of memory");
		return;
	}
	struct session *session = create_session(admission, stream, response);
	if (!session)
		return;
	struct stream *replaced = stream_claim(stream, &agreement);
	if (replaced && replaced->publisher)
		session_terminate(replaced->publisher, REASON_REPLACED);
	if (replaced)
		session_terminate_viewers(replaced, REASON_REPLACED);
	complete(admission, session, &agreement, response);
}

/* The viewer's offer has no format for what is published: we offer what there is (WHEP: 406 with an
 * offer, answered by PATCH). */
static void counter_offer(struct admission *admission, struct stream *stream,
			  struct http_response *response)
{
	struct sdp_agreement *proposal = calloc(1, sizeof(*proposal));
	if (!proposal) {
		problem_write(response, 503, 0, NULL, "out of memory");
		return;
	}
	stream_hold(stream);
	struct session *session = create_session(admission, stream, response);
	if (!session) {
		free(proposal);
		return;
	}
	sdp_propose_play(stream->kinds, stream->n_feeds, proposal);
	session->proposal = proposal;
	describe(admission->node, session, proposal, SDP_ACTPASS, 406, response);
}

static void play(struct admission *admission, struct http_response *response)
{
	struct node *node = admission->node;
	struct sdp_agreement agreement;
	struct sdp_error error = {0};
	struct stream *stream =
		stream_find(node->streams, admission->tenant_id, admission->stream_name);
	if (!stream || !stream->publisher) {
		problem_write(response, 409, 0, NULL, "nothing is published under this name");
		http_header(response, "retry-after", "%d", NOT_PUBLISHED_RETRY_S);
		return;
	}
	if (sdp_agree_play(admission->offer, stream->kinds, stream->n_feeds, &agreement, &error)) {
		counter_offer(admission, stream, response);
		return;
	}
	stream_hold(stream);
	struct session *session = create_session(admission, stream, response);
	if (session)
		complete(admission, session, &agreement, response);
}

static bool on_admitted(struct errand *errand, struct http_response *response)
{
	struct admission *admission = errand->admission;
	if (!admission_offer(admission))
		problem_write(response, 503, 0, NULL, "out of memory");
	else if (admission->role == SESSION_PUBLISHER)
		publish(admission, response);
	else
		play(admission, response);
	return true;
}

void whip_on_endpoint(struct node *node, enum session_role role, const char *tenant,
		      const char *stream, const struct http_request *request,
		      struct http_response *response)
{
	struct admission *admission;
	switch (request->method) {
	case HTTP_POST:
		admission = gates_ask(node, ASK_SESSION, request, tenant, stream);
		if (admission)
			admission->role = role;
		errand_run(admission, on_admitted, response);
		break;
	case HTTP_OPTIONS:
		response->status = 204;
		http_header(response, "accept-post", "%s", TYPE_SDP);
		http_header(response, "allow", "POST, OPTIONS");
		break;
	default:
		refuse_method(response, "POST, OPTIONS");
	}
	whip_add_cors(request, response);
}

static bool is_type(const struct http_request *request, const char *type)
{
	size_t len = strlen(type);
	return strncasecmp(request->content_type, type, len) == 0 &&
	       strchr("; \t", request->content_type[len]);
}

/* If-Match is a list and compares strongly (RFC 9110 13.1.1): a weak tag is never the session's. */
static bool etag_matches(const struct session *session, const char *if_match)
{
	size_t len = strlen(session->etag);
	while (*if_match) {
		if_match += strspn(if_match, " \t,");
		size_t tag = strcspn(if_match, " \t,");
		if (tag == len && memcmp(if_match, session->etag, len) == 0)
			return true;
		if_match += tag;
	}
	return false;
}

/* RFC 9725 4.3.3: new credentials, answered with ours and a new entity tag. */
static void restart_ice(struct node *node, struct session *session,
			const struct sdp_fragment *fragment, struct http_response *response)
{
	char text[8192];
	int rc = session_restart_ice(session, fragment->ice_ufrag);
	if (rc) {
		problem_write(response, 503, 0, NULL, "no room for new credentials");
		http_header(response, "retry-after", "1");
		return;
	}
	struct sdp_local local = local_side(node, session, SDP_PASSIVE);
	int size = sdp_fragment_write(&local, session->first_mid, text, sizeof(text));
	if (size < 0) {
		problem_write(response, 500, 0, NULL, "the fragment does not fit");
		return;
	}
	http_bytes(response, 200, TYPE_FRAGMENT, text, (size_t)size);
	http_header(response, "etag", "%s", session->etag);
}

/* A fragment with credentials other than the present ones restarts ICE, which RFC 9725 4.3.3 asks
 * to be sent with If-Match: "*"; all else is trickle, which a lite agent has no use for beyond the
 * 204. */
static void patch_fragment(struct node *node, struct session *session,
			   const struct http_request *request, struct http_response *response)
{
	struct sdp_fragment fragment;
	struct sdp_error error = {0};
	const char *if_match = request->if_match;
	if (if_match[0] == '\0') {
		problem_write(
			response, 428, 0, NULL,
			"If-Match is missing: send the session's ETag, or \"*\" to restart ICE");
		return;
	}
	if (sdp_fragment_parse(request->body, request->body_bytes, &fragment, &error)) {
		problem_write(response, 400, 0, NULL, error.reason);
		return;
	}
	bool any = strcmp(if_match, "*") == 0 || strcmp(if_match, "\"*\"") == 0;
	bool is_restart = fragment.ice_ufrag[0] &&
			  strcmp(fragment.ice_ufrag, session->entry->remote_ufrag) != 0;
	if (!any && !etag_matches(session, if_match))
		problem_write(response, 412, 0, NULL,
			      "If-Match names an older state of the session");
	else if (is_restart && !any)
		problem_write(response, 412, 0, NULL,
			      "an ICE restart is sent with If-Match: \"*\"");
	else if (is_restart && fragment.ice_pwd[0] == '\0')
		problem_write(response, 400, 0, NULL, "an ICE restart needs ice-ufrag and ice-pwd");
	else if (is_restart)
		restart_ice(node, session, &fragment, response);
	else
		response->status = 204;
}

/* The answer to our counter-offer. */
static void patch_answer(struct node *node, struct session *session,
			 const struct http_request *request, struct http_response *response)
{
	struct sdp_error error = {0};
	struct transport *transport;
	struct sdp_session *answer = calloc(1, sizeof(*answer));
	int rc = answer ? sdp_parse(request->body, request->body_bytes, answer, &error) : -ENOMEM;
	if (rc == 0)
		rc = sdp_take_answer(answer, session->proposal, &error);
	if (rc == 0)
		rc = binding_play(node->plane, answer, session->proposal, session->stream,
				  &transport);
	if (rc) {
		problem_write(response,
			      rc == -ENOMEM    ? 503
			      : rc == -ENOTSUP ? 422
					       : 400,
			      0, NULL, error.reason);
	} else {
		snprintf(session->entry->remote_ufrag, sizeof(session->entry->remote_ufrag), "%s",
			 answer->ice_ufrag);
		note_first_mid(session, session->proposal);
		free(session->proposal);
		session->proposal = NULL;
		session_publish(session, transport);
		response->status = 204;
	}
	free(answer);
}

static void on_patch(struct node *node, struct session *session, const struct http_request *request,
		     struct http_response *response)
{
	if (is_type(request, TYPE_SDP) && session->proposal)
		patch_answer(node, session, request, response);
	else if (is_type(request, TYPE_SDP))
		problem_write(response, 422, 0, NULL, "no counter-offer waits for an answer");
	else if (!is_type(request, TYPE_FRAGMENT))
		problem_write(response, 415, 0, NULL, "expected " TYPE_FRAGMENT);
	else if (session->proposal)
		problem_write(response, 409, 0, NULL, "the counter-offer must be answered first");
	else
		patch_fragment(node, session, request, response);
}

/* The tenant and stream of a session, as its gates see them. */
static bool admit_again(struct node *node, const struct session *session,
			const struct http_request *request, struct http_response *response)
{
	const char *slash = strchr(session->stream->key, '/');
	struct admission *admission =
		gates_ask(node, ASK_AGAIN, request, session->tenant->id, slash + 1);
	bool is_admitted = admission && gates_admit(admission) == ADMIT_YES;
	if (!admission)
		problem_write(response, 503, 0, NULL, "out of memory");
	else if (!is_admitted)
		gates_deny(admission, response);
	gates_forget(admission);
	return is_admitted;
}

void whip_on_session(struct node *node, const char *id, const struct http_request *request,
		     struct http_response *response)
{
	struct session *session = session_find(node->sessions, id);
	bool has_method = request->method == HTTP_PATCH || request->method == HTTP_DELETE;

	if (request->method == HTTP_OPTIONS) {
		response->status = 204;
		http_header(response, "accept-patch", "%s", TYPE_FRAGMENT);
		http_header(response, "allow", "PATCH, DELETE, OPTIONS");
	} else if (!has_method) {
		refuse_method(response, "PATCH, DELETE, OPTIONS");
	} else if (!session) {
		problem_write(response, 404, 0, NULL, "no such session, or it has ended");
	} else if (admit_again(node, session, request, response)) {
		if (request->method == HTTP_DELETE) {
			session_terminate(session, REASON_USER_EXIT);
			response->status = 200;
		} else {
			on_patch(node, session, request, response);
		}
	}
	whip_add_cors(request, response);
}
