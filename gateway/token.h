/* Bearer tokens at the door: which key, is it genuine, is it fresh. Control thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/jwt.h"
#include "slices/tenant.h"

#define TOKEN_LEEWAY_S           5 /* of an issuer's clock that is ahead (nbf, iat); exp is exact */
#define TOKEN_REPLAYS_MAX        65536 /* single-use tokens remembered until they expire */
#define TOKEN_REPLAYS_TENANT_MAX (TOKEN_REPLAYS_MAX / 4) /* of one tenant */

/* The token of an "Authorization: Bearer" value (scheme in any case), or NULL. */
const char *token_of_bearer(const char *authorization);

/* A token that was verified, or why not. */
struct token_verdict {
	struct tenant *owner; /* whose key signed it */
	struct jwt_claims claims;
	const char *why; /* a constant, when it was not */
};

struct token_cache;

/* Finds the key by what the token says of itself and verifies under it: the `tenant` claim names
 * the tenant whose key it must be. One that was verified lately is taken from `cache` (may be NULL)
 * instead, as long as the tenant has that key. -EKEYREJECTED or -EBADMSG, and verdict->why. */
int token_verify(struct token_cache *cache, struct tenant_table *tenants, const char *token,
		 size_t bytes_max, const char *audience, struct token_verdict *verdict);
/* exp must be there and ahead; nbf and iat behind, within the leeway. NULL, or why not. */
const char *token_freshness(const struct jwt_claims *claims, int64_t now_s);

/* Single-use tokens (with `jti`) that were spent. */
struct token_replays;
struct token_replays *token_replays_create(void);
void token_replays_destroy(struct token_replays *replays);
/* Whether a single-use token was spent before. */
bool token_is_spent(struct token_replays *replays, const char *tenant_id,
		    const struct jwt_claims *claims);
/* Marks a single-use token (one with `jti`) as spent until it expires; others pass. -EALREADY: it
 * was; -ENOSPC: too many are remembered, of this tenant or of all. */
int token_spend(struct token_replays *replays, const char *tenant_id,
		const struct jwt_claims *claims, int64_t now_s);
