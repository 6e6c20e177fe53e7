/* Credit that comes back before its session ends. Its meter gets a credit of just what it has used,
 * and behind a barrier no worker can have used more than the meter then says: what is left of the
 * loan is free again, to the ms. */
#include "gateway/account_private.h"

static void settle_recall(struct account_entry *entry, enum account account)
{
	struct quota *quota = &entry->tenant->quotas[account];
	int64_t before = quota->returned_total;
	entry->accounts[account].recalled -=
		quota_return(quota, entry->accounts[account].recalled) - before;
}

static void finish_recall(struct account_entry *entry, enum account account)
{
	void (*returned)(void *context, int64_t returned_total) = entry->accounts[account].returned;
	entry->accounts[account].returned = NULL;
	if (returned)
		returned(entry->accounts[account].returned_context,
			 entry->tenant->quotas[account].returned_total);
}

static bool is_collecting(const struct account_entry *entry)
{
	const struct account_session *account;
	TAILQ_FOREACH (account, &entry->sessions, of_tenant) {
		if (account->reclaims > 0)
			return true;
	}
	return false;
}

/* Something came back: recalls first, and their answer once nothing more is on its way. */
static void settle_recalls(struct account_entry *entry)
{
	bool is_last = !is_collecting(entry);
	for (enum account a = 0; a < ACCOUNTS; a++) {
		settle_recall(entry, a);
		if (is_last)
			finish_recall(entry, a);
	}
}

void account_recall_stop(struct account_entry *entry)
{
	for (enum account a = 0; a < ACCOUNTS; a++)
		finish_recall(entry, a);
}

static void collected(struct account_session *account)
{
	struct account_book *book = account->book;
	struct account_entry *entry = account->tenant->book_entry;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		struct purse *purse = &account->purses[kind];
		if (!purse->is_collecting)
			continue;
		purse->is_collecting = false;
		if (purse->is_unlimited) /* since then */
			account_push_credit(account, kind);
		else
			purse_cut(entry, purse, kind, account_used_ns(account, kind));
	}
	settle_recalls(entry);
	for (enum account a = 0; a < ACCOUNTS; a++)
		account_distribute(book, entry, a);
}

static void on_collected(void *context)
{
	struct account_session *account = context;
	if (--account->reclaims > 0)
		return;
	if (account->session) {
		collected(account);
		return;
	}
	settle_recalls(account->tenant->book_entry);
	account_free(account);
}

void account_collect(struct account_session *account, uint8_t kinds)
{
	const struct account_reach *reach = &account->book->reach;
	bool is_begun = false;
	if (!account->is_connected)
		return;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		struct purse *purse = &account->purses[kind];
		if (!(kinds & account_kind_bit(kind)) || purse->is_unlimited ||
		    purse->is_collecting || !purse->record.is_open)
			continue;
		purse->is_collecting = is_begun = true;
		account_push_credit(account, kind);
	}
	if (!is_begun)
		return;
	account->reclaims++;
	if (reach->barrier(account->session, on_collected, account))
		on_collected(account); /* no memory: then by our reading, which is ms old */
}

static bool can_be_told(const struct account_session *account)
{
	return account->is_connected && account_is_live(account);
}

static bool is_idle(const struct account_session *account, enum meter_kind kind)
{
	return account->is_paused || account->fallen & account_kind_bit(kind) ||
	       account_has_live_video(account, kind);
}

/* Ms of stream a purse holds of an account and has not used. */
static int64_t unused_ms(const struct account_session *account, enum meter_kind kind,
			 enum account of)
{
	const struct purse *purse = &account->purses[kind];
	if (purse->is_unlimited || purse->lent[of] == 0)
		return 0;
	return purse_unused_ms(purse, account_used_ns(account, kind));
}

bool account_squeeze(struct account_entry *entry, enum account of)
{
	struct account_session *account, *next;
	bool is_coming = false;
	TAILQ_FOREACH_SAFE(account, &entry->sessions, of_tenant, next)
	{
		uint8_t kinds = 0;
		for (enum meter_kind kind = 0; can_be_told(account) && kind < METER_KINDS; kind++) {
			if (account->purses[kind].is_collecting)
				is_coming = true;
			else if (is_idle(account, kind) && unused_ms(account, kind, of) > 0)
				kinds |= account_kind_bit(kind);
		}
		if (kinds)
			account_collect(account, kinds);
		is_coming |= kinds != 0;
	}
	return is_coming;
}

/* From one session after the other, until it will do. False: there is nothing. */
static bool revoke(struct account_entry *entry, enum account of, int64_t amount)
{
	struct account_session *account, *next;
	bool is_coming = false;
	TAILQ_FOREACH_SAFE(account, &entry->sessions, of_tenant, next)
	{
		uint8_t kinds = 0;
		for (enum meter_kind kind = 0; can_be_told(account) && kind < METER_KINDS; kind++) {
			struct purse *purse = &account->purses[kind];
			int64_t ms = unused_ms(account, kind, of);
			if (amount <= 0 || ms == 0)
				continue;
			amount -= of == ACCOUNT_CREDIT
					  ? usage_cost(USAGE_MINUTE, ms,
						       purse->record.usage.price_micros)
					  : ms;
			purse->is_low = true; /* served from what is free then, if anything */
			purse->short_of = of;
			kinds |= account_kind_bit(kind);
		}
		if (kinds)
			account_collect(account, kinds);
		is_coming |= account->reclaims > 0;
	}
	return is_coming;
}

void account_recall(struct account_book *book, const struct account_recall *recall)
{
	struct account_entry *entry = account_entry_of(book, recall->tenant);
	enum account account = recall->account;
	struct quota *quota = &recall->tenant->quotas[account];
	if (!entry) {
		recall->done(recall->context, quota_return(quota, recall->amount));
		return;
	}
	finish_recall(entry, account);
	entry->accounts[account].returned = recall->done;
	entry->accounts[account].returned_context = recall->context;
	entry->accounts[account].recalled = recall->amount;
	settle_recall(entry, account);
	int64_t left = entry->accounts[account].recalled;
	bool is_coming = left > 0 && (recall->is_revoked ? revoke(entry, account, left)
							 : account_squeeze(entry, account));
	if (!is_coming)
		finish_recall(entry, account);
}
