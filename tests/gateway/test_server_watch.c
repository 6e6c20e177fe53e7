/* Sockets in one epoll set: who is told of, and who no more. */
#include "gateway/server_watch.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

#include "tests/cunit.h"

#define FDS 4 /* told of at most */

static struct {
	int fds[FDS];
	uint32_t events[FDS];
	unsigned int n, n_done;
} told;

static void on_ready(void *context, int fd, uint32_t events)
{
	(void)context;
	if (told.n == FDS)
		return;
	told.fds[told.n] = fd;
	told.events[told.n++] = events;
}

static void on_done(void *context)
{
	(void)context;
	told.n_done++;
}

static struct watch *begin(int pair[2])
{
	const struct watch_config config = {.on_ready = on_ready, .on_done = on_done};
	struct watch *watch = NULL;
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CU_ASSERT_EQUAL_FATAL(watch_create(&config, &watch), 0);
	return watch;
}

/* One turn of the loop that does not wait; returns how many were told of in it. */
static unsigned int turn(void)
{
	told.n = told.n_done = 0;
	g_main_context_iteration(NULL, FALSE);
	return told.n;
}

static void what_is_ready_is_told_until_it_is_taken(void)
{
	int pair[2];
	char byte = 'x';
	struct watch *watch = begin(pair);
	CU_ASSERT_EQUAL(watch_add(watch, pair[0], EPOLLIN), 0);
	CU_ASSERT_EQUAL(watch_add(watch, pair[0], EPOLLIN), -EEXIST);
	CU_ASSERT_EQUAL(turn(), 0);
	CU_ASSERT_EQUAL(told.n_done, 0);
	CU_ASSERT_EQUAL(write(pair[1], &byte, 1), 1);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(turn(), 1);
		CU_ASSERT_EQUAL(told.n_done, 1);
		CU_ASSERT_EQUAL(told.fds[0], pair[0]);
		CU_ASSERT_EQUAL(told.events[0], EPOLLIN);
	}
	CU_ASSERT_EQUAL(read(pair[0], &byte, 1), 1);
	CU_ASSERT_EQUAL(turn(), 0);
	watch_destroy(watch);
	close(pair[0]);
	close(pair[1]);
}

static void what_is_waited_for_changes(void)
{
	int pair[2];
	char byte = 'x';
	struct watch *watch = begin(pair);
	CU_ASSERT_EQUAL(watch_add(watch, pair[0], EPOLLIN), 0);
	CU_ASSERT_EQUAL(write(pair[1], &byte, 1), 1);
	watch_change(watch, pair[0], 0);
	CU_ASSERT_EQUAL(turn(), 0);
	watch_change(watch, pair[0], EPOLLOUT);
	CU_ASSERT_EQUAL(turn(), 1);
	CU_ASSERT_EQUAL(told.events[0], EPOLLOUT);
	/* The end is told whatever is waited for. */
	watch_change(watch, pair[0], 0);
	close(pair[1]);
	CU_ASSERT_EQUAL(turn(), 1);
	CU_ASSERT(told.events[0] & EPOLLHUP);
	watch_destroy(watch);
	close(pair[0]);
}

static void what_is_closed_leaves(void)
{
	int pair[2];
	char byte = 'x';
	struct watch *watch = begin(pair);
	CU_ASSERT_EQUAL(watch_add(watch, pair[0], EPOLLIN), 0);
	CU_ASSERT_EQUAL(write(pair[1], &byte, 1), 1);
	close(pair[0]);
	CU_ASSERT_EQUAL(turn(), 0);
	CU_ASSERT_EQUAL(watch_add(watch, pair[1], EPOLLIN), 0);
	told.n = 0;
	watch_serve(watch);
	CU_ASSERT_EQUAL(told.n, 1);
	CU_ASSERT_EQUAL(told.fds[0], pair[1]);
	watch_destroy(watch);
	watch_destroy(NULL);
	close(pair[1]);
}

static CU_TestInfo tests[] = {
	{"what_is_ready_is_told_until_it_is_taken", what_is_ready_is_told_until_it_is_taken},
	{"what_is_waited_for_changes", what_is_waited_for_changes},
	{"what_is_closed_leaves", what_is_closed_leaves},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("server_watch", tests)
