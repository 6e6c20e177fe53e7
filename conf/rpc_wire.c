/* Two buffers around a descriptor. What is read grows in one block until a newline is found; what
 * is sent waits as a list of lines. Reading pauses while too many answers are unsent: a peer that
 * asks without listening is held back by its own socket buffer, and is given up when it takes
 * nothing for STALL_S. A side that waits for answers itself does not pause (rpc_wire_expect), so of
 * two sides that ask each other much at once one always reads; the queue's bound still holds. */
#include "conf/rpc_wire.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <glib-unix.h>

#define READ_BYTES 65536U /* a turn of the loop; others wait meanwhile */
#define SEND_LINES 16U    /* a system call */
#define STALL_S    10U

struct rpc_wire {
	struct rpc_wire_config config;
	GMainContext *loop; /* owned reference */
	int fd;
	GSource *reading, *writing, *stall; /* NULL: not waited for */
	bool is_stopped;                    /* no callback any more */
	bool is_inside; /* of a callback: freeing and sending wait for its end */
	bool is_destroyed;
	bool is_expecting; /* never pauses */

	char *in;
	size_t in_size, in_room, scanned; /* no newline in the first `scanned` bytes */

	struct rpc_line *first, **last;
	size_t first_sent; /* bytes of `first` */
	size_t queued, queued_answers;
	uint64_t sent;          /* all in all */
	uint64_t sent_at_pause; /* to see a stall */
};

struct rpc_line *rpc_line_create(size_t size)
{
	struct rpc_line *line = malloc(sizeof(*line) + size);
	if (line)
		*line = (struct rpc_line){.size = size};
	return line;
}

static void source_drop(GSource **source)
{
	if (!*source)
		return;
	g_source_destroy(*source);
	g_source_unref(*source);
	*source = NULL;
}

static GSource *source_watch(struct rpc_wire *wire, GIOCondition condition, GUnixFDSourceFunc turn)
{
	GSource *source = g_unix_fd_source_new(wire->fd, condition);
	g_source_set_callback(source, G_SOURCE_FUNC(turn), wire, NULL);
	g_source_attach(source, wire->loop);
	return source;
}

static void wire_free(struct rpc_wire *wire)
{
	for (struct rpc_line *line = wire->first, *next; line; line = next) {
		next = line->next;
		free(line);
	}
	free(wire->in);
	g_main_context_unref(wire->loop);
	free(wire);
}

static void wire_stop(struct rpc_wire *wire)
{
	wire->is_stopped = true;
	source_drop(&wire->reading);
	source_drop(&wire->writing);
	source_drop(&wire->stall);
}

