/* Isolation end to end: a gateway of our own with two slices, WHIP publishers and WHEP viewers of
 * both. In every other half round slice B's publisher sends too, and its viewers together would
 * take ten times what B may have. */
#include "bench/slices.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/node.h"
#include "bench/pace.h"
#include "bench/viewer.h"

#define PORT_MBPS       200
#define A_BPS           40000000
#define B_BPS           10000000
#define PROFILES        "SRTP_AEAD_AES_256_GCM"
#define VIDEO_BPS       2000000
#define PACKET_BYTES    1200
#define A_VIEWERS       10
#define B_VIEWERS       50 /* of 2 Mbps: ten times B's maximum */
#define FRAMING_BYTES   (8 + 20 + 14 + 24)
#define TICK_NS         10000000ull
#define CONNECT_NS      20000000000ull
#define SETTLE_NS       500000000ull
#define EVENTS          64
#define B_ERROR_PERCENT 1

static const struct node_slice slices[] = {
	{.id = "a", .guaranteed_bps = A_BPS, .max_bps = 0, .five_qi = 7},
	{.id = "b", .guaranteed_bps = B_BPS, .max_bps = B_BPS, .five_qi = 7},
};

/* A stream, its publisher and who watches it. */
struct hall {
	struct signalling_target target;
	char whip_path[64], whep_path[64];
	struct subject_config subject_config;
	struct subject *subject;
	struct publisher *publisher;
	struct pace *pace;
	struct viewer_config viewer_config;
	struct viewer *viewers;
	unsigned int n_viewers, n_started;
	struct viewer_totals totals;
};

struct seat {
	struct hall *hall;
	struct viewer *viewer;
};

struct gateway_part {
	struct node *node;
	struct peer_certificate *certificate;
	int epoll_fd;
	uint64_t tick_ns;
	struct hall a, b;
	struct seat seats[A_VIEWERS + B_VIEWERS];
	unsigned int n_seats;
};

static void run_once(struct gateway_part *part)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(part->epoll_fd, events, EVENTS, (int)(TICK_NS / 1000000));
	for (int i = 0; i < n; i++) {
		struct seat *seat = events[i].data.ptr;
		viewer_receive(seat->viewer, &seat->hall->totals);
	}
	uint64_t now_ns = clock_ns();
	if (now_ns < part->tick_ns)
		return;
	part->tick_ns = now_ns + TICK_NS;
	for (unsigned int i = 0; i < part->n_seats; i++)
		viewer_tick(part->seats[i].viewer, now_ns);
}

static void run_until(struct gateway_part *part, uint64_t until_ns)
{
	while (clock_ns() < until_ns && !slices_is_ending())
		run_once(part);
}

static unsigned int count_playing(const struct hall *hall)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < hall->n_started; i++)
		n += hall->viewers[i].has_media;
	return n;
}

static int start_viewer(struct gateway_part *part, struct hall *hall)
{
	struct viewer *viewer = &hall->viewers[hall->n_started++];
	int rc = viewer_start(viewer, &hall->viewer_config);
	if (rc) {
		fprintf(stderr, "nn5g-bench: viewer %u of %s: %d\n", hall->n_started,
			hall->whep_path, rc);
		return rc < 0 ? rc : -EPROTO;
	}
	struct seat *seat = &part->seats[part->n_seats++];
	*seat = (struct seat){hall, viewer};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = seat};
	epoll_ctl(part->epoll_fd, EPOLL_CTL_ADD, peer_fd(viewer->peer), &event);
	return 0;
}

static int connect_hall(struct gateway_part *part, struct hall *hall)
{
	uint64_t until_ns = clock_ns() + CONNECT_NS;
	for (unsigned int i = 0; i < hall->n_viewers; i++) {
		int rc = start_viewer(part, hall);
		if (rc)
			return rc;
		run_once(part);
	}
	while (count_playing(hall) < hall->n_viewers && clock_ns() < until_ns &&
	       !slices_is_ending())
		run_once(part);
	if (count_playing(hall) == hall->n_viewers)
		return 0;
	fprintf(stderr, "nn5g-bench: %u of %u viewers of %s have media\n", count_playing(hall),
		hall->n_viewers, hall->whep_path);
	return -ETIMEDOUT;
}

