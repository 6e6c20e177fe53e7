/* A table of sets, as in a processor's cache: no lists, no growth, no allocation per token. */
#include "gateway/token_cache.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

struct set {
	struct token_verified ways[TOKEN_CACHE_WAYS];
	unsigned int next; /* way to be replaced */
};

struct token_cache {
	struct set sets[TOKEN_CACHE_SETS];
};

struct token_cache *token_cache_create(void)
{
	return calloc(1, sizeof(struct token_cache));
}

void token_cache_destroy(struct token_cache *cache)
{
	free(cache);
}

void token_digest(const char *token, const char *audience, uint8_t digest[TOKEN_DIGEST_BYTES])
{
	gsize size = TOKEN_DIGEST_BYTES;
	GChecksum *checksum = g_checksum_new(G_CHECKSUM_SHA256);
	/* With its NUL: no two pairs are the same bytes. */
	g_checksum_update(checksum, (const guchar *)audience, (gssize)strlen(audience) + 1);
	g_checksum_update(checksum, (const guchar *)token, (gssize)strlen(token));
	g_checksum_get_digest(checksum, digest, &size);
	g_checksum_free(checksum);
}

static size_t index_of(const uint8_t digest[TOKEN_DIGEST_BYTES])
{
	return ((size_t)digest[0] << 8 | digest[1]) % TOKEN_CACHE_SETS;
}

const struct token_verified *token_cache_find(const struct token_cache *cache,
					      const uint8_t digest[TOKEN_DIGEST_BYTES])
{
	const struct set *set = &cache->sets[index_of(digest)];
	for (unsigned int i = 0; i < TOKEN_CACHE_WAYS; i++)
		if (set->ways[i].key_serial &&
		    memcmp(set->ways[i].digest, digest, TOKEN_DIGEST_BYTES) == 0)
			return &set->ways[i];
	return NULL;
}

void token_cache_put(struct token_cache *cache, const struct token_verified *verified)
{
	struct set *set = &cache->sets[index_of(verified->digest)];
	struct token_verified *way =
		(struct token_verified *)token_cache_find(cache, verified->digest);
	if (!way) {
		way = &set->ways[set->next];
		set->next = (set->next + 1) % TOKEN_CACHE_WAYS;
	}
	*way = *verified;
}
