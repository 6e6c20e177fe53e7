/* THREADED. Gate 17 over real connections to a started node, whose control plane is played by the
 * test: credit in hand admits at once, without it the control plane is asked, and who is refused,
 * or leaves, leaves nothing behind. */
#include "tests/gateway/admission_client.h"
#include "tests/gateway/admission_fixture.h"

#include "gateway/account_private.h"
#include "slices/journal.h"
#include "slices/slice.h"

/* The control plane: whether it is there, and what it was asked last. */
static struct {
	bool is_there, is_asked;
	struct tenant *tenant;
	enum account account;
	unsigned int n_asked;
} control;

static bool play_ask(struct account_book *book, const struct account_wish *wish)
{
	(void)book;
	if (!control.is_there)
		return false;
	control.is_asked = true;
	control.n_asked++;
	control.tenant = wish->tenant;
	control.account = wish->account;
	return true;
}

static bool play_has_control(struct account_book *book)
{
	(void)book;
	return control.is_there;
}

/* Answers with what was granted in all. */
static void play_answer(int64_t granted_total)
{
	TURN_UNTIL(control.is_asked);
	control.is_asked = false;
	account_answered(node->accounts, control.tenant, control.account, granted_total, false);
}

static const struct quota *credit(void)
{
	return &tenant_of("paid")->quotas[ACCOUNT_CREDIT];
}

static const struct slice *gold(void)
{
	return slice_find(node->slices, "gold");
}

static void expect_nothing_held(int64_t used)
{
	CU_ASSERT_EQUAL(tenant_of("paid")->n_sessions, 0);
	CU_ASSERT_EQUAL(credit()->lent, 0);
	CU_ASSERT_EQUAL(credit()->used_total, used);
	CU_ASSERT_EQUAL(gold()->promised_bps, 0);
	CU_ASSERT_EQUAL(tenant_of("paid")->bucket.n_queued, 0);
}

static void without_a_control_plane_it_is_503(void)
{
	struct client client;
	struct ask asked = publish_as("paid", "/whip/paid/live");
	control.is_there = false;
	send_to(&client, &asked);
	CU_ASSERT_EQUAL(take(&client), 503);
	CU_ASSERT_PTR_NOT_NULL(strstr(client.in, "\"gate\":17"));
	CU_ASSERT_PTR_NOT_NULL(strstr(client.in, "retry-after: "));
	close(client.fd);
	expect_nothing_held(0);
	control.is_there = true;
	account_on_control(node->accounts, true);
}

static void without_credit_it_is_402(void)
{
	struct client client;
	struct ask asked = publish_as("paid", "/whip/paid/live");
	uint64_t denials = count_denials(GATE_BUDGET, "paid");
	unsigned int sessions = session_count(node->sessions);
	send_to(&client, &asked);
	play_answer(0);
	CU_ASSERT_EQUAL(take(&client), 402);
	CU_ASSERT_PTR_NOT_NULL(strstr(client.in, "\"title\":\"Twin is sleeping\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(client.in, "\"gate\":17"));
	CU_ASSERT_PTR_NOT_NULL(strstr(client.in, "credit 0 micros"));
	close(client.fd);
	CU_ASSERT_EQUAL(count_denials(GATE_BUDGET, "paid"), denials + 1);
	CU_ASSERT_EQUAL(session_count(node->sessions), sessions);
	CU_ASSERT_PTR_NULL(stream_find(node->streams, "paid", "live"));
	expect_nothing_held(0);
}

static void copy_stats(const struct session *session, uint64_t stats[TRANSPORT_STATS])
{
	for (unsigned int i = 0; i < TRANSPORT_STATS; i++)
		stats[i] = atomic_load(&session->transport->stats[i]);
}

/* A viewer who cannot pay is nothing the stream or its publisher hears of. */
static void a_denial_does_not_touch_the_stream(void)
{
	struct client client;
	struct ask publish = publish_as("watched", "/whip/watched/live");
	struct ask play = play_as("watched", "/whep/watched/live");
	char *path = expect_created(&publish);
	const struct stream *stream = stream_find(node->streams, "watched", "live");
	const struct session *publisher = stream->publisher;
	uint64_t before[TRANSPORT_STATS], after[TRANSPORT_STATS];
	copy_stats(publisher, before);
	send_to(&client, &play);
	play_answer(0);
	CU_ASSERT_EQUAL(take(&client), 402);
	close(client.fd);
	copy_stats(publisher, after);
	CU_ASSERT_EQUAL(memcmp(before, after, sizeof(before)), 0);
	CU_ASSERT_PTR_EQUAL(stream->publisher, publisher);
	CU_ASSERT_EQUAL(stream->n_viewers, 0);
	publish.path = path;
	publish.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&publish), 200);
	settle(0);
	free(path);
}

static void forget_the_answer(void)
{
	struct account_entry *entry = tenant_of("paid")->book_entry;
	entry->accounts[ACCOUNT_CREDIT].is_exhausted = false;
	entry->accounts[ACCOUNT_CREDIT].ask_from_ns = 0;
}

