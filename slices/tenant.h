/* The tenants of this node as admission sees them: looked up by id, replaced as a whole (a reload,
 * a snapshot) or one by one. Control thread. */
#pragma once

#include "conf/tenants.h"
#include "slices/bucket.h"
#include "slices/quota.h"

struct slicing_place;

struct tenant {
	const struct tenant_config *config; /* owned by the table; NULL: gone */
	char id[TENANT_ID_MAX + 1];
	unsigned int n_sessions; /* open now */
	struct bucket bucket;    /* gate 14; its limits are the policy's */
	/* Their totals count from the start of the node: a tenant that goes and comes back finds
	 * them as they were. */
	struct quota quotas[ACCOUNTS];
	void *book_entry;            /* gateway/account.c's own */
	struct slicing_place *place; /* gateway/slicing.c's own */
};

struct tenant_table;

struct tenant_table *tenant_table_create(void);
void tenant_table_destroy(struct tenant_table *table);
/* Takes ownership of what `fresh` holds and leaves it empty. Tenants that are gone keep their entry
 * (config NULL) while they have sessions, requests that wait, an entry in the book of accounts, a
 * place in the scheduler, or quota totals. -ENOMEM: some of the new ones are missing. */
int tenant_table_replace(struct tenant_table *table, struct tenants_config *fresh);
/* Adds or changes one, with the same ownership; *out is its entry. -ENOSPC: TENANTS_MAX are there;
 * -ENOMEM. Then `fresh` is freed, and what was there stays. */
int tenant_put(struct tenant_table *table, struct tenant_config *fresh, struct tenant **out);
/* -ENOENT. */
int tenant_remove(struct tenant_table *table, const char *id);
/* Lets go of entries that nobody counts on any more; put, remove and replace do so, too. */
void tenant_table_sweep(struct tenant_table *table);
/* Those with a configuration. */
unsigned int tenant_count(const struct tenant_table *table);
/* NULL: unknown. `config` is borrowed until the tenant changes; the entry lives while it has
 * sessions. */
struct tenant *tenant_find(struct tenant_table *table, const char *id, size_t len);
/* Every entry, also those that are gone and still held. The table may not change meanwhile. */
void tenant_each(struct tenant_table *table, void (*each)(void *context, struct tenant *tenant),
		 void *context);
/* The tenant's key with this id ("" = its first) and algorithm, or NULL; *owner is the tenant. A
 * token says whose it is in its `tenant` claim, so no tenant's key can ever speak for another. */
const struct jwt_key *tenant_key_find(struct tenant_table *table, const char *tenant_id,
				      const char *key_id, enum jwt_algorithm algorithm,
				      struct tenant **owner);
