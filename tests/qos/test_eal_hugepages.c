/* DPDK's environment on hugepages: asked for and there, asked for and not there, several nodes side
 * by side, and nothing left behind. Needs root. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_lcore.h>

#include "qos/eal.h"
#include "qos/packet.h"
#include "tests/cunit.h"
#include "tests/qos/hugepages.h"

#define MEMORY_MB 32
#define NODES     2
#define LENT_MB   (MEMORY_MB * NODES)

static int start(void)
{
	return hugepages_lend(LENT_MB);
}

static int stop(void)
{
	hugepages_return(LENT_MB);
	return 0;
}

/* In a child, since EAL starts once in a process. Says it is up and waits to be let go. */
static int node_run(const struct eal_config *config, bool wants_pages, int up, int go)
{
	struct rte_mempool *pool;
	char byte = 'u';
	int rc = eal_start(config);
	if (rc != 0)
		return -rc;
	bool is_sound = eal_has_hugepages() == wants_pages &&
			rte_lcore_count() ==
				EAL_LCORE_WORKER_FIRST + config->n_workers + config->has_egress &&
			packet_pool_create("pool", 1023, &pool) == 0;
	if (write(up, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		is_sound = false;
	if (is_sound)
		packet_pool_destroy(pool);
	eal_stop();
	return is_sound ? 0 : 255;
}

struct node {
	pid_t pid;
	int up[2], go[2];
};

static void node_start(struct node *node, const struct eal_config *config, bool wants_pages)
{
	CU_ASSERT_EQUAL_FATAL(pipe(node->up) | pipe(node->go), 0);
	fflush(stdout);
	node->pid = fork();
	CU_ASSERT_FATAL(node->pid >= 0);
	if (node->pid == 0)
		_exit(node_run(config, wants_pages, node->up[1], node->go[0]));
	close(node->up[1]);
	close(node->go[0]);
}

static bool node_is_up(const struct node *node)
{
	char byte;
	return read(node->up[0], &byte, 1) == 1;
}

static int node_end(struct node *node)
{
	int status = 0;
	CU_ASSERT_EQUAL(write(node->go[1], "g", 1), 1);
	waitpid(node->pid, &status, 0);
	close(node->go[1]);
	close(node->up[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const struct eal_config sample = {
	.program = "test_eal", .n_workers = 1, .memory_mb = MEMORY_MB};

static void nodes_live_side_by_side_and_give_their_pages_back(void)
{
	static const enum eal_hugepages asked[NODES] = {EAL_HUGEPAGES_ON, EAL_HUGEPAGES_AUTO};
	struct node nodes[NODES];
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < NODES; i++) {
			struct eal_config config = sample;
			config.hugepages = asked[i];
			config.has_egress = i == 1;
			node_start(&nodes[i], &config, true);
			CU_ASSERT(node_is_up(&nodes[i]));
		}
		for (int i = 0; i < NODES; i++)
			CU_ASSERT_EQUAL(node_end(&nodes[i]), 0);
	}
}

static void too_few_pages_are_told_or_done_without(void)
{
	struct eal_config config = sample;
	struct node node;
	config.memory_mb = 1024 * 1024;
	config.hugepages = EAL_HUGEPAGES_ON;
	CU_ASSERT_EQUAL(eal_start(&config), -ENOMEM);
	config.hugepages = EAL_HUGEPAGES_AUTO;
	config.memory_mb = (unsigned int)hugepages_read() * 2 + MEMORY_MB;
	node_start(&node, &config, false);
	CU_ASSERT(node_is_up(&node));
	CU_ASSERT_EQUAL(node_end(&node), 0);
}

static void pages_are_left_alone_when_switched_off(void)
{
	struct eal_config config = sample;
	struct node node;
	config.hugepages = EAL_HUGEPAGES_OFF;
	node_start(&node, &config, false);
	CU_ASSERT(node_is_up(&node));
	CU_ASSERT_EQUAL(node_end(&node), 0);
}

static CU_TestInfo tests[] = {
	{"nodes_live_side_by_side_and_give_their_pages_back",
	 nodes_live_side_by_side_and_give_their_pages_back},
	{"too_few_pages_are_told_or_done_without", too_few_pages_are_told_or_done_without},
	{"pages_are_left_alone_when_switched_off", pages_are_left_alone_when_switched_off},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("eal on hugepages", tests, start, stop)
