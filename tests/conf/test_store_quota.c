/* Grants on both databases: what is available, and what is given. */
#include "tests/conf/quota_fixture.h"

#include <errno.h>

#include <jansson.h>

#include "conf/store.h"

#define MINUTE_MS 60000

/* --- Limits */

static void a_limit_is_what_the_policy_says(enum sql_kind kind)
{
	static const struct {
		const char *budget;
		enum account account;
		int64_t topped_up_now, topped_up_before, used_now, used_before;
		int64_t available; /* INT64_MAX: unlimited */
		bool is_overdrawn;
	} rows[] = {
		{"{}", ACCOUNT_CREDIT, 0, 0, 5, 5, INT64_MAX, false},
		{"{}", ACCOUNT_CREDIT, 7, 7, 5, 5, INT64_MAX, false},
		{"{\"monthly_micros\": 100}", ACCOUNT_CREDIT, 0, 0, 30, 1000, 70, false},
		{"{\"monthly_micros\": 100}", ACCOUNT_CREDIT, 50, 500, 30, 1000, 120, false},
		{"{\"monthly_micros\": 0}", ACCOUNT_CREDIT, 0, 0, 0, 0, 0, false},
		{"{\"monthly_micros\": 100}", ACCOUNT_CREDIT, 0, 0, 130, 0, 0, true},
		{"{\"prepaid\": true}", ACCOUNT_CREDIT, 0, 0, 0, 0, 0, false},
		{"{\"prepaid\": true}", ACCOUNT_CREDIT, 50, 500, 30, 400, 120, false},
		{"{\"prepaid\": false}", ACCOUNT_CREDIT, 50, 500, 30, 400, INT64_MAX, false},
		/* both: the smaller, and top-ups count once */
		{"{\"prepaid\": true, \"monthly_micros\": 100}", ACCOUNT_CREDIT, 50, 500, 30, 400,
		 70, false},
		{"{\"prepaid\": true, \"monthly_micros\": 100}", ACCOUNT_CREDIT, 50, 400, 30, 400,
		 20, false},
		{"{\"video_minutes\": 2}", ACCOUNT_VIDEO, 0, 0, 30000, 1, 90000, false},
		{"{\"video_minutes\": 2}", ACCOUNT_VIDEO, 5, 7, 30000, 1, 90005, false},
		{"{\"video_minutes\": 2}", ACCOUNT_VOICE, 0, 0, 30000, 1, INT64_MAX, false},
		{"{\"video_minutes\": 2}", ACCOUNT_CREDIT, 0, 0, 30000, 1, INT64_MAX, false},
		{"{\"voice_minutes\": 9223372036854775807}", ACCOUNT_VOICE, 0, 0, 0, 0, INT64_MAX,
		 false},
	};
	struct store *store = open_new(kind);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *account = account_names[rows[i].account];
		tenant_put(store, "a", rows[i].budget);
		run(store, "DELETE FROM top_ups");
		run(store, "DELETE FROM meters");
		top_up(store, "a", account, rows[i].topped_up_now, "2025-11");
		top_up(store, "a", account, rows[i].topped_up_before, "2025-10");
		meter_set(store, account, "2025-11", rows[i].used_now);
		meter_set(store, account, "total", rows[i].used_now + rows[i].used_before);
		struct store_grant grant = ask("n1", 0, 0);
		grant.account = rows[i].account;
		CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
		CU_ASSERT_EQUAL(grant.is_unlimited, rows[i].available == INT64_MAX);
		CU_ASSERT_EQUAL(grant.available, rows[i].available);
		CU_ASSERT_EQUAL(grant.is_overdrawn, rows[i].is_overdrawn);
	}
	store_close(store);
}
ON_BOTH(a_limit_is_what_the_policy_says)

