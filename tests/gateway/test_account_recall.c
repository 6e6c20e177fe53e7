/* Credit that goes back before its session ends, sessions that are held, and a control plane that
 * is away. THREADED: the journal is. */
#include <errno.h>

#include "tests/gateway/account_fixture.h"

#define VIDEO 1u
#define VOICE 2u
#define S     1000000000ull

static struct quota *quota_of(enum account account)
{
	return &fixture.tenant.quotas[account];
}

static uint64_t used_ns(const struct fixture_player *player, enum meter_kind kind)
{
	return meter_used_ns(&player->session.transport->meter, kind);
}

static bool is_stopped(const struct fixture_player *player, enum meter_kind kind)
{
	return meter_is_stopped(&player->session.transport->meter, kind);
}

static void on_returned(void *context, int64_t returned_total)
{
	*(int64_t *)context = returned_total;
}

static int64_t recall(int64_t amount, bool is_revoked)
{
	int64_t total = -1;
	const struct account_recall recall = {
		.tenant = &fixture.tenant,
		.account = ACCOUNT_VIDEO,
		.amount = amount,
		.is_revoked = is_revoked,
		.done = on_returned,
		.context = &total,
	};
	account_recall(fixture.node.accounts, &recall);
	fixture_pump();
	CU_ASSERT(total >= 0);
	CU_ASSERT_EQUAL(total, quota_of(ACCOUNT_VIDEO)->returned_total);
	return total;
}

static void a_recall_takes_what_is_free(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 600000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(2 * S);
	int64_t free_ms = quota_free(quota_of(ACCOUNT_VIDEO));
	CU_ASSERT(free_ms > 1000);
	CU_ASSERT_EQUAL(recall(1000, false), 1000);
	CU_ASSERT_EQUAL(recall(600000, false), free_ms);
	CU_ASSERT_EQUAL(recall(600000, false), free_ms);
	fixture_play(2 * S);
	CU_ASSERT_FALSE(is_stopped(player, METER_VIDEO));
	fixture_stop();
}

static void a_revocation_takes_what_is_not_used(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 20000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(5 * S);
	int64_t used_ms = (int64_t)(used_ns(player, METER_VIDEO) / 1000000);
	int64_t returned = recall(600000, true);
	CU_ASSERT_EQUAL(returned, quota_of(ACCOUNT_VIDEO)->granted_total - used_ms);
	CU_ASSERT_EQUAL(quota_of(ACCOUNT_VIDEO)->lent, used_ms);
	/* And nothing is to be had any more. */
	fixture.available[ACCOUNT_VIDEO] = 0;
	fixture_play(5 * S);
	CU_ASSERT_EQUAL(player->session.account->fallen, VIDEO);
	CU_ASSERT((int64_t)(used_ns(player, METER_VIDEO) / 1000000) == used_ms);
	fixture_stop();
}

static void a_revoked_session_goes_on_within_the_limit(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 20000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(5 * S);
	/* One second less than there was: only that goes back. */
	recall(quota_free(quota_of(ACCOUNT_VIDEO)) + 1000, true);
	fixture_play(1 * S);
	CU_ASSERT_FALSE(is_stopped(player, METER_VIDEO));
	fixture_play(60 * S);
	CU_ASSERT_EQUAL(quota_of(ACCOUNT_VIDEO)->granted_total -
				quota_of(ACCOUNT_VIDEO)->returned_total,
			(int64_t)(used_ns(player, METER_VIDEO) / 1000000));
	fixture_stop();
}

