/* What a pacer lets go at once, and how it spreads the rest. The sources here send as browsers,
 * cameras and careless programs do; a viewer's clock is the test's. */
#include "media/pacer.h"

#include "tests/media/worker_fixture.h"

#define MS       1000000ull
#define FRAME_NS 33333333ull

static struct rte_mbuf *make_packet(uint16_t bytes)
{
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	rte_pktmbuf_append(packet, bytes);
	return packet;
}

static struct pacer make_pacer(void)
{
	struct pacer pacer;
	CU_ASSERT_EQUAL_FATAL(pacer_init(&pacer), 0);
	return pacer;
}

static void end_pacer(struct pacer *pacer)
{
	CU_ASSERT_EQUAL(pacer->n, 0);
	pacer_fini(pacer);
	CU_ASSERT_TRUE(rte_mempool_full(fixture_plane.pool));
}

/* One packet as a viewer's worker would treat it. True: it left at once. */
static bool offer(struct pacer *pacer, unsigned int line, uint16_t bytes, uint64_t now_ns)
{
	struct rte_mbuf *packet = make_packet(bytes);
	bool passes = pacer_pass(pacer, &packet, 1, now_ns) == 1;
	if (!passes)
		CU_ASSERT_TRUE(pacer_hold(pacer, line, &packet, 1));
	packet_free(packet);
	return passes;
}

/* How many leave at `now_ns`. */
static unsigned int release(struct pacer *pacer, uint64_t now_ns)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n, line, total = 0;
	while ((n = pacer_release(pacer, packets, PORT_BURST, &line, now_ns)) > 0) {
		for (unsigned int i = 0; i < n; i++)
			packet_free(packets[i]);
		total += n;
	}
	return total;
}

/* As libwebrtc sends: a frame's packets at 2.5 times the rate, in bursts of 5 ms. */
static void what_a_browser_paced_is_not_touched(void)
{
	static const unsigned int rates_kbps[] = {300, 2000, 8000};
	for (unsigned int r = 0; r < 3; r++) {
		struct pacer pacer = make_pacer();
		uint64_t bytes_per_frame = rates_kbps[r] * 1000ull / 8 / 30;
		uint64_t now_ns = 1000 * MS, held = 0;
		for (unsigned int frame = 0; frame < 90; frame++, now_ns += FRAME_NS) {
			uint64_t left = bytes_per_frame, begin_ns = now_ns;
			for (unsigned int burst = 0; left > 0; burst++) {
				uint64_t room = rates_kbps[r] * 5 / 2 * 1000ull / 8 / 200;
				for (uint64_t sent = 0; sent < room && left > 0;) {
					uint16_t bytes = (uint16_t)(left < 1200 ? left : 1200);
					held += !offer(&pacer, 0, bytes, begin_ns + burst * 5 * MS);
					sent += bytes;
					left -= bytes;
				}
			}
		}
		CU_ASSERT_EQUAL(held, 0);
		end_pacer(&pacer);
	}
}

/* A camera that sends each frame in one go: the rate is known after a while, and frames of one size
 * pass; one that is three times as large is spread. */
static void frames_of_one_size_pass_whole(void)
{
	struct pacer pacer = make_pacer();
	uint64_t now_ns = 1000 * MS;
	unsigned int held = 0;
	for (unsigned int frame = 0; frame < 90; frame++, now_ns += FRAME_NS) {
		for (unsigned int i = 0; i < 28; i++)
			held += !offer(&pacer, 0, 1200, now_ns) && frame >= 30;
		for (uint64_t t = 0; t < FRAME_NS; t += MS)
			release(&pacer, now_ns + t);
		CU_ASSERT_EQUAL(pacer.n, 0);
	}
	CU_ASSERT_EQUAL(held, 0);
	for (unsigned int i = 0; i < 84; i++)
		held += !offer(&pacer, 0, 1200, now_ns);
	CU_ASSERT_TRUE(held >= 42 && held <= 56);
	for (uint64_t t = 0; t <= PACER_DRAIN_NS + MS; t += MS)
		held -= release(&pacer, now_ns + t);
	CU_ASSERT_EQUAL(held, 0);
	end_pacer(&pacer);
}

