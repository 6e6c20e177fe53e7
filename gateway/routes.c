/* Paths:  /whip/{tenant}/{stream}  /whep/{tenant}/{stream}  /session/{id}  /session/{id}/events
 * (WebSocket) /usage/{tenant}/{authorize|commit|cancel} /healthz  /readyz  /metrics  /slices  /
 * /{console file} */
#include "gateway/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/events.h"
#include "gateway/gates.h"
#include "gateway/metrics.h"
#include "gateway/node.h"
#include "gateway/problem.h"
#include "gateway/session.h"
#include "gateway/slicing_report.h"
#include "gateway/usage_http.h"
#include "gateway/web_files.h"
#include "gateway/whip.h"

#define SEGMENT_BYTES 128

/* Splits "/a/b/c" into at most `max` segments; returns how many there are, or -1 when there are
 * more or one is too long. */
static int split(const char *path, char segments[][SEGMENT_BYTES], int max)
{
	int n = 0;
	while (*path == '/') {
		path++;
		size_t len = strcspn(path, "/");
		if (n == max || len >= SEGMENT_BYTES)
			return -1;
		memcpy(segments[n], path, len);
		segments[n++][len] = '\0';
		path += len;
	}
	return n;
}

static void on_healthz(struct node *node, struct http_response *response)
{
	(void)node;
	http_text(response, 200, "application/json", "{\"status\":\"ok\",\"version\":\"%s\"}",
		  NN5G_VERSION);
}

static void on_readyz(struct node *node, struct http_response *response)
{
	const char *ailment = gates_node_ails(node, ASK_SESSION);
	if (ailment)
		problem_write(response, 503, 0, NULL, ailment);
	else
		http_text(response, 200, "application/json", "{\"status\":\"ready\"}");
}

static void on_metrics(struct node *node, struct http_response *response)
{
	size_t size;
	char *text = metrics_render(node, &size);
	http_bytes(response, 200, "text/plain; version=0.0.4", text ? text : "", text ? size : 0);
	free(text);
}

/* What the admin socket's stats.slices says. */
static void on_slices(struct node *node, struct http_response *response)
{
	json_t *report = slicing_report(node, SLICING_TENANTS_MAX);
	char *text = report ? json_dumps(report, JSON_COMPACT) : NULL;
	if (text)
		http_bytes(response, 200, "application/json", text, strlen(text));
	else
		problem_write(response, 503, 0, NULL, "out of memory");
	http_header(response, "cache-control", "no-store");
	free(text);
	json_decref(report);
}

static const struct {
	const char *name;
	void (*get)(struct node *node, struct http_response *response);
} pages[] = {
	{"healthz", on_healthz},
	{"readyz", on_readyz},
	{"metrics", on_metrics},
	{"slices", on_slices},
};

static const char *content_type_of(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".css", "text/css; charset=utf-8"},
		{".svg", "image/svg+xml"},
		{".ico", "image/x-icon"},
		{".png", "image/png"},
	};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(dot, types[i].ending) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

static bool serve_file(const char *name, struct http_response *response)
{
	if (name[0] == '\0')
		name = "index.html";
	for (const struct web_file *file = web_files; file->name; file++) {
		if (strcmp(file->name, name) != 0)
			continue;
		http_bytes(response, 200, content_type_of(name), file->bytes, file->size_bytes);
		http_header(response, "cache-control", "no-cache");
		http_header(
			response, "content-security-policy",
			"default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' "
			"blob: mediastream:; img-src 'self' data: blob:; frame-ancestors 'none'");
		http_header(response, "x-content-type-options", "nosniff");
		http_header(response, "referrer-policy", "no-referrer");
		return true;
	}
	return false;
}

static void on_page(struct node *node, const char *name, const struct http_request *request,
		    struct http_response *response)
{
	if (request->method != HTTP_GET && request->method != HTTP_HEAD) {
		problem_write(response, 405, 0, NULL, "this page can only be read");
		http_header(response, "allow", "GET, HEAD");
		return;
	}
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(pages[i].name, name) == 0) {
			pages[i].get(node, response);
			return;
		}
	}
	if (!serve_file(name, response))
		problem_write(response, 404, 0, NULL, "there is no such page");
}

void routes_on_request(void *context, const struct http_request *request,
		       struct http_response *response)
{
	struct node *node = context;
	char segments[3][SEGMENT_BYTES];
	int n = split(request->path, segments, 3);

	if (n == 3 && strcmp(segments[0], "whip") == 0)
		whip_on_endpoint(node, SESSION_PUBLISHER, segments[1], segments[2], request,
				 response);
	else if (n == 3 && strcmp(segments[0], "whep") == 0)
		whip_on_endpoint(node, SESSION_VIEWER, segments[1], segments[2], request, response);
	else if (n == 3 && strcmp(segments[0], "usage") == 0)
		usage_http_on_request(node, segments[1], segments[2], request, response);
	else if (n == 2 && strcmp(segments[0], "session") == 0)
		whip_on_session(node, segments[1], request, response);
	else if (n == 1)
		on_page(node, segments[0], request, response);
	else
		problem_write(response, 404, 0, NULL, "there is no such resource");
}

/* A session ends before its sockets do, so a socket names its session by id. */
struct watcher {
	char id[SESSION_ID_BYTES];
	struct server_socket *socket;
};

bool routes_on_socket_open(void *context, const struct http_request *request,
			   struct server_socket *socket, void **user)
{
	struct node *node = context;
	char segments[3][SEGMENT_BYTES];
	if (split(request->path, segments, 3) != 3 || strcmp(segments[0], "session") != 0 ||
	    strcmp(segments[2], "events") != 0)
		return false;
	struct session *session = session_find(node->sessions, segments[1]);
	struct watcher *watcher = session ? calloc(1, sizeof(*watcher)) : NULL;
	if (!watcher)
		return false;
	memcpy(watcher->id, session->id, sizeof(watcher->id));
	watcher->socket = socket;
	*user = watcher;
	if (events_watch(session, socket))
		return true;
	free(watcher);
	return false;
}

/* Nothing a browser says on the event channel means anything yet. */
void routes_on_socket_message(void *context, void *user, const char *text, size_t size)
{
	(void)context;
	(void)user;
	(void)text;
	(void)size;
}

void routes_on_socket_close(void *context, void *user)
{
	struct node *node = context;
	struct watcher *watcher = user;
	struct session *session = session_find(node->sessions, watcher->id);
	if (session)
		events_unwatch(session, watcher->socket);
	free(watcher);
}
