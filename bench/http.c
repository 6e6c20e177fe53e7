/* Connections wait in a short stack: the one used last is the warmest, and the least likely to have
 * been closed. */
#include "bench/http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MAX    256
#define PATIENCE_MS 10000
#define FIRST_ROOM  8192

struct http_client {
	char host[64], port[8];
	int (*make_socket)(void *context, int family, int type);
	void *context;
	struct sockaddr_storage address;
	socklen_t address_len; /* 0: not looked up yet */
	pthread_mutex_t lock;  /* of all below and the address */
	int idle[IDLE_MAX];
	unsigned int n_idle;
};

static int make_socket_here(void *context, int family, int type)
{
	(void)context;
	int fd = socket(family, type, 0);
	return fd < 0 ? -errno : fd;
}

struct http_client *http_client_create(const char *host, const char *port)
{
	struct http_client *client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	snprintf(client->host, sizeof(client->host), "%s", host);
	snprintf(client->port, sizeof(client->port), "%s", port);
	client->make_socket = make_socket_here;
	pthread_mutex_init(&client->lock, NULL);
	return client;
}

void http_client_set_socket(struct http_client *client,
			    int (*make)(void *context, int family, int type), void *context)
{
	client->make_socket = make;
	client->context = context;
}

void http_client_destroy(struct http_client *client)
{
	if (!client)
		return;
	for (unsigned int i = 0; i < client->n_idle; i++)
		close(client->idle[i]);
	pthread_mutex_destroy(&client->lock);
	free(client);
}

static int look_up(struct http_client *client)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	if (client->address_len > 0)
		return 0;
	if (getaddrinfo(client->host, client->port, &hints, &found))
		return -EHOSTUNREACH;
	memcpy(&client->address, found->ai_addr, found->ai_addrlen);
	client->address_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int open_connection(const struct http_client *client)
{
	int on = 1;
	int fd = client->make_socket(client->context, client->address.ss_family,
				     SOCK_STREAM | SOCK_CLOEXEC);
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&client->address, client->address_len)) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* An idle connection, else a new one. */
static int take_connection(struct http_client *client, bool *is_kept)
{
	int fd = -1;
	pthread_mutex_lock(&client->lock);
	int rc = look_up(client);
	if (client->n_idle > 0)
		fd = client->idle[--client->n_idle];
	pthread_mutex_unlock(&client->lock);
	*is_kept = fd >= 0;
	if (rc)
		return rc;
	return *is_kept ? fd : open_connection(client);
}

static void give_back(struct http_client *client, int fd)
{
	pthread_mutex_lock(&client->lock);
	bool has_room = client->n_idle < IDLE_MAX;
	if (has_room)
		client->idle[client->n_idle++] = fd;
	pthread_mutex_unlock(&client->lock);
	if (!has_room)
		close(fd);
}

static int write_request(const struct http_client *client, const struct http_request *request,
			 char **text)
{
	bool is_ipv6 = strchr(client->host, ':') != NULL;
	const char *body = request->body ? request->body : "";
	int n = asprintf(text,
			 "%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\n%s%s%s%s%s%s"
			 "Content-Length: %zu\r\n\r\n%s",
			 request->method, request->path, is_ipv6 ? "[" : "", client->host,
			 is_ipv6 ? "]" : "", client->port,
			 request->token ? "Authorization: Bearer " : "",
			 request->token ? request->token : "", request->token ? "\r\n" : "",
			 request->body ? "Content-Type: " : "", request->body ? request->type : "",
			 request->body ? "\r\n" : "", strlen(body), body);
	return n < 0 ? -ENOMEM : n;
}

static int send_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Bytes as they come, in a buffer that grows. */
struct incoming {
	char *bytes;
	size_t size, room;
};