static void a_client_that_leaves_is_forgotten(void)
{
	struct client client;
	struct ask asked = publish_as("paid", "/whip/paid/live");
	forget_the_answer();
	send_to(&client, &asked);
	TURN_UNTIL(control.is_asked);
	CU_ASSERT_EQUAL(tenant_of("paid")->n_sessions, 1);
	CU_ASSERT_EQUAL(gold()->promised_bps, 1000000);
	close(client.fd);
	TURN_UNTIL(tenant_of("paid")->n_sessions == 0);
	expect_nothing_held(0);
	play_answer(0);
	expect_nothing_held(0);
}

static void a_tenant_that_exits_meanwhile_is_seen(void)
{
	struct client client;
	struct ask asked = publish_as("paid", "/whip/paid/live");
	forget_the_answer();
	send_to(&client, &asked);
	TURN_UNTIL(control.is_asked);
	change_standing("paid", TENANT_EXITED);
	play_answer(0);
	CU_ASSERT_EQUAL(take(&client), 403);
	CU_ASSERT_PTR_NOT_NULL(strstr(client.in, "\"gate\":8"));
	change_standing("paid", TENANT_ACTIVE);
	close(client.fd);
	expect_nothing_held(0);
}

/* One question serves all who wait: as many as it pays for are let in. */
static void an_answer_lets_in_as_many_as_it_pays_for(void)
{
	static const char *const paths[] = {"/whip/paid/a", "/whip/paid/b", "/whip/paid/c"};
	struct client clients[3];
	unsigned int created = 0, asleep = 0;
	forget_the_answer();
	for (unsigned int i = 0; i < 3; i++) {
		struct ask asked = publish_as("paid", paths[i]);
		send_to(&clients[i], &asked);
	}
	TURN_UNTIL(tenant_of("paid")->n_sessions == 3);
	CU_ASSERT_EQUAL(gold()->promised_bps, 3000000);
	play_answer(20000);
	TURN_UNTIL(tenant_of("paid")->n_sessions == 2 || control.is_asked);
	if (control.is_asked)
		play_answer(20000);
	for (unsigned int i = 0; i < 3; i++) {
		int status = take(&clients[i]);
		created += status == 201;
		asleep += status == 402;
		close(clients[i].fd);
	}
	CU_ASSERT_EQUAL(created, 2);
	CU_ASSERT_EQUAL(asleep, 1);
	CU_ASSERT_EQUAL(tenant_of("paid")->n_sessions, 2);
	CU_ASSERT_EQUAL(gold()->promised_bps, 2000000);
	session_terminate_all(node->sessions, REASON_OPERATOR);
	settle(0);
	expect_nothing_held(20000);
}

/* What came from no connection cannot wait, and asks nobody twice. */
static void what_cannot_wait_is_refused(void)
{
	struct ask asked = publish_as("paid", "/whip/paid/live");
	forget_the_answer();
	expect_denial(&asked, 503, GATE_BUDGET, "paid");
	play_answer(20000);
	expect_nothing_held(20000);
}

static void who_is_not_billed_passes(void)
{
	struct ask asked = publish_as("free", "/whip/free/live");
	unsigned int n_asked = control.n_asked;
	char *path = expect_created(&asked);
	CU_ASSERT_EQUAL(control.n_asked, n_asked);
	asked.path = path;
	asked.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&asked), 200);
	settle(0);
	free(path);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(without_a_control_plane_it_is_503),
	ROW(without_credit_it_is_402),
	ROW(a_denial_does_not_touch_the_stream),
	ROW(a_client_that_leaves_is_forgotten),
	ROW(a_tenant_that_exits_meanwhile_is_seen),
	ROW(an_answer_lets_in_as_many_as_it_pays_for),
	ROW(what_cannot_wait_is_refused),
	ROW(who_is_not_billed_passes),
	CU_TEST_INFO_NULL,
};

#define PAID                                                                                       \
	"    slice: gold\n    session_bps: 1000000\n    billed: publish\n"                         \
	"    rate: { requests: 1000 }\n    budget: { monthly_micros: 1000000 }\n"                  \
	"    prices: { interaction_micros: 10000, session_interactions: 1 }\n"

#define WATCHED                                                                                    \
	"    budget: { monthly_micros: 1000000 }\n"                                                \
	"    prices: { interaction_micros: 10000, session_interactions: 1 }\n"

static int start(void)
{
	char path[512];
	if (start_with("slices:\n  - { id: gold, guaranteed_bps: 10000000 }\n"
		       "tenants:\n" TENANT("paid", PAID) TENANT("free", "")
			       TENANT("watched", WATCHED) TENANT_OTHER))
		return 1;
	/* A book that writes down, in place of what control: none has. */
	account_book_destroy(node->accounts);
	snprintf(path, sizeof(path), "%s/journal.db", folder);
	if (journal_open(path, &node->journal))
		return 1;
	node->accounts = account_book_create(node);
	if (!node->accounts)
		return 1;
	node->accounts->reach.ask = play_ask;
	node->accounts->reach.has_control = play_has_control;
	return 0;
}

static int stop_all(void)
{
	session_terminate_all(node->sessions, REASON_OPERATOR);
	settle(0);
	account_book_destroy(node->accounts);
	node->accounts = NULL;
	journal_close(node->journal);
	node->journal = NULL;
	remove_file("journal.db");
	remove_file("journal.db-wal");
	remove_file("journal.db-shm");
	return stop();
}

TEST_MAIN_WITH("gates_budget", tests, start, stop_all)
