/* One debit per tenant and key:
 *
 *   (none) --authorize--> WAITING --credit--> HELD --commit--> WRITING --synced--> COMMITTED
 *                            |                 |                  |
 *                            +--none: forgotten+--cancel, 60 s    +--not written: HELD again
 *
 * Whoever asks about a debit that waits or is being written is answered together with the first. A
 * committed one is remembered until younger ones need its place; after that its record, journaled
 * or in the ledger under an id made of the key, still keeps it from being paid twice. */
#include "gateway/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <glib.h>
#include <jansson.h>

#include "gateway/account_private.h"
#include "gateway/node.h"
#include "gateway/usage_demand.h"
#include "slices/journal.h"

#define HOLD_NS     (USAGE_HOLD_S * 1000000000ull)
#define REPLIES_MAX 8 /* that wait for the same debit */

enum debit_state { DEBIT_WAITING, DEBIT_HELD, DEBIT_WRITING, DEBIT_COMMITTED, DEBIT_STATES };

struct debit {
	TAILQ_ENTRY(debit) link;
	char *key; /* owned: tenant, a slash, the backend's key */
	struct usage_table *table;
	struct tenant *tenant; /* has an entry in the book, so it stays */
	enum debit_state state;
	struct usage_record record; /* what is asked for, then what was committed */
	int64_t authorized;         /* quantity */
	int64_t lent_micros;        /* while HELD or WRITING */
	uint64_t until_ns;          /* HELD */
	bool is_commit;             /* to be committed as soon as it is held */
	struct {
		usage_reply reply;
		void *context;
	} waiting[REPLIES_MAX];
	unsigned int n_waiting;
};

TAILQ_HEAD(debit_list, debit);

struct usage_table {
	struct node *node;
	GHashTable *by_key;                /* debit->key -> debit, owned */
	struct debit_list open, committed; /* oldest first */
};

static void free_debit(gpointer value)
{
	struct debit *debit = value;
	g_free(debit->key);
	if (debit->state == DEBIT_WRITING)
		debit->table = NULL; /* the journal comes back to it once */
	else
		free(debit);
}

struct usage_table *usage_table_create(struct node *node)
{
	struct usage_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->node = node;
	table->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_debit);
	TAILQ_INIT(&table->open);
	TAILQ_INIT(&table->committed);
	return table;
}

static void remove_debit(struct debit *debit)
{
	struct usage_table *table = debit->table;
	if (debit->lent_micros > 0)
		quota_settle(&debit->tenant->quotas[ACCOUNT_CREDIT], debit->lent_micros, 0);
	debit->lent_micros = 0;
	if (debit->state == DEBIT_WAITING)
		account_forget(table->node->accounts, debit);
	TAILQ_REMOVE(debit->state == DEBIT_COMMITTED ? &table->committed : &table->open, debit,
		     link);
	g_hash_table_remove(table->by_key, debit->key);
}

void usage_table_destroy(struct usage_table *table)
{
	struct debit *debit;
	if (!table)
		return;
	while ((debit = TAILQ_FIRST(&table->open)))
		remove_debit(debit);
	g_hash_table_destroy(table->by_key);
	free(table);
}

static void refuse(usage_reply reply, void *context, int status, const char *detail)
{
	json_t *body = json_pack("{s:s*, s:s}", "title", status == 402 ? "Twin is sleeping" : NULL,
				 "detail", detail);
	reply(context, status, body);
	json_decref(body);
}

static json_t *describe(const struct debit *debit, const char *state)
{
	const struct usage_record *record = &debit->record;
	return json_pack(
		"{s:s, s:s, s:s, s:I, s:I, s:s*}", "key", strchr(debit->key, '/') + 1, "state",
		state, "unit", usage_unit_names[record->unit], "quantity",
		(json_int_t)record->quantity_ms, "cost_micros",
		(json_int_t)usage_cost(record->unit, record->quantity_ms, record->price_micros),
		"id", debit->state == DEBIT_COMMITTED ? record->id : NULL);
}

static const char *state_name(const struct debit *debit)
{
	return debit->state == DEBIT_COMMITTED ? "committed" : "authorized";
}

static void tell(const struct debit *debit, const char *state, usage_reply reply, void *context)
{
	json_t *body = describe(debit, state);
	reply(context, 200, body);
	json_decref(body);
}

