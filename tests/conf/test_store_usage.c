/* Usage commits on both databases: each record once, whatever is repeated, mixed or interrupted.
 * THREADED: nodes that report at once. */
#include "tests/conf/store_ledger_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <jansson.h>

static struct store *open_with_tenants(enum sql_kind kind)
{
	struct store *store = store_fixture_open(kind);
	store_fixture_run(store, "INSERT INTO tenants (id) VALUES ('a'), ('b')");
	return store;
}

static void expect_sound(struct store *store, const char *tenant, uint64_t rows)
{
	uint64_t size;
	CU_ASSERT_EQUAL(ledger_fixture_faults(store, tenant, NULL, &size), 0);
	CU_ASSERT_EQUAL(size, rows);
}

/* --- One record */

static int take_row(void *context, const struct ledger_row *row)
{
	*(struct ledger_row *)context = *row;
	return 0;
}

static void a_record_is_a_row_a_meter_and_a_settled_grant(enum sql_kind kind)
{
	struct store *store = open_with_tenants(kind);
	struct store_grant grant = {.tenant = "a",
				    .node = "n1",
				    .boot = "b1",
				    .account = ACCOUNT_CREDIT,
				    .wanted = 50000,
				    .now_ms = NOVEMBER_MS};
	store_fixture_run(store, "UPDATE tenants SET policy ="
				 " '{\"budget\": {\"monthly_micros\": 100000}}'");
	CU_ASSERT_EQUAL(store_grant(store, &grant), 0);
	struct usage_record record = usage_fixture("a", 7, 20001);
	record.cost_micros = 20001;
	enum store_verdict verdict = STORE_REFUSED;
	CU_ASSERT_EQUAL(store_usage_commit(store, &record, 1, &verdict), 0);
	CU_ASSERT_EQUAL(verdict, STORE_COMMITTED);

	struct ledger_row row = {.sequence = -1};
	CU_ASSERT_EQUAL(store_ledger_rows(store, "a", 0, take_row, &row), 0);
	CU_ASSERT_EQUAL(row.sequence, 0);
	CU_ASSERT_EQUAL(memcmp(&row.usage, &record, sizeof(record)), 0);
	CU_ASSERT_EQUAL(row.creator_micros, 11000); /* 55 %, rounded down */
	CU_ASSERT_EQUAL(row.platform_micros, 9001);
	expect_sound(store, "a", 1);

	static const struct {
		const char *statement;
		int64_t number;
	} rows[] = {
		{"SELECT count(*) FROM audit_logs WHERE id = 'a:s:1:7' AND session = 's' AND"
		 " epoch = 1 AND unit = 'minute_unit' AND kind = 'video' AND quantity_ms = 20001 "
		 "AND"
		 " cost_micros = 20001 AND creator_micros = 11000 AND platform_micros = 9001 AND"
		 " provider_id = 'whip:live' AND slice = 'gold' AND node = 'n1' AND"
		 " opened_at = 1763000000000 AND closed_at = 1763000020001",
		 1},
		{"SELECT count(*) FROM meters", 4},
		{"SELECT used FROM meters WHERE account = 'credit' AND period = '2025-11'", 20001},
		{"SELECT used FROM meters WHERE account = 'credit' AND period = 'total'", 20001},
		{"SELECT used FROM meters WHERE account = 'video' AND period = '2025-11'", 20001},
		{"SELECT used FROM meters WHERE account = 'video' AND period = 'total'", 20001},
		{"SELECT settled FROM grants", 20001},
		{"SELECT granted FROM grants", 50000},
		{"SELECT size FROM ledgers WHERE tenant = 'a'", 1},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CU_ASSERT_EQUAL(store_fixture_number(store, rows[i].statement), rows[i].number);
	CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
	CU_ASSERT_EQUAL(grant.available, 50000);
	store_close(store);
}
ON_BOTH(a_record_is_a_row_a_meter_and_a_settled_grant)

static void units_charge_their_accounts(enum sql_kind kind)
{
	static const struct {
		enum usage_unit unit;
		enum usage_kind kind;
		int64_t quantity_ms, price_micros;
		int64_t credit, video, voice; /* used in all after it */
	} rows[] = {
		{USAGE_MINUTE, USAGE_VIDEO, 60000, 20, 20, 60000, 0},
		{USAGE_MINUTE, USAGE_VOICE, 90000, 10, 35, 60000, 90000},
		{USAGE_TOKEN, USAGE_NO_KIND, 1500, 100, 185, 60000, 90000},
		{USAGE_INTERACTION, USAGE_NO_KIND, 1000, 7, 192, 60000, 90000},
		{USAGE_MINUTE, USAGE_VIDEO, 1, 0, 192, 60001, 90000}, /* free, but counted */
	};
	struct store *store = open_with_tenants(kind);
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct usage_record record = usage_fixture("a", i, rows[i].quantity_ms);
		record.unit = rows[i].unit;
		record.kind = rows[i].kind;
		record.price_micros = rows[i].price_micros;
		enum store_verdict verdict;
		CU_ASSERT_EQUAL(store_usage_commit(store, &record, 1, &verdict), 0);
		static const char used[] =
			"SELECT COALESCE(SUM(used), 0) FROM meters WHERE period = 'total' AND ";
		char statement[128];
		const int64_t expected[] = {rows[i].credit, rows[i].video, rows[i].voice};
		for (int account = 0; account < ACCOUNTS; account++) {
			snprintf(statement, sizeof(statement), "%saccount = '%s'", used,
				 account_names[account]);
			CU_ASSERT_EQUAL(store_fixture_number(store, statement), expected[account]);
		}
	}
	store_close(store);
}
ON_BOTH(units_charge_their_accounts)

