/* Members share a counter that gives each session its number, and with a rate its time. Each drives
 * its sessions by epoll, whatever they wait for. A descriptor is waited for once and then again: it
 * may be a kept connection that another session, another member's too, has the next time. What
 * members count is their own until they have ended. */
#include "bench/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/clock.h"

#define PAUSE_NS 10000000ull /* after a failure, when there is no rate */
#define EVENTS   64
#define NEVER    UINT64_MAX

/* One session after the other. */
struct place {
	enum { PLACE_FREE, PLACE_SETTING_UP, PLACE_LEAVING } state;
	uint64_t due_ns;        /* when the session was meant to begin */
	uint64_t free_until_ns; /* a pause */
	struct attempt attempt;
};

struct member {
	struct crew *crew; /* parent */
	pthread_t thread;
	int epoll_fd;
	unsigned int n_places, n_busy;
	struct place *places; /* the crew's */
	uint64_t due_ns;      /* of the next session, at a rate; NEVER: not drawn yet */
	uint64_t tick_ns;
	struct crew_figures figures;
};

struct crew {
	struct crew_config config;
	uint64_t begin_ns, interval_ns;
	atomic_ullong next;      /* session */
	_Atomic uint64_t end_ns; /* UINT64_MAX until it is known */
	unsigned int n_members;
	struct member *members; /* owned */
	struct place *places;   /* owned */
};

static void note_done(struct crew_figures *figures, const struct attempt *attempt, uint64_t due_ns,
		      bool has_media)
{
	uint64_t last_ns = attempt->begin_ns;
	enum attempt_step end = has_media ? ATTEMPT_MEDIA : ATTEMPT_CONNECTED;
	for (int step = 0; step <= (int)end; step++) {
		histogram_add(&figures->step_ns[step], attempt->step_ns[step] - last_ns);
		last_ns = attempt->step_ns[step];
	}
	histogram_add(&figures->setup_ns, last_ns - due_ns);
	figures->done++;
}

static void note_end(struct member *member, const struct place *place, int rc)
{
	const struct crew *crew = member->crew;
	const struct attempt *attempt = &place->attempt;
	struct crew_figures *figures = &member->figures;
	bool counts = clock_ns() < atomic_load(&crew->end_ns);
	uint64_t late_ns = attempt->begin_ns - place->due_ns;
	if (counts && rc == 0)
		note_done(figures, attempt, place->due_ns, crew->config.attempt.wants_media);
	if (counts && rc) {
		figures->failed++;
		figures->error = rc;
	}
	if (counts && late_ns > figures->late_ns)
		figures->late_ns = late_ns;
	figures->not_authentic += attempt->not_authentic;
}

