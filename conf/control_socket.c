/* The operators' socket: every connection may call what the table has. */
#include "conf/control_private.h"

#include <errno.h>

#include <jansson.h>

#include "conf/log.h"
#include "conf/sql.h"

#define CONNECTIONS_MAX 64

struct control_socket {
	struct control *control; /* parent */
	struct rpc_listener *listener;
	GPtrArray *connections; /* struct connection */
};

struct connection {
	struct control_socket *socket; /* parent */
	struct rpc *rpc;
};

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	struct connection *connection = context;
	struct control *control = connection->socket->control;
	if (!control_store(control)) {
		rpc_fail(call, RPC_UNAVAILABLE, "the store is away");
		return;
	}
	rpc_table_dispatch(control->config.methods, &control->operators, call, method, params);
	if (!sql_is_up(store_sql(control->store)))
		control_store_did(control, -ENOTCONN, "an operator's call");
}

static void connection_free(void *user)
{
	struct connection *connection = user;
	rpc_destroy(connection->rpc);
	g_free(connection);
}

static void on_close(void *context, const char *why)
{
	struct connection *connection = context;
	(void)why;
	g_ptr_array_remove_fast(connection->socket->connections, connection);
}

static void on_accept(void *context, int fd, pid_t pid, uid_t uid)
{
	struct control_socket *socket = context;
	struct connection *connection = g_new0(struct connection, 1);
	const struct rpc_config config = {
		.on_call = on_call, .on_close = on_close, .context = connection};
	connection->socket = socket;
	connection->rpc = rpc_create(fd, &config);
	if (!connection->rpc || socket->connections->len >= CONNECTIONS_MAX) {
		log_warn(LOG_ADMIN, "an operator's connection is one too many",
			 "\"pid\":%d,\"uid\":%u", (int)pid, (unsigned int)uid);
		connection_free(connection);
		return;
	}
	g_ptr_array_add(socket->connections, connection);
}

int control_socket_create(struct control *control, struct control_socket **out)
{
	struct control_socket *socket = g_new0(struct control_socket, 1);
	const struct rpc_listener_config config = {.path = control->config.socket,
						   .group = control->config.group,
						   .on_accept = on_accept,
						   .context = socket};
	socket->control = control;
	socket->connections = g_ptr_array_new_with_free_func(connection_free);
	int rc = rpc_listen(&config, &socket->listener);
	if (rc) {
		control_socket_destroy(socket);
		return rc;
	}
	*out = socket;
	return 0;
}

void control_socket_destroy(struct control_socket *socket)
{
	if (!socket)
		return;
	rpc_listener_destroy(socket->listener);
	g_ptr_array_unref(socket->connections);
	g_free(socket);
}