static int publish(const struct gateway_part *part, struct hall *hall)
{
	hall->viewer_config = (struct viewer_config){.subject = hall->subject,
						     .certificate = part->certificate,
						     .profiles = PROFILES,
						     .stream = "stream",
						     .audio = true,
						     .verify_all = true};
	struct publisher_config config = {.subject = hall->subject,
					  .certificate = part->certificate,
					  .profiles = PROFILES,
					  .stream = "stream",
					  .packet_bytes = PACKET_BYTES,
					  .audio = true};
	int rc = publisher_open(&config, &hall->publisher);
	if (rc)
		return rc;
	struct pace_config pace = {.publishers = &hall->publisher,
				   .n_publishers = 1,
				   .interval_ns = pace_interval_ns(VIDEO_BPS, PACKET_BYTES)};
	hall->viewer_config.publisher = hall->publisher;
	return pace_start(&pace, &hall->pace);
}

static int open_hall(struct gateway_part *part, struct hall *hall, unsigned int index,
		     unsigned int n_viewers)
{
	hall->target = (struct signalling_target){.host = "127.0.0.1",
						  .token = node_token(part->node, index)};
	snprintf(hall->target.port, sizeof(hall->target.port), "%s", node_port(part->node));
	snprintf(hall->whip_path, sizeof(hall->whip_path), "/whip/%s/stream", slices[index].id);
	snprintf(hall->whep_path, sizeof(hall->whep_path), "/whep/%s/stream", slices[index].id);
	hall->n_viewers = n_viewers;
	hall->viewers = calloc(n_viewers, sizeof(*hall->viewers));
	hall->subject_config = (struct subject_config){.target = &hall->target,
						       .whip_path = hall->whip_path,
						       .whep_path = hall->whep_path};
	int rc = hall->viewers ? subject_open("url", &hall->subject_config, &hall->subject)
			       : -ENOMEM;
	if (rc == 0)
		rc = publish(part, hall);
	if (rc)
		fprintf(stderr, "nn5g-bench: cannot publish %s: %d\n", hall->whip_path, rc);
	return rc ? rc < 0 ? rc : -EPROTO : connect_hall(part, hall);
}

static void close_hall(struct hall *hall)
{
	pace_stop(hall->pace);
	for (unsigned int i = 0; i < hall->n_started; i++)
		viewer_stop(&hall->viewers[i]);
	publisher_close(hall->publisher);
	subject_close(hall->subject);
	free(hall->viewers);
}