/* Until the next tick at the latest: that it cannot be waited for is not the end of the session. */
static void watch(const struct member *member, struct place *place)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = place};
	int fd = attempt_fd(&place->attempt);
	if (epoll_ctl(member->epoll_fd, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT)
		epoll_ctl(member->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void leave(struct member *member, struct place *place)
{
	if (!attempt_leave(&member->crew->config.attempt, &place->attempt)) {
		watch(member, place);
		return;
	}
	place->state = PLACE_FREE;
	member->n_busy--;
}

/* What became of the set-up: rc as attempt_advance(). */
static void on_setup(struct member *member, struct place *place, int rc)
{
	if (rc == -EAGAIN) {
		watch(member, place);
		return;
	}
	note_end(member, place, rc);
	if (rc && member->crew->interval_ns == 0)
		place->free_until_ns = clock_ns() + PAUSE_NS;
	place->state = PLACE_LEAVING;
	leave(member, place);
}

static void advance(struct member *member, struct place *place)
{
	if (place->state == PLACE_SETTING_UP)
		on_setup(member, place,
			 attempt_advance(&member->crew->config.attempt, &place->attempt));
	else if (place->state == PLACE_LEAVING)
		leave(member, place);
}

static void begin(struct member *member, struct place *place, uint64_t due_ns)
{
	place->due_ns = due_ns;
	place->state = PLACE_SETTING_UP;
	member->n_busy++;
	on_setup(member, place, attempt_begin(&member->crew->config.attempt, &place->attempt));
}

/* Of the next session of all members. */
static uint64_t draw_due(struct crew *crew)
{
	return crew->begin_ns + atomic_fetch_add(&crew->next, 1) * crew->interval_ns;
}

/* Begins what is due and has a place. */
static void begin_due(struct member *member)
{
	struct crew *crew = member->crew;
	for (unsigned int i = 0; i < member->n_places && member->n_busy < member->n_places; i++) {
		struct place *place = &member->places[i];
		uint64_t now_ns = clock_ns();
		if (place->state != PLACE_FREE || now_ns < place->free_until_ns)
			continue;
		if (now_ns >= atomic_load(&crew->end_ns))
			return;
		if (crew->interval_ns == 0) {
			begin(member, place, now_ns);
			continue;
		}
		if (member->due_ns == NEVER)
			member->due_ns = draw_due(crew);
		if (now_ns < member->due_ns)
			return;
		begin(member, place, member->due_ns);
		member->due_ns = NEVER;
	}
}

static void tick(struct member *member)
{
	uint64_t now_ns = clock_ns();
	if (now_ns < member->tick_ns)
		return;
	member->tick_ns = now_ns + ATTEMPT_TICK_NS;
	for (unsigned int i = 0; i < member->n_places; i++)
		advance(member, &member->places[i]);
}

static void wait_and_advance(struct member *member)
{
	struct epoll_event events[EVENTS];
	uint64_t now_ns = clock_ns(), until_ns = member->tick_ns;
	if (member->n_busy < member->n_places && member->due_ns < until_ns)
		until_ns = member->due_ns;
	struct timespec timeout = {.tv_nsec = until_ns > now_ns ? (long)(until_ns - now_ns) : 0};
	int n = epoll_pwait2(member->epoll_fd, events, EVENTS, &timeout, NULL);
	for (int i = 0; i < n; i++)
		advance(member, events[i].data.ptr);
	tick(member);
}

static void *run_member(void *argument)
{
	struct member *member = argument;
	struct crew *crew = member->crew;
	/* Of this thread alone: Linux has a niceness per thread. */
	if (crew->config.niceness)
		setpriority(PRIO_PROCESS, 0, crew->config.niceness);
	while (member->n_busy > 0 || clock_ns() < atomic_load(&crew->end_ns)) {
		begin_due(member);
		wait_and_advance(member);
	}
	return NULL;
}

/* Members that there are to be; the sessions at a time are shared among them. */
static unsigned int count_members(const struct crew_config *config)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (subject_waits(config->attempt.subject) || cpus > (long)config->members)
		return config->members;
	return cpus > 1 ? (unsigned int)cpus : 1;
}

static int start_member(struct crew *crew, unsigned int index, unsigned int of)
{
	struct member *member = &crew->members[index];
	unsigned int first = index * crew->config.members / of;
	member->crew = crew;
	member->places = &crew->places[first];
	member->n_places = (index + 1) * crew->config.members / of - first;
	member->due_ns = NEVER;
	member->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (member->epoll_fd < 0)
		return -errno;
	int rc = -pthread_create(&member->thread, NULL, run_member, member);
	if (rc)
		close(member->epoll_fd);
	return rc;
}

int crew_start(const struct crew_config *config, struct crew **out)
{
	unsigned int wanted = count_members(config);
	struct crew *crew = calloc(1, sizeof(*crew));
	if (!crew)
		return -ENOMEM;
	crew->config = *config;
	crew->members = calloc(wanted, sizeof(*crew->members));
	crew->places = calloc(config->members, sizeof(*crew->places));
	int rc = crew->members && crew->places ? 0 : -ENOMEM;
	crew->begin_ns = clock_ns();
	crew->interval_ns = config->rate ? 1000000000ull / config->rate : 0;
	atomic_store(&crew->end_ns, UINT64_MAX);
	for (; rc == 0 && crew->n_members < wanted; crew->n_members += rc == 0)
		rc = start_member(crew, crew->n_members, wanted);
	if (rc) {
		crew_stop(crew, NULL);
		return rc;
	}
	*out = crew;
	return 0;
}

static void add_figures(const struct crew_figures *of, struct crew_figures *to)
{
	to->done += of->done;
	to->failed += of->failed;
	to->not_authentic += of->not_authentic;
	if (of->late_ns > to->late_ns)
		to->late_ns = of->late_ns;
	if (of->error)
		to->error = of->error;
	histogram_merge(&to->setup_ns, &of->setup_ns);
	for (int step = 0; step < ATTEMPT_STEPS; step++)
		histogram_merge(&to->step_ns[step], &of->step_ns[step]);
}

void crew_stop(struct crew *crew, struct crew_figures *figures)
{
	if (!crew)
		return;
	uint64_t end_ns = clock_ns();
	atomic_store(&crew->end_ns, end_ns);
	if (figures) {
		memset(figures, 0, sizeof(*figures));
		figures->seconds = (double)(end_ns - crew->begin_ns) / 1e9;
	}
	for (unsigned int i = 0; i < crew->n_members; i++) {
		pthread_join(crew->members[i].thread, NULL);
		close(crew->members[i].epoll_fd);
		if (figures)
			add_figures(&crew->members[i].figures, figures);
	}
	free(crew->members);
	free(crew->places);
	free(crew);
}

static double ms(const struct histogram *histogram, double fraction)
{
	return (double)histogram_quantile(histogram, fraction) / 1e6;
}

void crew_fill(const struct crew_figures *figures, struct result_sample *sample)
{
	static const struct {
		const char *p50, *p99;
	} names[ATTEMPT_STEPS] = {
		[ATTEMPT_ANSWERED] = {"answered_ms.p50", "answered_ms.p99"},
		[ATTEMPT_CHECKED] = {"checked_ms.p50", "checked_ms.p99"},
		[ATTEMPT_CONNECTED] = {"connected_ms.p50", "connected_ms.p99"},
		[ATTEMPT_MEDIA] = {"media_ms.p50", "media_ms.p99"},
	};
	result_set(sample, "sessions", 0, (double)figures->done);
	result_set(sample, "failed", 0, (double)figures->failed);
	result_set(sample, "sessions_per_second", 1, (double)figures->done / figures->seconds);
	result_set(sample, "late_ms", 3, (double)figures->late_ns / 1e6);
	result_set_quantiles(sample, "setup_ms", &figures->setup_ns);
	for (int step = 0; step < ATTEMPT_STEPS; step++) {
		if (figures->step_ns[step].n == 0)
			continue;
		result_set(sample, names[step].p50, 3, ms(&figures->step_ns[step], 0.5));
		result_set(sample, names[step].p99, 3, ms(&figures->step_ns[step], 0.99));
	}
}

const char *crew_error(int error, char text[32])
{
	if (error > 0)
		snprintf(text, 32, "HTTP status %d", error);
	else
		snprintf(text, 32, "%s",
			 error == -EPROTO ? "refused, or no handshake" : strerror(-error));
	return text;
}
