/* The port over DPDK's drivers: a burst in, a burst out. Runs on the queue's thread alone. What the
 * frame's head says ends up in the packet's meta, and comes from there; payload stays where it is.
 */
#include "qos/port_ethdev.h"

#include <assert.h>

#include <rte_ethdev.h>

#include "qos/exception.h"

#define RX_ROUNDS 4 /* bursts of nothing for us before the worker is asked to do something else */

static_assert(FRAME_HEAD_MAX <= RTE_PKTMBUF_HEADROOM, "every packet has room for its head");

/* What the NIC found of both checksums. */
static bool is_good(const struct rte_mbuf *frame, uint64_t mask, uint64_t good)
{
	return (frame->ol_flags & mask) == good;
}

static enum frame_verdict judge(const struct frame_listen *listen, struct rte_mbuf *frame,
				struct frame *out)
{
	const uint64_t ip_mask = RTE_MBUF_F_RX_IP_CKSUM_MASK, l4_mask = RTE_MBUF_F_RX_L4_CKSUM_MASK;
	struct frame_rx rx = {
		.bytes = packet_bytes(frame),
		.size = frame->data_len,
		.vlan_tci = frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED ? frame->vlan_tci : 0,
		.has_ip_checked = is_good(frame, ip_mask, RTE_MBUF_F_RX_IP_CKSUM_GOOD),
		.has_udp_checked = is_good(frame, l4_mask, RTE_MBUF_F_RX_L4_CKSUM_GOOD),
	};
	if (frame->nb_segs != 1)
		return FRAME_TRUNCATED;
	return frame_parse(listen, &rx, out);
}

/* A frame that is ours becomes a packet. */
static void packet_accept(struct rte_mbuf *packet, const struct frame *frame, uint64_t now_ns)
{
	struct packet_meta *meta = packet_meta(packet);
	packet->data_off = (uint16_t)(packet->data_off + frame->payload_offset);
	packet->data_len = frame->payload_bytes;
	packet->pkt_len = frame->payload_bytes;
	packet->ol_flags = 0;
	meta->flow = frame->flow;
	meta->route = frame->route;
	meta->rx_ns = now_ns;
	meta->tx = (struct packet_tx){0};
}

static void give_foreign(struct device *device, struct rte_mbuf **frames, uint16_t n,
			 uint64_t now_ns)
{
	if (device->exception && n > 0) {
		exception_to_kernel(device->exception, frames, n, now_ns);
		return;
	}
	for (uint16_t i = 0; i < n; i++)
		packet_free(frames[i]);
}

/* Sorts `n` frames; `packets` may be the same array. Returns how many are ours. */
static uint16_t sort(struct port_ethdev *port, struct ethdev_queue *queue, struct device *device,
		     struct rte_mbuf **frames, uint16_t n, uint64_t now_ns)
{
	const struct frame_listen *listen =
		atomic_load_explicit(&port->listen, memory_order_acquire);
	struct rte_mbuf *foreign[PORT_BURST];
	uint16_t n_ours = 0, n_foreign = 0;
	uint64_t bytes = 0, n_bad = 0, n_truncated = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct frame frame;
		enum frame_verdict verdict = judge(listen, frames[i], &frame);
		if (verdict == FRAME_OURS && frame.payload_bytes > PACKET_BYTES_MAX)
			verdict = FRAME_TRUNCATED;
		if (verdict == FRAME_OURS) {
			packet_accept(frames[i], &frame, now_ns);
			bytes += frame.payload_bytes;
			frames[n_ours++] = frames[i];
		} else if (frame_is_foreign(verdict)) {
			foreign[n_foreign++] = frames[i];
		} else {
			n_truncated += verdict == FRAME_TRUNCATED;
			n_bad += verdict != FRAME_TRUNCATED;
			packet_free(frames[i]);
		}
	}
	give_foreign(device, foreign, n_foreign, now_ns);
	port_counter_add(&queue->counters.rx_packets, n_ours);
	port_counter_add(&queue->counters.rx_bytes, bytes);
	port_counter_add(&queue->counters.rx_foreign, n_foreign);
	port_counter_add(&queue->counters.rx_bad_frame, n_bad);
	port_counter_add(&queue->counters.rx_truncated, n_truncated);
	return n_ours;
}

