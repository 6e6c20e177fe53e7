/* Members share a counter that gives each session its number, and with a rate its time. What they
 * count is their own until they have ended. */
#include "bench/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/clock.h"

#define PAUSE_NS 10000000ull /* after a failure, when there is no rate */

struct member {
	struct crew *crew; /* parent */
	pthread_t thread;
	struct crew_figures figures;
};

struct crew {
	struct crew_config config;
	uint64_t begin_ns;
	atomic_ullong next;      /* session */
	_Atomic uint64_t end_ns; /* UINT64_MAX until it is known */
	unsigned int n_members;
	struct member *members; /* owned */
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

/* One session; `due_ns` is when it was meant to begin. */
static int make_session(struct member *member, uint64_t due_ns)
{
	const struct attempt_config *config = &member->crew->config.attempt;
	struct crew_figures *figures = &member->figures;
	struct attempt attempt;
	int rc = attempt_run(config, &attempt);
	bool counts = clock_ns() < atomic_load(&member->crew->end_ns);
	uint64_t late_ns = attempt.begin_ns - due_ns;
	if (counts && rc == 0)
		note_done(figures, &attempt, due_ns, config->wants_media);
	if (counts && rc) {
		figures->failed++;
		figures->error = rc;
	}
	if (counts && late_ns > figures->late_ns)
		figures->late_ns = late_ns;
	figures->not_authentic += attempt.not_authentic;
	attempt_end(config, &attempt);
	return rc;
}

static void *run_member(void *argument)
{
	struct member *member = argument;
	struct crew *crew = member->crew;
	uint64_t interval_ns = crew->config.rate ? 1000000000ull / crew->config.rate : 0;
	/* Of this thread alone: Linux has a niceness per thread. */
	if (crew->config.niceness)
		setpriority(PRIO_PROCESS, 0, crew->config.niceness);
	for (;;) {
		uint64_t now_ns = clock_ns();
		uint64_t due_ns = interval_ns ? crew->begin_ns + atomic_fetch_add(&crew->next, 1) *
									 interval_ns
					      : now_ns;
		if (due_ns > now_ns)
			clock_sleep_until(due_ns);
		if (clock_ns() >= atomic_load(&crew->end_ns))
			return NULL;
		if (make_session(member, due_ns) && !interval_ns)
			clock_sleep_until(clock_ns() + PAUSE_NS);
	}
}

int crew_start(const struct crew_config *config, struct crew **out)
{
	struct crew *crew = calloc(1, sizeof(*crew));
	struct member *members = crew ? calloc(config->members, sizeof(*members)) : NULL;
	int rc = members ? 0 : -ENOMEM;
	if (rc) {
		free(crew);
		return rc;
	}
	crew->config = *config;
	crew->members = members;
	crew->begin_ns = clock_ns();
	atomic_store(&crew->end_ns, UINT64_MAX);
	for (; rc == 0 && crew->n_members < config->members; crew->n_members += rc == 0) {
		members[crew->n_members].crew = crew;
		rc = -pthread_create(&members[crew->n_members].thread, NULL, run_member,
				     &members[crew->n_members]);
	}
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
		if (figures)
			add_figures(&crew->members[i].figures, figures);
	}
	free(crew->members);
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
