/* Frames read and written: against bytes laid out by hand, and a checksum that is added up the slow
 * way. Every verdict is reached. */
#include <stdlib.h>
#include <string.h>

#include "qos/frame.h"
#include "tests/cunit.h"

#define PORT  8443
#define SCOPE 5

enum base { IPV4, IPV6, VLAN4, VLAN6 };

/* A frame under construction. */
struct draft {
	uint8_t bytes[256];
	uint16_t size, ip, udp; /* where they begin */
	bool is_ipv4;
};

static const uint8_t node_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t node4[4] = {192, 0, 2, 1}, peer4[4] = {192, 0, 2, 2};
static const uint8_t node6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
static const uint8_t peer6[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
static const uint8_t local6[16] = {0xfe, 0x80, [15] = 1};

static struct frame_listen listen_on(void)
{
	struct frame_listen listen = {.n = 3, .udp_port = PORT, .scope_id = SCOPE};
	CU_ASSERT_EQUAL_FATAL(address_parse_ip(&listen.addresses[0], "192.0.2.1", PORT), 0);
	CU_ASSERT_EQUAL_FATAL(address_parse_ip(&listen.addresses[1], "2001:db8::1", PORT), 0);
	memcpy(listen.addresses[2].ip, local6, 16);
	listen.addresses[2].scope_id = SCOPE;
	return listen;
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static unsigned int get16(const uint8_t *at)
{
	return at[0] * 256u + at[1];
}

/* RFC 1071, byte pairs in network order. */
static uint32_t sum_of(const uint8_t *bytes, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 ? bytes[i] : bytes[i] * 256u;
	return sum;
}

static unsigned int fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static unsigned int pseudo_of(const struct draft *d)
{
	unsigned int udp_bytes = get16(d->bytes + d->udp + 4);
	uint32_t sum = d->is_ipv4 ? sum_of(d->bytes + d->ip + 12, 8, 0)
				  : sum_of(d->bytes + d->ip + 8, 32, 0);
	return fold(sum + 17 + udp_bytes);
}

static unsigned int udp_sum_of(const struct draft *d)
{
	return fold(sum_of(d->bytes + d->udp, get16(d->bytes + d->udp + 4), pseudo_of(d)));
}

static void sums_fill(struct draft *d)
{
	if (d->is_ipv4) {
		put16(d->bytes + d->ip + 10, 0);
		size_t header_bytes = (d->bytes[d->ip] & 15u) * 4;
		put16(d->bytes + d->ip + 10,
		      ~fold(sum_of(d->bytes + d->ip, header_bytes, 0)) & 0xffff);
	}
	put16(d->bytes + d->udp + 6, 0);
	put16(d->bytes + d->udp + 6, ~udp_sum_of(d) & 0xffff);
}

/* "payload!" from the peer to the node, everything right. `extra` bytes come between the IP header
 * and UDP: IPv4 options or IPv6 extension headers. */
static struct draft draft_of(enum base base, const uint8_t *extra, uint16_t extra_bytes, int next)
{
	struct draft d = {.ip = 14, .is_ipv4 = base == IPV4 || base == VLAN4};
	memcpy(d.bytes, node_mac, 6);
	memcpy(d.bytes + 6, peer_mac, 6);
	if (base == VLAN4 || base == VLAN6) {
		put16(d.bytes + 12, 0x8100);
		put16(d.bytes + 14, 0x6007);
		d.ip = 18;
	}
	put16(d.bytes + d.ip - 2, d.is_ipv4 ? 0x0800 : 0x86dd);
	uint8_t *ip = d.bytes + d.ip;
	uint16_t header_bytes = (uint16_t)((d.is_ipv4 ? 20 : 40) + extra_bytes);
	memcpy(ip + header_bytes - extra_bytes, extra ? extra : ip, extra_bytes);
	d.udp = (uint16_t)(d.ip + header_bytes);
	d.size = (uint16_t)(d.udp + 16);
	if (d.is_ipv4) {
		ip[0] = (uint8_t)(0x40 + header_bytes / 4);
		ip[1] = 0xb8;
		put16(ip + 2, header_bytes + 16u);
		ip[8] = 3;
		ip[9] = 17;
		memcpy(ip + 12, peer4, 4);
		memcpy(ip + 16, node4, 4);
	} else {
		put16(ip, 0x6b80);
		put16(ip + 4, extra_bytes + 16u);
		ip[6] = (uint8_t)(next < 0 ? 17 : next);
		ip[7] = 3;
		memcpy(ip + 8, peer6, 16);
		memcpy(ip + 24, node6, 16);
	}
	put16(d.bytes + d.udp, 40000);
	put16(d.bytes + d.udp + 2, PORT);
	put16(d.bytes + d.udp + 4, 16);
	memcpy(d.bytes + d.udp + 8, "payload!", 8);
	sums_fill(&d);
	return d;
}

static enum frame_verdict parse(const struct draft *d, struct frame *out)
{
	struct frame_listen listen = listen_on();
	struct frame_rx rx = {.bytes = d->bytes, .size = d->size};
	return frame_parse(&listen, &rx, out);
}

static void frame_tells_flow_route_and_payload(void)
{
	for (enum base base = IPV4; base <= VLAN6; base++) {
		struct draft d = draft_of(base, NULL, 0, -1);
		struct address peer, node;
		struct frame frame;
		const char *text = d.is_ipv4 ? "192.0.2." : "2001:db8::";
		char ip[32];
		snprintf(ip, sizeof(ip), "%s1", text);
		address_parse_ip(&node, ip, PORT);
		snprintf(ip, sizeof(ip), "%s2", text);
		address_parse_ip(&peer, ip, 40000);
		CU_ASSERT_EQUAL_FATAL(parse(&d, &frame), FRAME_OURS);
		CU_ASSERT(address_equal(&frame.flow.local, &node));
		CU_ASSERT(address_equal(&frame.flow.remote, &peer));
		CU_ASSERT_EQUAL(memcmp(frame.route.to, peer_mac, 6), 0);
		CU_ASSERT_EQUAL(memcmp(frame.route.from, node_mac, 6), 0);
		CU_ASSERT_EQUAL(frame.route.is_known, 1);
		CU_ASSERT_EQUAL(frame.route.vlan_tci, base >= VLAN4 ? 0x6007 : 0);
		CU_ASSERT_EQUAL(frame.payload_bytes, 8);
		CU_ASSERT_EQUAL(memcmp(d.bytes + frame.payload_offset, "payload!", 8), 0);
	}
}

/* One byte or word set, then the checksums made right again (or not). */
struct change_row {
	enum frame_verdict verdict;
	enum base base;
	enum { ETHER, IP, UDP } from;
	uint16_t offset, value;
	bool is_byte, keeps_sums;
};

static const struct change_row changes[] = {
	{FRAME_LINK_GROUP, IPV4, ETHER, 0, 0xffff, false, false},
	{FRAME_LINK_GROUP, IPV6, ETHER, 0, 0x3333, false, false},
	{FRAME_NOT_IP, IPV4, ETHER, 12, 0x0806, false, false},
	{FRAME_NOT_IP, IPV4, ETHER, 12, 46, false, false},
	{FRAME_NOT_IP, VLAN4, ETHER, 16, 0x8100, false, false},
	{FRAME_NOT_IP, VLAN4, ETHER, 12, 0x88a8, false, false},
	{FRAME_OTHER_ADDRESS, IPV4, IP, 18, 0x0203, false, false},
	{FRAME_OTHER_ADDRESS, IPV6, IP, 38, 9, false, false},
	{FRAME_NOT_UDP, IPV4, IP, 9, 6, true, false},
	{FRAME_NOT_UDP, IPV6, IP, 6, 58, true, false},
	{FRAME_OTHER_PORT, IPV4, UDP, 2, PORT + 1, false, false},
	{FRAME_OTHER_PORT, IPV6, UDP, 2, PORT + 1, false, false},
	{FRAME_LATE_FRAGMENT, IPV4, IP, 6, 0x0001, false, false},
	{FRAME_LATE_FRAGMENT, IPV4, IP, 6, 0x3fff, false, false},
	{FRAME_FRAGMENT, IPV4, IP, 6, 0x2000, false, false},
	{FRAME_OURS, IPV4, IP, 6, 0x4000, false, false},
	{FRAME_BAD_HEADER, IPV4, IP, 0, 0x55, true, false},
	{FRAME_BAD_HEADER, IPV4, IP, 0, 0x44, true, false},
	{FRAME_BAD_HEADER, IPV6, IP, 0, 0x45, true, false},
	{FRAME_BAD_LENGTH, IPV4, IP, 0, 0x4f, true, true},
	{FRAME_BAD_LENGTH, IPV4, IP, 2, 27, false, false},
	{FRAME_BAD_LENGTH, IPV4, IP, 2, 0, false, false},
	{FRAME_TRUNCATED, IPV4, IP, 2, 37, false, false},
	{FRAME_BAD_LENGTH, IPV6, IP, 4, 7, false, false},
	{FRAME_BAD_LENGTH, IPV6, IP, 4, 0, false, false},
	{FRAME_TRUNCATED, IPV6, IP, 4, 17, false, false},
	{FRAME_BAD_LENGTH, IPV4, UDP, 4, 7, false, true},
	{FRAME_BAD_LENGTH, IPV4, UDP, 4, 17, false, true},
	{FRAME_BAD_LENGTH, IPV6, UDP, 4, 0, false, true},
	{FRAME_OURS, IPV4, UDP, 4, 8, false, false},
	{FRAME_OURS, IPV6, UDP, 4, 11, false, false},
	{FRAME_IP_CHECKSUM, IPV4, IP, 8, 4, true, true},
	{FRAME_OURS, IPV6, IP, 7, 4, true, true},
	{FRAME_UDP_CHECKSUM, IPV4, UDP, 8, 0, true, true},
	{FRAME_UDP_CHECKSUM, IPV6, UDP, 15, 0, true, true},
	{FRAME_UDP_CHECKSUM, IPV6, IP, 22, 3, false, true},
	{FRAME_OURS, IPV4, UDP, 6, 0, false, true},
	{FRAME_NO_CHECKSUM, IPV6, UDP, 6, 0, false, true},
	{FRAME_BAD_SOURCE, IPV4, UDP, 0, 0, false, false},
	{FRAME_BAD_SOURCE, IPV4, IP, 12, 0x7f00, false, false},
	{FRAME_BAD_SOURCE, IPV4, IP, 12, 0x0000, false, false},
	{FRAME_BAD_SOURCE, IPV4, IP, 12, 0xe000, false, false},
	{FRAME_BAD_SOURCE, IPV4, IP, 12, 0xffff, false, false},
	{FRAME_BAD_SOURCE, IPV6, IP, 8, 0xff02, false, false},
	{FRAME_BAD_SOURCE, IPV4, ETHER, 6, 0x0100, false, false},
};

static void change_apply(struct draft *d, const struct change_row *row)
{
	uint16_t starts[] = {0, d->ip, d->udp};
	uint8_t *at = d->bytes + starts[row->from] + row->offset;
	if (row->is_byte)
		*at = (uint8_t)row->value;
	else
		put16(at, row->value);
	if (!row->keeps_sums)
		sums_fill(d);
}

static void each_fault_has_its_verdict(void)
{
	for (size_t i = 0; i < RTE_DIM(changes); i++) {
		struct draft d = draft_of(changes[i].base, NULL, 0, -1);
		struct frame frame;
		change_apply(&d, &changes[i]);
		enum frame_verdict verdict = parse(&d, &frame);
		if (verdict != changes[i].verdict)
			printf("row %zu: %s, not %s\n", i, frame_verdict_names[verdict],
			       frame_verdict_names[changes[i].verdict]);
		CU_ASSERT_EQUAL(verdict, changes[i].verdict);
	}
}

static void every_cut_is_truncated(void)
{
	for (enum base base = IPV4; base <= VLAN6; base++) {
		struct draft d = draft_of(base, NULL, 0, -1);
		for (d.size--; d.size > 0; d.size--) {
			/* Out of bounds would be seen by the sanitizer in a block of that size. */
			struct draft *cut = &d;
			uint8_t *exact = malloc(d.size);
			struct frame frame;
			struct frame_listen listen = listen_on();
			CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
			memcpy(exact, cut->bytes, d.size);
			struct frame_rx rx = {.bytes = exact, .size = d.size};
			CU_ASSERT_EQUAL(frame_parse(&listen, &rx, &frame), FRAME_TRUNCATED);
			free(exact);
		}
	}
}

static void padding_of_short_frames_is_no_payload(void)
{
	for (enum base base = IPV4; base <= VLAN6; base++) {
		struct draft d = draft_of(base, NULL, 0, -1);
		struct frame frame;
		d.size = (uint16_t)(d.size + 20);
		CU_ASSERT_EQUAL(parse(&d, &frame), FRAME_OURS);
		CU_ASSERT_EQUAL(frame.payload_bytes, 8);
	}
}

static void ipv4_options_are_skipped(void)
{
	static const uint8_t options[40] = {1, 1, 1, 1};
	for (uint16_t n = 4; n <= 40; n = (uint16_t)(n + 4)) {
		struct draft d = draft_of(IPV4, options, n, -1);
		struct frame frame;
		CU_ASSERT_EQUAL(parse(&d, &frame), FRAME_OURS);
		CU_ASSERT_EQUAL(frame.payload_offset, 14 + 20 + n + 8);
	}
}

struct extension_row {
	enum frame_verdict verdict;
	int next;
	uint16_t bytes;
	uint8_t headers[40];
};

static const struct extension_row extensions[] = {
	{FRAME_OURS, 0, 8, {17, 0, 1, 4}},
	{FRAME_OURS, 60, 16, {17, 1, 1, 12}},
	{FRAME_OURS, 0, 32, {60, 0, 1, 4, [8] = 60, 1, 1, 12, [24] = 17, 0, 1, 4}},
	{FRAME_OURS, 0, 32, {60, 0, [8] = 60, 0, [16] = 60, 0, [24] = 17, 0}},
	{FRAME_EXTENSIONS, 0, 40, {60, 0, [8] = 60, 0, [16] = 60, 0, [24] = 60, 0, [32] = 17, 0}},
	{FRAME_TRUNCATED, 0, 8, {17, 255}},
	{FRAME_NOT_UDP, 0, 8, {58, 0}},
	{FRAME_NOT_UDP, 43, 8, {17, 0}},
	{FRAME_FRAGMENT, 44, 8, {17, 0, 0, 1}},
	{FRAME_FRAGMENT, 44, 8, {17, 0, 0, 0}},
	{FRAME_LATE_FRAGMENT, 44, 8, {17, 0, 0, 8}},
	{FRAME_NOT_UDP, 44, 8, {6, 0, 0, 1}},
};

static void ipv6_options_are_skipped_up_to_a_bound(void)
{
	for (size_t i = 0; i < RTE_DIM(extensions); i++) {
		const struct extension_row *row = &extensions[i];
		struct draft d = draft_of(IPV6, row->headers, row->bytes, row->next);
		struct frame frame;
		enum frame_verdict verdict = parse(&d, &frame);
		CU_ASSERT_EQUAL(verdict, row->verdict);
		if (verdict == FRAME_OURS)
			CU_ASSERT_EQUAL(frame.payload_offset, 14 + 40 + row->bytes + 8);
	}
}

/* ::ffff:192.0.2.1 in an IPv6 header is not 192.0.2.1. */
static void mapped_addresses_are_nobodys(void)
{
	static const uint8_t prefix[12] = {[10] = 0xff, 0xff};
	struct draft d = draft_of(IPV6, NULL, 0, -1);
	struct frame frame;
	memcpy(d.bytes + d.ip + 24, prefix, 12);
	memcpy(d.bytes + d.ip + 36, node4, 4);
	sums_fill(&d);
	CU_ASSERT_EQUAL(parse(&d, &frame), FRAME_OTHER_ADDRESS);
	d = draft_of(IPV6, NULL, 0, -1);
	memcpy(d.bytes + d.ip + 8, prefix, 12);
	memcpy(d.bytes + d.ip + 20, peer4, 4);
	sums_fill(&d);
	CU_ASSERT_EQUAL(parse(&d, &frame), FRAME_BAD_SOURCE);
	memset(d.bytes + d.ip + 8, 0, 16);
	sums_fill(&d);
	CU_ASSERT_EQUAL(parse(&d, &frame), FRAME_BAD_SOURCE);
	d.bytes[d.ip + 23] = 1;
	sums_fill(&d);
	CU_ASSERT_EQUAL(parse(&d, &frame), FRAME_BAD_SOURCE);
}

static void link_local_addresses_have_the_scope(void)
{
	struct draft d = draft_of(IPV6, NULL, 0, -1);
	struct frame frame;
	memcpy(d.bytes + d.ip + 24, local6, 16);
	memcpy(d.bytes + d.ip + 8, local6, 15);
	sums_fill(&d);
	CU_ASSERT_EQUAL_FATAL(parse(&d, &frame), FRAME_OURS);
	CU_ASSERT_EQUAL(frame.flow.local.scope_id, SCOPE);
	CU_ASSERT_EQUAL(frame.flow.remote.scope_id, SCOPE);
}

static void partial_checksum_is_taken_where_it_is_expected(void)
{
	for (enum base base = IPV4; base <= IPV6; base++) {
		struct frame_listen listen = listen_on();
		struct draft d = draft_of(base, NULL, 0, -1);
		struct frame_rx rx = {.bytes = d.bytes, .size = d.size};
		struct frame frame;
		put16(d.bytes + d.udp + 6, pseudo_of(&d));
		CU_ASSERT_EQUAL(frame_parse(&listen, &rx, &frame), FRAME_UDP_CHECKSUM);
		listen.takes_partial_checksum = true;
		CU_ASSERT_EQUAL(frame_parse(&listen, &rx, &frame), FRAME_OURS);
		put16(d.bytes + d.udp + 6, pseudo_of(&d) + 1);
		CU_ASSERT_EQUAL(frame_parse(&listen, &rx, &frame), FRAME_UDP_CHECKSUM);
	}
}

static void what_the_nic_checked_is_not_checked_again(void)
{
	struct frame_listen listen = listen_on();
	struct draft d = draft_of(IPV4, NULL, 0, -1);
	struct frame_rx rx = {.bytes = d.bytes, .size = d.size};
	struct frame frame;
	put16(d.bytes + d.ip + 10, 1);
	put16(d.bytes + d.udp + 6, 1);
	CU_ASSERT_EQUAL(frame_parse(&listen, &rx, &frame), FRAME_IP_CHECKSUM);
	rx.has_ip_checked = true;
	CU_ASSERT_EQUAL(frame_parse(&listen, &rx, &frame), FRAME_UDP_CHECKSUM);
	rx.has_udp_checked = true;
	CU_ASSERT_EQUAL(frame_parse(&listen, &rx, &frame), FRAME_OURS);
	rx.vlan_tci = 9;
	CU_ASSERT_EQUAL(frame_parse(&listen, &rx, &frame), FRAME_OURS);
	CU_ASSERT_EQUAL(frame.route.vlan_tci, 9);
}

/* Any size and content: what is written is read back by the other side, and adds up. */
static void what_is_written_is_what_the_peer_reads(void)
{
	static const uint16_t sizes[] = {0, 1, 2, 7, 8, 150};
	for (enum base base = IPV4; base <= VLAN6; base++) {
		for (size_t i = 0; i < RTE_DIM(sizes); i++) {
			struct draft d = draft_of(base, NULL, 0, -1), written = {0};
			struct frame question, back;
			CU_ASSERT_EQUAL_FATAL(parse(&d, &question), FRAME_OURS);
			struct frame_tx tx = {
				.flow = &question.flow, .route = &question.route, .dscp = 34};
			uint16_t head = frame_head_bytes(tx.flow, tx.route);
			memset(written.bytes + head, (int)(i * 85), sizes[i]);
			frame_write(&tx, written.bytes + head, sizes[i]);
			written.size = (uint16_t)(head + sizes[i]);
			written.ip = d.ip;
			written.udp = (uint16_t)(head - 8);
			written.is_ipv4 = d.is_ipv4;
			CU_ASSERT_EQUAL(memcmp(written.bytes, peer_mac, 6), 0);
			CU_ASSERT_EQUAL(memcmp(written.bytes + 6, node_mac, 6), 0);
			CU_ASSERT_EQUAL(udp_sum_of(&written), 0xffff);
			CU_ASSERT_NOT_EQUAL(get16(written.bytes + written.udp + 6), 0);
			const uint8_t *ip = written.bytes + written.ip;
			if (d.is_ipv4) {
				CU_ASSERT_EQUAL(fold(sum_of(ip, 20, 0)), 0xffff);
				CU_ASSERT_EQUAL(ip[1], 34 << 2);
				CU_ASSERT_EQUAL(get16(ip + 6), 0x4000);
				CU_ASSERT_EQUAL(ip[8], 64);
			} else {
				CU_ASSERT_EQUAL(get16(ip), 0x6000 | 34 << 6);
				CU_ASSERT_EQUAL(ip[7], 64);
			}
			struct frame_listen peer = {.addresses = {question.flow.remote},
						    .n = 1,
						    .udp_port = 40000,
						    .scope_id = SCOPE};
			struct frame_rx rx = {.bytes = written.bytes, .size = written.size};
			CU_ASSERT_EQUAL_FATAL(frame_parse(&peer, &rx, &back), FRAME_OURS);
			CU_ASSERT(address_equal(&back.flow.remote, &question.flow.local));
			CU_ASSERT_EQUAL(back.payload_bytes, sizes[i]);
			CU_ASSERT_EQUAL(back.payload_offset, head);
			CU_ASSERT_EQUAL(back.route.vlan_tci, question.route.vlan_tci);
		}
	}
}

/* A datagram whose sum is 0 says 0xffff, or it would say that there is none (RFC 768). */
static void sum_of_zero_is_written_as_ones(void)
{
	struct draft d = draft_of(IPV6, NULL, 0, -1);
	struct frame question;
	uint8_t bytes[FRAME_HEAD_MAX + 2] = {0};
	CU_ASSERT_EQUAL_FATAL(parse(&d, &question), FRAME_OURS);
	struct frame_tx tx = {.flow = &question.flow, .route = &question.route};
	uint16_t head = frame_head_bytes(tx.flow, tx.route);
	frame_write(&tx, bytes + head, 2);
	put16(bytes + head, get16(bytes + head - 2));
	frame_write(&tx, bytes + head, 2);
	CU_ASSERT_EQUAL(get16(bytes + head - 2), 0xffff);
}

/* What a NIC wants that fills checksums in. */
static void offloaded_sums_are_begun(void)
{
	for (enum base base = IPV4; base <= IPV6; base++) {
		struct draft d = draft_of(base, NULL, 0, -1), written = {0};
		struct frame question;
		CU_ASSERT_EQUAL_FATAL(parse(&d, &question), FRAME_OURS);
		struct frame_tx tx = {
			.flow = &question.flow, .route = &question.route, .is_offloaded = true};
		uint16_t head = frame_head_bytes(tx.flow, tx.route);
		frame_write(&tx, written.bytes + head, 8);
		written.ip = d.ip;
		written.udp = (uint16_t)(head - 8);
		written.is_ipv4 = d.is_ipv4;
		CU_ASSERT_EQUAL(get16(written.bytes + written.udp + 6), pseudo_of(&written));
		if (d.is_ipv4)
			CU_ASSERT_EQUAL(get16(written.bytes + written.ip + 10), 0);
	}
}

static CU_TestInfo tests[] = {
	{"frame_tells_flow_route_and_payload", frame_tells_flow_route_and_payload},
	{"each_fault_has_its_verdict", each_fault_has_its_verdict},
	{"every_cut_is_truncated", every_cut_is_truncated},
	{"padding_of_short_frames_is_no_payload", padding_of_short_frames_is_no_payload},
	{"ipv4_options_are_skipped", ipv4_options_are_skipped},
	{"ipv6_options_are_skipped_up_to_a_bound", ipv6_options_are_skipped_up_to_a_bound},
	{"mapped_addresses_are_nobodys", mapped_addresses_are_nobodys},
	{"link_local_addresses_have_the_scope", link_local_addresses_have_the_scope},
	{"partial_checksum_is_taken_where_it_is_expected",
	 partial_checksum_is_taken_where_it_is_expected},
	{"what_the_nic_checked_is_not_checked_again", what_the_nic_checked_is_not_checked_again},
	{"what_is_written_is_what_the_peer_reads", what_is_written_is_what_the_peer_reads},
	{"sum_of_zero_is_written_as_ones", sum_of_zero_is_written_as_ones},
	{"offloaded_sums_are_begun", offloaded_sums_are_begun},
	CU_TEST_INFO_NULL,
};
TEST_MAIN("frame", tests)
