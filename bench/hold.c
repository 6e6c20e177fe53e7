/* Some threads connect; another, the keeper, reads all that are established and lets them send the
 * checks that keep them so. A session belongs to who connects it until it is published to the
 * keeper. */
#include "bench/hold.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/attempt.h"
#include "bench/clock.h"
#include "bench/interrupt.h"
#include "bench/process.h"
#include "bench/progress.h"
#include "bench/publisher.h"

#define STREAM       "hold"
#define PATIENCE_NS  20000000000ull
#define TURN_NS      200000000ull
#define SETTLE_NS    2000000000ull /* after the last is established */
#define PARALLEL_MAX 64
#define WARM_UP      4 /* sessions that come and go first: what is made once is not theirs */
#define FILES_SPARE  256

struct held {
	struct attempt attempt;
	atomic_bool is_established;
};

struct hold {
	const struct hold_config *config;
	struct attempt_config attempt;
	struct publisher *publisher;
	struct held *all; /* owned, config->sessions of them */
	atomic_uint next, n_established;
	atomic_int error;
	atomic_bool is_over; /* for the keeper */
};

static void *connect_some(void *argument)
{
	struct hold *hold = argument;
	unsigned int index;
	while ((index = atomic_fetch_add(&hold->next, 1)) < hold->config->sessions &&
	       !interrupt_is_pending()) {
		struct held *held = &hold->all[index];
		int rc = attempt_run(&hold->attempt, &held->attempt);
		if (rc) {
			atomic_store(&hold->error, rc);
			attempt_end(&hold->attempt, &held->attempt);
			continue;
		}
		atomic_store_explicit(&held->is_established, true, memory_order_release);
		atomic_fetch_add(&hold->n_established, 1);
	}
	return NULL;
}

