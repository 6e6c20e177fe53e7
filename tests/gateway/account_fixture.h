/* A node of accounts alone: a book whose workers, sessions and control plane are played by the
 * test. What control tells a worker, and what it is answered, waits until fixture_pump. Sessions
 * play packets against their real meters. */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "gateway/account_private.h"
#include "gateway/node.h"
#include "gateway/usage.h"
#include "slices/journal.h"
#include "tests/cunit.h"

#define FIXTURE_QUEUE_MAX    4096
#define FIXTURE_SESSIONS_MAX 16
#define FIXTURE_VIDEO_GAP_NS 33000000ull
#define FIXTURE_VOICE_GAP_NS 20000000ull

enum fixture_verb { VERB_CREDIT, VERB_HELD, VERB_BARRIER, VERB_ASKED };

struct fixture_item {
	enum fixture_verb verb;
	struct session *session;
	enum meter_kind kind;
	uint64_t value;
	void (*done)(void *context);
	void *context;
	struct account_wish wish;
};

struct fixture_player {
	struct session session;
	struct meter_clock clocks[METER_KINDS];
	uint64_t due_ns[METER_KINDS];
	uint8_t kinds;
};

static struct fixture {
	struct node node;
	struct tenant tenant;
	struct tenant_config config;
	struct stream *stream;
	struct fixture_player players[FIXTURE_SESSIONS_MAX];
	unsigned int n_players, n_ids;
	struct fixture_item queue[FIXTURE_QUEUE_MAX];
	unsigned int n_queued;
	uint64_t now_ns;
	/* the control plane */
	bool has_control, is_silent; /* silent: says that its store is away */
	bool is_mute;                /* never answers */
	bool is_unlimited;           /* knows of no limit */
	int64_t available[ACCOUNTS], granted[ACCOUNTS];
	unsigned int questions, readies;
	char folder[64];
} fixture;

static inline void fixture_push(struct fixture_item item)
{
	CU_ASSERT_FATAL(fixture.n_queued < FIXTURE_QUEUE_MAX);
	fixture.queue[fixture.n_queued++] = item;
}

static inline void fixture_set_credit(struct session *session, enum meter_kind kind,
				      uint64_t credit_ns)
{
	fixture_push((struct fixture_item){
		.verb = VERB_CREDIT, .session = session, .kind = kind, .value = credit_ns});
}

static inline void fixture_set_held(struct session *session, uint8_t held)
{
	fixture_push((struct fixture_item){.verb = VERB_HELD, .session = session, .value = held});
}

static inline int fixture_barrier(struct session *session, void (*done)(void *context),
				  void *context)
{
	fixture_push((struct fixture_item){
		.verb = VERB_BARRIER, .session = session, .done = done, .context = context});
	return 0;
}

static inline void fixture_terminate(struct session *session, enum session_reason reason)
{
	session->state = SESSION_TERMINATED;
	session->reason = reason;
}

static inline bool fixture_ask(struct account_book *book, const struct account_wish *wish)
{
	(void)book;
	if (!fixture.has_control)
		return false;
	fixture.questions++;
	if (fixture.is_mute)
		return true;
	fixture_push((struct fixture_item){.verb = VERB_ASKED, .wish = *wish});
	return true;
}

static inline bool fixture_has_control(struct account_book *book)
{
	(void)book;
	return fixture.has_control;
}

static inline uint64_t fixture_now_ns(void)
{
	return fixture.now_ns;
}

static inline int64_t fixture_utc_ms(void)
{
	return (int64_t)(fixture.now_ns / 1000000);
}

static const struct account_reach fixture_reach = {
	.set_credit = fixture_set_credit,
	.set_held = fixture_set_held,
	.barrier = fixture_barrier,
	.terminate = fixture_terminate,
	.ask = fixture_ask,
	.has_control = fixture_has_control,
	.now_ns = fixture_now_ns,
	.utc_ms = fixture_utc_ms,
};

/* As the store grants (conf/store.h). */
static inline void fixture_answer(const struct account_wish *wish)
{
	int64_t available = fixture.available[wish->account], grant = wish->comfort;
	if (fixture.is_silent) {
		account_unanswered(fixture.node.accounts, wish->tenant, wish->account);
		return;
	}
	if (grant > available / 4)
		grant = available / 4;
	if (grant < wish->wanted)
		grant = wish->wanted;
	if (grant > available)
		grant = available;
	fixture.available[wish->account] -= grant;
	fixture.granted[wish->account] += grant;
	account_answered(fixture.node.accounts, wish->tenant, wish->account,
			 fixture.granted[wish->account], fixture.is_unlimited);
}

static inline void fixture_pump(void)
{
	for (unsigned int i = 0; i < fixture.n_queued; i++) {
		struct fixture_item item = fixture.queue[i];
		struct meter *meter = item.session ? &item.session->transport->meter : NULL;
		if (item.verb == VERB_CREDIT)
			meter_set_credit(meter, item.kind, item.value);
		else if (item.verb == VERB_HELD)
			meter_set_held(meter, (uint8_t)item.value);
		else if (item.verb == VERB_BARRIER)
			item.done(item.context);
		else
			fixture_answer(&item.wish);
	}
	fixture.n_queued = 0;
}

