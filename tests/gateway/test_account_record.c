/* Usage records of a session: checkpoints, hours, changes of price and limits, admission. THREADED:
 * the journal is. */
#include <errno.h>

#include "tests/gateway/account_fixture.h"

#define VIDEO 1u
#define VOICE 2u
#define S     1000000000ull

static struct usage_record records[64];

static void nothing_used_leaves_no_record(void)
{
	fixture_start("{\"prices\": {\"video_micros\": 20000}}");
	struct fixture_player *player = fixture_view(VIDEO | VOICE);
	fixture_play(1);
	fixture_leave(player);
	CU_ASSERT_EQUAL(fixture_records(records, 64), 0);
	fixture_stop();
}

static void checkpoints_grow_until_the_end(void)
{
	fixture_start("{}");
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(4 * S);
	CU_ASSERT_EQUAL(journal_counters(fixture.node.journal).written, 0);
	fixture_play(2 * S);
	CU_ASSERT_EQUAL(fixture_records(records, 64), 0);
	CU_ASSERT(journal_has(fixture.node.journal, "demo:session0:1:0"));
	fixture_play(20 * S);
	fixture_leave(player);
	CU_ASSERT_EQUAL(fixture_records(records, 64), 1);
	CU_ASSERT(records[0].quantity_ms > 25900);
	CU_ASSERT_STRING_EQUAL(records[0].id, "demo:session0:1:0");
	fixture_stop();
}

/* Ten hours and a bit: the parts add up, each is an hour long, and their costs are covered. */
static void an_hour_closes_a_record(void)
{
	int64_t quantity_ms = 0, cost_micros = 0;
	fixture_start("{\"prices\": {\"video_micros\": 12347}, \"budget\": {\"prepaid\": true}}");
	fixture.available[ACCOUNT_CREDIT] = 100000000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(36100 * S);
	uint64_t used_ns = meter_used_ns(&player->session.transport->meter, METER_VIDEO);
	fixture_leave(player);
	unsigned int n = fixture_records(records, 64);
	CU_ASSERT_EQUAL_FATAL(n, 11);
	for (unsigned int i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(records[i].sequence, i);
		if (i + 1 < n) {
			CU_ASSERT_EQUAL(records[i].closed_at_ms - records[i].opened_at_ms, 3600000);
			CU_ASSERT_EQUAL(records[i + 1].opened_at_ms, records[i].closed_at_ms);
		}
		CU_ASSERT_EQUAL(records[i].cost_micros,
				usage_cost(USAGE_MINUTE, records[i].quantity_ms, 12347));
		quantity_ms += records[i].quantity_ms;
		cost_micros += records[i].cost_micros;
	}
	CU_ASSERT_EQUAL(quantity_ms, (int64_t)(used_ns / 1000000));
	CU_ASSERT_EQUAL(fixture.tenant.quotas[ACCOUNT_CREDIT].used_total, cost_micros);
	fixture_stop();
}

