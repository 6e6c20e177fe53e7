#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "media/srtp.h"
#include "tests/cunit.h"

#define SSRC      0x11223344u
#define RTP_BYTES 100

static struct rte_mempool *pool;

static const struct {
	enum srtp_profile profile;
	size_t rtp_trailer, rtcp_trailer;
} profiles[] = {
	{SRTP_AES128_CM_SHA1_80, 10, 14},
	{SRTP_AEAD_AES_128_GCM, 16, 20},
	{SRTP_AEAD_AES_256_GCM, 16, 20},
};

#define PROFILES (sizeof(profiles) / sizeof(*profiles))

static int init(void)
{
	char *argv[] = {"test",        "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
			"--log-level", "error",     "-l",       "0",           "-m",
			"64",          NULL};

	if (rte_eal_init((int)(sizeof(argv) / sizeof(*argv)) - 1, argv) < 0 || nn_srtp_start() < 0)
		return -1;
	pool = rte_pktmbuf_pool_create(
		"test", 1023, 0, RTE_ALIGN(sizeof(struct packet_meta), RTE_MBUF_PRIV_ALIGN),
		RTE_PKTMBUF_HEADROOM + PACKET_BYTES_MAX + SRTP_TRAILER_MAX, 0);
	return pool ? 0 : -1;
}

static int cleanup(void)
{
	nn_srtp_stop();
	rte_mempool_free(pool);
	return rte_eal_cleanup();
}

/* Two directions of one session. */
struct pair {
	struct nn_srtp *out, *in;
};

static struct pair pair_create(enum srtp_profile profile)
{
	struct srtp_keys keys = {.profile = profile};
	struct pair pair;

	for (int i = 0; i < SRTP_MASTER_KEY_MAX; i++)
		keys.send[i] = keys.receive[i] = (uint8_t)(i * 7 + 1);
	CU_ASSERT_FATAL(nn_srtp_create(&keys, false, &pair.out) == 0);
	CU_ASSERT_FATAL(nn_srtp_create(&keys, true, &pair.in) == 0);
	return pair;
}

static void pair_destroy(struct pair *pair)
{
	nn_srtp_destroy(pair->out);
	nn_srtp_destroy(pair->in);
}

static struct rte_mbuf *packet_make(const void *bytes, size_t size)
{
	struct rte_mbuf *packet = rte_pktmbuf_alloc(pool);

	CU_ASSERT_FATAL(packet != NULL);
	void *to = rte_pktmbuf_append(packet, (uint16_t)size);
	CU_ASSERT_FATAL(to != NULL);
	memcpy(to, bytes, size);
	return packet;
}

