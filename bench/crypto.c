/* First the burst transform and libsrtp2 must make the same bytes of random traffic; then both, and
 * OpenSSL's EVP, protect what a fan-out does: each source packet for many viewers, every one with
 * keys and a header of its own. The three take turns within each round, so that a disturbance of
 * the machine meets all alike, and the median of the rounds counts. */
#include "bench/crypto.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/crypto_openssl.h"
#include "qos/eal.h"
#include "tests/media/srtp_oracle.h"

#define ROUNDS        5
#define VIEWERS       SRTP_BURST_MAX
#define PACKETS       320000u /* a measurement */
#define EQUAL_PACKETS 1000000u
#define HEADER_BYTES  20
#define TRANSFORMS    3
#define POOL_PACKETS  1023
#define EAL_MEMORY_MB 128

static const char help[] =
	"Usage: nn5g-bench crypto [--json] [--packets N]\n"
	"\n"
	"What protecting an SRTP packet costs, in nanoseconds, by profile and size: through the\n"
	"crypto device in bursts of 32 (one source, 32 viewers), packet by packet through\n"
	"libsrtp2, and through OpenSSL's EVP. Needs no gateway. First the device and libsrtp2\n"
	"must make the same bytes of N random packets, RTP and RTCP, wraps and replays among\n"
	"them.\n"
	"\n"
	"  --packets N  packets compared [1000000]\n"
	"  --json       one object instead of a table\n"
	"\n"
	"Exit status: 0; 1 when the two differ; 2 usage.\n";

struct viewer_keys {
	struct srtp_sender *burst;
	struct nn_srtp *library;
	struct evp_sender *evp;
};

struct bench {
	struct rte_mempool *pool;
	struct srtp_devices *devices;
	struct srtp_queue *queue;
	struct viewer_keys viewers[VIEWERS];
	struct rte_mbuf *source, *packets[VIEWERS];
	unsigned int payload_bytes;
	uint32_t sequence; /* across all rounds: no index twice */
};

static const struct {
	const char *name;
	enum srtp_profile profile;
} profiles[] = {
	{"AEAD_AES_256_GCM", SRTP_AEAD_AES_256_GCM},
	{"AEAD_AES_128_GCM", SRTP_AEAD_AES_128_GCM},
	{"AES128_CM_SHA1_80", SRTP_AES128_CM_SHA1_80},
};
static const unsigned int sizes[] = {100, 1200};

static void header_write(struct bench *bench, struct rte_mbuf *packet, unsigned int viewer)
{
	rte_pktmbuf_reset(packet);
	uint8_t *out = packet_bytes(packet);
	packet->data_len = HEADER_BYTES;
	packet->pkt_len = HEADER_BYTES;
	memset(out, 0, HEADER_BYTES);
	out[0] = 0x90;
	wire_write16(out + 2, (uint16_t)bench->sequence);
	wire_write32(out + 8, viewer);
	wire_write16(out + 12, 0xbede);
	wire_write16(out + 14, 1);
}

static bool burst_run(struct bench *bench)
{
	struct srtp_job jobs[VIEWERS];
	for (unsigned int i = 0; i < VIEWERS; i++) {
		header_write(bench, bench->packets[i], i);
		jobs[i] = (struct srtp_job){
			.sender = bench->viewers[i].burst,
			.packet = bench->packets[i],
			.source = bench->source,
			.source_offset = HEADER_BYTES,
			.payload_bytes = (uint16_t)bench->payload_bytes,
			.header_bytes = HEADER_BYTES,
		};
	}
	return srtp_queue_protect(bench->queue, jobs, VIEWERS) == VIEWERS;
}

static const uint8_t *payload_of(const struct bench *bench)
{
	return rte_pktmbuf_mtod_offset(bench->source, const uint8_t *, HEADER_BYTES);
}