static void a_new_price_opens_a_new_record(void)
{
	fixture_start("{\"prices\": {\"video_micros\": 60000}, \"budget\": {\"prepaid\": true}}");
	fixture.available[ACCOUNT_CREDIT] = 1000000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(30 * S);
	fixture_policy("{\"prices\": {\"video_micros\": 120000}, \"budget\": {\"prepaid\": true}}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_pump();
	fixture_play(30 * S);
	CU_ASSERT_EQUAL(player->session.account->fallen, 0);
	fixture_leave(player);
	CU_ASSERT_EQUAL(fixture_records(records, 64), 2);
	CU_ASSERT_EQUAL(records[0].price_micros, 60000);
	CU_ASSERT_EQUAL(records[1].price_micros, 120000);
	CU_ASSERT_EQUAL(records[0].cost_micros, records[0].quantity_ms);
	CU_ASSERT_EQUAL(records[1].cost_micros, records[1].quantity_ms * 2);
	CU_ASSERT_EQUAL(fixture.tenant.quotas[ACCOUNT_CREDIT].used_total,
			records[0].cost_micros + records[1].cost_micros);
	fixture_stop();
}

static void another_split_opens_a_new_record(void)
{
	fixture_start("{\"split\": \"imvu\"}");
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(10 * S);
	fixture_policy("{\"split\": \"mini_platform\"}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_play(10 * S);
	/* Nothing changed: nothing is opened. */
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_leave(player);
	CU_ASSERT_EQUAL(fixture_records(records, 64), 2);
	CU_ASSERT_STRING_EQUAL(records[0].split, "imvu");
	CU_ASSERT_STRING_EQUAL(records[1].split, "mini_platform");
	fixture_stop();
}

static void a_limit_that_comes_later_is_kept(void)
{
	fixture_start("{}");
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(10 * S);
	fixture_policy("{\"budget\": {\"video_minutes\": 1}}");
	fixture.available[ACCOUNT_VIDEO] = 20000;
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_pump();
	fixture_play(60 * S);
	CU_ASSERT_EQUAL(player->session.account->fallen, VIDEO);
	fixture_leave(player);
	CU_ASSERT_EQUAL(fixture_records(records, 64), 2);
	CU_ASSERT_EQUAL(records[1].quantity_ms, 20000);
	fixture_stop();
}

static void a_limit_that_goes_is_forgotten(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 1}}");
	fixture.available[ACCOUNT_VIDEO] = 5000;
	struct fixture_player *player = fixture_view(VIDEO | VOICE);
	fixture_play(10 * S);
	CU_ASSERT_EQUAL(player->session.account->fallen, VIDEO);
	fixture_policy("{}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_pump();
	CU_ASSERT_EQUAL(player->session.account->fallen, 0);
	fixture_play(100 * S);
	CU_ASSERT_FALSE(meter_is_stopped(&player->session.transport->meter, METER_VIDEO));
	fixture_stop();
}

/* Without a limit nothing was granted, so nothing is to be settled against a grant either: what the
 * tenant was granted before and has in hand is still that much. */
static void without_a_limit_no_grant_is_drawn_on(void)
{
	static const char limited[] = "{\"prices\": {\"video_micros\": 60000},"
				      " \"budget\": {\"monthly_micros\": 100000}}";
	fixture_start(limited);
	fixture.available[ACCOUNT_CREDIT] = 100000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(10 * S);
	fixture_policy("{\"prices\": {\"video_micros\": 60000}}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_play(10 * S);
	fixture_policy(limited);
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_pump();
	fixture_play(10 * S);
	fixture_leave(player);
	CU_ASSERT_EQUAL_FATAL(fixture_records(records, 64), 3);
	const char *boot = journal_boot(fixture.node.journal);
	CU_ASSERT_STRING_EQUAL(records[0].boot, boot);
	CU_ASSERT_EQUAL(records[0].ungranted, 1u << ACCOUNT_VIDEO); /* has no limit of minutes */
	CU_ASSERT_STRING_EQUAL(records[1].boot, "");
	CU_ASSERT_STRING_EQUAL(records[2].boot, boot);
	CU_ASSERT_EQUAL(fixture.tenant.quotas[ACCOUNT_CREDIT].used_total,
			records[0].cost_micros + records[2].cost_micros);
	fixture_stop();
}

/* Who pays is the policy's, also for those that are in: what was used before stays as it was. */
static void who_is_billed_may_change(void)
{
	fixture_start("{\"billed\": \"publish\", \"budget\": {\"video_minutes\": 1}}");
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(30 * S);
	fixture_policy("{\"billed\": \"play\", \"budget\": {\"video_minutes\": 1}}");
	fixture.available[ACCOUNT_VIDEO] = 20000;
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_pump();
	fixture_play(60 * S);
	CU_ASSERT_EQUAL(player->session.account->fallen, VIDEO);
	fixture_policy("{\"billed\": \"publish\", \"budget\": {\"video_minutes\": 1}}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_pump();
	CU_ASSERT_EQUAL(player->session.account->fallen, 0);
	CU_ASSERT_EQUAL(fixture.tenant.quotas[ACCOUNT_VIDEO].lent, 0);
	fixture_play(60 * S);
	CU_ASSERT_FALSE(meter_is_stopped(&player->session.transport->meter, METER_VIDEO));
	fixture_leave(player);
	CU_ASSERT_EQUAL_FATAL(fixture_records(records, 64), 1);
	CU_ASSERT_EQUAL(records[0].quantity_ms, 20000);
	fixture_stop();
}

/* Between a counter-offer and its answer the tenant may change: its session is of the present
 * price, and within the present limit. */
static void a_change_ahead_of_the_session_is_kept(void)
{
	struct account_session *account;
	fixture_start("{\"prices\": {\"video_micros\": 60000}}");
	CU_ASSERT_EQUAL_FATAL(fixture_open(false, &account), 0);
	fixture_policy("{\"prices\": {\"video_micros\": 60000}, \"budget\": {\"prepaid\": true},"
		       " \"ladder\": {\"credit_out\": \"text\"}}");
	fixture.available[ACCOUNT_CREDIT] = 20000;
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	struct fixture_player *player = fixture_bind(account, SESSION_VIEWER, VIDEO);
	fixture_play(60 * S);
	CU_ASSERT_EQUAL(player->session.account->fallen, VIDEO);
	fixture_leave(player);
	CU_ASSERT_EQUAL_FATAL(fixture_open(false, &account), -EDQUOT);
	fixture.available[ACCOUNT_CREDIT] = 20000;
	fixture.now_ns += 2 * S;
	CU_ASSERT_EQUAL_FATAL(fixture_open(false, &account), 0);
	fixture_policy("{\"prices\": {\"video_micros\": 120000}, \"budget\": {\"prepaid\": true},"
		       " \"ladder\": {\"credit_out\": \"text\"}}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	player = fixture_bind(account, SESSION_VIEWER, VIDEO);
	fixture_play(60 * S);
	fixture_leave(player);
	CU_ASSERT(quota_free(&fixture.tenant.quotas[ACCOUNT_CREDIT]) >= 0);
	CU_ASSERT_EQUAL_FATAL(fixture_records(records, 64), 2);
	CU_ASSERT_EQUAL(records[0].cost_micros, 20000);
	CU_ASSERT_EQUAL(records[1].quantity_ms, 10000);
	fixture_stop();
}

/* $1.00, and admission costs $0.01: a hundred get in. */
static void admission_is_paid_once_and_in_full(void)
{
	struct account_session *account;
	int64_t cost_micros = 0;
	fixture_start("{\"prices\": {\"interaction_micros\": 10000, \"session_interactions\": 1},"
		      " \"budget\": {\"monthly_micros\": 1000000}}");
	fixture.available[ACCOUNT_CREDIT] = 1000000;
	for (unsigned int i = 0; i < 100; i++) {
		fixture.n_players = 0;
		struct fixture_player *player = fixture_view(VIDEO | VOICE);
		CU_ASSERT_PTR_NOT_NULL_FATAL(player);
		fixture_leave(player);
	}
	CU_ASSERT_EQUAL(fixture_open(false, &account), -EDQUOT);
	static struct usage_record all[128];
	unsigned int n = fixture_records(all, 128);
	CU_ASSERT_EQUAL(n, 100);
	for (unsigned int i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(all[i].unit, USAGE_INTERACTION);
		CU_ASSERT_EQUAL(all[i].quantity_ms, 1000);
		cost_micros += all[i].cost_micros;
	}
	CU_ASSERT_EQUAL(cost_micros, 1000000);
	fixture.n_players = 0;
	fixture_stop();
}

static void who_does_not_come_in_pays_nothing(void)
{
	struct account_session *account;
	fixture_start("{\"prices\": {\"interaction_micros\": 10000, \"session_interactions\": 1},"
		      " \"budget\": {\"prepaid\": true}}");
	fixture.available[ACCOUNT_CREDIT] = 15000;
	for (unsigned int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL_FATAL(fixture_open(false, &account), 0);
		account_discard(account);
		fixture_pump();
	}
	CU_ASSERT_EQUAL(fixture.tenant.quotas[ACCOUNT_CREDIT].used_total, 0);
	CU_ASSERT_EQUAL(fixture_records(records, 64), 0);
	fixture_stop();
}

static void a_session_ends_at_its_length(void)
{
	fixture_start("{\"session_seconds_max\": 30}");
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(29 * S);
	CU_ASSERT_EQUAL(player->session.state, SESSION_ACTIVE);
	fixture_play(2 * S);
	CU_ASSERT_EQUAL(player->session.state, SESSION_TERMINATED);
	CU_ASSERT_EQUAL(player->session.reason, REASON_EXPIRED);
	fixture_stop();
}

static CU_TestInfo tests[] = {
	{"nothing_used_leaves_no_record", nothing_used_leaves_no_record},
	{"checkpoints_grow_until_the_end", checkpoints_grow_until_the_end},
	{"an_hour_closes_a_record", an_hour_closes_a_record},
	{"a_new_price_opens_a_new_record", a_new_price_opens_a_new_record},
	{"another_split_opens_a_new_record", another_split_opens_a_new_record},
	{"a_limit_that_comes_later_is_kept", a_limit_that_comes_later_is_kept},
	{"a_limit_that_goes_is_forgotten", a_limit_that_goes_is_forgotten},
	{"without_a_limit_no_grant_is_drawn_on", without_a_limit_no_grant_is_drawn_on},
	{"who_is_billed_may_change", who_is_billed_may_change},
	{"a_change_ahead_of_the_session_is_kept", a_change_ahead_of_the_session_is_kept},
	{"admission_is_paid_once_and_in_full", admission_is_paid_once_and_in_full},
	{"who_does_not_come_in_pays_nothing", who_does_not_come_in_pays_nothing},
	{"a_session_ends_at_its_length", a_session_ends_at_its_length},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("account_record", tests)
