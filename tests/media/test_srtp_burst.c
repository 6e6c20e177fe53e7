/* Burst protection: what it makes is what libsrtp2 makes. */
#include <errno.h>
#include <stdio.h>

#include <rte_eal.h>

#include "media/srtp_sender.h"
#include "tests/cunit.h"
#include "tests/media/srtp_oracle.h"

#define ROUNDS 1500

static struct rte_mempool *pool;
static struct srtp_devices *devices;
static struct srtp_queue *queue;

static int init(void)
{
	char *argv[] = {"test",        "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
			"--log-level", "error",     "-l",       "0",           "-m",
			"64",          NULL};
	if (rte_eal_init((int)(sizeof(argv) / sizeof(*argv)) - 1, argv) < 0 ||
	    nn_srtp_start_stock() < 0)
		return -1;
	if (packet_pool_create("test", 1023, &pool))
		return -1;
	if (srtp_devices_start(&(struct srtp_devices_config){.n_queues = 2, .senders_max = 64},
			       &devices))
		return -1;
	return srtp_queue_create(devices, 1, &queue);
}

static int cleanup(void)
{
	srtp_queue_destroy(queue);
	srtp_devices_stop(devices);
	nn_srtp_stop();
	packet_pool_destroy(pool);
	return rte_eal_cleanup();
}

static void compare(struct srtp_devices *with, struct srtp_queue *through)
{
	unsigned int before = rte_mempool_avail_count(pool);
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct oracle oracle = {.pool = pool, .queue = through, .seed = seed};
		CU_ASSERT_EQUAL_FATAL(oracle_open(&oracle, with), 0);
		for (unsigned int i = 0; i < ROUNDS; i++)
			oracle_round(&oracle);
		oracle_close(&oracle);
		CU_ASSERT_EQUAL(oracle.n_different, 0);
		CU_ASSERT_TRUE(oracle.n_refused > oracle.n_packets / 200);
		CU_ASSERT_TRUE(oracle.n_refused < oracle.n_packets / 5);
	}
	CU_ASSERT_EQUAL(rte_mempool_avail_count(pool), before);
}

static void test_same_as_libsrtp(void)
{
	CU_ASSERT_STRING_EQUAL(srtp_devices_driver(devices, SRTP_AEAD_AES_256_GCM),
			       "crypto_aesni_gcm");
	CU_ASSERT_STRING_EQUAL(srtp_devices_driver(devices, SRTP_AES128_CM_SHA1_80),
			       "crypto_aesni_mb");
	compare(devices, queue);
}

static struct srtp_sender *sender_make(enum srtp_profile profile)
{
	struct srtp_keys keys = {.profile = profile};
	struct srtp_sender *sender;
	memset(keys.send, 0x42, sizeof(keys.send));
	CU_ASSERT_EQUAL_FATAL(srtp_sender_create(devices, &keys, SRTP_SENDER_SOURCES_MAX, &sender),
			      0);
	return sender;
}

static struct srtp_job rtp_job(struct srtp_sender *sender, uint32_t ssrc, uint16_t sequence,
			       unsigned int payload)
{
	struct rte_mbuf *packet = packet_alloc(pool);
	CU_ASSERT_FATAL(packet != NULL);
	uint8_t *bytes = (uint8_t *)rte_pktmbuf_append(packet, (uint16_t)(12 + payload));
	memset(bytes, 0, 12 + payload);
	bytes[0] = 0x80;
	wire_write16(bytes + 2, sequence);
	wire_write32(bytes + 8, ssrc);
	return (struct srtp_job){.sender = sender, .packet = packet, .header_bytes = 12};
}

static int protect_one(struct srtp_job job)
{
	unsigned int n = srtp_queue_protect(queue, &job, 1);
	CU_ASSERT_EQUAL(n, job.result == 0);
	packet_free(job.packet);
	return job.result;
}

static void test_indices(void)
{
	struct srtp_sender *sender = sender_make(SRTP_AEAD_AES_128_GCM);
	CU_ASSERT_EQUAL(protect_one(rtp_job(sender, 1, 2000, 10)), 0);
	CU_ASSERT_EQUAL(protect_one(rtp_job(sender, 1, 2000, 10)), -EALREADY);
	CU_ASSERT_EQUAL(protect_one(rtp_job(sender, 1, 2000 - 1023, 10)), 0);
	CU_ASSERT_EQUAL(protect_one(rtp_job(sender, 1, 2000 - 1024, 10)), -EALREADY);
	CU_ASSERT_EQUAL(protect_one(rtp_job(sender, 1, 2000 - 1023, 10)), -EALREADY);
	srtp_sender_destroy(sender);
}

/* Extensions make a header as long as they like: a dependency descriptor with its templates. */
static void test_long_headers(void)
{
	struct srtp_keys keys = {.profile = SRTP_AEAD_AES_128_GCM};
	struct srtp_sender *sender = sender_make(keys.profile);
	struct nn_srtp *receiver;
	memset(keys.receive, 0x42, sizeof(keys.receive));
	CU_ASSERT_EQUAL_FATAL(nn_srtp_create(&keys, true, &receiver), 0);
	for (uint16_t words = 1; words < 300; words = (uint16_t)(words + 13)) {
		struct srtp_job job = rtp_job(sender, 1, words, 4u + 4u * words + 100);
		uint8_t *bytes = packet_bytes(job.packet);
		int result = 0;
		bytes[0] |= 0x10;
		wire_write16(bytes + 12, 0xbede);
		wire_write16(bytes + 14, words);
		job.header_bytes = (uint16_t)(16 + 4 * words);
		CU_ASSERT_EQUAL(srtp_queue_protect(queue, &job, 1), 1);
		CU_ASSERT_EQUAL(job.result, 0);
		CU_ASSERT_EQUAL(nn_srtp_unprotect(receiver, &job.packet, 1, &result), 1);
		packet_free(job.packet);
	}
	nn_srtp_destroy(receiver);
	srtp_sender_destroy(sender);
}

