/* The DPDK devices behind a port: one with several queues (net_af_xdp, a PCI NIC) or several with
 * one (net_af_packet). Opened and closed as a whole, on the control thread; the fields are constant
 * in between. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "qos/frame.h"
#include "qos/port.h"

#define DEVICE_RX_MAX 64 /* receive queues of one port */

struct exception;
struct xdp_rings;
struct xdp_steer;

struct device_config {
	enum port_kind kind;
	const char *interface, *pci_address; /* borrowed, as in port_config */
	unsigned int n_workers;
	bool has_send_queue;
	uint16_t udp_port;
	struct rte_mempool *pool; /* borrowed */
};

struct device_queue {
	uint16_t ethdev, queue;
};

struct device_rx {
	struct device_queue at;
	int fd;      /* of the driver, readable when frames are there; -1: it can only be polled */
	ino_t inode; /* of fd */
	struct xdp_rings *rings; /* owned; PORT_AF_XDP: to get back what the driver forgets */
};

struct device {
	enum port_kind kind;
	struct rte_mempool *pool; /* borrowed */
	unsigned int n_ethdevs;
	uint16_t ethdevs[PORT_QUEUES_MAX];
	unsigned int n_rx; /* worker w polls rx[w], rx[w + n_workers], ... */
	struct device_rx rx[DEVICE_RX_MAX];
	struct device_queue tx[PORT_QUEUES_MAX + 1]; /* by queue of the port */
	bool has_tx_checksums;                       /* the NIC fills them in */
	bool has_interrupts;                         /* rx fds want arming, PORT_PCI */
	uint16_t frame_bytes_max;                    /* without FCS */
	uint64_t n_lost;                             /* so far */
	struct xdp_steer *steer;                     /* owned; PORT_AF_XDP */
	struct exception *exception;                 /* owned; PORT_PCI */
};

/* Negative errno, logged; nothing stays open then. */
int device_open(const struct device_config *config, struct device **out);
/* Nobody may be using it any more. NULL is taken. */
void device_close(struct device *device);

/* Frames that came for us and were lost before any thread of ours saw them, since the device was
 * opened: no buffer, no room in a ring. */
uint64_t device_lost(struct device *device);
/* PORT_PCI: whether the NIC is still there, whether it has a link, and its MTU. */
bool device_is_there(const struct device *device);
bool device_is_up(const struct device *device);
uint16_t device_mtu(const struct device *device);
