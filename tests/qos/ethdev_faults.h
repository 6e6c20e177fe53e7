/* What goes wrong on a port over DPDK's drivers: bad frames, paths that take less, links that go
 * down and interfaces that go away. Part of ethdev_fixture.h. */
#pragma once

#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include <linux/if_packet.h>

#include "qos/frame.h"

/* A socket of the peer's that sends and receives whole frames. */
static inline int raw_open(void)
{
	veth_enter_peer();
	struct sockaddr_ll name = {.sll_family = AF_PACKET,
				   .sll_protocol = htons(ETH_P_ALL),
				   .sll_ifindex = (int)if_nametoindex(VETH_PEER)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	veth_enter_node();
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static inline void mac_read(bool of_peer, uint8_t mac[6])
{
	struct interface_state state;
	if (of_peer)
		veth_enter_peer();
	CU_ASSERT_EQUAL_FATAL(interface_read(of_peer ? VETH_PEER : VETH_NODE, &state), 0);
	veth_enter_node();
	memcpy(mac, state.mac, 6);
}

/* A sound frame from the peer to the port, 8 bytes of payload. Returns its size. */
static inline uint16_t frame_make(uint8_t bytes[128], uint16_t vlan_tci)
{
	struct flow flow = {.local = peer_address(VETH_PEER_IPV4, 40000),
			    .remote = peer_address(VETH_NODE_IPV4, port_udp_port(port))};
	struct link_route route = {.vlan_tci = vlan_tci, .is_known = 1};
	mac_read(false, route.to);
	mac_read(true, route.from);
	struct frame_tx tx = {.flow = &flow, .route = &route};
	uint16_t head = frame_head_bytes(&flow, &route);
	memcpy(bytes + head, "payload!", 8);
	frame_write(&tx, bytes + head, 8);
	return (uint16_t)(head + 8);
}

/* Until a frame with the tag comes from the node, others are passed over. Kernels tell tags beside
 * the frame. */
static inline bool raw_receive_tagged(int fd, uint16_t vlan_tci)
{
	int on = 1;
	setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
	while (peer_readable(fd)) {
		uint8_t bytes[2048], control[128] __attribute__((aligned(8)));
		struct iovec vector = {bytes, sizeof(bytes)};
		struct sockaddr_ll from;
		struct msghdr message = {.msg_name = &from,
					 .msg_namelen = sizeof(from),
					 .msg_iov = &vector,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof(control)};
		ssize_t size = recvmsg(fd, &message, 0);
		if (size < 42 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
			struct tpacket_auxdata aux;
			memcpy(&aux, CMSG_DATA(c), sizeof(aux));
			if ((aux.tp_status & TP_STATUS_VLAN_VALID) && aux.tp_vlan_tci == vlan_tci)
				return true;
		}
	}
	return false;
}

static inline void tag_comes_in_and_goes_back(void)
{
	uint8_t bytes[128];
	struct rte_mbuf *question;
	open_port_on(VETH_NODE_IPV4, NULL);
	int raw = raw_open();
	uint16_t size = frame_make(bytes, 0x6007);
	CU_ASSERT_EQUAL(send(raw, bytes, size, 0), size);
	CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, &question, 1), 1);
	CU_ASSERT_EQUAL(packet_meta(question)->route.vlan_tci, 0x6007);
	CU_ASSERT_EQUAL(memcmp(packet_bytes(question), "payload!", 8), 0);
	struct rte_mbuf *answer = answer_to(question, "answered", 8);
	packet_free(question);
	CU_ASSERT_EQUAL(port_tx_burst(port, 0, &answer, 1), 1);
	CU_ASSERT(raw_receive_tagged(raw, 0x6007));
	close(raw);
	close_port();
}

/* Each is counted, and the sound one behind them comes through. */
static inline void bad_frames_are_counted_and_dropped(void)
{
	uint8_t bytes[128];
	struct rte_mbuf *packet;
	open_port_on(VETH_NODE_IPV4, NULL);
	int raw = raw_open();
	uint16_t size = frame_make(bytes, 0);
	bytes[size - 1] ^= 1; /* UDP checksum */
	CU_ASSERT_EQUAL(send(raw, bytes, size, 0), size);
	size = frame_make(bytes, 0);
	bytes[14 + 20 + 5] = 200; /* UDP length */
	CU_ASSERT_EQUAL(send(raw, bytes, size, 0), size);
	size = frame_make(bytes, 0);
	CU_ASSERT_EQUAL(send(raw, bytes, size, 0), size);
	CU_ASSERT_EQUAL_FATAL(peer_port_receive(port, 0, &packet, 1), 1);
	packet_free(packet);
	CU_ASSERT(COUNTED(rx_bad_frame) >= 1);
	CU_ASSERT_EQUAL(COUNTED(rx_packets), 1);
	close(raw);
	close_port();
}

