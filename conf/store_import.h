/* What was imported from a file, as it was then: so that the next import changes only what the file
 * changed since, and what operators changed meanwhile stays. Rows belong to a source, the state
 * folder of the control plane that imported. */
#pragma once

struct json_t;
struct store;

/* {"tenant": {ID: document, ...}, "slice": {...}} of a source. Negative errno. */
int store_import_list(struct store *store, const char *source, struct json_t **out);
/* NULL document: forgotten. */
int store_import_put(struct store *store, const char *source, const char *kind, const char *id,
		     const struct json_t *document);
