/* A connection is always in exactly one phase, and every phase has an end: a deadline that the
 * server's tick looks at. A request that is refused by us gets its answer and then a second in
 * which the connection lingers: closing at once, with bytes of the client's still unread, would
 * make the kernel send a reset that can destroy the answer before the client sees it. */
#include "gateway/server_connection.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/problem.h"
#include "gateway/server_private.h"
#include "gateway/server_socket.h"
#include "gateway/server_wire.h"

#define IDLE_US     (30 * G_USEC_PER_SEC) /* between requests of one connection */
#define RESPONSE_US (60 * G_USEC_PER_SEC) /* for a slow reader */
#define DEFERRED_US ((int64_t)SERVER_DEFERRAL_S * G_USEC_PER_SEC)
#define LINGER_US   (1 * G_USEC_PER_SEC)
#define STALL_US    (1 * G_USEC_PER_SEC) /* sending on while the response is not out: see wire */

/* A request that a route answers later. Its texts are the connection's, which keeps them. */
struct http_deferral {
	struct connection *connection;
	struct http_request request;
	void (*on_gone)(void *context);
	void *context;
};

static void enter(struct connection *connection, enum connection_phase phase, int64_t us)
{
	connection->phase = phase;
	connection->deadline_us = g_get_monotonic_time() + us;
}

static int64_t request_us(const struct connection *connection)
{
	return (int64_t)connection->server->config.request_timeout_s * G_USEC_PER_SEC;
}

struct connection *connection_create(struct server *server, struct wire *wire,
				     const struct address *peer)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	if (!connection)
		return NULL;
	connection->server = server;
	connection->wire = wire;
	connection->is_tls = wire == server->https_wire;
	connection->peer = *peer;
	enter(connection, CONNECTION_HEAD, request_us(connection));
	TAILQ_INSERT_TAIL(&server->connections, connection, link);
	server->counters.connections++;
	server->counters.connections_open++;
	return connection;
}

static void drop_request(struct connection *connection)
{
	http_head_fini(&connection->head);
	free(connection->body);
	connection->body = NULL;
	connection->body_bytes = 0;
}

/* Whoever was to answer learns that nobody waits any more. */
static void drop_deferral(struct connection *connection)
{
	struct http_deferral *deferral = connection->deferral;
	if (!deferral)
		return;
	connection->deferral = NULL;
	connection->server->counters.deferred_gone++;
	deferral->on_gone(deferral->context);
	free(deferral);
}

void connection_destroy(struct connection *connection)
{
	if (!connection)
		return;
	drop_deferral(connection);
	http_response_fini(&connection->answer);
	TAILQ_REMOVE(&connection->server->connections, connection, link);
	socket_destroy(connection->socket);
	connection->server->counters.connections_open--;
	drop_request(connection);
	free(connection);
}

static void send_response(struct connection *connection, struct http_response *response)
{
	size_t size;
	if (response->status < 200 || response->status > 599)
		response->status = 500;
	uint8_t *bytes =
		http_response_write(response, connection->head.method,
				    !connection->has_closing_response, WIRE_RESERVE_BYTES, &size);
	connection->server->counters.responses_by_class[response->status / 100]++;
	if (bytes)
		wire_send(connection, bytes + WIRE_RESERVE_BYTES, size);
	else
		connection->has_closing_response = true;
	free(bytes);
	http_response_fini(response);
	drop_request(connection);
}

void connection_refuse(struct connection *connection, int status, const char *detail)
{
	struct http_response response = {0};
	problem_write(&response, status, 0, NULL, detail);
	/* Without it a page of another origin is told nothing but that the request failed. */
	http_header(&response, "access-control-allow-origin", "*");
	if (status == 426)
		http_header(&response, "sec-websocket-version", "13");
	connection->has_closing_response = true;
	send_response(connection, &response);
	enter(connection, CONNECTION_LINGER, LINGER_US);
	wire_linger(connection);
}

static struct http_request request_of(const struct connection *connection)
{
	const struct http_head *head = &connection->head;
	return (struct http_request){
		.method = head->method,
		.path = head->path,
		.query = head->query,
		.authorization = head->fields[HTTP_AUTHORIZATION],
		.content_type = head->fields[HTTP_CONTENT_TYPE],
		.accept = head->fields[HTTP_ACCEPT],
		.if_match = head->fields[HTTP_IF_MATCH],
		.origin = head->fields[HTTP_ORIGIN],
		.host = head->fields[HTTP_HOST],
		.body = connection->body ? connection->body : "",
		.body_bytes = connection->body_bytes,
		.peer = connection->peer,
		.is_tls = connection->is_tls,
	};
}

struct http_deferral *http_defer(const struct http_request *request, void (*on_gone)(void *context),
				 void *context)
{
	struct connection *connection = request->connection;
	struct http_deferral *deferral = connection ? malloc(sizeof(*deferral)) : NULL;
	if (!deferral)
		return NULL;
	*deferral = (struct http_deferral){connection, *request, on_gone, context};
	connection->deferral = deferral;
	connection->server->counters.deferred++;
	return deferral;
}

const struct http_request *http_deferral_request(const struct http_deferral *deferral)
{
	return &deferral->request;
}

/* Nothing is sent from here: the caller may be anywhere, even still in on_request. */
void http_deferral_answer(struct http_deferral *deferral, struct http_response *response)
{
	struct connection *connection = deferral->connection;
	connection->answer = *response;
	*response = (struct http_response){0};
	connection->deferral = NULL;
	free(deferral);
	if (connection->phase == CONNECTION_DEFERRED)
		wire_resume(connection);
	enter(connection, CONNECTION_ANSWERED, RESPONSE_US);
}

