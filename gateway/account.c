/* The book of accounts: sessions from gate 17 to the meter's last word. A session's account is
 * opened by the gate with its first chunks, bound when its transport is there, and closed when that
 * is gone; until then its loans and records are its own. What it does to workers, control plane
 * and session goes through `reach`. */
#include "gateway/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/log.h"
#include "gateway/account_private.h"
#include "gateway/node.h"
#include "media/plane.h"

struct account_book *account_book_create(struct node *node)
{
	struct account_book *book = calloc(1, sizeof(*book));
	if (!book)
		return NULL;
	book->node = node;
	book->journal = node->journal;
	book->reach = account_reach_node;
	book->is_alone = true;
	TAILQ_INIT(&book->entries);
	TAILQ_INIT(&book->sessions);
	TAILQ_INIT(&book->waiters);
	TAILQ_INIT(&book->woken);
	TAILQ_INIT(&book->questions);
	return book;
}

void account_book_destroy(struct account_book *book)
{
	struct account_entry *entry;
	if (!book)
		return;
	account_quota_stop(book);
	while ((entry = TAILQ_FIRST(&book->entries))) {
		TAILQ_REMOVE(&book->entries, entry, link);
		account_recall_stop(entry);
		entry->tenant->book_entry = NULL;
		free(entry);
	}
	free(book);
}

uint64_t account_used_ns(const struct account_session *account, enum meter_kind kind)
{
	const struct session *session = account->session;
	return session && session->transport ? meter_used_ns(&session->transport->meter, kind) : 0;
}

bool account_is_live(const struct account_session *account)
{
	return account->session && account->session->state != SESSION_TERMINATED;
}

bool account_has_live_video(const struct account_session *account, enum meter_kind kind)
{
	return kind == METER_VOICE && account->purses[METER_VIDEO].has_kind &&
	       !(account->fallen & account_kind_bit(METER_VIDEO));
}

void account_free(struct account_session *account)
{
	free(account);
}

void account_leave(struct account_session *account)
{
	struct account_entry *entry = account->tenant->book_entry;
	TAILQ_REMOVE(&account->book->sessions, account, of_book);
	TAILQ_REMOVE(&entry->sessions, account, of_tenant);
	entry->n_sessions--;
	account->session = NULL;
	if (account->reclaims == 0)
		account_free(account);
}

enum meter_kind account_kind_of(enum codec codec)
{
	return codec_row(codec)->kind == MEDIA_VIDEO ? METER_VIDEO : METER_VOICE;
}

static void find_kinds(struct account_session *account, const struct transport *transport)
{
	for (unsigned int i = 0; i < transport->n_tracks; i++)
		account->purses[account_kind_of(transport->tracks[i].config.codec)].has_kind = true;
	for (unsigned int i = 0; i < transport->n_subscriptions; i++) {
		enum codec codec = transport->subscriptions[i].config.feed->codec;
		account->purses[account_kind_of(codec)].has_kind = true;
	}
}

/* What the gate set aside is lent once more, to the tenant as it is now: a counter-offer waits for
 * its answer. What the stream does not have is given back; what it has and nobody pays for is lost
 * from the start. Voice without video gets a whole chunk, beside it the reserve will do. */
static void start_purse(struct account_session *account, enum meter_kind kind)
{
	struct account_entry *entry = account->tenant->book_entry;
	struct purse *purse = &account->purses[kind];
	bool is_beside_video = account_has_live_video(account, kind);
	account_empty(account, kind);
	if (!purse->has_kind)
		return;
	bool is_paid = account_lend_kind(
		account, kind, is_beside_video ? ACCOUNT_RESERVE_MS : purse_chunk_ms(entry, kind));
	record_open(account, kind, account->book->reach.utc_ms());
	if (!is_paid && !is_beside_video) {
		account->fallen |= account_kind_bit(kind);
		account->fallen_by[kind] = purse->short_of;
	}
}

static void start_kind(struct account_session *account, enum meter_kind kind, struct meter *meter)
{
	struct purse *purse = &account->purses[kind];
	start_purse(account, kind);
	purse->told_ns = purse->credit_ns;
	meter_set_credit(meter, kind, purse->credit_ns);
}

void account_bind(struct account_session *account, struct session *session)
{
	uint64_t now_ns = account->book->reach.now_ns();
	account->session = session;
	find_kinds(account, session->transport);
	record_admission(account);
	if (account->tenant->config)
		account->is_billed = account_bills(account);
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++)
		start_kind(account, kind, &session->transport->meter);
	account->checkpoint_ns = now_ns + ACCOUNT_CHECKPOINT_NS;
	account->rise_ns = now_ns + ACCOUNT_RISE_NS;
	account->held_told = account->fallen;
	meter_set_held(&session->transport->meter, account->fallen);
}

void account_on_connected(struct account_session *account)
{
	if (!account || account->is_connected)
		return;
	account->is_connected = true;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++)
		account_push_credit(account, kind);
	account_push_held(account);
	if (account->is_paused)
		account_collect(account, ACCOUNT_KINDS_ALL);
}

