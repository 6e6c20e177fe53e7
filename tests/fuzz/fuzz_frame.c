/* The first byte of each input says what the NIC has done, the rest is a frame to 192.0.2.1,
 * 2001:db8::1 or fe80::1, port 8443. An answer to what is ours must be the peer's. */
#include "qos/frame.h"

#include <string.h>

#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PORT 8443

static struct frame_listen listen_on(uint8_t turn)
{
	struct frame_listen listen = {
		.n = 3, .udp_port = PORT, .scope_id = 1, .takes_partial_checksum = turn & 1};
	EXPECT(address_parse_ip(&listen.addresses[0], "192.0.2.1", PORT) == 0);
	EXPECT(address_parse_ip(&listen.addresses[1], "2001:db8::1", PORT) == 0);
	EXPECT(address_parse_ip(&listen.addresses[2], "fe80::1", PORT) == 0);
	return listen;
}

static void answer(const struct frame *question)
{
	uint8_t bytes[FRAME_HEAD_MAX + 32] = {0};
	struct frame_tx tx = {.flow = &question->flow, .route = &question->route, .dscp = 46};
	uint16_t head = frame_head_bytes(tx.flow, tx.route);
	EXPECT(head <= FRAME_HEAD_MAX);
	uint16_t payload_bytes = question->payload_bytes % 32;
	frame_write(&tx, bytes + head, payload_bytes);
	struct frame_listen peer = {.addresses = {question->flow.remote},
				    .n = 1,
				    .udp_port = question->flow.remote.port,
				    .scope_id = 1};
	struct frame_rx rx = {.bytes = bytes, .size = (uint16_t)(head + payload_bytes)};
	struct frame back;
	enum frame_verdict verdict = frame_parse(&peer, &rx, &back);
	EXPECT(verdict == FRAME_OURS);
	EXPECT(address_equal(&back.flow.remote, &question->flow.local));
	EXPECT(address_equal(&back.flow.local, &question->flow.remote));
	EXPECT(back.payload_offset == head && back.payload_bytes == payload_bytes);
	EXPECT(memcmp(back.route.to, question->route.from, 6) == 0);
	EXPECT(back.route.vlan_tci == question->route.vlan_tci);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > UINT16_MAX)
		return 0;
	struct frame_listen listen = listen_on(data[0]);
	struct frame_rx rx = {
		.bytes = data + 1,
		.size = (uint16_t)(size - 1),
		.vlan_tci = data[0] >> 4,
		.has_ip_checked = data[0] & 2,
		.has_udp_checked = data[0] & 4,
	};
	struct frame frame;
	enum frame_verdict verdict = frame_parse(&listen, &rx, &frame);
	EXPECT(verdict < FRAME_VERDICTS && frame_verdict_names[verdict]);
	if (verdict != FRAME_OURS)
		return 0;
	EXPECT((uint32_t)frame.payload_offset + frame.payload_bytes <= rx.size);
	EXPECT(frame.route.is_known && frame.flow.local.port == PORT &&
	       frame.flow.remote.port != 0);
	EXPECT(address_is_ipv4(&frame.flow.local) == address_is_ipv4(&frame.flow.remote));
	answer(&frame);
	return 0;
}
