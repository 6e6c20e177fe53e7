/* Ledger rows as columns of audit_logs. Inside the store only. */
#pragma once

#include "conf/ledger.h"
#include "conf/sql.h"

#define STORE_AUDIT_COLUMNS                                                                        \
	"id, tenant, sequence, session, epoch, part, unit, kind, quantity_ms, price_micros,"       \
	" cost_micros, creator_micros, platform_micros, split, provider_id, stream, slice, node,"  \
	" boot, opened_at, closed_at, previous_hash, hash"
#define STORE_AUDIT_N 23

/* Values that borrow from the row. */
void store_audit_write(const struct ledger_row *row, struct sql_value out[STORE_AUDIT_N]);
/* A row that no record of ours can have given (a number in the wrong place, a text that is too
 * long) was tampered with: it is read as far as it goes and its hash is cleared, so that no check
 * passes.
 */
void store_audit_read(const struct sql_value columns[STORE_AUDIT_N], struct ledger_row *out);
/* False when a blob is no hash; then *out is cleared. */
bool store_hash_read(const struct sql_value *column, struct merkle_hash *out);
