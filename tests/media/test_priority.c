#include "media/priority.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/cunit.h"

/* As the kernel has it. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t level;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

struct taken {
	enum priority priority;
	struct attributes attributes;
	int slack_ns;
};

/* A thread of its own, for what is given away cannot be taken back. */
static void *take(void *context)
{
	struct taken *taken = context;
	priority_take(taken->priority);
	syscall(SYS_sched_getattr, 0, &taken->attributes, (unsigned int)sizeof(taken->attributes),
		0u);
	taken->slack_ns = prctl(PR_GET_TIMERSLACK);
	return NULL;
}

static struct taken taken_by(enum priority priority)
{
	struct taken taken = {.priority = priority};
	pthread_t thread;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, take, &taken), 0);
	pthread_join(thread, NULL);
	return taken;
}

/* Whether a thread here may have a nice value. */
static bool may_be_nice(int nice_value)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NICE, &limit);
	return geteuid() == 0 || (int)(20 - (long)limit.rlim_cur) <= nice_value;
}

static void media_takes_short_turns_with_weight(void)
{
	int nice_before = getpriority(PRIO_PROCESS, 0);
	struct taken taken = taken_by(PRIORITY_MEDIA);
	CU_ASSERT_EQUAL(taken.attributes.policy, SCHED_OTHER);
	CU_ASSERT_EQUAL(taken.slack_ns, 1000);
	CU_ASSERT_EQUAL(taken.attributes.nice, may_be_nice(-10) ? -10 : nice_before);
	/* Kernels before 6.12 tell 0, those after what was asked for. */
	CU_ASSERT_TRUE(taken.attributes.runtime_ns == 0 || taken.attributes.runtime_ns == 500000);
}

static void control_and_handshakes_stand_back(void)
{
	struct taken media = taken_by(PRIORITY_MEDIA);
	struct taken control = taken_by(PRIORITY_CONTROL);
	struct taken handshake = taken_by(PRIORITY_HANDSHAKE);
	CU_ASSERT_EQUAL(control.attributes.nice, 2);
	CU_ASSERT_EQUAL(handshake.attributes.nice, 5);
	CU_ASSERT_TRUE(media.attributes.nice < control.attributes.nice);
	CU_ASSERT_TRUE(control.attributes.nice < handshake.attributes.nice);
}

static void real_time_is_taken_or_becomes_media(void)
{
	struct taken media = taken_by(PRIORITY_MEDIA);
	struct taken taken = taken_by(PRIORITY_REAL_TIME);
	if (taken.attributes.policy == SCHED_FIFO)
		CU_ASSERT_EQUAL(taken.attributes.level, 10)
	else
		CU_ASSERT_EQUAL(taken.attributes.nice, media.attributes.nice);
}

static void others_keep_what_they_had(void)
{
	int nice_before = getpriority(PRIO_PROCESS, 0);
	taken_by(PRIORITY_HANDSHAKE);
	CU_ASSERT_EQUAL(getpriority(PRIO_PROCESS, 0), nice_before);
}

static CU_TestInfo tests[] = {
	{"media_takes_short_turns_with_weight", media_takes_short_turns_with_weight},
	{"control_and_handshakes_stand_back", control_and_handshakes_stand_back},
	{"real_time_is_taken_or_becomes_media", real_time_is_taken_or_becomes_media},
	{"others_keep_what_they_had", others_keep_what_they_had},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("priority", tests)