static inline void fixture_policy(const char *text)
{
	json_error_t error;
	json_t *policy = json_loads(text, 0, &error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(policy);
	policy_free(&fixture.config.policy);
	CU_ASSERT_EQUAL_FATAL(policy_read(policy, "test", stderr, &fixture.config.policy), 0);
	json_decref(policy);
}

/* A stream of Opus and VP8. */
static inline struct stream *fixture_stream(void)
{
	struct sdp_agreement agreement = {.n_lines = 2};
	agreement.lines[0] = (struct sdp_line){.accepted = true, .feed = 0, .codec = CODEC_OPUS};
	agreement.lines[1] = (struct sdp_line){.accepted = true, .feed = 1, .codec = CODEC_VP8};
	struct stream *stream = stream_prepare(fixture.node.streams, "demo", "live", &agreement);
	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	stream_claim(stream, &agreement);
	return stream;
}

static inline void fixture_start(const char *policy)
{
	char path[96];
	fixture = (struct fixture){.has_control = true, .now_ns = 1000000000000ull};
	snprintf(fixture.folder, sizeof(fixture.folder), "/tmp/nn5g-account-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(fixture.folder));
	snprintf(path, sizeof(path), "%s/journal.db", fixture.folder);
	snprintf(fixture.tenant.id, sizeof(fixture.tenant.id), "demo");
	fixture.node.config.node.name = (char *)(uintptr_t) "here";
	CU_ASSERT_EQUAL_FATAL(policy_init(&fixture.config.policy), 0);
	fixture_policy(policy);
	fixture.config.id = fixture.tenant.id;
	fixture.tenant.config = &fixture.config;
	CU_ASSERT_EQUAL_FATAL(journal_open(path, &fixture.node.journal), 0);
	fixture.node.streams = stream_table_create(1);
	fixture.node.accounts = account_book_create(&fixture.node);
	CU_ASSERT_PTR_NOT_NULL_FATAL(fixture.node.accounts);
	fixture.node.accounts->reach = fixture_reach;
	account_on_control(fixture.node.accounts, true);
	fixture.stream = fixture_stream();
}

static inline void fixture_ready(void *context)
{
	(void)context;
	fixture.readies++;
}

static inline int fixture_open(bool is_publisher, struct account_session **out)
{
	const struct account_request request = {
		.tenant = &fixture.tenant,
		.stream = "live",
		.is_publisher = is_publisher,
		.ready = fixture_ready,
	};
	int rc = account_open(fixture.node.accounts, &request, out);
	if (rc != -EINPROGRESS)
		return rc;
	fixture_pump();
	rc = account_open(fixture.node.accounts, &request, out);
	account_forget(fixture.node.accounts, NULL);
	return rc;
}

static inline void fixture_fill(struct transport *transport, uint8_t kinds)
{
	transport->subscriptions = calloc(2, sizeof(*transport->subscriptions));
	CU_ASSERT_PTR_NOT_NULL_FATAL(transport->subscriptions);
	if (kinds & account_kind_bit(METER_VOICE))
		transport->subscriptions[transport->n_subscriptions++].config.feed =
			fixture.stream->feeds[0];
	if (kinds & account_kind_bit(METER_VIDEO))
		transport->subscriptions[transport->n_subscriptions++].config.feed =
			fixture.stream->feeds[1];
}

/* Makes a connected session of an account. */
static inline struct fixture_player *fixture_bind(struct account_session *account,
						  enum session_role role, uint8_t kinds)
{
	CU_ASSERT_FATAL(fixture.n_players < FIXTURE_SESSIONS_MAX);
	struct fixture_player *player = &fixture.players[fixture.n_players];
	struct session *session = &player->session;
	*player = (struct fixture_player){.kinds = kinds};
	snprintf(session->id, sizeof(session->id), "session%u", fixture.n_ids++);
	fixture.n_players++;
	session->role = role;
	session->epoch = 1;
	session->tenant = &fixture.tenant;
	session->stream = fixture.stream;
	session->account = account;
	session->created_ns = fixture.now_ns;
	session->transport = aligned_alloc(64, sizeof(struct transport));
	CU_ASSERT_PTR_NOT_NULL_FATAL(session->transport);
	memset(session->transport, 0, sizeof(struct transport));
	meter_init(&session->transport->meter);
	fixture_fill(session->transport, kinds);
	account_bind(account, session);
	if (role == SESSION_PUBLISHER)
		fixture.stream->publisher = session;
	else
		TAILQ_INSERT_TAIL(&fixture.stream->viewers, session, link);
	account_on_viewers(fixture.stream);
	session->state = SESSION_ACTIVE;
	account_on_connected(account);
	fixture_pump();
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++)
		player->due_ns[kind] = fixture.now_ns;
	return player;
}

/* A viewer of these kinds, or NULL: refused. */
static inline struct fixture_player *fixture_view(uint8_t kinds)
{
	struct account_session *account;
	return fixture_open(false, &account) ? NULL : fixture_bind(account, SESSION_VIEWER, kinds);
}

static inline void fixture_leave(struct fixture_player *player)
{
	struct session *session = &player->session;
	if (!session->account)
		return;
	session->state = SESSION_TERMINATED;
	if (session->role == SESSION_PUBLISHER)
		fixture.stream->publisher = NULL;
	else
		TAILQ_REMOVE(&fixture.stream->viewers, session, link);
	account_on_viewers(fixture.stream);
	fixture_pump();
	account_close(session->account);
	session->account = NULL;
	fixture_pump();
	free(session->transport->subscriptions);
	free(session->transport);
}

static inline void fixture_packet(struct fixture_player *player, enum meter_kind kind)
{
	struct session *session = &player->session;
	struct meter *meter = &session->transport->meter;
	enum meter_verdict verdict =
		meter_packet(meter, &player->clocks[kind], kind, player->due_ns[kind]);
	if (verdict != METER_PASS_LOW && verdict != METER_OUT) {
		if (verdict == METER_STOPPED)
			meter_clock_reset(&player->clocks[kind]);
		return;
	}
	if (verdict == METER_OUT)
		meter_clock_reset(&player->clocks[kind]);
	account_on_message(session,
			   &(struct message){.type = verdict == METER_OUT ? MESSAGE_CREDIT_OUT
									  : MESSAGE_CREDIT_LOW,
					     .word = kind,
					     .a = meter_used_ns(meter, kind)});
	fixture_pump();
}

/* All sessions' packets of the next `ns`, in order of time. */
static inline void fixture_play(uint64_t ns)
{
	uint64_t until_ns = fixture.now_ns + ns, ticked_ns = fixture.now_ns;
	for (;;) {
		struct fixture_player *next = NULL;
		enum meter_kind kind = METER_VIDEO;
		for (unsigned int i = 0; i < fixture.n_players; i++) {
			struct fixture_player *player = &fixture.players[i];
			for (enum meter_kind k = 0; k < METER_KINDS; k++) {
				bool plays = player->session.state == SESSION_ACTIVE &&
					     player->kinds & account_kind_bit(k);
				if (!plays || (next && player->due_ns[k] >= next->due_ns[kind]))
					continue;
				next = player;
				kind = k;
			}
		}
		if (!next || next->due_ns[kind] >= until_ns)
			break;
		fixture.now_ns = next->due_ns[kind];
		fixture_packet(next, kind);
		next->due_ns[kind] +=
			kind == METER_VIDEO ? FIXTURE_VIDEO_GAP_NS : FIXTURE_VOICE_GAP_NS;
		if (fixture.now_ns - ticked_ns >= 100000000) {
			ticked_ns = fixture.now_ns;
			account_tick(fixture.node.accounts, fixture.now_ns);
			fixture_pump();
		}
	}
	fixture.now_ns = until_ns;
}

static inline void fixture_flag(void *context, int rc)
{
	CU_ASSERT_EQUAL(rc, 0);
	*(bool *)context = true;
}

/* What the journal holds, once it has written all there is. */
static inline unsigned int fixture_records(struct usage_record *records, unsigned int max)
{
	bool is_done = false;
	struct usage_record last = {.id = "the last"};
	journal_write(fixture.node.journal, &last, false, fixture_flag, &is_done);
	while (!is_done)
		g_main_context_iteration(NULL, TRUE);
	journal_drop(fixture.node.journal, "the last");
	return journal_pending(fixture.node.journal, records, max);
}

static inline int64_t fixture_sum(enum usage_kind kind, int64_t *cost_micros)
{
	static struct usage_record records[1024];
	unsigned int n = fixture_records(records, 1024);
	int64_t quantity_ms = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (records[i].kind == kind)
			quantity_ms += records[i].quantity_ms;
		if (cost_micros)
			*cost_micros += records[i].cost_micros;
	}
	return quantity_ms;
}

static inline void fixture_stop(void)
{
	char command[128];
	for (unsigned int i = 0; i < fixture.n_players; i++)
		fixture_leave(&fixture.players[i]);
	for (enum account a = 0; a < ACCOUNTS; a++)
		CU_ASSERT_EQUAL(fixture.tenant.quotas[a].lent, 0);
	stream_release(fixture.stream);
	stream_table_destroy(fixture.node.streams);
	account_book_destroy(fixture.node.accounts);
	journal_close(fixture.node.journal);
	policy_free(&fixture.config.policy);
	snprintf(command, sizeof(command), "rm -rf '%s'", fixture.folder);
	CU_ASSERT_EQUAL(system(command), 0);
}