/* Answers everybody who waits: the state as it is, or why not. */
static void answer_all(struct debit *debit, int status, const char *detail)
{
	unsigned int n = debit->n_waiting;
	debit->n_waiting = 0;
	for (unsigned int i = 0; i < n; i++) {
		usage_reply reply = debit->waiting[i].reply;
		if (!reply)
			continue;
		if (status == 200)
			tell(debit, state_name(debit), reply, debit->waiting[i].context);
		else
			refuse(reply, debit->waiting[i].context, status, detail);
	}
}

static void join(struct debit *debit, usage_reply reply, void *context)
{
	if (debit->n_waiting == REPLIES_MAX) {
		refuse(reply, context, 429, "too many requests wait for this key");
		return;
	}
	debit->waiting[debit->n_waiting].reply = reply;
	debit->waiting[debit->n_waiting++].context = context;
}

/* The journal has it, or has said why not. */
static void on_written(void *context, int rc)
{
	struct debit *debit = context;
	struct usage_table *table = debit->table;
	if (!table) {
		free(debit);
		return;
	}
	if (rc) {
		debit->state = DEBIT_HELD;
		answer_all(debit, 503, "the journal cannot be written");
		return;
	}
	TAILQ_REMOVE(&table->open, debit, link);
	TAILQ_INSERT_TAIL(&table->committed, debit, link);
	debit->state = DEBIT_COMMITTED;
	quota_settle(&debit->tenant->quotas[ACCOUNT_CREDIT], debit->lent_micros,
		     debit->lent_micros > 0 ? debit->record.cost_micros : 0);
	debit->lent_micros = 0;
	answer_all(debit, 200, NULL);
}

static int64_t utc_ms(const struct usage_table *table)
{
	return table->node->accounts->reach.utc_ms();
}

static void write_debit(struct debit *debit)
{
	struct usage_table *table = debit->table;
	struct usage_record *record = &debit->record;
	record->cost_micros = usage_cost(record->unit, record->quantity_ms, record->price_micros);
	record->closed_at_ms = utc_ms(table);
	debit->state = DEBIT_WRITING;
	if (table->node->journal)
		journal_write(table->node->journal, record, true, on_written, debit);
	else
		on_written(debit, 0);
}

static void set_held(struct debit *debit)
{
	debit->state = DEBIT_HELD;
	debit->until_ns = debit->table->node->accounts->reach.now_ns() + HOLD_NS;
	if (debit->is_commit)
		write_debit(debit);
	else
		answer_all(debit, 200, NULL);
}

static void give_up(struct debit *debit, int status, const char *detail)
{
	debit->state = DEBIT_HELD; /* nobody will wake it */
	answer_all(debit, status, detail);
	remove_debit(debit);
}

static void hold(struct debit *debit);

static void on_ready(void *context)
{
	hold(context);
}

/* Sets the money aside, or waits for the control plane. */
static void hold(struct debit *debit)
{
	struct account_book *book = debit->table->node->accounts;
	struct account_entry *entry = account_entry_of(book, debit->tenant);
	struct quota *credit = &debit->tenant->quotas[ACCOUNT_CREDIT];
	const struct account_request request = {
		.tenant = debit->tenant, .ready = on_ready, .context = debit};
	int64_t micros =
		usage_cost_ceil(debit->record.unit, debit->authorized, debit->record.price_micros);
	if (credit->is_unlimited || micros == 0) {
		set_held(debit);
		return;
	}
	if (quota_lend(credit, micros) == 0) {
		debit->lent_micros = micros;
		/* It draws on a grant of this boot; else the store would settle what nobody was
		 * granted. */
		snprintf(debit->record.boot, sizeof(debit->record.boot), "%s",
			 journal_boot(debit->table->node->journal));
		set_held(debit);
		return;
	}
	enum account_asked asked = account_ask(book, entry, ACCOUNT_CREDIT, micros);
	if (asked == ASKED_IN_VAIN && account_squeeze(entry, ACCOUNT_CREDIT))
		asked = ASKED;
	if (asked == ASKED_IN_VAIN)
		give_up(debit, 402, "the tenant has no credit left for this");
	else if (asked == ASKED_NOBODY || account_wait(book, &request) != -EINPROGRESS)
		give_up(debit, 503, "the control plane is away and no credit is in hand");
}

