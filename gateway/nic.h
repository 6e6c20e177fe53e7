/* What an interface of the kernel is and can do for a port. Nothing is changed and nothing stays
 * behind. Any thread. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "qos/xdp_probe.h"

#define NIC_MAX      64
#define NIC_IRQS_MAX 64

struct nic_irq {
	unsigned int number;
	char cpus[64]; /* that serve it, "0-3" */
};

struct nic {
	char name[IF_NAMESIZE];
	char driver[32], bus[32]; /* "virtio_net", "0000:00:03.0"; may be "" */
	unsigned int rx_queues, mtu;
	unsigned int xdp_queues; /* of rx_queues, what net_af_xdp can open */
	unsigned int speed_mbps; /* 0: not told */
	bool is_loopback, is_up, has_link;
	bool is_native_xdp_likely; /* the driver is known for it; else XDP runs behind the driver,
				      which costs a copy and an skb */
	uint32_t xdp_program;      /* on it now; 0: none */
	int xdp_rc;                /* of an AF_XDP socket on every receive queue */
	struct xdp_probe xdp_fault;
	int af_packet_rc; /* of an AF_PACKET socket */
	struct nic_irq irqs[NIC_IRQS_MAX];
	unsigned int n_irqs; /* 0: not a device of a bus, or not told */
};

/* Looks at an interface, and tries an AF_XDP socket on each of its receive queues with `xdp_bytes`
 * of memory. -ENODEV. */
int nic_read(const char *name, uint64_t xdp_bytes, struct nic *nic);

/* The names of all interfaces. Returns how many. */
unsigned int nic_list(char names[NIC_MAX][IF_NAMESIZE]);
