/* Committing usage: a batch of records becomes rows of ledgers, meters and settled grants, all in
 * one transaction.
 *
 *   1  sort by tenant; refuse what cannot be stored, drop what is nothing
 *   2  lock the ledger of each tenant, in that order, so that two batches never wait for each other
 *      in a circle; a tenant that is unknown has none
 *   3  ask which ids are there: those are duplicates
 *   4  chain the others, and add up what they charge
 *   5  write rows, ledgers, meters and grants
 *
 * Steps 2 to 5 are one batch of statements each: on PostgreSQL a commit costs eight round trips,
 * whatever its size. */
#include "conf/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "conf/log.h"
#include "conf/merge_patch.h"
#include "conf/sql.h"
#include "conf/store_audit.h"
#include "conf/store_limit.h"

/* A tenant's ledger while it is ours. */
struct ledger {
	const char *tenant; /* borrowed from a record */
	bool is_known;
	int64_t size, size_before;
	struct merkle_hash last;
	struct store_calendar *calendar; /* owned */
};

/* An amount to be added to the row with these keys: of meters tenant, account, period; of grants
 * tenant, account, node, boot. */
struct charge {
	const char *keys[4];
	int64_t amount;
};

struct commit {
	struct sql *sql;
	const struct usage_record *records;
	unsigned int n;
	enum store_verdict *verdicts;
	unsigned int *order; /* records to commit, by tenant and then as given */
	unsigned int n_order;
	struct ledger *ledgers; /* by tenant */
	unsigned int n_ledgers;
	GHashTable *known; /* ids that are there, and the boot each is of; owned */
	struct ledger_row *rows;
	char (*periods)[STORE_PERIOD_BYTES]; /* of rows */
	unsigned int n_rows;
	struct charge *meters, *grants;
	unsigned int n_meters, n_grants;
	struct sql_value *values; /* of one batch */
};

#define METERS_PER_ROW 4 /* credit and one of minutes, in the month and in total */
#define GRANTS_PER_ROW 2
#define VALUES_PER_ROW STORE_AUDIT_N

/* --- 1: what is to be done -------------------------------------------------------------------- */

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) && g_utf8_validate(text, -1, NULL);
}

/* What the database would refuse would keep the rest of its batch from being stored. */
static bool is_storable(const struct usage_record *record)
{
	return record->id[0] && record->unit < USAGE_UNITS && record->kind < USAGE_KINDS &&
	       record->quantity_ms >= 0 && is_text(record->id, sizeof(record->id)) &&
	       is_text(record->tenant, sizeof(record->tenant)) &&
	       is_text(record->session, sizeof(record->session)) &&
	       is_text(record->split, sizeof(record->split)) &&
	       is_text(record->provider_id, sizeof(record->provider_id)) &&
	       is_text(record->stream, sizeof(record->stream)) &&
	       is_text(record->slice, sizeof(record->slice)) &&
	       is_text(record->node, sizeof(record->node)) &&
	       is_text(record->boot, sizeof(record->boot));
}

static void refuse(const struct usage_record *record, const char *why)
{
	log_error(
		LOG_STORE, "usage record refused",
		"\"reason\":\"%s\",\"id\":\"%.191s\",\"tenant\":\"%.63s\",\"quantity_ms\":%" PRId64
		",\"cost_micros\":%" PRId64,
		why, log_escape(record->id), log_escape(record->tenant), record->quantity_ms,
		record->cost_micros);
}

static int compare_records(const void *a, const void *b, void *context)
{
	const struct commit *commit = context;
	unsigned int i = *(const unsigned int *)a, j = *(const unsigned int *)b;
	int by_tenant = strcmp(commit->records[i].tenant, commit->records[j].tenant);
	return by_tenant ? by_tenant : (i > j) - (i < j);
}

static void commit_sort(struct commit *commit)
{
	for (unsigned int i = 0; i < commit->n; i++) {
		const struct usage_record *record = &commit->records[i];
		commit->verdicts[i] = STORE_COMMITTED;
		if (!is_storable(record)) {
			refuse(record, "a field cannot be stored");
			commit->verdicts[i] = STORE_REFUSED;
		} else if (record->quantity_ms > 0) {
			commit->order[commit->n_order++] = i;
		}
	}
	qsort_r(commit->order, commit->n_order, sizeof(commit->order[0]), compare_records, commit);
	for (unsigned int i = 0; i < commit->n_order; i++) {
		const char *tenant = commit->records[commit->order[i]].tenant;
		if (i == 0 || strcmp(commit->ledgers[commit->n_ledgers - 1].tenant, tenant) != 0)
			commit->ledgers[commit->n_ledgers++] = (struct ledger){.tenant = tenant};
	}
}