static inline void packet_without_way_or_too_big_is_dropped_and_counted(void)
{
	static uint8_t bytes[PACKET_BYTES_MAX];
	open_port_on("0.0.0.0", "::");
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	struct rte_mbuf *question = ask(&peer, "question", 8);
	CU_ASSERT_EQUAL(port_datagram_max(port, true), 1472);
	CU_ASSERT_EQUAL(port_datagram_max(port, false), 1452);
	struct rte_mbuf *packets[3];
	packets[0] = answer_to(question, bytes, 8);
	packet_meta(packets[0])->route.is_known = 0;
	packets[1] = answer_to(question, bytes, 1473);
	packets[2] = answer_to(question, bytes, 1472);
	packet_free(question);
	CU_ASSERT_EQUAL(port_tx_burst(port, 0, packets, 3), 1);
	CU_ASSERT_EQUAL(COUNTED(tx_no_route), 1);
	CU_ASSERT_EQUAL(COUNTED(tx_too_big), 1);
	CU_ASSERT_EQUAL(COUNTED(tx_packets), 1);
	CU_ASSERT_EQUAL(peer_receive(&peer, bytes, sizeof(bytes)), 1472);
	close(peer.fd);
	close_port();
}

/* "Too big", as a router on the way would say, about a datagram of the port's to the peer. */
static inline void icmp_send(bool ipv4, const struct peer *peer, uint16_t mtu)
{
	uint8_t bytes[128] = {0}, *quoted = bytes + 8;
	struct address node =
		peer_address(ipv4 ? VETH_NODE_IPV4 : VETH_NODE_IPV6, port_udp_port(port));
	struct flow flow = {.local = node, .remote = peer->self};
	struct link_route route = {0};
	struct frame_tx tx = {.flow = &flow, .route = &route};
	uint8_t head[FRAME_HEAD_MAX + 8] = {0};
	uint16_t head_bytes = frame_head_bytes(&flow, &route);
	struct sockaddr_storage name;
	node.port = 0;
	socklen_t length = address_to_sockaddr(&node, &name);
	frame_write(&tx, head + head_bytes, 8);
	memcpy(quoted, head + 14, head_bytes - 14u);
	size_t size = 8 + head_bytes - 14u;
	if (ipv4) {
		bytes[0] = ICMP_DEST_UNREACH;
		bytes[1] = ICMP_FRAG_NEEDED;
		bytes[6] = (uint8_t)(mtu >> 8);
		bytes[7] = (uint8_t)mtu;
		uint32_t sum = 0;
		for (size_t i = 0; i < size; i += 2)
			sum += bytes[i] * 256u + bytes[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16));
		bytes[2] = (uint8_t)(sum >> 8);
		bytes[3] = (uint8_t)sum;
	} else {
		bytes[0] = ICMP6_PACKET_TOO_BIG;
		bytes[6] = (uint8_t)(mtu >> 8);
		bytes[7] = (uint8_t)mtu;
	}
	veth_enter_peer();
	int fd = ipv4 ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)
		      : socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	CU_ASSERT_EQUAL(sendto(fd, bytes, size, 0, (struct sockaddr *)&name, length),
			(ssize_t)size);
	veth_enter_node();
	close(fd);
}

static inline void too_big_of_icmp_is_honoured(void)
{
	static const struct {
		const char *ip;
		uint16_t mtu, most;
	} rows[] = {{VETH_NODE_IPV4, 1000, 972}, {VETH_NODE_IPV6, 1300, 1252}};
	static uint8_t bytes[1500];
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		open_port_on("0.0.0.0", "::");
		struct peer peer = fixture_peer(rows[i].ip), other = fixture_peer(rows[i].ip);
		struct rte_mbuf *question = ask(&peer, "question", 8);
		uint16_t sizes[] = {(uint16_t)(rows[i].most + 1), rows[i].most};
		icmp_send(i == 0, &peer, rows[i].mtu);
		CU_ASSERT(port_check_link(port));
		for (int s = 0; s < 2; s++) {
			struct rte_mbuf *answer = answer_to(question, bytes, sizes[s]);
			CU_ASSERT_EQUAL(port_tx_burst(port, 0, &answer, 1), s);
		}
		CU_ASSERT_EQUAL(COUNTED(tx_too_big), 1);
		CU_ASSERT_EQUAL(peer_receive(&peer, bytes, sizeof(bytes)), rows[i].most);
		packet_free(question);
		close(other.fd);
		close(peer.fd);
		close_port();
	}
}

