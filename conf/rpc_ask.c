/* One question over a socket, for programs without a loop: connect, ask, wait until a deadline.
 * What else the other side says meanwhile is passed over. */
#include "conf/rpc.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/clock.h"
#include "conf/rpc_message.h"
#include "conf/rpc_wire.h"

#define QUESTION_ID 1

struct asking {
	int fd;
	uint64_t deadline_ns;
	char *text;
	size_t size, room;
};

static int wait_for(const struct asking *asking, short events)
{
	struct pollfd watched = {.fd = asking->fd, .events = events};
	uint64_t now = clock_ns();
	uint64_t left_ms = now < asking->deadline_ns ? (asking->deadline_ns - now) / 1000000 : 0;
	int n = poll(&watched, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

static int send_all(const struct asking *asking, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = send(asking->fd, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		int rc = n < 0 ? wait_for(asking, POLLOUT) : 0;
		if (rc)
			return rc;
		if (n < 0)
			continue;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Reads until a newline is in the text; *line_size is where. */
static int read_line(struct asking *asking, size_t *line_size)
{
	for (;;) {
		char *end = asking->size ? memchr(asking->text, '\n', asking->size) : NULL;
		if (end) {
			*line_size = (size_t)(end - asking->text);
			return 0;
		}
		if (asking->size == asking->room) {
			size_t room = asking->room ? asking->room * 2 : 65536;
			if (room > 2 * (size_t)RPC_MESSAGE_BYTES_MAX)
				return -EMSGSIZE;
			char *text = realloc(asking->text, room);
			if (!text)
				return -ENOMEM;
			asking->text = text;
			asking->room = room;
		}
		int rc = wait_for(asking, POLLIN);
		if (rc)
			return rc;
		ssize_t n = recv(asking->fd, asking->text + asking->size,
				 asking->room - asking->size, MSG_DONTWAIT);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		asking->size += n > 0 ? (size_t)n : 0;
	}
}

/* -EAGAIN: this line is not the answer. */
static int line_judge(const char *line, size_t size, json_t **result, struct rpc_refusal *refusal)
{
	struct rpc_message message;
	int rc = -EAGAIN;
	rpc_message_read(line, size, &message);
	if (message.kind == RPC_FAULT && message.error.code == RPC_PARSE_ERROR)
		rc = -EBADMSG;
	/* An error without an id is about what we sent, too. */
	if (message.kind == RPC_RESPONSE && (json_integer_value(message.id) == QUESTION_ID ||
					     (json_is_null(message.id) && message.error.code))) {
		rc = message.error.code ? -EPROTO : 0;
		if (rc) {
			refusal->code = message.error.code;
			refusal->text = strdup(message.error.message);
			rc = refusal->text ? rc : -ENOMEM;
		} else {
			*result = json_incref((json_t *)(uintptr_t)message.result);
		}
	}
	rpc_message_fini(&message);
	return rc;
}

static int answer_wait(struct asking *asking, json_t **result, struct rpc_refusal *refusal)
{
	for (;;) {
		size_t size = 0;
		int rc = read_line(asking, &size);
		if (rc)
			return rc;
		rc = size ? line_judge(asking->text, size, result, refusal) : -EAGAIN;
		if (rc != -EAGAIN)
			return rc;
		asking->size -= size + 1;
		memmove(asking->text, asking->text + size + 1, asking->size);
	}
}

int rpc_ask(const char *path, const char *method, json_t *params, int timeout_ms, json_t **result,
	    struct rpc_refusal *refusal)
{
	struct asking asking = {
		.deadline_ns = clock_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000,
	};
	json_t *id = json_integer(QUESTION_ID);
	struct rpc_line *line = rpc_message_call(id, method, params);
	json_decref(id);
	if (!line)
		return -ENOMEM;
	asking.fd = rpc_connect(path);
	int rc = asking.fd < 0 ? asking.fd : send_all(&asking, line->text, line->size);
	if (rc == 0 || rc == -EPIPE)
		rc = answer_wait(&asking, result, refusal);
	if (asking.fd >= 0)
		close(asking.fd);
	free(asking.text);
	free(line);
	return rc;
}
