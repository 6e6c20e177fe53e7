/* DPDK's environment: it starts once, takes no CPU that the process may not use, pins nothing and
 * leaves no files. THREADED: lcores run what they are given. */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "qos/eal.h"
#include "qos/port.h"
#include "tests/cunit.h"

#define WORKERS 3

static char folder[] = "/tmp/nn5g-test-XXXXXX";
static cpu_set_t before;

/* The process is left one CPU, as a container may be. */
static int start(void)
{
	struct eal_config config = {.program = "test_eal", .n_workers = WORKERS, .memory_mb = 32};
	cpu_set_t all;
	if (!mkdtemp(folder) || setenv("TMPDIR", folder, 1) != 0 ||
	    setenv("RUNTIME_DIRECTORY", "/nowhere", 1) != 0 ||
	    sched_getaffinity(0, sizeof(all), &all) != 0)
		return -1;
	unsigned int cpu = 0;
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&before);
	CPU_SET(cpu, &before);
	if (sched_setaffinity(0, sizeof(before), &before) != 0)
		return -1;
	return eal_start(&config);
}

static int stop(void)
{
	eal_stop();
	return rmdir(folder);
}

static void start_leaves_no_file_and_the_environment_as_it_was(void)
{
	unsigned int n = 0;
	DIR *open = opendir(folder);
	CU_ASSERT_PTR_NOT_NULL_FATAL(open);
	while (readdir(open))
		n++;
	closedir(open);
	CU_ASSERT_EQUAL(n, 2); /* itself and its parent */
	CU_ASSERT_STRING_EQUAL(getenv("RUNTIME_DIRECTORY"), "/nowhere");
}

static int affinity_read(void *arg)
{
	return sched_getaffinity(0, sizeof(cpu_set_t), arg);
}

static void lcores_use_the_cpus_of_the_process(void)
{
	cpu_set_t now;
	CU_ASSERT_EQUAL(sched_getaffinity(0, sizeof(now), &now), 0);
	CU_ASSERT(CPU_EQUAL(&now, &before));
	CU_ASSERT_EQUAL(rte_lcore_id(), EAL_LCORE_CONTROL);
	CU_ASSERT_EQUAL(rte_lcore_count(), EAL_LCORE_WORKER_FIRST + WORKERS);
	for (unsigned int i = EAL_LCORE_HANDSHAKE; i < EAL_LCORE_WORKER_FIRST + WORKERS; i++) {
		CPU_ZERO(&now);
		CU_ASSERT_EQUAL_FATAL(eal_lcore_start(i, affinity_read, &now), 0);
		CU_ASSERT_EQUAL(eal_lcore_join(i), 0);
		CU_ASSERT(CPU_EQUAL(&now, &before));
	}
}

static int value_double(void *arg)
{
	int *value = arg;
	*value *= 2;
	return *value;
}

static void lcore_runs_again_and_again(void)
{
	int value = 1;
	for (int i = 1; i <= 20; i++) {
		CU_ASSERT_EQUAL_FATAL(eal_lcore_start(EAL_LCORE_HANDSHAKE, value_double, &value),
				      0);
		CU_ASSERT_EQUAL(eal_lcore_join(EAL_LCORE_HANDSHAKE), 1 << i);
		CU_ASSERT_EQUAL(value, 1 << i);
	}
}

static void lcores_that_are_not_ours_are_refused(void)
{
	unsigned int last = EAL_LCORE_WORKER_FIRST + WORKERS - 1;
	int value = 1;
	CU_ASSERT_EQUAL(eal_lcore_start(EAL_LCORE_CONTROL, value_double, &value), -EINVAL);
	CU_ASSERT_EQUAL(eal_lcore_start(last + 1, value_double, &value), -EINVAL);
	CU_ASSERT_EQUAL(eal_lcore_start(RTE_MAX_LCORE, value_double, &value), -EINVAL);
	CU_ASSERT_EQUAL(eal_lcore_join(last), -EINVAL);
	CU_ASSERT_EQUAL(eal_lcore_join(RTE_MAX_LCORE), -EINVAL);
	CU_ASSERT_EQUAL(value, 1);
}

static void second_start_and_bad_config_are_refused(void)
{
	struct eal_config config = {.program = "test_eal", .n_workers = 1, .memory_mb = 32};
	CU_ASSERT_EQUAL(eal_start(&config), -EALREADY);
	config.n_workers = 0;
	CU_ASSERT_EQUAL(eal_start(&config), -EINVAL);
	config.n_workers = PORT_QUEUES_MAX + 1;
	CU_ASSERT_EQUAL(eal_start(&config), -EINVAL);
	config = (struct eal_config){.program = "test_eal", .n_workers = 1};
	CU_ASSERT_EQUAL(eal_start(&config), -EINVAL);
}

static CU_TestInfo tests[] = {
	{"start_leaves_no_file_and_the_environment_as_it_was",
	 start_leaves_no_file_and_the_environment_as_it_was},
	{"lcores_use_the_cpus_of_the_process", lcores_use_the_cpus_of_the_process},
	{"lcore_runs_again_and_again", lcore_runs_again_and_again},
	{"lcores_that_are_not_ours_are_refused", lcores_that_are_not_ours_are_refused},
	{"second_start_and_bad_config_are_refused", second_start_and_bad_config_are_refused},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("eal", tests, start, stop)
