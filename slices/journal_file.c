/* One connection, opened by control and from journal_file_start on the writer's alone. A batch is
 * what was queued when the one before had been synced: under load many records share a sync. What
 * somebody waits for is written at once; the rest waits a moment for company. A full disk keeps
 * what is queued and is probed now and then, also when nothing waits, so that the node takes
 * sessions again by itself. */
#include "slices/journal_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#include "conf/log.h"
#include "conf/sql.h"

#define SCHEMA_VERSION 1
#define BATCH_MAX      2048
#define RETRY_NS       500000000
#define COMPANY_NS     10000000
#define PROBE_BYTES    65536 /* room for that much is room for the next records */

struct journal_file {
	struct sql *sql;
	pthread_t thread;
	bool is_started;
	void (*on_done)(void *context);
	void *context;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct journal_entries queued, done; /* under the lock */
	bool is_stopping;                    /* under the lock */
	bool is_urgent;                      /* under the lock: somebody waits for what is queued */
	atomic_int health;
	_Atomic uint64_t syncs, failed;
	char instance[33];
};

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS records ("
	" id TEXT PRIMARY KEY, is_closed INTEGER NOT NULL, tenant TEXT NOT NULL,"
	" session TEXT NOT NULL, epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,"
	" unit INTEGER NOT NULL, kind INTEGER NOT NULL, quantity_ms INTEGER NOT NULL,"
	" price_micros INTEGER NOT NULL, cost_micros INTEGER NOT NULL, split TEXT NOT NULL,"
	" provider_id TEXT NOT NULL, stream TEXT NOT NULL, slice TEXT NOT NULL,"
	" node TEXT NOT NULL, boot TEXT NOT NULL, opened_at_ms INTEGER NOT NULL,"
	" closed_at_ms INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY, pad BLOB);"
	"CREATE TABLE IF NOT EXISTS instance (id TEXT NOT NULL);"
	"INSERT INTO instance SELECT lower(hex(randomblob(16)))"
	" WHERE NOT EXISTS (SELECT 1 FROM instance);"
	"PRAGMA user_version = 1;";

static const char put_statement[] =
	"INSERT INTO records (id, is_closed, tenant, session, epoch, sequence, unit, kind,"
	" quantity_ms, price_micros, cost_micros, split, provider_id, stream, slice, node, boot,"
	" opened_at_ms, closed_at_ms) VALUES"
	" ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)"
	" ON CONFLICT (id) DO UPDATE SET is_closed = excluded.is_closed,"
	" quantity_ms = excluded.quantity_ms, cost_micros = excluded.cost_micros,"
	" closed_at_ms = excluded.closed_at_ms";

static int put(struct sql *sql, const struct journal_entry *entry)
{
	const struct usage_record *record = &entry->record;
	return sql_run(
		sql, put_statement,
		SQL_VALUES(sql_text(record->id), sql_integer(entry->is_closed),
			   sql_text(record->tenant), sql_text(record->session),
			   sql_integer(record->epoch), sql_integer(record->sequence),
			   sql_integer(record->unit), sql_integer(record->kind),
			   sql_integer(record->quantity_ms), sql_integer(record->price_micros),
			   sql_integer(record->cost_micros), sql_text(record->split),
			   sql_text(record->provider_id), sql_text(record->stream),
			   sql_text(record->slice), sql_text(record->node), sql_text(record->boot),
			   sql_integer(record->opened_at_ms), sql_integer(record->closed_at_ms)),
		NULL, NULL);
}

static int write_all(struct sql *sql, void *context)
{
	const struct journal_entries *batch = context;
	const struct journal_entry *entry;
	int rc = 0;
	TAILQ_FOREACH (entry, batch, link) {
		if (entry->verb == JOURNAL_PUT)
			rc = put(sql, entry);
		else
			rc = sql_run(sql, "DELETE FROM records WHERE id = $1",
				     SQL_VALUES(sql_text(entry->record.id)), NULL, NULL);
		if (rc)
			break;
	}
	return rc;
}

static int write_probe(struct sql *sql, void *context)
{
	return sql_run(sql,
		       "INSERT INTO probe (id, pad) VALUES (1, $1)"
		       " ON CONFLICT (id) DO UPDATE SET pad = excluded.pad",
		       SQL_VALUES(sql_blob(context, PROBE_BYTES)), NULL, NULL);
}

/* 0 when there is room again. */
static int probe(struct journal_file *file)
{
	char *pad = calloc(1, PROBE_BYTES);
	int rc = pad ? sql_transaction(file->sql, write_probe, pad) : -ENOMEM;
	free(pad);
	return rc;
}

static void set_health(struct journal_file *file, int rc)
{
	int before = atomic_exchange(&file->health, rc);
	if (rc && rc != before)
		log_error(LOG_STORE, "the journal cannot be written", "\"error\":\"%s\"",
			  strerror(-rc));
	else if (rc == 0 && before)
		log_info(LOG_STORE, "the journal can be written again", NULL);
}

static void requeue(struct journal_file *file, struct journal_entry *entry)
{
	entry->is_queued = true;
	TAILQ_INSERT_HEAD(&file->queued, entry, link);
}

/* After a failure: whoever waits is told now, the rest goes back to the front of the queue. Under
 * the lock. */
static void sort_failed(struct journal_file *file, struct journal_entries *batch, int rc)
{
	struct journal_entry *entry;
	while ((entry = TAILQ_LAST(batch, journal_entries))) {
		TAILQ_REMOVE(batch, entry, link);
		entry->rc = rc;
		if (entry->done || file->is_stopping)
			TAILQ_INSERT_HEAD(&file->done, entry, link);
		else
			requeue(file, entry);
	}
}

static unsigned int take_batch(struct journal_file *file, struct journal_entries *batch)
{
	unsigned int n = 0;
	struct journal_entry *entry;
	while (n < BATCH_MAX && (entry = TAILQ_FIRST(&file->queued))) {
		TAILQ_REMOVE(&file->queued, entry, link);
		TAILQ_INSERT_TAIL(batch, entry, link);
		entry->is_queued = false;
		n++;
	}
	return n;
}

/* Writes one batch. Called and returns with the lock held. */
static void write_batch(struct journal_file *file)
{
	struct journal_entries batch = TAILQ_HEAD_INITIALIZER(batch);
	unsigned int n = take_batch(file, &batch);
	file->is_urgent = !TAILQ_EMPTY(&file->queued);
	pthread_mutex_unlock(&file->lock);
	int rc = n > 0 ? sql_transaction(file->sql, write_all, &batch) : probe(file);
	set_health(file, rc);
	if (rc == 0 && n > 0)
		atomic_fetch_add(&file->syncs, 1);
	else
		atomic_fetch_add(&file->failed, n);
	pthread_mutex_lock(&file->lock);
	if (rc)
		sort_failed(file, &batch, rc);
	else
		TAILQ_CONCAT(&file->done, &batch, link);
	if (n > 0 && !TAILQ_EMPTY(&file->done))
		file->on_done(file->context);
}

/* Until the writer stops, or `ns` are over, or *is_enough. */
static void wait_for_ns(struct journal_file *file, long ns, const bool *is_enough)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ns;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!file->is_stopping && !*is_enough &&
	       pthread_cond_timedwait(&file->wake, &file->lock, &until) != ETIMEDOUT)
		;
}