static bool library_run(struct bench *bench)
{
	for (unsigned int i = 0; i < VIEWERS; i++) {
		int result;
		header_write(bench, bench->packets[i], i);
		struct rte_mbuf *packet = bench->packets[i];
		memcpy(packet_bytes(packet) + HEADER_BYTES, payload_of(bench),
		       bench->payload_bytes);
		packet->data_len = (uint16_t)(HEADER_BYTES + bench->payload_bytes);
		packet->pkt_len = packet->data_len;
		if (nn_srtp_protect(bench->viewers[i].library, &bench->packets[i], 1, &result) != 1)
			return false;
	}
	return true;
}

static bool evp_run(struct bench *bench)
{
	for (unsigned int i = 0; i < VIEWERS; i++) {
		header_write(bench, bench->packets[i], i);
		if (evp_protect(bench->viewers[i].evp, packet_bytes(bench->packets[i]),
				HEADER_BYTES, payload_of(bench), bench->payload_bytes,
				bench->sequence >> 16) <= bench->payload_bytes)
			return false;
	}
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct bench *bench);
} transforms[TRANSFORMS] = {
	{"device", burst_run},
	{"libsrtp2", library_run},
	{"openssl_evp", evp_run},
};

static bool keys_create(struct bench *bench, enum srtp_profile profile)
{
	for (unsigned int i = 0; i < VIEWERS; i++) {
		struct viewer_keys *viewer = &bench->viewers[i];
		struct srtp_keys keys = {.profile = profile};
		memset(keys.send, (int)i + 1, sizeof(keys.send));
		if (srtp_sender_create(bench->devices, &keys, SRTP_SENDER_SOURCES_MAX,
				       &viewer->burst) ||
		    nn_srtp_create(&keys, false, &viewer->library) ||
		    !(viewer->evp = evp_sender_create(&keys)))
			return false;
	}
	bench->sequence = 0;
	return true;
}

static void keys_destroy(struct bench *bench)
{
	for (unsigned int i = 0; i < VIEWERS; i++) {
		srtp_sender_destroy(bench->viewers[i].burst);
		nn_srtp_destroy(bench->viewers[i].library);
		evp_sender_destroy(bench->viewers[i].evp);
		bench->viewers[i] = (struct viewer_keys){0};
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Medians by transform. */
static bool time_case(struct bench *bench, unsigned int size, double *ns)
{
	double rounds[TRANSFORMS][ROUNDS];
	bench->payload_bytes = size - HEADER_BYTES;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int t = 0; t < TRANSFORMS; t++) {
			uint64_t begin_ns = clock_ns();
			for (unsigned int n = 0; n < PACKETS / ROUNDS; n += VIEWERS) {
				bench->sequence++;
				if (!transforms[t].run(bench))
					return false;
			}
			rounds[t][round] = (double)(clock_ns() - begin_ns) / (PACKETS / ROUNDS);
		}
	}
	for (unsigned int t = 0; t < TRANSFORMS; t++) {
		qsort(rounds[t], ROUNDS, sizeof(double), by_value);
		ns[t] = rounds[t][ROUNDS / 2];
	}
	return true;
}

static void print_case(unsigned int profile, unsigned int size, const double *ns, bool is_json,
		       bool is_first)
{
	if (!is_json) {
		printf("%-18s %5u %10.0f %10.0f %12.0f %9.1fx\n", profiles[profile].name, size,
		       ns[0], ns[1], ns[2], ns[1] / ns[0]);
		return;
	}
	printf("%s{\"profile\":\"%s\",\"bytes\":%u", is_first ? "" : ",", profiles[profile].name,
	       size);
	for (unsigned int t = 0; t < TRANSFORMS; t++)
		printf(",\"%s_ns\":%.1f", transforms[t].name, ns[t]);
	printf("}");
}