static void revocations_at_random_lose_nothing(void)
{
	for (unsigned int seed = 1; seed <= 20; seed++) {
		srand(seed);
		fixture_start("{\"budget\": {\"video_minutes\": 10}}");
		fixture.available[ACCOUNT_VIDEO] = 100000;
		for (unsigned int i = 0; i < 4; i++)
			fixture_view(VIDEO | VOICE);
		for (unsigned int i = 0; i < 30; i++) {
			int64_t before = quota_of(ACCOUNT_VIDEO)->returned_total;
			fixture_play((uint64_t)(rand() % 1500) * 1000000);
			recall(rand() % 8000, rand() % 2 == 0);
			/* The store lends out again what came back. */
			fixture.available[ACCOUNT_VIDEO] +=
				quota_of(ACCOUNT_VIDEO)->returned_total - before;
		}
		fixture_play(200 * S);
		for (unsigned int i = 0; i < 4; i++)
			fixture_leave(&fixture.players[i]);
		int64_t rest =
			quota_free(quota_of(ACCOUNT_VIDEO)) + fixture.available[ACCOUNT_VIDEO];
		CU_ASSERT_EQUAL(fixture_sum(USAGE_VIDEO, NULL) + rest, 100000);
		CU_ASSERT(rest < 1000);
		fixture_stop();
	}
}

static void held_sessions_hold_no_credit(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 600000;
	struct fixture_player *player = fixture_view(VIDEO | VOICE);
	fixture_play(5 * S);
	uint64_t before = used_ns(player, METER_VIDEO);
	account_hold(player->session.account, true);
	fixture_pump();
	CU_ASSERT(is_stopped(player, METER_VIDEO) && is_stopped(player, METER_VOICE));
	CU_ASSERT_EQUAL(quota_of(ACCOUNT_VIDEO)->lent, (int64_t)(before / 1000000));
	fixture_play(30 * S);
	CU_ASSERT_EQUAL(used_ns(player, METER_VIDEO), before);
	CU_ASSERT_EQUAL(account_may_resume(player->session.account), 0);
	account_hold(player->session.account, false);
	fixture_pump();
	fixture_play(5 * S);
	CU_ASSERT_FALSE(is_stopped(player, METER_VIDEO));
	CU_ASSERT(used_ns(player, METER_VIDEO) > before + 4 * S);
	fixture_stop();
}

static void a_held_session_without_credit_stays_held(void)
{
	struct account_session *account;
	fixture_start("{\"budget\": {\"video_minutes\": 10},"
		      " \"ladder\": {\"video_out\": \"deny\"}}");
	fixture.available[ACCOUNT_VIDEO] = 20000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(5 * S);
	account_hold(player->session.account, true);
	fixture_pump();
	recall(600000, true);
	CU_ASSERT_EQUAL(account_may_resume(player->session.account), 0); /* who knows */
	fixture.available[ACCOUNT_VIDEO] = 0;
	CU_ASSERT_EQUAL(fixture_open(false, &account), -EDQUOT);
	CU_ASSERT_EQUAL(account_may_resume(player->session.account), -EDQUOT);
	fixture_stop();
}

/* Its worker runs before we hear of it, and spends what it was lent until it can be told: as long
 * as that takes, nobody else has it. */
static void a_session_held_while_it_connects_keeps_its_loan(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 600000;
	struct fixture_player *player = fixture_view(VIDEO);
	struct account_session *account = player->session.account;
	account->is_connected = false;
	account_hold(account, true);
	recall(600000, true);
	fixture_play(1 * S);
	CU_ASSERT(used_ns(player, METER_VIDEO) > 0);
	CU_ASSERT(quota_of(ACCOUNT_VIDEO)->lent * 1000000 >= (int64_t)used_ns(player, METER_VIDEO));
	account_on_connected(account);
	fixture_pump();
	CU_ASSERT(is_stopped(player, METER_VIDEO));
	CU_ASSERT_EQUAL(quota_of(ACCOUNT_VIDEO)->lent,
			(int64_t)(used_ns(player, METER_VIDEO) / 1000000));
	CU_ASSERT_EQUAL(account->reclaims, 0);
	fixture_stop();
}

/* Its credit is on its way back while its limit goes. */
static void a_limit_that_goes_meanwhile_is_forgotten(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 600000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(5 * S);
	account_hold(player->session.account, true);
	fixture_policy("{}");
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	account_hold(player->session.account, false);
	fixture_pump();
	CU_ASSERT_EQUAL(quota_of(ACCOUNT_VIDEO)->lent, 0);
	fixture_play(60 * S);
	CU_ASSERT_FALSE(is_stopped(player, METER_VIDEO));
	CU_ASSERT(used_ns(player, METER_VIDEO) > 60 * S);
	fixture_stop();
}

