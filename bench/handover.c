/* A stream with viewers, and something happens to it: a viewer or the publisher goes on from
 * another address, or another publisher takes the stream over. How long nothing came to a viewer,
 * and what it never got, is what the event cost. One thread sends and receives, so that both go by
 * one clock; rates are low. What blocks, as setting up a session does, has a thread of its own
 * meanwhile. */
#include "bench/handover.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/arena.h"
#include "bench/clock.h"
#include "bench/interrupt.h"
#include "bench/progress.h"

#define VIEWERS_MAX  100
#define PACKET_BYTES 1200
#define PROFILE      "gcm128"
#define STREAM       "handover"
#define TICK_NS      10000000ull
#define CONNECT_NS   10000000000ull
#define SETTLE_NS    500000000ull
#define HEADER_BYTES 12

#define SILENT_PACKETS 10 /* that a viewer at the end of a round has not heard: it is cut off */
#define SILENT_NS      200000000ull

static const char head[] =
	"Lets things happen to a stream that viewers play, one after the other in every round:\n"
	"  viewer moves        each viewer goes on from another address, as when its network\n"
	"                      changes, with a check from there (ICE, no signalling)\n"
	"  publisher moves     the same for the publisher\n"
	"  publisher replaced  another session publishes the same stream\n"
	"Told is the longest time without a packet at any viewer, and how many packets viewers\n"
	"never got. Lost by no fault of a server are those that were under way to an address\n"
	"that is not there any more: nothing is asked for again. Silent are viewers that the\n"
	"stream did not come back to in the time that is measured.\n"
	"\n";

static const char tail[] = "Exit status: 0; 1 when ours did not go on; 2 usage.\n"
			   "\n"
			   "Example:\n"
			   "  nn5g-bench handover --viewers 20\n";

struct handover_options {
	struct arena_options arena;
	unsigned int viewers, rate_pps;
};

#define AT(field) offsetof(struct handover_options, field)