/* --- 2: ledgers ------------------------------------------------------------------------------- */

static struct ledger *ledger_find(struct commit *commit, const char *tenant)
{
	for (unsigned int i = 0; i < commit->n_ledgers; i++)
		if (strcmp(commit->ledgers[i].tenant, tenant) == 0)
			return &commit->ledgers[i];
	return NULL;
}

static int take_ledger(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct ledger *ledger = ledger_find(context, columns[0].text);
	if (!ledger)
		return -EIO;
	ledger->is_known = true;
	ledger->size = ledger->size_before = columns[1].integer;
	store_hash_read(&columns[2], &ledger->last); /* an empty one: all zero */
	return 0;
}

static int take_policy(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct ledger *ledger = ledger_find(context, columns[0].text);
	json_t *plan = columns[1].text ? json_loads(columns[1].text, 0, NULL) : json_object();
	json_t *own = json_loads(columns[2].text, 0, NULL);
	json_t *policy = plan && own ? merge_patch(plan, own) : NULL;
	if (ledger) {
		store_calendar_destroy(ledger->calendar);
		ledger->calendar = store_calendar_create(policy);
	}
	json_decref(policy);
	json_decref(own);
	json_decref(plan);
	return ledger ? 0 : -EIO;
}

/* The insert that finds the row there updates it to what it is, and so locks it. */
static int ledgers_lock(struct commit *commit)
{
	for (unsigned int i = 0; i < commit->n_ledgers; i++) {
		commit->ledgers[i].is_known = false;
		commit->values[i] = sql_text(commit->ledgers[i].tenant);
	}
	struct sql_batch batch = {
		.statement = "INSERT INTO ledgers (tenant) SELECT id FROM tenants WHERE id = $1"
			     " ON CONFLICT (tenant) DO UPDATE SET tenant = excluded.tenant"
			     " RETURNING tenant, size, last_hash",
		.values = commit->values,
		.n_values = 1,
		.n_rows = commit->n_ledgers,
		.row = take_ledger,
		.context = commit};
	int rc = sql_run_batch(commit->sql, &batch);
	if (rc)
		return rc;
	batch.statement = "SELECT t.id, p.policy, t.policy FROM tenants t"
			  " LEFT JOIN plans p ON p.id = t.plan WHERE t.id = $1";
	batch.row = take_policy;
	return sql_run_batch(commit->sql, &batch);
}

/* --- 3: duplicates ---------------------------------------------------------------------------- */

static int take_id(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct commit *commit = context;
	g_hash_table_insert(commit->known, g_strdup(columns[0].text), g_strdup(columns[1].text));
	return 0;
}

static int ids_ask(struct commit *commit)
{
	g_hash_table_remove_all(commit->known);
	for (unsigned int i = 0; i < commit->n_order; i++)
		commit->values[i] = sql_text(commit->records[commit->order[i]].id);
	const struct sql_batch batch = {.statement =
						"SELECT id, boot FROM audit_logs WHERE id = $1",
					.values = commit->values,
					.n_values = 1,
					.n_rows = commit->n_order,
					.row = take_id,
					.context = commit};
	return sql_run_batch(commit->sql, &batch);
}

/* --- 4: rows and charges ---------------------------------------------------------------------- */

static void charge_grant(struct commit *commit, const struct usage_record *record,
			 enum account account, int64_t amount)
{
	if (amount > 0 && !(record->ungranted & (1u << account)))
		commit->grants[commit->n_grants++] = (struct charge){
			{record->tenant, account_names[account], record->node, record->boot},
			amount};
}

static void charge_meters(struct commit *commit, const struct usage_record *record,
			  enum account account, int64_t amount)
{
	const char *periods[] = {commit->periods[commit->n_rows], "total"};
	for (unsigned int i = 0; amount > 0 && i < 2; i++)
		commit->meters[commit->n_meters++] = (struct charge){
			{record->tenant, account_names[account], periods[i], ""}, amount};
	charge_grant(commit, record, account, amount);
}

static void row_append(struct commit *commit, struct ledger *ledger,
		       const struct usage_record *record)
{
	struct ledger_row *row = &commit->rows[commit->n_rows];
	*row = (struct ledger_row){
		.usage = *record, .sequence = ledger->size, .previous = ledger->last};
	ledger_row_seal(row);
	ledger->last = row->hash;
	ledger->size++;
	store_calendar_period(ledger->calendar, record->closed_at_ms,
			      commit->periods[commit->n_rows]);
	charge_meters(commit, record, ACCOUNT_CREDIT, row->usage.cost_micros);
	if (record->unit == USAGE_MINUTE && record->kind != USAGE_NO_KIND)
		charge_meters(commit, record,
			      record->kind == USAGE_VIDEO ? ACCOUNT_VIDEO : ACCOUNT_VOICE,
			      record->quantity_ms);
	commit->n_rows++;
}

