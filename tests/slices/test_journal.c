/* The journal: what its callback has said is on disk survives kill -9, is reported in order, and is
 * forgotten when acknowledged. THREADED: the writer is a thread. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "slices/journal.h"
#include "tests/cunit.h"

static char folder[] = "/tmp/nn5g-journal-XXXXXX";
static char path[64];

static int make_folder(void)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void)
{
	char *command = g_strdup_printf("rm -rf '%s'", folder);
	int rc = system(command);
	g_free(command);
	return rc;
}

/* A file of its own for each test. */
static struct journal *open_fresh(void)
{
	static unsigned int n;
	struct journal *journal = NULL;
	snprintf(path, sizeof(path), "%s/%u.db", folder, n++);
	CU_ASSERT_EQUAL_FATAL(journal_open(path, &journal), 0);
	return journal;
}

static struct journal *open_again(void)
{
	struct journal *journal = NULL;
	CU_ASSERT_EQUAL_FATAL(journal_open(path, &journal), 0);
	return journal;
}

static struct usage_record record_of(const struct journal *journal, unsigned int number)
{
	struct usage_record record = {
		.epoch = 1,
		.sequence = number,
		.unit = USAGE_MINUTE,
		.kind = USAGE_VIDEO,
		.quantity_ms = 60000,
		.price_micros = 20000,
		.cost_micros = 20000,
		.split = "imvu",
		.provider_id = "whip:live",
		.stream = "live",
		.slice = "gold",
		.node = "here",
		.opened_at_ms = 1000,
		.closed_at_ms = 61000,
	};
	snprintf(record.id, sizeof(record.id), "demo:session:1:%u", number);
	snprintf(record.tenant, sizeof(record.tenant), "demo");
	snprintf(record.session, sizeof(record.session), "session");
	snprintf(record.boot, sizeof(record.boot), "%s", journal_boot(journal));
	return record;
}

struct outcome {
	unsigned int n, failed;
};

static void on_done(void *context, int rc)
{
	struct outcome *outcome = context;
	outcome->n++;
	outcome->failed += rc != 0;
}

static void write_one(struct journal *journal, unsigned int number, bool is_closed,
		      struct outcome *outcome)
{
	struct usage_record record = record_of(journal, number);
	journal_write(journal, &record, is_closed, outcome ? on_done : NULL, outcome);
}

static void run_until(const struct outcome *outcome, unsigned int n)
{
	while (outcome->n < n)
		g_main_context_iteration(NULL, TRUE);
}

static void closed_records_are_pending_in_order(void)
{
	struct journal *journal = open_fresh();
	struct outcome outcome = {0};
	struct usage_record pending[8];
	write_one(journal, 0, false, &outcome);
	write_one(journal, 1, true, &outcome);
	write_one(journal, 2, true, &outcome);
	CU_ASSERT_EQUAL(journal_length(journal), 0);
	run_until(&outcome, 3);
	CU_ASSERT_EQUAL(outcome.failed, 0);
	CU_ASSERT_EQUAL(journal_length(journal), 2);
	CU_ASSERT_EQUAL(journal_pending(journal, pending, 8), 2);
	CU_ASSERT_STRING_EQUAL(pending[0].id, "demo:session:1:1");
	CU_ASSERT_STRING_EQUAL(pending[1].id, "demo:session:1:2");
	CU_ASSERT_EQUAL(journal_pending(journal, pending, 1), 1);
	CU_ASSERT(journal_has(journal, "demo:session:1:0"));
	CU_ASSERT_EQUAL(journal_counters(journal).written, 3);
	CU_ASSERT_EQUAL(journal_health(journal), 0);
	journal_close(journal);
}

static void acknowledged_records_are_forgotten(void)
{
	static const char *const ids[] = {"demo:session:1:0", "demo:session:1:7"};
	struct journal *journal = open_fresh();
	struct outcome outcome = {0};
	write_one(journal, 0, true, &outcome);
	write_one(journal, 1, true, &outcome);
	run_until(&outcome, 2);
	journal_acknowledge(journal, ids, 2);
	CU_ASSERT_FALSE(journal_has(journal, ids[0]));
	CU_ASSERT_EQUAL(journal_length(journal), 1);
	CU_ASSERT_EQUAL(journal_counters(journal).acknowledged, 1);
	journal_close(journal);
	journal = open_again();
	CU_ASSERT_FALSE(journal_has(journal, ids[0]));
	CU_ASSERT_EQUAL(journal_inherited(journal), 1);
	journal_close(journal);
}