static void describe_record(struct usage_table *table, struct tenant *tenant,
			    const struct usage_demand *demand, struct usage_record *record)
{
	const struct policy *policy = &tenant->config->policy;
	const struct session *session =
		demand->session[0] ? session_find(table->node->sessions, demand->session) : NULL;
	*record = (struct usage_record){
		.unit = demand->unit,
		.kind = USAGE_NO_KIND,
		.quantity_ms = demand->quantity,
		.price_micros = demand->unit == USAGE_TOKEN ? policy->prices.token_micros
							    : policy->prices.interaction_micros,
		.opened_at_ms = utc_ms(table),
	};
	snprintf(record->tenant, sizeof(record->tenant), "%s", tenant->id);
	snprintf(record->session, sizeof(record->session), "%s", demand->session);
	snprintf(record->split, sizeof(record->split), "%s", policy->split);
	snprintf(record->provider_id, sizeof(record->provider_id), "%s", demand->provider_id);
	snprintf(record->slice, sizeof(record->slice), "%s", tenant->config->slice);
	snprintf(record->node, sizeof(record->node), "%s", table->node->config.node.name);
	if (session && session->tenant == tenant) {
		record->epoch = session->epoch;
		snprintf(record->stream, sizeof(record->stream), "%s",
			 strchr(session->stream->key, '/') + 1);
	}
	usage_id_of_key(record, demand->key);
}

/* A debit that waits for its money, in the place of the oldest committed one if need be. NULL: the
 * table is full of open ones, or no memory. */
static struct debit *add(struct usage_table *table, struct tenant *tenant,
			 const struct usage_demand *demand)
{
	bool is_full = g_hash_table_size(table->by_key) >= USAGE_OPEN_MAX;
	if (is_full && TAILQ_EMPTY(&table->committed))
		return NULL;
	struct debit *debit = calloc(1, sizeof(*debit));
	if (!debit)
		return NULL;
	if (is_full)
		remove_debit(TAILQ_FIRST(&table->committed));
	debit->key = g_strdup_printf("%s/%s", tenant->id, demand->key);
	debit->table = table;
	debit->tenant = tenant;
	debit->authorized = demand->quantity;
	describe_record(table, tenant, demand, &debit->record);
	TAILQ_INSERT_TAIL(&table->open, debit, link);
	g_hash_table_insert(table->by_key, debit->key, debit);
	return debit;
}

static struct debit *find(const struct usage_table *table, const struct tenant *tenant,
			  const char *key)
{
	char *whole = g_strdup_printf("%s/%s", tenant->id, key);
	struct debit *debit = g_hash_table_lookup(table->by_key, whole);
	g_free(whole);
	return debit;
}

/* Reads the request and looks at the tenant; false: it is answered. */
static bool begin(struct tenant *tenant, const json_t *request, struct usage_demand *demand,
		  usage_reply reply, void *context)
{
	char detail[128];
	const char *wrong = usage_demand_read(request, demand);
	if (wrong) {
		snprintf(detail, sizeof(detail),
			 "'%s' is missing or wrong, expected key (1 to 255 bytes), unit "
			 "(token_unit, interaction_unit), quantity (thousandths)",
			 wrong);
		refuse(reply, context, 400, detail);
		return false;
	}
	if (!tenant->config || tenant->config->standing != TENANT_ACTIVE) {
		refuse(reply, context, 403, "the tenant is not active");
		return false;
	}
	return true;
}

/* A new debit: true. Else it is answered. */
static struct debit *begin_new(struct usage_table *table, struct tenant *tenant,
			       const struct usage_demand *demand, usage_reply reply, void *context)
{
	if (demand->unit == USAGE_UNITS || demand->quantity == 0) {
		refuse(reply, context, 400, "a new key needs unit and quantity");
		return NULL;
	}
	struct debit *debit = add(table, tenant, demand);
	if (!debit)
		refuse(reply, context, 429, "too many authorizations are open on this node");
	else
		join(debit, reply, context);
	return debit;
}