static void rtp_write_plain(uint8_t bytes[RTP_BYTES], uint32_t ssrc, uint16_t sequence)
{
	memset(bytes, 0x5a, RTP_BYTES);
	memset(bytes, 0, 12);
	bytes[0] = 0x80;
	bytes[1] = 96;
	bytes[2] = (uint8_t)(sequence >> 8);
	bytes[3] = (uint8_t)sequence;
	for (int i = 0; i < 4; i++)
		bytes[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
}

static struct rte_mbuf *rtp_make(uint32_t ssrc, uint16_t sequence)
{
	uint8_t bytes[RTP_BYTES];

	rtp_write_plain(bytes, ssrc, sequence);
	return packet_make(bytes, sizeof(bytes));
}

static const uint8_t receiver_report[8] = {0x80, 201, 0, 1, 0x11, 0x22, 0x33, 0x44};

static struct rte_mbuf *copy_of(struct rte_mbuf *packet)
{
	return packet_make(packet_bytes(packet), packet->data_len);
}

typedef unsigned int verb(struct nn_srtp *srtp, struct rte_mbuf **packets, unsigned int n,
			  int *result);

static int one(verb *call, struct nn_srtp *srtp, struct rte_mbuf *packet)
{
	int result = 1;
	unsigned int n = call(srtp, &packet, 1, &result);

	CU_ASSERT_EQUAL(n, result == 0);
	CU_ASSERT_TRUE(result <= 0);
	CU_ASSERT_EQUAL(packet->pkt_len, packet->data_len);
	return result;
}

/* A protected packet. */
static struct rte_mbuf *sealed(struct pair *pair, uint32_t ssrc, uint16_t sequence)
{
	struct rte_mbuf *packet = rtp_make(ssrc, sequence);

	CU_ASSERT_EQUAL(one(nn_srtp_protect, pair->out, packet), 0);
	return packet;
}

/* Sends and receives one packet. */
static int send_one(struct pair *pair, uint32_t ssrc, uint16_t sequence)
{
	struct rte_mbuf *packet = sealed(pair, ssrc, sequence);
	int result = one(nn_srtp_unprotect, pair->in, packet);

	rte_pktmbuf_free(packet);
	return result;
}

/* Seals, checks that it looks sealed, opens, checks that it is what it was. */
static void round_trip(verb *protect, verb *unprotect, struct pair *pair, const uint8_t *bytes,
		       size_t size, size_t trailer)
{
	struct rte_mbuf *packet = packet_make(bytes, size);

	CU_ASSERT_EQUAL(one(protect, pair->out, packet), 0);
	CU_ASSERT_EQUAL(packet->data_len, size + trailer);
	CU_ASSERT_TRUE(memcmp(packet_bytes(packet), bytes, 8) == 0);
	if (size >= 40)
		CU_ASSERT_TRUE(memcmp(packet_bytes(packet) + size - 16, bytes + size - 16, 16) !=
			       0);
	CU_ASSERT_EQUAL(one(unprotect, pair->in, packet), 0);
	CU_ASSERT_EQUAL(packet->data_len, size);
	CU_ASSERT_TRUE(memcmp(packet_bytes(packet), bytes, size) == 0);
	rte_pktmbuf_free(packet);
}

static void packets_come_back_as_they_were(void)
{
	static const uint8_t extended[] = {0x91, 0xe0, 0, 9, 0, 0,    0,    1,   0x11, 0x22, 0x33,
					   0x44, 0,    0, 0, 5, 0xbe, 0xde, 0,   2,    0x10, 1,
					   0x31, 2,    3, 0, 0, 0,    'p',  'a', 'y'};
	static const uint8_t empty[] = {0x80, 96, 0, 10, 0, 0, 0, 1, 0x11, 0x22, 0x33, 0x44};
	static const uint8_t sender_report[28] = {0x80, 200, 0, 6, 0x11, 0x22, 0x33, 0x44, 9};

	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);
		uint8_t plain[RTP_BYTES], large[PACKET_BYTES_MAX] = {0x80, 96, 0, 12};

		rtp_write_plain(plain, SSRC, 8);
		round_trip(nn_srtp_protect, nn_srtp_unprotect, &pair, plain, sizeof(plain),
			   profiles[i].rtp_trailer);
		round_trip(nn_srtp_protect, nn_srtp_unprotect, &pair, extended, sizeof(extended),
			   profiles[i].rtp_trailer);
		round_trip(nn_srtp_protect, nn_srtp_unprotect, &pair, empty, sizeof(empty),
			   profiles[i].rtp_trailer);
		round_trip(nn_srtp_protect, nn_srtp_unprotect, &pair, large,
			   sizeof(large) - profiles[i].rtp_trailer, profiles[i].rtp_trailer);
		round_trip(nn_srtcp_protect, nn_srtcp_unprotect, &pair, receiver_report,
			   sizeof(receiver_report), profiles[i].rtcp_trailer);
		round_trip(nn_srtcp_protect, nn_srtcp_unprotect, &pair, sender_report,
			   sizeof(sender_report), profiles[i].rtcp_trailer);
		pair_destroy(&pair);
	}
}