static void test_bounds(void)
{
	struct srtp_sender *sender = sender_make(SRTP_AES128_CM_SHA1_80);
	struct srtp_job job = rtp_job(sender, 1, 1, 0);
	job.packet->data_len = 11;
	CU_ASSERT_EQUAL(protect_one(job), -EBADMSG);
	job = rtp_job(sender, 1, 1, PACKET_BYTES_MAX - 11);
	CU_ASSERT_EQUAL(protect_one(job), -EBADMSG);
	job = rtp_job(sender, 1, 1, 100);
	job.packet->data_off = (uint16_t)(job.packet->buf_len - 112 - 9);
	CU_ASSERT_EQUAL(protect_one(job), -ENOSPC);
	for (uint32_t ssrc = 1; ssrc <= SRTP_SENDER_SOURCES_MAX; ssrc++)
		CU_ASSERT_EQUAL(protect_one(rtp_job(sender, ssrc, 1, 0)), 0);
	CU_ASSERT_EQUAL(protect_one(rtp_job(sender, 1000, 1, 0)), -ENOBUFS);
	srtp_sender_destroy(sender);
}

static void test_unknown_profile(void)
{
	struct srtp_keys keys = {.profile = (enum srtp_profile)0x7777};
	struct srtp_sender *sender;
	CU_ASSERT_EQUAL(srtp_sender_create(devices, &keys, 1, &sender), -EINVAL);
	keys.profile = SRTP_AEAD_AES_128_GCM;
	CU_ASSERT_EQUAL(srtp_sender_create(devices, &keys, SRTP_SENDER_SOURCES_MAX + 1, &sender),
			-EINVAL);
}

/* Whoever finds no place on the device is served all the same, and so is whoever comes when places
 * are given back. */
static void test_senders_run_out(void)
{
	static struct srtp_sender *senders[64 + 8];
	struct srtp_keys keys = {.profile = SRTP_AEAD_AES_128_GCM};
	unsigned int n = sizeof(senders) / sizeof(senders[0]);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < n; i++)
			CU_ASSERT_EQUAL_FATAL(srtp_sender_create(devices, &keys, 1, &senders[i]),
					      0);
		for (unsigned int i = 0; i < n; i++) {
			CU_ASSERT_EQUAL(senders[i]->library != NULL, i >= 64);
			for (uint16_t sequence = 0; sequence < 6; sequence++)
				CU_ASSERT_EQUAL(protect_one(rtp_job(senders[i], 1, sequence, 10)),
						0);
		}
		for (unsigned int i = 0; i < n; i++)
			srtp_sender_destroy(senders[i]);
	}
}

static void test_no_such_driver(void)
{
	struct srtp_devices *none = NULL;
	struct srtp_queue *through = NULL;
	struct srtp_devices_config config = {.n_queues = 1,
					     .senders_max = 1,
					     .gcm_driver = "crypto_of_no_kind",
					     .cm_driver = SRTP_DRIVER_OFF};
	CU_ASSERT_EQUAL_FATAL(srtp_devices_start(&config, &none), 0);
	CU_ASSERT_EQUAL_FATAL(srtp_queue_create(none, 0, &through), 0);
	CU_ASSERT_STRING_EQUAL(srtp_devices_driver(none, SRTP_AEAD_AES_128_GCM), SRTP_LIBRARY);
	CU_ASSERT_STRING_EQUAL(srtp_devices_driver(none, SRTP_AES128_CM_SHA1_80), SRTP_LIBRARY);
	compare(none, through);
	srtp_queue_destroy(through);
	srtp_devices_stop(none);
}

/* One driver may do both suites. */
static void test_one_driver_for_both(void)
{
	struct srtp_devices *both = NULL;
	struct srtp_queue *through = NULL;
	struct srtp_devices_config config = {.n_queues = 1,
					     .senders_max = 16,
					     .gcm_driver = "crypto_openssl",
					     .cm_driver = "crypto_openssl"};
	CU_ASSERT_EQUAL_FATAL(srtp_devices_start(&config, &both), 0);
	CU_ASSERT_EQUAL_FATAL(srtp_queue_create(both, 0, &through), 0);
	CU_ASSERT_STRING_EQUAL(srtp_devices_driver(both, SRTP_AEAD_AES_128_GCM), "crypto_openssl");
	CU_ASSERT_STRING_EQUAL(srtp_devices_driver(both, SRTP_AES128_CM_SHA1_80),
			       "crypto_openssl_2");
	compare(both, through);
	srtp_queue_destroy(through);
	srtp_devices_stop(both);
}

static CU_TestInfo tests[] = {
	{"what_libsrtp2_makes_byte_by_byte", test_same_as_libsrtp},
	{"no_index_twice", test_indices},
	{"long_headers", test_long_headers},
	{"bounds", test_bounds},
	{"unknown_profile", test_unknown_profile},
	{"the_devices_sessions_run_out", test_senders_run_out},
	{"no_such_driver", test_no_such_driver},
	{"one_driver_for_both", test_one_driver_for_both},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("srtp_burst", tests, init, cleanup)
