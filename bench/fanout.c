/* A round connects a publisher and all viewers, waits until each has media, lets them run, counts,
 * and takes everything down again. Viewers share one epoll loop on the main thread. */
#include "bench/fanout.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/process.h"
#include "bench/publisher.h"
#include "bench/viewer.h"

#define CONNECT_NS 20000000000ull
#define TICK_NS    10000000ull
#define EVENTS     256

struct fanout {
	struct signalling_target target;
	const char *tenant, *stream, *profiles;
	char whip_path[160], whep_path[160];
	unsigned int viewers, seconds, rounds;
	uint32_t bitrate_bps;
	uint16_t packet_bytes;
	uint64_t loss_max;
	bool audio, verify_all, is_json;
	int pid; /* of the gateway; 0 = not watched */
	struct peer_certificate *certificate;
	struct viewer *all; /* owned, `viewers` of them */
	int epoll_fd;
};

static const char help[] =
	"Usage: nn5g-bench fanout [options]\n"
	"\n"
	"Publishes one stream over WHIP and plays it with many viewers over WHEP, all in this\n"
	"process, against a running gateway. Counts every packet of every viewer, decrypts a\n"
	"sample, and measures latency from each packet's intended send time.\n"
	"\n"
	"  --url URL        the gateway's HTTP address (default http://127.0.0.1:8080)\n"
	"  --token TOKEN    bearer token with scope 'publish play'; or --token-file FILE\n"
	"  --tenant T       (default demo)      --stream S   (default bench)\n"
	"  --viewers N      1 to 4000 (default 50)\n"
	"  --seconds S      of measuring in each round (default 10)\n"
	"  --rounds R       connect and disconnect everything R times (default 1)\n"
	"  --bitrate BPS    of the video, 2000000 or 2M (default 2M)\n"
	"  --packet BYTES   of a video RTP packet, 64 to 1300 (default 1200)\n"
	"  --audio          50 Opus packets a second beside the video\n"
	"  --profile P      SRTP: gcm256 (default), gcm128 or cm80\n"
	"  --verify         decrypt every packet, not one in 16\n"
	"  --max-loss N     packets that may be missing in a round (default 0)\n"
	"  --pid PID        of the gateway: memory, threads and CPU per forwarded packet\n"
	"  --json           one JSON object a round instead of the table\n"
	"\n"
	"Exit status: 0 all viewers connected and no more lost than allowed, 1 otherwise, 2 "
	"usage.\n";

static int connect_viewers(struct fanout *fanout)
{
	for (unsigned int i = 0; i < fanout->viewers; i++) {
		struct viewer *viewer = &fanout->all[i];
		int rc = viewer_start(viewer, &fanout->target, fanout->whep_path,
				      fanout->certificate, fanout->profiles, fanout->audio);
		if (rc) {
			fprintf(stderr, "nn5g-bench: viewer %u: %s\n", i,
				rc > 0 ? "refused" : strerror(-rc));
			return rc;
		}
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = viewer};
		epoll_ctl(fanout->epoll_fd, EPOLL_CTL_ADD, peer_fd(viewer->peer), &event);
	}
	return 0;
}

static void poll_viewers(struct fanout *fanout, struct viewer_totals *totals)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(fanout->epoll_fd, events, EVENTS, (int)(TICK_NS / 1000000));
	for (int i = 0; i < n; i++)
		viewer_on_readable(events[i].data.ptr, fanout->verify_all, totals);
}

static void tick_viewers(struct fanout *fanout, uint64_t now_ns)
{
	for (unsigned int i = 0; i < fanout->viewers; i++)
		peer_tick(fanout->all[i].peer, now_ns);
}

static unsigned int count_playing(const struct fanout *fanout)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < fanout->viewers; i++)
		n += fanout->all[i].has_media;
	return n;
}

/* Runs the loop until `until_ns`, or until all viewers have media when asked. */
static void run(struct fanout *fanout, uint64_t until_ns, bool until_playing,
		struct viewer_totals *totals)
{
	uint64_t now_ns = clock_ns(), tick_ns = now_ns;
	while (now_ns < until_ns) {
		poll_viewers(fanout, totals);
		now_ns = clock_ns();
		if (now_ns < tick_ns)
			continue;
		tick_viewers(fanout, now_ns);
		tick_ns = now_ns + TICK_NS;
		if (until_playing && count_playing(fanout) == fanout->viewers)
			return;
	}
}