/* Field by field: what pads them may differ. */
static bool is_same(const struct usage_record *a, const struct usage_record *b)
{
	json_t *one = usage_write(a), *other = usage_write(b);
	bool is_equal = one && json_equal(one, other);
	json_decref(one);
	json_decref(other);
	return is_equal;
}

static void the_last_checkpoint_is_closed_by_the_next_run(void)
{
	struct journal *journal = open_fresh();
	struct usage_record record = record_of(journal, 0), pending;
	char boot[33], instance[33];
	memcpy(boot, journal_boot(journal), sizeof(boot));
	memcpy(instance, journal_instance(journal), sizeof(instance));
	for (unsigned int i = 1; i <= 100; i++) {
		record.quantity_ms = i * 10;
		record.cost_micros = i;
		record.closed_at_ms = 1000 + i;
		journal_write(journal, &record, false, NULL, NULL);
	}
	journal_close(journal);
	journal = open_again();
	CU_ASSERT_STRING_NOT_EQUAL(journal_boot(journal), boot);
	CU_ASSERT_STRING_EQUAL(journal_instance(journal), instance);
	CU_ASSERT_EQUAL(journal_inherited(journal), 1);
	CU_ASSERT_EQUAL(journal_counters(journal).recovered, 1);
	CU_ASSERT_EQUAL_FATAL(journal_pending(journal, &pending, 1), 1);
	record.quantity_ms = 1000;
	CU_ASSERT(is_same(&pending, &record));
	const char *id = pending.id;
	journal_acknowledge(journal, &id, 1);
	CU_ASSERT_EQUAL(journal_inherited(journal), 0);
	journal_close(journal);
}

static void inherited_records_come_first(void)
{
	struct journal *journal = open_fresh();
	struct outcome outcome = {0};
	struct usage_record pending[2];
	write_one(journal, 5, true, NULL);
	journal_close(journal);
	journal = open_again();
	write_one(journal, 1, true, &outcome);
	run_until(&outcome, 1);
	CU_ASSERT_EQUAL(journal_pending(journal, pending, 2), 2);
	CU_ASSERT_EQUAL(pending[0].sequence, 5);
	CU_ASSERT_EQUAL(pending[1].sequence, 1);
	journal_close(journal);
}

static void a_dropped_record_is_gone(void)
{
	struct journal *journal = open_fresh();
	write_one(journal, 0, false, NULL);
	journal_drop(journal, "demo:session:1:0");
	journal_drop(journal, "demo:session:1:1");
	CU_ASSERT_FALSE(journal_has(journal, "demo:session:1:0"));
	journal_close(journal);
	journal = open_again();
	CU_ASSERT_EQUAL(journal_length(journal), 0);
	journal_close(journal);
}

static void closing_runs_the_callbacks(void)
{
	struct journal *journal = open_fresh();
	struct outcome outcome = {0};
	for (unsigned int i = 0; i < 50; i++)
		write_one(journal, i, true, &outcome);
	journal_close(journal);
	CU_ASSERT_EQUAL(outcome.n, 50);
	CU_ASSERT_EQUAL(outcome.failed, 0);
}

static void many_writes_share_a_sync(void)
{
	struct journal *journal = open_fresh();
	struct outcome outcome = {0};
	for (unsigned int i = 0; i < 5000; i++)
		write_one(journal, i, true, &outcome);
	run_until(&outcome, 5000);
	CU_ASSERT_EQUAL(journal_counters(journal).written, 5000);
	CU_ASSERT(journal_counters(journal).syncs < 500);
	journal_close(journal);
}

static void count_news(void *context)
{
	++*(unsigned int *)context;
}

static void says_when_something_is_pending(void)
{
	struct journal *journal = open_fresh();
	struct outcome outcome = {0};
	unsigned int news = 0;
	journal_on_pending(journal, count_news, &news);
	write_one(journal, 0, false, &outcome);
	run_until(&outcome, 1);
	CU_ASSERT_EQUAL(news, 0);
	write_one(journal, 0, true, &outcome);
	run_until(&outcome, 2);
	g_main_context_iteration(NULL, FALSE);
	CU_ASSERT_EQUAL(news, 1);
	journal_close(journal);
}

static void a_file_of_something_else_is_refused(void)
{
	struct journal *journal;
	char name[64];
	snprintf(name, sizeof(name), "%s/text.db", folder);
	CU_ASSERT(g_file_set_contents(name, "this is no database, and long enough to say so", -1,
				      NULL));
	CU_ASSERT(journal_open(name, &journal) < 0);
	snprintf(name, sizeof(name), "%s/not/there.db", folder);
	CU_ASSERT(journal_open(name, &journal) < 0);
}

