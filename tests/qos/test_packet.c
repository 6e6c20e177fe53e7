/* Packets from the pool. THREADED: lcores and a registered thread pass packets through a ring. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include <rte_lcore.h>
#include <rte_ring.h>

#include "qos/eal.h"
#include "qos/packet.h"
#include "tests/cunit.h"

#define POOL_PACKETS  511
#define LARGE_PACKETS 8191 /* enough for caches */
#define PASSED        20000

/* Sends `PASSED` numbered packets from one thread to another; the pool brings them back. */
struct passage {
	struct rte_mempool *pool;
	struct rte_ring *ring;
	uint64_t sum; /* of what arrived: written by the receiver, read after the join */
	unsigned int wrong;
};

static int start(void)
{
	struct eal_config config = {.program = "test_packet", .n_workers = 2, .memory_mb = 96};
	return eal_start(&config);
}

static int stop(void)
{
	eal_stop();
	return 0;
}

static void pool_gives_its_count_and_no_more(void)
{
	struct rte_mempool *pool = NULL;
	struct rte_mbuf *packets[POOL_PACKETS];
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("count", 500, &pool), 0);
	for (unsigned int i = 0; i < POOL_PACKETS; i++) {
		packets[i] = packet_alloc(pool);
		CU_ASSERT_PTR_NOT_NULL_FATAL(packets[i]);
	}
	CU_ASSERT_PTR_NULL(packet_alloc(pool));
	for (unsigned int i = 0; i < POOL_PACKETS; i++)
		packet_free(packets[i]);
	packet_free(NULL);
	CU_ASSERT(rte_mempool_full(pool));
	packet_pool_destroy(pool);
}

static void packet_has_room_for_datagram_and_trailer(void)
{
	struct rte_mempool *pool = NULL;
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("room", 7, &pool), 0);
	struct rte_mbuf *packet = packet_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	CU_ASSERT(rte_pktmbuf_tailroom(packet) >= PACKET_BYTES_MAX + 16);
	CU_ASSERT(rte_pktmbuf_headroom(packet) >= RTE_PKTMBUF_HEADROOM);
	CU_ASSERT_EQUAL((uintptr_t)packet_meta(packet)->owner_area % 8, 0);
	memset(packet_meta(packet), 0xa5, sizeof(struct packet_meta));
	memset(packet_bytes(packet), 0x5a, PACKET_BYTES_MAX);
	CU_ASSERT_EQUAL(packet_meta(packet)->owner_area[PACKET_OWNER_BYTES - 1], 0xa5);
	packet_free(packet);
	packet_pool_destroy(pool);
}

static void last_reference_returns_packet(void)
{
	struct rte_mempool *pool = NULL;
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("reference", 7, &pool), 0);
	struct rte_mbuf *packet = packet_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	rte_mbuf_refcnt_update(packet, 1);
	packet_free(packet);
	CU_ASSERT_FALSE(rte_mempool_full(pool));
	packet_free(packet);
	CU_ASSERT(rte_mempool_full(pool));
	packet_pool_destroy(pool);
}

static void pool_larger_than_memory_is_refused(void)
{
	struct rte_mempool *pool = NULL;
	CU_ASSERT_EQUAL(packet_pool_create("large", 1 << 20, &pool), -ENOMEM);
	CU_ASSERT_PTR_NULL(pool);
	packet_pool_destroy(NULL);
}

static int passage_send(void *arg)
{
	struct passage *passage = arg;
	for (uint64_t i = 1; i <= PASSED;) {
		struct rte_mbuf *packet = packet_alloc(passage->pool);
		if (!packet) {
			sched_yield();
			continue;
		}
		packet_meta(packet)->rx_ns = i;
		memset(packet_bytes(packet), (int)(i & 0xff), 64);
		while (rte_ring_enqueue(passage->ring, packet) != 0)
			sched_yield();
		i++;
	}
	return 0;
}

static int passage_receive(void *arg)
{
	struct passage *passage = arg;
	for (unsigned int n = 0; n < PASSED;) {
		void *object;
		if (rte_ring_dequeue(passage->ring, &object) != 0) {
			sched_yield();
			continue;
		}
		struct rte_mbuf *packet = object;
		uint64_t i = packet_meta(packet)->rx_ns;
		passage->sum += i;
		passage->wrong += packet_bytes(packet)[63] != (i & 0xff);
		packet_bytes(packet)[63] = 0;
		packet_free(packet);
		n++;
	}
	return 0;
}

static void passage_open(struct passage *passage, unsigned int count)
{
	*passage = (struct passage){0};
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("passage", count, &passage->pool), 0);
	passage->ring =
		rte_ring_create("passage", 128, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	CU_ASSERT_PTR_NOT_NULL_FATAL(passage->ring);
}

static void passage_close(struct passage *passage)
{
	CU_ASSERT_EQUAL(passage->sum, (uint64_t)PASSED * (PASSED + 1) / 2);
	CU_ASSERT_EQUAL(passage->wrong, 0);
	CU_ASSERT(rte_mempool_full(passage->pool));
	rte_ring_free(passage->ring);
	packet_pool_destroy(passage->pool);
}

