/* Connections wait in a short stack: the one used last is the warmest, and the least likely to have
 * been closed. */
#include "bench/http.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
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

/* 1: more came; 0: the end; negative errno. */
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
	ssize_t n = recv(fd, in->bytes + in->size, in->room - in->size - 1, 0);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
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

/* One request on one connection; what came is in *in even when it fails. */
static int exchange_on(int fd, const struct http_request *request, const char *text, size_t size,
		       struct incoming *in, struct http_view *view)
{
	unsigned int patience_ms = request->patience_ms ? request->patience_ms : PATIENCE_MS;
	struct timeval patience = {.tv_sec = patience_ms / 1000,
				   .tv_usec = patience_ms % 1000 * 1000};
	int error = 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	int rc = send_all(fd, text, size);
	while (rc == 0) {
		int more = receive_more(fd, in);
		if (more < 0)
			return more;
		if (http_reply_parse(in->bytes, in->size, more == 0, view, &error))
			break;
		rc = error;
	}
	return rc;
}

int http_exchange(struct http_client *client, const struct http_request *request,
		  struct http_reply *reply)
{
	char *text;
	struct http_view view;
	struct incoming in = {0};
	bool is_kept;
	int size = write_request(client, request, &text), rc = size, fd;
	if (size < 0)
		return size;
	do {
		in.size = 0;
		fd = take_connection(client, &is_kept);
		rc = fd < 0 ? fd : exchange_on(fd, request, text, (size_t)size, &in, &view);
		if (fd >= 0 && (rc || !view.may_keep))
			close(fd);
		else if (fd >= 0)
			give_back(client, fd);
	} while (rc && rc != -ETIMEDOUT && is_kept && in.size == 0);
	free(text);
	if (rc)
		free(in.bytes);
	else
		fill_reply(&view, in.bytes, reply);
	return rc;
}