static void rows_make(struct commit *commit)
{
	struct ledger *ledger = commit->ledgers;
	commit->n_rows = commit->n_meters = commit->n_grants = 0;
	for (unsigned int i = 0; i < commit->n_order; i++) {
		unsigned int index = commit->order[i];
		const struct usage_record *record = &commit->records[index];
		while (strcmp(ledger->tenant, record->tenant) != 0)
			ledger++;
		const char *boot = g_hash_table_lookup(commit->known, record->id);
		commit->verdicts[index] = !ledger->is_known                 ? STORE_REFUSED
					  : !boot                           ? STORE_COMMITTED
					  : strcmp(boot, record->boot) != 0 ? STORE_ELSEWHERE
									    : STORE_DUPLICATE;
		if (commit->verdicts[index] != STORE_COMMITTED)
			continue;
		row_append(commit, ledger, record);
		g_hash_table_insert(commit->known, g_strdup(record->id), g_strdup(record->boot));
	}
}

/* --- 5: writing ------------------------------------------------------------------------------- */

static int rows_write(struct commit *commit)
{
	for (unsigned int i = 0; i < commit->n_rows; i++)
		store_audit_write(&commit->rows[i], commit->values + (size_t)i * STORE_AUDIT_N);
	const struct sql_batch batch = {
		.statement = "INSERT INTO audit_logs (" STORE_AUDIT_COLUMNS ") VALUES ($1, $2, $3,"
			     " $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
			     " $18, $19, $20, $21, $22, $23)",
		.values = commit->values,
		.n_values = STORE_AUDIT_N,
		.n_rows = commit->n_rows};
	return sql_run_batch(commit->sql, &batch);
}

static int ledgers_write(struct commit *commit)
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < commit->n_ledgers; i++) {
		const struct ledger *ledger = &commit->ledgers[i];
		if (ledger->size == ledger->size_before || !ledger->is_known)
			continue;
		commit->values[3 * n] = sql_text(ledger->tenant);
		commit->values[3 * n + 1] = sql_integer(ledger->size);
		commit->values[3 * n + 2] = sql_blob(ledger->last.bytes, MERKLE_BYTES);
		n++;
	}
	const struct sql_batch batch = {
		.statement = "UPDATE ledgers SET size = $2, last_hash = $3 WHERE tenant = $1",
		.values = commit->values,
		.n_values = 3,
		.n_rows = n};
	return sql_run_batch(commit->sql, &batch);
}

static int compare_charges(const void *a, const void *b)
{
	const struct charge *one = a, *other = b;
	int by_key = 0;
	for (unsigned int i = 0; by_key == 0 && i < 4; i++)
		by_key = strcmp(one->keys[i], other->keys[i]);
	return by_key;
}

/* Adds up those of the same row; returns how many rows there are. */
static unsigned int charges_merge(struct charge *charges, unsigned int n)
{
	unsigned int last = 0;
	qsort(charges, n, sizeof(charges[0]), compare_charges);
	for (unsigned int i = 1; i < n; i++) {
		if (compare_charges(&charges[last], &charges[i]) == 0)
			charges[last].amount += charges[i].amount;
		else
			charges[++last] = charges[i];
	}
	return n ? last + 1 : 0;
}

static int charges_write(struct commit *commit, struct charge *charges, unsigned int n,
			 unsigned int n_keys, const char *statement)
{
	unsigned int n_rows = charges_merge(charges, n);
	struct sql_value *value = commit->values;
	for (unsigned int i = 0; i < n_rows; i++) {
		for (unsigned int k = 0; k < n_keys; k++)
			*value++ = sql_text(charges[i].keys[k]);
		*value++ = sql_integer(charges[i].amount);
	}
	const struct sql_batch batch = {.statement = statement,
					.values = commit->values,
					.n_values = n_keys + 1,
					.n_rows = n_rows};
	return sql_run_batch(commit->sql, &batch);
}

