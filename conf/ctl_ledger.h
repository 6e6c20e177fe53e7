/* What nn5gctl's ledger commands share: where a ledger is read from, the keys it is judged by, and
 * heads and proofs in files. Main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "conf/command.h"
#include "conf/ledger.h"
#include "conf/ledger_reader.h"

#define CTL_LEDGER_KEYS_MAX  64
#define LEDGER_PROOF_OPTIONS 6

struct json_t;
struct store;

/* The first options of all ledger commands. */
enum { LEDGER_STORE, LEDGER_EXPORT, LEDGER_TENANT, LEDGER_SOURCE_OPTIONS };
#define LEDGER_SOURCE(is_tenant_required)                                                          \
	[LEDGER_STORE] =                                                                           \
		{"store", "URL",                                                                   \
		 "store: sqlite:PATH or postgresql://...; without it the node's own is looked "    \
		 "for",                                                                            \
		 NULL, false},                                                                     \
	[LEDGER_EXPORT] = {"export", "FILE", "read an export instead of a store", NULL, false},    \
	[LEDGER_TENANT] = {"tenant", "ID", "tenant whose ledger it is", NULL, is_tenant_required}

struct ledger_source {
	struct store *store; /* one of the two; owned */
	FILE *file;
	const char *name; /* borrowed from the command line */
};
/* These return an exit code; what went wrong has been told. */
int ledger_source_open(const struct command_line *line, struct ledger_source *out);
void ledger_source_close(struct ledger_source *source);
/* One tenant's ledger. An export is of one tenant: `tenant` may be NULL, and must fit if it is not.
 */
int ledger_source_read(struct ledger_source *source, const char *tenant,
		       const struct ledger_visitor *visitor);

/* Public keys, owned. */
struct ledger_keys {
	struct ledger_key *keys[CTL_LEDGER_KEYS_MAX];
	unsigned int n;
};
/* All keys of a PEM file. Exit code. */
int ledger_keys_load(const char *path, struct ledger_keys *out);
/* One more; false: no key, or no room. */
bool ledger_keys_add(struct ledger_keys *keys, const char *pem);
void ledger_keys_free(struct ledger_keys *keys);

/* A file that `ledger head` wrote. Exit code. */
int ledger_head_load(const char *path, struct ledger_head *out);
/* A file of at most 64 KiB with one JSON object; the caller's. Exit code. */
int ledger_json_load(const char *path, struct json_t **out);

/* The commands' own parts, by file. Exit codes. */
int ledger_proof_run(const struct command_line *line);
/* Of a file that `ledger proof` wrote; `keys` and `saved` (NULL: none) are what is trusted. */
int ledger_proof_check(const char *path, const struct ledger_keys *keys,
		       const struct ledger_head *saved, bool is_json);
extern const struct command_option ledger_proof_options[LEDGER_PROOF_OPTIONS];
