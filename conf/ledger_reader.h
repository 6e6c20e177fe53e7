/* Reads a tenant's ledger from a store or from an export file, as one stream in one order: keys,
 * rows, heads, end. Reads only. One thread. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "conf/ledger.h"

#define LEDGER_EXPORT_TYPE     "nn5g-export"
#define LEDGER_EXPORT_VERSION  1
#define LEDGER_EXPORT_LINE_MAX (1U << 20)

struct store;

/* What is read is borrowed for the call. Any may be NULL. on_tenant comes first, once; without it,
 * what was read is no ledger. */
struct ledger_visitor {
	void (*on_tenant)(void *context, const char *tenant);
	void (*on_key)(void *context, const char *pem);
	void (*on_row)(void *context, const struct ledger_row *row);
	void (*on_head)(void *context, const struct ledger_head *head);
	/* What the source says there is; `size` < 0: it does not say. */
	void (*on_end)(void *context, int64_t size, const struct merkle_hash *last);
	/* A line that cannot be read (the number comes first in `what`), or a file that is not
	 * whole. `sequence` (-1) and `id` ("") of the row it seems to be. */
	void (*on_fault)(void *context, int64_t sequence, const char *id, const char *what);
	void *context;
};

/* The store may be in use: what comes while it is read is left out. Negative errno, logged. */
int ledger_read_store(struct store *store, const char *tenant,
		      const struct ledger_visitor *visitor);
/* Goes on behind faults. -EINVAL: no export at all, told as a fault; -EIO. The form: see
 * ledger_export.h. */
int ledger_read_export(FILE *in, const struct ledger_visitor *visitor);