static void a_plans_budget_counts_unless_the_tenant_has_its_own(enum sql_kind kind)
{
	struct store *store = open_new(kind);
	run(store, "INSERT INTO plans (id, policy) VALUES ('p',"
		   " '{\"budget\": {\"monthly_micros\": 100, \"timezone\": \"Asia/Tokyo\"}}')");
	run(store, "INSERT INTO tenants (id, plan) VALUES ('a', 'p')");
	struct store_grant grant = ask("n1", 0, 0);
	CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
	CU_ASSERT_EQUAL(grant.available, 100);
	tenant_put(store, "a", "{\"monthly_micros\": 60}");
	CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
	CU_ASSERT_EQUAL(grant.available, 60);
	tenant_put(store, "a", "{\"monthly_micros\": null}");
	CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
	CU_ASSERT_TRUE(grant.is_unlimited);
	store_close(store);
}
ON_BOTH(a_plans_budget_counts_unless_the_tenant_has_its_own)

static void a_limit_that_cannot_be_read_grants_nothing(enum sql_kind kind)
{
	static const char *const budgets[] = {
		"{\"monthly_micros\": \"100\"}",
		"{\"monthly_micros\": -1}",
		"{\"monthly_micros\": 1.5}",
		"{\"prepaid\": 1}",
	};
	struct store *store = open_new(kind);
	struct store_grant grant = ask("n1", 10, 10);
	CU_ASSERT_EQUAL(store_grant(store, &grant), -ENOENT);
	for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		tenant_put(store, "a", budgets[i]);
		CU_ASSERT_EQUAL(store_grant(store, &grant), -EINVAL);
		CU_ASSERT_EQUAL(store_grant_look(store, &grant), -EINVAL);
	}
	store_close(store);
}
ON_BOTH(a_limit_that_cannot_be_read_grants_nothing)

static void months_are_those_of_the_tenant(void)
{
	static const struct {
		const char *budget;
		int64_t at_ms;
		const char *period;
	} rows[] = {
		{"{}", 0, "1970-01"},
		{"{}", -1, "1969-12"},
		{"{}", 1764547199999, "2025-11"}, /* 2025-11-30T23:59:59.999Z */
		{"{}", 1764547200000, "2025-12"},
		{"{\"timezone\": \"Asia/Tokyo\"}", 1764514799999, "2025-11"},
		{"{\"timezone\": \"Asia/Tokyo\"}", 1764514800000, "2025-12"},
		{"{\"timezone\": \"America/New_York\"}", 1764565199999, "2025-11"},
		{"{\"timezone\": \"America/New_York\"}", 1764565200000, "2025-12"},
		/* summer time: 2025-07-01T00:00 in Berlin is 22:00Z the day before */
		{"{\"timezone\": \"Europe/Berlin\"}", 1751320799999, "2025-06"},
		{"{\"timezone\": \"Europe/Berlin\"}", 1751320800000, "2025-07"},
		{"{\"timezone\": \"Mars/Olympus\"}", 1764547200000, "2025-12"},
	};
	struct store *store = open_new(SQL_SQLITE);
	char period[STORE_PERIOD_BYTES];
	CU_ASSERT_EQUAL(store_period(store, "a", 0, period), -ENOENT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		tenant_put(store, "a", rows[i].budget);
		CU_ASSERT_EQUAL(store_period(store, "a", rows[i].at_ms, period), 0);
		CU_ASSERT_STRING_EQUAL(period, rows[i].period);
	}
	store_close(store);
}