static void a_burst_is_spread_within_a_frame_interval(void)
{
	struct pacer pacer = make_pacer();
	uint64_t now_ns = 1000 * MS, last_ns = 0;
	unsigned int passed = 0, most = 0, left = 0;
	for (unsigned int i = 0; i < 100; i++)
		passed += offer(&pacer, 0, 1200, now_ns);
	CU_ASSERT_EQUAL(passed, 13);
	for (uint64_t t = 0; t < 40; t++) {
		unsigned int n = release(&pacer, now_ns + t * MS);
		most = RTE_MAX(most, n);
		left += n;
		last_ns = n > 0 ? t * MS : last_ns;
	}
	CU_ASSERT_EQUAL(left, 87);
	CU_ASSERT_TRUE(last_ns >= 25 * MS && last_ns <= PACER_DRAIN_NS + MS);
	CU_ASSERT_TRUE(most <= 5); /* 87 packets in 30 ms are 3 a tick */
	end_pacer(&pacer);
}

static void due_is_when_there_is_something_to_give(void)
{
	struct pacer pacer = make_pacer();
	uint64_t now_ns = 1000 * MS;
	CU_ASSERT_EQUAL(pacer_due_ns(&pacer), UINT64_MAX);
	while (offer(&pacer, 0, 1200, now_ns))
		continue;
	offer(&pacer, 0, 1200, now_ns);
	while (pacer.n > 0) {
		uint64_t due_ns = pacer_due_ns(&pacer);
		CU_ASSERT_TRUE_FATAL(due_ns > now_ns && due_ns < now_ns + 2 * MS);
		CU_ASSERT_EQUAL(release(&pacer, due_ns - 300), 0);
		CU_ASSERT_TRUE_FATAL(release(&pacer, due_ns) > 0);
		now_ns = due_ns;
	}
	end_pacer(&pacer);
}

/* Nothing overtakes, also between a viewer's two videos; a release is of one of them. */
static void order_is_kept(void)
{
	struct pacer pacer = make_pacer();
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n, line, last = 0, expected = 0;
	while (offer(&pacer, 0, 1200, 1000 * MS))
		continue;
	for (unsigned int i = 0; i < 20; i++)
		offer(&pacer, i / 3 % 2, (uint16_t)(100 + i), 1000 * MS);
	while ((n = pacer_release(&pacer, packets, PORT_BURST, &line, UINT64_MAX)) > 0) {
		CU_ASSERT_TRUE(line != last || expected == 0);
		last = line;
		for (unsigned int i = 0; i < n; i++) {
			uint16_t bytes = rte_pktmbuf_data_len(packets[i]);
			if (bytes != 1200)
				CU_ASSERT_EQUAL(bytes, 100 + expected++);
			packet_free(packets[i]);
		}
	}
	CU_ASSERT_EQUAL(expected, 20);
	end_pacer(&pacer);
}

static void a_full_queue_takes_nothing(void)
{
	struct pacer pacer = make_pacer();
	struct rte_mbuf *two[] = {make_packet(1200), make_packet(1200)};
	while (pacer.n < PACER_PACKETS - 1)
		offer(&pacer, 0, 1200, 1000 * MS);
	CU_ASSERT_FALSE(pacer_hold(&pacer, 0, two, 2));
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(two[0]), 1);
	CU_ASSERT_TRUE(pacer_hold(&pacer, 0, two, 1));
	CU_ASSERT_EQUAL(release(&pacer, UINT64_MAX), PACER_PACKETS);
	packet_free(two[0]);
	packet_free(two[1]);
	end_pacer(&pacer);
}

/* They do not wait, what follows does; but not for longer than for a burst of its own. */
static void retransmissions_are_charged(void)
{
	struct pacer pacer = make_pacer();
	uint64_t now_ns = 1000 * MS;
	for (unsigned int i = 0; i < 200; i++)
		pacer_charge(&pacer, 1200, now_ns);
	CU_ASSERT_FALSE(offer(&pacer, 0, 1200, now_ns));
	CU_ASSERT_EQUAL(release(&pacer, now_ns + 5 * MS), 0);
	CU_ASSERT_EQUAL(release(&pacer, now_ns + 7 * MS), 1);
	end_pacer(&pacer);
}

static CU_TestInfo tests[] = {
	{"what_a_browser_paced_is_not_touched", what_a_browser_paced_is_not_touched},
	{"frames_of_one_size_pass_whole", frames_of_one_size_pass_whole},
	{"a_burst_is_spread_within_a_frame_interval", a_burst_is_spread_within_a_frame_interval},
	{"due_is_when_there_is_something_to_give", due_is_when_there_is_something_to_give},
	{"order_is_kept", order_is_kept},
	{"a_full_queue_takes_nothing", a_full_queue_takes_nothing},
	{"retransmissions_are_charged", retransmissions_are_charged},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("pacer", tests, fixture_start, fixture_stop)
