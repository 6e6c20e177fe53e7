/* A viewer's number outlives it, and finds nobody else. */
#include "media/viewers.h"

#include "tests/media/worker_fixture.h"

static struct subscription subscriptions[FIXTURE_VIEWERS + 1];

static unsigned int told(uint64_t *viewer)
{
	struct message message;
	unsigned int n = 0;
	while (mailbox_take(fixture_worker->mailbox, &message, 1) == 1) {
		CU_ASSERT_EQUAL(message.type, MESSAGE_LOSS);
		*viewer = message.a;
		n++;
	}
	return n;
}

static void a_loss_is_told_once_until_it_is_heard(void)
{
	uint64_t viewer = viewers_add(fixture_worker->viewers, &subscriptions[0]), heard = 0;
	CU_ASSERT_NOT_EQUAL_FATAL(viewer, VIEWER_NONE);
	viewers_tell_loss(&fixture_plane, VIEWER_NONE);
	CU_ASSERT_EQUAL(told(&heard), 0);
	viewers_tell_loss(&fixture_plane, viewer);
	viewers_tell_loss(&fixture_plane, viewer);
	CU_ASSERT_EQUAL(told(&heard), 1);
	CU_ASSERT_EQUAL(heard, viewer);
	viewers_on_loss(fixture_worker, heard);
	viewers_tell_loss(&fixture_plane, viewer);
	CU_ASSERT_EQUAL(told(&heard), 1);
	viewers_on_loss(fixture_worker, heard);
	viewers_remove(fixture_worker->viewers, viewer);
}

static void a_full_mailbox_does_not_silence_it_for_good(void)
{
	uint64_t viewer = viewers_add(fixture_worker->viewers, &subscriptions[0]), heard = 0;
	struct message other = {.type = MESSAGE_LOSS};
	while (mailbox_post_packet(fixture_worker->mailbox, &other))
		continue;
	viewers_tell_loss(&fixture_plane, viewer);
	told(&heard);
	CU_ASSERT_EQUAL(heard, 0);
	viewers_tell_loss(&fixture_plane, viewer);
	CU_ASSERT_EQUAL(told(&heard), 1);
	viewers_on_loss(fixture_worker, heard);
	viewers_remove(fixture_worker->viewers, viewer);
}

/* The place is used again at once; a packet of the one before means nobody. The subscription here
 * is attached and asks for a key frame of a feed that is not there, if it is asked. */
static void the_number_of_one_who_left_finds_nobody(void)
{
	uint64_t gone = viewers_add(fixture_worker->viewers, &subscriptions[0]);
	viewers_remove(fixture_worker->viewers, gone);
	uint64_t next = viewers_add(fixture_worker->viewers, &subscriptions[1]);
	CU_ASSERT_EQUAL(gone >> 32, next >> 32);
	CU_ASSERT_NOT_EQUAL(gone, next);
	subscriptions[1].attached = true;
	viewers_on_loss(fixture_worker, gone);
	subscriptions[1].attached = false;
	CU_ASSERT_EQUAL(fixture_count(COUNT_LOSSES_TOLD), 0);
	viewers_remove(fixture_worker->viewers, next);
	viewers_on_loss(fixture_worker, next);
}

static void more_than_there_is_room_for_go_unnumbered(void)
{
	uint64_t viewers[FIXTURE_VIEWERS];
	for (unsigned int i = 0; i < FIXTURE_VIEWERS; i++) {
		viewers[i] = viewers_add(fixture_worker->viewers, &subscriptions[i]);
		CU_ASSERT_NOT_EQUAL(viewers[i], VIEWER_NONE);
		for (unsigned int j = 0; j < i; j++)
			CU_ASSERT_NOT_EQUAL(viewers[i], viewers[j]);
	}
	uint64_t none = viewers_add(fixture_worker->viewers, &subscriptions[FIXTURE_VIEWERS]);
	CU_ASSERT_EQUAL(none, VIEWER_NONE);
	viewers_remove(fixture_worker->viewers, none);
	for (unsigned int i = 0; i < FIXTURE_VIEWERS; i++)
		viewers_remove(fixture_worker->viewers, viewers[i]);
}

static int start(void)
{
	return fixture_start() || mailbox_create(64, &fixture_worker->mailbox);
}

static int stop(void)
{
	mailbox_destroy(fixture_worker->mailbox);
	return fixture_stop();
}

static CU_TestInfo tests[] = {
	{"a_loss_is_told_once_until_it_is_heard", a_loss_is_told_once_until_it_is_heard},
	{"a_full_mailbox_does_not_silence_it_for_good",
	 a_full_mailbox_does_not_silence_it_for_good},
	{"the_number_of_one_who_left_finds_nobody", the_number_of_one_who_left_finds_nobody},
	{"more_than_there_is_room_for_go_unnumbered", more_than_there_is_room_for_go_unnumbered},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("viewers", tests, start, stop)
