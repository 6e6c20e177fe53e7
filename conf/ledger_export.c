#include "conf/ledger_export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "conf/ledger_reader.h"
#include "conf/ledger_text.h"

struct export
{
	FILE *out; /* borrowed */
	EVP_MD_CTX *digest;
	int rc; /* sticky */
};

/* Takes over `object`; the hash does not cover the last line. */
static void line_write(struct export *export, json_t *object, bool is_last)
{
	char *line = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	if (!line && export->rc == 0)
		export->rc = -ENOMEM;
	if (export->rc == 0 && !is_last &&
	    (EVP_DigestUpdate(export->digest, line, strlen(line)) != 1 ||
	     EVP_DigestUpdate(export->digest, "\n", 1) != 1))
		export->rc = -ENOMEM;
	if (export->rc == 0 && fprintf(export->out, "%s\n", line) < 0)
		export->rc = -EIO;
	free(line);
}

static void on_key(void *context, const char *pem)
{
	line_write(context, json_pack("{s:s, s:s}", "type", "ledger_key", "pem", pem), false);
}

static void on_row(void *context, const struct ledger_row *row)
{
	json_t *object = json_pack("{s:s, s:o}", "type", "row", "row", ledger_row_write(row));
	line_write(context, object, false);
}

static void on_head(void *context, const struct ledger_head *head)
{
	json_t *object = json_pack("{s:s, s:o}", "type", "head", "head", ledger_head_write(head));
	line_write(context, object, false);
}

static void on_end(void *context, int64_t size, const struct merkle_hash *last)
{
	struct export *export = context;
	uint8_t sha256[EVP_MAX_MD_SIZE];
	char last_text[LEDGER_HEX_BYTES], sha256_text[LEDGER_HEX_BYTES];
	if (EVP_DigestFinal_ex(export->digest, sha256, NULL) != 1) {
		export->rc = -ENOMEM;
		return;
	}
	ledger_hex(last->bytes, MERKLE_BYTES, last_text);
	ledger_hex(sha256, MERKLE_BYTES, sha256_text);
	line_write(export,
		   json_pack("{s:s, s:I, s:s, s:s}", "type", "end", "size", (json_int_t)size,
			     "last_hash", last_text, "sha256", sha256_text),
		   true);
}

int ledger_export_write(struct store *store, const char *tenant, const json_t *configuration,
			int64_t now_ms, FILE *out)
{
	struct export export = {.out = out, .digest = EVP_MD_CTX_new()};
	const struct ledger_visitor visitor = {.on_key = on_key,
					       .on_row = on_row,
					       .on_head = on_head,
					       .on_end = on_end,
					       .context = &export};
	if (!export.digest || EVP_DigestInit_ex(export.digest, EVP_sha256(), NULL) != 1)
		export.rc = -ENOMEM;
	line_write(&export,
		   json_pack("{s:s, s:i, s:s, s:I}", "type", LEDGER_EXPORT_TYPE, "version",
			     LEDGER_EXPORT_VERSION, "tenant", tenant, "exported_at_ms",
			     (json_int_t)now_ms),
		   false);
	for (size_t i = 0; i < json_array_size(configuration); i++)
		line_write(&export, json_incref(json_array_get(configuration, i)), false);
	int rc = export.rc ? export.rc : ledger_read_store(store, tenant, &visitor);
	if (rc == 0)
		rc = export.rc;
	if (rc == 0 && fflush(out))
		rc = -EIO;
	EVP_MD_CTX_free(export.digest);
	return rc;
}