static void usage_counts_in_the_month_it_was_closed(enum sql_kind kind)
{
	struct store *store = open_with_tenants(kind);
	store_fixture_run(store, "UPDATE tenants SET policy ="
				 " '{\"budget\": {\"timezone\": \"Asia/Tokyo\"}}' WHERE id = 'a'");
	struct usage_record records[] = {usage_fixture("a", 0, 5), usage_fixture("a", 1, 7),
					 usage_fixture("b", 0, 9)};
	records[0].closed_at_ms = 1764514799999; /* 2025-11-30T23:59:59.999+09:00 */
	records[1].closed_at_ms = records[2].closed_at_ms = 1764514800000;
	enum store_verdict verdicts[3];
	CU_ASSERT_EQUAL(store_usage_commit(store, records, 3, verdicts), 0);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT used FROM meters WHERE tenant = 'a' AND"
						    " period = '2025-11' AND account = 'video'"),
			5);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT used FROM meters WHERE tenant = 'a' AND"
						    " period = '2025-12' AND account = 'video'"),
			7);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT used FROM meters WHERE tenant = 'b' AND"
						    " period = '2025-11' AND account = 'video'"),
			9);
	store_close(store);
}
ON_BOTH(usage_counts_in_the_month_it_was_closed)

static void a_grant_is_settled_to_its_end_and_no_further(enum sql_kind kind)
{
	struct store *store = open_with_tenants(kind);
	store_fixture_run(store,
			  "INSERT INTO grants (tenant, node, boot, account, granted) VALUES"
			  " ('a', 'n1', 'b1', 'credit', 10), ('a', 'n1', 'b2', 'credit', 10),"
			  " ('a', 'n2', 'b1', 'credit', 10), ('b', 'n1', 'b1', 'credit', 10),"
			  " ('a', 'n1', 'b1', 'voice', 10)");
	struct usage_record records[] = {usage_fixture("a", 0, 6), usage_fixture("a", 1, 7)};
	enum store_verdict verdicts[2];
	CU_ASSERT_EQUAL(store_usage_commit(store, records, 2, verdicts), 0);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT settled FROM grants WHERE tenant = 'a'"
						    " AND node = 'n1' AND boot = 'b1'"
						    " AND account = 'credit'"),
			10);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT SUM(settled) FROM grants"), 10);
	store_close(store);
}
ON_BOTH(a_grant_is_settled_to_its_end_and_no_further)

/* --- Batches */

/* An account that had no limit when it was used, and has one by the time that is reported: what was
 * granted since is still out, all of it. */
