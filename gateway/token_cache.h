/* Tokens whose signature was verified lately, by their SHA-256: checking one costs a hundred times
 * what looking it up does. Only a genuine token gets in, so nobody else can push one out; and what
 * is kept is good for exactly the key object it was verified under: as soon as the tenant's keys
 * are read anew, all its tokens are verified anew. Times and single use are judged on every use,
 * not here. Bounded. Control thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/jwt.h"

#define TOKEN_CACHE_WAYS   4
#define TOKEN_CACHE_SETS   1024
#define TOKEN_DIGEST_BYTES 32

struct token_verified {
	uint8_t digest[TOKEN_DIGEST_BYTES];
	uint64_t key_serial; /* jwt_key_serial; 0: the place is free */
	enum jwt_algorithm algorithm;
	char key_id[JWT_ID_MAX + 1]; /* as the token names it */
	struct jwt_claims claims;
};

struct token_cache;
struct token_cache *token_cache_create(void);
void token_cache_destroy(struct token_cache *cache);
/* Of the token as this audience reads it. */
void token_digest(const char *token, const char *audience, uint8_t digest[TOKEN_DIGEST_BYTES]);
/* NULL: not there. Borrowed until the next put. */
const struct token_verified *token_cache_find(const struct token_cache *cache,
					      const uint8_t digest[TOKEN_DIGEST_BYTES]);
/* Copies; takes the place of one that has been there for longer. */
void token_cache_put(struct token_cache *cache, const struct token_verified *verified);
