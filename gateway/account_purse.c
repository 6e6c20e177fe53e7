/* Lending and settling for one kind of a session. A loan stands for the ms of stream between the
 * record's base and the end of the credit: in the kind's own account as such, in the credit account
 * as the money that many ms cost, rounded up. Cutting a loan in two, at any ms, never needs more
 * money than the whole: floor(a) + ceil(b) <= ceil(a + b). */
#include "gateway/account_private.h"

#define NS_PER_MS 1000000
#define D_MINUTE  60000 /* ms of stream in a minute_unit */

typedef __int128 wide;

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static bool is_limited(const struct account_entry *entry, enum account account)
{
	return !entry->tenant->quotas[account].is_unlimited;
}

static bool draws_money(const struct account_entry *entry, enum meter_kind kind)
{
	return is_limited(entry, ACCOUNT_CREDIT) && entry->price_micros[kind] > 0;
}

bool purse_draws_on(const struct account_entry *entry, enum meter_kind kind, enum account account)
{
	if (account == ACCOUNT_CREDIT)
		return draws_money(entry, kind);
	return account == account_of_kind(kind) && is_limited(entry, account);
}

bool purse_is_limited(const struct account_entry *entry, enum meter_kind kind)
{
	return purse_draws_on(entry, kind, account_of_kind(kind)) ||
	       purse_draws_on(entry, kind, ACCOUNT_CREDIT);
}

/* Ms of stream the loan stands for. */
static int64_t loan_ms(const struct purse *purse)
{
	return (int64_t)(purse->credit_ns / NS_PER_MS) - purse->record.base_ms;
}

static int64_t money_of(int64_t ms, int64_t price_micros)
{
	return usage_cost_ceil(USAGE_MINUTE, ms, price_micros);
}

/* The most ms that `micros` pay for. */
static int64_t payable_ms(int64_t micros, int64_t price_micros)
{
	wide ms = (wide)micros * D_MINUTE / price_micros;
	return ms > INT64_MAX ? INT64_MAX : (int64_t)ms;
}

/* Cuts `ms` down to what the account allows. */
static void clip(int64_t *ms, int64_t allowed, enum account account, enum account *short_of)
{
	if (*ms <= allowed)
		return;
	*ms = greater(allowed, 0);
	*short_of = account;
}

int64_t purse_lend(struct account_entry *entry, struct purse *purse, enum meter_kind kind,
		   int64_t want_ms)
{
	struct quota *quotas = entry->tenant->quotas;
	enum account own = account_of_kind(kind);
	int64_t price = entry->price_micros[kind], loan = loan_ms(purse), ms = want_ms;
	purse->short_of = ACCOUNTS;
	if (is_limited(entry, own))
		clip(&ms, quota_lendable(&quotas[own]), own, &purse->short_of);
	if (draws_money(entry, kind)) {
		int64_t money =
			purse->lent[ACCOUNT_CREDIT] + quota_lendable(&quotas[ACCOUNT_CREDIT]);
		clip(&ms, payable_ms(money, price) - loan, ACCOUNT_CREDIT, &purse->short_of);
		money = money_of(loan + ms, price) - purse->lent[ACCOUNT_CREDIT];
		purse->lent[ACCOUNT_CREDIT] +=
			quota_lend_up_to(&quotas[ACCOUNT_CREDIT], greater(money, 0));
	}
	if (is_limited(entry, own))
		purse->lent[own] += quota_lend_up_to(&quotas[own], ms);
	purse->credit_ns += (uint64_t)ms * NS_PER_MS;
	return ms;
}

static void give_back(struct account_entry *entry, struct purse *purse, enum account account,
		      int64_t keep)
{
	int64_t back = greater(purse->lent[account] - keep, 0);
	quota_settle(&entry->tenant->quotas[account], back, 0);
	purse->lent[account] -= back;
}

void purse_cut(struct account_entry *entry, struct purse *purse, enum meter_kind kind,
	       uint64_t used_ns)
{
	purse->credit_ns = used_ns;
	give_back(entry, purse, account_of_kind(kind), loan_ms(purse));
	give_back(entry, purse, ACCOUNT_CREDIT,
		  money_of(loan_ms(purse), purse->record.usage.price_micros));
}

void purse_settle(struct account_entry *entry, struct purse *purse, int64_t used_ms,
		  int64_t cost_micros)
{
	struct quota *quotas = entry->tenant->quotas;
	for (enum account account = 0; account < ACCOUNTS; account++) {
		int64_t used = account == ACCOUNT_CREDIT ? cost_micros : used_ms;
		if (!purse->record.draws[account])
			used = 0;
		quota_settle(&quotas[account], purse->lent[account], used);
		purse->lent[account] = 0;
	}
}

int64_t purse_unused_ms(const struct purse *purse, uint64_t used_ns)
{
	return purse->credit_ns > used_ns ? (int64_t)((purse->credit_ns - used_ns) / NS_PER_MS) : 0;
}

bool purse_is_scarce(const struct account_entry *entry, enum meter_kind kind)
{
	return entry->accounts[account_of_kind(kind)].is_exhausted ||
	       (draws_money(entry, kind) && entry->accounts[ACCOUNT_CREDIT].is_exhausted);
}

int64_t purse_lendable_ms(const struct account_entry *entry, enum meter_kind kind)
{
	const struct quota *quotas = entry->tenant->quotas;
	int64_t ms = INT64_MAX;
	if (is_limited(entry, account_of_kind(kind)))
		ms = quota_lendable(&quotas[account_of_kind(kind)]);
	if (draws_money(entry, kind))
		ms = lesser(ms, payable_ms(quota_lendable(&quotas[ACCOUNT_CREDIT]),
					   entry->price_micros[kind]));
	return ms;
}

int64_t purse_chunk_ms(const struct account_entry *entry, enum meter_kind kind)
{
	if (!purse_is_scarce(entry, kind))
		return ACCOUNT_CHUNK_MS;
	int64_t share = purse_lendable_ms(entry, kind) / (entry->n_sessions + 1);
	return lesser(greater(share, ACCOUNT_RISE_MS), ACCOUNT_CHUNK_MS);
}

int64_t purse_chunk_amount(const struct account_entry *entry, enum account account)
{
	if (account != ACCOUNT_CREDIT)
		return ACCOUNT_CHUNK_MS;
	return money_of(ACCOUNT_CHUNK_MS, greater(entry->price_micros[METER_VIDEO],
						  entry->price_micros[METER_VOICE]));
}