static void send_answer(struct connection *connection, struct http_response *response)
{
	connection->has_closing_response = !connection->plan.keep_alive;
	send_response(connection, response);
	enter(connection, CONNECTION_RESPONSE, RESPONSE_US);
}

void connection_on_turn(struct connection *connection)
{
	if (connection->phase == CONNECTION_ANSWERED)
		send_answer(connection, &connection->answer);
}

static void answer(struct connection *connection)
{
	const struct server_config *config = &connection->server->config;
	struct http_request request = request_of(connection);
	struct http_response response = {0};
	request.connection = connection;
	config->on_request(config->context, &request, &response);
	if (connection->phase == CONNECTION_ANSWERED) {
		http_response_fini(&response);
		connection_on_turn(connection);
	} else if (connection->deferral) {
		http_response_fini(&response);
		enter(connection, CONNECTION_DEFERRED, DEFERRED_US);
		wire_pause(connection);
	} else {
		send_answer(connection, &response);
	}
}

/* 0 or the status to refuse with. */
static int begin(struct connection *connection, struct http_head *head)
{
	connection->server->counters.requests++;
	connection->n_requests++;
	drop_request(connection);
	connection->head = *head;
	*head = (struct http_head){0};
	int status = http_head_check(&connection->head, connection->server->config.body_bytes_max,
				     &connection->plan);
	if (status == 413)
		connection->server->counters.bodies_too_large++;
	return status;
}

static void send_continue(struct connection *connection)
{
	uint8_t bytes[WIRE_RESERVE_BYTES + 32];
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	memcpy(bytes + WIRE_RESERVE_BYTES, text, sizeof(text) - 1);
	wire_send(connection, bytes + WIRE_RESERVE_BYTES, sizeof(text) - 1);
}

static const char *detail_of(int status)
{
	switch (status) {
	case 411:
		return "a body must come with its Content-Length";
	case 413:
		return "the body is larger than this node takes";
	case 417:
		return "only 100-continue can be expected";
	case 505:
		return "HTTP/1.1 is spoken here";
	default:
		return "the request's head is malformed or ambiguous";
	}
}

void connection_on_head(struct connection *connection, struct http_head *head)
{
	int status = begin(connection, head);
	if (status) {
		connection_refuse(connection, status, detail_of(status));
		return;
	}
	if (connection->plan.body_bytes == 0) {
		answer(connection);
		return;
	}
	connection->body = malloc(connection->plan.body_bytes + 1);
	if (!connection->body) {
		connection_refuse(connection, 503, "out of memory");
		return;
	}
	/* The first request's time counts from the connection's beginning. */
	if (connection->phase == CONNECTION_HEAD)
		connection->phase = CONNECTION_BODY;
	else
		enter(connection, CONNECTION_BODY, request_us(connection));
	if (connection->plan.wants_continue)
		send_continue(connection);
}

void connection_on_body(struct connection *connection, const void *bytes, size_t size)
{
	if (connection->phase != CONNECTION_BODY || size == 0)
		return;
	if (size > connection->plan.body_bytes - connection->body_bytes) {
		connection_refuse(connection, 400, "the body is longer than was said");
		return;
	}
	memcpy(connection->body + connection->body_bytes, bytes, size);
	connection->body_bytes += size;
}

void connection_on_body_end(struct connection *connection)
{
	if (connection->phase != CONNECTION_BODY ||
	    connection->body_bytes != connection->plan.body_bytes)
		return;
	connection->body[connection->body_bytes] = '\0';
	answer(connection);
}

bool connection_on_upgrade(struct connection *connection, struct http_head *head)
{
	int status = begin(connection, head);
	if (!status)
		status = http_upgrade_check(&connection->head, &connection->plan, WIRE_PROTOCOL);
	if (status) {
		connection_refuse(connection, status, "this upgrade is not possible");
		return false;
	}
	connection->socket = socket_create(connection);
	struct http_request request = request_of(connection);
	if (!connection->socket || !socket_open(connection->socket, &request)) {
		socket_destroy(connection->socket);
		connection->socket = NULL;
		connection_refuse(connection, 403, "no WebSocket is offered here");
		return false;
	}
	drop_request(connection);
	connection->phase = CONNECTION_SOCKET;
	return true;
}

void connection_on_sent(struct connection *connection)
{
	enter(connection, CONNECTION_IDLE, IDLE_US);
}

static void expire(struct connection *connection)
{
	bool is_waiting =
		connection->phase == CONNECTION_HEAD || connection->phase == CONNECTION_BODY;
	bool is_deferred = connection->phase == CONNECTION_DEFERRED;
	if (is_waiting || is_deferred || connection->phase == CONNECTION_RESPONSE)
		connection->server->counters.timeouts++;
	drop_deferral(connection);
	/* Before the first head of a TLS connection its handshake may still be under way. */
	if (is_deferred)
		connection_refuse(connection, 503, "there was no answer in time");
	else if (is_waiting && (!connection->is_tls || connection->phase == CONNECTION_BODY))
		connection_refuse(connection, 408, "the request did not come in time");
	else
		wire_kill(connection);
}

static bool is_over(const struct connection *connection, int64_t now_us)
{
	int64_t stalled_us = connection->deadline_us - RESPONSE_US + STALL_US;
	return now_us >= connection->deadline_us ||
	       (connection->phase == CONNECTION_RESPONSE && now_us >= stalled_us &&
		wire_has_input(connection));
}

void connection_tick(struct connection *connection, int64_t now_us)
{
	if (connection->phase == CONNECTION_SOCKET) {
		if (!socket_tick(connection->socket, now_us))
			wire_kill(connection);
	} else if (connection->phase == CONNECTION_DEFERRED && wire_is_closed(connection)) {
		wire_kill(connection);
	} else if (is_over(connection, now_us)) {
		expire(connection);
	}
}
