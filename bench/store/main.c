/* How many usage records a store commits in a second, by the size of a batch, and how long a node's
 * request for quota takes in it. Prints one line per case. The store is filled with a tenant of its
 * own: give it one that is thrown away. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/sql.h"
#include "conf/store.h"

#define CASE_NS   2000000000ull
#define BATCH_MAX 256
#define TENANTS   8
#define GRANTS    2000
#define POLICY    "{\"budget\": {\"monthly_micros\": 1000000000000}}"

static struct usage_record records[BATCH_MAX];
static uint32_t next_sequence;

static int fail(const char *what, int rc)
{
	fprintf(stderr, "nn5g-bench-store: %s: %s\n", what, strerror(-rc));
	return 1;
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
static void record_fill(struct usage_record *record, int64_t now_ms)
{
	uint32_t sequence = next_sequence++;
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

static int commit_case(struct store *store, unsigned int batch)
{
	enum store_verdict verdicts[BATCH_MAX];
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	uint64_t start_ns = clock_ns(), elapsed_ns = 0, n = 0;
	while (elapsed_ns < CASE_NS) {
		for (unsigned int i = 0; i < batch; i++)
			record_fill(&records[i], now_ms);
		int rc = store_usage_commit(store, records, batch, verdicts);
		if (rc)
			return fail("commit", rc);
		n += batch;
		elapsed_ns = clock_ns() - start_ns;
	}
	double seconds = (double)elapsed_ns / 1e9;
	printf("%-10s batches of %3u: %8.0f records/s, %6.0f commits/s\n",
	       sql_kind(store_sql(store)) == SQL_SQLITE ? "sqlite" : "postgresql", batch,
	       (double)n / seconds, (double)n / batch / seconds);
	return 0;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
	return (one > other) - (one < other);
}

static int grant_case(struct store *store)
{
	static uint64_t took_ns[GRANTS];
	for (int i = 0; i < GRANTS; i++) {
		struct store_grant grant = {.tenant = "bench0",
					    .node = "bench",
					    .boot = "bench",
					    .account = ACCOUNT_CREDIT,
					    .wanted = 1000,
					    .comfort = 10000,
					    .now_ms = (int64_t)time(NULL) * 1000};
		uint64_t start_ns = clock_ns();
		int rc = store_grant(store, &grant);
		if (rc)
			return fail("grant", rc);
		took_ns[i] = clock_ns() - start_ns;
	}
	qsort(took_ns, GRANTS, sizeof(took_ns[0]), compare_ns);
	printf("%-10s grants: p50 %.2f ms, p99 %.2f ms, longest %.2f ms\n",
	       sql_kind(store_sql(store)) == SQL_SQLITE ? "sqlite" : "postgresql",
	       (double)took_ns[GRANTS / 2] / 1e6, (double)took_ns[GRANTS * 99 / 100] / 1e6,
	       (double)took_ns[GRANTS - 1] / 1e6);
	return 0;
}

int main(int argc, char **argv)
{
	static const unsigned int batches[] = {1, 16, BATCH_MAX};
	struct store *store;
	if (argc != 2) {
		fprintf(stderr,
			"usage: nn5g-bench-store URL\n"
			"  URL: sqlite:PATH or postgresql://..., a store to be thrown away\n");
		return 2;
	}
	log_init("nn5g-bench-store");
	int rc = store_open(argv[1], &store);
	if (rc)
		return fail("open", rc);
	rc = tenants_put(store);
	if (rc)
		rc = fail("tenants", rc);
	for (size_t i = 0; rc == 0 && i < sizeof(batches) / sizeof(batches[0]); i++)
		rc = commit_case(store, batches[i]);
	if (rc == 0)
		rc = grant_case(store);
	store_close(store);
	return rc;
}
