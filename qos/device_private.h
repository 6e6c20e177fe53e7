/* What the kinds of devices share. Private to device*.c. */
#pragma once

#include "qos/device.h"

/* The kinds, each as device_open, into a zeroed `device`; what is open when one fails is left to
 * device_close. */
int device_af_packet_open(struct device *device, const struct device_config *config);
int device_af_xdp_open(struct device *device, const struct device_config *config);
int device_pci_open(struct device *device, const struct device_config *config);

/* How an ethdev is set up; rte_ethdev's own words say what it can. */
struct device_setup {
	uint16_t ethdev;
	uint16_t n_rx, n_tx;
	bool has_interrupts;
	struct rte_mempool *pool;
};

/* Offloads as offered, queues, no start. Negative errno, logged. */
int device_configure(struct device *device, const struct device_setup *setup);
int device_rx_setup(const struct device_setup *setup, uint16_t queue);
int device_start(const struct device_setup *setup);

/* Stops and closes what is open of the driver. */
void device_ethdevs_close(struct device *device);

/* The file descriptor that a driver opened between the two calls, which tell it apart by its
 * family. -1: none, or more than one. */
struct device_fds {
	int family;
	uint64_t bits[256]; /* of the first 16384 descriptors */
};
void device_fds_before(struct device_fds *fds, int family);
int device_fds_new(const struct device_fds *fds, ino_t *inode);

/* In place of a family: programs, maps and types of BPF, which net_af_xdp never closes. */
#define DEVICE_FDS_BPF -1
/* Leaves in `fds` those that were opened since; then closes them. */
void device_fds_keep_new(struct device_fds *fds);
void device_fds_close(const struct device_fds *fds);

/* "VERB: ERROR", with the interface. Returns rc. */
int device_fault(const struct device_config *config, const char *what, int rc);
