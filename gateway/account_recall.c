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

static void collected(struct account_session *account)
{
	struct account_book *book = account->book;
	struct account_entry *entry = account->tenant->book_entry;
	for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
		struct purse *purse = &account->purses[kind];
		if (purse->is_collecting && purse->record.is_open)
			purse_cut(entry, purse, kind, account_used_ns(account, kind));
		purse->is_collecting = false;
	}
	for (enum account a = 0; a < ACCOUNTS; a++) {
		settle_recall(entry, a);
		account_distribute(book, entry, a);
	}
}

static void on_collected(void *context)
{
	struct account_session *account = context;
	if (--account->reclaims > 0)
		return;
	if (account->session)
		collected(account);
	else
		account_free(account);
}

void account_collect(struct account_session *account, uint8_t kinds)
{
	const struct account_reach *reach = &account->book->reach;
	bool is_begun = false;
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
		for (enum meter_kind kind = 0; account_is_live(account) && kind < METER_KINDS;
		     kind++) {
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

/* From one session after the other, until it will do. */
static void revoke(struct account_entry *entry, enum account of, int64_t amount)
{
	struct account_session *account, *next;
	TAILQ_FOREACH_SAFE(account, &entry->sessions, of_tenant, next)
	{
		uint8_t kinds = 0;
		for (enum meter_kind kind = 0; account_is_live(account) && kind < METER_KINDS;
		     kind++) {
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
	}
}

int64_t account_recall(struct account_book *book, struct tenant *tenant, enum account account,
		       int64_t amount, bool is_revoked)
{
	struct account_entry *entry = account_entry_of(book, tenant);
	struct quota *quota = &tenant->quotas[account];
	if (!entry)
		return quota_return(quota, amount);
	entry->accounts[account].recalled = amount;
	settle_recall(entry, account);
	if (is_revoked && entry->accounts[account].recalled > 0)
		revoke(entry, account, entry->accounts[account].recalled);
	else if (entry->accounts[account].recalled > 0)
		account_squeeze(entry, account);
	return quota->returned_total;
}