/* What the kernel sends goes out on the NIC as it is. */
static void send_exceptions(struct device *device, const struct device_queue *tx)
{
	struct rte_mbuf *frames[PORT_BURST];
	uint16_t n = exception_from_kernel(device->exception, frames, PORT_BURST);
	if (n == 0)
		return;
	uint16_t sent = rte_eth_tx_burst(tx->ethdev, tx->queue, frames, n);
	for (uint16_t i = sent; i < n; i++)
		packet_free(frames[i]);
}

/* One burst from the receive queue whose turn it is. */
static uint16_t rx_next(struct port_ethdev *port, unsigned int index, struct device *device,
			struct rte_mbuf **frames, uint16_t n)
{
	struct ethdev_queue *queue = &port->queues[index];
	unsigned int at = index + queue->next_rx * port->n_workers;
	if (at >= device->n_rx) {
		at = index;
		queue->next_rx = 0;
	}
	queue->next_rx++;
	const struct device_queue *rx = &device->rx[at].at;
	return rte_eth_rx_burst(rx->ethdev, rx->queue, frames, n);
}

uint16_t port_ethdev_rx_burst(struct port *base, unsigned int index, struct rte_mbuf **packets,
			      uint16_t n, uint64_t now_ns)
{
	struct port_ethdev *port = port_ethdev(base);
	struct ethdev_queue *queue = &port->queues[index];
	uint16_t done = 0;
	assert(index < port->n_workers && n <= PORT_BURST);
	struct device *device = ethdev_enter(port, queue);
	if (device) {
		unsigned int n_rx = (device->n_rx - index + port->n_workers - 1) / port->n_workers;
		/* Each receive queue gets its look; after a burst of nothing for us, another. */
		for (unsigned int i = 0; i < n_rx + RX_ROUNDS && done < n; i++) {
			uint16_t got =
				rx_next(port, index, device, packets + done, (uint16_t)(n - done));
			done = (uint16_t)(done +
					  sort(port, queue, device, packets + done, got, now_ns));
			if (i + 1 >= n_rx && (got == 0 || done > 0))
				break;
		}
		if (index == 0 && device->exception)
			send_exceptions(device, &device->tx[0]);
	}
	ethdev_leave(queue);
	uint64_t lost = atomic_load_explicit(&port->lost, memory_order_relaxed);
	if (index == 0 && lost != queue->lost_seen) {
		port_counter_add(&queue->counters.rx_no_buffer, lost - queue->lost_seen);
		queue->lost_seen = lost;
	}
	return done;
}

uint16_t port_ethdev_datagram_max(const struct port *base, bool ipv4)
{
	const struct port_ethdev *port = port_ethdev(base);
	unsigned int mtu = atomic_load_explicit(&port->mtu, memory_order_relaxed);
	unsigned int heads = ipv4 ? FRAME_IPV4_BYTES : FRAME_IPV6_BYTES;
	return mtu > heads ? (uint16_t)RTE_MIN(mtu - heads, (unsigned int)PACKET_BYTES_MAX) : 0;
}

/* The counter of why this packet cannot leave, or NULL. */
static uint64_t *tx_fault(const struct port_ethdev *port, struct port_counters *counters,
			  struct rte_mbuf *packet)
{
	const struct packet_meta *meta = packet_meta(packet);
	bool ipv4 = address_is_ipv4(&meta->flow.remote);
	uint16_t heads = ipv4 ? FRAME_IPV4_BYTES : FRAME_IPV6_BYTES;
	if (!meta->route.is_known)
		return &counters->tx_no_route;
	if (ipv4 != address_is_ipv4(&meta->flow.local))
		return &counters->tx_error;
	if (packet->data_len > port_ethdev_datagram_max(&port->port, ipv4) ||
	    packet->data_len + heads > path_mtu_find(&port->paths, &meta->flow.remote))
		return &counters->tx_too_big;
	return rte_pktmbuf_headroom(packet) < FRAME_HEAD_MAX ? &counters->tx_error : NULL;
}

