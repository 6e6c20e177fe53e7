/* What it protects, libsrtp2 must take for authentic and decrypt to what it was. */
#include "bench/srtp_out.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <openssl/srtp.h>
#include <srtp2/srtp.h>

#include "tests/cunit.h"

#define PACKETS  2000
#define ROOM     2048
#define KEY_ROOM 46

static const struct {
	unsigned long id;
	srtp_profile_t profile;
} profiles[] = {
	{SRTP_AEAD_AES_256_GCM, srtp_profile_aead_aes_256_gcm},
	{SRTP_AEAD_AES_128_GCM, srtp_profile_aead_aes_128_gcm},
	{SRTP_AES128_CM_SHA1_80, srtp_profile_aes128_cm_sha1_80},
};

#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))

/* Both sides of an association with random keys. */
struct pair {
	struct srtp_out *out;
	srtp_t in;
};

static void begin(struct pair *pair, size_t profile)
{
	uint8_t key[KEY_ROOM];
	srtp_policy_t policy = {
		.ssrc = {.type = ssrc_any_inbound}, .key = key, .window_size = 1024};
	RAND_bytes(key, sizeof(key));
	srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profiles[profile].profile);
	srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profiles[profile].profile);
	CU_ASSERT_EQUAL_FATAL(srtp_create(&pair->in, &policy), srtp_err_status_ok);
	pair->out = srtp_out_create(profiles[profile].id, key);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pair->out);
}

static void end(struct pair *pair)
{
	srtp_dealloc(pair->in);
	srtp_out_destroy(pair->out);
}

/* A packet of random payload, with CSRCs and an extension now and then. */
static size_t make_rtp(uint8_t *packet, uint32_t ssrc, uint16_t sequence)
{
	size_t csrcs = (size_t)rand() % 3, words = (size_t)rand() % 4;
	bool has_extension = rand() % 2;
	size_t header = 12 + 4 * csrcs + (has_extension ? 4 + 4 * words : 0);
	size_t size = header + 1 + (size_t)rand() % 1200;
	RAND_bytes(packet, (int)size);
	packet[0] = (uint8_t)(0x80 | (has_extension ? 0x10 : 0) | csrcs);
	packet[2] = (uint8_t)(sequence >> 8);
	packet[3] = (uint8_t)sequence;
	memcpy(packet + 8, &ssrc, 4);
	if (has_extension) {
		packet[12 + 4 * csrcs + 2] = 0;
		packet[12 + 4 * csrcs + 3] = (uint8_t)words;
	}
	return size;
}

static void rtp_is_what_libsrtp2_takes(void)
{
	uint8_t packet[ROOM], plain[ROOM];
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair;
		uint16_t sequences[2] = {65000, 7}; /* the first one wraps */
		begin(&pair, i);
		for (int n = 0; n < PACKETS; n++) {
			int source = rand() % 2;
			size_t size = make_rtp(plain, 1 + (uint32_t)source, sequences[source]++);
			size_t sealed = size;
			memcpy(packet, plain, size);
			CU_ASSERT_TRUE_FATAL(srtp_out_rtp(pair.out, packet, &sealed));
			CU_ASSERT(sealed <= size + SRTP_OUT_TRAILER_MAX);
			int len = (int)sealed;
			CU_ASSERT_EQUAL_FATAL(srtp_unprotect(pair.in, packet, &len),
					      srtp_err_status_ok);
			CU_ASSERT_EQUAL((size_t)len, size);
			CU_ASSERT_EQUAL(memcmp(packet, plain, size), 0);
		}
		end(&pair);
	}
}

static void rtcp_is_what_libsrtp2_takes(void)
{
	uint8_t packet[ROOM], plain[ROOM];
	for (size_t i = 0; i < PROFILES; i++) {
		struct pair pair;
		begin(&pair, i);
		for (int n = 0; n < PACKETS; n++) {
			size_t size = 8 + 4 * ((size_t)rand() % 100), sealed = size;
			RAND_bytes(plain, (int)size);
			plain[0] = 0x81;
			plain[1] = 201;
			memcpy(packet, plain, size);
			CU_ASSERT_TRUE_FATAL(srtp_out_rtcp(pair.out, packet, &sealed));
			CU_ASSERT(sealed <= size + SRTP_OUT_TRAILER_MAX);
			int len = (int)sealed;
			CU_ASSERT_EQUAL_FATAL(srtp_unprotect_rtcp(pair.in, packet, &len),
					      srtp_err_status_ok);
			CU_ASSERT_EQUAL((size_t)len, size);
			CU_ASSERT_EQUAL(memcmp(packet, plain, size), 0);
		}
		end(&pair);
	}
}

static void what_is_no_packet_is_refused(void)
{
	uint8_t packet[ROOM] = {0x80};
	struct pair pair;
	begin(&pair, 0);
	for (size_t size = 0; size <= 12; size++) {
		size_t sealed = size;
		CU_ASSERT_FALSE(srtp_out_rtp(pair.out, packet, &sealed));
		CU_ASSERT_EQUAL(sealed, size);
	}
	for (size_t size = 0; size < 8; size++) {
		size_t sealed = size;
		CU_ASSERT_FALSE(srtp_out_rtcp(pair.out, packet, &sealed));
	}
	packet[0] = 0x9f; /* CSRCs and an extension that go beyond it */
	size_t sealed = 40;
	CU_ASSERT_FALSE(srtp_out_rtp(pair.out, packet, &sealed));
	end(&pair);
}

static void fifth_source_is_refused(void)
{
	uint8_t packet[ROOM];
	struct pair pair;
	begin(&pair, 1);
	for (uint32_t ssrc = 1; ssrc <= 5; ssrc++) {
		size_t size = make_rtp(packet, ssrc, 1);
		CU_ASSERT_EQUAL(srtp_out_rtp(pair.out, packet, &size), ssrc <= 4);
	}
	end(&pair);
}

static void unknown_profile_is_refused(void)
{
	uint8_t key[KEY_ROOM] = {0};
	CU_ASSERT_PTR_NULL(srtp_out_create(SRTP_AES128_CM_SHA1_32, key));
}

static int start(void)
{
	return srtp_init() == srtp_err_status_ok ? 0 : 1;
}

static int stop(void)
{
	return srtp_shutdown() == srtp_err_status_ok ? 0 : 1;
}

static CU_TestInfo tests[] = {
	{"rtp_is_what_libsrtp2_takes", rtp_is_what_libsrtp2_takes},
	{"rtcp_is_what_libsrtp2_takes", rtcp_is_what_libsrtp2_takes},
	{"what_is_no_packet_is_refused", what_is_no_packet_is_refused},
	{"fifth_source_is_refused", fifth_source_is_refused},
	{"unknown_profile_is_refused", unknown_profile_is_refused},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("srtp_out", tests, start, stop)
