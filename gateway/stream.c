#include "gateway/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "gateway/sdp_template.h"

#define EPOCH_STEP 65536 /* a track may change its SSRC this often */

struct stream_table {
	GHashTable *by_key; /* stream->key -> stream */
	unsigned int n_workers;
};

struct stream_table *stream_table_create(unsigned int n_workers)
{
	struct stream_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->n_workers = n_workers;
	table->by_key = g_hash_table_new(g_str_hash, g_str_equal);
	return table;
}

void stream_table_destroy(struct stream_table *table)
{
	if (!table)
		return;
	g_hash_table_destroy(table->by_key);
	free(table);
}

unsigned int stream_count(const struct stream_table *table)
{
	return g_hash_table_size(table->by_key);
}

struct stream *stream_find(struct stream_table *table, const char *tenant, const char *name)
{
	char key[256];
	snprintf(key, sizeof(key), "%s/%s", tenant, name);
	return g_hash_table_lookup(table->by_key, key);
}

void stream_hold(struct stream *stream)
{
	stream->n_references++;
}

void stream_release(struct stream *stream)
{
	if (--stream->n_references > 0)
		return;
	if (g_hash_table_lookup(stream->table->by_key, stream->key) == stream)
		g_hash_table_remove(stream->table->by_key, stream->key);
	for (unsigned int i = 0; i < stream->n_feeds; i++)
		feed_destroy(stream->feeds[i]);
	sdp_template_destroy(stream->answer);
	g_free(stream->key);
	free(stream);
}

static unsigned int describe(const struct sdp_agreement *agreement,
			     struct sdp_feed kinds[SDP_MEDIA_MAX])
{
	unsigned int n = 0;
	for (unsigned int i = 0; i < agreement->n_lines; i++) {
		const struct sdp_line *line = &agreement->lines[i];
		if (!line->accepted || line->feed < 0)
			continue;
		struct sdp_feed *kind = &kinds[line->feed];
		*kind = (struct sdp_feed){.codec = line->codec};
		memcpy(kind->fmtp, line->fmtp, sizeof(kind->fmtp));
		for (unsigned int e = 0; e < RTP_EXTENSIONS; e++)
			kind->has_extension[e] = line->extensions.id[e] != 0;
		n = (unsigned int)line->feed + 1 > n ? (unsigned int)line->feed + 1 : n;
	}
	return n;
}

static bool fits(const struct stream *stream, const struct sdp_feed *kinds, unsigned int n)
{
	if (n != stream->n_feeds)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		if (kinds[i].codec != stream->kinds[i].codec ||
		    strcmp(kinds[i].fmtp, stream->kinds[i].fmtp) != 0)
			return false;
	}
	return true;
}

/* A stream with one reference, its caller's. Takes over `key`. */
static struct stream *create(struct stream_table *table, char *key, const struct sdp_feed *kinds,
			     unsigned int n)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	if (!stream) {
		g_free(key);
		return NULL;
	}
	stream->key = key;
	stream->table = table;
	stream->n_references = 1;
	TAILQ_INIT(&stream->viewers);
	memcpy(stream->kinds, kinds, n * sizeof(*kinds));
	for (unsigned int i = 0; i < n; i++) {
		stream->feeds[i] = feed_create(kinds[i].codec, table->n_workers);
		if (!stream->feeds[i]) {
			stream_release(stream);
			return NULL;
		}
		stream->n_feeds++;
	}
	return stream;
}

struct stream *stream_prepare(struct stream_table *table, const char *tenant, const char *name,
			      const struct sdp_agreement *agreement)
{
	struct sdp_feed kinds[SDP_MEDIA_MAX] = {0};
	unsigned int n = describe(agreement, kinds);
	struct stream *stream = stream_find(table, tenant, name);

	if (!stream || !fits(stream, kinds, n))
		return create(table, g_strdup_printf("%s/%s", tenant, name), kinds, n);
	stream_hold(stream);
	return stream;
}

struct stream *stream_claim(struct stream *stream, const struct sdp_agreement *agreement)
{
	GHashTable *by_key = stream->table->by_key;
	struct stream *before = g_hash_table_lookup(by_key, stream->key);

	describe(agreement, stream->kinds);
	sdp_template_destroy(stream->answer);
	stream->answer = NULL;
	stream->epoch += EPOCH_STEP;
	if (before == stream)
		return NULL;
	g_hash_table_replace(by_key, stream->key, stream);
	return before;
}
