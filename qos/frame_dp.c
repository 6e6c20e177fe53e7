/* Reads and writes the headers around a datagram, byte by byte, as nothing on the wire is aligned.
 *
 * Reading goes from outside in, in two passes over each header: is it ours, then is it sound. An
 * IPv4 address inside an IPv6 header (::ffff:a.b.c.d) is never ours and never a source: it would be
 * taken for the IPv4 address itself. */
#include "qos/frame.h"

#include <string.h>

#include <rte_ip.h>

#define ETHER_BYTES      14
#define TAG_BYTES        4
#define IPV4_BYTES       20
#define IPV6_BYTES       40
#define UDP_BYTES        8
#define ETHERTYPE_IPV4   0x0800
#define ETHERTYPE_VLAN   0x8100
#define ETHERTYPE_IPV6   0x86dd
#define IPV4_DF          0x4000
#define IPV4_MF          0x2000
#define IPV4_OFFSET_MASK 0x1fff
#define TTL              64
#define EXTENSIONS_MAX                                                                             \
	4 /* hop-by-hop and destination options come twice at most (RFC 8200, 4.1)                 \
	   */

enum { NEXT_HOP_BY_HOP = 0, NEXT_UDP = 17, NEXT_FRAGMENT = 44, NEXT_DESTINATION = 60 };

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static uint16_t get_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put_be16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The IP packet on its way through the parser. */
struct reading {
	const uint8_t *at; /* the next header */
	uint32_t left;     /* bytes from there on */
	bool is_ipv4, is_fragment;
	const uint8_t *source, *destination; /* 4 or 16 bytes */
};

static bool is_listened_to(const struct frame_listen *listen, const uint8_t ip[16])
{
	for (unsigned int i = 0; i < listen->n; i++)
		if (memcmp(listen->addresses[i].ip, ip, 16) == 0)
			return true;
	return false;
}

static void address_fill(struct address *a, const struct reading *reading, const uint8_t *ip,
			 uint32_t scope_id)
{
	if (reading->is_ipv4) {
		memcpy(a->ip, ipv4_prefix, sizeof(ipv4_prefix));
		memcpy(a->ip + sizeof(ipv4_prefix), ip, 4);
		a->scope_id = 0;
	} else {
		memcpy(a->ip, ip, 16);
		a->scope_id = ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80 ? scope_id : 0;
	}
	a->reserved = 0;
}

static bool is_sound_source(const struct reading *reading)
{
	static const uint8_t zero[16];
	const uint8_t *ip = reading->source;
	if (reading->is_ipv4)
		return ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
	/* ::/96 has the unspecified and the loopback address, ::ffff:0:0/96 is IPv4's. */
	return ip[0] != 0xff && memcmp(ip, zero, 12) != 0 && memcmp(ip, ipv4_prefix, 12) != 0;
}

