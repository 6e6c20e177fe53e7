/* A connection's bytes, whole or in pieces, against a live server: requests, bodies, WebSocket
 * frames. The first byte is the size of the pieces (0: all at once). Whatever comes, the routes see
 * only what their contract allows, the loop comes to rest, and the connection goes away with its
 * client. A PUT is answered later, or never. */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/log.h"
#include "gateway/server.h"
#include "gateway/server_http.h"

#define TURNS_MAX 20000 /* of the loop, for one input; more means that it spins */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct server *server;
static unsigned int n_sockets, n_waits;
static struct server_socket *last_socket;

/* Says what did not hold: an input alone need not show it again, the server lives on. */
#define require(holds)                                                                             \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			fprintf(stderr, "fuzz_http:%d: %s, errno %d, %u open, %u sockets\n",       \
				__LINE__, #holds, errno,                                           \
				server ? server_counters(server)->connections_open : 0,            \
				n_sockets);                                                        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void check(const struct http_request *request)
{
	require(request->method < HTTP_METHODS && http_path_is_clean(request->path));
	require(request->body[request->body_bytes] == '\0' && request->body_bytes <= 4096);
	require(strlen(request->query) + strlen(request->authorization) + strlen(request->accept) +
			strlen(request->content_type) + strlen(request->if_match) +
			strlen(request->origin) + strlen(request->host) <
		16384);
	require(address_is_loopback(&request->peer) && !request->is_tls);
}

/* A request that is kept; its client may be gone before its turn. */
struct wait {
	struct http_deferral *deferral;
	guint source;
};

static void on_gone(void *context)
{
	struct wait *wait = context;
	if (wait->source)
		g_source_remove(wait->source);
	n_waits--;
	free(wait);
}

static gboolean on_turn(gpointer context)
{
	struct wait *wait = context;
	struct http_response response = {0};
	const struct http_request *request = http_deferral_request(wait->deferral);
	check(request);
	http_bytes(&response, 200, "text/plain", request->body, request->body_bytes);
	http_deferral_answer(wait->deferral, &response);
	n_waits--;
	free(wait);
	return G_SOURCE_REMOVE;
}

static void keep(const struct http_request *request)
{
	struct wait *wait = calloc(1, sizeof(*wait));
	require(wait != NULL);
	wait->deferral = http_defer(request, on_gone, wait);
	require(wait->deferral != NULL);
	n_waits++;
	if (request->path[1] != 'n')
		wait->source = g_idle_add(on_turn, wait);
}

static void on_request(void *context, const struct http_request *request,
		       struct http_response *response)
{
	(void)context;
	check(request);
	if (request->method == HTTP_PUT) {
		keep(request);
		return;
	}
	if (request->method == HTTP_DELETE)
		response->status = 204;
	else
		http_bytes(response, 200, "text/plain", request->body, request->body_bytes);
	http_header(response, "x-query", "%s", request->query);
}

static bool on_socket_open(void *context, const struct http_request *request,
			   struct server_socket *socket, void **user)
{
	(void)context;
	check(request);
	last_socket = socket;
	*user = &n_sockets;
	n_sockets += request->path[1] != 'n';
	return request->path[1] != 'n';
}

static void on_socket_message(void *context, void *user, const char *text, size_t size)
{
	(void)context;
	require(user == &n_sockets && size <= 65536 && text[size] == '\0');
	for (size_t at = 0; at <= size; at += strlen(text + at) + 1)
		require(g_utf8_validate(text + at, -1, NULL));
	if (size == 1)
		server_socket_close(last_socket, 1000);
	for (size_t i = 0; i < size && i < 70; i++)
		server_socket_send(last_socket, text, size);
}

static void on_socket_close(void *context, void *user)
{
	(void)context;
	require(user == &n_sockets && n_sockets > 0);
	n_sockets--;
}

static void start(void)
{
	const struct server_config config = {
		.http_address = "127.0.0.1",
		.body_bytes_max = 4096,
		.connections_max = 16,
		.request_timeout_s = 5,
		.socket_idle_s = 5,
		.on_request = on_request,
		.on_socket_open = on_socket_open,
		.on_socket_message = on_socket_message,
		.on_socket_close = on_socket_close,
	};
	log_set_level(LOG_SERVER, LOG_ERROR);
	require(server_start(&config, &server) == 0);
}

static void turn_until_quiet(void)
{
	int turns = 0;
	while (g_main_context_iteration(NULL, FALSE))
		require(++turns < TURNS_MAX);
}

static int open_client(void)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(server_http_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	int rc;
	/* The fuzzer's own timer interrupts; the attempt goes on, and asking again waits for it. */
	do {
		rc = connect(fd, (const struct sockaddr *)&to, sizeof(to));
	} while (rc < 0 && (errno == EINTR || errno == EALREADY));
	require(rc == 0 || errno == EISCONN);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char answers[65536];
	if (size < 2)
		return 0;
	if (!server)
		start();
	int fd = open_client();
	size_t piece = data[0] ? data[0] : size;
	for (size_t at = 1; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		if (send(fd, data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		turn_until_quiet();
		while (recv(fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
			;
	}
	turn_until_quiet();
	close(fd);
	turn_until_quiet();
	for (int i = 0; i < TURNS_MAX && server_counters(server)->connections_open > 0; i++)
		g_main_context_iteration(NULL, TRUE);
	require(server_counters(server)->connections_open == 0 && n_sockets == 0);
	require(n_waits == 0);
	return 0;
}