static void lcores_pass_packets(void)
{
	static const unsigned int counts[] = {POOL_PACKETS, LARGE_PACKETS};
	for (unsigned int i = 0; i < RTE_DIM(counts); i++) {
		struct passage passage;
		passage_open(&passage, counts[i]);
		unsigned int a = EAL_LCORE_WORKER_FIRST, b = a + 1;
		CU_ASSERT_EQUAL(eal_lcore_start(a, passage_send, &passage), 0);
		CU_ASSERT_EQUAL(eal_lcore_start(b, passage_receive, &passage), 0);
		CU_ASSERT_EQUAL(eal_lcore_start(b, passage_receive, &passage), -EBUSY);
		CU_ASSERT_EQUAL(eal_lcore_join(a), 0);
		CU_ASSERT_EQUAL(eal_lcore_join(b), 0);
		CU_ASSERT_EQUAL(eal_lcore_join(b), -EINVAL);
		passage_close(&passage);
	}
}

static int packet_take_and_return(void *arg)
{
	for (unsigned int n = 0; n < PASSED;) {
		struct rte_mbuf *packet = packet_alloc(arg);
		if (!packet) {
			sched_yield();
			continue;
		}
		memset(packet_meta(packet), (int)(n & 0xff), sizeof(struct packet_meta));
		memset(packet_bytes(packet), (int)(n & 0xff), 64);
		packet_free(packet);
		n++;
	}
	return 0;
}

/* Nothing but the pool orders what the two write: the case that ordering.h is there for. */
static void lcores_take_the_only_packet_in_turn(void)
{
	struct rte_mempool *pool = NULL;
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("turn", 1, &pool), 0);
	unsigned int a = EAL_LCORE_WORKER_FIRST, b = a + 1;
	CU_ASSERT_EQUAL(eal_lcore_start(a, packet_take_and_return, pool), 0);
	CU_ASSERT_EQUAL(eal_lcore_start(b, packet_take_and_return, pool), 0);
	CU_ASSERT_EQUAL(eal_lcore_join(a), 0);
	CU_ASSERT_EQUAL(eal_lcore_join(b), 0);
	CU_ASSERT(rte_mempool_full(pool));
	packet_pool_destroy(pool);
}

static int packet_read_and_let_go(void *arg)
{
	struct passage *passage = arg;
	uint64_t sum = 0;
	for (unsigned int n = 0; n < PASSED;) {
		void *object;
		if (rte_ring_dequeue(passage->ring, &object) != 0) {
			sched_yield();
			continue;
		}
		sum += packet_bytes(object)[0];
		packet_free(object);
		n++;
	}
	return sum == 0;
}

/* The fan-out's case: whoever lets go last, the next user writes after all readers have read. */
static void lcores_share_references(void)
{
	struct passage passage;
	passage_open(&passage, 3);
	unsigned int lcore = EAL_LCORE_WORKER_FIRST;
	CU_ASSERT_EQUAL(eal_lcore_start(lcore, packet_read_and_let_go, &passage), 0);
	for (unsigned int n = 0; n < PASSED;) {
		struct rte_mbuf *packet = packet_alloc(passage.pool);
		if (!packet) {
			sched_yield();
			continue;
		}
		memset(packet_bytes(packet), 1 + (int)(n & 1), 64);
		rte_mbuf_refcnt_update(packet, 1);
		CU_ASSERT_EQUAL_FATAL(rte_ring_enqueue(passage.ring, packet), 0);
		passage.wrong += packet_bytes(packet)[0] != 1 + (n & 1);
		packet_free(packet);
		n++;
	}
	CU_ASSERT_EQUAL(eal_lcore_join(lcore), 0);
	passage.sum = (uint64_t)PASSED * (PASSED + 1) / 2;
	passage_close(&passage);
}

static void *registered_thread(void *arg)
{
	if (rte_thread_register() != 0)
		return arg;
	passage_send(arg);
	rte_thread_unregister();
	return NULL;
}

static void registered_thread_passes_packets(void)
{
	struct passage passage;
	passage_open(&passage, LARGE_PACKETS);
	pthread_t thread;
	void *failed;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, registered_thread, &passage), 0);
	passage_receive(&passage);
	pthread_join(thread, &failed);
	CU_ASSERT_PTR_NULL(failed);
	passage_close(&passage);
}

static CU_TestInfo tests[] = {
	{"pool_gives_its_count_and_no_more", pool_gives_its_count_and_no_more},
	{"packet_has_room_for_datagram_and_trailer", packet_has_room_for_datagram_and_trailer},
	{"last_reference_returns_packet", last_reference_returns_packet},
	{"pool_larger_than_memory_is_refused", pool_larger_than_memory_is_refused},
	{"lcores_pass_packets", lcores_pass_packets},
	{"lcores_take_the_only_packet_in_turn", lcores_take_the_only_packet_in_turn},
	{"lcores_share_references", lcores_share_references},
	{"registered_thread_passes_packets", registered_thread_passes_packets},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("packet", tests, start, stop)
