/* What happens when a purse runs out: more is lent, or asked for, or the session falls as its
 * tenant's ladder says: video -> voice -> text, or the end. Who fell tries to rise again when the
 * tenant changes, a grant comes, and every ten seconds. A publisher follows its viewers: what none
 * of them can get need not be sent. */
#include "conf/log.h"
#include "gateway/account_private.h"
#include "gateway/events.h"

static const char *const reasons[ACCOUNTS + 1] = {
	[ACCOUNT_CREDIT] = "the credit is used up",
	[ACCOUNT_VIDEO] = "the video minutes are used up",
	[ACCOUNT_VOICE] = "the voice minutes are used up",
	[ACCOUNTS] = "none of the stream's viewers may receive it",
};

void account_push_credit(struct account_session *account, enum meter_kind kind)
{
	struct purse *purse = &account->purses[kind];
	uint64_t credit_ns =
		purse->is_collecting ? account_used_ns(account, kind) : purse->credit_ns;
	if (!account->is_connected || credit_ns == purse->told_ns)
		return;
	purse->told_ns = credit_ns;
	account->book->reach.set_credit(account->session, kind, credit_ns);
}

void account_push_held(struct account_session *account)
{
	uint8_t held = account->fallen | account->follows;
	if (account->is_paused)
		held = ACCOUNT_KINDS_ALL;
	if (!account->is_connected || held == account->held_told)
		return;
	account->held_told = held;
	account->book->reach.set_held(account->session, held);
}

static void tell_down(struct account_session *account, uint8_t kinds, enum account by)
{
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		if (kinds & account_kind_bit(kind))
			events_limit_downgraded(account->session, kind, by, reasons[by]);
	}
}

static void tell_up(struct account_session *account, uint8_t kinds)
{
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		if (kinds & account_kind_bit(kind))
			events_limit_upgraded(account->session, kind);
	}
}

static uint8_t kinds_of(const struct account_session *account)
{
	uint8_t kinds = 0;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		if (account->purses[kind].has_kind)
			kinds |= account_kind_bit(kind);
	}
	return kinds;
}

static enum policy_rung rung_of(const struct account_session *account, enum account by)
{
	const struct tenant_config *config = account->tenant->config;
	return config ? policy_rung(&config->policy, by) : RUNG_DENY;
}

void account_fall(struct account_session *account, enum meter_kind kind, enum account by)
{
	enum policy_rung rung = rung_of(account, by);
	if (rung == RUNG_DENY) {
		account->book->reach.terminate(account->session, REASON_COST_LIMIT);
		return;
	}
	uint8_t lost = rung == RUNG_TEXT ? ACCOUNT_KINDS_ALL : account_kind_bit(kind);
	lost &= kinds_of(account) & (uint8_t)~account->fallen;
	account->fallen |= lost;
	for (enum meter_kind k = 0; k < METER_KINDS; k++) {
		if (!(lost & account_kind_bit(k)))
			continue;
		account->fallen_by[k] = by;
		account->purses[k].is_low = account->purses[k].is_out = false;
	}
	account->rise_ns = account->book->reach.now_ns() + ACCOUNT_RISE_NS;
	account_push_held(account);
	tell_down(account, lost, by);
	log_info(LOG_ACCOUNT, "downgraded",
		 "\"session\":\"%.8s\",\"tenant\":\"%s\",\"kinds\":%u,\"cause\":\"%s\"",
		 account->session->id, account->tenant->id, lost, reasons[by]);
	account_collect(account, lost);
	account_top_up(account, METER_VOICE);
	account_on_viewers(account->session->stream);
}

/* Voice that video carries needs little of its own. */
static int64_t wanted_ms(const struct account_session *account, enum meter_kind kind)
{
	if (account_has_live_video(account, kind) && account_used_ns(account, kind) == 0)
		return ACCOUNT_RESERVE_MS;
	return purse_chunk_ms(account->tenant->book_entry, kind);
}

void account_top_up(struct account_session *account, enum meter_kind kind)
{
	struct account_book *book = account->book;
	struct account_entry *entry = account->tenant->book_entry;
	struct purse *purse = &account->purses[kind];
	bool is_held = account->is_paused || account->fallen & account_kind_bit(kind);
	if (!purse->has_kind || purse->is_unlimited || is_held || !account_is_live(account))
		return;
	if (purse->is_collecting) {
		purse->is_low = true; /* served once that is back */
		return;
	}
	int64_t wanted = wanted_ms(account, kind), got = purse_lend(entry, purse, kind, wanted);
	if (got > 0) {
		purse->is_out = false;
		account_push_credit(account, kind);
	}
	purse->is_low = got < wanted;
	if (got == wanted)
		return;
	enum account_asked asked = account_ask(book, entry, purse->short_of,
					       purse_chunk_amount(entry, purse->short_of));
	if (purse->is_out && asked != ASKED && !account_squeeze(entry, purse->short_of))
		account_fall(account, kind, purse->short_of);
}

