/* SRTP and SRTCP protection (RFC 3711, RFC 7714) of whole bursts on DPDK crypto devices: what many
 * viewers are sent is encrypted as one vector, each packet under its own session's keys, straight
 * from the one source if the transform can. Byte for byte what media/srtp.h makes of the same
 * packets, which stays the inbound side, and does the work behind this interface where there is no
 * device for it.
 *
 * Control starts the devices and makes queues, one per worker. A sender is made by any registered
 * EAL thread and used by one at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/dtls.h"
#include "qos/packet.h"

#define SRTP_BURST_MAX          32
#define SRTP_DRIVER_OFF         "off"
#define SRTP_LIBRARY            "libsrtp2"
#define SRTP_SENDER_SOURCES_MAX 40 /* SSRCs of one sender, at most */

#define SRTP_POOL_PREFIX "srtp-" /* of the names of DPDK's pools */

struct srtp_devices;
struct srtp_queue;
struct srtp_sender;

struct srtp_devices_config {
	unsigned int n_queues;    /* of workers */
	unsigned int senders_max; /* at once */
	/* Names of DPDK's drivers for AES-GCM, and for AES-CM with HMAC-SHA1. NULL:
	 * crypto_aesni_gcm, crypto_aesni_mb; SRTP_DRIVER_OFF: none. Borrowed. */
	const char *gcm_driver, *cm_driver;
};

/* Control thread, after eal_start and nn_srtp_start. What has no driver here, or finds no memory
 * for its sessions, is logged and left to libsrtp2. -ENOMEM. */
int srtp_devices_start(const struct srtp_devices_config *config, struct srtp_devices **out);
/* Whose work a profile is: the driver's name, or SRTP_LIBRARY. Any thread. */
const char *srtp_devices_driver(const struct srtp_devices *devices, enum srtp_profile profile);
/* All queues and senders are gone. Takes NULL. */
void srtp_devices_stop(struct srtp_devices *devices);

/* Queue `index` (< n_queues). Control thread makes it, its worker uses it. -ENOMEM. */
int srtp_queue_create(struct srtp_devices *devices, unsigned int index, struct srtp_queue **out);
void srtp_queue_destroy(struct srtp_queue *queue);

/* Protects with keys->send what has one of `sources_max` SSRCs: each takes 160 bytes, used or not.
 * -EINVAL unknown profile, more than SRTP_SENDER_SOURCES_MAX; -ENOMEM; -EIO. */
int srtp_sender_create(struct srtp_devices *devices, const struct srtp_keys *keys,
		       unsigned int sources_max, struct srtp_sender **out);
/* What such a sender takes, without its sessions in the device. Any thread. */
size_t srtp_sender_bytes(unsigned int sources_max);
/* Nobody uses it any more. Takes NULL. */
void srtp_sender_destroy(struct srtp_sender *sender);
/* What protect adds to a packet: RTP, RTCP. */
unsigned int srtp_sender_trailer_bytes(const struct srtp_sender *sender, bool is_rtcp);

/* One packet to protect. */
struct srtp_job {
	struct srtp_sender *sender;
	/* The packet that is sent: single segment, held by nobody else, tail room for payload and
	 * trailer. In place (source NULL) it is complete; else it holds its RTP header alone, and
	 * the payload is read from the source. */
	struct rte_mbuf *packet;
	const struct rte_mbuf *source;         /* borrowed, unchanged */
	uint16_t source_offset, payload_bytes; /* of the source; unused in place */
	uint16_t header_bytes;                 /* RTP header with extensions; unused of RTCP */
	bool is_rtcp;                          /* in place only */
	/* 0; -EBADMSG too short or too long; -ENOSPC no tail room; -EALREADY an index already used
	 * or too old to know; -ENOBUFS one source too many; -EKEYEXPIRED; -EIO the device failed. A
	 * packet that failed holds rubbish. */
	int result;
};

/* Any number of jobs, of any senders, in any mix; those of one sender are taken in order. Returns
 * how many succeeded. The queue's worker. */
unsigned int srtp_queue_protect(struct srtp_queue *queue, struct srtp_job *jobs, unsigned int n);
/* Fetches what protecting a packet looks at; before the packets in between, so that it has come. */
void srtp_sender_prefetch(const struct srtp_sender *sender);