static void begin(struct hall *hall)
{
	hall->totals = (struct viewer_totals){0};
	for (unsigned int i = 0; i < hall->n_started; i++)
		viewer_begin(&hall->viewers[i]);
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void add_a(const struct gateway_part *part, struct slices_run *run, const char *name,
		  uint64_t lag_ns)
{
	const struct viewer_totals *totals = &part->a.totals;
	struct watch_totals stalls = watch_totals(run->watch);
	struct figure figures[] = {
		{"packets", 0, (double)totals->packets},
		{"lost", 0, (double)totals->lost},
		{"lost_by_tool", 0, (double)totals->lost_by_tool},
		{"p50_ms", 3, ms(histogram_quantile(&totals->latency_ns, 0.5))},
		{"p99_ms", 3, ms(histogram_quantile(&totals->latency_ns, 0.99))},
		{"p999_ms", 3, ms(histogram_quantile(&totals->latency_ns, 0.999))},
		{"max_ms", 3, ms(totals->latency_ns.max)},
		{"late_ms", 3, ms(lag_ns)},
		{"stalls", 0, stalls.stalls},
		{"longest_ms", 1, ms(stalls.longest_ns)},
	};
	report_add(&run->report, name, figures, sizeof(figures) / sizeof(figures[0]));
}

static void add_b(struct report *report, double got_bps)
{
	double error = 100 * (got_bps - B_BPS) / B_BPS;
	struct figure figures[] = {
		{"offered_mbps", 1, B_VIEWERS * (double)VIDEO_BPS / 1e6},
		{"share_mbps", 2, B_BPS / 1e6},
		{"got_mbps", 3, got_bps / 1e6},
		{"off_percent", 3, error < 0 ? -error : error},
	};
	report_add(report, "B floods", figures, sizeof(figures) / sizeof(figures[0]));
}

/* A's publisher stops for a moment at the end, so that what is missing then is lost. */
static void run_half(struct gateway_part *part, struct slices_run *run, bool is_flooded)
{
	struct hall *a = &part->a, *b = &part->b;
	if (is_flooded)
		pace_resume(b->pace);
	pace_resume(a->pace);
	run_until(part, clock_ns() + SETTLE_NS);
	watch_reset(run->watch);
	pace_take_lag_ns(a->pace);
	begin(a);
	begin(b);
	struct publisher_sent sent = publisher_sent(a->publisher);
	uint64_t begin_ns = clock_ns();
	run_until(part, begin_ns + run->options.seconds * 1000000000ull);
	double took_s = (double)(clock_ns() - begin_ns) / 1e9;
	uint64_t b_bytes = b->totals.datagram_bytes + b->totals.datagrams * FRAMING_BYTES;
	pace_pause(a->pace);
	run_until(part, clock_ns() + SETTLE_NS);
	struct publisher_sent end = publisher_sent(a->publisher);
	for (unsigned int i = 0; i < a->n_started; i++)
		viewer_count_losses(&a->viewers[i], &sent, &end, &a->totals);
	add_a(part, run, is_flooded ? "A while B floods" : "A alone", pace_take_lag_ns(a->pace));
	if (is_flooded)
		add_b(&run->report, (double)b_bytes * 8 / took_s);
	pace_pause(b->pace);
}

/* Ours and what we start from now on, the gateway among it. Without the right to, nothing changes.
 */
static void go_first(void)
{
	struct sched_param first = {.sched_priority = 10};
	sched_setscheduler(0, SCHED_RR, &first);
}

static int open_all(struct gateway_part *part)
{
	struct node_config config = {.port_mbps = PORT_MBPS, .slices = slices, .n_slices = 2};
	part->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	part->certificate = peer_certificate_create();
	if (part->epoll_fd < 0 || !part->certificate)
		return -ENOMEM;
	int rc = node_start(&config, &part->node);
	if (rc == 0)
		rc = open_hall(part, &part->a, 0, A_VIEWERS);
	if (rc == 0)
		rc = open_hall(part, &part->b, 1, B_VIEWERS);
	if (rc == 0)
		pace_pause(part->b.pace);
	return rc;
}

static int close_all(struct gateway_part *part)
{
	close_hall(&part->a);
	close_hall(&part->b);
	int rc = node_stop(part->node);
	peer_certificate_destroy(part->certificate);
	close(part->epoll_fd);
	return rc;
}

static void judge(struct report *report)
{
	double alone_ms = report_median(report, "A alone", "p99_ms");
	double flooded_ms = report_median(report, "A while B floods", "p99_ms");
	report_at_most(report, "A while B floods: most packets lost in a round",
		       report_worst(report, "A while B floods", "lost"), 0);
	report_at_most(report, "A's p99 while B floods, ms: twice that of A alone", flooded_ms,
		       2 * alone_ms);
	report_at_most(report, "A's p99 while B floods, ms", flooded_ms, 10);
	report_at_most(report, "B's rate against its maximum: error in percent",
		       report_median(report, "B floods", "off_percent"), B_ERROR_PERCENT);
}

int slices_gateway(struct slices_run *run)
{
	static struct gateway_part part;
	report_title(&run->report,
		     "a whole gateway; slice A: %d viewers within %d Mbps; slice B: %d viewers of "
		     "%d Mbps and %d Mbps in all;\n  medians of %u rounds of %u s without and %u s "
		     "with B",
		     A_VIEWERS, A_BPS / 1000000, B_VIEWERS, VIDEO_BPS / 1000000, B_BPS / 1000000,
		     run->options.rounds, run->options.seconds, run->options.seconds);
	slices_note_signals(); /* the gateway is to be stopped */
	if (run->options.is_realtime)
		go_first();
	int rc = open_all(&part);
	for (unsigned int round = 0; rc == 0 && round < run->options.rounds && !slices_is_ending();
	     round++) {
		run_half(&part, run, false);
		run_half(&part, run, true);
	}
	if (slices_is_ending())
		rc = -EINTR;
	int closed = close_all(&part);
	rc = rc ? rc : closed;
	if (rc == 0) {
		report_medians(&run->report);
		judge(&run->report);
	}
	return rc;
}