/* Text only, and the kind itself does not draw on the account that took it: it comes back when that
 * could pay for a second again. */
static bool may_raise(struct account_session *account, enum meter_kind kind)
{
	struct account_entry *entry = account->tenant->book_entry;
	enum account by = account->fallen_by[kind];
	const struct quota *quota = &account->tenant->quotas[by];
	int64_t chunk = purse_chunk_amount(entry, by);
	if (!account->is_billed || quota->is_unlimited || purse_draws_on(entry, kind, by) ||
	    quota_lendable(quota) >= chunk / (ACCOUNT_CHUNK_MS / ACCOUNT_RISE_MS))
		return true;
	account_ask(account->book, entry, by, chunk);
	return false;
}

/* At least a second of a kind that was lost, or nothing. */
static bool raise_kind(struct account_session *account, enum meter_kind kind)
{
	struct account_entry *entry = account->tenant->book_entry;
	struct purse *purse = &account->purses[kind];
	uint64_t used_ns = account_used_ns(account, kind);
	if (purse->is_collecting || !may_raise(account, kind))
		return false;
	if (!purse->is_unlimited) {
		purse_lend(entry, purse, kind, purse_chunk_ms(entry, kind));
		if (purse->short_of != ACCOUNTS &&
		    purse_unused_ms(purse, used_ns) < ACCOUNT_RISE_MS) {
			purse_cut(entry, purse, kind, used_ns);
			account_ask(account->book, entry, purse->short_of,
				    purse_chunk_amount(entry, purse->short_of));
			return false;
		}
	}
	account->fallen &= (uint8_t)~account_kind_bit(kind);
	account_push_credit(account, kind);
	return true;
}

void account_rise(struct account_session *account)
{
	uint8_t before = account->fallen;
	if (!before || !account_is_live(account) || account->is_paused)
		return;
	account->rise_ns = account->book->reach.now_ns() + ACCOUNT_RISE_NS;
	/* Voice first: a session without it is text only. */
	if (before & account_kind_bit(METER_VOICE) && !raise_kind(account, METER_VOICE))
		return;
	if (before & account_kind_bit(METER_VIDEO))
		raise_kind(account, METER_VIDEO);
	if (account->fallen == before)
		return;
	account_push_held(account);
	tell_up(account, before & (uint8_t)~account->fallen);
	account_on_viewers(account->session->stream);
}

void account_inquire(struct account_session *account)
{
	struct account_entry *entry = account->tenant->book_entry;
	account->rise_ns = account->book->reach.now_ns() + ACCOUNT_RISE_NS;
	for (enum account a = 0; a < ACCOUNTS; a++) {
		if (!account->tenant->quotas[a].is_unlimited && entry->accounts[a].is_exhausted)
			account_ask(account->book, entry, a, purse_chunk_amount(entry, a));
	}
}

/* A kind that is lost to all viewers there are. */
static bool is_lost_to_all(const struct stream *stream, enum meter_kind kind)
{
	const struct session *viewer;
	unsigned int n = 0;
	TAILQ_FOREACH (viewer, &stream->viewers, link) {
		const struct account_session *account = viewer->account;
		if (account && !account->purses[kind].has_kind)
			continue;
		if (!account || !(account->fallen & account_kind_bit(kind)))
			return false;
		n++;
	}
	return n > 0;
}

void account_on_viewers(struct stream *stream)
{
	struct account_session *account = stream->publisher ? stream->publisher->account : NULL;
	if (!account || !account_is_live(account))
		return;
	uint8_t before = account->follows, after = 0;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		if (is_lost_to_all(stream, kind))
			after |= account_kind_bit(kind);
	}
	after &= kinds_of(account);
	account->follows = after;
	account_push_held(account);
	tell_down(account, after & (uint8_t)~before & (uint8_t)~account->fallen, ACCOUNTS);
	tell_up(account, before & (uint8_t)~after & (uint8_t)~account->fallen);
}

void account_tell_limits(struct account_session *account)
{
	for (enum meter_kind kind = 0; account && kind < METER_KINDS; kind++) {
		uint8_t bit = account_kind_bit(kind);
		if (account->fallen & bit)
			tell_down(account, bit, account->fallen_by[kind]);
		else if (account->follows & bit)
			tell_down(account, bit, ACCOUNTS);
	}
}