static void what_no_grant_paid_for_settles_none(enum sql_kind kind)
{
	struct store *store = open_with_tenants(kind);
	struct store_grant grant = {.tenant = "a",
				    .node = "n1",
				    .boot = "b1",
				    .account = ACCOUNT_VIDEO,
				    .wanted = 50000,
				    .now_ms = NOVEMBER_MS};
	store_fixture_run(store, "UPDATE tenants SET policy ="
				 " '{\"budget\": {\"video_minutes\": 2}}'");
	CU_ASSERT_EQUAL(store_grant(store, &grant), 0);
	struct usage_record record = usage_fixture("a", 7, 30000);
	record.ungranted = 1u << ACCOUNT_VIDEO;
	enum store_verdict verdict = STORE_REFUSED;
	CU_ASSERT_EQUAL(store_usage_commit(store, &record, 1, &verdict), 0);
	CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
	CU_ASSERT_EQUAL(grant.available, 120000 - 30000 - 50000);
	expect_sound(store, "a", 1);
	store_close(store);
}
ON_BOTH(what_no_grant_paid_for_settles_none)

static void a_batch_is_sorted_into_its_ledgers(enum sql_kind kind)
{
	enum { N = 256 };
	static struct usage_record records[N];
	enum store_verdict verdicts[N];
	struct store *store = open_with_tenants(kind);
	for (uint32_t i = 0; i < N; i++)
		records[i] = usage_fixture(i % 3 ? "a" : "b", i, 1 + i);
	CU_ASSERT_EQUAL(store_usage_commit(store, records, N, verdicts), 0);
	for (uint32_t i = 0; i < N; i++)
		CU_ASSERT_EQUAL(verdicts[i], STORE_COMMITTED);
	expect_sound(store, "a", N - (N + 2) / 3);
	expect_sound(store, "b", (N + 2) / 3);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT SUM(used) FROM meters WHERE period ="
						    " 'total' AND account = 'credit'"),
			(int64_t)N * (N + 1) / 2);
	/* All of it again: an acknowledgement was lost. */
	CU_ASSERT_EQUAL(store_usage_commit(store, records, N, verdicts), 0);
	for (uint32_t i = 0; i < N; i++)
		CU_ASSERT_EQUAL(verdicts[i], STORE_DUPLICATE);
	/* One of them comes from another node, which has set credit aside for it in vain. */
	struct usage_record twin = records[0];
	strcpy(twin.boot, "another");
	CU_ASSERT_EQUAL(store_usage_commit(store, &twin, 1, verdicts), 0);
	CU_ASSERT_EQUAL(verdicts[0], STORE_ELSEWHERE);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT count(*) FROM audit_logs"), N);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT SUM(used) FROM meters WHERE period ="
						    " 'total' AND account = 'credit'"),
			(int64_t)N * (N + 1) / 2);
	expect_sound(store, "a", N - (N + 2) / 3);
	store_close(store);
}
ON_BOTH(a_batch_is_sorted_into_its_ledgers)

static void each_record_has_its_verdict(enum sql_kind kind)
{
	struct usage_record records[] = {
		usage_fixture("b", 0, 5),      usage_fixture("nobody", 0, 5),
		usage_fixture("a", 0, 5),      usage_fixture("a", 0, 5), /* the same again */
		usage_fixture("a", 1, 0),                                /* nothing */
		usage_fixture("nobody", 1, 0), usage_fixture("a", 2, 5),
		usage_fixture("a", 3, -1),     usage_fixture("a", 4, 5),
	};
	static const enum store_verdict expected[] = {
		STORE_COMMITTED, STORE_REFUSED,   STORE_COMMITTED, STORE_DUPLICATE, STORE_COMMITTED,
		STORE_COMMITTED, STORE_COMMITTED, STORE_REFUSED,   STORE_REFUSED};
	enum { N = sizeof(records) / sizeof(records[0]) };
	strcpy(records[N - 1].provider_id, "\xff\xfe"); /* no UTF-8 */
	enum store_verdict verdicts[N];
	struct store *store = open_with_tenants(kind);
	CU_ASSERT_EQUAL(store_usage_commit(store, records, N, verdicts), 0);
	for (size_t i = 0; i < N; i++)
		CU_ASSERT_EQUAL(verdicts[i], expected[i]);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT count(*) FROM audit_logs"), 3);
	expect_sound(store, "a", 2);
	expect_sound(store, "b", 1);
	CU_ASSERT_EQUAL(store_usage_commit(store, records, 0, verdicts), 0);
	store_close(store);
}
ON_BOTH(each_record_has_its_verdict)