static const struct option_row load_rows[] = {
	OPTION_HEADING("What:"),
	OPTION_NUMBER("viewers", "N", OPTION_UINT, AT(viewers), 1, VIEWERS_MAX, "1 to 100 (10)"),
	OPTION_NUMBER("rate", "PPS", OPTION_UINT, AT(rate_pps), 10, 1000,
		      "packets a second of the stream (250)"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {
	{load_rows, 0},
	{arena_subject_rows, AT(arena)},
	{arena_run_rows, AT(arena)},
	{NULL, 0},
};

static const struct option_command command = {"handover", head, tail, tables};

static const struct result_column columns[] = {
	{"quiet_gap_ms", "quiet ms", 1}, {"gap_ms", "gap ms", 1},
	{"packets", "packets", 0},       {"lost", "lost", 0},
	{"silent", "silent", 0},         {NULL, NULL, 0},
};

/* A viewer, as far as gaps matter. */
struct ear {
	struct peer *peer;
	struct answer answer;
	bool has_media;
	int64_t first, highest; /* sequence numbers, wraps counted */
	uint64_t received, last_ns, gap_ns;
};

struct scene {
	struct subject *subject;
	struct peer_certificate *certificate;
	struct publisher *publisher, *successor;
	struct ear ears[VIEWERS_MAX];
	unsigned int n_ears, n_silent;
	uint64_t interval_ns, next_ns, tick_ns;
	atomic_bool is_succeeded; /* the successor's session was tried */
	int succession;           /* what came of it */
};

static void on_packet(struct ear *ear, const uint8_t *bytes, uint64_t now_ns)
{
	uint16_t sequence = (uint16_t)(bytes[2] << 8 | bytes[3]);
	if (!ear->has_media) {
		ear->first = ear->highest = sequence;
		ear->last_ns = now_ns;
	}
	ear->has_media = true;
	ear->received++;
	int16_t ahead = (int16_t)(sequence - (uint16_t)ear->highest);
	if (ahead > 0)
		ear->highest += ahead;
	if (now_ns - ear->last_ns > ear->gap_ns)
		ear->gap_ns = now_ns - ear->last_ns;
	ear->last_ns = now_ns;
}

static void hear(struct ear *ear)
{
	uint8_t bytes[PEER_PACKET_MAX];
	ssize_t got;
	while ((got = recv(peer_fd(ear->peer), bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
		size_t size = (size_t)got;
		uint64_t now_ns = clock_ns();
		if (!peer_on_datagram(ear->peer, bytes, size, now_ns))
			continue;
		bool is_rtcp =
			size < HEADER_BYTES || ((bytes[1] & 0x7f) >= 64 && (bytes[1] & 0x7f) < 96);
		if (peer_unprotect(ear->peer, bytes, &size, is_rtcp) && !is_rtcp)
			on_packet(ear, bytes, now_ns);
	}
}

static void tick(struct scene *scene, uint64_t now_ns)
{
	if (now_ns < scene->tick_ns)
		return;
	scene->tick_ns = now_ns + TICK_NS;
	for (unsigned int i = 0; i < scene->n_ears; i++)
		peer_tick(scene->ears[i].peer, now_ns);
	publisher_tick(scene->publisher, now_ns);
}

/* Sends what is due, waits for what comes until the next packet is. */
static void run_once(struct scene *scene)
{
	struct pollfd fds[VIEWERS_MAX];
	uint64_t now_ns = clock_ns();
	for (; scene->next_ns <= now_ns; scene->next_ns += scene->interval_ns)
		publisher_send(scene->publisher, scene->next_ns, scene->interval_ns);
	for (unsigned int i = 0; i < scene->n_ears; i++)
		fds[i] = (struct pollfd){.fd = peer_fd(scene->ears[i].peer), .events = POLLIN};
	uint64_t left_ns = scene->next_ns - now_ns;
	struct timespec patience = {.tv_nsec = (long)(left_ns < TICK_NS ? left_ns : TICK_NS)};
	ppoll(fds, scene->n_ears, &patience, NULL);
	for (unsigned int i = 0; i < scene->n_ears; i++) {
		if (fds[i].revents)
			hear(&scene->ears[i]);
	}
	tick(scene, clock_ns());
}

static void run_for(struct scene *scene, uint64_t ns)
{
	uint64_t until_ns = clock_ns() + ns;
	while (clock_ns() < until_ns && !interrupt_is_pending())
		run_once(scene);
}

static int open_publisher(struct scene *scene, struct publisher **out)
{
	struct publisher_config config = {.subject = scene->subject,
					  .certificate = scene->certificate,
					  .profiles = load_profiles(PROFILE),
					  .stream = STREAM,
					  .packet_bytes = PACKET_BYTES};
	int rc = publisher_open(&config, out);
	return rc > 0 ? -EPROTO : rc;
}

static int open_ear(struct scene *scene)
{
	struct ear *ear = &scene->ears[scene->n_ears];
	*ear = (struct ear){.peer = peer_create(scene->certificate, load_profiles(PROFILE))};
	if (!ear->peer)
		return -ENOMEM;
	struct offer offer = {.ufrag = peer_ufrag(ear->peer),
			      .pwd = peer_pwd(ear->peer),
			      .fingerprint = peer_certificate_fingerprint(scene->certificate)};
	scene->n_ears++;
	int rc = subject_play(scene->subject, STREAM, &offer, &ear->answer);
	return rc ? rc > 0 ? -EPROTO : rc : peer_connect(ear->peer, &ear->answer, clock_ns());
}

static bool all_hear(const struct scene *scene)
{
	for (unsigned int i = 0; i < scene->n_ears; i++) {
		if (!scene->ears[i].has_media)
			return false;
	}
	return true;
}

static int open_scene(struct scene *scene, unsigned int viewers)
{
	scene->certificate = peer_certificate_create();
	int rc = scene->certificate ? open_publisher(scene, &scene->publisher) : -ENOMEM;
	scene->next_ns = clock_ns();
	while (rc == 0 && scene->n_ears < viewers) {
		rc = open_ear(scene);
		if (rc == 0)
			run_once(scene);
	}
	uint64_t until_ns = clock_ns() + CONNECT_NS;
	while (rc == 0 && !all_hear(scene) && clock_ns() < until_ns && !interrupt_is_pending())
		run_once(scene);
	if (rc == 0 && !all_hear(scene))
		rc = -ETIMEDOUT;
	return rc;
}

static void close_scene(struct scene *scene)
{
	for (unsigned int i = 0; i < scene->n_ears; i++) {
		if (scene->ears[i].answer.location[0])
			subject_leave(scene->subject, &scene->ears[i].answer);
		peer_destroy(scene->ears[i].peer);
	}
	publisher_close(scene->successor);
	publisher_close(scene->publisher);
	peer_certificate_destroy(scene->certificate);
}

static int move_viewers(struct scene *scene)
{
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < scene->n_ears; i++)
		rc = peer_move(scene->ears[i].peer, clock_ns());
	return rc;
}

static int move_publisher(struct scene *scene)
{
	return publisher_move(scene->publisher, clock_ns());
}

static void *succeed(void *argument)
{
	struct scene *scene = argument;
	scene->succession = open_publisher(scene, &scene->successor);
	atomic_store(&scene->is_succeeded, true);
	return NULL;
}

/* The first publisher goes on until the other is there; its session ends with the scene. */
static int replace_publisher(struct scene *scene)
{
	pthread_t thread;
	int rc = -pthread_create(&thread, NULL, succeed, scene);
	if (rc)
		return rc;
	while (!atomic_load(&scene->is_succeeded))
		run_once(scene);
	pthread_join(thread, NULL);
	if (scene->succession)
		return scene->succession;
	struct publisher *before = scene->publisher;
	scene->publisher = scene->successor;
	scene->successor = before;
	publisher_skip(scene->publisher, scene->next_ns);
	return 0;
}

static const struct event {
	const char *name;
	int (*happen)(struct scene *scene);
} events[] = {
	{"viewer moves", move_viewers},
	{"publisher moves", move_publisher},
	{"publisher replaced", replace_publisher},
};

#define EVENTS (sizeof(events) / sizeof(events[0]))

static void begin(struct scene *scene)
{
	for (unsigned int i = 0; i < scene->n_ears; i++) {
		struct ear *ear = &scene->ears[i];
		ear->first = ear->highest + 1;
		ear->received = ear->gap_ns = 0;
	}
}

/* A silence that lasts counts, too. */
static double longest_gap_ms(const struct scene *scene)
{
	uint64_t gap_ns = 0, now_ns = clock_ns();
	for (unsigned int i = 0; i < scene->n_ears; i++) {
		const struct ear *ear = &scene->ears[i];
		uint64_t silence_ns = now_ns - ear->last_ns;
		gap_ns = ear->gap_ns > gap_ns ? ear->gap_ns : gap_ns;
		gap_ns = silence_ns > gap_ns ? silence_ns : gap_ns;
	}
	return (double)gap_ns / 1e6;
}

/* Viewers that the stream has not come back to. What they lost no number of theirs tells. */
static unsigned int count_silent(const struct scene *scene)
{
	unsigned int n = 0;
	uint64_t now_ns = clock_ns(), least_ns = SILENT_PACKETS * scene->interval_ns;
	for (unsigned int i = 0; i < scene->n_ears; i++)
		n += now_ns - scene->ears[i].last_ns > least_ns + SILENT_NS;
	return n;
}

static void fill(const struct scene *scene, struct result_sample *sample)
{
	double packets = 0, lost = 0;
	for (unsigned int i = 0; i < scene->n_ears; i++) {
		const struct ear *ear = &scene->ears[i];
		uint64_t expected = (uint64_t)(ear->highest - ear->first + 1);
		packets += (double)ear->received;
		lost += expected > ear->received ? (double)(expected - ear->received) : 0;
	}
	result_set(sample, "gap_ms", 1, longest_gap_ms(scene));
	result_set(sample, "packets", 0, packets);
	result_set(sample, "lost", 0, lost);
	result_set(sample, "silent", 0, scene->n_silent);
}

struct handover {
	struct handover_options options;
	struct arena *arena;
	struct scene scene;
	bool is_faulty; /* somebody was left in silence by ours */
};

static int measure(struct handover *handover, const struct event *event,
		   struct result_sample *sample)
{
	struct scene *scene = &handover->scene;
	uint64_t watch_ns = handover->options.arena.seconds * 1000000000ull;
	int rc = open_scene(scene, handover->options.viewers);
	if (rc)
		return rc;
	run_for(scene, SETTLE_NS);
	begin(scene);
	run_for(scene, SETTLE_NS);
	result_set(sample, "quiet_gap_ms", 1, longest_gap_ms(scene));
	begin(scene);
	rc = event->happen(scene);
	run_for(scene, watch_ns);
	scene->n_silent = count_silent(scene);
	fill(scene, sample);
	return interrupt_is_pending() ? -EINTR : rc;
}

static int run_event(struct handover *handover, struct subject *subject, const struct event *event,
		     unsigned int round)
{
	struct result_sample sample = {.key = {.subject = subject_name(subject),
					       .mode = event->name,
					       .profile = PROFILE,
					       .packet_bytes = PACKET_BYTES,
					       .viewers = handover->options.viewers},
				       .round = round};
	handover->scene = (struct scene){.subject = subject,
					 .interval_ns = 1000000000ull / handover->options.rate_pps};
	progress_show(0, "%s: %s", subject_name(subject), event->name);
	int rc = measure(handover, event, &sample);
	unsigned int n_silent = handover->scene.n_silent;
	close_scene(&handover->scene);
	progress_clear();
	if (rc == 0)
		results_add(handover->arena->results, &sample);
	else
		fprintf(stderr, "nn5g-bench: %s: %s: %s\n", subject_name(subject), event->name,
			strerror(-rc));
	if (rc == 0 && n_silent > 0) {
		fprintf(stderr, "nn5g-bench: %s: %s: %u of %u viewers hear nothing any more\n",
			subject_name(subject), event->name, n_silent, handover->options.viewers);
		handover->is_faulty |= subject == handover->arena->subjects[0];
	}
	progress_step();
	return rc;
}

/* What a peer cannot do is told; ours must. */
static int run_rounds(struct handover *handover)
{
	struct arena *arena = handover->arena;
	for (unsigned int round = 1; round <= handover->options.arena.rounds; round++) {
		for (size_t i = 0; i < EVENTS * arena->n_subjects; i++) {
			unsigned int index = (unsigned int)(i % arena->n_subjects);
			int rc = run_event(handover, arena->subjects[index],
					   &events[i / arena->n_subjects], round);
			if (rc && (index == 0 || interrupt_is_pending()))
				return rc;
		}
	}
	return 0;
}

static int run(struct handover *handover, int argc, char **argv)
{
	const struct handover_options *options = &handover->options;
	struct arena_config config = {
		.options = &options->arena,
		.publishers = 2,
		.viewers = options->viewers,
		.results = {.bench = "handover", .ratio = "gap_ms", .columns = columns},
		.argc = argc,
		.argv = argv,
	};
	int rc = arena_open(&config, &handover->arena);
	if (rc)
		return rc;
	progress_begin((unsigned int)EVENTS * options->arena.rounds * handover->arena->n_subjects);
	rc = run_rounds(handover);
	progress_clear();
	results_summarize(handover->arena->results);
	if (rc == 0 && handover->is_faulty)
		rc = 1;
	arena_close(handover->arena);
	return rc;
}

int handover_main(int argc, char **argv)
{
	static struct handover handover;
	handover.options =
		(struct handover_options){.arena = arena_defaults, .viewers = 10, .rate_pps = 250};
	handover.options.arena.seconds = 1;
	int rc = options_parse(&command, argc, argv, &handover.options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench handover --help'.\n", stderr);
		return 2;
	}
	return run(&handover, argc, argv) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
