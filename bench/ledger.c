/* How many usage records a store commits in a second, by the size of a batch, and how long a node's
 * request for quota takes in it. Without another store this is an SQLite file of its own, gone
 * afterwards. One that is given is filled with tenants of ours: it is to be thrown away. */
#include "bench/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/interrupt.h"
#include "bench/options.h"
#include "bench/progress.h"
#include "bench/result.h"
#include "conf/log.h"
#include "conf/sql.h"
#include "conf/store.h"

#define BATCH_MAX 256
#define TENANTS   8
#define POLICY    "{\"budget\": {\"monthly_micros\": 1000000000000}}"

static const char help_head[] =
	"Commits usage records to a store as nodes do, in batches, and asks it for quota: how\n"
	"many a second, and how long each takes. Every commit is in the tenants' hash chains\n"
	"and synced, as the store does it.\n"
	"\n";

static const char help_tail[] = "Exit status: 0; 1 when the store fails; 2 usage.\n"
				"\n"
				"Examples:\n"
				"  nn5g-bench ledger\n"
				"  nn5g-bench ledger --store postgresql:///scratch --json\n";

struct ledger_options {
	const char *store;
	unsigned int rounds, seconds, grants;
	bool is_json;
};

#define AT(field) offsetof(struct ledger_options, field)

static const struct option_row rows[] = {
	OPTION_VALUE("store", "URL", OPTION_TEXT, AT(store),
		     "a store to be thrown away: sqlite:PATH or postgresql://...\n(an SQLite file "
		     "in TMPDIR, removed afterwards)"),
	OPTION_NUMBER("rounds", "R", OPTION_UINT, AT(rounds), 1, 1000, "medians count (5)"),
	OPTION_NUMBER("seconds", "S", OPTION_UINT, AT(seconds), 1, 3600,
		      "of each size of a batch in a round (1)"),
	OPTION_NUMBER("grants", "N", OPTION_UINT, AT(grants), 1, 1000000, "in a round (500)"),
	OPTION_VALUE("json", NULL, OPTION_FLAG, AT(is_json),
		     "JSON lines on stdout, instead of a table"),
	OPTION_VALUE("help", NULL, OPTION_HELP, 0, "this text"),
	OPTION_ROWS_END,
};

static const struct option_table tables[] = {{rows, 0}, {NULL, 0}};
static const struct option_command command = {"ledger", help_head, help_tail, tables};

static const struct result_column columns[] = {
	{"records_per_second", "records/s", 0}, {"commits_per_second", "commits/s", 0},
	{"latency_ms.p50", "p50 ms", 2},        {"latency_ms.p99", "p99 ms", 2},
	{"latency_ms.max", "max ms", 2},        {NULL, NULL, 0},
};

static const unsigned int batches[] = {1, 16, BATCH_MAX};

#define BATCHES (sizeof(batches) / sizeof(batches[0]))

struct ledger {
	struct ledger_options options;
	struct store *store;
	struct results *results;
	const char *subject; /* the store's kind */
	struct usage_record records[BATCH_MAX];
	uint32_t next_sequence;
	struct histogram took_ns;
};

static int complain(const char *what, int rc)
{
	progress_clear();
	fprintf(stderr, "nn5g-bench: %s: %s\n", what, strerror(-rc));
	return rc;
}

static int tenants_put(struct store *store)
{
	int rc = 0;
	for (int i = 0; rc == 0 && i < TENANTS; i++) {
		char id[32];
		snprintf(id, sizeof(id), "bench%d", i);
		rc = sql_run(store_sql(store),
			     "INSERT INTO tenants (id, policy) VALUES ($1, $2)"
			     " ON CONFLICT (id) DO NOTHING",
			     SQL_VALUES(sql_text(id), sql_text(POLICY)), NULL, NULL);
	}
	return rc;
}

/* A minute of video in a session of its own. */
static void record_fill(struct usage_record *record, uint32_t sequence, int64_t now_ms)
{
	*record = (struct usage_record){.sequence = sequence,
					.unit = USAGE_MINUTE,
					.kind = USAGE_VIDEO,
					.quantity_ms = 60000,
					.price_micros = 20000,
					.opened_at_ms = now_ms - 60000,
					.closed_at_ms = now_ms};
	snprintf(record->tenant, sizeof(record->tenant), "bench%" PRIu32, sequence % TENANTS);
	snprintf(record->session, sizeof(record->session), "%" PRId64, now_ms);
	strcpy(record->split, "imvu");
	strcpy(record->provider_id, "whip:live");
	strcpy(record->stream, "live");
	strcpy(record->node, "bench");
	strcpy(record->boot, "bench");
	usage_id(record);
}

static void add_sample(struct ledger *ledger, const char *mode, unsigned int round,
		       struct result_sample *sample)
{
	sample->key = (struct result_key){.subject = ledger->subject, .mode = mode};
	sample->round = round;
	result_set_quantiles(sample, "latency_ms", &ledger->took_ns);
	sample->latency_ns = &ledger->took_ns;
	progress_clear();
	results_add(ledger->results, sample);
	progress_step();
}

