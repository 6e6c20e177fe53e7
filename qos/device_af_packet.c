/* net_af_packet: a packet socket with rings of frames per queue. The kernel goes on handling every
 * frame as ever; we get copies, of UDP to our port alone, since a filter in the kernel spares us
 * all others. Each queue is a device of its own: the driver puts them into one fanout group of the
 * process, so the kernel spreads flows over them as over the queues of one device.
 *
 * Datagrams that a sender on this very machine leaves to a NIC to be cut (UDP_SEGMENT, over a veth
 * pair) come in one piece and are counted as truncated: "ethtool -K DEVICE tx-udp-segmentation off"
 * on the sender's end. */
#include "qos/device_private.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "conf/log.h"

/* 2048 frames either way, some 20 ms of 1 Gbit/s; frames of 2 KiB are the largest that fit our
 * buffers. The driver's frames lie back to back, which blocks of their multiples give. */
#define RING_ARGUMENTS "qpairs=1,framesz=2048,framecnt=2048,blocksz=32768"

/* What the driver takes of a frame's room for itself, when sending: TPACKET2_HDRLEN less the socket
 * address in it. */
#define FRAME_BYTES_MAX (2048 - 32)

#define IPV6_NEXT     (14 + 6)
#define IPV6_UDP_PORT (14 + 40 + 2)

/* UDP to the port passes, whole and in at most the first fragment; so do IPv6 options, behind which
 * the parser looks. Tags were taken off before. What this host sends itself does not pass. */
static int filter_attach(int fd, uint16_t udp_port)
{
	struct sock_filter code[] = {
		/*  0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
				  (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		/*  1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 17, 0),
		/*  2 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		/*  3 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, 7),
		/*  4 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 9),
		/*  5 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 13),
		/*  6 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 14 + 6),
		/*  7 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 11, 0),
		/*  8 */ BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
		/*  9 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14 + 2),
		/* 10 */ BPF_JUMP(BPF_JMP | BPF_JA, 6, 0, 0),
		/* 11 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x86dd, 0, 7),
		/* 12 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IPV6_NEXT),
		/* 13 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 2, 0),
		/* 14 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_HOPOPTS, 3, 0),
		/* 15 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_DSTOPTS, 2, 3),
		/* 16 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, IPV6_UDP_PORT),
		/* 17 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, udp_port, 0, 1),
		/* 18 */ BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		/* 19 */ BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {.len = RTE_DIM(code), .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0
		       ? 0
		       : -errno;
}

static int queue_open(struct device *device, const struct device_config *config, unsigned int q)
{
	char name[RTE_ETH_NAME_MAX_LEN], arguments[128];
	struct device_setup setup = {.n_rx = 1, .n_tx = 1, .pool = config->pool};
	struct device_rx *rx = &device->rx[q];
	struct device_fds fds;
	snprintf(name, sizeof(name), "net_af_packet_%s_%u", config->interface, q);
	snprintf(arguments, sizeof(arguments), "iface=%s," RING_ARGUMENTS, config->interface);
	device_fds_before(&fds, AF_PACKET);
	int rc = rte_eal_hotplug_add("vdev", name, arguments);
	if (rc == 0)
		rc = rte_eth_dev_get_port_by_name(name, &setup.ethdev);
	if (rc != 0)
		return device_fault(config, "cannot open packet sockets (CAP_NET_RAW)", rc);
	device->ethdevs[device->n_ethdevs++] = setup.ethdev;
	rx->at = (struct device_queue){.ethdev = setup.ethdev};
	rx->fd = device_fds_new(&fds, &rx->inode);
	device->tx[q] = rx->at;
	device->n_rx++;
	rc = rx->fd < 0 ? 0 : filter_attach(rx->fd, config->udp_port);
	if (rc == 0)
		rc = device_configure(device, &setup);
	if (rc == 0)
		rc = device_rx_setup(&setup, 0);
	if (rc == 0)
		rc = device_start(&setup);
	return rc ? device_fault(config, "cannot set up a packet socket", rc) : 0;
}

int device_af_packet_open(struct device *device, const struct device_config *config)
{
	int rc = 0;
	device->frame_bytes_max = FRAME_BYTES_MAX;
	for (unsigned int q = 0; q < config->n_workers && rc == 0; q++)
		rc = queue_open(device, config, q);
	if (config->has_send_queue)
		device->tx[config->n_workers] = device->tx[0];
	return rc;
}