/* Writes the head before the payload. The packet is the sender's own: a copy that was made to be
 * sent, so nobody else sees its bytes change. */
static void frame_put(const struct device *device, struct rte_mbuf *packet)
{
	const struct packet_meta *meta = packet_meta(packet);
	struct frame_tx tx = {
		.flow = &meta->flow,
		.route = &meta->route,
		.dscp = meta->tx.dscp,
		.is_offloaded = device->has_tx_checksums,
	};
	uint16_t head_bytes = frame_head_bytes(&meta->flow, &meta->route);
	assert(rte_mbuf_refcnt_read(packet) == 1 && packet->nb_segs == 1);
	frame_write(&tx, packet_bytes(packet), packet->data_len);
	packet->data_off = (uint16_t)(packet->data_off - head_bytes);
	packet->data_len = (uint16_t)(packet->data_len + head_bytes);
	packet->pkt_len = packet->data_len;
	packet->ol_flags = 0;
	if (!tx.is_offloaded)
		return;
	bool ipv4 = address_is_ipv4(&meta->flow.remote);
	packet->l3_len = ipv4 ? 20 : 40;
	packet->l2_len = (uint64_t)(head_bytes - packet->l3_len - 8) & 0x7f;
	packet->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
	packet->ol_flags |= ipv4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM : RTE_MBUF_F_TX_IPV6;
}

static void drop(struct rte_mbuf *packet, uint64_t *counter)
{
	port_counter_add(counter, 1);
	packet_free(packet);
}

/* Up to PORT_BURST packets. Returns how many left. */
static uint16_t tx_chunk(struct port_ethdev *port, struct ethdev_queue *queue,
			 const struct device *device, const struct device_queue *to,
			 struct rte_mbuf **packets, uint16_t n)
{
	uint32_t payload_bytes[PORT_BURST];
	struct rte_mbuf *frames[PORT_BURST];
	uint16_t ready = 0;
	uint64_t bytes = 0;
	for (uint16_t i = 0; i < n; i++) {
		uint64_t *fault = tx_fault(port, &queue->counters, packets[i]);
		if (fault) {
			drop(packets[i], fault);
			continue;
		}
		payload_bytes[ready] = packets[i]->data_len;
		frame_put(device, packets[i]);
		frames[ready++] = packets[i];
	}
	uint16_t sent = ready ? rte_eth_tx_burst(to->ethdev, to->queue, frames, ready) : 0;
	for (uint16_t i = 0; i < sent; i++)
		bytes += payload_bytes[i];
	for (uint16_t i = sent; i < ready; i++)
		drop(frames[i], &queue->counters.tx_would_block);
	port_counter_add(&queue->counters.tx_packets, sent);
	port_counter_add(&queue->counters.tx_bytes, bytes);
	return sent;
}

uint16_t port_ethdev_tx_burst(struct port *base, unsigned int index, struct rte_mbuf **packets,
			      uint16_t n)
{
	struct port_ethdev *port = port_ethdev(base);
	struct ethdev_queue *queue = &port->queues[index];
	uint16_t sent = 0, done = 0;
	/* The queue to send from is nobody else's. */
	assert(index == port->n_workers || port->port.n_queues == port->n_workers);
	struct device *device = ethdev_enter(port, queue);
	if (!device || !atomic_load_explicit(&port->is_up, memory_order_relaxed)) {
		while (done < n)
			drop(packets[done++], &queue->counters.tx_link_down);
	}
	for (uint16_t chunk; done < n; done = (uint16_t)(done + chunk)) {
		chunk = (uint16_t)RTE_MIN(n - done, PORT_BURST);
		sent = (uint16_t)(sent + tx_chunk(port, queue, device, &device->tx[index],
						  packets + done, chunk));
	}
	ethdev_leave(queue);
	return sent;
}