/* As many commits as the time takes. */
static int commit_case(struct ledger *ledger, unsigned int batch, unsigned int round)
{
	enum store_verdict verdicts[BATCH_MAX];
	char mode[RESULT_TEXT_MAX + 1];
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	uint64_t begin_ns = clock_ns(), now_ns = begin_ns;
	uint64_t until_ns = begin_ns + ledger->options.seconds * 1000000000ull;
	ledger->took_ns = (struct histogram){0};
	snprintf(mode, sizeof(mode), "commit %u", batch);
	while (now_ns < until_ns && !interrupt_is_pending()) {
		uint64_t start_ns = now_ns;
		for (unsigned int i = 0; i < batch; i++)
			record_fill(&ledger->records[i], ledger->next_sequence++, now_ms);
		int rc = store_usage_commit(ledger->store, ledger->records, batch, verdicts);
		if (rc)
			return complain("cannot commit", rc);
		now_ns = clock_ns();
		histogram_add(&ledger->took_ns, now_ns - start_ns);
		progress_show((double)(now_ns - begin_ns) / (double)(until_ns - begin_ns), "%s",
			      mode);
	}
	double seconds = (double)(now_ns - begin_ns) / 1e9;
	struct result_sample sample = {0};
	result_set(&sample, "records_per_second", 0, (double)ledger->took_ns.n * batch / seconds);
	result_set(&sample, "commits_per_second", 0, (double)ledger->took_ns.n / seconds);
	add_sample(ledger, mode, round, &sample);
	return 0;
}

static int grant_case(struct ledger *ledger, unsigned int round)
{
	ledger->took_ns = (struct histogram){0};
	for (unsigned int i = 0; i < ledger->options.grants && !interrupt_is_pending(); i++) {
		struct store_grant grant = {.tenant = "bench0",
					    .node = "bench",
					    .boot = "bench",
					    .account = ACCOUNT_CREDIT,
					    .wanted = 1000,
					    .comfort = 10000,
					    .now_ms = (int64_t)time(NULL) * 1000};
		uint64_t start_ns = clock_ns();
		int rc = store_grant(ledger->store, &grant);
		if (rc)
			return complain("cannot grant", rc);
		histogram_add(&ledger->took_ns, clock_ns() - start_ns);
		progress_show((double)i / ledger->options.grants, "grants");
	}
	struct result_sample sample = {0};
	add_sample(ledger, "grant", round, &sample);
	return 0;
}

static int run_rounds(struct ledger *ledger)
{
	int rc = tenants_put(ledger->store);
	if (rc)
		return complain("cannot make tenants", rc);
	progress_begin(ledger->options.rounds * (BATCHES + 1));
	for (unsigned int round = 1; rc == 0 && round <= ledger->options.rounds; round++) {
		for (size_t i = 0; rc == 0 && i < BATCHES; i++)
			rc = commit_case(ledger, batches[i], round);
		if (rc == 0)
			rc = grant_case(ledger, round);
		if (interrupt_is_pending())
			rc = -EINTR;
	}
	progress_clear();
	results_summarize(ledger->results);
	return rc;
}

static int run_store(struct ledger *ledger, const char *url, int argc, char **argv)
{
	char *line = options_line(argc, argv);
	struct results_config config = {.bench = "ledger",
					.columns = columns,
					.arguments = line,
					.is_json = ledger->options.is_json};
	int rc = store_open(url, &ledger->store);
	if (rc) {
		free(line);
		return complain("cannot open the store", rc);
	}
	ledger->subject =
		sql_kind(store_sql(ledger->store)) == SQL_SQLITE ? "sqlite" : "postgresql";
	rc = results_open(&config, &ledger->results);
	if (rc == 0)
		rc = run_rounds(ledger);
	results_close(ledger->results);
	store_close(ledger->store);
	free(line);
	return rc;
}

/* A store in a folder that is gone afterwards. */
static int run_own(struct ledger *ledger, int argc, char **argv)
{
	static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};
	const char *place = getenv("TMPDIR");
	char folder[128], url[160], path[160];
	snprintf(folder, sizeof(folder), "%.90s/nn5g-ledger-XXXXXX", place ? place : "/tmp");
	if (!mkdtemp(folder))
		return complain(folder, -errno);
	snprintf(url, sizeof(url), "sqlite:%s/%s", folder, names[0]);
	int rc = run_store(ledger, url, argc, argv);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	if (rmdir(folder))
		complain(folder, -errno);
	return rc;
}

int ledger_main(int argc, char **argv)
{
	static struct ledger ledger;
	ledger.options = (struct ledger_options){.rounds = 5, .seconds = 1, .grants = 500};
	int rc = options_parse(&command, argc, argv, &ledger.options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench ledger --help'.\n", stderr);
		return 2;
	}
	log_init("nn5g-bench");
	interrupt_note();
	rc = ledger.options.store ? run_store(&ledger, ledger.options.store, argc, argv)
				  : run_own(&ledger, argc, argv);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
