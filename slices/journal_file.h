/* The journal's file and the thread that writes it: takes what is queued, all of it in one
 * transaction with one sync, and hands it back done. Internal to journal.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "slices/journal.h"

struct journal_file;

enum journal_verb { JOURNAL_PUT, JOURNAL_DELETE };

struct journal_entry {
	TAILQ_ENTRY(journal_entry) link;
	enum journal_verb verb;
	bool is_closed;
	bool is_queued;    /* not yet taken by the writer; under its lock */
	journal_done done; /* a write somebody waits for fails at once, others are tried again */
	void *context;
	int rc;                     /* filled in */
	struct usage_record record; /* JOURNAL_DELETE: its id alone */
};
TAILQ_HEAD(journal_entries, journal_entry);

/* Opens or makes the file, closes its open records and calls back for each there is, oldest first.
 * Negative errno, logged. */
int journal_file_open(const char *path,
		      void (*found)(void *context, const struct usage_record *record),
		      void *context, struct journal_file **out);
/* From here on `on_done` is called on the writer's thread when journal_file_take has something.
 * Negative errno. */
int journal_file_start(struct journal_file *file, void (*on_done)(void *context), void *context);
/* Writes what is queued (a last try if the disk is full), ends the thread. What is done can still
 * be taken. */
void journal_file_stop(struct journal_file *file);
/* As journal_instance. */
const char *journal_file_instance(const struct journal_file *file);
/* Takes NULL. Stopped, or never started. */
void journal_file_close(struct journal_file *file);

/* Queues an entry (taken over), or folds it into `earlier` if that is still queued and nobody waits
 * for either. Returns the entry that carries it. */
struct journal_entry *journal_file_queue(struct journal_file *file, struct journal_entry *entry,
					 struct journal_entry *earlier);
/* Moves what is done into `done`. */
void journal_file_take(struct journal_file *file, struct journal_entries *done);
/* 0, or what the last write said. Any thread. */
int journal_file_health(const struct journal_file *file);
/* Transactions that were synced, and writes that failed. Any thread. */
uint64_t journal_file_syncs(const struct journal_file *file);
uint64_t journal_file_failed(const struct journal_file *file);