static void directions_and_profiles_use_their_own_keys(void)
{
	struct srtp_keys keys = {.profile = SRTP_AEAD_AES_128_GCM};
	struct nn_srtp *out, *in;

	memset(keys.send, 1, sizeof(keys.send));
	memset(keys.receive, 2, sizeof(keys.receive));
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, false, &out), 0);
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &in), 0);
	struct rte_mbuf *packet = rtp_make(SSRC, 1);
	CU_ASSERT_EQUAL(one(nn_srtp_protect, out, packet), 0);
	CU_ASSERT_EQUAL(one(nn_srtp_unprotect, in, packet), -EBADMSG);
	rte_pktmbuf_free(packet);
	nn_srtp_destroy(out);
	nn_srtp_destroy(in);
	nn_srtp_destroy(NULL);
	keys.profile = SRTP_PROFILE_NONE;
	CU_ASSERT_EQUAL(nn_srtp_create(&keys, false, &out), -EINVAL);
	keys.profile = (enum srtp_profile)2;
	CU_ASSERT_EQUAL(nn_srtp_create(&keys, true, &in), -EINVAL);
}

/* Packets of our libsrtp2, whose AES is OpenSSL's, are those of the one that Debian built, and the
 * other way round. `sealed` by one, opened by the other. */
static struct rte_mbuf *sealed_packets[PROFILES][2][64];

static void seal_all(void)
{
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);
		for (unsigned int n = 0; n < 64; n++) {
			sealed_packets[i][0][n] = sealed(&pair, SSRC, (uint16_t)(65500 + n));
			sealed_packets[i][1][n] =
				packet_make(receiver_report, sizeof(receiver_report));
			CU_ASSERT_EQUAL(one(nn_srtcp_protect, pair.out, sealed_packets[i][1][n]),
					0);
		}
		pair_destroy(&pair);
	}
}

static void open_all(void)
{
	uint8_t plain[RTP_BYTES];
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);
		for (unsigned int n = 0; n < 64; n++) {
			struct rte_mbuf *rtp = sealed_packets[i][0][n],
					*rtcp = sealed_packets[i][1][n];
			rtp_write_plain(plain, SSRC, (uint16_t)(65500 + n));
			CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, rtp), 0);
			CU_ASSERT_EQUAL(memcmp(packet_bytes(rtp), plain, RTP_BYTES), 0);
			CU_ASSERT_EQUAL(one(nn_srtcp_unprotect, pair.in, rtcp), 0);
			CU_ASSERT_EQUAL(memcmp(packet_bytes(rtcp), receiver_report,
					       sizeof(receiver_report)),
					0);
			rte_pktmbuf_free(rtp);
			rte_pktmbuf_free(rtcp);
		}
		pair_destroy(&pair);
	}
}

static void the_cipher_is_as_good_as_the_librarys(void)
{
	seal_all();
	nn_srtp_stop();
	CU_ASSERT_EQUAL_FATAL(nn_srtp_start_stock(), 0);
	open_all();
	seal_all();
	nn_srtp_stop();
	CU_ASSERT_EQUAL_FATAL(nn_srtp_start(), 0);
	open_all();
}

static void bursts_report_each_packet(void)
{
	struct pair pair = pair_create(SRTP_AEAD_AES_256_GCM);
	struct rte_mbuf *packets[4];
	int result[4];

	for (int i = 0; i < 4; i++)
		packets[i] = rtp_make(SSRC, (uint16_t)(i == 2 ? 1 : i));
	CU_ASSERT_EQUAL(nn_srtp_protect(pair.out, packets, 4, result), 3);
	CU_ASSERT_EQUAL(result[1], 0);
	CU_ASSERT_EQUAL(result[2], -EALREADY);
	CU_ASSERT_EQUAL(result[3], 0);
	packet_bytes(packets[1])[20] ^= 1;
	CU_ASSERT_EQUAL(nn_srtp_unprotect(pair.in, packets, 4, result), 2);
	CU_ASSERT_EQUAL(result[0], 0);
	CU_ASSERT_EQUAL(result[1], -EBADMSG);
	CU_ASSERT_EQUAL(result[2], -EBADMSG);
	CU_ASSERT_EQUAL(result[3], 0);
	CU_ASSERT_EQUAL(nn_srtp_protect(pair.out, packets, 0, result), 0);
	for (int i = 0; i < 4; i++)
		rte_pktmbuf_free(packets[i]);
	pair_destroy(&pair);
}