static void sums_are_by_unit_kind_and_provider(enum sql_kind kind)
{
	struct store *store = open_with_tenants(kind);
	struct usage_record records[] = {usage_fixture("a", 0, 100), usage_fixture("a", 1, 50),
					 usage_fixture("a", 2, 1000), usage_fixture("a", 3, 7),
					 usage_fixture("b", 4, 7)};
	records[2].unit = USAGE_TOKEN;
	records[2].kind = USAGE_NO_KIND;
	records[2].price_micros = 9;
	records[3].closed_at_ms = NOVEMBER_MS + 5000;
	enum store_verdict verdicts[5];
	CU_ASSERT_EQUAL(store_usage_commit(store, records, 5, verdicts), 0);
	json_t *sums;
	CU_ASSERT_EQUAL_FATAL(store_usage_sums(store, "a", NOVEMBER_MS, NOVEMBER_MS + 5000, &sums),
			      0);
	json_t *wanted = json_loads(
		"{\"rows\": 3, \"cost_micros\": 159, \"creator_micros\": 86,"
		" \"platform_micros\": 73, \"usage\": ["
		"{\"unit\": \"minute_unit\", \"kind\": \"video\", \"provider_id\": \"whip:live\","
		" \"rows\": 2, \"quantity_ms\": 150, \"cost_micros\": 150, \"creator_micros\": 82,"
		" \"platform_micros\": 68},"
		"{\"unit\": \"token_unit\", \"kind\": \"\", \"provider_id\": \"whip:live\","
		" \"rows\": 1, \"quantity_ms\": 1000, \"cost_micros\": 9, \"creator_micros\": 4,"
		" \"platform_micros\": 5}]}",
		0, NULL);
	CU_ASSERT_TRUE(json_equal(sums, wanted));
	json_decref(wanted);
	json_decref(sums);
	store_close(store);
}
ON_BOTH(sums_are_by_unit_kind_and_provider)

/* --- When things go wrong */

static void a_full_disk_commits_nothing_and_loses_nothing(void)
{
	enum { N = 200 };
	static struct usage_record records[N];
	enum store_verdict verdicts[N];
	struct store *store = open_with_tenants(SQL_SQLITE);
	for (uint32_t i = 0; i < N; i++)
		records[i] = usage_fixture("a", i, 5);
	int64_t pages = store_fixture_number(store, "PRAGMA page_count");
	char pragma[64];
	snprintf(pragma, sizeof(pragma), "PRAGMA max_page_count = %d", (int)pages + 8);
	CU_ASSERT_EQUAL(sql_script(store_sql(store), pragma), 0);
	CU_ASSERT_EQUAL(store_usage_commit(store, records, N, verdicts), -ENOSPC);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT count(*) FROM audit_logs"), 0);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT count(*) FROM meters"), 0);
	CU_ASSERT_EQUAL(sql_script(store_sql(store), "PRAGMA max_page_count = 100000"), 0);
	CU_ASSERT_EQUAL(store_usage_commit(store, records, N, verdicts), 0);
	expect_sound(store, "a", N);
	store_close(store);
}

/* Reports all records of `tenants` again and again until each was acknowledged, as a node does. */
struct reporter {
	const char *url;
	const struct usage_record *records;
	unsigned int n;
	bool is_backwards;
	int rc;
	unsigned int committed, lost;
	const _Atomic bool *is_over; /* NULL: once will do */
};

static int report_all(struct store *store, struct reporter *reporter)
{
	enum { BATCH = 7 };
	for (unsigned int at = 0; at < reporter->n; at += BATCH) {
		unsigned int n = reporter->n - at < BATCH ? reporter->n - at : BATCH;
		unsigned int first = reporter->is_backwards ? reporter->n - at - n : at;
		enum store_verdict verdicts[BATCH];
		int rc = store_usage_commit(store, reporter->records + first, n, verdicts);
		for (unsigned int i = 0; rc == 0 && i < n; i++)
			reporter->committed += verdicts[i] == STORE_COMMITTED;
		while (rc == -ENOTCONN) {
			const struct timespec backoff = {.tv_nsec = 10000000};
			reporter->lost++;
			nanosleep(&backoff, NULL);
			rc = store_reconnect(store) == 0 ? -EAGAIN : -ENOTCONN;
		}
		if (rc == -EAGAIN)
			at -= BATCH;
		else if (rc)
			return rc;
	}
	return 0;
}

