/* What is in memory and what is only reserved. Under AddressSanitizer too: pages are the kernel's.
 */
#include <string.h>
#include <sys/mman.h>

#include <rte_mempool.h>

#include "qos/eal.h"
#include "qos/memory.h"
#include "qos/packet.h"
#include "tests/cunit.h"

#define PAGE    4096u
#define PAGES   20000u
#define TOUCHED 17000u

static int start(void)
{
	struct eal_config config = {.program = "test_memory", .n_workers = 1, .memory_mb = 64};
	return eal_start(&config);
}

static int stop(void)
{
	eal_stop();
	return 0;
}

static void pages_count_once_they_are_touched(void)
{
	size_t bytes = (size_t)PAGES * PAGE;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_FATAL(at != MAP_FAILED);
	madvise(at, bytes, MADV_NOHUGEPAGE);
	CU_ASSERT_EQUAL(memory_resident(at, bytes), 0);
	for (unsigned int i = 0; i < TOUCHED; i++)
		at[(size_t)i * PAGE] = 1;
	CU_ASSERT_EQUAL(memory_resident(at, bytes), (size_t)TOUCHED * PAGE);
	CU_ASSERT_EQUAL(memory_resident(at + 100, 50), 50);
	CU_ASSERT_EQUAL(memory_resident(at, 0), 0);
	munmap(at, bytes);
}

static void pools_are_found_by_name(void)
{
	struct rte_mempool *pool;
	size_t all = memory_dpdk_resident(NULL);
	CU_ASSERT_EQUAL(memory_dpdk_resident("oranges"), 0);
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("oranges", 4095, &pool), 0);
	size_t bytes = memory_dpdk_resident("oranges");
	/* A pool writes a head before each buffer, so all its pages are there. */
	CU_ASSERT_TRUE(bytes > 4095u * 2048 && bytes < 4095u * 4096);
	CU_ASSERT_TRUE(memory_dpdk_resident(NULL) >= all + bytes - 64 * PAGE);
	CU_ASSERT_EQUAL(memory_dpdk_resident("apples"), 0);
	packet_pool_destroy(pool);
	CU_ASSERT_EQUAL(memory_dpdk_resident("oranges"), 0);
}

static void the_process_is_what_the_kernel_says(void)
{
	struct memory_process before, after;
	CU_ASSERT_EQUAL_FATAL(memory_process_read(&before), 0);
	CU_ASSERT_TRUE(before.anonymous > 0 && before.files > 0);
	CU_ASSERT_EQUAL(before.resident,
			before.anonymous + before.files + before.shared + before.hugepages);
	size_t bytes = 64u << 20;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_FATAL(at != MAP_FAILED);
	memset(at, 1, bytes);
	CU_ASSERT_EQUAL_FATAL(memory_process_read(&after), 0);
	CU_ASSERT_TRUE(after.resident >= before.resident + bytes / 2);
	munmap(at, bytes);
}

static CU_TestInfo tests[] = {
	{"pages_count_once_they_are_touched", pages_count_once_they_are_touched},
	{"pools_are_found_by_name", pools_are_found_by_name},
	{"the_process_is_what_the_kernel_says", the_process_is_what_the_kernel_says},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("memory", tests, start, stop)
