/* One worker without its thread: the real pool, mailboxes, wheel, SRTP; what it sends stays in its
 * tx burst, where the tests read it. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <rte_hash.h>
#include <rte_jhash.h>

#include "media/plane.h"
#include "media/viewers.h"
#include "media/worker.h"
#include "qos/eal.h"
#include "tests/cunit.h"

#define FIXTURE_PACKETS 2047
#define FIXTURE_VIEWERS 64

static struct plane fixture_plane;
static struct worker *fixture_worker;

/* NN5G_TEST_CRYPTO=off: all by libsrtp2, as where there is no device. */
static inline int fixture_start_crypto(void)
{
	const char *driver = getenv("NN5G_TEST_CRYPTO");
	struct srtp_devices_config devices = {.n_queues = 1,
					      .senders_max = FIXTURE_VIEWERS,
					      .gcm_driver = driver,
					      .cm_driver = driver};
	return srtp_devices_start(&devices, &fixture_plane.devices);
}

static inline int fixture_start(void)
{
	struct eal_config config = {.program = "fixture", .n_workers = 2, .memory_mb = 96};
	struct plane *plane = &fixture_plane;
	if (eal_start(&config) || nn_srtp_start() || fixture_start_crypto() ||
	    packet_pool_create("fixture", FIXTURE_PACKETS, &plane->pool) ||
	    mailbox_create(1024, &plane->control))
		return 1;
	plane->config.retransmit_ns = 1000000000ull;
	plane->consent_ns = 30000000000ull;
	plane->n_workers = 1;
	fixture_worker = aligned_alloc(64, sizeof(*fixture_worker));
	if (!fixture_worker)
		return 1;
	memset(fixture_worker, 0, sizeof(*fixture_worker));
	fixture_worker->plane = plane;
	fixture_worker->now_ns = 1000000000ull;
	wheel_init(&fixture_worker->wheel, WHEEL_TICK_NS, fixture_worker->now_ns);
	wheel_init(&fixture_worker->pacer_wheel, PACER_TICK_NS, fixture_worker->now_ns);
	plane->workers[0] = fixture_worker;
	fixture_worker->viewers = viewers_create(0, FIXTURE_VIEWERS);
	if (srtp_queue_create(plane->devices, 0, &fixture_worker->batch.queue))
		return 1;
	if (!fixture_worker->viewers || egress_create(plane, &plane->egress))
		return 1;
	return 0;
}

/* For tests of packets that find their session by flow. Freed with fixture_remove_flows. */
static inline bool fixture_add_flows(void)
{
	struct rte_hash_parameters parameters = {.name = "flows",
						 .entries = 64,
						 .key_len = sizeof(struct flow),
						 .hash_func = rte_jhash,
						 .socket_id = SOCKET_ID_ANY};
	fixture_worker->flows = rte_hash_create(&parameters);
	fixture_worker->flow_entries = calloc(256, sizeof(*fixture_worker->flow_entries));
	return fixture_worker->flows && fixture_worker->flow_entries;
}

static inline void fixture_remove_flows(void)
{
	rte_hash_free(fixture_worker->flows);
	free(fixture_worker->flow_entries);
}

static inline void fixture_advance(uint64_t ms)
{
	fixture_worker->now_ns += ms * 1000000;
}

/* How many packets lie in the tx burst when all that was sent is protected. */
static inline unsigned int fixture_sent(void)
{
	send_batch_flush(fixture_worker);
	return fixture_worker->n_tx;
}

/* Forgets what was sent; returns how many packets that were. */
static inline unsigned int fixture_drop_sent(void)
{
	unsigned int n = fixture_sent();
	for (unsigned int i = 0; i < n; i++)
		packet_free(fixture_worker->tx[i]);
	fixture_worker->n_tx = 0;
	return n;
}

/* Forgets what was sent and counted. */
static inline void fixture_clear(void)
{
	fixture_drop_sent();
	memset(&fixture_worker->counters, 0, sizeof(fixture_worker->counters));
}

static inline uint64_t fixture_count(enum counter counter)
{
	return counter_read(&fixture_worker->counters, counter);
}

static inline struct srtp_keys fixture_keys(void)
{
	struct srtp_keys keys = {.profile = SRTP_AEAD_AES_128_GCM};
	for (unsigned int i = 0; i < SRTP_MASTER_KEY_MAX; i++) {
		keys.send[i] = (uint8_t)i;
		keys.receive[i] = (uint8_t)i;
	}
	return keys;
}

/* Connected, on a pair that was just checked. */
static inline struct transport *fixture_transport(unsigned int n_tracks,
						  unsigned int n_subscriptions)
{
	struct srtp_keys keys = fixture_keys();
	struct transport *transport = transport_create(&fixture_plane, n_tracks, n_subscriptions);
	CU_ASSERT_PTR_NOT_NULL_FATAL(transport);
	CU_ASSERT_EQUAL_FATAL(srtp_sender_create(fixture_plane.devices, &keys,
						 SRTP_SENDER_SOURCES_MAX, &transport->sender),
			      0);
	transport->rtcp_ssrc = 7;
	transport->selected = 0;
	transport->pairs[0].heard_ns = fixture_worker->now_ns;
	transport->is_connected = true;
	return transport;
}

/* Every packet must have gone back to the pool. */
static inline int fixture_stop(void)
{
	fixture_clear();
	bool all_back = rte_mempool_full(fixture_plane.pool);
	mailbox_destroy(fixture_plane.control);
	egress_destroy(fixture_plane.egress);
	viewers_destroy(fixture_worker->viewers);
	srtp_queue_destroy(fixture_worker->batch.queue);
	srtp_devices_stop(fixture_plane.devices);
	free(fixture_worker);
	packet_pool_destroy(fixture_plane.pool);
	nn_srtp_stop();
	eal_stop();
	return all_back ? 0 : 1;
}