static void *report(void *context)
{
	struct reporter *reporter = context;
	struct store *store;
	reporter->rc = store_open(reporter->url, &store);
	if (reporter->rc)
		return NULL;
	do {
		reporter->rc = report_all(store, reporter);
	} while (reporter->rc == 0 && reporter->is_over && !atomic_load(reporter->is_over));
	store_close(store);
	return NULL;
}

#define REPORTED 210

static void fill_reported(struct usage_record records[REPORTED])
{
	for (uint32_t i = 0; i < REPORTED; i++)
		records[i] = usage_fixture(i % 2 ? "a" : "b", i, 1 + i);
}

static void expect_each_once(struct store *store)
{
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT count(*) FROM audit_logs"), REPORTED);
	CU_ASSERT_EQUAL(store_fixture_number(store, "SELECT SUM(used) FROM meters WHERE period ="
						    " 'total' AND account = 'credit'"),
			(int64_t)REPORTED * (REPORTED + 1) / 2);
	expect_sound(store, "a", REPORTED / 2);
	expect_sound(store, "b", REPORTED / 2);
}

static void reports_that_meet_commit_each_record_once(enum sql_kind kind)
{
	static struct usage_record records[REPORTED];
	const char *url = store_fixture_url(kind);
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	store_fixture_run(store, "INSERT INTO tenants (id) VALUES ('a'), ('b')");
	fill_reported(records);
	struct reporter reporters[3];
	pthread_t threads[3];
	for (int i = 0; i < 3; i++) {
		reporters[i] = (struct reporter){
			.url = url, .records = records, .n = REPORTED, .is_backwards = i == 1};
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, report, &reporters[i]), 0);
	}
	unsigned int committed = 0;
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(reporters[i].rc, 0);
		committed += reporters[i].committed;
	}
	CU_ASSERT_EQUAL(committed, REPORTED);
	expect_each_once(store);
	store_close(store);
}
ON_BOTH(reports_that_meet_commit_each_record_once)

static void a_killed_server_has_each_record_once(void)
{
	static struct usage_record records[REPORTED];
	const char *url = store_fixture_url(SQL_POSTGRES);
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	store_fixture_run(store, "INSERT INTO tenants (id) VALUES ('a'), ('b')");
	fill_reported(records);
	_Atomic bool is_over = false;
	struct reporter reporter = {
		.url = url, .records = records, .n = REPORTED, .is_over = &is_over};
	pthread_t thread;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, report, &reporter), 0);
	for (int kill = 0; kill < 3; kill++) {
		CU_ASSERT_TRUE_FATAL(postgres_fixture_kill());
		CU_ASSERT_TRUE_FATAL(postgres_fixture_restart());
	}
	atomic_store(&is_over, true);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(reporter.rc, 0);
	CU_ASSERT_TRUE(reporter.lost > 0);
	CU_ASSERT_EQUAL(sql_run(store_sql(store), "SELECT 1", NULL, 0, NULL, NULL), -ENOTCONN);
	CU_ASSERT_EQUAL(store_reconnect(store), 0);
	expect_each_once(store);
	store_close(store);
}

static CU_TestInfo tests[] = {
	ROWS_OF(a_record_is_a_row_a_meter_and_a_settled_grant),
	ROWS_OF(units_charge_their_accounts),
	ROWS_OF(usage_counts_in_the_month_it_was_closed),
	ROWS_OF(a_grant_is_settled_to_its_end_and_no_further),
	ROWS_OF(what_no_grant_paid_for_settles_none),
	ROWS_OF(a_batch_is_sorted_into_its_ledgers),
	ROWS_OF(each_record_has_its_verdict),
	ROWS_OF(sums_are_by_unit_kind_and_provider),
	{"a_full_disk_commits_nothing_and_loses_nothing",
	 a_full_disk_commits_nothing_and_loses_nothing},
	ROWS_OF(reports_that_meet_commit_each_record_once),
	{"a_killed_server_has_each_record_once", a_killed_server_has_each_record_once},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("store_usage", tests, store_fixture_start, store_fixture_stop)
