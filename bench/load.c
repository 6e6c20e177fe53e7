/* Viewers that connect are waited for with epoll, since they want an answer at once; those that
 * play leave it and are read when it is their turn. How long a turn may be follows from how many
 * packets come: a few a viewer and read, so that system calls are few, and never more than a small
 * part of what a socket holds. */
#include "bench/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/interrupt.h"
#include "bench/load_private.h"
#include "bench/process.h"
#include "bench/progress.h"

#define CONNECT_NS   10000000000ull /* without another viewer that plays */
#define SETTLE_NS    300000000ull   /* between connecting and measuring */
#define TICK_NS      10000000ull
#define TURN_MIN_NS  1000000ull
#define TURN_MAX_NS  20000000ull
#define TURN_PACKETS 4
#define PARALLEL     32
#define EVENTS       256
#define FILES_SPARE  128

/* Viewers that have media by now go on without being waited for. */
static void forget_connected(struct load *load)
{
	for (unsigned int i = 0; i < load->n_connecting;) {
		struct viewer *viewer = &load->viewers[load->connecting[i]];
		if (!viewer->has_media) {
			i++;
			continue;
		}
		epoll_ctl(load->epoll_fd, EPOLL_CTL_DEL, peer_fd(viewer->peer), NULL);
		load->connecting[i] = load->connecting[--load->n_connecting];
	}
}

static void tick(struct load *load, uint64_t now_ns)
{
	if (now_ns < load->tick_ns)
		return;
	load->tick_ns = now_ns + TICK_NS;
	for (unsigned int i = 0; i < load->n_started; i++)
		viewer_tick(&load->viewers[i], now_ns);
}

/* Those that connect are read by run_once() as well. */
void load_read_all(struct load *load, uint64_t now_ns)
{
	load->turn_due_ns = now_ns + load->turn_ns;
	for (unsigned int i = 0; i < load->n_started; i++)
		viewer_receive(&load->viewers[i], &load->totals);
}

/* One turn of the loop while some connect. */
static void run_once(struct load *load)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(load->epoll_fd, events, EVENTS, (int)(load->turn_ns / 1000000));
	for (int i = 0; i < n; i++)
		viewer_receive(events[i].data.ptr, &load->totals);
	if (n > 0)
		forget_connected(load);
	uint64_t now_ns = clock_ns();
	if (now_ns >= load->turn_due_ns)
		load_read_all(load, now_ns);
	tick(load, now_ns);
}

void load_run_for(struct load *load, uint64_t ns)
{
	uint64_t begin_ns = clock_ns(), now_ns = begin_ns;
	while (now_ns < begin_ns + ns && !interrupt_is_pending()) {
		load_read_all(load, now_ns);
		tick(load, now_ns);
		progress_show((double)(now_ns - begin_ns) / (double)ns,
			      "%s: %u of %u viewers playing, %llu packets",
			      subject_name(load->config.subject), load_playing(load),
			      load->n_viewers, (unsigned long long)load->totals.packets);
		clock_sleep_until(load->turn_due_ns);
		now_ns = clock_ns();
	}
}

/* Until no more than `left` are without media. False: none of them got any for long, and more
 * would only wait as well. */
static bool run_until_connecting(struct load *load, unsigned int left)
{
	uint64_t until_ns = clock_ns() + CONNECT_NS;
	while (load->n_connecting > left && clock_ns() < until_ns && !interrupt_is_pending()) {
		unsigned int before = load->n_connecting;
		run_once(load);
		if (load->n_connecting < before)
			until_ns = clock_ns() + CONNECT_NS;
		progress_show(0, "%s: connecting, %u of %u viewers playing",
			      subject_name(load->config.subject), load_playing(load),
			      load->n_viewers);
	}
	return load->n_connecting <= left;
}

static int complain(const char *what, unsigned int number, int rc)
{
	progress_clear();
	if (rc > 0)
		fprintf(stderr, "nn5g-bench: %s %u: HTTP status %d\n", what, number, rc);
	else
		fprintf(stderr, "nn5g-bench: %s %u: %s\n", what, number, strerror(-rc));
	return rc > 0 ? -EPROTO : rc;
}

static int connect_viewer(struct load *load, unsigned int index)
{
	struct viewer *viewer = &load->viewers[index];
	int rc = viewer_start(viewer, &load_stream_of(load, index)->viewer_config);
	load->n_started++;
	load->connecting[load->n_connecting++] = index;
	if (rc)
		return complain("cannot play, viewer", index + 1, rc);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = viewer};
	return epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, peer_fd(viewer->peer), &event) ? -errno : 0;
}

static void tell_who_does_not_play(const struct load *load)
{
	static const char *const names[] = {
		[PEER_CHECKING] = "no answer to ICE checks",
		[PEER_HANDSHAKING] = "DTLS handshake unfinished",
		[PEER_CONNECTED] = "connected without media",
		[PEER_FAILED] = "DTLS handshake failed",
	};
	unsigned int counts[sizeof(names) / sizeof(names[0])] = {0};
	for (unsigned int i = 0; i < load->n_connecting; i++)
		counts[peer_state(load->viewers[load->connecting[i]].peer)]++;
	progress_clear();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (counts[i])
			fprintf(stderr, "nn5g-bench: %s: %u viewers: %s\n",
				subject_name(load->config.subject), counts[i], names[i]);
	}
}