static void replays_are_told_apart(void)
{
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);
		struct rte_mbuf *rtp = sealed(&pair, SSRC, 1), *rtp_again = copy_of(rtp);
		struct rte_mbuf *rtcp = packet_make(receiver_report, sizeof(receiver_report));
		struct rte_mbuf *old = copy_of(rtp);

		CU_ASSERT_EQUAL(one(nn_srtcp_protect, pair.out, rtcp), 0);
		struct rte_mbuf *rtcp_again = copy_of(rtcp);
		CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, rtp), 0);
		CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, rtp_again), -EALREADY);
		CU_ASSERT_EQUAL(one(nn_srtcp_unprotect, pair.in, rtcp), 0);
		CU_ASSERT_EQUAL(one(nn_srtcp_unprotect, pair.in, rtcp_again), -EALREADY);
		CU_ASSERT_EQUAL(send_one(&pair, SSRC, 2000), 0);
		CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, old), -EALREADY);
		struct rte_mbuf *all[] = {rtp, rtp_again, rtcp, rtcp_again, old};
		rte_pktmbuf_free_bulk(all, 5);
		pair_destroy(&pair);
	}
}

/* Over two wraps, with one packet of the first round that arrives in the second. */
static void rollover_is_followed(void)
{
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);

		CU_ASSERT_EQUAL(send_one(&pair, SSRC, 65000), 0);
		struct rte_mbuf *late = sealed(&pair, SSRC, 65535);
		for (uint32_t index = 65536; index < 65536 + 300; index++)
			CU_ASSERT_EQUAL(send_one(&pair, SSRC, (uint16_t)index), 0);
		CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, late), 0);
		rte_pktmbuf_free(late);
		for (uint32_t index = 65536 + 300; index < 4 * 65536; index += 501)
			CU_ASSERT_EQUAL(send_one(&pair, SSRC, (uint16_t)index), 0);
		pair_destroy(&pair);
	}
}

static void bad_packets_leave_the_state_alone(void)
{
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);

		CU_ASSERT_EQUAL(send_one(&pair, SSRC, 100), 0);
		for (uint16_t n = 0; n < 100; n++) {
			struct rte_mbuf *forged = rtp_make(SSRC, (uint16_t)(101 + n * 300));
			struct rte_mbuf *stranger = rtp_make(SSRC + 1 + n, n);
			struct rte_mbuf *rtcp = packet_make(packet_bytes(forged), RTP_BYTES);

			memcpy(packet_bytes(rtcp), receiver_report, 8);
			CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, forged), -EBADMSG);
			CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, stranger), -EBADMSG);
			CU_ASSERT_EQUAL(one(nn_srtcp_unprotect, pair.in, rtcp), -EBADMSG);
			struct rte_mbuf *all[] = {forged, stranger, rtcp};
			rte_pktmbuf_free_bulk(all, 3);
		}
		for (uint16_t n = 101; n < 200; n++)
			CU_ASSERT_EQUAL(send_one(&pair, SSRC, n), 0);
		for (uint32_t n = 1; n < NN_SRTP_SOURCES_MAX; n++)
			CU_ASSERT_EQUAL(send_one(&pair, SSRC + n, 1), 0);
		pair_destroy(&pair);
	}
}