/* Held and let go again before its worker has said anything: no packet is lost for want of credit.
 */
static void a_moment_of_holding_costs_no_packet(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 600000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(5 * S);
	account_hold(player->session.account, true);
	account_hold(player->session.account, false);
	fixture_pump();
	fixture_pump();
	CU_ASSERT(player->session.account->purses[METER_VIDEO].credit_ns >
		  used_ns(player, METER_VIDEO));
	fixture_play(60 * S);
	CU_ASSERT_EQUAL(meter_stopped(&player->session.transport->meter, METER_VIDEO), 0);
	fixture_stop();
}

/* A new month, say: what the control plane said when the session was held is not for ever. */
static void a_held_session_is_let_go_when_there_is_credit_again(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10},"
		      " \"ladder\": {\"video_out\": \"deny\"}}");
	fixture.available[ACCOUNT_VIDEO] = 10000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(5 * S);
	account_hold(player->session.account, true);
	fixture_pump();
	recall(600000, true);
	struct account_session *account;
	fixture.available[ACCOUNT_VIDEO] = 0;
	CU_ASSERT_EQUAL_FATAL(fixture_open(false, &account), -EDQUOT);
	CU_ASSERT_EQUAL(account_may_resume(player->session.account), -EDQUOT);
	fixture.available[ACCOUNT_VIDEO] = 600000;
	player->session.state = SESSION_PAUSED;
	for (unsigned int i = 0; i < 12; i++) {
		fixture.now_ns += 1 * S;
		account_tick(fixture.node.accounts, fixture.now_ns);
		fixture_pump();
	}
	CU_ASSERT_EQUAL(account_may_resume(player->session.account), 0);
	fixture_stop();
}

static void a_grant_raises_the_fallen(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 2000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(5 * S);
	CU_ASSERT_EQUAL(player->session.account->fallen, VIDEO);
	account_grant(fixture.node.accounts, &fixture.tenant, ACCOUNT_VIDEO, 2000);
	fixture_pump();
	CU_ASSERT_EQUAL(player->session.account->fallen, VIDEO);
	account_grant(fixture.node.accounts, &fixture.tenant, ACCOUNT_VIDEO, 9000);
	fixture_pump();
	CU_ASSERT_EQUAL(player->session.account->fallen, 0);
	CU_ASSERT_FALSE(is_stopped(player, METER_VIDEO));
	fixture_stop();
}

/* The store has lifted a limit that the node still has from its feed: asked again, it would say so
 * again, and again. */
static void an_answer_without_a_limit_is_believed(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 5000;
	struct fixture_player *before = fixture_view(VIDEO);
	CU_ASSERT_PTR_NOT_NULL_FATAL(before);
	fixture.is_unlimited = true;
	unsigned int questions = fixture.questions;
	struct fixture_player *after = fixture_view(VIDEO);
	CU_ASSERT_PTR_NOT_NULL_FATAL(after);
	fixture_play(60 * S);
	CU_ASSERT_EQUAL(fixture.questions, questions + 1);
	CU_ASSERT_FALSE(is_stopped(before, METER_VIDEO));
	CU_ASSERT_FALSE(is_stopped(after, METER_VIDEO));
	CU_ASSERT_EQUAL(quota_of(ACCOUNT_VIDEO)->lent, 0);
	/* Until the feed says otherwise. */
	fixture.is_unlimited = false;
	account_on_tenant(fixture.node.accounts, &fixture.tenant);
	fixture_pump();
	fixture_play(60 * S);
	CU_ASSERT_EQUAL(before->session.account->fallen, VIDEO);
	fixture_stop();
}

static void without_control_nobody_new_gets_in(void)
{
	struct account_session *account;
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 600000;
	fixture.has_control = false;
	CU_ASSERT_EQUAL(fixture_open(false, &account), -EAGAIN);
	account_on_control(fixture.node.accounts, false);
	CU_ASSERT_EQUAL(fixture_open(false, &account), -EAGAIN);
	fixture.has_control = true;
	account_on_control(fixture.node.accounts, true);
	CU_ASSERT_EQUAL_FATAL(fixture_open(false, &account), 0);
	account_discard(account);
	fixture_stop();
}