static void wait_for_work(struct journal_file *file)
{
	static const bool never;
	if (atomic_load(&file->health)) {
		wait_for_ns(file, RETRY_NS, &never);
		return;
	}
	while (TAILQ_EMPTY(&file->queued) && !file->is_stopping)
		pthread_cond_wait(&file->wake, &file->lock);
	wait_for_ns(file, COMPANY_NS, &file->is_urgent);
}

static void *run(void *context)
{
	struct journal_file *file = context;
	pthread_mutex_lock(&file->lock);
	while (!file->is_stopping || !TAILQ_EMPTY(&file->queued)) {
		wait_for_work(file);
		if (!TAILQ_EMPTY(&file->queued) || atomic_load(&file->health))
			write_batch(file);
	}
	pthread_mutex_unlock(&file->lock);
	return NULL;
}

static void copy(char *to, size_t size, const struct sql_value *from)
{
	snprintf(to, size, "%s", from->type == SQL_TEXT ? from->text : "");
}

struct finding {
	void (*found)(void *context, const struct usage_record *record);
	void *context;
};

static int on_row(void *context, const struct sql_value *column, unsigned int n)
{
	const struct finding *finding = context;
	struct usage_record record = {
		.epoch = (uint32_t)column[3].integer,
		.sequence = (uint32_t)column[4].integer,
		.unit = (enum usage_unit)column[5].integer,
		.kind = (enum usage_kind)column[6].integer,
		.quantity_ms = column[7].integer,
		.price_micros = column[8].integer,
		.cost_micros = column[9].integer,
		.opened_at_ms = column[16].integer,
		.closed_at_ms = column[17].integer,
	};
	if (n != 18 || record.unit >= USAGE_UNITS || record.kind >= USAGE_KINDS)
		return -EPROTO;
	copy(record.id, sizeof(record.id), &column[0]);
	copy(record.tenant, sizeof(record.tenant), &column[1]);
	copy(record.session, sizeof(record.session), &column[2]);
	copy(record.split, sizeof(record.split), &column[10]);
	copy(record.provider_id, sizeof(record.provider_id), &column[11]);
	copy(record.stream, sizeof(record.stream), &column[12]);
	copy(record.slice, sizeof(record.slice), &column[13]);
	copy(record.node, sizeof(record.node), &column[14]);
	copy(record.boot, sizeof(record.boot), &column[15]);
	finding->found(finding->context, &record);
	return 0;
}

static int on_version(void *context, const struct sql_value *column, unsigned int n)
{
	*(int64_t *)context = n == 1 ? column[0].integer : -1;
	return 0;
}