static void keep_one(struct held *held)
{
	uint8_t bytes[PEER_PACKET_MAX];
	ssize_t size;
	struct peer *peer = held->attempt.peer;
	if (!atomic_load_explicit(&held->is_established, memory_order_acquire))
		return;
	while ((size = recv(peer_fd(peer), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		peer_on_datagram(peer, bytes, (size_t)size, clock_ns());
	peer_tick(peer, clock_ns());
}

static void *keep(void *argument)
{
	struct hold *hold = argument;
	while (!atomic_load(&hold->is_over)) {
		uint64_t due_ns = clock_ns() + TURN_NS;
		publisher_tick(hold->publisher, clock_ns());
		for (unsigned int i = 0; i < hold->config->sessions; i++)
			keep_one(&hold->all[i]);
		clock_sleep_until(due_ns);
	}
	return NULL;
}

static void show(struct hold *hold, double fraction)
{
	progress_show(fraction, "%s: %u of %u sessions established",
		      subject_name(hold->config->subject), atomic_load(&hold->n_established),
		      hold->config->sessions);
}

static int connect_all(struct hold *hold)
{
	pthread_t threads[PARALLEL_MAX];
	unsigned int n = 0, wanted = hold->config->parallel;
	int rc = 0;
	if (wanted > PARALLEL_MAX)
		wanted = PARALLEL_MAX;
	for (; rc == 0 && n < wanted; n += rc == 0)
		rc = -pthread_create(&threads[n], NULL, connect_some, hold);
	while (n > 0 && atomic_load(&hold->next) < hold->config->sessions &&
	       !interrupt_is_pending()) {
		show(hold, 0);
		clock_sleep_until(clock_ns() + TURN_NS);
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return interrupt_is_pending() ? -EINTR : n > 0 ? 0 : rc;
}

uint64_t hold_resident_in(const char *text)
{
	const char *at = strstr(text, "\nRss:");
	return at ? strtoull(at + strlen("\nRss:"), NULL, 10) * 1024 : 0;
}

static uint64_t resident_of(const struct subject *subject)
{
	pid_t pids[SUBJECT_PIDS_MAX];
	uint64_t bytes = 0;
	int n = subject_pids(subject, pids, SUBJECT_PIDS_MAX);
	for (int i = 0; i < n; i++) {
		char path[64], text[4096];
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pids[i]);
		FILE *file = fopen(path, "re");
		size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
		if (file)
			fclose(file);
		text[size] = '\0';
		bytes += hold_resident_in(text);
	}
	return bytes;
}

static void wait_for(struct hold *hold, uint64_t ns)
{
	uint64_t begin_ns = clock_ns(), until_ns = begin_ns + ns;
	while (clock_ns() < until_ns && !interrupt_is_pending()) {
		show(hold, (double)(clock_ns() - begin_ns) / (double)ns);
		clock_sleep_until(clock_ns() + TURN_NS / 2);
	}
}

static void watch_them(struct hold *hold, struct hold_figures *figures)
{
	struct process_usage before, after;
	const struct subject *subject = hold->config->subject;
	wait_for(hold, SETTLE_NS);
	figures->bytes = resident_of(subject);
	bool is_known = subject_usage(subject, &before) == 0;
	uint64_t begin_ns = clock_ns();
	wait_for(hold, hold->config->seconds * 1000000000ull);
	figures->seconds = (double)(clock_ns() - begin_ns) / 1e9;
	if (!is_known || subject_usage(subject, &after))
		return;
	figures->threads = after.threads;
	figures->cpu_percent = (double)(after.cpu_ns - before.cpu_ns) / 1e7 / figures->seconds;
}

static void end_all(struct hold *hold)
{
	for (unsigned int i = 0; i < hold->config->sessions; i++) {
		if (atomic_load(&hold->all[i].is_established))
			attempt_end(&hold->attempt, &hold->all[i].attempt);
	}
}

static int warm_up(struct hold *hold)
{
	for (int i = 0; i < WARM_UP; i++) {
		struct attempt attempt;
		int rc = attempt_run(&hold->attempt, &attempt);
		attempt_end(&hold->attempt, &attempt);
		if (rc)
			return rc > 0 ? -EPROTO : rc;
	}
	return 0;
}

static int hold_them(struct hold *hold, struct hold_figures *figures)
{
	pthread_t keeper;
	int rc = warm_up(hold);
	if (rc == 0)
		rc = -pthread_create(&keeper, NULL, keep, hold);
	if (rc)
		return rc;
	figures->before_bytes = resident_of(hold->config->subject);
	uint64_t begin_ns = clock_ns();
	rc = connect_all(hold);
	figures->connect_seconds = (double)(clock_ns() - begin_ns) / 1e9;
	figures->established = atomic_load(&hold->n_established);
	figures->error = atomic_load(&hold->error);
	if (rc == 0)
		watch_them(hold, figures);
	atomic_store(&hold->is_over, true);
	pthread_join(keeper, NULL);
	end_all(hold);
	return interrupt_is_pending() ? -EINTR : rc;
}

int hold_run(const struct hold_config *config, struct hold_figures *figures)
{
	struct hold hold = {.config = config, .all = calloc(config->sessions, sizeof(struct held))};
	struct publisher_config publisher = {
		.subject = config->subject,
		.certificate = config->certificate,
		.profiles = config->profiles,
		.stream = STREAM,
		.packet_bytes = 1200,
	};
	hold.attempt = (struct attempt_config){
		.subject = config->subject,
		.certificate = config->certificate,
		.profiles = config->profiles,
		.stream = STREAM,
		.patience_ns = PATIENCE_NS,
	};
	*figures = (struct hold_figures){0};
	process_allow_files(config->sessions + FILES_SPARE);
	int rc = hold.all ? publisher_open(&publisher, &hold.publisher) : -ENOMEM;
	if (rc == 0)
		rc = hold_them(&hold, figures);
	publisher_close(hold.publisher);
	free(hold.all);
	progress_clear();
	if (rc > 0)
		rc = -EPROTO;
	if (rc)
		fprintf(stderr, "nn5g-bench: %s: sessions cannot be held: %s\n",
			subject_name(config->subject), strerror(-rc));
	return rc;
}
