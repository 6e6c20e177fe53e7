/* A round connects a publisher and all viewers, waits until each has media, lets them run, stops
 * the media, and counts once nothing can be under way any more; then everything is taken down
 * again. Viewers share one epoll loop on the main thread, which goes on while others connect. */
#include "bench/fanout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/publisher.h"

#define CONNECT_NS  20000000000ull /* for all that may be connecting at a time */
#define DRAIN_NS    500000000ull   /* after the last packet was sent */
#define TICK_NS     10000000ull
#define PROGRESS_NS 500000000ull
#define EVENTS      256
#define FILES_SPARE 64

struct fanout {
	struct fanout_options options;
	char whip_path[160], whep_path[160];
	struct viewer_config viewer_config;
	struct peer_certificate *certificate;
	struct viewer *all; /* owned, options.viewers of them */
	unsigned int n_started;
	int epoll_fd;
	uint64_t tick_ns, progress_ns;
	const char *doing; /* for the progress line; NULL: no terminal */
	struct fanout_round round;
};

static unsigned int count_playing(const struct fanout *fanout)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < fanout->n_started; i++)
		n += fanout->all[i].has_media;
	return n;
}

static void show_progress(struct fanout *fanout, uint64_t now_ns)
{
	if (!fanout->doing || now_ns < fanout->progress_ns)
		return;
	fanout->progress_ns = now_ns + PROGRESS_NS;
	fprintf(stderr, "\r\033[Kround %u of %u: %s, %u of %u playing, %llu packets",
		fanout->round.number, fanout->options.rounds, fanout->doing, count_playing(fanout),
		fanout->options.viewers, (unsigned long long)fanout->round.totals.packets);
}

static void doing(struct fanout *fanout, const char *what)
{
	if (fanout->doing)
		fanout->doing = what;
	fanout->progress_ns = 0;
}

static void clear_progress(const struct fanout *fanout)
{
	if (fanout->doing)
		fputs("\r\033[K", stderr);
}

/* One turn of the loop. */
static void run_once(struct fanout *fanout)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(fanout->epoll_fd, events, EVENTS, (int)(TICK_NS / 1000000));
	for (int i = 0; i < n; i++)
		viewer_on_readable(events[i].data.ptr, &fanout->round.totals);
	uint64_t now_ns = clock_ns();
	if (now_ns < fanout->tick_ns)
		return;
	fanout->tick_ns = now_ns + TICK_NS;
	for (unsigned int i = 0; i < fanout->n_started; i++)
		viewer_tick(&fanout->all[i], now_ns);
	show_progress(fanout, now_ns);
}

static void run_for(struct fanout *fanout, uint64_t ns)
{
	uint64_t until_ns = clock_ns() + ns;
	while (clock_ns() < until_ns)
		run_once(fanout);
}

/* Until no more than `left` have no media yet, or none of them can be expected to get it. */
static void run_until_playing(struct fanout *fanout, unsigned int left)
{
	uint64_t until_ns = clock_ns() + CONNECT_NS;
	while (fanout->n_started - count_playing(fanout) > left && clock_ns() < until_ns)
		run_once(fanout);
}

static int connect_viewers(struct fanout *fanout)
{
	doing(fanout, "connecting");
	while (fanout->n_started < fanout->options.viewers) {
		struct viewer *viewer = &fanout->all[fanout->n_started++];
		int rc = viewer_start(viewer, &fanout->viewer_config);
		if (rc) {
			clear_progress(fanout);
			fprintf(stderr, "nn5g-bench: viewer %u cannot play: %s (%d)\n",
				fanout->n_started, rc > 0 ? "HTTP status" : strerror(-rc), rc);
			return rc;
		}
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = viewer};
		epoll_ctl(fanout->epoll_fd, EPOLL_CTL_ADD, peer_fd(viewer->peer), &event);
		run_until_playing(fanout, fanout->options.parallel - 1);
	}
	run_until_playing(fanout, 0);
	return 0;
}

static void tell_who_does_not_play(const struct fanout *fanout)
{
	static const char *const names[] = {
		[PEER_CHECKING] = "no answer to ICE checks",
		[PEER_HANDSHAKING] = "DTLS handshake unfinished",
		[PEER_CONNECTED] = "connected without media",
		[PEER_FAILED] = "DTLS handshake failed",
	};
	unsigned int counts[sizeof(names) / sizeof(names[0])] = {0};
	for (unsigned int i = 0; i < fanout->n_started; i++) {
		if (!fanout->all[i].has_media)
			counts[peer_state(fanout->all[i].peer)]++;
	}
	clear_progress(fanout);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (counts[i])
			fprintf(stderr, "nn5g-bench: %u viewers: %s\n", counts[i], names[i]);
	}
}

/* What came while connecting does not count. */
static void begin_measuring(struct fanout *fanout)
{
	struct viewer_totals *totals = &fanout->round.totals;
	struct histogram setup_ns = totals->setup_ns;
	*totals = (struct viewer_totals){.setup_ns = setup_ns};
	for (unsigned int i = 0; i < fanout->n_started; i++)
		viewer_begin(&fanout->all[i]);
	if (fanout->options.pid && process_usage(fanout->options.pid, &fanout->round.before))
		fprintf(stderr, "nn5g-bench: there is no process %d\n", fanout->options.pid);
}