/* Packets of before the measuring do not count. */
static void begin_measuring(struct fanout *fanout, struct viewer_totals *totals)
{
	struct histogram setup_ns = totals->setup_ns;
	*totals = (struct viewer_totals){.setup_ns = setup_ns};
	for (unsigned int i = 0; i < fanout->viewers; i++) {
		fanout->all[i].video.is_started = false;
		fanout->all[i].audio.is_started = false;
	}
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void print_round(const struct fanout *fanout, unsigned int round, unsigned int playing,
			const struct viewer_totals *totals, const struct process_usage *before,
			const struct process_usage *after)
{
	const struct histogram *latency = &totals->latency_ns;
	double cpu_ns = totals->packets
				? (double)(after->cpu_ns - before->cpu_ns) / (double)totals->packets
				: 0;
	const char *format =
		fanout->is_json
			? "{\"round\":%u,\"viewers\":%u,\"playing\":%u,\"packets\":%llu,"
			  "\"lost\":%llu,\"duplicates\":%llu,\"not_authentic\":%llu,"
			  "\"latency_ms\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,"
			  "\"max\":%.3f},\"setup_ms\":{\"p50\":%.1f,\"p99\":%.1f},"
			  "\"rss_kib\":%llu,\"threads\":%u,\"cpu_ns_per_packet\":%.0f}\n"
			: "round %u: %u viewers, %u playing, %llu packets, %llu lost, %llu "
			  "duplicates, %llu not authentic\n"
			  "  latency ms  p50 %.3f  p90 %.3f  p99 %.3f  p99.9 %.3f  max %.3f\n"
			  "  setup ms    p50 %.1f  p99 %.1f\n"
			  "  gateway     %llu KiB resident, %u threads, %.0f ns CPU per packet\n";
	printf(format, round, fanout->viewers, playing, (unsigned long long)totals->packets,
	       (unsigned long long)totals->lost, (unsigned long long)totals->duplicates,
	       (unsigned long long)totals->not_authentic, ms(histogram_quantile(latency, 0.5)),
	       ms(histogram_quantile(latency, 0.9)), ms(histogram_quantile(latency, 0.99)),
	       ms(histogram_quantile(latency, 0.999)), ms(latency->max),
	       ms(histogram_quantile(&totals->setup_ns, 0.5)),
	       ms(histogram_quantile(&totals->setup_ns, 0.99)),
	       (unsigned long long)(after->resident_bytes / 1024), after->threads, cpu_ns);
	fflush(stdout);
}

static bool measure(struct fanout *fanout, unsigned int round, struct viewer_totals *totals)
{
	struct process_usage before = {0}, after = {0};
	run(fanout, clock_ns() + CONNECT_NS, true, totals);
	unsigned int playing = count_playing(fanout);
	begin_measuring(fanout, totals);
	if (fanout->pid)
		process_usage(fanout->pid, &before);
	run(fanout, clock_ns() + fanout->seconds * 1000000000ull, false, totals);
	if (fanout->pid)
		process_usage(fanout->pid, &after);
	for (unsigned int i = 0; i < fanout->viewers; i++)
		viewer_count_losses(&fanout->all[i], totals);
	print_round(fanout, round, playing, totals, &before, &after);
	return playing == fanout->viewers && totals->lost <= fanout->loss_max &&
	       totals->not_authentic == 0 && totals->packets > 0;
}

static bool run_round(struct fanout *fanout, unsigned int round)
{
	struct publisher_config config = {
		.target = &fanout->target,
		.certificate = fanout->certificate,
		.profiles = fanout->profiles,
		.path = fanout->whip_path,
		.bitrate_bps = fanout->bitrate_bps,
		.packet_bytes = fanout->packet_bytes,
		.audio = fanout->audio,
	};
	struct publisher *publisher;
	struct viewer_totals *totals = calloc(1, sizeof(*totals));
	int rc = totals ? publisher_start(&config, &publisher) : -ENOMEM;
	if (rc) {
		fprintf(stderr, "nn5g-bench: cannot publish: %s (%d)\n",
			rc > 0 ? "HTTP status" : strerror(-rc), rc);
		free(totals);
		return false;
	}
	bool is_good = connect_viewers(fanout) == 0 && measure(fanout, round, totals);
	for (unsigned int i = 0; i < fanout->viewers; i++)
		viewer_stop(&fanout->all[i], &fanout->target);
	publisher_stop(publisher);
	free(totals);
	return is_good;
}

static const char *profiles_of(const char *name)
{
	static const struct {
		const char *name, *profiles;
	} rows[] = {
		{"gcm256", "SRTP_AEAD_AES_256_GCM"},
		{"gcm128", "SRTP_AEAD_AES_128_GCM"},
		{"cm80", "SRTP_AES128_CM_SHA1_80"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].profiles;
	}
	return NULL;
}

/* A number with an optional k or M, within bounds. */
static int take_number(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
	char *end;
	errno = 0;
	uint64_t value = strtoull(text, &end, 10);
	uint64_t scale = *end == 'M' ? 1000000 : *end == 'k' ? 1000 : 1;
	if (errno || end == text || end[scale > 1] != '\0' || value * scale < low ||
	    value * scale > high) {
		fprintf(stderr, "nn5g-bench: '%s' is not a number from %llu to %llu\n", text,
			(unsigned long long)low, (unsigned long long)high);
		return -EINVAL;
	}
	*out = value * scale;
	return 0;
}

static char *read_token(const char *path)
{
	static char token[8192];
	FILE *file = fopen(path, "r");
	if (!file || !fgets(token, sizeof(token), file)) {
		fprintf(stderr, "nn5g-bench: cannot read a token from %s\n", path);
		if (file)
			fclose(file);
		return NULL;
	}
	fclose(file);
	token[strcspn(token, "\r\n")] = '\0';
	return token;
}

enum option_id {
	URL = 256,
	TOKEN,
	TOKEN_FILE,
	TENANT,
	STREAM,
	VIEWERS,
	SECONDS,
	ROUNDS,
	BITRATE,
	PACKET,
	AUDIO,
	PROFILE,
	VERIFY,
	MAX_LOSS,
	PID,
	JSON,
	HELP
};

static const struct option options[] = {
	{"url", 1, NULL, URL},
	{"token", 1, NULL, TOKEN},
	{"token-file", 1, NULL, TOKEN_FILE},
	{"tenant", 1, NULL, TENANT},
	{"stream", 1, NULL, STREAM},
	{"viewers", 1, NULL, VIEWERS},
	{"seconds", 1, NULL, SECONDS},
	{"rounds", 1, NULL, ROUNDS},
	{"bitrate", 1, NULL, BITRATE},
	{"packet", 1, NULL, PACKET},
	{"audio", 0, NULL, AUDIO},
	{"profile", 1, NULL, PROFILE},
	{"verify", 0, NULL, VERIFY},
	{"max-loss", 1, NULL, MAX_LOSS},
	{"pid", 1, NULL, PID},
	{"json", 0, NULL, JSON},
	{"help", 0, NULL, HELP},
	{0},
};

/* Options whose value is a number, and where it goes. */
static int take_numeric(struct fanout *fanout, int option, const char *text)
{
	static const struct {
		uint64_t low, high;
	} bounds[] = {
		[VIEWERS - URL] = {1, 4000},  [SECONDS - URL] = {1, 86400},
		[ROUNDS - URL] = {1, 100000}, [BITRATE - URL] = {10000, 1000000000},
		[PACKET - URL] = {64, 1300},  [MAX_LOSS - URL] = {0, UINT32_MAX},
		[PID - URL] = {1, INT32_MAX},
	};
	uint64_t value;
	int rc = take_number(text, bounds[option - URL].low, bounds[option - URL].high, &value);
	if (rc)
		return rc;
	switch (option) {
	case VIEWERS:
		fanout->viewers = (unsigned int)value;
		break;
	case SECONDS:
		fanout->seconds = (unsigned int)value;
		break;
	case ROUNDS:
		fanout->rounds = (unsigned int)value;
		break;
	case BITRATE:
		fanout->bitrate_bps = (uint32_t)value;
		break;
	case PACKET:
		fanout->packet_bytes = (uint16_t)value;
		break;
	case MAX_LOSS:
		fanout->loss_max = value;
		break;
	default:
		fanout->pid = (int)value;
	}
	return 0;
}

static int take_option(struct fanout *fanout, int option)
{
	switch (option) {
	case URL:
		return signalling_parse_url(optarg, &fanout->target);
	case TOKEN:
		fanout->target.token = optarg;
		return 0;
	case TOKEN_FILE:
		fanout->target.token = read_token(optarg);
		return fanout->target.token ? 0 : -EINVAL;
	case TENANT:
		fanout->tenant = optarg;
		return 0;
	case STREAM:
		fanout->stream = optarg;
		return 0;
	case AUDIO:
		fanout->audio = true;
		return 0;
	case PROFILE:
		fanout->profiles = profiles_of(optarg);
		return fanout->profiles ? 0 : -EINVAL;
	case VERIFY:
		fanout->verify_all = true;
		return 0;
	case JSON:
		fanout->is_json = true;
		return 0;
	case '?':
	case HELP:
		return -EINVAL;
	default:
		return take_numeric(fanout, option, optarg);
	}
}

static bool run_rounds(struct fanout *fanout)
{
	bool is_good = true;
	fanout->certificate = peer_certificate_create();
	fanout->all = calloc(fanout->viewers, sizeof(*fanout->all));
	fanout->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned int round = 1; round <= fanout->rounds; round++) {
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "round %u of %u ...\r", round, fanout->rounds);
		is_good &= run_round(fanout, round);
	}
	close(fanout->epoll_fd);
	free(fanout->all);
	peer_certificate_destroy(fanout->certificate);
	return is_good;
}

int fanout_main(int argc, char **argv)
{
	struct fanout fanout = {
		.target = {.host = "127.0.0.1", .port = "8080", .token = ""},
		.tenant = "demo",
		.stream = "bench",
		.profiles = "SRTP_AEAD_AES_256_GCM",
		.viewers = 50,
		.seconds = 10,
		.rounds = 1,
		.bitrate_bps = 2000000,
		.packet_bytes = 1200,
	};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (take_option(&fanout, option) == 0)
			continue;
		fputs(help, option == HELP ? stdout : stderr);
		return option == HELP ? EXIT_SUCCESS : 2;
	}
	snprintf(fanout.whip_path, sizeof(fanout.whip_path), "/whip/%s/%s", fanout.tenant,
		 fanout.stream);
	snprintf(fanout.whep_path, sizeof(fanout.whep_path), "/whep/%s/%s", fanout.tenant,
		 fanout.stream);
	return run_rounds(&fanout) ? EXIT_SUCCESS : EXIT_FAILURE;
}
