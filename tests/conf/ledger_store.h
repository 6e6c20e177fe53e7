/* A fake of the part of conf/store.h that the ledger's reader asks: it holds a fixture. It stands
 * in for the real one in the tests that include it. */
#pragma once

#include "conf/store.h"
#include "tests/conf/ledger_fixture.h"

struct store {
	struct ledger_fixture *ledger;
	/* Called before each question, to change what is there while it is read. */
	void (*meanwhile)(struct store *store, const char *question);
	int rc; /* what all questions are answered with */
};

static inline int fake_ask(struct store *store, const char *question)
{
	if (store->meanwhile)
		store->meanwhile(store, question);
	return store->rc;
}

int store_ledger_rows(struct store *store, const char *tenant, int64_t from,
		      int (*each)(void *context, const struct ledger_row *row), void *context)
{
	(void)tenant;
	int rc = fake_ask(store, "rows");
	for (unsigned int i = 0; rc == 0 && i < store->ledger->n_rows; i++)
		if (store->ledger->rows[i].sequence >= from)
			rc = each(context, &store->ledger->rows[i]);
	return rc;
}

int store_ledger_heads(struct store *store, const char *tenant,
		       int (*each)(void *context, const struct ledger_head *head), void *context)
{
	(void)tenant;
	int rc = fake_ask(store, "heads");
	for (unsigned int i = 0; rc == 0 && i < store->ledger->n_heads; i++)
		rc = each(context, &store->ledger->heads[i]);
	return rc;
}

int store_ledger_state(struct store *store, const char *tenant, int64_t *size,
		       struct merkle_hash *last)
{
	(void)tenant;
	int rc = fake_ask(store, "state");
	*size = store->ledger->size;
	*last = store->ledger->last;
	return rc;
}

int store_ledger_signed(struct store *store, const char *tenant, uint64_t *size)
{
	(void)store;
	(void)tenant;
	*size = 0;
	return 0;
}

int store_ledger_keys(struct store *store,
		      int (*each)(void *context, const char *id, const char *pem), void *context)
{
	int rc = fake_ask(store, "keys");
	char *pem = ledger_key_public(store->ledger->key);
	if (rc == 0)
		rc = each(context, ledger_key_id(store->ledger->key), pem);
	free(pem);
	return rc;
}
