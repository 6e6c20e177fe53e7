/* SRTP and SRTCP on libsrtp2, packet by packet behind an interface of bursts. Its AES is OpenSSL's
 * (srtp_cipher.h).
 *
 * libsrtp works in place and wants 4-byte alignment, which a packet's first byte has (head room is
 * RTE_PKTMBUF_HEADROOM). It makes a stream of its own for every SSRC it has not seen: for inbound
 * ones only after authentication, but without any cap. So the SSRCs are counted here, and a source
 * too many is turned away before libsrtp sees it. */
#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>
#include <srtp2/srtp.h>

#include "media/srtp.h"
#include "media/srtp_cipher.h"

#define REPLAY_WINDOW     1024
#define RTP_SSRC_OFFSET   8
#define RTP_BYTES_MIN     12
#define RTCP_SSRC_OFFSET  4
#define RTCP_BYTES_MIN    8
#define SRTCP_INDEX_BYTES 4
#define SOURCES_FIRST     4

struct source {
	uint32_t ssrc; /* network order */
	bool retired;  /* removed outbound; its indices are used up */
};

struct nn_srtp {
	srtp_t session;
	size_t profile; /* of `profiles` */
	bool inbound;
	uint8_t tag_bytes;
	unsigned int n_sources, sources_room;
	struct source *sources; /* owned; most sessions have one to four */
};

typedef srtp_err_status_t transform(srtp_t session, void *bytes, int *size);

static const struct {
	enum srtp_profile profile;
	srtp_profile_t library;
	uint8_t tag_bytes;
} profiles[] = {
	{SRTP_AES128_CM_SHA1_80, srtp_profile_aes128_cm_sha1_80, 10},
	{SRTP_AEAD_AES_128_GCM, srtp_profile_aead_aes_128_gcm, 16},
	{SRTP_AEAD_AES_256_GCM, srtp_profile_aead_aes_256_gcm, 16},
};

#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))
#define SAMPLES  4

static size_t bytes_of_one[PROFILES][2]; /* [inbound]; since nn_srtp_start */
static atomic_uint live[PROFILES][2];

static_assert(16 + SRTCP_INDEX_BYTES <= SRTP_TRAILER_MAX, "the largest trailer there is");

static int errno_of(srtp_err_status_t status)
{
	switch (status) {
	case srtp_err_status_ok:
		return 0;
	case srtp_err_status_replay_fail:
	case srtp_err_status_replay_old:
	case srtp_err_status_pkt_idx_old:
		return -EALREADY;
	case srtp_err_status_alloc_fail:
		return -ENOMEM;
	case srtp_err_status_key_expired:
		return -EKEYEXPIRED;
	default:
		return -EBADMSG;
	}
}

/* Most of what a context takes is libsrtp2's and OpenSSL's, which say nothing of it: so the
 * allocator is asked before and after. */
static void bytes_measure(size_t profile, bool inbound)
{
	struct nn_srtp *samples[SAMPLES + 1] = {0};
	const struct srtp_keys keys = {.profile = profiles[profile].profile};
	struct mallinfo2 before = {0};
	for (unsigned int i = 0; i <= SAMPLES; i++) {
		nn_srtp_create(&keys, inbound, &samples[i]);
		if (i == 0)
			before = mallinfo2();
	}
	struct mallinfo2 after = mallinfo2();
	bytes_of_one[profile][inbound] =
		after.uordblks > before.uordblks ? (after.uordblks - before.uordblks) / SAMPLES : 0;
	for (unsigned int i = 0; i <= SAMPLES; i++)
		nn_srtp_destroy(samples[i]);
}

int nn_srtp_start_stock(void)
{
	return srtp_init() == srtp_err_status_ok ? 0 : -EIO;
}

int nn_srtp_start(void)
{
	int rc = nn_srtp_start_stock();
	if (rc == 0)
		rc = srtp_cipher_install();
	if (rc)
		return rc;
	for (size_t i = 0; i < PROFILES; i++) {
		bytes_measure(i, true);
		bytes_measure(i, false);
	}
	return 0;
}

