/* Accounts: what is lent to the sessions of a tenant adds up to its limits to the ms and the micro,
 * sessions fall and rise as the ladder says, and their records say what was used. THREADED: the
 * journal is. */
#include <errno.h>

#include "tests/gateway/account_fixture.h"

#define VIDEO 1u
#define VOICE 2u
#define S     1000000000ull

static bool is_stopped(const struct fixture_player *player, enum meter_kind kind)
{
	return meter_is_stopped(&player->session.transport->meter, kind);
}

static uint8_t fallen(const struct fixture_player *player)
{
	return player->session.account->fallen;
}

static void a_minute_of_video_is_one_record(void)
{
	static struct usage_record records[8];
	fixture_start("{\"prices\": {\"video_micros\": 20000, \"voice_micros\": 5000},"
		      " \"split\": \"imvu\"}");
	struct fixture_player *player = fixture_view(VIDEO | VOICE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(player);
	fixture_play(60 * S + 1);
	fixture_leave(player);
	unsigned int n = fixture_records(records, 8);
	CU_ASSERT_EQUAL_FATAL(n, 1);
	CU_ASSERT_EQUAL(records[0].unit, USAGE_MINUTE);
	CU_ASSERT_EQUAL(records[0].kind, USAGE_VIDEO);
	CU_ASSERT(records[0].quantity_ms > 59960 && records[0].quantity_ms <= 60000);
	CU_ASSERT_EQUAL(records[0].cost_micros,
			usage_cost(USAGE_MINUTE, records[0].quantity_ms, 20000));
	CU_ASSERT_STRING_EQUAL(records[0].provider_id, "whip:live");
	CU_ASSERT_STRING_EQUAL(records[0].split, "imvu");
	CU_ASSERT_STRING_EQUAL(records[0].boot, ""); /* nothing was granted for it */
	CU_ASSERT_EQUAL(fixture.questions, 0);
	fixture_stop();
}

static void a_publisher_is_not_billed_for_play(void)
{
	struct account_session *account;
	static struct usage_record records[8];
	fixture_start("{\"prices\": {\"video_micros\": 20000}, \"budget\": {\"prepaid\": true}}");
	CU_ASSERT_EQUAL_FATAL(fixture_open(true, &account), 0);
	struct fixture_player *player = fixture_bind(account, SESSION_PUBLISHER, VIDEO | VOICE);
	fixture_play(30 * S);
	CU_ASSERT_FALSE(is_stopped(player, METER_VIDEO));
	fixture_leave(player);
	CU_ASSERT_EQUAL(fixture_records(records, 8), 0);
	CU_ASSERT_EQUAL(fixture_open(false, &account), -EDQUOT);
	fixture_stop();
}

static void sixty_seconds_of_video_are_sixty_seconds(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 1}}");
	fixture.available[ACCOUNT_VIDEO] = 60000;
	struct fixture_player *player = fixture_view(VIDEO | VOICE);
	fixture_play(70 * S);
	CU_ASSERT_EQUAL(meter_used_ns(&player->session.transport->meter, METER_VIDEO), 60 * S);
	CU_ASSERT(is_stopped(player, METER_VIDEO));
	CU_ASSERT_FALSE(is_stopped(player, METER_VOICE));
	CU_ASSERT_EQUAL(fallen(player), VIDEO);
	CU_ASSERT_EQUAL(player->session.account->fallen_by[METER_VIDEO], ACCOUNT_VIDEO);
	fixture_leave(player);
	CU_ASSERT_EQUAL(fixture_sum(USAGE_VIDEO, NULL), 60000);
	fixture_stop();
}

