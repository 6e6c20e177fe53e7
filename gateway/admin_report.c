#include "gateway/admin_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/log.h"
#include "conf/usage.h"
#include "gateway/admin_private.h"
#include "gateway/node.h"
#include "slices/journal.h"
#include "slices/tenant.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 2000
#define GATHER_MS    50 /* after a batch, so that the next is not of one */

static void pump(struct admin_report *report);

static gboolean on_timer(gpointer context)
{
	struct admin_report *report = context;
	report->timer = 0;
	pump(report);
	return G_SOURCE_REMOVE;
}

static void pump_later(struct admin_report *report, unsigned int ms)
{
	report->timer = g_timeout_add(ms, on_timer, report);
}

static void retry_later(struct admin_report *report)
{
	report->failures++;
	if (report->timer || !report->admin->has_snapshot)
		return;
	pump_later(report, report->pause_ms);
	report->pause_ms = MIN(report->pause_ms * 2, PAUSE_MAX_MS);
}

/* NULL: it was not in this report. */
static const struct usage_record *find_record(const struct admin_report *report, const char *id)
{
	for (unsigned int i = 0; id && i < report->n_records; i++)
		if (strcmp(report->records[i].id, id) == 0)
			return &report->records[i];
	return NULL;
}

/* The ledger will never take it: all that is left of it is this line. */
static void log_refused(const struct admin_report *report, const char *id)
{
	const struct usage_record *found = find_record(report, id);
	json_t *record = found ? usage_write(found) : NULL;
	char *text = record ? json_dumps(record, JSON_COMPACT) : NULL;
	if (found)
		log_error(LOG_ADMIN, "the ledger refuses a usage record", "\"record\":%s",
			  text ? text : "null");
	free(text);
	json_decref(record);
}

/* A key that was committed at two nodes, in turns, is one row, and one of them has paid for it:
 * what this one set aside is free again, once, since its record is forgotten with that. Earlier
 * boots' grants are void as a whole. */
static void refund(const struct admin_report *report, const json_t *list)
{
	const struct node *node = report->admin->node;
	size_t i;
	json_t *value;
	json_array_foreach(list, i, value)
	{
		const struct usage_record *record = find_record(report, json_string_value(value));
		if (!record || record->unit == USAGE_MINUTE ||
		    record->ungranted & (1u << ACCOUNT_CREDIT) ||
		    strcmp(record->boot, journal_boot(node->journal)) != 0)
			continue;
		struct tenant *tenant =
			tenant_find(node->tenants, record->tenant, strlen(record->tenant));
		if (tenant)
			quota_refund(&tenant->quotas[ACCOUNT_CREDIT], record->cost_micros);
	}
}

/* Forgets the records of a list; returns how many there are. */
static unsigned int forget(struct admin_report *report, const json_t *list, bool is_refused)
{
	struct journal *journal = report->admin->node->journal;
	unsigned int n = 0;
	size_t i;
	json_t *value;
	json_array_foreach(list, i, value)
	{
		const char *id = json_string_value(value);
		if (!id)
			continue;
		if (is_refused)
			log_refused(report, id);
		journal_acknowledge(journal, &id, 1);
		n++;
	}
	return n;
}

static void on_reported(void *context, const json_t *result, const struct rpc_error *error)
{
	struct admin_report *report = context;
	unsigned int n = 0;
	if (result) {
		refund(report, json_object_get(result, "elsewhere"));
		unsigned int acknowledged =
			forget(report, json_object_get(result, "acknowledged"), false);
		unsigned int refused = forget(report, json_object_get(result, "refused"), true);
		report->acknowledged += acknowledged;
		report->refused += refused;
		n = acknowledged + refused;
	}
	report->n_records = 0;
	if (n == 0) {
		if (!error || error->code != RPC_CLOSED)
			log_warn(LOG_ADMIN, "usage is not taken, and will be reported again",
				 "\"error\":\"%s\"",
				 log_escape(error ? error->message : "nothing acknowledged"));
		retry_later(report);
		return;
	}
	report->pause_ms = PAUSE_MIN_MS;
	bool is_full = journal_length(report->admin->node->journal) >= ADMIN_REPORT_RECORDS_MAX;
	if (is_full || report->timer || !report->admin->has_snapshot)
		pump(report);
	else
		pump_later(report, GATHER_MS);
}

static void report_records(struct admin_report *report)
{
	json_t *list = json_array();
	for (unsigned int i = 0; i < report->n_records; i++)
		json_array_append_new(list, usage_write(&report->records[i]));
	admin_call(report->admin, "usage.report", json_pack("{s:o}", "records", list), on_reported,
		   report);
}

static void on_recovered(void *context, const json_t *result, const struct rpc_error *error)
{
	struct admin_report *report = context;
	(void)error;
	report->is_recovering = false;
	report->has_recovered = result != NULL;
	if (!result)
		retry_later(report);
}

/* What earlier runs of this node were granted can be settled once all they used is in the ledger.
 */
static void tell_recovered(struct admin_report *report)
{
	struct journal *journal = report->admin->node->journal;
	if (report->has_recovered || report->is_recovering || journal_inherited(journal) > 0)
		return;
	report->is_recovering = true;
	admin_call(report->admin, "node.recovered",
		   json_pack("{s:s}", "boot", journal_boot(journal)), on_recovered, report);
}

static void pump(struct admin_report *report)
{
	struct journal *journal = report->admin->node->journal;
	if (!report->admin->has_snapshot || !journal || report->n_records > 0 || report->timer)
		return;
	tell_recovered(report);
	report->n_records = journal_pending(journal, report->records, ADMIN_REPORT_RECORDS_MAX);
	if (report->n_records > 0)
		report_records(report);
}

int admin_report_init(struct admin_report *report, struct admin *admin)
{
	*report = (struct admin_report){.admin = admin, .pause_ms = PAUSE_MIN_MS};
	report->records = calloc(ADMIN_REPORT_RECORDS_MAX, sizeof(*report->records));
	return report->records ? 0 : -ENOMEM;
}

void admin_report_fini(struct admin_report *report)
{
	if (report->timer)
		g_source_remove(report->timer);
	free(report->records);
	*report = (struct admin_report){0};
}

void admin_report_wake(struct admin_report *report)
{
	pump(report);
}

void admin_report_reset(struct admin_report *report)
{
	if (report->timer)
		g_source_remove(report->timer);
	report->timer = 0;
	report->pause_ms = PAUSE_MIN_MS;
	report->has_recovered = false;
}