static int connect_viewers(struct load *load)
{
	unsigned int parallel = load->config.parallel ? load->config.parallel : PARALLEL;
	bool goes_on = true;
	for (unsigned int i = 0; goes_on && i < load->n_viewers; i++) {
		int rc = connect_viewer(load, i);
		if (rc)
			return rc;
		goes_on = run_until_connecting(load, parallel - 1);
	}
	if (goes_on)
		run_until_connecting(load, 0);
	if (interrupt_is_pending())
		return -EINTR;
	if (load->n_connecting)
		tell_who_does_not_play(load);
	return 0;
}

static int connect_publisher(struct load *load, unsigned int index)
{
	const struct load_config *config = &load->config;
	struct load_stream *stream = &load->streams[index];
	snprintf(stream->name, sizeof(stream->name), "bench%u", index);
	struct publisher_config publisher = {
		.subject = config->subject,
		.certificate = load->certificate,
		.profiles = config->profiles,
		.stream = stream->name,
		.packet_bytes = config->packet_bytes,
		.audio = config->audio,
	};
	int rc = publisher_open(&publisher, &stream->publisher);
	if (rc)
		return complain("cannot publish, stream", index + 1, rc);
	load->publishers[index] = stream->publisher;
	stream->viewer_config = (struct viewer_config){
		.subject = config->subject,
		.certificate = load->certificate,
		.profiles = config->profiles,
		.stream = stream->name,
		.publisher = stream->publisher,
		.watch = config->watch,
		.audio = config->audio,
		.verify_all = config->verify_all,
	};
	return 0;
}

static int connect_publishers(struct load *load)
{
	const struct load_config *config = &load->config;
	for (unsigned int i = 0; i < config->publishers; i++) {
		int rc = interrupt_is_pending() ? -EINTR : connect_publisher(load, i);
		if (rc)
			return rc;
	}
	struct pace_config pace = {
		.publishers = load->publishers,
		.n_publishers = config->publishers,
		.interval_ns = pace_interval_ns(config->bitrate_bps, config->packet_bytes),
		.is_realtime = true,
	};
	return pace_start(&pace, &load->pace);
}

static uint64_t turn_for(uint64_t interval_ns)
{
	uint64_t turn_ns = TURN_PACKETS * interval_ns;
	return turn_ns < TURN_MIN_NS ? TURN_MIN_NS : turn_ns > TURN_MAX_NS ? TURN_MAX_NS : turn_ns;
}

void load_set_bitrate(struct load *load, uint32_t bitrate_bps)
{
	uint64_t interval_ns = pace_interval_ns(bitrate_bps, load->config.packet_bytes);
	load->turn_ns = turn_for(interval_ns);
	pace_set_interval(load->pace, interval_ns);
}

static int prepare(struct load *load)
{
	const struct load_config *config = &load->config;
	load->n_viewers = config->publishers * config->viewers;
	process_allow_files(load->n_viewers + config->publishers + FILES_SPARE);
	load->turn_ns = turn_for(pace_interval_ns(config->bitrate_bps, config->packet_bytes));
	load->certificate = peer_certificate_create();
	load->streams = calloc(config->publishers, sizeof(*load->streams));
	load->publishers = calloc(config->publishers, sizeof(*load->publishers));
	load->viewers = calloc(load->n_viewers + 1, sizeof(*load->viewers));
	load->connecting = calloc(load->n_viewers + 1, sizeof(*load->connecting));
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return load->certificate && load->streams && load->publishers && load->viewers &&
			       load->connecting && load->epoll_fd >= 0
		       ? 0
		       : -ENOMEM;
}

int load_open(const struct load_config *config, struct load **out)
{
	struct load *load = calloc(1, sizeof(*load));
	if (!load)
		return -ENOMEM;
	load->config = *config;
	int rc = prepare(load);
	if (rc == 0)
		rc = connect_publishers(load);
	if (rc == 0)
		rc = connect_viewers(load);
	if (rc) {
		load_close(load);
		return rc;
	}
	load_run_for(load, SETTLE_NS);
	*out = load;
	return 0;
}

void load_close(struct load *load)
{
	if (!load)
		return;
	pace_stop(load->pace);
	for (unsigned int i = 0; i < load->n_started; i++)
		viewer_stop(&load->viewers[i]);
	for (unsigned int i = 0; load->streams && i < load->config.publishers; i++)
		publisher_close(load->streams[i].publisher);
	if (load->epoll_fd >= 0)
		close(load->epoll_fd);
	free(load->connecting);
	free(load->viewers);
	free(load->publishers);
	free(load->streams);
	peer_certificate_destroy(load->certificate);
	free(load);
}