/* The folded sum of what UDP checks of the IP header (RFC 768; RFC 8200, 8.1). */
static uint16_t pseudo_sum(const uint8_t *source, const uint8_t *destination,
			   uint16_t address_bytes, uint16_t udp_bytes)
{
	uint8_t rest[4] = {0, NEXT_UDP};
	put_be16(rest + 2, udp_bytes);
	uint32_t sum = (uint32_t)rte_raw_cksum(source, address_bytes) +
		       rte_raw_cksum(destination, address_bytes) +
		       rte_raw_cksum(rest, sizeof(rest));
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint16_t sum_add(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static enum frame_verdict read_ipv4(struct reading *reading, const struct frame_listen *listen,
				    bool is_checked)
{
	const uint8_t *ip = reading->at;
	uint8_t to[16];
	if (reading->left < IPV4_BYTES)
		return FRAME_TRUNCATED;
	uint32_t header_bytes = (ip[0] & 0x0fu) * 4, total_bytes = get_be16(ip + 2);
	if (ip[0] >> 4 != 4 || header_bytes < IPV4_BYTES)
		return FRAME_BAD_HEADER;
	memcpy(to, ipv4_prefix, sizeof(ipv4_prefix));
	memcpy(to + sizeof(ipv4_prefix), ip + 16, 4);
	if (!is_listened_to(listen, to))
		return FRAME_OTHER_ADDRESS;
	if (ip[9] != NEXT_UDP)
		return FRAME_NOT_UDP;
	uint16_t fragment = get_be16(ip + 6);
	if (fragment & IPV4_OFFSET_MASK)
		return FRAME_LATE_FRAGMENT;
	if (header_bytes + UDP_BYTES > total_bytes)
		return FRAME_BAD_LENGTH;
	if (header_bytes + UDP_BYTES > reading->left)
		return FRAME_TRUNCATED;
	if (get_be16(ip + header_bytes + 2) != listen->udp_port)
		return FRAME_OTHER_PORT;
	if (total_bytes > reading->left)
		return FRAME_TRUNCATED;
	if (!is_checked && rte_raw_cksum(ip, header_bytes) != 0xffff)
		return FRAME_IP_CHECKSUM;
	*reading = (struct reading){
		.at = ip + header_bytes,
		.left = total_bytes - header_bytes,
		.is_ipv4 = true,
		.is_fragment = fragment & IPV4_MF,
		.source = ip + 12,
		.destination = ip + 16,
	};
	return FRAME_OURS;
}

/* Skips options up to the UDP header, or to a fragment header that stands before it. */
static enum frame_verdict skip_extensions(struct reading *reading, uint8_t next)
{
	for (int n = 0; next != NEXT_UDP; n++) {
		if (next != NEXT_HOP_BY_HOP && next != NEXT_DESTINATION && next != NEXT_FRAGMENT)
			return FRAME_NOT_UDP;
		if (n == EXTENSIONS_MAX)
			return FRAME_EXTENSIONS;
		if (reading->left < 8)
			return FRAME_TRUNCATED;
		const uint8_t *header = reading->at;
		uint32_t bytes = 8;
		if (next == NEXT_FRAGMENT) {
			/* Offset in the upper 13 bits, M in the lowest (RFC 8200, 4.5). */
			uint16_t fragment = get_be16(header + 2);
			if (fragment & 0xfff8)
				return FRAME_LATE_FRAGMENT;
			reading->is_fragment = true;
		} else {
			bytes = 8 + header[1] * 8u;
		}
		if (bytes > reading->left)
			return FRAME_TRUNCATED;
		next = header[0];
		reading->at += bytes;
		reading->left -= bytes;
	}
	return FRAME_OURS;
}

static enum frame_verdict read_ipv6(struct reading *reading, const struct frame_listen *listen)
{
	const uint8_t *ip = reading->at;
	if (reading->left < IPV6_BYTES)
		return FRAME_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return FRAME_BAD_HEADER;
	if (memcmp(ip + 24, ipv4_prefix, sizeof(ipv4_prefix)) == 0 ||
	    !is_listened_to(listen, ip + 24))
		return FRAME_OTHER_ADDRESS;
	uint32_t has = reading->left - IPV6_BYTES, says = get_be16(ip + 4);
	*reading = (struct reading){
		.at = ip + IPV6_BYTES,
		.left = has < says ? has : says,
		.source = ip + 8,
		.destination = ip + 24,
	};
	enum frame_verdict verdict = skip_extensions(reading, ip[6]);
	if (verdict != FRAME_OURS)
		return verdict;
	if (reading->left < UDP_BYTES)
		return has < says ? FRAME_TRUNCATED : FRAME_BAD_LENGTH;
	if (get_be16(reading->at + 2) != listen->udp_port)
		return FRAME_OTHER_PORT;
	return has < says ? FRAME_TRUNCATED : FRAME_OURS;
}

static enum frame_verdict check_udp(const struct reading *reading,
				    const struct frame_listen *listen, bool is_checked)
{
	uint16_t udp_bytes = get_be16(reading->at + 4);
	uint16_t address_bytes = reading->is_ipv4 ? 4 : 16;
	if (reading->is_fragment)
		return FRAME_FRAGMENT;
	if (udp_bytes < UDP_BYTES || udp_bytes > reading->left)
		return FRAME_BAD_LENGTH;
	if (!is_sound_source(reading) || get_be16(reading->at) == 0)
		return FRAME_BAD_SOURCE;
	uint16_t told;
	memcpy(&told, reading->at + 6, sizeof(told));
	if (told == 0)
		return reading->is_ipv4 ? FRAME_OURS : FRAME_NO_CHECKSUM;
	if (is_checked)
		return FRAME_OURS;
	uint16_t pseudo =
		pseudo_sum(reading->source, reading->destination, address_bytes, udp_bytes);
	if (sum_add(pseudo, rte_raw_cksum(reading->at, udp_bytes)) == 0xffff)
		return FRAME_OURS;
	return listen->takes_partial_checksum && told == pseudo ? FRAME_OURS : FRAME_UDP_CHECKSUM;
}

enum frame_verdict frame_parse(const struct frame_listen *listen, const struct frame_rx *rx,
			       struct frame *out)
{
	const uint8_t *ether = rx->bytes;
	struct reading reading = {.at = ether + ETHER_BYTES};
	uint16_t vlan_tci = rx->vlan_tci;
	if (rx->size < ETHER_BYTES)
		return FRAME_TRUNCATED;
	if (ether[0] & 1)
		return FRAME_LINK_GROUP;
	uint16_t type = get_be16(ether + 12);
	reading.left = rx->size - (uint32_t)ETHER_BYTES;
	if (type == ETHERTYPE_VLAN && vlan_tci == 0) {
		if (reading.left < TAG_BYTES)
			return FRAME_TRUNCATED;
		vlan_tci = get_be16(reading.at);
		type = get_be16(reading.at + 2);
		reading.at += TAG_BYTES;
		reading.left -= TAG_BYTES;
	}
	enum frame_verdict verdict = FRAME_NOT_IP;
	if (type == ETHERTYPE_IPV4)
		verdict = read_ipv4(&reading, listen, rx->has_ip_checked);
	else if (type == ETHERTYPE_IPV6)
		verdict = read_ipv6(&reading, listen);
	if (verdict == FRAME_OURS)
		verdict = check_udp(&reading, listen, rx->has_udp_checked);
	if (verdict != FRAME_OURS)
		return verdict;
	if (ether[6] & 1)
		return FRAME_BAD_SOURCE;
	address_fill(&out->flow.local, &reading, reading.destination, listen->scope_id);
	address_fill(&out->flow.remote, &reading, reading.source, listen->scope_id);
	out->flow.local.port = listen->udp_port;
	out->flow.remote.port = get_be16(reading.at);
	out->route = (struct link_route){.vlan_tci = vlan_tci, .is_known = 1};
	memcpy(out->route.to, ether + 6, 6);
	memcpy(out->route.from, ether, 6);
	out->payload_offset = (uint16_t)(reading.at + UDP_BYTES - rx->bytes);
	out->payload_bytes = (uint16_t)(get_be16(reading.at + 4) - UDP_BYTES);
	return FRAME_OURS;
}

/* Each writes before `end` and returns where it began. */
static uint8_t *write_ether(const struct link_route *route, bool ipv4, uint8_t *end)
{
	uint8_t *at = end - 2;
	put_be16(at, ipv4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
	if (route->vlan_tci) {
		at -= TAG_BYTES;
		put_be16(at + 2, route->vlan_tci);
		put_be16(at, ETHERTYPE_VLAN);
	}
	at -= 12;
	memcpy(at, route->to, 6);
	memcpy(at + 6, route->from, 6);
	return at;
}

/* The identification of an atomic datagram may be anything (RFC 6864, 4.1). */
static uint8_t *write_ipv4(const struct frame_tx *tx, uint16_t udp_bytes, uint8_t *end)
{
	uint8_t *ip = end - IPV4_BYTES;
	ip[0] = 0x45;
	ip[1] = (uint8_t)(tx->dscp << 2);
	put_be16(ip + 2, (uint16_t)(IPV4_BYTES + udp_bytes));
	put_be16(ip + 4, 0);
	put_be16(ip + 6, IPV4_DF);
	ip[8] = TTL;
	ip[9] = NEXT_UDP;
	put_be16(ip + 10, 0);
	memcpy(ip + 12, tx->flow->local.ip + sizeof(ipv4_prefix), 4);
	memcpy(ip + 16, tx->flow->remote.ip + sizeof(ipv4_prefix), 4);
	if (!tx->is_offloaded) {
		uint16_t sum = (uint16_t)~rte_raw_cksum(ip, IPV4_BYTES);
		memcpy(ip + 10, &sum, sizeof(sum));
	}
	return ip;
}

static uint8_t *write_ipv6(const struct frame_tx *tx, uint16_t udp_bytes, uint8_t *end)
{
	uint8_t *ip = end - IPV6_BYTES;
	put_be16(ip, (uint16_t)(0x6000 | tx->dscp << 6));
	put_be16(ip + 2, 0);
	put_be16(ip + 4, udp_bytes);
	ip[6] = NEXT_UDP;
	ip[7] = TTL;
	memcpy(ip + 8, tx->flow->local.ip, 16);
	memcpy(ip + 24, tx->flow->remote.ip, 16);
	return ip;
}

void frame_write(const struct frame_tx *tx, uint8_t *payload, uint16_t payload_bytes)
{
	uint8_t *udp = payload - UDP_BYTES;
	uint16_t udp_bytes = (uint16_t)(UDP_BYTES + payload_bytes);
	bool ipv4 = address_is_ipv4(&tx->flow->remote);
	uint8_t *ip = ipv4 ? write_ipv4(tx, udp_bytes, udp) : write_ipv6(tx, udp_bytes, udp);
	put_be16(udp, tx->flow->local.port);
	put_be16(udp + 2, tx->flow->remote.port);
	put_be16(udp + 4, udp_bytes);
	put_be16(udp + 6, 0);
	uint16_t address_bytes = ipv4 ? 4 : 16;
	const uint8_t *source = ipv4 ? ip + 12 : ip + 8;
	uint16_t sum = pseudo_sum(source, source + address_bytes, address_bytes, udp_bytes);
	if (!tx->is_offloaded) {
		sum = (uint16_t)~sum_add(sum, rte_raw_cksum(udp, udp_bytes));
		/* 0 would say that there is none. */
		if (sum == 0)
			sum = 0xffff;
	}
	memcpy(udp + 6, &sum, sizeof(sum));
	write_ether(tx->route, ipv4, ip);
}
