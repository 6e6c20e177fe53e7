/* The ring between a worker and the egress thread, without the thread: what happens when nobody
 * takes packets out, and who gives them back in the end. */
#include "media/egress.h"

#include <rte_ring.h>

#include "tests/media/worker_fixture.h"

static struct egress *make_egress(void)
{
	struct egress *egress;
	fixture_plane.n_workers = 2;
	CU_ASSERT_EQUAL_FATAL(egress_create(&fixture_plane, &egress), 0);
	fixture_plane.n_workers = 1;
	egress->may_pass = false;
	return egress;
}

/* References of one packet, so that a pool smaller than the ring can fill it. */
static void send_burst(struct egress *egress, struct rte_mbuf *packet)
{
	struct rte_mbuf *packets[PORT_BURST];
	rte_mbuf_refcnt_update(packet, PORT_BURST);
	for (unsigned int i = 0; i < PORT_BURST; i++)
		packets[i] = packet;
	egress_send(egress, fixture_worker, packets, PORT_BURST);
}

/* And the viewer whose packets they were is told, once. */
static void a_full_ring_drops_and_counts(void)
{
	static struct subscription subscription;
	struct egress *egress = make_egress();
	struct message messages[8];
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	CU_ASSERT_EQUAL_FATAL(mailbox_create(64, &fixture_worker->mailbox), 0);
	uint64_t viewer = viewers_add(fixture_worker->viewers, &subscription);
	packet_tx(packet)->viewer = viewer;
	for (unsigned int i = 0; i < EGRESS_RING_PACKETS / PORT_BURST; i++)
		send_burst(egress, packet);
	/* A ring holds one less than its size. */
	CU_ASSERT_EQUAL(fixture_count(DROP_EGRESS_FULL), 1);
	send_burst(egress, packet);
	CU_ASSERT_EQUAL(fixture_count(DROP_EGRESS_FULL), 1 + PORT_BURST);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(packet), EGRESS_RING_PACKETS);
	CU_ASSERT_EQUAL_FATAL(mailbox_take(fixture_worker->mailbox, messages, 8), 1);
	CU_ASSERT_EQUAL(messages[0].type, MESSAGE_LOSS);
	CU_ASSERT_EQUAL(messages[0].a, viewer);
	viewers_remove(fixture_worker->viewers, viewer);
	mailbox_destroy(fixture_worker->mailbox);
	fixture_worker->mailbox = NULL;
	egress_destroy(egress);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(packet), 1);
	packet_free(packet);
	fixture_clear();
}

/* Nothing goes past packets of its worker that are in the ring, or past any that were dequeued and
 * are not with the port yet. */
static void the_ring_is_taken_as_long_as_something_is_ahead(void)
{
	struct egress *egress = make_egress();
	struct egress_lane *lane = &egress->lanes[fixture_worker->id];
	struct rte_mbuf *packet = packet_alloc(fixture_plane.pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	send_burst(egress, packet);
	CU_ASSERT_EQUAL(lane->n_put, PORT_BURST);
	egress->may_pass = true;
	send_burst(egress, packet);
	CU_ASSERT_EQUAL(lane->n_put, 2 * PORT_BURST);
	atomic_store(&lane->n_done, lane->n_put);
	egress->is_sending = true;
	send_burst(egress, packet);
	CU_ASSERT_EQUAL(lane->n_put, 3 * PORT_BURST);
	CU_ASSERT_EQUAL(rte_ring_count(lane->ring), 3 * PORT_BURST);
	egress_destroy(egress);
	CU_ASSERT_EQUAL(rte_mbuf_refcnt_read(packet), 1);
	packet_free(packet);
	fixture_clear();
}

/* Its owner is woken once, however often control changes something before it looks. */
static void control_pokes_the_owner_once(void)
{
	struct egress *egress = make_egress();
	struct message messages[8];
	struct scheduler_pipe_config config = {.name = "tenant"};
	struct scheduler_pipe *pipes[3];
	char errors[128];
	while (mailbox_take(egress->mailbox, messages, 8) > 0)
		continue;
	egress_on_look(egress);
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL_FATAL(scheduler_pipe_add(egress->scheduler, NULL, &config, errors,
							 sizeof(errors), &pipes[i]),
				      0);
	CU_ASSERT_EQUAL(mailbox_take(egress->mailbox, messages, 8), 1);
	CU_ASSERT_EQUAL(messages[0].type, MESSAGE_LOOK);
	egress_on_look(egress);
	scheduler_pipe_remove(pipes[0]);
	CU_ASSERT_EQUAL(mailbox_take(egress->mailbox, messages, 8), 1);
	egress_destroy(egress);
}

static CU_TestInfo tests[] = {
	{"a_full_ring_drops_and_counts", a_full_ring_drops_and_counts},
	{"the_ring_is_taken_as_long_as_something_is_ahead",
	 the_ring_is_taken_as_long_as_something_is_ahead},
	{"control_pokes_the_owner_once", control_pokes_the_owner_once},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("egress_ring", tests, fixture_start, fixture_stop)
