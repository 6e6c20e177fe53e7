#include "bench/process.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "tests/cunit.h"

#define BURNT_NS 50000000ull

/* Until that much of its own CPU time is gone. */
static void *burn(void *argument)
{
	struct timespec used;
	(void)argument;
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	} while ((uint64_t)used.tv_sec * 1000000000ull + (uint64_t)used.tv_nsec < BURNT_NS);
	return NULL;
}

/* A server with a thread for each session would seem to work for nothing, or less. */
static void what_an_ended_thread_used_still_counts(void)
{
	pthread_t thread;
	struct process_usage before, after;
	CU_ASSERT_EQUAL_FATAL(process_usage(getpid(), &before), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, burn, NULL), 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL_FATAL(process_usage(getpid(), &after), 0);
	CU_ASSERT(after.cpu_ns >= before.cpu_ns + BURNT_NS);
}

static void threads_and_memory_are_told(void)
{
	struct process_usage usage;
	CU_ASSERT_EQUAL_FATAL(process_usage(getpid(), &usage), 0);
	CU_ASSERT(usage.threads >= 1);
	CU_ASSERT(usage.resident_bytes > 0);
	CU_ASSERT(usage.switches > 0);
}

static void no_such_process_is_told(void)
{
	struct process_usage usage;
	CU_ASSERT_EQUAL(process_usage(0x7ffffffe, &usage), -ESRCH);
}

static CU_TestInfo tests[] = {
	{"what_an_ended_thread_used_still_counts", what_an_ended_thread_used_still_counts},
	{"threads_and_memory_are_told", threads_and_memory_are_told},
	{"no_such_process_is_told", no_such_process_is_told},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("process", tests)
