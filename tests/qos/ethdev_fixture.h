/* The ports over DPDK's drivers, driven over a veth pair against a peer of plain kernel sockets.
 * Each row is a test of every kind of port, with and without hugepages: the files that include this
 * differ in how EAL is started. */
#pragma once

#include <net/if.h>
#include <netinet/ip.h>
#include <sys/ioctl.h>

#include "qos/interface.h"
#include "tests/qos/port_peer.h"
#include "tests/qos/veth.h"

#define POOL_PACKETS 8191
#define QUEUES       1

static enum port_kind kind; /* of the row that runs */
static struct rte_mempool *pool;
static struct port *port;

static inline int fixture_start(enum eal_hugepages hugepages)
{
	struct eal_config config = {.program = "test_port_ethdev",
				    .n_workers = 1,
				    .memory_mb = 128,
				    .hugepages = hugepages};
	if (veth_create(QUEUES) != 0 || eal_start(&config) != 0)
		return -1;
	return eal_has_hugepages() == (hugepages == EAL_HUGEPAGES_ON) ? 0 : -1;
}

static inline void open_port_on(const char *ip, const char *ip2)
{
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("ethdev", POOL_PACKETS, &pool), 0);
	struct port_config config = peer_port_config(pool, ip, ip2, QUEUES);
	config.kind = kind;
	config.interface = VETH_NODE;
	CU_ASSERT_EQUAL_FATAL(port_open(&config, &port), 0);
	CU_ASSERT_NOT_EQUAL(port_udp_port(port), 0);
}

static inline void close_port(void)
{
	port_close(port);
	CU_ASSERT(rte_mempool_full(pool));
	packet_pool_destroy(pool);
	port = NULL;
}

static inline uint64_t counted(size_t offset)
{
	const char *counters = (const char *)port_counters(port, 0);
	return port_counter((const uint64_t *)(counters + offset));
}
#define COUNTED(field) counted(offsetof(struct port_counters, field))

static inline struct peer fixture_peer(const char *ip)
{
	struct address to = peer_address(ip, port_udp_port(port));
	veth_enter_peer();
	struct peer peer = peer_open(&to);
	veth_enter_node();
	return peer;
}

/* A question from the peer, as the port gives it. */
static inline struct rte_mbuf *ask(const struct peer *peer, const void *bytes, size_t size)
{
	struct rte_mbuf *packet = NULL;
	peer_send(peer, bytes, size);
	CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, &packet, 1), 1);
	CU_ASSERT_EQUAL(packet->data_len, size);
	CU_ASSERT_EQUAL(memcmp(packet_bytes(packet), bytes, size), 0);
	return packet;
}

/* A fresh packet back to where `question` came from. */
static inline struct rte_mbuf *answer_to(struct rte_mbuf *question, const void *bytes,
					 uint16_t size)
{
	struct rte_mbuf *packet = packet_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(packet);
	memcpy(rte_pktmbuf_append(packet, size), bytes, size);
	packet_meta(packet)->flow = packet_meta(question)->flow;
	packet_meta(packet)->route = packet_meta(question)->route;
	packet_meta(packet)->tx = (struct packet_tx){.dscp = 46};
	return packet;
}

struct way {
	const char *listen, *listen2, *to;
};

static const struct way ways[] = {
	{VETH_NODE_IPV4, NULL, VETH_NODE_IPV4},
	{VETH_NODE_IPV6, NULL, VETH_NODE_IPV6},
	{"0.0.0.0", "::", VETH_NODE_IPV4},
	{"0.0.0.0", "::", VETH_NODE_IPV6},
};

static inline void question_and_answer_go_every_way(void)
{
	static uint8_t bytes[1400], back[sizeof(bytes)];
	static const uint16_t sizes[] = {0, 1, 3, 100, 1400};
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < RTE_DIM(ways); i++) {
		const struct way *way = &ways[i];
		open_port_on(way->listen, way->listen2);
		struct peer peer = fixture_peer(way->to);
		for (size_t s = 0; s < RTE_DIM(sizes); s++) {
			struct rte_mbuf *question = ask(&peer, bytes, sizes[s]);
			const struct packet_meta *meta = packet_meta(question);
			struct address to = peer_address(way->to, port_udp_port(port));
			CU_ASSERT(address_equal(&meta->flow.local, &to));
			CU_ASSERT(address_equal(&meta->flow.remote, &peer.self));
			CU_ASSERT_EQUAL(meta->rx_ns, PEER_NOW_NS);
			CU_ASSERT_EQUAL(meta->route.vlan_tci, 0);
			struct rte_mbuf *answer = answer_to(question, bytes, sizes[s]);
			packet_free(question);
			CU_ASSERT_EQUAL(port_tx_burst(port, 0, &answer, 1), 1);
			CU_ASSERT_EQUAL(peer_receive(&peer, back, sizeof(back)), sizes[s]);
			CU_ASSERT_EQUAL(memcmp(back, bytes, sizes[s]), 0);
		}
		CU_ASSERT_EQUAL(COUNTED(rx_packets), RTE_DIM(sizes));
		CU_ASSERT_EQUAL(COUNTED(tx_packets), RTE_DIM(sizes));
		CU_ASSERT_EQUAL(COUNTED(tx_bytes), 1504);
		CU_ASSERT_EQUAL(COUNTED(rx_bad_frame), 0);
		close(peer.fd);
		close_port();
	}
}
