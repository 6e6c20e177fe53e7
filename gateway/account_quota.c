/* A tenant's quotas on this node and the control plane behind them. One question per account is in
 * flight at a time; its answer serves whoever waits, those that are out before those that are low,
 * then the fallen, then the gates. An answer that held nothing is believed for a second. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "gateway/account_private.h"

#define COMFORT_CHUNKS 6 /* asked for ahead, per session */

struct account_waiter {
	TAILQ_ENTRY(account_waiter) link;
	const struct tenant *tenant;
	void (*ready)(void *context);
	void *context;
};

struct account_entry *account_entry_of(struct account_book *book, struct tenant *tenant)
{
	struct account_entry *entry = tenant->book_entry;
	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->tenant = tenant;
	TAILQ_INIT(&entry->sessions);
	TAILQ_INSERT_TAIL(&book->entries, entry, link);
	tenant->book_entry = entry;
	account_entry_read(book, entry);
	return entry;
}

/* continue_bounded: what may be spent without the control plane. Minutes are bounded by what they
 * cost; what costs nothing has no such bound, and none is given. */
static int64_t overdraft_of(const struct account_book *book, const struct account_entry *entry,
			    const struct policy *policy, enum account account)
{
	if (!book->is_alone || policy_outage(policy) != OUTAGE_CONTINUE_BOUNDED)
		return 0;
	if (account == ACCOUNT_CREDIT)
		return policy->budget.outage_micros;
	int64_t price = entry->price_micros[account == ACCOUNT_VIDEO ? METER_VIDEO : METER_VOICE];
	return price > 0 ? (int64_t)((__int128)policy->budget.outage_micros * 60000 / price) : 0;
}

static bool is_unlimited(const struct account_book *book, const struct policy *policy,
			 enum account account)
{
	if (!book->journal)
		return true;
	switch (account) {
	case ACCOUNT_VIDEO:
		return policy->budget.video_minutes == POLICY_UNLIMITED;
	case ACCOUNT_VOICE:
		return policy->budget.voice_minutes == POLICY_UNLIMITED;
	default:
		return !policy->budget.prepaid && policy->budget.monthly_micros == POLICY_UNLIMITED;
	}
}

void account_entry_read(struct account_book *book, struct account_entry *entry)
{
	const struct tenant_config *config = entry->tenant->config;
	if (!config)
		return;
	const struct policy *policy = &config->policy;
	entry->price_micros[METER_VIDEO] = policy->prices.video_micros;
	entry->price_micros[METER_VOICE] = policy->prices.voice_micros;
	snprintf(entry->split, sizeof(entry->split), "%s", policy->split);
	for (enum account account = 0; account < ACCOUNTS; account++) {
		struct quota *quota = &entry->tenant->quotas[account];
		quota->is_unlimited = is_unlimited(book, policy, account);
		quota->overdraft_max = overdraft_of(book, entry, policy, account);
		entry->accounts[account].is_exhausted = false;
		entry->accounts[account].ask_from_ns = 0;
	}
}

enum account_asked account_ask(struct account_book *book, struct account_entry *entry,
			       enum account account, int64_t need)
{
	int64_t wanted = need - quota_free(&entry->tenant->quotas[account]);
	if (entry->accounts[account].is_asked)
		return ASKED;
	if (wanted < 1)
		wanted = 1;
	if (book->is_alone)
		return ASKED_NOBODY;
	if (book->reach.now_ns() < entry->accounts[account].ask_from_ns)
		return ASKED_IN_VAIN;
	const struct account_wish wish = {
		.tenant = entry->tenant,
		.account = account,
		.wanted = wanted,
		.comfort = wanted + need * COMFORT_CHUNKS * (entry->n_sessions + 1),
	};
	if (!book->reach.ask(book, &wish))
		return ASKED_NOBODY;
	entry->accounts[account].is_asked = true;
	entry->accounts[account].asked_ns = book->reach.now_ns();
	return ASKED;
}

static void serve(struct account_entry *entry, enum account account, bool out)
{
	struct account_session *session, *next;
	TAILQ_FOREACH_SAFE(session, &entry->sessions, of_tenant, next)
	{
		for (enum meter_kind kind = 0; kind < METER_KINDS; kind++) {
			const struct purse *purse = &session->purses[kind];
			bool waits = out ? purse->is_out : purse->is_low && !purse->is_out;
			if (waits && (purse->short_of == account || purse->short_of == ACCOUNTS))
				account_top_up(session, kind);
		}
	}
}

/* Waiters of the tenant; what they do may add new ones, which wait for the next time, and forget
 * others. */
static void wake(struct account_book *book, const struct tenant *tenant)
{
	struct account_waiter *waiter, *next;
	TAILQ_FOREACH_SAFE(waiter, &book->waiters, link, next)
	{
		if (waiter->tenant != tenant)
			continue;
		TAILQ_REMOVE(&book->waiters, waiter, link);
		TAILQ_INSERT_TAIL(&book->woken, waiter, link);
		book->n_waiters--;
	}
	while ((waiter = TAILQ_FIRST(&book->woken))) {
		TAILQ_REMOVE(&book->woken, waiter, link);
		waiter->ready(waiter->context);
		free(waiter);
	}
}