void account_on_message(struct session *session, const struct message *message)
{
	struct account_session *account = session->account;
	enum meter_kind kind = (enum meter_kind)message->word;
	if (!account || session->state == SESSION_TERMINATED)
		return;
	struct purse *purse = &account->purses[kind];
	bool is_out = message->type == MESSAGE_CREDIT_OUT;
	uint64_t enough_ns = message->a + (is_out ? 0 : METER_LOW_NS);
	/* More may have been lent while the message was on its way. */
	if (purse->is_unlimited || (purse->credit_ns > enough_ns && !purse->is_collecting))
		return;
	purse->is_low = true;
	purse->is_out |= is_out;
	account_top_up(account, kind);
}

void account_hold(struct account_session *account, bool is_held)
{
	if (!account || account->is_paused == is_held)
		return;
	account->is_paused = is_held;
	if (is_held) {
		account_push_held(account);
		account_collect(account, ACCOUNT_KINDS_ALL);
		return;
	}
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		if (!(account->fallen & account_kind_bit(kind)))
			account_top_up(account, kind);
	}
	account->rise_ns = 0;
	account_push_held(account);
}

int account_may_resume(const struct account_session *account)
{
	const struct account_entry *entry = account->tenant->book_entry;
	int rc = 0;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		const struct purse *purse = &account->purses[kind];
		if (!purse->has_kind)
			continue;
		if (purse->is_unlimited || !purse_is_scarce(entry, kind) ||
		    purse_lendable_ms(entry, kind) > 0)
			return 0;
		rc = -EDQUOT;
	}
	return rc;
}

void account_close(struct account_session *account)
{
	if (!account)
		return;
	if (!account->session) {
		account_discard(account);
		return;
	}
	int64_t now_ms = account->book->reach.utc_ms();
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++)
		record_close(account, kind, now_ms);
	account_leave(account);
}

static void tick_records(struct account_session *account, uint64_t now_ns)
{
	int64_t now_ms = account->book->reach.utc_ms();
	bool is_due = now_ns >= account->checkpoint_ns;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		const struct account_record *record = &account->purses[kind].record;
		if (!record->is_open)
			continue;
		if (now_ms - record->usage.opened_at_ms >= ACCOUNT_RECORD_MS_MAX)
			record_renew(account, kind,
				     record->usage.opened_at_ms + ACCOUNT_RECORD_MS_MAX);
		else if (is_due)
			record_checkpoint(account, kind);
	}
	if (is_due)
		account->checkpoint_ns = now_ns + ACCOUNT_CHECKPOINT_NS;
}

static void tick_session(struct account_session *account, uint64_t now_ns)
{
	const struct tenant_config *config = account->tenant->config;
	uint64_t max_s = config ? config->policy.session_seconds_max : 0;
	if (max_s && now_ns >= account->session->created_ns + max_s * 1000000000ull) {
		account->book->reach.terminate(account->session, REASON_EXPIRED);
		return;
	}
	tick_records(account, now_ns);
	if (now_ns >= account->rise_ns && account->is_paused)
		account_inquire(account);
	else if (now_ns >= account->rise_ns && account->fallen)
		account_rise(account);
}

void account_tick(struct account_book *book, uint64_t now_ns)
{
	struct account_session *account, *next;
	TAILQ_FOREACH_SAFE(account, &book->sessions, of_book, next)
	{
		if (account_is_live(account))
			tick_session(account, now_ns);
	}
	account_quota_tick(book, now_ns);
}

/* A record is of one price, one split, one set of limits. */
static bool is_outdated(const struct account_session *account, enum meter_kind kind)
{
	const struct account_entry *entry = account->tenant->book_entry;
	const struct account_record *record = &account->purses[kind].record;
	enum account own = account_of_kind(kind);
	if (!record->is_open)
		return false;
	return record->usage.price_micros != entry->price_micros[kind] ||
	       strcmp(record->usage.split, entry->split) != 0 ||
	       record->draws[own] == account->tenant->quotas[own].is_unlimited ||
	       record->draws[ACCOUNT_CREDIT] ==
		       account->tenant->quotas[ACCOUNT_CREDIT].is_unlimited;
}

static void follow_policy(struct account_session *account, int64_t now_ms)
{
	bool was_billed = account->is_billed;
	account->is_billed = account_bills(account);
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		if (account->is_billed != was_billed || is_outdated(account, kind))
			record_renew(account, kind, now_ms);
	}
}

void account_follow(struct account_entry *entry)
{
	struct account_session *account, *next;
	TAILQ_FOREACH_SAFE(account, &entry->sessions, of_tenant, next)
	{
		if (account_is_live(account))
			follow_policy(account, account->book->reach.utc_ms());
	}
}

void account_on_tenant(struct account_book *book, struct tenant *tenant)
{
	struct account_entry *entry = account_entry_of(book, tenant);
	if (!entry)
		return;
	account_entry_read(book, entry);
	account_follow(entry);
	for (enum account a = 0; a < ACCOUNTS; a++)
		account_distribute(book, entry, a);
}

json_t *account_describe(const struct tenant *tenant)
{
	json_t *accounts = json_object();
	for (enum account a = 0; a < ACCOUNTS; a++) {
		const struct quota *quota = &tenant->quotas[a];
		json_object_set_new(
			accounts, account_names[a],
			json_pack("{s:b, s:I, s:I, s:I, s:I}", "unlimited", quota->is_unlimited,
				  "granted", (json_int_t)quota->granted_total, "returned",
				  (json_int_t)quota->returned_total, "used",
				  (json_int_t)quota->used_total, "lent", (json_int_t)quota->lent));
	}
	return accounts;
}