/* Committed long ago: its record is there, what it said is not remembered. */
static bool is_on_record(const struct usage_table *table, const struct tenant *tenant,
			 const char *key, usage_reply reply, void *context)
{
	struct usage_record record = {0};
	snprintf(record.tenant, sizeof(record.tenant), "%s", tenant->id);
	usage_id_of_key(&record, key);
	if (!table->node->journal || !journal_has(table->node->journal, record.id))
		return false;
	json_t *body =
		json_pack("{s:s, s:s, s:s}", "key", key, "state", "committed", "id", record.id);
	reply(context, 200, body);
	json_decref(body);
	return true;
}

void usage_authorize(struct usage_table *table, struct tenant *tenant, const json_t *request,
		     usage_reply reply, void *context)
{
	struct usage_demand demand;
	if (!begin(tenant, request, &demand, reply, context))
		return;
	struct debit *debit = find(table, tenant, demand.key);
	if (!debit) {
		if (is_on_record(table, tenant, demand.key, reply, context))
			return;
		debit = begin_new(table, tenant, &demand, reply, context);
		if (debit)
			hold(debit);
	} else if (debit->record.unit != demand.unit || debit->authorized != demand.quantity) {
		refuse(reply, context, 409, "the key stands for another unit or quantity");
	} else if (debit->state == DEBIT_WAITING || debit->state == DEBIT_WRITING) {
		join(debit, reply, context);
	} else {
		tell(debit, state_name(debit), reply, context);
	}
}

/* May this debit be committed as the demand says? */
static bool fits(const struct debit *debit, const struct usage_demand *demand)
{
	if (demand->unit != USAGE_UNITS && demand->unit != debit->record.unit)
		return false;
	if (demand->quantity == 0)
		return true;
	if (debit->state == DEBIT_HELD)
		return demand->quantity <= debit->authorized;
	return demand->quantity == debit->record.quantity_ms;
}

static void commit_known(struct debit *debit, const struct usage_demand *demand, usage_reply reply,
			 void *context)
{
	if (!fits(debit, demand)) {
		refuse(reply, context, 409, "the key stands for another unit or less");
		return;
	}
	if (debit->state == DEBIT_COMMITTED) {
		tell(debit, state_name(debit), reply, context);
		return;
	}
	join(debit, reply, context);
	debit->is_commit = true;
	if (debit->state != DEBIT_HELD)
		return;
	if (demand->quantity)
		debit->record.quantity_ms = demand->quantity;
	write_debit(debit);
}

void usage_commit(struct usage_table *table, struct tenant *tenant, const json_t *request,
		  usage_reply reply, void *context)
{
	struct usage_demand demand;
	if (!begin(tenant, request, &demand, reply, context))
		return;
	struct debit *debit = find(table, tenant, demand.key);
	if (debit) {
		commit_known(debit, &demand, reply, context);
		return;
	}
	if (is_on_record(table, tenant, demand.key, reply, context))
		return;
	if (demand.unit == USAGE_UNITS || demand.quantity == 0) {
		refuse(reply, context, 404, "nothing is authorized under this key");
		return;
	}
	debit = begin_new(table, tenant, &demand, reply, context);
	if (!debit)
		return;
	debit->is_commit = true;
	hold(debit);
}

void usage_cancel(struct usage_table *table, struct tenant *tenant, const json_t *request,
		  usage_reply reply, void *context)
{
	struct usage_demand demand;
	if (!begin(tenant, request, &demand, reply, context))
		return;
	struct debit *debit = find(table, tenant, demand.key);
	if (!debit) {
		refuse(reply, context, 404, "nothing is authorized under this key");
		return;
	}
	if (debit->state != DEBIT_HELD) {
		refuse(reply, context, 409, "the key is past cancelling, or not authorized yet");
		return;
	}
	tell(debit, "cancelled", reply, context);
	remove_debit(debit);
}

void usage_forget(struct usage_table *table, void *context)
{
	struct debit *debit;
	TAILQ_FOREACH (debit, &table->open, link) {
		for (unsigned int i = 0; i < debit->n_waiting; i++) {
			if (debit->waiting[i].context == context)
				debit->waiting[i].reply = NULL;
		}
	}
}

void usage_tick(struct usage_table *table, uint64_t now_ns)
{
	struct debit *debit, *next;
	TAILQ_FOREACH_SAFE(debit, &table->open, link, next)
	{
		if (debit->state == DEBIT_HELD && now_ns >= debit->until_ns)
			remove_debit(debit);
	}
}