/* Video -> voice -> text -> video again, in the same session; its publisher follows. */
static void falls_and_rises_in_the_same_session(void)
{
	struct account_session *account;
	fixture_start("{\"budget\": {\"video_minutes\": 1, \"voice_minutes\": 1},"
		      " \"ladder\": {\"video_out\": \"voice\", \"voice_out\": \"text\"}}");
	fixture.available[ACCOUNT_VIDEO] = 5000;
	fixture.available[ACCOUNT_VOICE] = 6000;
	CU_ASSERT_EQUAL_FATAL(fixture_open(true, &account), 0);
	struct fixture_player *publisher = fixture_bind(account, SESSION_PUBLISHER, VIDEO | VOICE);
	struct fixture_player *player = fixture_view(VIDEO | VOICE);
	fixture_play(7 * S);
	CU_ASSERT_EQUAL(fallen(player), VIDEO);
	CU_ASSERT(is_stopped(publisher, METER_VIDEO));
	CU_ASSERT_FALSE(is_stopped(publisher, METER_VOICE));
	fixture_play(8 * S);
	CU_ASSERT_EQUAL(fallen(player), VIDEO | VOICE);
	CU_ASSERT(is_stopped(player, METER_VOICE));
	CU_ASSERT(is_stopped(publisher, METER_VOICE));
	CU_ASSERT_EQUAL(player->session.state, SESSION_ACTIVE);
	fixture.available[ACCOUNT_VIDEO] = fixture.available[ACCOUNT_VOICE] = 60000;
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_pump();
	fixture_pump();
	CU_ASSERT_EQUAL(fallen(player), 0);
	CU_ASSERT_FALSE(is_stopped(player, METER_VIDEO));
	CU_ASSERT_FALSE(is_stopped(player, METER_VOICE));
	CU_ASSERT_FALSE(is_stopped(publisher, METER_VIDEO));
	fixture_stop();
}

static void the_fallen_try_again_by_themselves(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 1}}");
	fixture.available[ACCOUNT_VIDEO] = 3000;
	struct fixture_player *player = fixture_view(VIDEO | VOICE);
	fixture_play(5 * S);
	CU_ASSERT_EQUAL(fallen(player), VIDEO);
	fixture.available[ACCOUNT_VIDEO] = 900; /* less than a second: not worth it */
	fixture_play(15 * S);
	CU_ASSERT_EQUAL(fallen(player), VIDEO);
	fixture.available[ACCOUNT_VIDEO] = 10000;
	fixture_play(15 * S);
	CU_ASSERT_EQUAL(meter_used_ns(&player->session.transport->meter, METER_VIDEO),
			13 * S + 900000000ull);
	fixture_stop();
}

/* What comes of a session when an account runs out, by policy. */
static const struct ladder_row {
	const char *policy;
	int64_t video_ms, voice_ms, micros; /* to be had; -1: plenty */
	uint8_t fallen;
	enum session_reason reason; /* NONE: lives */
} ladder_rows[] = {
	{"{\"budget\": {\"video_minutes\": 1}}", 5000, -1, -1, VIDEO, REASON_NONE},
	{"{\"budget\": {\"video_minutes\": 1}, \"ladder\": {\"video_out\": \"deny\"}}", 5000, -1,
	 -1, 0, REASON_COST_LIMIT},
	{"{\"budget\": {\"video_minutes\": 1, \"voice_minutes\": 1}}", 5000, 5000, -1,
	 VIDEO | VOICE, REASON_NONE},
	{"{\"budget\": {\"video_minutes\": 1, \"voice_minutes\": 1},"
	 " \"ladder\": {\"voice_out\": \"deny\"}}",
	 5000, 5000, -1, VIDEO, REASON_COST_LIMIT},
	{"{\"prices\": {\"video_micros\": 60000}, \"budget\": {\"prepaid\": true}}", -1, -1, 5000,
	 0, REASON_COST_LIMIT},
	{"{\"prices\": {\"video_micros\": 60000}, \"budget\": {\"prepaid\": true},"
	 " \"ladder\": {\"credit_out\": \"text\"}}",
	 -1, -1, 5000, VIDEO | VOICE, REASON_NONE},
	/* Voice costs no money and has its own minutes: text it is all the same. */
	{"{\"prices\": {\"video_micros\": 60000}, \"budget\": {\"prepaid\": true,"
	 " \"voice_minutes\": 10}, \"ladder\": {\"credit_out\": \"text\"}}",
	 -1, 600000, 5000, VIDEO | VOICE, REASON_NONE},
};

static void the_ladder_is_the_policys(void)
{
	for (size_t i = 0; i < sizeof(ladder_rows) / sizeof(ladder_rows[0]); i++) {
		const struct ladder_row *row = &ladder_rows[i];
		fixture_start(row->policy);
		fixture.available[ACCOUNT_VIDEO] = row->video_ms;
		fixture.available[ACCOUNT_VOICE] = row->voice_ms;
		fixture.available[ACCOUNT_CREDIT] = row->micros;
		struct fixture_player *player = fixture_view(VIDEO | VOICE);
		CU_ASSERT_PTR_NOT_NULL_FATAL(player);
		fixture_play(30 * S);
		CU_ASSERT_EQUAL(fallen(player), row->fallen);
		CU_ASSERT_EQUAL(player->session.reason, row->reason);
		fixture_stop();
	}
}