static void a_control_plane_without_a_store_is_tried_again(void)
{
	struct account_session *account;
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 600000;
	fixture.is_silent = true;
	CU_ASSERT_EQUAL(fixture_open(false, &account), -EAGAIN);
	fixture.is_silent = false;
	CU_ASSERT_EQUAL(fixture_open(false, &account), -EAGAIN);
	fixture.now_ns += 3 * S;
	account_tick(fixture.node.accounts, fixture.now_ns);
	CU_ASSERT_EQUAL_FATAL(fixture_open(false, &account), 0);
	account_discard(account);
	fixture_stop();
}

static void a_control_plane_that_hangs_is_away(void)
{
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	fixture.available[ACCOUNT_VIDEO] = 10000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture.is_mute = true;
	fixture_play(10 * S + S / 2);
	CU_ASSERT_EQUAL(player->session.account->fallen, 0); /* it waits */
	fixture_play(4 * S);
	CU_ASSERT_EQUAL(player->session.account->fallen, VIDEO);
	fixture.is_mute = false;
	fixture.available[ACCOUNT_VIDEO] = 10000;
	fixture_play(15 * S);
	CU_ASSERT(used_ns(player, METER_VIDEO) > 15 * S);
	fixture_stop();
}

/* The tick's time was read before. */
static void a_question_of_this_moment_is_not_overdue(void)
{
	struct account_session *account;
	fixture_start("{\"budget\": {\"video_minutes\": 10}}");
	const struct account_request request = {
		.tenant = &fixture.tenant, .stream = "live", .ready = fixture_ready};
	CU_ASSERT_EQUAL(account_open(fixture.node.accounts, &request, &account), -EINPROGRESS);
	account_tick(fixture.node.accounts, fixture.now_ns - 1);
	CU_ASSERT_FALSE(fixture.node.accounts->is_alone);
	fixture_pump();
	fixture_stop();
}

/* continue_bounded: 6,000 micros at 60,000 a minute are 6 s beyond what was granted. */
static void an_outage_is_bounded_and_paid_back(void)
{
	fixture_start("{\"prices\": {\"video_micros\": 60000}, \"budget\": {\"prepaid\": true,"
		      " \"outage\": \"continue_bounded\", \"outage_micros\": 6000}}");
	fixture.available[ACCOUNT_CREDIT] = 40000;
	struct fixture_player *player = fixture_view(VIDEO);
	fixture_play(2 * S);
	int64_t granted_ms = quota_of(ACCOUNT_CREDIT)->granted_total;
	fixture.has_control = false;
	account_on_control(fixture.node.accounts, false);
	fixture_play(100 * S);
	CU_ASSERT_EQUAL(player->session.reason, REASON_COST_LIMIT);
	CU_ASSERT_EQUAL((int64_t)(used_ns(player, METER_VIDEO) / 1000000), granted_ms + 6000);
	CU_ASSERT_EQUAL(quota_free(quota_of(ACCOUNT_CREDIT)), -6000);
	fixture.has_control = true;
	account_on_control(fixture.node.accounts, true);
	fixture_pump();
	CU_ASSERT(quota_free(quota_of(ACCOUNT_CREDIT)) >= 0);
	fixture_stop();
}

static void forget_another(void *context)
{
	fixture.readies++;
	account_forget(fixture.node.accounts, *(void **)context);
}

/* One that is called may end another that was to be called next. */
static void a_waiter_may_forget_the_next(void)
{
	struct account_session *account;
	void *contexts[2] = {&contexts[1], &contexts[0]};
	fixture_start("{\"budget\": {\"video_minutes\": 10},"
		      " \"ladder\": {\"video_out\": \"deny\"}}");
	for (unsigned int i = 0; i < 2; i++) {
		const struct account_request request = {.tenant = &fixture.tenant,
							.stream = "live",
							.ready = forget_another,
							.context = &contexts[i]};
		CU_ASSERT_EQUAL(account_open(fixture.node.accounts, &request, &account),
				-EINPROGRESS);
	}
	fixture_pump();
	CU_ASSERT_EQUAL(fixture.readies, 1);
	CU_ASSERT_EQUAL(fixture.node.accounts->n_waiters, 0);
	fixture_stop();
}

