/* Random SRTP and SRTCP traffic through the burst transform and through libsrtp2, compared byte by
 * byte. Used by the test and by `nn5g-bench crypto`. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "media/srtp.h"
#include "media/srtp_burst.h"
#include "media/wire.h"

#define ORACLE_SENDERS 7

struct oracle_sender {
	struct srtp_sender *burst;
	struct nn_srtp *library;
	uint32_t ssrc;
	uint32_t next; /* of the sequence numbers, unwrapped */
};

struct oracle {
	struct rte_mempool *pool;
	struct srtp_queue *queue;
	struct oracle_sender senders[ORACLE_SENDERS];
	uint64_t seed;
	uint64_t n_packets, n_refused, n_different;
};

static inline uint32_t oracle_random(struct oracle *oracle, uint32_t below)
{
	oracle->seed = oracle->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(oracle->seed >> 33) % below;
}

/* Every profile in turn; a sequence number shortly before its wrap. */
static inline int oracle_open(struct oracle *oracle, struct srtp_devices *devices)
{
	static const enum srtp_profile profiles[] = {SRTP_AEAD_AES_256_GCM, SRTP_AEAD_AES_128_GCM,
						     SRTP_AES128_CM_SHA1_80};
	for (unsigned int i = 0; i < ORACLE_SENDERS; i++) {
		struct oracle_sender *sender = &oracle->senders[i];
		struct srtp_keys keys = {.profile = profiles[i % 3]};
		for (unsigned int k = 0; k < SRTP_MASTER_KEY_MAX; k++)
			keys.send[k] = (uint8_t)oracle_random(oracle, 256);
		*sender = (struct oracle_sender){.ssrc = 0x1000 + i};
		sender->next = i % 2 ? oracle_random(oracle, 30000) : 65000;
		int rc =
			srtp_sender_create(devices, &keys, SRTP_SENDER_SOURCES_MAX, &sender->burst);
		if (rc == 0)
			rc = nn_srtp_create(&keys, false, &sender->library);
		if (rc)
			return rc;
	}
	return 0;
}

static inline void oracle_close(struct oracle *oracle)
{
	for (unsigned int i = 0; i < ORACLE_SENDERS; i++) {
		srtp_sender_destroy(oracle->senders[i].burst);
		nn_srtp_destroy(oracle->senders[i].library);
	}
}

static inline uint16_t oracle_write_rtp(struct oracle *oracle, struct oracle_sender *sender,
					uint8_t *out)
{
	uint32_t words = oracle_random(oracle, 8);
	/* Mostly the next number, at times one that is late, repeated, or far ahead. */
	uint32_t sequence = sender->next++;
	switch (oracle_random(oracle, 16)) {
	case 0:
		sequence -= oracle_random(oracle, 1400);
		break;
	case 1:
		sequence = sender->next += oracle_random(oracle, 700);
		break;
	}
	memset(out, 0, 12);
	out[0] = words ? 0x90 : 0x80;
	out[1] = 96;
	wire_write16(out + 2, (uint16_t)sequence);
	wire_write32(out + 8, sender->ssrc);
	if (words) {
		wire_write16(out + 12, 0xbede);
		wire_write16(out + 14, (uint16_t)(words - 1));
		for (uint32_t i = 0; i < (words - 1) * 4; i++)
			out[16 + i] = (uint8_t)oracle_random(oracle, 256);
	}
	return (uint16_t)(12 + words * 4);
}

static inline void oracle_fill(struct oracle *oracle, uint8_t *out, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = (uint8_t)oracle_random(oracle, 256);
}

/* Room for it is the pool's. */
static inline void oracle_append(struct rte_mbuf *packet, const void *bytes, uint32_t n)
{
	memcpy(packet_bytes(packet) + packet->data_len, bytes, n);
	packet->data_len = (uint16_t)(packet->data_len + n);
	packet->pkt_len = packet->data_len;
}

/* One job and the plain packet that libsrtp2 is given. False: the pool is empty. */
static inline bool oracle_make(struct oracle *oracle, struct srtp_job *job, struct rte_mbuf **plain,
			       struct oracle_sender **whose)
{
	struct oracle_sender *sender = &oracle->senders[oracle_random(oracle, ORACLE_SENDERS)];
	uint8_t header[64], payload[PACKET_BYTES_MAX];
	uint32_t bytes = oracle_random(oracle, oracle_random(oracle, 4) ? 1300 : 5);
	bool is_rtcp = oracle_random(oracle, 8) == 0, in_place = oracle_random(oracle, 3) == 0;
	uint16_t offset = (uint16_t)(12 + 4 * oracle_random(oracle, 12));
	struct rte_mbuf *packet = packet_alloc(oracle->pool), *copy = packet_alloc(oracle->pool);
	struct rte_mbuf *source = packet_alloc(oracle->pool);
	if (!packet || !copy || !source)
		return false;
	*job = (struct srtp_job){.sender = sender->burst, .packet = packet, .is_rtcp = is_rtcp};
	oracle_fill(oracle, payload, bytes);
	if (is_rtcp) {
		memset(header, 0, 8);
		header[0] = 0x80;
		header[1] = 200;
		wire_write32(header + 4, sender->ssrc);
		job->header_bytes = 8;
	} else {
		job->header_bytes = oracle_write_rtp(oracle, sender, header);
	}
	oracle_append(packet, header, job->header_bytes);
	oracle_append(copy, header, job->header_bytes);
	oracle_append(copy, payload, bytes);
	if (in_place || is_rtcp) {
		oracle_append(packet, payload, bytes);
		packet_free(source);
	} else {
		source->data_len = offset;
		oracle_append(source, payload, bytes);
		job->source = source;
		job->source_offset = offset;
		job->payload_bytes = (uint16_t)bytes;
	}
	*plain = copy;
	*whose = sender;
	return true;
}

/* One burst through both. */
static inline void oracle_round(struct oracle *oracle)
{
	struct srtp_job jobs[SRTP_BURST_MAX + 3];
	struct rte_mbuf *plain[SRTP_BURST_MAX + 3];
	struct oracle_sender *whose[SRTP_BURST_MAX + 3];
	unsigned int n = 1 + oracle_random(oracle, SRTP_BURST_MAX + 3);
	for (unsigned int i = 0; i < n; i++)
		if (!oracle_make(oracle, &jobs[i], &plain[i], &whose[i]))
			abort();
	srtp_queue_protect(oracle->queue, jobs, n);
	for (unsigned int i = 0; i < n; i++) {
		struct rte_mbuf *packet = jobs[i].packet;
		int result;
		if (jobs[i].is_rtcp)
			nn_srtcp_protect(whose[i]->library, &plain[i], 1, &result);
		else
			nn_srtp_protect(whose[i]->library, &plain[i], 1, &result);
		bool same = jobs[i].result == result;
		if (same && result == 0)
			same = packet->data_len == plain[i]->data_len &&
			       packet->pkt_len == packet->data_len &&
			       memcmp(packet_bytes(packet), packet_bytes(plain[i]),
				      packet->data_len) == 0;
		oracle->n_packets++;
		oracle->n_refused += result != 0;
		oracle->n_different += !same;
		packet_free(packet);
		packet_free(plain[i]);
		packet_free((struct rte_mbuf *)jobs[i].source);
	}
}
