/* First the burst transform and libsrtp2 must make the same bytes of random traffic; then both, and
 * OpenSSL's EVP, protect what a fan-out does: each source packet for many viewers, every one with
 * keys and a header of its own. The three take turns within each round, so that a disturbance of
 * the machine meets all alike, and the median of the rounds counts. */
#include "bench/crypto.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/crypto_openssl.h"
#include "bench/options.h"
#include "bench/result.h"
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
	"  --json       JSON lines on stdout, instead of a table\n"
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
	struct results *results;
};

static const struct {
	const char *name;
	enum srtp_profile profile;
} profiles[] = {
	{"gcm256", SRTP_AEAD_AES_256_GCM},
	{"gcm128", SRTP_AEAD_AES_128_GCM},
	{"cm80", SRTP_AES128_CM_SHA1_80},
};
static const unsigned int sizes[] = {100, 1200};

static const struct result_column columns[] = {
	{"ns_per_packet", "ns/packet", 0},
	{NULL, NULL, 0},
};

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

static bool time_transform(struct bench *bench, unsigned int transform, double *ns)
{
	uint64_t begin_ns = clock_ns();
	for (unsigned int n = 0; n < PACKETS / ROUNDS; n += VIEWERS) {
		bench->sequence++;
		if (!transforms[transform].run(bench))
			return false;
	}
	*ns = (double)(clock_ns() - begin_ns) / (PACKETS / ROUNDS);
	return true;
}

static bool time_case(struct bench *bench, const char *profile, unsigned int size)
{
	double ns;
	bench->payload_bytes = size - HEADER_BYTES;
	for (unsigned int round = 1; round <= ROUNDS; round++) {
		for (unsigned int t = 0; t < TRANSFORMS; t++) {
			struct result_sample sample = {.key = {.subject = transforms[t].name,
							       .profile = profile,
							       .packet_bytes = size},
						       .round = round};
			if (!time_transform(bench, t, &ns))
				return false;
			result_set(&sample, "ns_per_packet", 1, ns);
			results_add(bench->results, &sample);
		}
	}
	return true;
}

static bool time_all(struct bench *bench)
{
	bool is_good = true;
	for (unsigned int p = 0; p < RTE_DIM(profiles) && is_good; p++) {
		is_good = keys_create(bench, profiles[p].profile);
		for (unsigned int s = 0; s < RTE_DIM(sizes) && is_good; s++)
			is_good = time_case(bench, profiles[p].name, sizes[s]);
		keys_destroy(bench);
	}
	if (is_good)
		results_summarize(bench->results);
	else
		fprintf(stderr, "nn5g-bench: a packet could not be protected\n");
	return is_good;
}

static bool is_equal(struct bench *bench, uint64_t packets)
{
	struct oracle oracle = {.pool = bench->pool, .queue = bench->queue, .seed = 2026};
	bool is_open = oracle_open(&oracle, bench->devices) == 0;
	while (is_open && oracle.n_packets < packets)
		oracle_round(&oracle);
	oracle_close(&oracle);
	double n_different = is_open ? (double)oracle.n_different : NAN;
	return results_at_most(bench->results, n_different, 0,
			       "packets in which device and libsrtp2 differ, of %llu random ones "
			       "(%llu refused by both)",
			       (unsigned long long)oracle.n_packets,
			       (unsigned long long)oracle.n_refused);
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

static int run(uint64_t packets, bool is_json, int argc, char **argv)
{
	struct bench bench = {0};
	char *line = options_line(argc, argv);
	struct results_config config = {.bench = "crypto",
					.ratio = "ns_per_packet",
					.columns = columns,
					.arguments = line,
					.is_json = is_json};
	bool is_open = bench_open(&bench) && results_open(&config, &bench.results) == 0;
	if (!is_open)
		fputs("nn5g-bench: no crypto device, or no memory for one\n", stderr);
	bool is_good = is_open && is_equal(&bench, packets) && time_all(&bench);
	results_close(bench.results);
	bench_close(&bench);
	free(line);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
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
	return run(packets, is_json, argc, argv);
}
