#include "gateway/metrics_control.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/admin.h"
#include "gateway/control_child.h"
#include "gateway/node.h"
#include "slices/journal.h"
#include "slices/tenant.h"

/* What one number is read from. */
struct reading {
	struct node *node;
	struct admin_counters admin;
	struct journal_counters journal;
};

#define ADMIN_ROW(field)                                                                           \
	static double admin_##field(const struct reading *reading)                                 \
	{                                                                                          \
		return (double)reading->admin.field;                                               \
	}
ADMIN_ROW(open)
ADMIN_ROW(connections)
ADMIN_ROW(connections_refused)
ADMIN_ROW(peers_refused)
ADMIN_ROW(controls)
ADMIN_ROW(controls_refused)
ADMIN_ROW(gaps)
ADMIN_ROW(faults)
ADMIN_ROW(calls)
ADMIN_ROW(calls_failed)
ADMIN_ROW(events_sent)
ADMIN_ROW(events_lost)
ADMIN_ROW(claims_sent)
ADMIN_ROW(claims_lost)
ADMIN_ROW(records_acknowledged)
ADMIN_ROW(records_refused)
ADMIN_ROW(reports_failed)

#define JOURNAL_ROW(field)                                                                         \
	static double journal_##field(const struct reading *reading)                               \
	{                                                                                          \
		return (double)reading->journal.field;                                             \
	}
JOURNAL_ROW(written)
JOURNAL_ROW(syncs)
JOURNAL_ROW(failed)
JOURNAL_ROW(acknowledged)
JOURNAL_ROW(recovered)

static double control_connected(const struct reading *reading)
{
	return admin_has_control(reading->node->admin);
}

static double control_fed(const struct reading *reading)
{
	return admin_is_fed(reading->node->admin);
}

static double control_ends(const struct reading *reading)
{
	return reading->node->child ? (double)control_child_ends(reading->node->child) : 0.0;
}

static double draining(const struct reading *reading)
{
	return reading->node->is_draining;
}

static double tenants(const struct reading *reading)
{
	return tenant_count(reading->node->tenants);
}

static double records(const struct reading *reading)
{
	return reading->node->journal ? journal_length(reading->node->journal) : 0.0;
}

static double inherited(const struct reading *reading)
{
	return reading->node->journal ? journal_inherited(reading->node->journal) : 0.0;
}

static double healthy(const struct reading *reading)
{
	return !reading->node->journal || journal_health(reading->node->journal) == 0;
}

static const struct {
	const char *name, *help;
	enum metric_type type;
	double (*get)(const struct reading *reading);
} rows[] = {
	{"draining", "1 while new sessions are refused", GAUGE, draining},
	{"tenants", "Tenants there are", GAUGE, tenants},
	{"control_connected", "1 while a control plane is connected", GAUGE, control_connected},
	{"control_fed", "1 once a control plane fed a snapshot", GAUGE, control_fed},
	{"control_ends_total", "Ends of the nn5g-control this node started", COUNTER, control_ends},
	{"admin_connections_open", "Connections to the admin socket", GAUGE, admin_open},
	{"admin_connections_total", "Connections accepted", COUNTER, admin_connections},
	{"admin_connections_refused_total", "Connections over the cap", COUNTER,
	 admin_connections_refused},
	{"admin_peers_refused_total", "Peers of other users", COUNTER, admin_peers_refused},
	{"admin_controls_total", "Control planes that said hello", COUNTER, admin_controls},
	{"admin_controls_refused_total", "Control planes beside the first", COUNTER,
	 admin_controls_refused},
	{"feed_gaps_total", "Changes whose revision did not follow", COUNTER, admin_gaps},
	{"feed_faults_total", "Tenants and slices that were not taken", COUNTER, admin_faults},
	{"upcalls_total", "Calls to the control plane", COUNTER, admin_calls},
	{"upcalls_unanswered_total", "Calls that found no control plane", COUNTER,
	 admin_calls_failed},
	{"events_sent_total", "Lines of the audit trail sent", COUNTER, admin_events_sent},
	{"events_lost_total", "Lines of the audit trail that did not fit", COUNTER,
	 admin_events_lost},
	{"claims_sent_total", "Changes of sessions told", COUNTER, admin_claims_sent},
	{"claims_lost_total", "Changes of sessions that did not fit", COUNTER, admin_claims_lost},
	{"usage_acknowledged_total", "Usage records the ledger has", COUNTER,
	 admin_records_acknowledged},
	{"usage_refused_total", "Usage records the ledger will never take", COUNTER,
	 admin_records_refused},
	{"usage_reports_failed_total", "Reports that had to be repeated", COUNTER,
	 admin_reports_failed},
	{"journal_records", "Usage records that are not in the ledger yet", GAUGE, records},
	{"journal_inherited", "Of these, from earlier runs of this node", GAUGE, inherited},
	{"journal_healthy", "1 while the journal can be written", GAUGE, healthy},
	{"journal_written_total", "Records written", COUNTER, journal_written},
	{"journal_syncs_total", "Syncs to the disk", COUNTER, journal_syncs},
	{"journal_failed_total", "Writes that failed", COUNTER, journal_failed},
	{"journal_acknowledged_total", "Records forgotten because the ledger has them", COUNTER,
	 journal_acknowledged},
	{"journal_recovered_total", "Records found from earlier runs", COUNTER, journal_recovered},
};

/* A metric with labels is one column of a table: its rows follow its head. */
struct column {
	const char *name, *help;
	enum metric_type type;
	size_t offset; /* of an int64_t in struct quota */
};

static const struct column quota_columns[] = {
	{"quota_granted_total", "Granted by the control plane, micros or ms of stream", COUNTER,
	 offsetof(struct quota, granted_total)},
	{"quota_returned_total", "Given back to it", COUNTER,
	 offsetof(struct quota, returned_total)},
	{"quota_used_total", "Used", COUNTER, offsetof(struct quota, used_total)},
	{"quota_lent", "Lent to sessions and authorizations", GAUGE, offsetof(struct quota, lent)},
};

struct rendering {
	const struct column *column;
	GString *out;
};

static void render_quota(void *context, struct tenant *tenant)
{
	struct rendering *rendering = context;
	for (unsigned int i = 0; i < ACCOUNTS; i++) {
		const struct quota *quota = &tenant->quotas[i];
		const char *at = (const char *)quota + rendering->column->offset;
		if (quota->granted_total == 0 && quota->used_total == 0)
			continue;
		g_string_append_printf(rendering->out,
				       "nn5g_%s{tenant=\"%s\",account=\"%s\"} %" PRId64 "\n",
				       rendering->column->name, tenant->id, account_names[i],
				       *(const int64_t *)(const void *)at);
	}
}

void metrics_render_control(struct node *node, GString *out)
{
	struct reading reading = {.node = node, .admin = admin_counters(node->admin)};
	if (node->journal)
		reading.journal = journal_counters(node->journal);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		metrics_head(out, rows[i].name, rows[i].help, rows[i].type);
		g_string_append_printf(out, "nn5g_%s %.17g\n", rows[i].name, rows[i].get(&reading));
	}
	for (size_t i = 0; i < sizeof(quota_columns) / sizeof(quota_columns[0]); i++) {
		struct rendering rendering = {&quota_columns[i], out};
		metrics_head(out, quota_columns[i].name, quota_columns[i].help,
			     quota_columns[i].type);
		tenant_each(node->tenants, render_quota, &rendering);
	}
}
