/* Gate 17: what a session needs to begin is set aside, in full, or nothing is. */
#include <errno.h>
#include <stdlib.h>

#include "gateway/account_private.h"
#include "gateway/node.h"

bool account_bills(const struct account_session *account)
{
	enum policy_billed billed = policy_billed(&account->tenant->config->policy);
	return account->book->journal &&
	       (billed == BILLED_BOTH ||
		billed == (account->is_publisher ? BILLED_PUBLISH : BILLED_PLAY));
}

static struct account_session *create(struct account_book *book, struct account_entry *entry)
{
	struct account_session *account = calloc(1, sizeof(*account));
	if (!account)
		return NULL;
	account->book = book;
	account->tenant = entry->tenant;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		account->purses[kind].is_unlimited = true;
		account->purses[kind].credit_ns = METER_UNLIMITED;
		account->purses[kind].short_of = ACCOUNTS;
	}
	TAILQ_INSERT_TAIL(&book->sessions, account, of_book);
	TAILQ_INSERT_TAIL(&entry->sessions, account, of_tenant);
	entry->n_sessions++;
	return account;
}

/* The price of admission, in full or not at all. */
static enum account lend_admission(struct account_session *account)
{
	const struct policy *policy = &account->tenant->config->policy;
	struct quota *credit = &account->tenant->quotas[ACCOUNT_CREDIT];
	account->admission_interactions = policy->prices.session_interactions;
	account->admission_price_micros = policy->prices.interaction_micros;
	int64_t micros =
		usage_cost_ceil(USAGE_INTERACTION, (int64_t)account->admission_interactions * 1000,
				account->admission_price_micros);
	if (credit->is_unlimited || micros == 0)
		return ACCOUNTS;
	if (quota_lend(credit, micros))
		return ACCOUNT_CREDIT;
	account->admission_micros = micros;
	return ACCOUNTS;
}

bool account_lend_kind(struct account_session *account, enum meter_kind kind, int64_t ms)
{
	struct account_entry *entry = account->tenant->book_entry;
	struct purse *purse = &account->purses[kind];
	purse->is_unlimited = !account->is_billed || !purse_is_limited(entry, kind);
	purse->credit_ns = purse->is_unlimited ? METER_UNLIMITED : 0;
	purse->record.usage.price_micros = entry->price_micros[kind];
	return purse->is_unlimited || purse_lend(entry, purse, kind, ms) > 0;
}

/* The first chunks: of video and a reserve of voice, or of voice alone. Returns the account that
 * keeps the session out, or ACCOUNTS. */
static enum account lend_first(struct account_session *account, uint8_t kinds)
{
	struct account_entry *entry = account->tenant->book_entry;
	enum account missing = lend_admission(account);
	if (missing != ACCOUNTS)
		return missing;
	bool has_video =
		kinds & account_kind_bit(METER_VIDEO) &&
		account_lend_kind(account, METER_VIDEO, purse_chunk_ms(entry, METER_VIDEO));
	bool has_voice = kinds & account_kind_bit(METER_VOICE) &&
			 account_lend_kind(account, METER_VOICE,
					   has_video ? ACCOUNT_RESERVE_MS
						     : purse_chunk_ms(entry, METER_VOICE));
	if (has_video)
		return ACCOUNTS;
	if (!(kinds & account_kind_bit(METER_VIDEO)))
		return has_voice ? ACCOUNTS : account->purses[METER_VOICE].short_of;
	return account->purses[METER_VIDEO].short_of;
}

/* Voice alone will do, if the ladder lets video fall to it. */
static bool may_go_without_video(const struct account_session *account, enum account missing)
{
	return account->purses[METER_VOICE].credit_ns > 0 &&
	       account->purses[METER_VIDEO].short_of == missing &&
	       policy_rung(&account->tenant->config->policy, missing) == RUNG_VOICE;
}

static int64_t need_of(const struct account_session *account, enum account of)
{
	int64_t need = purse_chunk_amount(account->tenant->book_entry, of);
	if (of == ACCOUNT_CREDIT)
		need += usage_cost_ceil(USAGE_INTERACTION,
					(int64_t)account->admission_interactions * 1000,
					account->admission_price_micros);
	return need;
}

/* So that the next session need not wait for the control plane. */
static void ask_ahead(struct account_session *account)
{
	for (enum account a = 0; a < ACCOUNTS; a++) {
		const struct quota *quota = &account->tenant->quotas[a];
		int64_t need = need_of(account, a);
		if (!quota->is_unlimited && quota_free(quota) < need)
			account_ask(account->book, account->tenant->book_entry, a, need);
	}
}

/* What the stream has; of one that is to be published nothing is known yet. */
static uint8_t kinds_of(const struct account_book *book, const struct account_request *request)
{
	const struct stream *stream =
		request->is_publisher
			? NULL
			: stream_find(book->node->streams, request->tenant->id, request->stream);
	uint8_t kinds = 0;
	for (unsigned int i = 0; stream && i < stream->n_feeds; i++)
		kinds |= account_kind_bit(account_kind_of(stream->kinds[i].codec));
	return kinds ? kinds : ACCOUNT_KINDS_ALL;
}

int account_open(struct account_book *book, const struct account_request *request,
		 struct account_session **out)
{
	struct tenant *tenant = request->tenant;
	struct account_entry *entry = account_entry_of(book, tenant);
	struct account_session *account = entry ? create(book, entry) : NULL;
	if (!account)
		return -EAGAIN;
	account->is_publisher = request->is_publisher;
	account->is_billed = account_bills(account);
	enum account missing =
		account->is_billed ? lend_first(account, kinds_of(book, request)) : ACCOUNTS;
	enum account_asked asked = ASKED;
	if (missing != ACCOUNTS)
		asked = account_ask(book, entry, missing, need_of(account, missing));
	if (missing == ACCOUNTS ||
	    (asked == ASKED_IN_VAIN && may_go_without_video(account, missing))) {
		if (account->is_billed)
			ask_ahead(account);
		*out = account;
		return 0;
	}
	account_discard(account);
	if (asked == ASKED_IN_VAIN && !account_squeeze(entry, missing))
		return -EDQUOT;
	return asked == ASKED_NOBODY ? -EAGAIN : account_wait(book, request);
}

void account_empty(struct account_session *account, enum meter_kind kind)
{
	struct purse *purse = &account->purses[kind];
	purse->record.base_ms = 0;
	if (!purse->is_unlimited)
		purse_cut(account->tenant->book_entry, purse, kind, 0);
}

void account_discard(struct account_session *account)
{
	if (!account)
		return;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++)
		account_empty(account, kind);
	quota_settle(&account->tenant->quotas[ACCOUNT_CREDIT], account->admission_micros, 0);
	account_leave(account);
}
