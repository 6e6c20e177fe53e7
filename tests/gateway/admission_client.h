/* For the tests of admissions that wait: clients with real connections to the fixture's node. They
 * are no source of the loop; waiting is turning it until something holds. */
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>

#include "slices/tenant.h"
#include "tests/gateway/admission_fixture.h"

#define GUARD_S 10

struct client {
	int fd;
	char in[16384];
	size_t size;
};

static inline gboolean on_guard(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_CONTINUE;
}

#define TURN_UNTIL(expression)                                                                     \
	do {                                                                                       \
		bool is_late_ = false;                                                             \
		guint guard_ = g_timeout_add_seconds(GUARD_S, on_guard, &is_late_);                \
		while (!(expression) && !is_late_)                                                 \
			g_main_context_iteration(NULL, TRUE);                                      \
		g_source_remove(guard_);                                                           \
		CU_ASSERT(!is_late_);                                                              \
	} while (0)

static inline struct tenant *tenant_of(const char *id)
{
	return tenant_find(node->tenants, id, strlen(id));
}

/* Sends a request; the answer is taken later. */
static inline void send_to(struct client *client, const struct ask *asked)
{
	char head[2048];
	char *token = jwt_sign(asked->key, &asked->claims);
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(server_http_port(node->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	*client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	CU_ASSERT_EQUAL_FATAL(connect(client->fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	int n = snprintf(head, sizeof(head),
			 "POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/sdp\r\n"
			 "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n",
			 asked->path, token, strlen(asked->body));
	CU_ASSERT_EQUAL(send(client->fd, head, (size_t)n, MSG_NOSIGNAL), n);
	CU_ASSERT_EQUAL(send(client->fd, asked->body, strlen(asked->body), MSG_NOSIGNAL),
			(ssize_t)strlen(asked->body));
	free(token);
}

/* The status of the answer once its head is there, or 0. */
static inline int status_at(struct client *client)
{
	ssize_t n = recv(client->fd, client->in + client->size,
			 sizeof(client->in) - 1 - client->size, MSG_DONTWAIT);
	if (n > 0)
		client->size += (size_t)n;
	client->in[client->size] = '\0';
	return strstr(client->in, "\r\n\r\n") ? atoi(client->in + strlen("HTTP/1.1 ")) : 0;
}

static inline gboolean on_tick(gpointer data)
{
	(void)data;
	return G_SOURCE_CONTINUE;
}

static inline int take(struct client *client)
{
	int status;
	/* Clients are no source of the loop: it has to turn now and then. */
	guint tick = g_timeout_add(5, on_tick, NULL);
	TURN_UNTIL((status = status_at(client)) != 0);
	g_source_remove(tick);
	return status;
}

/* As the control plane, or an operator, would. */
static inline void change_standing(const char *id, enum tenant_standing standing)
{
	((struct tenant_config *)(uintptr_t)tenant_of(id)->config)->standing = standing;
}
