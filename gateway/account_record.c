/* A session's usage records: one per kind and hour, absolute counters, journaled every few seconds
 * and closed with the meter's last word. What was not used leaves no record. The ms of a record are
 * those of its kind's meter since the record before it, so that no remainder is lost between two.
 */
#include <stdio.h>
#include <string.h>

#include "conf/log.h"
#include "gateway/account_private.h"
#include "gateway/node.h"
#include "slices/journal.h"

#define NS_PER_MS 1000000

static void describe(struct account_session *account, struct usage_record *usage,
		     int64_t opened_at_ms)
{
	const struct session *session = account->session;
	const struct tenant_config *config = account->tenant->config;
	const char *stream = strchr(session->stream->key, '/') + 1;
	struct account_entry *entry = account->tenant->book_entry;
	*usage = (struct usage_record){
		.epoch = session->epoch,
		.sequence = account->sequence++,
		.opened_at_ms = opened_at_ms,
		.closed_at_ms = opened_at_ms,
	};
	snprintf(usage->tenant, sizeof(usage->tenant), "%s", account->tenant->id);
	snprintf(usage->session, sizeof(usage->session), "%s", session->id);
	snprintf(usage->split, sizeof(usage->split), "%s", entry->split);
	snprintf(usage->provider_id, sizeof(usage->provider_id), "whip:%s", stream);
	snprintf(usage->stream, sizeof(usage->stream), "%s", stream);
	snprintf(usage->slice, sizeof(usage->slice), "%s", config ? config->slice : "");
	snprintf(usage->node, sizeof(usage->node), "%s", account->book->node->config.node.name);
	usage_id(usage);
}

/* What draws on a grant of this boot says so; else the store would settle what nobody was granted.
 */
static void draw_on_grants(const struct account_session *account, struct usage_record *usage)
{
	snprintf(usage->boot, sizeof(usage->boot), "%s", journal_boot(account->book->journal));
}

void record_open(struct account_session *account, enum meter_kind kind, int64_t opened_at_ms)
{
	struct account_entry *entry = account->tenant->book_entry;
	struct account_record *record = &account->purses[kind].record;
	if (!account->is_billed)
		return;
	describe(account, &record->usage, opened_at_ms);
	record->usage.unit = USAGE_MINUTE;
	record->usage.kind = kind == METER_VIDEO ? USAGE_VIDEO : USAGE_VOICE;
	record->usage.price_micros = entry->price_micros[kind];
	record->is_open = true;
	record->written_ms = 0;
	memset(record->draws, 0, sizeof(record->draws));
	const enum account charged[] = {ACCOUNT_CREDIT, account_of_kind(kind)};
	for (size_t i = 0; i < sizeof(charged) / sizeof(charged[0]); i++) {
		record->draws[charged[i]] = !account->tenant->quotas[charged[i]].is_unlimited;
		if (record->draws[charged[i]])
			draw_on_grants(account, &record->usage);
		else
			record->usage.ungranted |= (uint8_t)(1u << charged[i]);
	}
}

static void count(struct account_session *account, enum meter_kind kind, int64_t at_ms)
{
	struct account_record *record = &account->purses[kind].record;
	int64_t used_ms = (int64_t)(account_used_ns(account, kind) / NS_PER_MS);
	record->usage.quantity_ms = used_ms - record->base_ms;
	record->usage.cost_micros =
		usage_cost(USAGE_MINUTE, record->usage.quantity_ms, record->usage.price_micros);
	record->usage.closed_at_ms = at_ms;
}

void record_checkpoint(struct account_session *account, enum meter_kind kind)
{
	struct account_record *record = &account->purses[kind].record;
	if (!record->is_open)
		return;
	count(account, kind, account->book->reach.utc_ms());
	if (record->usage.quantity_ms == record->written_ms)
		return;
	record->written_ms = record->usage.quantity_ms;
	journal_write(account->book->journal, &record->usage, false, NULL, NULL);
}

void record_close(struct account_session *account, enum meter_kind kind, int64_t closed_at_ms)
{
	struct purse *purse = &account->purses[kind];
	struct account_record *record = &purse->record;
	if (!record->is_open)
		return;
	count(account, kind, closed_at_ms);
	record->is_open = false;
	record->base_ms += record->usage.quantity_ms;
	purse_settle(account->tenant->book_entry, purse, record->usage.quantity_ms,
		     record->usage.cost_micros);
	if (record->usage.quantity_ms > 0)
		journal_write(account->book->journal, &record->usage, true, NULL, NULL);
}

/* What is left of the credit, at the present price. */
static void lend_again(struct account_session *account, enum meter_kind kind, bool was_unlimited)
{
	struct account_entry *entry = account->tenant->book_entry;
	struct purse *purse = &account->purses[kind];
	uint64_t credit_ns = purse->credit_ns;
	int64_t left_ms = (int64_t)(credit_ns / NS_PER_MS) - purse->record.base_ms;
	purse->is_unlimited = !account->is_billed || !purse_is_limited(entry, kind);
	if (purse->is_unlimited) {
		purse->credit_ns = METER_UNLIMITED;
	} else {
		if (was_unlimited)
			left_ms = purse_chunk_ms(entry, kind);
		purse->credit_ns = (uint64_t)purse->record.base_ms * NS_PER_MS;
		if (purse_lend(entry, purse, kind, left_ms) == left_ms && !was_unlimited)
			purse->credit_ns = credit_ns;
	}
	if (purse->credit_ns != credit_ns)
		account_push_credit(account, kind);
}

void record_renew(struct account_session *account, enum meter_kind kind, int64_t at_ms)
{
	struct purse *purse = &account->purses[kind];
	if (!purse->has_kind)
		return;
	bool was_unlimited = purse->is_unlimited;
	/* What was used while nobody was billed is in no record. */
	if (!purse->record.is_open)
		purse->record.base_ms = (int64_t)(account_used_ns(account, kind) / NS_PER_MS);
	record_close(account, kind, at_ms);
	record_open(account, kind, at_ms);
	lend_again(account, kind, was_unlimited);
}

void record_admission(struct account_session *account)
{
	struct account_entry *entry = account->tenant->book_entry;
	struct usage_record usage;
	int64_t micros = account->admission_micros;
	if (!account->is_billed || account->admission_interactions == 0)
		return;
	describe(account, &usage, account->book->reach.utc_ms());
	usage.unit = USAGE_INTERACTION;
	usage.kind = USAGE_NO_KIND;
	usage.quantity_ms = (int64_t)account->admission_interactions * 1000;
	usage.price_micros = account->admission_price_micros;
	usage.cost_micros = usage_cost(USAGE_INTERACTION, usage.quantity_ms, usage.price_micros);
	usage_id(&usage);
	if (micros > 0) {
		draw_on_grants(account, &usage);
		quota_settle(&entry->tenant->quotas[ACCOUNT_CREDIT], micros, usage.cost_micros);
	}
	account->admission_micros = 0;
	account->admission_interactions = 0;
	journal_write(account->book->journal, &usage, true, NULL, NULL);
}
