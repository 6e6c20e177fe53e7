/* Messages between threads. THREADED: two lcores post while a third sleeps and wakes. */
#include <poll.h>
#include <string.h>

#include "media/mailbox.h"
#include "qos/eal.h"
#include "tests/cunit.h"

#define POSTED 20000u

static int start(void)
{
	return eal_start(
		&(struct eal_config){.program = "test_mailbox", .n_workers = 2, .memory_mb = 64});
}

static int stop(void)
{
	eal_stop();
	return 0;
}

static void full_refuses_and_packets_leave_a_quarter(void)
{
	struct mailbox *mailbox;
	struct message message = {.type = MESSAGE_STOP}, taken[64];
	unsigned int n_packets = 0, n_others = 0;
	CU_ASSERT_EQUAL_FATAL(mailbox_create(64, &mailbox), 0);
	while (mailbox_post_packet(mailbox, &message))
		n_packets++;
	while (mailbox_post(mailbox, &message))
		n_others++;
	CU_ASSERT_EQUAL(n_others, 16);
	CU_ASSERT_EQUAL(n_packets + n_others, 64);
	CU_ASSERT_EQUAL(mailbox_take(mailbox, taken, 64), 64);
	CU_ASSERT_EQUAL(mailbox_take(mailbox, taken, 64), 0);
	CU_ASSERT_TRUE(mailbox_post(mailbox, &message));
	mailbox_destroy(mailbox);
}

static void does_not_sleep_on_messages(void)
{
	struct mailbox *mailbox;
	struct message message = {.type = MESSAGE_STOP};
	CU_ASSERT_EQUAL_FATAL(mailbox_create(64, &mailbox), 0);
	CU_ASSERT_TRUE(mailbox_sleep(mailbox));
	mailbox_post(mailbox, &message);
	struct pollfd pollfd = {.fd = mailbox_fd(mailbox), .events = POLLIN};
	CU_ASSERT_EQUAL(poll(&pollfd, 1, 0), 1);
	mailbox_awake(mailbox);
	CU_ASSERT_EQUAL(poll(&pollfd, 1, 0), 0);
	CU_ASSERT_FALSE(mailbox_sleep(mailbox));
	mailbox_destroy(mailbox);
}

struct poster {
	struct mailbox *mailbox;
	uint32_t id;
};

static int post_all(void *argument)
{
	struct poster *poster = argument;
	for (uint32_t i = 0; i < POSTED; i++) {
		struct message message = {.type = MESSAGE_STOP, .word = poster->id, .b = i};
		mailbox_post_wait(poster->mailbox, &message);
	}
	return 0;
}

static void each_writer_keeps_its_order(void)
{
	struct mailbox *mailbox;
	uint64_t next[2] = {0};
	unsigned int wrong = 0;
	CU_ASSERT_EQUAL_FATAL(mailbox_create(256, &mailbox), 0);
	struct poster posters[2] = {{mailbox, 0}, {mailbox, 1}};
	for (unsigned int i = 0; i < 2; i++)
		eal_lcore_start(EAL_LCORE_WORKER_FIRST + i, post_all, &posters[i]);
	while (next[0] + next[1] < 2 * POSTED) {
		struct message messages[32];
		unsigned int n = mailbox_take(mailbox, messages, 32);
		for (unsigned int i = 0; i < n; i++)
			wrong += messages[i].b != next[messages[i].word]++;
		struct pollfd pollfd = {.fd = mailbox_fd(mailbox), .events = POLLIN};
		if (n == 0 && mailbox_sleep(mailbox)) {
			/* A lost wake-up would show as a time-out here. */
			wrong += poll(&pollfd, 1, 20000) != 1;
			mailbox_awake(mailbox);
		}
	}
	for (unsigned int i = 0; i < 2; i++)
		eal_lcore_join(EAL_LCORE_WORKER_FIRST + i);
	CU_ASSERT_EQUAL(wrong, 0);
	mailbox_destroy(mailbox);
}

static CU_TestInfo tests[] = {
	{"full_refuses_and_packets_leave_a_quarter", full_refuses_and_packets_leave_a_quarter},
	{"does_not_sleep_on_messages", does_not_sleep_on_messages},
	{"each_writer_keeps_its_order", each_writer_keeps_its_order},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("mailbox", tests, start, stop)
