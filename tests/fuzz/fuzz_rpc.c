/* A peer's bytes, whole or in pieces, against a live connection that also has calls of its own
 * under way. The first byte is the size of the pieces (0: all at once), the second how many calls
 * wait. Whatever comes: every call of ours is told exactly once, what the peer asks has a method
 * and an object, what we say is whole lines of JSON, and the loop comes to rest. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "conf/log.h"
#include "conf/rpc.h"
#include "tests/fuzz/input.h"

#define TURNS_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int n_told, n_closed;

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	EXPECT(context == &n_told && strlen(method) >= 1 && json_is_object(params));
	if (method[0] == 'f')
		rpc_fail(call, RPC_INTERNAL, "%s", method);
	else
		rpc_answer(call, json_incref(params));
}

static void on_close(void *context, const char *why)
{
	EXPECT(context == &n_told && why[0] != '\0');
	n_closed++;
}

static void on_reply(void *context, const json_t *result, const struct rpc_error *error)
{
	EXPECT(context == &n_told && !result == !!error);
	EXPECT(!error || (error->code != 0 && error->message));
	n_told++;
}

static void turn_until_quiet(void)
{
	int turns = 0;
	while (g_main_context_iteration(NULL, FALSE))
		EXPECT(++turns < TURNS_MAX);
}

static void answers_check(int fd)
{
	static char text[1 << 20];
	size_t size = 0;
	ssize_t n;
	while ((n = recv(fd, text + size, sizeof(text) - size, MSG_DONTWAIT)) > 0)
		size += (size_t)n;
	for (char *line = text, *end; size > 0; size -= (size_t)(end + 1 - line), line = end + 1) {
		EXPECT((end = memchr(line, '\n', size)));
		json_t *message = json_loadb(line, (size_t)(end - line), 0, NULL);
		EXPECT(message);
		json_decref(message);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rpc_config config = {
		.on_call = on_call, .on_close = on_close, .context = &n_told};
	int fds[2];
	if (size < 2)
		return 0;
	log_set_level(LOG_ADMIN, LOG_ERROR);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	struct rpc *rpc = rpc_create(fds[0], &config);
	EXPECT(rpc);
	n_told = n_closed = 0;
	for (unsigned int i = 0; i < data[1]; i++)
		rpc_invoke(rpc, "ask", NULL, on_reply, &n_told);
	size_t piece = data[0] ? data[0] : size;
	for (size_t at = 2; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		if (send(fds[1], data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		turn_until_quiet();
		answers_check(fds[1]);
	}
	shutdown(fds[1], SHUT_WR);
	turn_until_quiet();
	EXPECT(n_told == data[1] && n_closed == 1);
	rpc_destroy(rpc);
	close(fds[1]);
	turn_until_quiet();
	EXPECT(n_told == data[1] && n_closed == 1);
	return 0;
}
