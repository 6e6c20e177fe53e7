/* A store on SQLite in a folder of its own, with the operators' table over it, for tests. */
#pragma once

#include "tests/cunit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/ledger.h"
#include "conf/operator.h"
#include "conf/secret.h"
#include "conf/store.h"

static struct {
	char folder[64], url[128];
	struct store *store;
	struct secret_key *secret_key;
	struct ledger_key *ledger_key;
	struct operator operators;
	int changes; /* how often the feed was woken */
} fixture;

static void fixture_change(void *context)
{
	(void)context;
	fixture.changes++;
}

static inline int operator_fixture_start(void)
{
	char path[128];
	strcpy(fixture.folder, "/tmp/nn5g-operator-XXXXXX");
	if (!mkdtemp(fixture.folder))
		return 1;
	snprintf(fixture.url, sizeof(fixture.url), "sqlite:%s/store.db", fixture.folder);
	if (store_open(fixture.url, &fixture.store))
		return 1;
	snprintf(path, sizeof(path), "%s/secret.key", fixture.folder);
	if (secret_key_load(path, true, &fixture.secret_key))
		return 1;
	snprintf(path, sizeof(path), "%s/ledger.key.pem", fixture.folder);
	if (ledger_key_load(path, true, &fixture.ledger_key))
		return 1;
	fixture.operators = (struct operator){
		.store = fixture.store,
		.url = fixture.url,
		.state = fixture.folder,
		.secret_key = fixture.secret_key,
		.ledger_key = fixture.ledger_key,
		.node = "n1",
		.on_change = fixture_change,
	};
	return 0;
}

static inline int operator_fixture_stop(void)
{
	char line[128];
	operator_stop(&fixture.operators);
	store_close(fixture.store);
	secret_key_destroy(fixture.secret_key);
	ledger_key_destroy(fixture.ledger_key);
	snprintf(line, sizeof(line), "rm -rf %s", fixture.folder);
	return system(line) == 0 ? 0 : 1;
}