void account_distribute(struct account_book *book, struct account_entry *entry,
			enum account account)
{
	struct account_session *session, *next;
	serve(entry, account, true);
	serve(entry, account, false);
	TAILQ_FOREACH_SAFE(session, &entry->sessions, of_tenant, next)
	account_rise(session);
	wake(book, entry->tenant);
}

/* Unasked; a question that is under way gets its own answer. */
void account_grant(struct account_book *book, struct tenant *tenant, enum account account,
		   int64_t granted_total)
{
	struct account_entry *entry = account_entry_of(book, tenant);
	if (!entry || granted_total <= tenant->quotas[account].granted_total)
		return;
	entry->accounts[account].is_exhausted = false;
	entry->accounts[account].ask_from_ns = 0;
	quota_grant(&tenant->quotas[account], granted_total);
	account_distribute(book, entry, account);
}

void account_answered(struct account_book *book, struct tenant *tenant, enum account account,
		      int64_t granted_total, bool is_unlimited)
{
	struct account_entry *entry = account_entry_of(book, tenant);
	if (!entry)
		return;
	struct quota *quota = &tenant->quotas[account];
	bool is_more = granted_total > quota->granted_total || is_unlimited;
	entry->accounts[account].is_asked = false;
	entry->accounts[account].is_exhausted = !is_more;
	entry->accounts[account].recalled = 0;
	if (!is_more)
		entry->accounts[account].ask_from_ns = book->reach.now_ns() + ACCOUNT_ASK_AGAIN_NS;
	quota_grant(quota, granted_total);
	/* The store knows it first; until the feed brings it, asking again would bring the same. */
	if (is_unlimited && tenant->config) {
		quota->is_unlimited = true;
		account_follow(entry);
	}
	account_distribute(book, entry, account);
}

void account_unanswered(struct account_book *book, struct tenant *tenant, enum account account)
{
	struct account_entry *entry = account_entry_of(book, tenant);
	if (!entry)
		return;
	entry->accounts[account].is_asked = false;
	book->try_control_ns = book->reach.now_ns() + ACCOUNT_ALONE_NS;
	account_on_control(book, false);
}

static void set_alone(struct account_book *book, bool is_alone)
{
	struct account_entry *entry;
	book->is_alone = is_alone;
	TAILQ_FOREACH (entry, &book->entries, link)
		account_entry_read(book, entry);
}

void account_on_control(struct account_book *book, bool is_there)
{
	struct account_entry *entry, *next;
	if (book->is_alone != !is_there) {
		log_info(LOG_ACCOUNT, is_there ? "the control plane answers" : "on our own", NULL);
		set_alone(book, !is_there);
	}
	TAILQ_FOREACH_SAFE(entry, &book->entries, link, next)
	{
		for (enum account account = 0; account < ACCOUNTS; account++) {
			if (is_there && quota_free(&entry->tenant->quotas[account]) < 0 &&
			    !entry->tenant->quotas[account].is_unlimited)
				account_ask(book, entry, account, 0); /* covers the overdraft */
			account_distribute(book, entry, account);
		}
	}
}

int account_wait(struct account_book *book, const struct account_request *request)
{
	struct account_waiter *waiter =
		book->n_waiters < ACCOUNT_WAITERS_MAX ? calloc(1, sizeof(*waiter)) : NULL;
	if (!waiter)
		return -EAGAIN;
	waiter->tenant = request->tenant;
	waiter->ready = request->ready;
	waiter->context = request->context;
	TAILQ_INSERT_TAIL(&book->waiters, waiter, link);
	book->n_waiters++;
	return -EINPROGRESS;
}

/* Returns how many. */
static unsigned int forget_in(struct account_waiters *waiters, const void *context)
{
	struct account_waiter *waiter, *next;
	unsigned int n = 0;
	TAILQ_FOREACH_SAFE(waiter, waiters, link, next)
	{
		if (waiter->context != context)
			continue;
		TAILQ_REMOVE(waiters, waiter, link);
		free(waiter);
		n++;
	}
	return n;
}

void account_forget(struct account_book *book, void *context)
{
	book->n_waiters -= forget_in(&book->waiters, context);
	forget_in(&book->woken, context);
}

static bool is_overdue(const struct account_entry *entry, enum account account, uint64_t now_ns)
{
	return entry->accounts[account].is_asked &&
	       now_ns > entry->accounts[account].asked_ns + ACCOUNT_ANSWER_NS;
}

void account_quota_tick(struct account_book *book, uint64_t now_ns)
{
	struct account_entry *entry, *next;
	TAILQ_FOREACH_SAFE(entry, &book->entries, link, next)
	{
		for (enum account account = 0; account < ACCOUNTS; account++) {
			if (is_overdue(entry, account, now_ns))
				account_unanswered(book, entry->tenant, account);
		}
	}
	if (book->is_alone && now_ns >= book->try_control_ns && book->reach.has_control(book))
		account_on_control(book, true);
}

void account_quota_stop(struct account_book *book)
{
	struct account_waiter *waiter;
	while ((waiter = TAILQ_FIRST(&book->waiters))) {
		TAILQ_REMOVE(&book->waiters, waiter, link);
		free(waiter);
	}
	account_reach_stop(book);
}