size_t nn_srtp_bytes(bool inbound)
{
	size_t bytes = 0;
	for (size_t i = 0; i < PROFILES; i++)
		bytes += bytes_of_one[i][inbound] *
			 atomic_load_explicit(&live[i][inbound], memory_order_relaxed);
	return bytes;
}

void nn_srtp_stop(void)
{
	srtp_shutdown();
	srtp_cipher_remove();
}

static int session_create(struct nn_srtp *srtp, const struct srtp_keys *keys, size_t profile)
{
	uint8_t key[SRTP_MASTER_KEY_MAX];
	srtp_policy_t policy = {
		.ssrc.type = srtp->inbound ? ssrc_any_inbound : ssrc_any_outbound,
		.key = key,
		.window_size = REPLAY_WINDOW,
		.allow_repeat_tx = 0,
	};

	memcpy(key, srtp->inbound ? keys->receive : keys->send, sizeof(key));
	srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profiles[profile].library);
	srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profiles[profile].library);
	srtp_err_status_t status = srtp_create(&srtp->session, &policy);
	explicit_bzero(key, sizeof(key));
	if (status == srtp_err_status_alloc_fail)
		return -ENOMEM;
	return status == srtp_err_status_ok ? 0 : -EIO;
}

int nn_srtp_create(const struct srtp_keys *keys, bool inbound, struct nn_srtp **out)
{
	size_t profile = 0;

	while (profile < PROFILES && profiles[profile].profile != keys->profile)
		profile++;
	if (profile == PROFILES)
		return -EINVAL;

	struct nn_srtp *srtp = calloc(1, sizeof(*srtp));
	if (!srtp)
		return -ENOMEM;
	srtp->inbound = inbound;
	srtp->profile = profile;
	srtp->tag_bytes = profiles[profile].tag_bytes;
	int result = session_create(srtp, keys, profile);
	if (result < 0) {
		free(srtp);
		return result;
	}
	atomic_fetch_add_explicit(&live[profile][inbound], 1, memory_order_relaxed);
	*out = srtp;
	return 0;
}

void nn_srtp_destroy(struct nn_srtp *srtp)
{
	if (!srtp)
		return;
	atomic_fetch_sub_explicit(&live[srtp->profile][srtp->inbound], 1, memory_order_relaxed);
	srtp_dealloc(srtp->session);
	free(srtp->sources);
	free(srtp);
}

static struct source *source_find(struct nn_srtp *srtp, uint32_t ssrc)
{
	for (unsigned int i = 0; i < srtp->n_sources; i++)
		if (srtp->sources[i].ssrc == ssrc)
			return &srtp->sources[i];
	return NULL;
}

/* Room to count one source more, before libsrtp makes a stream for it. */
static int sources_reserve(struct nn_srtp *srtp)
{
	if (srtp->n_sources == NN_SRTP_SOURCES_MAX)
		return -ENOBUFS;
	if (srtp->n_sources < srtp->sources_room)
		return 0;
	unsigned int room = srtp->sources_room ? 2 * srtp->sources_room : SOURCES_FIRST;
	struct source *sources = realloc(srtp->sources, room * sizeof(*sources));
	if (!sources)
		return -ENOMEM;
	srtp->sources = sources;
	srtp->sources_room = room;
	return 0;
}

/* One packet through libsrtp. Counts its source once it has been found genuine. */
static int packet_transform(struct nn_srtp *srtp, struct rte_mbuf *packet, size_t ssrc_offset,
			    transform *call)
{
	uint8_t *bytes = packet_bytes(packet);
	int size = (int)rte_pktmbuf_data_len(packet);
	uint32_t ssrc;

	memcpy(&ssrc, bytes + ssrc_offset, sizeof(ssrc));
	const struct source *source = source_find(srtp, ssrc);
	if (source && source->retired)
		return -EALREADY;
	int result = source ? 0 : sources_reserve(srtp);
	if (result < 0)
		return result;

	result = errno_of(call(srtp->session, bytes, &size));
	/* Outbound libsrtp makes the stream even when it then refuses the packet. */
	if (!source && (result == 0 || !srtp->inbound))
		srtp->sources[srtp->n_sources++] = (struct source){.ssrc = ssrc};
	if (result == 0)
		packet->pkt_len = packet->data_len = (uint16_t)size;
	return result;
}

