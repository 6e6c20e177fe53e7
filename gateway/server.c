/* The server is put together from: listeners (accept), wires (libwebsockets, one for plain and one
 * for TLS connections), connections (one request at a time, deadlines), sockets (WebSockets), and
 * the certificate that new TLS connections are shown. All of it lives on the default GMainContext;
 * the order of stopping is the order of starting, mirrored. */
#include "gateway/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/log.h"
#include "gateway/server_certificate.h"
#include "gateway/server_private.h"
#include "gateway/server_wire.h"

#define TICK_MS        250 /* how late a deadline may be seen */
#define PORT_ATTEMPTS  16  /* to find a port that is free in both families */
#define HTTP_LISTENERS 2

static gboolean on_tick(gpointer data)
{
	struct server *server = data;
	int64_t now_us = g_get_monotonic_time();
	struct connection *connection = TAILQ_FIRST(&server->connections);
	while (connection) {
		struct connection *next = TAILQ_NEXT(connection, link);
		connection_tick(connection, now_us);
		connection = next;
	}
	wire_look(server->http_wire);
	wire_look(server->https_wire);
	return G_SOURCE_CONTINUE;
}

static void refuse(struct server *server, int fd, bool is_tls)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
				   "content-length: 0\r\nconnection: close\r\n\r\n";
	server->counters.refused_connections++;
	if (!is_tls && send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		server->counters.responses_by_class[5]++;
	close(fd);
}

static void accept_on(struct server *server, struct wire *wire, int fd, const struct address *peer)
{
	bool is_full = server->counters.connections_open >= server->config.connections_max;
	struct connection *connection = is_full ? NULL : connection_create(server, wire, peer);
	if (connection)
		wire_adopt(connection, fd);
	else
		refuse(server, fd, wire == server->https_wire);
}

static void on_http(void *context, int fd, const struct address *peer)
{
	struct server *server = context;
	accept_on(server, server->http_wire, fd, peer);
}

static void on_https(void *context, int fd, const struct address *peer)
{
	struct server *server = context;
	accept_on(server, server->https_wire, fd, peer);
}

static int log_bind_error(const char *ip, uint16_t port, int error)
{
	log_error(LOG_SERVER, "cannot listen", "\"address\":\"%s\",\"port\":%u,\"error\":\"%s\"",
		  log_escape(ip), port, strerror(-error));
	return error;
}

/* The companion of 127.0.0.1; a kernel without IPv6 may go without it. */
static int listen_companion(struct server *server)
{
	uint16_t port = listener_port(server->http[0]);
	int error = listener_create("::1", port, on_http, server, &server->http[1]);
	if (error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT) {
		log_info(LOG_SERVER, "no IPv6 loopback, HTTP on 127.0.0.1 only", NULL);
		return 0;
	}
	return error;
}

static int listen_http(struct server *server)
{
	const struct server_config *config = &server->config;
	bool is_pair = strcmp(config->http_address, "127.0.0.1") == 0;
	int error = 0;
	for (int i = 0; i < PORT_ATTEMPTS; i++) {
		error = listener_create(config->http_address, config->http_port, on_http, server,
					&server->http[0]);
		if (error)
			return log_bind_error(config->http_address, config->http_port, error);
		error = is_pair ? listen_companion(server) : 0;
		if (error != -EADDRINUSE || config->http_port != 0)
			break;
		listener_destroy(server->http[0]);
		server->http[0] = NULL;
	}
	return error ? log_bind_error("::1", config->http_port, error) : 0;
}

static int start_http(struct server *server)
{
	if (!server->config.http_address)
		return 0;
	int error = wire_create(server, false, &server->http_wire);
	return error ? error : listen_http(server);
}

/* Starts to serve HTTPS when there is a certificate and it is not being served yet. */
static int start_https(struct server *server)
{
	const struct server_config *config = &server->config;
	if (!config->https_address || !server->certificate || server->https)
		return 0;
	if (!server->https_wire) {
		int error = wire_create(server, true, &server->https_wire);
		if (error)
			return error;
	}
	int error = listener_create(config->https_address, config->https_port, on_https, server,
				    &server->https);
	return error ? log_bind_error(config->https_address, config->https_port, error) : 0;
}

int server_reload_certificate(struct server *server)
{
	const struct server_config *config = &server->config;
	struct certificate *certificate;
	if (!config->https_address || !config->certificate_file || !config->key_file)
		return 0;
	int error = certificate_load(config->certificate_file, config->key_file, &certificate);
	if (error)
		return error;
	certificate_destroy(server->certificate);
	server->certificate = certificate;
	return start_https(server);
}

/* "" is how a configuration file says that something is not wanted. */
static const char *copy_text(const char *text)
{
	return text && text[0] ? g_strdup(text) : NULL;
}

static void copy_config(struct server *server, const struct server_config *config)
{
	server->config = *config;
	server->config.http_address = copy_text(config->http_address);
	server->config.https_address = copy_text(config->https_address);
	server->config.certificate_file = copy_text(config->certificate_file);
	server->config.key_file = copy_text(config->key_file);
}

static void free_config(struct server_config *config)
{
	g_free((char *)(uintptr_t)config->http_address);
	g_free((char *)(uintptr_t)config->https_address);
	g_free((char *)(uintptr_t)config->certificate_file);
	g_free((char *)(uintptr_t)config->key_file);
}

int server_start(const struct server_config *config, struct server **out)
{
	struct server *server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	copy_config(server, config);
	TAILQ_INIT(&server->connections);
	server->tick = g_timeout_add(TICK_MS, on_tick, server);
	int error = start_http(server);
	if (!error)
		error = server_reload_certificate(server);
	if (error == -ENOENT)
		error = 0;
	if (error) {
		server_stop(server);
		return error;
	}
	*out = server;
	return 0;
}

void server_stop(struct server *server)
{
	if (!server)
		return;
	g_source_remove(server->tick);
	listener_destroy(server->https);
	for (int i = 0; i < HTTP_LISTENERS; i++)
		listener_destroy(server->http[i]);
	wire_destroy(server->https_wire);
	wire_destroy(server->http_wire);
	certificate_destroy(server->certificate);
	free_config(&server->config);
	free(server);
}

uint16_t server_http_port(const struct server *server)
{
	return server->http[0] ? listener_port(server->http[0]) : 0;
}

uint16_t server_https_port(const struct server *server)
{
	return server->https ? listener_port(server->https) : 0;
}

size_t server_bytes(const struct server *server)
{
	const struct connection *connection;
	size_t bytes = 0;
	TAILQ_FOREACH (connection, &server->connections, link)
		bytes += sizeof(*connection) + (connection->body ? connection->plan.body_bytes : 0);
	return bytes;
}

const struct server_counters *server_counters(const struct server *server)
{
	return &server->counters;
}