static bool time_all(struct bench *bench, bool is_json)
{
	bool is_good = true;
	if (!is_json)
		printf("%-18s %5s %10s %10s %12s %10s\n", "ns per packet", "bytes", "device",
		       "libsrtp2", "OpenSSL EVP", "of libsrtp2");
	for (unsigned int p = 0; p < RTE_DIM(profiles) && is_good; p++) {
		is_good = keys_create(bench, profiles[p].profile);
		for (unsigned int s = 0; s < RTE_DIM(sizes) && is_good; s++) {
			double ns[TRANSFORMS];
			is_good = time_case(bench, sizes[s], ns);
			if (is_good)
				print_case(p, sizes[s], ns, is_json, p == 0 && s == 0);
		}
		keys_destroy(bench);
	}
	if (!is_good)
		fprintf(stderr, "a packet could not be protected\n");
	return is_good;
}

static bool is_equal(struct bench *bench, uint64_t packets, bool is_json)
{
	struct oracle oracle = {.pool = bench->pool, .queue = bench->queue, .seed = 2026};
	bool is_open = oracle_open(&oracle, bench->devices) == 0;
	while (is_open && oracle.n_packets < packets)
		oracle_round(&oracle);
	oracle_close(&oracle);
	if (!is_open || oracle.n_different > 0) {
		fprintf(stderr, "device and libsrtp2 differ in %llu of %llu packets\n",
			(unsigned long long)oracle.n_different,
			(unsigned long long)oracle.n_packets);
		return false;
	}
	printf(is_json ? "{\"equal_packets\":%llu,\"refused_packets\":%llu,\"rows\":["
		       : "%llu random packets equal libsrtp2's (%llu refused by both)\n",
	       (unsigned long long)oracle.n_packets, (unsigned long long)oracle.n_refused);
	return true;
}

static bool bench_open(struct bench *bench)
{
	struct eal_config eal = {
		.program = "nn5g-bench", .n_workers = 1, .memory_mb = EAL_MEMORY_MB};
	struct srtp_devices_config devices = {.n_queues = 1, .senders_max = VIEWERS * 2};
	if (eal_start(&eal) || packet_pool_create("bench", POOL_PACKETS, &bench->pool) ||
	    srtp_devices_start(&devices, &bench->devices) ||
	    srtp_queue_create(bench->devices, 0, &bench->queue))
		return false;
	bench->source = packet_alloc(bench->pool);
	if (!bench->source)
		return false;
	memset(packet_bytes(bench->source), 0x5a, PACKET_BYTES_MAX);
	bench->source->data_len = PACKET_BYTES_MAX;
	bench->source->pkt_len = PACKET_BYTES_MAX;
	for (unsigned int i = 0; i < VIEWERS; i++) {
		bench->packets[i] = packet_alloc(bench->pool);
		if (!bench->packets[i])
			return false;
	}
	return true;
}

static void bench_close(struct bench *bench)
{
	srtp_queue_destroy(bench->queue);
	srtp_devices_stop(bench->devices);
	packet_pool_destroy(bench->pool);
	eal_stop();
}

int crypto_main(int argc, char **argv)
{
	uint64_t packets = EQUAL_PACKETS;
	bool is_json = false;
	for (int i = 1; i < argc; i++) {
		char *end = "";
		if (strcmp(argv[i], "--json") == 0) {
			is_json = true;
		} else if (strcmp(argv[i], "--packets") == 0 && i + 1 < argc) {
			packets = strtoull(argv[++i], &end, 10);
		} else {
			bool is_asked = strcmp(argv[i], "--help") == 0;
			fputs(help, is_asked ? stdout : stderr);
			return is_asked ? EXIT_SUCCESS : 2;
		}
		if (*end != '\0') {
			fprintf(stderr, "--packets: found \"%s\", expected a number\n", argv[i]);
			return 2;
		}
	}
	struct bench bench = {0};
	bool is_good = bench_open(&bench) && is_equal(&bench, packets, is_json) &&
		       time_all(&bench, is_json);
	if (is_good && is_json)
		puts("]}");
	bench_close(&bench);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
