/* The node's journal: usage records on disk before they count, reported to the control plane, then
 * forgotten. A thread of its own writes and syncs, many records per sync; control is never made to
 * wait for the disk. What an earlier run of the node left is closed and reported first. Control
 * thread, except where said. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/usage.h"

struct journal;

/* Records that are not forgotten; from three quarters on journal_health says -ENOBUFS. */
#define JOURNAL_ROWS_MAX 131072

/* Opens or makes the SQLite file, draws this run's boot id, closes what earlier runs left open.
 * Negative errno, logged. */
int journal_open(const char *path, struct journal **out);
/* Writes out what is queued. Callbacks that are due run before it returns. Takes NULL. */
void journal_close(struct journal *journal);
/* 128 random bits as hex. */
const char *journal_boot(const struct journal *journal);
/* The same, drawn once when the file was made: who has the same has the records of all boots before
 * it. */
const char *journal_instance(const struct journal *journal);

typedef void (*journal_done)(void *context, int rc);
/* Writes a record that is still growing (a checkpoint: replaces the one of the same id) or closed.
 * `done` (may be NULL) runs on the default GMainContext once it is synced, or with the errno: then
 * it never will be. A record nobody waits for is tried again until the disk takes it. Copies the
 * record. */
void journal_write(struct journal *journal, const struct usage_record *record, bool is_closed,
		   journal_done done, void *context);
/* Forgets a record that came to nothing. */
void journal_drop(struct journal *journal, const char *id);
/* Was a record of this id written by this node and not yet forgotten? */
bool journal_has(const struct journal *journal, const char *id);

/* Closed and synced records that wait to be acknowledged, oldest first; those of earlier runs
 * before this one's. Fills up to `max`; returns how many. */
unsigned int journal_pending(struct journal *journal, struct usage_record *records,
			     unsigned int max);
/* The control plane has them: forgotten, in memory at once, on disk soon. */
void journal_acknowledge(struct journal *journal, const char *const *ids, unsigned int n);
unsigned int journal_length(const struct journal *journal);
/* All that are not forgotten: also those that still grow, or are not synced yet. */
unsigned int journal_rows(const struct journal *journal);
/* Records of earlier runs that are not acknowledged yet. */
unsigned int journal_inherited(const struct journal *journal);
/* Called (on the default GMainContext) when pending records appear. */
void journal_on_pending(struct journal *journal, void (*on_pending)(void *context), void *context);
/* 0, or why no new sessions are to come: the last write failed (-ENOSPC: the disk is full; gone by
 * itself when there is room), or too much waits to be acknowledged (-ENOBUFS). */
int journal_health(const struct journal *journal);

struct journal_counters {
	uint64_t written, syncs, failed, acknowledged, recovered;
};
struct journal_counters journal_counters(const struct journal *journal);