static void a_budget_is_told_by_account(enum sql_kind kind)
{
	struct store *store = open_new(kind);
	json_t *budget;
	CU_ASSERT_EQUAL(store_budget(store, "a", NOVEMBER_MS, &budget), -ENOENT);
	tenant_put(store, "a", "{\"monthly_micros\": 100, \"video_minutes\": 1}");
	top_up(store, "a", "credit", 20, "2025-11");
	meter_set(store, "credit", "2025-11", 30);
	meter_set(store, "credit", "total", 45);
	granted(store, "n1", 10, 10);
	CU_ASSERT_EQUAL_FATAL(store_budget(store, "a", NOVEMBER_MS, &budget), 0);
	json_t *wanted = json_loads(
		"{\"month\": \"2025-11\", \"accounts\": ["
		"{\"account\": \"credit\", \"limit\": 120, \"used_month\": 30, \"used_total\": 45,"
		" \"topped_up\": 20, \"outstanding\": 10, \"available\": 80},"
		"{\"account\": \"video\", \"limit\": 60000, \"used_month\": 0, \"used_total\": 0,"
		" \"topped_up\": 0, \"outstanding\": 0, \"available\": 60000},"
		"{\"account\": \"voice\", \"used_month\": 0, \"used_total\": 0, \"topped_up\": 0,"
		" \"outstanding\": 0}]}",
		0, NULL);
	CU_ASSERT_TRUE(json_equal(budget, wanted));
	json_decref(wanted);
	json_decref(budget);
	store_close(store);
}
ON_BOTH(a_budget_is_told_by_account)

/* --- Grants */

static void a_grant_leaves_something_for_others(enum sql_kind kind)
{
	static const struct {
		int64_t available, wanted, comfort, amount;
	} rows[] = {
		{1000, 10, 100, 100},     /* plenty: as much as is comfortable */
		{1000, 10, 900, 250},     /* a quarter of what is available */
		{1000, 400, 900, 400},    /* but at least what is wanted */
		{1000, 1500, 1500, 1000}, /* or what there is */
		{3, 1, 100, 1},           {3, 0, 100, 0}, {0, 1, 1, 0}, {1000, -5, -5, 0},
	};
	struct store *store = open_new(kind);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char budget[64];
		snprintf(budget, sizeof(budget), "{\"monthly_micros\": %d}",
			 (int)rows[i].available);
		tenant_put(store, "a", budget);
		run(store, "DELETE FROM grants");
		struct store_grant grant = granted(store, "n1", rows[i].wanted, rows[i].comfort);
		CU_ASSERT_EQUAL(grant.granted_total, rows[i].amount);
		CU_ASSERT_EQUAL(grant.available, rows[i].available - rows[i].amount);
		CU_ASSERT_EQUAL(grant.outstanding_elsewhere, 0);
		CU_ASSERT_FALSE(grant.is_overdrawn);
	}
	store_close(store);
}
ON_BOTH(a_grant_leaves_something_for_others)

static void totals_grow_by_node_and_boot(enum sql_kind kind)
{
	struct store *store = open_new(kind);
	tenant_put(store, "a", "{\"monthly_micros\": 1000}");
	CU_ASSERT_EQUAL(granted(store, "n1", 100, 0).granted_total, 100);
	CU_ASSERT_EQUAL(granted(store, "n1", 50, 0).granted_total, 150);
	struct store_grant other = granted(store, "n2", 200, 0);
	CU_ASSERT_EQUAL(other.granted_total, 200);
	CU_ASSERT_EQUAL(other.outstanding_elsewhere, 150);
	CU_ASSERT_EQUAL(other.available, 650);
	struct store_grant reborn = ask("n1", 0, 0);
	reborn.boot = "b2";
	CU_ASSERT_EQUAL(store_grant(store, &reborn), 0);
	CU_ASSERT_EQUAL(reborn.granted_total, 0);
	CU_ASSERT_EQUAL(reborn.available, 650); /* what the last boot held is not yet free */
	CU_ASSERT_EQUAL(store_grants_release(store, "n1", "b2"), 0);
	CU_ASSERT_EQUAL(store_grants_release(store, "n1", "b2"), 0);
	CU_ASSERT_EQUAL(store_grant_look(store, &reborn), 0);
	CU_ASSERT_EQUAL(reborn.available, 800);
	CU_ASSERT_EQUAL(reborn.outstanding_elsewhere, 200);
	store_close(store);
}
ON_BOTH(totals_grow_by_node_and_boot)