/* As a full disk does, for this process: no file grows beyond `bytes`. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_told_and_gets_over(void)
{
	struct journal *journal = open_fresh();
	struct outcome outcome = {0};
	unsigned int news = 0, n = 0;
	journal_on_pending(journal, count_news, &news);
	signal(SIGXFSZ, SIG_IGN);
	limit_files(512 * 1024);
	/* A batch that fails may be followed by a smaller one that still fits. */
	while (journal_health(journal) == 0 && n < 20000) {
		for (unsigned int i = 0; i < 100; i++)
			write_one(journal, n++, true, &outcome);
		run_until(&outcome, n);
	}
	CU_ASSERT(outcome.failed > 0);
	CU_ASSERT(journal_health(journal) < 0);
	CU_ASSERT_EQUAL(journal_length(journal), n - outcome.failed);
	/* What nobody waits for is kept until there is room. */
	news = 0;
	write_one(journal, n, true, NULL);
	limit_files(RLIM_INFINITY);
	while (news == 0)
		g_main_context_iteration(NULL, TRUE);
	CU_ASSERT_EQUAL(journal_health(journal), 0);
	CU_ASSERT_EQUAL(journal_length(journal), n - outcome.failed + 1);
	CU_ASSERT(journal_counters(journal).failed >= outcome.failed);
	journal_close(journal);
}

/* The child: writes records one after the other and tells the number of each that is synced. */
struct writer {
	struct journal *journal;
	unsigned int next, synced;
	int fd;
};

static void on_synced(void *context, int rc)
{
	struct writer *writer = context;
	unsigned int number = writer->synced++;
	if (rc || write(writer->fd, &number, sizeof(number)) != sizeof(number))
		_exit(2);
}

static void write_for_ever(int fd)
{
	struct writer writer = {.fd = fd};
	if (journal_open(path, &writer.journal))
		_exit(1);
	for (;;) {
		while (writer.next < writer.synced + 16) {
			struct usage_record record = record_of(writer.journal, writer.next++);
			journal_write(writer.journal, &record, true, on_synced, &writer);
		}
		g_main_context_iteration(NULL, TRUE);
	}
}

/* Lets the child live until it has told of `n` records, then kills it. The last number it told. */
static unsigned int kill_after(unsigned int n)
{
	int ends[2];
	unsigned int number = 0, last = 0;
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	pid_t child = fork();
	CU_ASSERT_FATAL(child >= 0);
	if (child == 0) {
		close(ends[0]);
		write_for_ever(ends[1]);
	}
	close(ends[1]);
	while (last + 1 < n && read(ends[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	kill(child, SIGKILL);
	while (read(ends[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	close(ends[0]);
	CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
	return last;
}

static void what_was_synced_survives_kill(void)
{
	static struct usage_record pending[8192];
	srand(29);
	for (unsigned int round = 0; round < 20; round++) {
		journal_close(open_fresh());
		unsigned int last = kill_after(1 + (unsigned int)rand() % 400);
		struct journal *journal = open_again();
		unsigned int n = journal_pending(journal, pending, 8192);
		CU_ASSERT(n >= last + 1);
		CU_ASSERT_EQUAL(journal_inherited(journal), n);
		for (unsigned int i = 0; i < n; i++)
			CU_ASSERT_EQUAL(pending[i].sequence, i);
		journal_close(journal);
	}
}

static CU_TestInfo tests[] = {
	{"what_was_synced_survives_kill", what_was_synced_survives_kill},
	{"closed_records_are_pending_in_order", closed_records_are_pending_in_order},
	{"acknowledged_records_are_forgotten", acknowledged_records_are_forgotten},
	{"the_last_checkpoint_is_closed_by_the_next_run",
	 the_last_checkpoint_is_closed_by_the_next_run},
	{"inherited_records_come_first", inherited_records_come_first},
	{"a_dropped_record_is_gone", a_dropped_record_is_gone},
	{"closing_runs_the_callbacks", closing_runs_the_callbacks},
	{"many_writes_share_a_sync", many_writes_share_a_sync},
	{"says_when_something_is_pending", says_when_something_is_pending},
	{"a_full_disk_is_told_and_gets_over", a_full_disk_is_told_and_gets_over},
	{"a_file_of_something_else_is_refused", a_file_of_something_else_is_refused},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("journal", tests, make_folder, remove_folder)
