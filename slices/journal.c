/* The rows as control sees them: every record that is not forgotten, and in order those that may be
 * reported. Disk and thread are journal_file.c's; what it has done comes back through an idle
 * source of the default GMainContext. A record is pending only once it is synced and closed, so
 * nothing is ever reported that a crash could take back. */
#include "slices/journal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <openssl/rand.h>

#include "conf/log.h"
#include "slices/journal_file.h"

#define NO_SESSIONS_FROM (JOURNAL_ROWS_MAX / 4 * 3) /* the rest is for those that run */

struct row {
	TAILQ_ENTRY(row) link; /* while pending */
	struct usage_record record;
	struct journal_entry *entry; /* the last one on its way, borrowed */
	bool is_pending, is_inherited;
};

TAILQ_HEAD(row_list, row);

struct journal {
	struct journal_file *file;
	char boot[33];
	GHashTable *by_id;       /* row->record.id -> row, owned */
	struct row_list pending; /* inherited ones first, then as they were synced */
	unsigned int n_pending, n_inherited;
	void (*on_pending)(void *context);
	void *on_pending_context;
	atomic_bool is_scheduled; /* an idle source is on its way */
	struct journal_counters counters;
};

static int draw_boot(char boot[33])
{
	unsigned char random[16];
	if (RAND_bytes(random, sizeof(random)) != 1)
		return -EIO;
	for (unsigned int i = 0; i < sizeof(random); i++)
		snprintf(&boot[(size_t)2 * i], 3, "%02x", random[i]);
	return 0;
}

static struct row *find(const struct journal *journal, const char *id)
{
	return g_hash_table_lookup(journal->by_id, id);
}

static struct row *add_row(struct journal *journal, const struct usage_record *record)
{
	struct row *row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	row->record = *record;
	g_hash_table_insert(journal->by_id, row->record.id, row);
	return row;
}

static void set_pending(struct journal *journal, struct row *row)
{
	if (row->is_pending)
		return;
	row->is_pending = true;
	TAILQ_INSERT_TAIL(&journal->pending, row, link);
	journal->n_pending++;
}

static void on_found(void *context, const struct usage_record *record)
{
	struct journal *journal = context;
	struct row *row = add_row(journal, record);
	if (!row)
		return; /* it stays on disk for the next start */
	row->is_inherited = true;
	journal->n_inherited++;
	journal->counters.recovered++;
	set_pending(journal, row);
}

static void forget(struct journal *journal, struct row *row)
{
	if (row->is_pending) {
		TAILQ_REMOVE(&journal->pending, row, link);
		journal->n_pending--;
	}
	journal->n_inherited -= row->is_inherited;
	g_hash_table_remove(journal->by_id, row->record.id);
}

static void log_lost(const struct usage_record *record, int rc)
{
	log_error(LOG_STORE, "a usage record is lost",
		  "\"id\":\"%s\",\"quantity_ms\":%" PRId64 ",\"cost_micros\":%" PRId64
		  ",\"error\":\"%s\"",
		  log_escape(record->id), record->quantity_ms, record->cost_micros, strerror(-rc));
}

/* A record is written: it may be reported if that was the last of it. True: it may, newly. */
static bool on_written(struct journal *journal, const struct journal_entry *entry)
{
	struct row *row = find(journal, entry->record.id);
	bool is_last = row && row->entry == entry;
	if (is_last)
		row->entry = NULL;
	if (entry->rc) {
		if (!entry->done)
			log_lost(&entry->record, entry->rc);
		if (is_last && !row->is_pending)
			forget(journal, row);
		return false;
	}
	journal->counters.written++;
	if (!is_last || !entry->is_closed || row->is_pending)
		return false;
	set_pending(journal, row);
	return true;
}

static void take_done(struct journal *journal)
{
	struct journal_entries done = TAILQ_HEAD_INITIALIZER(done);
	struct journal_entry *entry;
	bool is_news = false;
	journal_file_take(journal->file, &done);
	while ((entry = TAILQ_FIRST(&done))) {
		TAILQ_REMOVE(&done, entry, link);
		if (entry->verb == JOURNAL_PUT)
			is_news |= on_written(journal, entry);
		if (entry->done)
			entry->done(entry->context, entry->rc);
		free(entry);
	}
	if (is_news && journal->on_pending)
		journal->on_pending(journal->on_pending_context);
}

static gboolean on_idle(gpointer context)
{
	struct journal *journal = context;
	atomic_store(&journal->is_scheduled, false);
	take_done(journal);
	return G_SOURCE_REMOVE;
}

/* The writer's thread. */
static void on_done(void *context)
{
	struct journal *journal = context;
	if (!atomic_exchange(&journal->is_scheduled, true))
		g_idle_add_full(G_PRIORITY_DEFAULT, on_idle, journal, NULL);
}