static inline void mtu_set_both(unsigned int mtu)
{
	CU_ASSERT_EQUAL(veth_run("ip link set " VETH_NODE " mtu %u", mtu), 0);
	veth_enter_peer();
	CU_ASSERT_EQUAL(veth_run("ip link set " VETH_PEER " mtu %u", mtu), 0);
	veth_enter_node();
}

/* Up to what the driver's buffers hold. */
static inline void larger_mtu_is_followed(void)
{
	static uint8_t bytes[PACKET_BYTES_MAX];
	uint16_t most = kind == PORT_AF_PACKET ? 2016 - 18 - 28 : 2000 - 28;
	open_port_on(VETH_NODE_IPV4, NULL);
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	mtu_set_both(2000);
	CU_ASSERT(port_check_link(port));
	CU_ASSERT_EQUAL(port_datagram_max(port, true), most);
	struct rte_mbuf *question = ask(&peer, bytes, 1800);
	struct rte_mbuf *answer = answer_to(question, bytes, most);
	packet_free(question);
	CU_ASSERT_EQUAL(port_tx_burst(port, 0, &answer, 1), 1);
	CU_ASSERT_EQUAL(peer_receive(&peer, bytes, sizeof(bytes)), most);
	mtu_set_both(1500);
	CU_ASSERT(port_check_link(port));
	CU_ASSERT_EQUAL(port_datagram_max(port, true), 1472);
	close(peer.fd);
	close_port();
}

/* More than the rings hold, while the worker does nothing: what is lost is told, to the frame. */
static inline void frames_lost_before_us_are_counted(void)
{
	enum { SENT = 5000 };
	struct rte_mbuf *packets[PORT_BURST];
	uint16_t n;
	open_port_on(VETH_NODE_IPV4, NULL);
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	for (unsigned int i = 0; i < SENT; i++)
		peer_send(&peer, &i, sizeof(i));
	CU_ASSERT(port_check_link(port));
	while ((n = port_rx_burst(port, 0, packets, PORT_BURST, PEER_NOW_NS)) > 0)
		while (n > 0)
			packet_free(packets[--n]);
	CU_ASSERT(COUNTED(rx_no_buffer) > 0);
	CU_ASSERT_EQUAL(COUNTED(rx_packets) + COUNTED(rx_no_buffer), SENT);
	CU_ASSERT(talk(&peer));
	close(peer.fd);
	close_port();
}

/* Sends one packet to where `question` came from. */
static inline uint16_t send_one(struct rte_mbuf *question)
{
	struct rte_mbuf *answer = answer_to(question, "answered", 8);
	return port_tx_burst(port, 0, &answer, 1);
}

/* The peer's end loses its carrier, then ours is switched off. */
static inline void link_goes_down_and_up_again(void)
{
	static const char *const commands[][2] = {
		{"ip link set " VETH_PEER " down", "ip link set " VETH_PEER " up"},
		{"ip link set " VETH_NODE " down", "ip link set " VETH_NODE " up"}};
	open_port_on(VETH_NODE_IPV4, NULL);
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	struct rte_mbuf *question = ask(&peer, "question", 8), *packet;
	for (int i = 0; i < 2; i++) {
		CU_ASSERT(port_check_link(port));
		i == 0 ? veth_enter_peer() : veth_enter_node();
		CU_ASSERT_EQUAL(veth_run("%s", commands[i][0]), 0);
		veth_enter_node();
		CU_ASSERT_FALSE(port_check_link(port));
		CU_ASSERT_EQUAL(send_one(question), 0);
		CU_ASSERT_EQUAL(COUNTED(tx_link_down), (uint64_t)i + 1);
		CU_ASSERT_EQUAL(port_rx_burst(port, 0, &packet, 1, PEER_NOW_NS), 0);
		CU_ASSERT(is_quiet());
		i == 0 ? veth_enter_peer() : veth_enter_node();
		CU_ASSERT_EQUAL(veth_run("%s", commands[i][1]), 0);
		veth_enter_node();
		CU_ASSERT(port_check_link(port));
		CU_ASSERT(talk(&peer));
	}
	packet_free(question);
	close(peer.fd);
	close_port();
}