/* A control plane whose node is gone says late what the node had told it. */
static void an_earlier_boot_voids_nothing_of_a_later_one(enum sql_kind kind)
{
	struct store *store = open_new(kind);
	tenant_put(store, "a", "{\"monthly_micros\": 1000}");
	CU_ASSERT_EQUAL(store_node_put(store, "n1", "b1", NOVEMBER_MS, NULL), 0);
	CU_ASSERT_EQUAL(store_node_put(store, "n1", "b2", NOVEMBER_MS, NULL), 0);
	struct store_grant grant = ask("n1", 400, 0);
	grant.boot = "b2";
	CU_ASSERT_EQUAL(store_grant(store, &grant), 0);
	CU_ASSERT_EQUAL(store_grants_release(store, "n1", "b1"), 0);
	CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
	CU_ASSERT_EQUAL(grant.available, 600);
	store_close(store);
}
ON_BOTH(an_earlier_boot_voids_nothing_of_a_later_one)

static void what_is_returned_is_free_once(enum sql_kind kind)
{
	static const struct {
		int64_t returned_total, available;
	} rows[] = {{30, 930}, {30, 930}, {20, 930}, {60, 960}, {500, 1000}, {500, 1000}};
	struct store *store = open_new(kind);
	tenant_put(store, "a", "{\"monthly_micros\": 1000}");
	granted(store, "n1", 100, 0);
	struct store_grant grant = ask("n1", 0, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_EQUAL(store_grant_return(store, "a", "n1", "b1", ACCOUNT_CREDIT,
						   rows[i].returned_total),
				0);
		CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
		CU_ASSERT_EQUAL(grant.available, rows[i].available);
	}
	CU_ASSERT_EQUAL(store_grant_return(store, "a", "n9", "b1", ACCOUNT_CREDIT, 5), 0);
	store_close(store);
}
ON_BOTH(what_is_returned_is_free_once)

static void a_grant_that_never_arrived_is_taken_back(enum sql_kind kind)
{
	static const struct {
		int64_t told, granted; /* of 100 granted, 20 settled */
	} rows[] = {{100, 100}, {60, 60}, {10, 20}, {0, 20}, {150, 150}};
	struct store *store = open_new(kind);
	tenant_put(store, "a", "{\"monthly_micros\": 1000}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(store, "DELETE FROM grants");
		granted(store, "n1", 100, 0);
		CU_ASSERT_EQUAL(store_grant_return(store, "a", "n1", "b1", ACCOUNT_CREDIT, 20), 0);
		CU_ASSERT_EQUAL(
			store_grant_reconcile(store, "a", "n1", "b1", ACCOUNT_CREDIT, rows[i].told),
			0);
		struct store_grant grant = ask("n1", 0, 0);
		CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
		CU_ASSERT_EQUAL(grant.granted_total, rows[i].granted);
	}
	/* A tenant that is gone is no error. */
	CU_ASSERT_EQUAL(store_grant_reconcile(store, "z", "n1", "b1", ACCOUNT_CREDIT, 5), 0);
	store_close(store);
}
ON_BOTH(a_grant_that_never_arrived_is_taken_back)

static void a_lowered_limit_is_overdrawn_until_it_is_returned(enum sql_kind kind)
{
	struct store *store = open_new(kind);
	tenant_put(store, "a", "{\"monthly_micros\": 1000}");
	granted(store, "n1", 600, 0);
	tenant_put(store, "a", "{\"monthly_micros\": 500}");
	struct store_grant grant = granted(store, "n1", 10, 10);
	CU_ASSERT_TRUE(grant.is_overdrawn);
	CU_ASSERT_EQUAL(grant.available, 0);
	CU_ASSERT_EQUAL(grant.granted_total, 600);
	CU_ASSERT_EQUAL(store_grant_return(store, "a", "n1", "b1", ACCOUNT_CREDIT, 100), 0);
	CU_ASSERT_EQUAL(store_grant_look(store, &grant), 0);
	CU_ASSERT_FALSE(grant.is_overdrawn);
	store_close(store);
}
ON_BOTH(a_lowered_limit_is_overdrawn_until_it_is_returned)

/* --- Recalls */

struct told {
	char text[256];
};

