/* An Ethernet frame around a datagram of ours, both ways: Ethernet II, at most one 802.1Q tag, IPv4
 * or IPv6, UDP. Pure functions over bytes, any thread. Payload is neither copied nor moved. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "qos/packet.h"

#define FRAME_LISTEN_MAX 64 /* addresses of one port */

/* The largest head that frame_write writes: Ethernet, tag, IPv6, UDP. Less than what packets keep
 * free before their bytes. */
#define FRAME_HEAD_MAX (14 + 4 + 40 + 8)

#define FRAME_IPV4_BYTES 28 /* IP and UDP header: what a datagram of an IPv4 packet is less by */
#define FRAME_IPV6_BYTES 48

enum frame_verdict {
	FRAME_OURS,
	/* The kernel's business, or another host's: */
	FRAME_LINK_GROUP,    /* to a group of stations */
	FRAME_NOT_IP,        /* ARP, a second tag, ... */
	FRAME_OTHER_ADDRESS, /* not to an address of ours */
	FRAME_NOT_UDP,       /* TCP, ICMP, extension headers of other kinds */
	FRAME_EXTENSIONS,    /* more IPv6 extension headers than we skip */
	FRAME_LATE_FRAGMENT, /* a fragment that does not say its port */
	FRAME_OTHER_PORT,
	/* No sound datagram: */
	FRAME_TRUNCATED,    /* cut short on the way to us */
	FRAME_BAD_HEADER,   /* IP version or header length */
	FRAME_BAD_LENGTH,   /* IP and UDP lengths disagree */
	FRAME_FRAGMENT,     /* to our port. WebRTC never fragments, so nothing is put together */
	FRAME_IP_CHECKSUM,  /* RFC 791, 3.1 */
	FRAME_NO_CHECKSUM,  /* none over IPv6 (RFC 8200, 8.1) */
	FRAME_UDP_CHECKSUM, /* RFC 768 */
	FRAME_BAD_SOURCE,   /* no address that anything could be sent to */
	FRAME_VERDICTS
};
extern const char *const frame_verdict_names[FRAME_VERDICTS]; /* "ours", "link_group", ... */

static inline bool frame_is_foreign(enum frame_verdict verdict)
{
	return verdict >= FRAME_LINK_GROUP && verdict <= FRAME_OTHER_PORT;
}

/* Whose datagrams are ours. */
struct frame_listen {
	struct address addresses[FRAME_LISTEN_MAX]; /* each with the port; none unspecified */
	unsigned int n;
	uint16_t udp_port;
	uint32_t scope_id; /* of link-local addresses: the interface's index */
	/* A UDP checksum that holds the pseudo header's sum alone is taken for one still to be
	 * filled in: so leave it senders of this machine (veth, a virtual machine's host), who
	 * count on a NIC that is not there. */
	bool takes_partial_checksum;
};

/* What came in, and what the NIC already did to it. */
struct frame_rx {
	const uint8_t *bytes; /* from the Ethernet header on, without FCS */
	uint16_t size;
	uint16_t vlan_tci; /* of a tag that was taken off, else 0 */
	bool has_ip_checked, has_udp_checked;
};

struct frame {
	struct flow flow;
	struct link_route route; /* back to the sender */
	uint16_t payload_offset, payload_bytes;
};

/* Judges a frame. `out` is written for FRAME_OURS only. A frame is foreign before it is bad: what
 * may be another's is left to be judged by him. */
enum frame_verdict frame_parse(const struct frame_listen *listen, const struct frame_rx *rx,
			       struct frame *out);

struct frame_tx {
	const struct flow *flow; /* borrowed, as all pointers here */
	const struct link_route *route;
	uint8_t dscp;
	/* Left to the NIC: the IP checksum is 0, the UDP checksum holds the pseudo header's sum. */
	bool is_offloaded;
};

/* Bytes of the head for this flow and route. */
static inline uint16_t frame_head_bytes(const struct flow *flow, const struct link_route *route)
{
	return (uint16_t)(14 + (route->vlan_tci ? 4 : 0) +
			  (address_is_ipv4(&flow->remote) ? 20 : 40) + 8);
}

/* Writes the head before `payload`, where that many bytes must be free: TTL 64, DF, ECN 0. */
void frame_write(const struct frame_tx *tx, uint8_t *payload, uint16_t payload_bytes);