/* Usage beyond a grant (an outage survived on bounded credit) settles no more than there was. */
static int commit_try(struct sql *sql, void *context)
{
	struct commit *commit = context;
	(void)sql;
	int rc = ledgers_lock(commit);
	if (rc == 0)
		rc = ids_ask(commit);
	if (rc)
		return rc;
	rows_make(commit);
	rc = rows_write(commit);
	if (rc == 0)
		rc = ledgers_write(commit);
	if (rc == 0)
		rc = charges_write(commit, commit->meters, commit->n_meters, 3,
				   "INSERT INTO meters (tenant, account, period, used)"
				   " VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, account, period)"
				   " DO UPDATE SET used = meters.used + excluded.used");
	if (rc == 0)
		rc = charges_write(
			commit, commit->grants, commit->n_grants, 4,
			"UPDATE grants SET settled = CASE WHEN settled + $5 < granted"
			" THEN settled + $5 ELSE granted END"
			" WHERE tenant = $1 AND account = $2 AND node = $3 AND boot = $4");
	return rc;
}

/* --- All of it -------------------------------------------------------------------------------- */

static void commit_tell(const struct commit *commit)
{
	for (unsigned int i = 0; i < commit->n_order; i++)
		if (commit->verdicts[commit->order[i]] == STORE_REFUSED)
			refuse(&commit->records[commit->order[i]], "unknown tenant");
}

int store_usage_commit(struct store *store, const struct usage_record *records, unsigned int n,
		       enum store_verdict *verdicts)
{
	if (n == 0)
		return 0;
	struct commit commit = {
		.sql = store_sql(store),
		.records = records,
		.n = n,
		.verdicts = verdicts,
		.order = g_new0(unsigned int, n),
		.ledgers = g_new0(struct ledger, n),
		.known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
		.rows = g_new0(struct ledger_row, n),
		.periods = g_malloc0_n(n, STORE_PERIOD_BYTES),
		.meters = g_new0(struct charge, (size_t)n * METERS_PER_ROW),
		.grants = g_new0(struct charge, (size_t)n * GRANTS_PER_ROW),
		.values = g_new0(struct sql_value, (size_t)n * VALUES_PER_ROW)};
	commit_sort(&commit);
	int rc = commit.n_order ? sql_transaction(commit.sql, commit_try, &commit) : 0;
	if (rc == 0)
		commit_tell(&commit);
	for (unsigned int i = 0; i < commit.n_ledgers; i++)
		store_calendar_destroy(commit.ledgers[i].calendar);
	g_hash_table_destroy(commit.known);
	g_free(commit.order);
	g_free(commit.ledgers);
	g_free(commit.rows);
	g_free(commit.periods);
	g_free(commit.meters);
	g_free(commit.grants);
	g_free(commit.values);
	return rc;
}

/* --- Sums ------------------------------------------------------------------------------------- */

static int take_sum(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	json_t *row = json_pack(
		"{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "unit", columns[0].text, "kind",
		columns[1].text, "provider_id", columns[2].text, "rows",
		(json_int_t)columns[3].integer, "quantity_ms", (json_int_t)columns[4].integer,
		"cost_micros", (json_int_t)columns[5].integer, "creator_micros",
		(json_int_t)columns[6].integer, "platform_micros", (json_int_t)columns[7].integer);
	return json_array_append_new(context, row) ? -ENOMEM : 0;
}

int store_usage_sums(struct store *store, const char *tenant, int64_t from_ms, int64_t to_ms,
		     struct json_t **out)
{
	static const char *const totals[] = {"rows", "cost_micros", "creator_micros",
					     "platform_micros"};
	json_t *usage = json_array();
	int rc = sql_run(store_sql(store),
			 "SELECT unit, kind, provider_id, count(*), SUM(quantity_ms),"
			 " SUM(cost_micros), SUM(creator_micros), SUM(platform_micros)"
			 " FROM audit_logs WHERE tenant = $1 AND closed_at >= $2 AND closed_at < $3"
			 " GROUP BY unit, kind, provider_id ORDER BY unit, kind, provider_id",
			 SQL_VALUES(sql_text(tenant), sql_integer(from_ms), sql_integer(to_ms)),
			 take_sum, usage);
	json_t *object = json_object();
	for (size_t t = 0; rc == 0 && t < sizeof(totals) / sizeof(totals[0]); t++) {
		json_int_t total = 0;
		for (size_t i = 0; i < json_array_size(usage); i++)
			total += json_integer_value(
				json_object_get(json_array_get(usage, i), totals[t]));
		rc = json_object_set_new(object, totals[t], json_integer(total)) ? -ENOMEM : 0;
	}
	if (rc == 0 && json_object_set(object, "usage", usage))
		rc = -ENOMEM;
	json_decref(usage);
	if (rc == 0)
		*out = object;
	else
		json_decref(object);
	return rc;
}