static int64_t draw(int64_t below)
{
	return rand() % below;
}

/* Sessions come, play for a while and go, until nobody gets in any more. */
static void play_to_the_end(void)
{
	for (unsigned int round = 0; round < 200; round++) {
		bool is_in = fixture.n_players < FIXTURE_SESSIONS_MAX && draw(2) == 0 &&
			     fixture_view(VIDEO | VOICE);
		fixture_play((uint64_t)draw(9000) * 1000000);
		unsigned int left = 0;
		for (unsigned int i = 0; i < fixture.n_players; i++) {
			struct fixture_player *player = &fixture.players[i];
			if (player->session.account && draw(12) == 0 &&
			    fixture.n_players < FIXTURE_SESSIONS_MAX - 2)
				fixture_leave(player);
			left += player->session.account && !(fallen(player) & VIDEO) &&
				player->session.state == SESSION_ACTIVE;
		}
		if (left == 0 && !is_in && fixture.n_players == FIXTURE_SESSIONS_MAX)
			break;
	}
	for (unsigned int i = 0; i < fixture.n_players; i++)
		fixture_leave(&fixture.players[i]);
}

static void video_adds_up_to_the_limit(void)
{
	for (unsigned int seed = 1; seed <= 30; seed++) {
		srand(seed);
		fixture_start("{\"budget\": {\"video_minutes\": 1}}");
		int64_t limit = fixture.available[ACCOUNT_VIDEO] = 20000 + draw(100000);
		play_to_the_end();
		/* Whoever is let in last plays it to the end. */
		while (fixture_sum(USAGE_VIDEO, NULL) < limit) {
			fixture.n_players = 0;
			fixture.now_ns += 20 * S;
			struct fixture_player *player = fixture_view(VIDEO | VOICE);
			CU_ASSERT_PTR_NOT_NULL_FATAL(player);
			fixture_play(130 * S);
			fixture_leave(player);
		}
		CU_ASSERT_EQUAL(fixture_sum(USAGE_VIDEO, NULL), limit);
		fixture.n_players = 0;
		fixture_stop();
	}
}

static void money_adds_up_to_the_limit(void)
{
	for (unsigned int seed = 1; seed <= 30; seed++) {
		char policy[256];
		srand(seed);
		int64_t price = 1000 + draw(100000), cost = 0;
		snprintf(policy, sizeof(policy),
			 "{\"prices\": {\"video_micros\": %d, \"voice_micros\": %d},"
			 " \"budget\": {\"prepaid\": true}, \"ladder\": {\"credit_out\": "
			 "\"text\"}}",
			 (int)price, (int)draw(50000));
		fixture_start(policy);
		int64_t limit = fixture.available[ACCOUNT_CREDIT] = price + draw(100000);
		play_to_the_end();
		for (unsigned int i = 0; i < 3; i++) {
			fixture.n_players = 0;
			fixture.now_ns += 20 * S;
			struct fixture_player *player = fixture_view(VIDEO | VOICE);
			if (!player)
				break;
			fixture_play(6000 * S);
			fixture_leave(player);
		}
		fixture_sum(USAGE_VIDEO, &cost);
		CU_ASSERT(cost <= limit);
		/* What is left does not pay for a ms. */
		CU_ASSERT(limit - cost <= price / 60000 + 1);
		fixture.n_players = 0;
		fixture_stop();
	}
}

static CU_TestInfo tests[] = {
	{"a_minute_of_video_is_one_record", a_minute_of_video_is_one_record},
	{"a_publisher_is_not_billed_for_play", a_publisher_is_not_billed_for_play},
	{"sixty_seconds_of_video_are_sixty_seconds", sixty_seconds_of_video_are_sixty_seconds},
	{"falls_and_rises_in_the_same_session", falls_and_rises_in_the_same_session},
	{"the_fallen_try_again_by_themselves", the_fallen_try_again_by_themselves},
	{"the_ladder_is_the_policys", the_ladder_is_the_policys},
	{"video_adds_up_to_the_limit", video_adds_up_to_the_limit},
	{"money_adds_up_to_the_limit", money_adds_up_to_the_limit},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("account", tests)
