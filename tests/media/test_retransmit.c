/* The last packets of a feed: found by source and index, each held by one reference. */
#include "media/retransmit.h"

#include "media/feed.h"
#include "tests/media/worker_fixture.h"

static struct rte_mbuf *make_packet(uint32_t epoch, int64_t index, uint64_t rx_ns)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	rtp_packet(packet)->epoch = epoch;
	rtp_packet(packet)->index = index;
	packet_meta(packet)->rx_ns = rx_ns;
	return packet;
}

static void put(struct retransmit *history, uint32_t epoch, int64_t index, uint64_t rx_ns)
{
	struct rte_mbuf *packet = make_packet(epoch, index, rx_ns);
	retransmit_put(history, packet);
	packet_free(packet);
}

static void finds_by_epoch_and_index(void)
{
	struct retransmit history;
	retransmit_init(&history);
	CU_ASSERT_PTR_NULL(retransmit_get(&history, 0, 0));
	put(&history, 1, 70000, 10);
	put(&history, 1, -3, 10);
	CU_ASSERT_PTR_NOT_NULL(retransmit_get(&history, 1, 70000));
	CU_ASSERT_PTR_NOT_NULL(retransmit_get(&history, 1, -3));
	CU_ASSERT_PTR_NULL(retransmit_get(&history, 2, 70000));
	CU_ASSERT_PTR_NULL(retransmit_get(&history, 1, 70000 + RETRANSMIT_SLOTS));
	retransmit_clear(&history);
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
}

static void holds_as_many_as_it_has_slots(void)
{
	struct retransmit history;
	retransmit_init(&history);
	for (int64_t i = 0; i < 2 * RETRANSMIT_SLOTS; i++)
		put(&history, 1, i, 10);
	CU_ASSERT_EQUAL(rte_mempool_in_use_count(fixture_plane.pool), RETRANSMIT_SLOTS);
	CU_ASSERT_PTR_NULL(retransmit_get(&history, 1, RETRANSMIT_SLOTS - 1));
	CU_ASSERT_PTR_NOT_NULL(retransmit_get(&history, 1, RETRANSMIT_SLOTS));
	retransmit_clear(&history);
	CU_ASSERT(rte_mempool_full(fixture_plane.pool));
}

static void expires_by_arrival(void)
{
	struct retransmit history;
	retransmit_init(&history);
	put(&history, 1, 1, 10);
	put(&history, 1, 2, 20);
	retransmit_expire(&history, 20);
	CU_ASSERT_PTR_NULL(retransmit_get(&history, 1, 1));
	CU_ASSERT_PTR_NOT_NULL(retransmit_get(&history, 1, 2));
	retransmit_clear(&history);
}

static CU_TestInfo tests[] = {
	{"finds_by_epoch_and_index", finds_by_epoch_and_index},
	{"holds_as_many_as_it_has_slots", holds_as_many_as_it_has_slots},
	{"expires_by_arrival", expires_by_arrival},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("retransmit", tests, fixture_start, fixture_stop)