/* The interface is deleted under the port, and comes back as another one of that name. */
static inline void interface_goes_away_and_comes_back(void)
{
	open_port_on("0.0.0.0", NULL);
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	struct rte_mbuf *question = ask(&peer, "question", 8), *packet;
	for (uint64_t i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(veth_unplug(), 0);
		/* Before anybody has noticed, and after. */
		send_one(question);
		CU_ASSERT_EQUAL(port_rx_burst(port, 0, &packet, 1, PEER_NOW_NS), 0);
		CU_ASSERT_FALSE(port_check_link(port));
		CU_ASSERT_EQUAL(send_one(question), 0);
		CU_ASSERT_EQUAL(COUNTED(tx_link_down), (uint64_t)i + 1);
		CU_ASSERT_EQUAL(port_rx_burst(port, 0, &packet, 1, PEER_NOW_NS), 0);
		CU_ASSERT(is_quiet());
		CU_ASSERT_FALSE(port_check_link(port));
		CU_ASSERT_EQUAL_FATAL(veth_plug(QUEUES), 0);
		CU_ASSERT(port_check_link(port));
		close(peer.fd);
		peer = fixture_peer(VETH_NODE_IPV4);
		CU_ASSERT(talk(&peer));
	}
	packet_free(question);
	close(peer.fd);
	close_port();
}

/* An address that is added is listened to, one that is taken away is not. */
static inline void addresses_of_the_interface_are_followed(void)
{
	open_port_on("0.0.0.0", NULL);
	CU_ASSERT_EQUAL(veth_run("ip addr add 192.0.2.77/24 dev " VETH_NODE), 0);
	CU_ASSERT(port_check_link(port));
	struct peer peer = fixture_peer("192.0.2.77");
	CU_ASSERT(talk(&peer));
	CU_ASSERT_EQUAL(veth_run("ip addr del 192.0.2.77/24 dev " VETH_NODE), 0);
	CU_ASSERT(port_check_link(port));
	struct peer old = fixture_peer(VETH_NODE_IPV4);
	CU_ASSERT(talk(&old));
	close(old.fd);
	close(peer.fd);
	close_port();
}

static inline void what_cannot_be_opened_says_why(void)
{
	struct port *other = NULL;
	open_port_on(VETH_NODE_IPV4, NULL);
	struct port_config config = peer_port_config(pool, VETH_NODE_IPV4, NULL, 1);
	config.kind = kind;
	config.interface = VETH_NODE;
	config.listen[0].port = port_udp_port(port);
	CU_ASSERT_EQUAL(port_open(&config, &other), -EADDRINUSE);
	config.listen[0].port = 0;
	config.interface = "nn5g-none";
	CU_ASSERT_EQUAL(port_open(&config, &other), -ENODEV);
	config.interface = "a,b";
	CU_ASSERT_EQUAL(port_open(&config, &other), -EINVAL);
	config.interface = NULL;
	CU_ASSERT_EQUAL(port_open(&config, &other), -EINVAL);
	config.interface = VETH_NODE;
	if (kind == PORT_AF_XDP) {
		CU_ASSERT_EQUAL(port_open(&config, &other), -EBUSY);
		config.n_queues = 2;
		CU_ASSERT_EQUAL(port_open(&config, &other), -ERANGE);
	}
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	CU_ASSERT(talk(&peer));
	close(peer.fd);
	close_port();
}

/* With a scheduler's thread: the workers receive, it sends. */
static inline void send_queue_sends(void)
{
	char back[8];
	CU_ASSERT_EQUAL_FATAL(packet_pool_create("ethdev", POOL_PACKETS, &pool), 0);
	struct port_config config = peer_port_config(pool, VETH_NODE_IPV4, NULL, 1);
	config.kind = kind;
	config.interface = VETH_NODE;
	config.has_send_queue = true;
	CU_ASSERT_EQUAL_FATAL(port_open(&config, &port), 0);
	struct peer peer = fixture_peer(VETH_NODE_IPV4);
	struct rte_mbuf *question = ask(&peer, "question", 8);
	struct rte_mbuf *answer = answer_to(question, "answered", 8);
	packet_free(question);
	CU_ASSERT_EQUAL(port_tx_burst(port, 1, &answer, 1), 1);
	CU_ASSERT_EQUAL(peer_receive(&peer, back, 8), 8);
	CU_ASSERT_EQUAL(port_counter(&port_counters(port, 1)->tx_packets), 1);
	close(peer.fd);
	close_port();
}