/* Every length from nothing to a whole packet, of valid packets cut short. */
static void short_packets_are_bad(void)
{
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);
		struct rte_mbuf *rtp = sealed(&pair, SSRC, 1);
		struct rte_mbuf *rtcp = packet_make(receiver_report, sizeof(receiver_report));

		CU_ASSERT_EQUAL(one(nn_srtcp_protect, pair.out, rtcp), 0);
		for (size_t size = 0; size < rtp->data_len; size++) {
			struct rte_mbuf *cut = packet_make(packet_bytes(rtp), size);
			CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, cut), -EBADMSG);
			rte_pktmbuf_free(cut);
		}
		for (size_t size = 0; size < rtcp->data_len; size++) {
			struct rte_mbuf *cut = packet_make(packet_bytes(rtcp), size);
			CU_ASSERT_EQUAL(one(nn_srtcp_unprotect, pair.in, cut), -EBADMSG);
			rte_pktmbuf_free(cut);
		}
		for (size_t size = 0; size < 12; size++) {
			struct rte_mbuf *cut = packet_make(receiver_report, size < 8 ? size : 7);
			CU_ASSERT_EQUAL(one(nn_srtp_protect, pair.out, cut), -EBADMSG);
			CU_ASSERT_EQUAL(one(nn_srtcp_protect, pair.out, cut), -EBADMSG);
			rte_pktmbuf_free(cut);
		}
		CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, rtp), 0);
		CU_ASSERT_EQUAL(one(nn_srtcp_unprotect, pair.in, rtcp), 0);
		rte_pktmbuf_free(rtp);
		rte_pktmbuf_free(rtcp);
		pair_destroy(&pair);
	}
}

static void lying_extension_lengths_are_bad(void)
{
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);
		uint8_t bytes[RTP_BYTES];

		for (unsigned int words = 0; words <= 0xffff; words += 1 + words / 3) {
			rtp_write_plain(bytes, SSRC, 1);
			bytes[0] = 0x90;
			bytes[14] = (uint8_t)(words >> 8);
			bytes[15] = (uint8_t)words;
			struct rte_mbuf *packet = packet_make(bytes, sizeof(bytes));
			CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, packet), -EBADMSG);
			rte_pktmbuf_free(packet);
			if (words <= (RTP_BYTES - 16) / 4)
				continue;
			packet = packet_make(bytes, sizeof(bytes));
			CU_ASSERT_EQUAL(one(nn_srtp_protect, pair.out, packet), -EBADMSG);
			rte_pktmbuf_free(packet);
		}
		CU_ASSERT_EQUAL(send_one(&pair, SSRC, 1), 0);
		pair_destroy(&pair);
	}
}

static void indices_are_used_once(void)
{
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);
		static const struct {
			uint16_t sequence;
			int result;
		} sends[] = {
			{1000, 0},         {1000, -EALREADY}, {1003, 0},         {1001, 0},
			{1001, -EALREADY}, {1002, 0},         {2025, 0},         {1002, -EALREADY},
			{1004, 0},         {1001, -EALREADY}, {2025, -EALREADY},
		};

		for (size_t n = 0; n < sizeof(sends) / sizeof(*sends); n++) {
			struct rte_mbuf *packet = rtp_make(SSRC, sends[n].sequence);
			CU_ASSERT_EQUAL(one(nn_srtp_protect, pair.out, packet), sends[n].result);
			rte_pktmbuf_free(packet);
		}
		pair_destroy(&pair);
	}
}

