/* A tenant's configuration and ledger as one file that can be kept, carried off and verified
 * anywhere: JSON lines.
 *
 *     {"type":"nn5g-export","version":1,"tenant":"acme","exported_at_ms":...}
 *     {"type":"tenant","tenant":{...}}              configuration, as given: tenant, plan, slice,
 * key
 *     {"type":"ledger_key","pem":"..."}             public keys that heads were signed with
 *     {"type":"row","row":{...}}                    as ledger_row_write, by sequence
 *     {"type":"head","head":{...}}                  as ledger_head_write, by size
 *     {"type":"end","size":20,"last_hash":"...","sha256":"..."}
 *
 * `sha256` is over all bytes before the last line: it shows damage. That nobody changed rows and
 * heads is shown by their hashes and signatures; the configuration has no other proof. */
#pragma once

#include <stdint.h>
#include <stdio.h>

struct json_t;
struct store;

/* Writes all lines. `configuration` is an array of objects with "type" (borrowed; NULL: none); it
 * must hold no secrets. Negative errno: of the store, or -EIO when `out` cannot be written. */
int ledger_export_write(struct store *store, const char *tenant, const struct json_t *configuration,
			int64_t now_ms, FILE *out);