static int on_instance(void *context, const struct sql_value *column, unsigned int n)
{
	struct journal_file *file = context;
	if (n != 1 || column[0].type != SQL_TEXT || column[0].bytes != sizeof(file->instance) - 1)
		return -EPROTO;
	copy(file->instance, sizeof(file->instance), &column[0]);
	return 0;
}

static int recover(struct sql *sql, struct finding *finding)
{
	int64_t version = 0;
	int rc = sql_run(sql, "PRAGMA user_version", NULL, 0, on_version, &version);
	if (rc == 0 && (version < 0 || version > SCHEMA_VERSION))
		return -EPROTO;
	if (rc == 0)
		rc = sql_script(sql, schema);
	if (rc == 0)
		rc = sql_run(sql, "UPDATE records SET is_closed = 1 WHERE is_closed = 0", NULL, 0,
			     NULL, NULL);
	if (rc == 0)
		rc = sql_run(sql,
			     "SELECT id, tenant, session, epoch, sequence, unit, kind, quantity_ms,"
			     " price_micros, cost_micros, split, provider_id, stream, slice, node,"
			     " boot, opened_at_ms, closed_at_ms FROM records ORDER BY rowid",
			     NULL, 0, on_row, finding);
	return rc;
}

/* Waits by the clock that does not jump. */
static struct journal_file *create(void)
{
	pthread_condattr_t monotonic;
	struct journal_file *file = calloc(1, sizeof(*file));
	if (!file)
		return NULL;
	TAILQ_INIT(&file->queued);
	TAILQ_INIT(&file->done);
	pthread_mutex_init(&file->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&file->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return file;
}

int journal_file_open(const char *path,
		      void (*found)(void *context, const struct usage_record *record),
		      void *context, struct journal_file **out)
{
	struct journal_file *file = create();
	struct finding finding = {found, context};
	if (!file)
		return -ENOMEM;
	char *url = g_strdup_printf("sqlite:%s", path);
	int rc = sql_open(url, &file->sql);
	g_free(url);
	if (rc == 0)
		rc = recover(file->sql, &finding);
	if (rc == 0)
		rc = sql_run(file->sql, "SELECT id FROM instance", NULL, 0, on_instance, file);
	if (rc) {
		log_error(LOG_STORE, "the journal cannot be opened",
			  "\"path\":\"%s\",\"error\":\"%s\"", log_escape(path), strerror(-rc));
		journal_file_close(file);
		return rc;
	}
	*out = file;
	return 0;
}

int journal_file_start(struct journal_file *file, void (*on_done)(void *context), void *context)
{
	file->on_done = on_done;
	file->context = context;
	int rc = pthread_create(&file->thread, NULL, run, file);
	file->is_started = rc == 0;
	if (rc == 0)
		pthread_setname_np(file->thread, "journal");
	return -rc;
}

void journal_file_stop(struct journal_file *file)
{
	if (!file->is_started)
		return;
	pthread_mutex_lock(&file->lock);
	file->is_stopping = true;
	pthread_cond_signal(&file->wake);
	pthread_mutex_unlock(&file->lock);
	pthread_join(file->thread, NULL);
	file->is_started = false;
}

void journal_file_close(struct journal_file *file)
{
	if (!file)
		return;
	sql_close(file->sql);
	pthread_cond_destroy(&file->wake);
	pthread_mutex_destroy(&file->lock);
	free(file);
}

/* The newer counters of the same record: nothing was lost by not writing the older. */
static bool fold(struct journal_entry *earlier, const struct journal_entry *entry)
{
	if (!earlier || !earlier->is_queued || earlier->done || entry->done ||
	    earlier->verb != JOURNAL_PUT || entry->verb != JOURNAL_PUT)
		return false;
	earlier->record = entry->record;
	earlier->is_closed = entry->is_closed;
	return true;
}

struct journal_entry *journal_file_queue(struct journal_file *file, struct journal_entry *entry,
					 struct journal_entry *earlier)
{
	pthread_mutex_lock(&file->lock);
	bool is_first = TAILQ_EMPTY(&file->queued);
	bool is_urgent = entry->done;
	if (fold(earlier, entry)) {
		free(entry);
		entry = earlier;
	} else {
		entry->is_queued = true;
		TAILQ_INSERT_TAIL(&file->queued, entry, link);
	}
	file->is_urgent |= is_urgent;
	if (is_first || is_urgent)
		pthread_cond_signal(&file->wake);
	pthread_mutex_unlock(&file->lock);
	return entry;
}

void journal_file_take(struct journal_file *file, struct journal_entries *done)
{
	pthread_mutex_lock(&file->lock);
	TAILQ_CONCAT(done, &file->done, link);
	pthread_mutex_unlock(&file->lock);
}

const char *journal_file_instance(const struct journal_file *file)
{
	return file->instance;
}

int journal_file_health(const struct journal_file *file)
{
	return atomic_load(&file->health);
}

uint64_t journal_file_syncs(const struct journal_file *file)
{
	return atomic_load(&file->syncs);
}

uint64_t journal_file_failed(const struct journal_file *file)
{
	return atomic_load(&file->failed);
}