int journal_open(const char *path, struct journal **out)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	if (!journal)
		return -ENOMEM;
	journal->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free);
	TAILQ_INIT(&journal->pending);
	int rc = draw_boot(journal->boot);
	if (rc == 0)
		rc = journal_file_open(path, on_found, journal, &journal->file);
	if (rc == 0)
		rc = journal_file_start(journal->file, on_done, journal);
	if (rc) {
		journal_file_close(journal->file);
		g_hash_table_destroy(journal->by_id);
		free(journal);
		return rc;
	}
	*out = journal;
	return 0;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	journal_file_stop(journal->file);
	while (g_idle_remove_by_data(journal))
		;
	take_done(journal);
	journal_file_close(journal->file);
	g_hash_table_destroy(journal->by_id);
	free(journal);
}

const char *journal_boot(const struct journal *journal)
{
	return journal->boot;
}

const char *journal_instance(const struct journal *journal)
{
	return journal_file_instance(journal->file);
}

/* A callback for a write that never was, in its turn like any other. */
struct refusal {
	journal_done done;
	void *context;
	int rc;
};

static gboolean on_refusal(gpointer context)
{
	const struct refusal *refusal = context;
	refusal->done(refusal->context, refusal->rc);
	return G_SOURCE_REMOVE;
}

static void refuse(struct journal *journal, journal_done done, void *context, int rc)
{
	journal->counters.failed++;
	if (!done)
		return;
	struct refusal *refusal = g_new(struct refusal, 1);
	*refusal = (struct refusal){done, context, rc};
	g_idle_add_full(G_PRIORITY_DEFAULT, on_refusal, refusal, g_free);
}

static struct journal_entry *entry_create(enum journal_verb verb, const char *id)
{
	struct journal_entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->verb = verb;
	snprintf(entry->record.id, sizeof(entry->record.id), "%s", id);
	return entry;
}

void journal_write(struct journal *journal, const struct usage_record *record, bool is_closed,
		   journal_done done, void *context)
{
	struct row *row = find(journal, record->id);
	bool is_full = !row && g_hash_table_size(journal->by_id) >= JOURNAL_ROWS_MAX;
	struct journal_entry *entry = is_full ? NULL : entry_create(JOURNAL_PUT, record->id);
	if (entry && !row)
		row = add_row(journal, record);
	if (!entry || !row) {
		free(entry);
		int rc = is_full ? -ENOBUFS : -ENOMEM;
		if (!done)
			log_lost(record, rc);
		refuse(journal, done, context, rc);
		return;
	}
	row->record = *record;
	entry->record = *record;
	entry->is_closed = is_closed;
	entry->done = done;
	entry->context = context;
	row->entry = journal_file_queue(journal->file, entry, row->entry);
}

static void remove_on_disk(struct journal *journal, const char *id)
{
	struct journal_entry *entry = entry_create(JOURNAL_DELETE, id);
	if (entry) /* else it is reported once more after a restart, which changes nothing */
		journal_file_queue(journal->file, entry, NULL);
}

void journal_drop(struct journal *journal, const char *id)
{
	struct row *row = find(journal, id);
	if (!row)
		return;
	remove_on_disk(journal, id);
	forget(journal, row);
}

bool journal_has(const struct journal *journal, const char *id)
{
	return find(journal, id) != NULL;
}

unsigned int journal_pending(struct journal *journal, struct usage_record *records,
			     unsigned int max)
{
	unsigned int n = 0;
	const struct row *row;
	TAILQ_FOREACH (row, &journal->pending, link) {
		if (n == max)
			break;
		records[n++] = row->record;
	}
	return n;
}

void journal_acknowledge(struct journal *journal, const char *const *ids, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct row *row = find(journal, ids[i]);
		if (!row || !row->is_pending)
			continue;
		journal->counters.acknowledged++;
		remove_on_disk(journal, ids[i]);
		forget(journal, row);
	}
}

unsigned int journal_length(const struct journal *journal)
{
	return journal->n_pending;
}

unsigned int journal_rows(const struct journal *journal)
{
	return g_hash_table_size(journal->by_id);
}

unsigned int journal_inherited(const struct journal *journal)
{
	return journal->n_inherited;
}

void journal_on_pending(struct journal *journal, void (*on_pending)(void *context), void *context)
{
	journal->on_pending = on_pending;
	journal->on_pending_context = context;
}

int journal_health(const struct journal *journal)
{
	int rc = journal_file_health(journal->file);
	if (rc == 0 && g_hash_table_size(journal->by_id) >= NO_SESSIONS_FROM)
		return -ENOBUFS;
	return rc;
}

struct journal_counters journal_counters(const struct journal *journal)
{
	struct journal_counters counters = journal->counters;
	counters.syncs = journal_file_syncs(journal->file);
	counters.failed += journal_file_failed(journal->file);
	return counters;
}
