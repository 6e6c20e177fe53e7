/* Tenants, usage records, and a check of a whole ledger as a store gives it, for tests of stores.
 */
#pragma once

#include "tests/conf/store_fixture.h"

#include "conf/store.h"

#define NOVEMBER_MS 1763000000000 /* 2025-11-13 */

static inline struct store *store_fixture_open(enum sql_kind kind)
{
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(store_fixture_url(kind), &store), 0);
	return store;
}

static inline void store_fixture_run(struct store *store, const char *statement)
{
	CU_ASSERT_EQUAL_FATAL(sql_run(store_sql(store), statement, NULL, 0, NULL, NULL), 0);
}

static inline int store_fixture_take(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	*(int64_t *)context = columns[0].integer;
	return 0;
}

static inline int64_t store_fixture_number(struct store *store, const char *statement)
{
	int64_t number = -1;
	CU_ASSERT_EQUAL(sql_run(store_sql(store), statement, NULL, 0, store_fixture_take, &number),
			0);
	return number;
}

/* `ms` of video in session "s" of a tenant, at 60,000 micros a minute: a micro per ms. */
static inline struct usage_record usage_fixture(const char *tenant, uint32_t sequence, int64_t ms)
{
	struct usage_record record = {.epoch = 1,
				      .sequence = sequence,
				      .unit = USAGE_MINUTE,
				      .kind = USAGE_VIDEO,
				      .quantity_ms = ms,
				      .price_micros = 60000,
				      .opened_at_ms = NOVEMBER_MS,
				      .closed_at_ms = NOVEMBER_MS + ms};
	snprintf(record.tenant, sizeof(record.tenant), "%s", tenant);
	strcpy(record.session, "s");
	strcpy(record.split, "imvu");
	strcpy(record.provider_id, "whip:live");
	strcpy(record.stream, "live");
	strcpy(record.slice, "gold");
	strcpy(record.node, "n1");
	strcpy(record.boot, "b1");
	usage_id(&record);
	return record;
}

static inline int ledger_fixture_row(void *context, const struct ledger_row *row)
{
	ledger_check_row(context, row);
	return 0;
}

static inline int ledger_fixture_head(void *context, const struct ledger_head *head)
{
	ledger_check_head(context, head);
	return 0;
}

/* Faults of a tenant's ledger; *size is its rows. `key` may be NULL when there are no heads. */
static inline unsigned int ledger_fixture_faults(struct store *store, const char *tenant,
						 const struct ledger_key *key, uint64_t *size)
{
	char *told = NULL;
	size_t bytes;
	FILE *report = open_memstream(&told, &bytes);
	struct ledger_check *check = ledger_check_create(tenant, report);
	int64_t says;
	struct merkle_hash last;
	if (key)
		ledger_check_trust(check, key);
	CU_ASSERT_EQUAL(store_ledger_rows(store, tenant, 0, ledger_fixture_row, check), 0);
	CU_ASSERT_EQUAL(store_ledger_heads(store, tenant, ledger_fixture_head, check), 0);
	CU_ASSERT_EQUAL(store_ledger_state(store, tenant, &says, &last), 0);
	unsigned int faults = ledger_check_end(check, says, &last);
	*size = ledger_check_size(check);
	ledger_check_destroy(check);
	fclose(report);
	free(told);
	return faults;
}