static void waiters_are_called_once_or_forgotten(void)
{
	struct account_session *account;
	fixture_start("{\"budget\": {\"video_minutes\": 10},"
		      " \"ladder\": {\"video_out\": \"deny\"}}");
	const struct account_request request = {.tenant = &fixture.tenant,
						.stream = "live",
						.ready = fixture_ready,
						.context = &account};
	CU_ASSERT_EQUAL(account_open(fixture.node.accounts, &request, &account), -EINPROGRESS);
	CU_ASSERT_EQUAL(account_open(fixture.node.accounts, &request, &account), -EINPROGRESS);
	CU_ASSERT_EQUAL(fixture.questions, 1);
	CU_ASSERT_EQUAL(fixture.readies, 0);
	fixture_pump();
	CU_ASSERT_EQUAL(fixture.readies, 2);
	CU_ASSERT_EQUAL(account_open(fixture.node.accounts, &request, &account), -EDQUOT);
	fixture.now_ns += 2 * S;
	CU_ASSERT_EQUAL(account_open(fixture.node.accounts, &request, &account), -EINPROGRESS);
	account_forget(fixture.node.accounts, &account);
	fixture_pump();
	CU_ASSERT_EQUAL(fixture.readies, 2);
	for (unsigned int i = 0; i < ACCOUNT_WAITERS_MAX; i++) {
		fixture.now_ns += 2 * S;
		CU_ASSERT_EQUAL_FATAL(account_open(fixture.node.accounts, &request, &account),
				      -EINPROGRESS);
	}
	CU_ASSERT_EQUAL(account_open(fixture.node.accounts, &request, &account), -EAGAIN);
	fixture_stop();
}

static CU_TestInfo tests[] = {
	{"a_recall_takes_what_is_free", a_recall_takes_what_is_free},
	{"a_revocation_takes_what_is_not_used", a_revocation_takes_what_is_not_used},
	{"a_revoked_session_goes_on_within_the_limit", a_revoked_session_goes_on_within_the_limit},
	{"revocations_at_random_lose_nothing", revocations_at_random_lose_nothing},
	{"held_sessions_hold_no_credit", held_sessions_hold_no_credit},
	{"a_held_session_without_credit_stays_held", a_held_session_without_credit_stays_held},
	{"a_session_held_while_it_connects_keeps_its_loan",
	 a_session_held_while_it_connects_keeps_its_loan},
	{"a_limit_that_goes_meanwhile_is_forgotten", a_limit_that_goes_meanwhile_is_forgotten},
	{"a_moment_of_holding_costs_no_packet", a_moment_of_holding_costs_no_packet},
	{"a_held_session_is_let_go_when_there_is_credit_again",
	 a_held_session_is_let_go_when_there_is_credit_again},
	{"a_grant_raises_the_fallen", a_grant_raises_the_fallen},
	{"an_answer_without_a_limit_is_believed", an_answer_without_a_limit_is_believed},
	{"without_control_nobody_new_gets_in", without_control_nobody_new_gets_in},
	{"a_control_plane_without_a_store_is_tried_again",
	 a_control_plane_without_a_store_is_tried_again},
	{"a_control_plane_that_hangs_is_away", a_control_plane_that_hangs_is_away},
	{"a_question_of_this_moment_is_not_overdue", a_question_of_this_moment_is_not_overdue},
	{"an_outage_is_bounded_and_paid_back", an_outage_is_bounded_and_paid_back},
	{"a_waiter_may_forget_the_next", a_waiter_may_forget_the_next},
	{"waiters_are_called_once_or_forgotten", waiters_are_called_once_or_forgotten},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("account_recall", tests)
