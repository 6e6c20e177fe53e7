#include "gateway/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <glib.h>

#include "gateway/token_cache.h"

const char *token_of_bearer(const char *authorization)
{
	if (strncasecmp(authorization, "Bearer ", 7) != 0)
		return NULL;
	const char *token = authorization + 7;
	while (*token == ' ')
		token++;
	return *token ? token : NULL;
}

/* Is it known, and is the key it was verified under still its tenant's? */
static bool recall(const struct token_cache *cache, struct tenant_table *tenants,
		   const uint8_t digest[TOKEN_DIGEST_BYTES], struct token_verdict *verdict)
{
	const struct token_verified *known = token_cache_find(cache, digest);
	if (!known)
		return false;
	const struct jwt_key *key = tenant_key_find(tenants, known->claims.tenant, known->key_id,
						    known->algorithm, &verdict->owner);
	if (!key || jwt_key_serial(key) != known->key_serial)
		return false;
	verdict->claims = known->claims;
	return true;
}

static void remember(struct token_cache *cache, const struct jwt_hint *hint,
		     const struct jwt_key *key, const struct jwt_claims *claims,
		     const uint8_t digest[TOKEN_DIGEST_BYTES])
{
	struct token_verified verified = {
		.key_serial = jwt_key_serial(key),
		.algorithm = hint->algorithm,
		.claims = *claims,
	};
	memcpy(verified.digest, digest, sizeof(verified.digest));
	memcpy(verified.key_id, hint->key_id, sizeof(verified.key_id));
	token_cache_put(cache, &verified);
}

int token_verify(struct token_cache *cache, struct tenant_table *tenants, const char *token,
		 size_t bytes_max, const char *audience, struct token_verdict *verdict)
{
	uint8_t digest[TOKEN_DIGEST_BYTES];
	struct jwt_hint hint;
	/* Nothing is hashed that is too long to be looked at. */
	if (strnlen(token, bytes_max + 1) > bytes_max)
		cache = NULL;
	if (cache) {
		token_digest(token, audience, digest);
		if (recall(cache, tenants, digest, verdict))
			return 0;
	}
	int rc = jwt_peek(token, bytes_max, &hint);
	if (rc) {
		verdict->why = "the token is not a compact JWS with an allowed algorithm";
		return rc;
	}
	const struct jwt_key *key =
		tenant_key_find(tenants, hint.tenant, hint.key_id, hint.algorithm, &verdict->owner);
	if (!key) {
		verdict->why = "the token names no key of its tenant";
		return -EKEYREJECTED;
	}
	rc = jwt_read(token, bytes_max, key, audience, &verdict->claims);
	if (rc)
		verdict->why = "the token's signature or claims are not valid";
	else if (cache)
		remember(cache, &hint, key, &verdict->claims, digest);
	return rc;
}

const char *token_freshness(const struct jwt_claims *claims, int64_t now_s)
{
	if (claims->expires_at == 0)
		return "the token has no exp";
	if (claims->expires_at <= now_s)
		return "the token has expired";
	if (claims->not_before > now_s + TOKEN_LEEWAY_S)
		return "the token is not valid yet (nbf)";
	if (claims->issued_at > now_s + TOKEN_LEEWAY_S)
		return "the token was issued in the future (iat)";
	return NULL;
}

struct token_replays {
	GHashTable *spent;     /* "tenant/jti" -> expiry */
	GHashTable *by_tenant; /* tenant -> how many of them; as long as there are any */
	int64_t swept_s;
};

struct token_replays *token_replays_create(void)
{
	struct token_replays *replays = calloc(1, sizeof(*replays));
	if (!replays)
		return NULL;
	replays->spent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	replays->by_tenant = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return replays;
}

void token_replays_destroy(struct token_replays *replays)
{
	if (!replays)
		return;
	g_hash_table_destroy(replays->spent);
	g_hash_table_destroy(replays->by_tenant);
	free(replays);
}

static unsigned int count_of(const struct token_replays *replays, const char *tenant_id)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(replays->by_tenant, tenant_id));
}

static void set_count(struct token_replays *replays, const char *tenant_id, unsigned int n)
{
	if (n > 0)
		g_hash_table_replace(replays->by_tenant, g_strdup(tenant_id), GUINT_TO_POINTER(n));
	else
		g_hash_table_remove(replays->by_tenant, tenant_id);
}

/* Those that have expired by replays->swept_s. */
static gboolean drop_if_over(gpointer key, gpointer expiry, gpointer context)
{
	struct token_replays *replays = context;
	if (*(int64_t *)expiry > replays->swept_s)
		return FALSE;
	char *tenant_id = g_strndup(key, strcspn(key, "/"));
	set_count(replays, tenant_id, count_of(replays, tenant_id) - 1);
	g_free(tenant_id);
	return TRUE;
}

bool token_is_spent(struct token_replays *replays, const char *tenant_id,
		    const struct jwt_claims *claims)
{
	char *name = g_strdup_printf("%s/%s", tenant_id, claims->id);
	bool is_spent = claims->id[0] && g_hash_table_contains(replays->spent, name);
	g_free(name);
	return is_spent;
}

int token_spend(struct token_replays *replays, const char *tenant_id,
		const struct jwt_claims *claims, int64_t now_s)
{
	if (claims->id[0] == '\0')
		return 0;
	if (token_is_spent(replays, tenant_id, claims))
		return -EALREADY;
	if (now_s != replays->swept_s) {
		replays->swept_s = now_s;
		g_hash_table_foreach_remove(replays->spent, drop_if_over, replays);
	}
	if (g_hash_table_size(replays->spent) >= TOKEN_REPLAYS_MAX ||
	    count_of(replays, tenant_id) >= TOKEN_REPLAYS_TENANT_MAX)
		return -ENOSPC;
	set_count(replays, tenant_id, count_of(replays, tenant_id) + 1);
	int64_t *expiry = g_new(int64_t, 1);
	*expiry = claims->expires_at;
	g_hash_table_replace(replays->spent, g_strdup_printf("%s/%s", tenant_id, claims->id),
			     expiry);
	return 0;
}