static void wire_end(struct rpc_wire *wire, bool is_fault, const char *why)
{
	if (wire->is_stopped)
		return;
	wire_stop(wire);
	wire->config.on_end(wire->config.context, is_fault, why);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static bool room_make(struct rpc_wire *wire)
{
	size_t most = wire->config.line_bytes_max + 1;
	if (wire->in_size < wire->in_room)
		return true;
	size_t room = wire->in_room ? wire->in_room * 2 : 4096;
	if (room > most)
		room = most;
	char *in = realloc(wire->in, room);
	if (!in)
		return false;
	wire->in = in;
	wire->in_room = room;
	return true;
}

/* Hands over every whole line; what is left moves to the front. */
static void lines_deliver(struct rpc_wire *wire)
{
	size_t start = 0;
	char *end;
	while (!wire->is_stopped &&
	       (end = memchr(wire->in + wire->scanned, '\n', wire->in_size - wire->scanned))) {
		size_t size = (size_t)(end - wire->in) - start;
		char *line = wire->in + start;
		*end = '\0';
		start += size + 1;
		wire->scanned = start;
		if (size > 0)
			wire->config.on_line(wire->config.context, line, size);
	}
	wire->in_size -= start;
	memmove(wire->in, wire->in + start, wire->in_size);
	wire->scanned = wire->in_size;
	if (wire->in_size == 0 && wire->in_room > READ_BYTES) {
		free(wire->in);
		wire->in = NULL;
		wire->in_room = 0;
	}
}

static void read_some(struct rpc_wire *wire)
{
	for (size_t taken = 0; taken < READ_BYTES && !wire->is_stopped && wire->reading;) {
		if (!room_make(wire)) {
			wire_end(wire, true, "out of memory");
			return;
		}
		ssize_t n = recv(wire->fd, wire->in + wire->in_size, wire->in_room - wire->in_size,
				 MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			wire_end(wire, false, strerror(errno));
			return;
		}
		if (n == 0) {
			wire_end(wire, false,
				 wire->in_size ? "the peer closed inside a message"
					       : "the peer closed");
			return;
		}
		taken += (size_t)n;
		wire->in_size += (size_t)n;
		lines_deliver(wire);
		if (wire->in_size > wire->config.line_bytes_max)
			wire_end(wire, true, "a message is longer than it may be");
	}
}

/* --- Sending ---------------------------------------------------------------------------------- */

static void lines_forget(struct rpc_wire *wire, size_t n)
{
	wire->queued -= n;
	n += wire->first_sent;
	while (wire->first && n >= wire->first->size) {
		struct rpc_line *line = wire->first;
		n -= line->size;
		if (line->is_answer)
			wire->queued_answers -= line->size;
		wire->first = line->next;
		free(line);
	}
	if (!wire->first)
		wire->last = &wire->first;
	wire->first_sent = n;
}

/* Sends what the kernel takes. 0, -EAGAIN, or what is wrong with the connection. */
static int lines_send(struct rpc_wire *wire)
{
	while (wire->first) {
		struct iovec parts[SEND_LINES];
		struct msghdr message = {.msg_iov = parts};
		size_t skip = wire->first_sent;
		for (struct rpc_line *line = wire->first; line && message.msg_iovlen < SEND_LINES;
		     line = line->next, skip = 0)
			parts[message.msg_iovlen++] = (struct iovec){.iov_base = line->text + skip,
								     .iov_len = line->size - skip};
		ssize_t n = sendmsg(wire->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		wire->sent += (size_t)n;
		lines_forget(wire, (size_t)n);
	}
	return 0;
}

static void flush(struct rpc_wire *wire);

static gboolean on_readable(gint fd, GIOCondition condition, gpointer user)
{
	struct rpc_wire *wire = user;
	(void)fd;
	(void)condition;
	wire->is_inside = true;
	read_some(wire);
	wire->is_inside = false;
	if (wire->is_destroyed)
		wire_free(wire);
	else
		flush(wire);
	return G_SOURCE_CONTINUE; /* a source that was dropped is gone whatever is said here */
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer user)
{
	(void)fd;
	(void)condition;
	flush(user);
	return G_SOURCE_CONTINUE;
}

static gboolean on_stall(gpointer user)
{
	struct rpc_wire *wire = user;
	if (wire->sent == wire->sent_at_pause)
		wire_end(wire, false, "the peer takes no answers");
	else
		wire->sent_at_pause = wire->sent;
	return G_SOURCE_CONTINUE;
}

static void stall_watch(struct rpc_wire *wire)
{
	if (wire->stall)
		return;
	wire->sent_at_pause = wire->sent;
	wire->stall = g_timeout_source_new_seconds(STALL_S);
	g_source_set_callback(wire->stall, on_stall, wire, NULL);
	g_source_attach(wire->stall, wire->loop);
}

static void reading_set(struct rpc_wire *wire)
{
	size_t most = wire->config.answer_bytes_max;
	if (wire->is_stopped)
		return;
	if (wire->reading && wire->queued_answers > most && !wire->is_expecting) {
		source_drop(&wire->reading);
		stall_watch(wire);
	} else if (!wire->reading && (wire->queued_answers <= most / 2 || wire->is_expecting)) {
		source_drop(&wire->stall);
		wire->reading = source_watch(wire, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable);
	}
}

/* Sends, and waits for the socket if anything is left. When the peer is gone it is the reader that
 * finds it: what the peer said before it went is still read. */
static void flush(struct rpc_wire *wire)
{
	if (wire->is_stopped)
		return;
	int rc = lines_send(wire);
	if (rc == -EAGAIN && !wire->writing)
		wire->writing = source_watch(wire, G_IO_OUT, on_writable);
	else if (rc != -EAGAIN)
		source_drop(&wire->writing);
	if (rc && rc != -EAGAIN) {
		lines_forget(wire, wire->queued);
		stall_watch(wire);
	}
	reading_set(wire);
}

/* --- Life ------------------------------------------------------------------------------------- */

struct rpc_wire *rpc_wire_create(int fd, const struct rpc_wire_config *config)
{
	struct rpc_wire *wire = calloc(1, sizeof(*wire));
	if (!wire) {
		close(fd);
		return NULL;
	}
	wire->config = *config;
	wire->fd = fd;
	wire->last = &wire->first;
	wire->loop = g_main_context_ref_thread_default();
	wire->reading = source_watch(wire, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable);
	return wire;
}

int rpc_wire_send(struct rpc_wire *wire, struct rpc_line *line)
{
	if (line->size > wire->config.queue_bytes_max - wire->queued) {
		free(line);
		return -ENOBUFS;
	}
	wire->queued += line->size;
	if (line->is_answer)
		wire->queued_answers += line->size;
	*wire->last = line;
	wire->last = &line->next;
	if (!wire->is_inside)
		flush(wire);
	reading_set(wire);
	return 0;
}

void rpc_wire_expect(struct rpc_wire *wire, bool is_expecting)
{
	wire->is_expecting = is_expecting;
	reading_set(wire);
}

void rpc_wire_stop(struct rpc_wire *wire)
{
	lines_send(wire);
	wire_stop(wire);
}

void rpc_wire_destroy(struct rpc_wire *wire)
{
	if (!wire)
		return;
	rpc_wire_stop(wire);
	close(wire->fd);
	wire->is_destroyed = true;
	if (!wire->is_inside)
		wire_free(wire);
}
