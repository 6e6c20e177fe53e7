/* Any bytes as SRTP and SRTCP of the three profiles. The first byte picks profile and kind, the
 * rest is a packet: taken as it is by a receiver, then sealed by a sender, which if it succeeds
 * must come back as it was, and last with one bit turned, which must not pass. */
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "media/srtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef unsigned int verb(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			  int *result);

static const enum srtp_profile profiles[] = {
	SRTP_AES128_CM_SHA1_80,
	SRTP_AEAD_AES_128_GCM,
	SRTP_AEAD_AES_256_GCM,
};

/* A packet with no byte to spare, so that running over its end is seen. */
struct packet {
	struct rte_mbuf mbuf;
	uint8_t *bytes;
};

static void packet_make(struct packet *packet, const uint8_t *bytes, size_t size, size_t room)
{
	memset(packet, 0, sizeof(*packet));
	packet->bytes = malloc(size + room + 1);
	memcpy(packet->bytes, bytes, size);
	packet->mbuf.buf_addr = packet->bytes;
	packet->mbuf.buf_len = (uint16_t)(size + room);
	packet->mbuf.data_len = (uint16_t)size;
	packet->mbuf.pkt_len = (uint32_t)size;
	packet->mbuf.nb_segs = 1;
}

static int run(verb *call, struct nn_srtp *srtp, struct packet *packet)
{
	struct rte_mbuf *mbuf = &packet->mbuf;
	int result = 1;

	if (call(srtp, &mbuf, 1, &result) != (result == 0) || result > 0 ||
	    mbuf->data_len > mbuf->buf_len || mbuf->pkt_len != mbuf->data_len)
		abort();
	return result;
}

static void seal_and_open(verb *protect, verb *unprotect, const struct srtp_keys *keys,
			  const uint8_t *data, size_t size)
{
	struct nn_srtp *out, *in;
	struct packet packet, damaged;

	if (nn_srtp_create(keys, false, &out) < 0 || nn_srtp_create(keys, true, &in) < 0)
		abort();
	packet_make(&packet, data, size, SRTP_TRAILER_MAX);
	if (run(protect, out, &packet) == 0 && packet.mbuf.data_len <= PACKET_BYTES_MAX) {
		packet_make(&damaged, packet.bytes, packet.mbuf.data_len, 0);
		damaged.bytes[damaged.mbuf.data_len / 2] ^= 4;
		if (run(unprotect, in, &damaged) == 0)
			abort();
		free(damaged.bytes);
		if (run(unprotect, in, &packet) != 0 || packet.mbuf.data_len != size ||
		    memcmp(packet.bytes, data, size) != 0)
			abort();
	}
	free(packet.bytes);
	nn_srtp_destroy(out);
	nn_srtp_destroy(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct nn_srtp
		*receivers[3]; /* used on and on: bad packets must not wear them out */
	static bool is_started;
	struct srtp_keys keys = {.send = {1}, .receive = {1}};
	struct packet packet;

	if (size < 1 || size > 1 + PACKET_BYTES_MAX)
		return 0;
	int i = data[0] % 3;
	bool rtcp = data[0] & 0x80;
	keys.profile = profiles[i];
	if (!is_started && nn_srtp_start() < 0)
		abort();
	is_started = true;
	if (!receivers[i] && nn_srtp_create(&keys, true, &receivers[i]) < 0)
		abort();
	packet_make(&packet, data + 1, size - 1, 0);
	run(rtcp ? nn_srtcp_unprotect : nn_srtp_unprotect, receivers[i], &packet);
	free(packet.bytes);
	seal_and_open(rtcp ? nn_srtcp_protect : nn_srtp_protect,
		      rtcp ? nn_srtcp_unprotect : nn_srtp_unprotect, &keys, data + 1, size - 1);
	return 0;
}
