/* Rows for the control plane that may wait a moment: collected, sent so many at once, kept until
 * they are acknowledged. The queue is bounded; what does not fit is dropped, oldest first, and
 * counted. The timer runs only while there is something to send and somebody to send it to. Control
 * thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

struct admin;
struct json_t;

#define ADMIN_BATCH_ROWS_MAX 256

struct admin_batch_kind {
	const char *method, *member; /* what is called, and the list in its parameters */
	unsigned int interval_ms;    /* between two batches */
	unsigned int queue_max;      /* rows */
	/* Member whose text names what a row is about, NULL: none. A newer row about the same takes
	 * the place of one that still waits, and says as `since_ms` when the first of them was. */
	const char *key;
};

struct admin_batch {
	const struct admin_batch_kind *kind;
	struct admin *admin;   /* parent */
	GQueue *rows;          /* struct json_t *, owned */
	GHashTable *by_key;    /* text in a row that waits -> its link in `rows`; NULL: no key */
	struct json_t *flying; /* list of rows that wait for their acknowledgment; NULL: none */
	guint timer;
	uint64_t sent, lost;
};

void admin_batch_init(struct admin_batch *batch, const struct admin_batch_kind *kind,
		      struct admin *admin);
void admin_batch_fini(struct admin_batch *batch);
/* Takes over `row`; NULL (no memory) counts as lost. */
void admin_batch_push(struct admin_batch *batch, struct json_t *row);
/* There is a control plane to send to. */
void admin_batch_wake(struct admin_batch *batch);