static void tell_holder(void *context, const char *holder)
{
	struct told *told = context;
	strcat(told->text, holder);
	strcat(told->text, " ");
}

static void tell_recall(void *context, const struct store_recall *recall)
{
	struct told *told = context;
	size_t n = strlen(told->text);
	snprintf(told->text + n, sizeof(told->text) - n, "%s/%s %s wants %d of %d; ",
		 recall->tenant, account_names[recall->account], recall->node, (int)recall->amount,
		 (int)recall->held);
}

static void wishes_reach_those_who_hold_something(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct store *one, *two;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &one), 0);
	CU_ASSERT_EQUAL_FATAL(store_open(url, &two), 0);
	tenant_put(one, "a", "{\"monthly_micros\": 100}");
	granted(one, "n1", 60, 0);
	granted(two, "n2", 40, 0);
	struct told told = {""};
	CU_ASSERT_EQUAL(store_grant_holders(one, "a", ACCOUNT_CREDIT, "n1", tell_holder, &told), 0);
	CU_ASSERT_STRING_EQUAL(told.text, "n2 ");

	while (sql_changed(store_sql(two)))
		continue;
	CU_ASSERT_EQUAL(store_recall_wish(one, "a", ACCOUNT_CREDIT, "n1", 15, NOVEMBER_MS), 0);
	CU_ASSERT_TRUE(store_fixture_changed(store_sql(two)));
	told.text[0] = '\0';
	CU_ASSERT_EQUAL(store_recalls(two, "n2", NOVEMBER_MS, tell_recall, &told), 0);
	CU_ASSERT_STRING_EQUAL(told.text, "a/credit n1 wants 15 of 40; ");
	told.text[0] = '\0';
	CU_ASSERT_EQUAL(store_recalls(one, "n1", NOVEMBER_MS, tell_recall, &told), 0);
	CU_ASSERT_EQUAL(store_recalls(one, "n3", NOVEMBER_MS, tell_recall, &told), 0);
	CU_ASSERT_EQUAL(store_recalls(two, "n2", NOVEMBER_MS + STORE_RECALL_MS, tell_recall, &told),
			0);
	CU_ASSERT_STRING_EQUAL(told.text, "");

	while (sql_changed(store_sql(one)))
		continue;
	CU_ASSERT_EQUAL(store_grant_return(two, "a", "n2", "b1", ACCOUNT_CREDIT, 15), 0);
	CU_ASSERT_TRUE(store_fixture_changed(store_sql(one)));
	CU_ASSERT_EQUAL(granted(one, "n1", 15, 0).granted_total, 75);
	CU_ASSERT_EQUAL(store_recall_done(one, "a", ACCOUNT_CREDIT, "n1"), 0);
	CU_ASSERT_EQUAL(store_recalls(two, "n2", NOVEMBER_MS, tell_recall, &told), 0);
	CU_ASSERT_STRING_EQUAL(told.text, "");
	store_close(two);
	store_close(one);
}
ON_BOTH(wishes_reach_those_who_hold_something)

static CU_TestInfo tests[] = {
	ROWS_OF(a_limit_is_what_the_policy_says),
	ROWS_OF(a_plans_budget_counts_unless_the_tenant_has_its_own),
	ROWS_OF(a_limit_that_cannot_be_read_grants_nothing),
	{"months_are_those_of_the_tenant", months_are_those_of_the_tenant},
	ROWS_OF(a_budget_is_told_by_account),
	ROWS_OF(a_grant_leaves_something_for_others),
	ROWS_OF(totals_grow_by_node_and_boot),
	ROWS_OF(an_earlier_boot_voids_nothing_of_a_later_one),
	ROWS_OF(what_is_returned_is_free_once),
	ROWS_OF(a_grant_that_never_arrived_is_taken_back),
	ROWS_OF(a_lowered_limit_is_overdrawn_until_it_is_returned),
	ROWS_OF(wishes_reach_those_who_hold_something),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("store_quota", tests, store_fixture_start, store_fixture_stop)