static void measure(struct fanout *fanout, struct publisher *publisher)
{
	struct fanout_round *round = &fanout->round;
	publisher_take_lag_ns(publisher);
	begin_measuring(fanout);
	struct publisher_sent begin = publisher_sent(publisher);
	doing(fanout, "measuring");
	run_for(fanout, fanout->options.seconds * 1000000000ull);
	publisher_pause(publisher);
	if (fanout->options.pid)
		process_usage(fanout->options.pid, &round->after);
	run_for(fanout, DRAIN_NS);
	struct publisher_sent end = publisher_sent(publisher);
	round->lag_ns = publisher_take_lag_ns(publisher);
	for (unsigned int i = 0; i < fanout->n_started; i++)
		viewer_count_losses(&fanout->all[i], &begin, &end, &round->totals);
}

static bool round_is_good(const struct fanout *fanout)
{
	const struct viewer_totals *totals = &fanout->round.totals;
	return fanout->round.playing == fanout->options.viewers &&
	       totals->lost <= fanout->options.loss_max && totals->not_authentic == 0 &&
	       totals->corrupt == 0 && totals->packets > 0;
}

static void disconnect_viewers(struct fanout *fanout)
{
	doing(fanout, "disconnecting");
	for (unsigned int i = 0; i < fanout->n_started; i++) {
		viewer_stop(&fanout->all[i]);
		show_progress(fanout, clock_ns());
	}
	fanout->n_started = 0;
}

static bool run_round(struct fanout *fanout, unsigned int number)
{
	const struct fanout_options *options = &fanout->options;
	struct publisher_config config = {
		.target = &options->target,
		.certificate = fanout->certificate,
		.profiles = options->profiles,
		.path = fanout->whip_path,
		.bitrate_bps = options->bitrate_bps,
		.packet_bytes = options->packet_bytes,
		.audio = options->audio,
	};
	struct publisher *publisher;
	fanout->round = (struct fanout_round){.number = number};
	int rc = publisher_start(&config, &publisher);
	if (rc) {
		fprintf(stderr, "nn5g-bench: cannot publish: %s (%d)\n",
			rc > 0 ? "HTTP status" : strerror(-rc), rc);
		return false;
	}
	rc = connect_viewers(fanout);
	fanout->round.playing = count_playing(fanout);
	if (rc == 0 && fanout->round.playing < options->viewers)
		tell_who_does_not_play(fanout);
	if (rc == 0)
		measure(fanout, publisher);
	disconnect_viewers(fanout);
	publisher_stop(publisher);
	clear_progress(fanout);
	if (rc == 0)
		fanout_print(options, &fanout->round);
	return rc == 0 && round_is_good(fanout);
}

/* A socket per viewer. */
static void allow_files(unsigned int viewers)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < viewers + FILES_SPARE) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int prepare(struct fanout *fanout)
{
	const struct fanout_options *options = &fanout->options;
	allow_files(options->viewers);
	fanout->doing = isatty(STDERR_FILENO) ? "connecting" : NULL;
	fanout->certificate = peer_certificate_create();
	fanout->all = calloc(options->viewers, sizeof(*fanout->all));
	fanout->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!fanout->certificate || !fanout->all || fanout->epoll_fd < 0)
		return -ENOMEM;
	snprintf(fanout->whip_path, sizeof(fanout->whip_path), "/whip/%s/%s", options->tenant,
		 options->stream);
	snprintf(fanout->whep_path, sizeof(fanout->whep_path), "/whep/%s/%s", options->tenant,
		 options->stream);
	fanout->viewer_config = (struct viewer_config){
		.target = &options->target,
		.certificate = fanout->certificate,
		.profiles = options->profiles,
		.path = fanout->whep_path,
		.audio = options->audio,
		.verify_all = options->verify_all,
	};
	return 0;
}

static bool run_rounds(struct fanout *fanout)
{
	bool all_good = true;
	for (unsigned int round = 1; round <= fanout->options.rounds; round++)
		all_good &= run_round(fanout, round);
	return all_good;
}

static void fanout_destroy(struct fanout *fanout)
{
	if (fanout->epoll_fd >= 0)
		close(fanout->epoll_fd);
	free(fanout->all);
	peer_certificate_destroy(fanout->certificate);
	free(fanout);
}

int fanout_main(int argc, char **argv)
{
	struct fanout_options options;
	int rc = fanout_options_parse(argc, argv, &options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench fanout --help'.\n", stderr);
		return 2;
	}
	struct fanout *fanout = calloc(1, sizeof(*fanout));
	if (!fanout)
		return EXIT_FAILURE;
	fanout->options = options;
	rc = prepare(fanout);
	if (rc)
		fprintf(stderr, "nn5g-bench: %s\n", strerror(-rc));
	bool is_good = rc == 0 && run_rounds(fanout);
	fanout_destroy(fanout);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