static void removed_sources(void)
{
	struct pair pair = pair_create(SRTP_AEAD_AES_128_GCM);
	struct rte_mbuf *packet = rtp_make(SSRC, 2);

	CU_ASSERT_EQUAL(send_one(&pair, SSRC, 1), 0);
	CU_ASSERT_EQUAL(send_one(&pair, SSRC + 1, 1), 0);
	nn_srtp_remove_source(pair.out, SSRC);
	nn_srtp_remove_source(pair.out, SSRC);
	nn_srtp_remove_source(pair.out, 99);
	CU_ASSERT_EQUAL(one(nn_srtp_protect, pair.out, packet), -EALREADY);
	CU_ASSERT_EQUAL(send_one(&pair, SSRC + 1, 2), 0);
	rte_pktmbuf_free(packet);

	/* Inbound, the source may start again, from the beginning. */
	packet = sealed(&pair, SSRC + 2, 7);
	struct rte_mbuf *again = copy_of(packet);
	CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, packet), 0);
	nn_srtp_remove_source(pair.in, SSRC + 2);
	CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, again), 0);
	CU_ASSERT_EQUAL(send_one(&pair, SSRC + 1, 3), 0);
	rte_pktmbuf_free(packet);
	rte_pktmbuf_free(again);
	pair_destroy(&pair);
}

static void sources_are_bounded(void)
{
	struct pair pair = pair_create(SRTP_AEAD_AES_128_GCM), other;
	struct rte_mbuf *packet;

	for (uint32_t n = 0; n < NN_SRTP_SOURCES_MAX; n++)
		CU_ASSERT_EQUAL(send_one(&pair, n, 1), 0);
	packet = rtp_make(NN_SRTP_SOURCES_MAX, 1);
	CU_ASSERT_EQUAL(one(nn_srtp_protect, pair.out, packet), -ENOBUFS);
	rte_pktmbuf_free(packet);

	other = pair_create(SRTP_AEAD_AES_128_GCM);
	packet = sealed(&other, NN_SRTP_SOURCES_MAX, 1);
	CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, packet), -ENOBUFS);
	nn_srtp_remove_source(pair.in, 5);
	CU_ASSERT_EQUAL(one(nn_srtp_unprotect, pair.in, packet), 0);
	CU_ASSERT_EQUAL(send_one(&pair, 6, 2), 0);
	rte_pktmbuf_free(packet);
	pair_destroy(&pair);
	pair_destroy(&other);
}

static void tail_room_is_checked(void)
{
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair = pair_create(profiles[i].profile);
		verb *const verbs[] = {nn_srtp_protect, nn_srtcp_protect};
		const size_t trailers[] = {profiles[i].rtp_trailer, profiles[i].rtcp_trailer};

		for (int v = 0; v < 2; v++) {
			struct rte_mbuf *packet = rtp_make(SSRC, (uint16_t)v);

			packet->buf_len =
				(uint16_t)(packet->data_off + RTP_BYTES + trailers[v] - 1);
			CU_ASSERT_EQUAL(one(verbs[v], pair.out, packet), -ENOSPC);
			packet->buf_len++;
			CU_ASSERT_EQUAL(one(verbs[v], pair.out, packet), 0);
			packet->buf_len = rte_pktmbuf_data_room_size(pool);
			rte_pktmbuf_free(packet);
		}
		pair_destroy(&pair);
	}
}

static CU_TestInfo tests[] = {
	{"packets_come_back_as_they_were", packets_come_back_as_they_were},
	{"directions_and_profiles_use_their_own_keys", directions_and_profiles_use_their_own_keys},
	{"the_cipher_is_as_good_as_the_librarys", the_cipher_is_as_good_as_the_librarys},
	{"bursts_report_each_packet", bursts_report_each_packet},
	{"replays_are_told_apart", replays_are_told_apart},
	{"rollover_is_followed", rollover_is_followed},
	{"bad_packets_leave_the_state_alone", bad_packets_leave_the_state_alone},
	{"short_packets_are_bad", short_packets_are_bad},
	{"lying_extension_lengths_are_bad", lying_extension_lengths_are_bad},
	{"indices_are_used_once", indices_are_used_once},
	{"removed_sources", removed_sources},
	{"sources_are_bounded", sources_are_bounded},
	{"tail_room_is_checked", tail_room_is_checked},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("srtp", tests, init, cleanup)