/* 1: more came; 0: the end; -EAGAIN: not yet; or another negative errno. */
static int receive_more(int fd, struct incoming *in)
{
	if (in->size + 1 >= in->room) {
		size_t room = in->room ? 2 * in->room : FIRST_ROOM;
		char *bytes = room <= 2 * HTTP_REPLY_MAX ? realloc(in->bytes, room) : NULL;
		if (!bytes)
			return room > HTTP_REPLY_MAX ? -EMSGSIZE : -ENOMEM;
		in->bytes = bytes;
		in->room = room;
	}
	ssize_t n = recv(fd, in->bytes + in->size, in->room - in->size - 1, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	in->size += (size_t)n;
	return n > 0;
}

static void fill_reply(const struct http_view *view, char *text, struct http_reply *reply)
{
	text[view->head_size - 1] = '\0';
	text[view->head_size + view->body_size] = '\0';
	*reply = (struct http_reply){.status = view->status,
				     .text = text,
				     .body = text + view->head_size,
				     .body_size = view->body_size};
}

struct http_call {
	struct http_client *client; /* borrowed */
	char *text;                 /* the request */
	size_t size;
	int fd;
	bool is_kept; /* the connection had a request before */
	struct incoming in;
};

static void destroy_call(struct http_call *call)
{
	free(call->text);
	free(call->in.bytes);
	free(call);
}

/* On a connection that was kept, else on a new one. Of those kept, all may have been closed
 * meanwhile. */
static int send_request(struct http_call *call)
{
	int rc;
	do {
		call->in.size = 0;
		call->fd = take_connection(call->client, &call->is_kept);
		if (call->fd < 0)
			return call->fd;
		rc = send_all(call->fd, call->text, call->size);
		if (rc)
			close(call->fd);
	} while (rc && call->is_kept);
	return rc;
}

int http_begin(struct http_client *client, const struct http_request *request,
	       struct http_call **out)
{
	struct http_call *call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->client = client;
	int rc = write_request(client, request, &call->text);
	call->size = rc < 0 ? 0 : (size_t)rc;
	if (rc >= 0)
		rc = send_request(call);
	if (rc < 0) {
		destroy_call(call);
		return rc;
	}
	*out = call;
	return 0;
}

int http_call_fd(const struct http_call *call)
{
	return call->fd;
}

void http_call_cancel(struct http_call *call)
{
	if (!call)
		return;
	close(call->fd);
	destroy_call(call);
}

/* 0 with the reply whole in *view. */
static int read_reply(struct http_call *call, struct http_view *view)
{
	int error, more = receive_more(call->fd, &call->in);
	if (more < 0)
		return more;
	if (http_reply_parse(call->in.bytes, call->in.size, more == 0, view, &error))
		return 0;
	return error ? error : -EAGAIN;
}

int http_call_advance(struct http_call *call, struct http_reply *reply)
{
	struct http_view view;
	int rc = read_reply(call, &view);
	if (rc && rc != -EAGAIN && call->is_kept && call->in.size == 0) {
		close(call->fd);
		rc = send_request(call);
		if (rc) {
			destroy_call(call);
			return rc;
		}
		return -EAGAIN;
	}
	if (rc == -EAGAIN)
		return rc;
	if (rc || !view.may_keep)
		close(call->fd);
	else
		give_back(call->client, call->fd);
	if (rc == 0) {
		fill_reply(&view, call->in.bytes, reply);
		call->in.bytes = NULL;
	}
	destroy_call(call);
	return rc;
}

int http_exchange(struct http_client *client, const struct http_request *request,
		  struct http_reply *reply)
{
	unsigned int patience_ms = request->patience_ms ? request->patience_ms : PATIENCE_MS;
	struct http_call *call;
	int rc = http_begin(client, request, &call);
	if (rc)
		return rc;
	do {
		struct pollfd pollfd = {.fd = call->fd, .events = POLLIN};
		if (poll(&pollfd, 1, (int)patience_ms) == 0) {
			http_call_cancel(call);
			return -ETIMEDOUT;
		}
		rc = http_call_advance(call, reply);
	} while (rc == -EAGAIN);
	return rc;
}