/* Whether libsrtp may be given the packet at all. Larger ones than a port takes never get near its
 * 2,048 bytes of associated data, which it would not recover from. It reads words of the header,
 * which in an Ethernet frame stands at 2 modulo 4: what this runs on (x86-64, arm64) does not mind.
 */
static int packet_check(const struct rte_mbuf *packet, size_t bytes_min, size_t room)
{
	assert(packet->nb_segs == 1);
	assert(((uintptr_t)rte_pktmbuf_mtod(packet, const uint8_t *) & 1) == 0);
	if (packet->data_len < bytes_min || packet->data_len > PACKET_BYTES_MAX)
		return -EBADMSG;
	return rte_pktmbuf_tailroom(packet) >= room ? 0 : -ENOSPC;
}

struct shape {
	transform *call;
	size_t ssrc_offset, bytes_min, room;
};

static unsigned int burst(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			  int *result, const struct shape *shape)
{
	unsigned int done = 0;

	for (unsigned int i = 0; i < n; i++) {
		result[i] = packet_check(packets[i], shape->bytes_min, shape->room);
		if (result[i] == 0)
			result[i] =
				packet_transform(srtp, packets[i], shape->ssrc_offset, shape->call);
		done += result[i] == 0;
	}
	return done;
}

unsigned int nn_srtp_tag_bytes(const struct nn_srtp *srtp)
{
	return srtp->tag_bytes;
}

unsigned int nn_srtp_protect(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			     int *result)
{
	const struct shape shape = {
		.call = srtp_protect,
		.ssrc_offset = RTP_SSRC_OFFSET,
		.bytes_min = RTP_BYTES_MIN,
		.room = srtp->tag_bytes,
	};

	assert(!srtp->inbound);
	return burst(srtp, packets, n, result, &shape);
}

unsigned int nn_srtp_unprotect(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			       int *result)
{
	const struct shape shape = {
		.call = srtp_unprotect,
		.ssrc_offset = RTP_SSRC_OFFSET,
		.bytes_min = RTP_BYTES_MIN + srtp->tag_bytes,
	};

	assert(srtp->inbound);
	return burst(srtp, packets, n, result, &shape);
}

unsigned int nn_srtcp_protect(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			      int *result)
{
	const struct shape shape = {
		.call = srtp_protect_rtcp,
		.ssrc_offset = RTCP_SSRC_OFFSET,
		.bytes_min = RTCP_BYTES_MIN,
		.room = srtp->tag_bytes + SRTCP_INDEX_BYTES,
	};

	assert(!srtp->inbound);
	return burst(srtp, packets, n, result, &shape);
}

unsigned int nn_srtcp_unprotect(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
				int *result)
{
	const struct shape shape = {
		.call = srtp_unprotect_rtcp,
		.ssrc_offset = RTCP_SSRC_OFFSET,
		.bytes_min = RTCP_BYTES_MIN + srtp->tag_bytes + SRTCP_INDEX_BYTES,
	};

	assert(srtp->inbound);
	return burst(srtp, packets, n, result, &shape);
}

void nn_srtp_remove_source(struct nn_srtp *srtp, uint32_t ssrc)
{
	struct source *source = source_find(srtp, htonl(ssrc));

	if (!source || source->retired)
		return;
	srtp_remove_stream(srtp->session, htonl(ssrc));
	if (srtp->inbound)
		*source = srtp->sources[--srtp->n_sources];
	else
		source->retired = true;
}
