/* The table of tenants.yaml. The rows are loaded as text first, then turned into tenants with live
 * keys; a key that cannot be used is told with the line of its row. */
#include "conf/tenants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/schema.h"

#define FILE_BYTES_MAX (4U << 20) /* TENANTS_MAX of them with a key each fit */
#define KEY_BYTES_MAX  16384U

struct key_row {
	char *id, *algorithm, *public_key, *public_key_file;
	unsigned int line;
};

struct tenant_row {
	char *id, *name, *standing, *issuer;
	unsigned int sessions_max;
	struct key_row *keys;
	unsigned int n_keys;
};

struct tenants_file {
	struct tenant_row *tenants;
	unsigned int n_tenants;
};

static const char *check_id(const char *value)
{
	static const char characters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	return strspn(value, characters) == strlen(value) ? NULL : "letters, digits, _ and -";
}

static const char *const algorithm_names[] = {"EdDSA", "ES256", "RS256", NULL};

static const char *const standing_names[] = {
	[TENANT_ACTIVE] = "active",
	[TENANT_PAUSED] = "paused",
	[TENANT_EXITED] = "exited",
	NULL,
};

#define KEY_AT(member) SCHEMA_AT(struct key_row, member)
static const struct schema_row key_rows[] = {
	{.path = "line", .type = SCHEMA_LINE, KEY_AT(line)},
	{.path = "id",
	 .type = SCHEMA_TEXT,
	 .max = JWT_ID_MAX,
	 .is_required = true,
	 .is_unique = true,
	 .text = "The `kid` of tokens signed with it.",
	 KEY_AT(id)},
	{.path = "algorithm",
	 .type = SCHEMA_CHOICE,
	 .choices = algorithm_names,
	 .fallback = "EdDSA",
	 .text = "The only one this key may be used with.",
	 KEY_AT(algorithm)},
	{.path = "public_key",
	 .type = SCHEMA_BLOCK,
	 .max = KEY_BYTES_MAX,
	 .fallback_text = "public_key_file",
	 .text = "The key itself: PEM or a JWK.",
	 KEY_AT(public_key)},
	{.path = "public_key_file",
	 .type = SCHEMA_PATH,
	 .fallback_text = "public_key",
	 .text = "A file with the key, relative to this one.",
	 KEY_AT(public_key_file)},
};
static const struct schema key_schema = {
	.rows = key_rows,
	.n_rows = sizeof(key_rows) / sizeof(key_rows[0]),
	.struct_size = sizeof(struct key_row),
};

#define TENANT_AT(member) SCHEMA_AT(struct tenant_row, member)
static const struct schema_row tenant_rows[] = {
	{.path = "id",
	 .type = SCHEMA_TEXT,
	 .max = TENANT_ID_MAX,
	 .is_required = true,
	 .is_unique = true,
	 .check = check_id,
	 .text = "Part of URLs and of tokens (`tenant`): letters, digits, _ and -.",
	 TENANT_AT(id)},
	{.path = "name",
	 .type = SCHEMA_TEXT,
	 .max = 255,
	 .fallback_text = "the id",
	 .text = "What people call it.",
	 TENANT_AT(name)},
	{.path = "standing",
	 .type = SCHEMA_CHOICE,
	 .choices = standing_names,
	 .fallback = "active",
	 .text = "Only active tenants get new sessions.",
	 TENANT_AT(standing)},
	{.path = "issuer",
	 .type = SCHEMA_TEXT,
	 .max = JWT_ID_MAX,
	 .fallback_text = "the id",
	 .text = "The issuer (`iss`) its tokens must name.",
	 TENANT_AT(issuer)},
	{.path = "sessions_max",
	 .type = SCHEMA_NUMBER,
	 .max = 65536,
	 .fallback = "0",
	 .unit = "sessions",
	 .text = "Open sessions at once; 0: as many as the node allows.",
	 TENANT_AT(sessions_max)},
	{.path = "keys",
	 .type = SCHEMA_ROWS,
	 .max = TENANT_KEYS_MAX,
	 .fallback = "",
	 .item = &key_schema,
	 .is_allocated = true,
	 .unit = "keys",
	 .text = "Keys its tokens may be signed with.",
	 SCHEMA_LIST_AT(struct tenant_row, keys, n_keys)},
};
static const struct schema tenant_schema = {
	.rows = tenant_rows,
	.n_rows = sizeof(tenant_rows) / sizeof(tenant_rows[0]),
	.struct_size = sizeof(struct tenant_row),
};

static const struct schema_row file_rows[] = {
	{.path = "tenants",
	 .type = SCHEMA_ROWS,
	 .max = TENANTS_MAX,
	 .fallback = "",
	 .item = &tenant_schema,
	 .is_allocated = true,
	 .unit = "tenants",
	 .text = "Everyone who may use this node.",
	 SCHEMA_LIST_AT(struct tenants_file, tenants, n_tenants)},
};
static const struct schema schema = {
	.rows = file_rows,
	.n_rows = sizeof(file_rows) / sizeof(file_rows[0]),
	.struct_size = sizeof(struct tenants_file),
	.file_bytes_max = FILE_BYTES_MAX,
};

/* Why a key cannot be had, as a message says it; NULL: *out is the key. */
static const char *key_read(const struct key_row *row, struct jwt_key **out)
{
	if ((row->public_key != NULL) == (row->public_key_file != NULL))
		return row->public_key ? "both public_key and public_key_file" : "no key";
	char *text = NULL;
	size_t size;
	if (row->public_key) {
		text = strdup(row->public_key);
		size = strlen(row->public_key);
	} else {
		int rc = schema_file_read(row->public_key_file, KEY_BYTES_MAX, &text, &size);
		if (rc)
			return strerror(-rc);
	}
	if (!text)
		return strerror(ENOMEM);
	enum jwt_algorithm algorithm = (enum jwt_algorithm)jwt_algorithm_by_name(row->algorithm);
	struct jwt_key *key = NULL;
	int rc = jwt_key_import(row->id, algorithm, text, size, &key);
	explicit_bzero(text, size);
	free(text);
	if (rc)
		return rc == -ENOMEM ? strerror(ENOMEM) : "a text that is no such key";
	if (jwt_key_is_private(key)) {
		jwt_key_destroy(key);
		return "a private key";
	}
	*out = key;
	return NULL;
}

void tenant_config_free(struct tenant_config *tenant)
{
	free(tenant->id);
	free(tenant->name);
	free(tenant->issuer);
	for (unsigned int i = 0; i < tenant->n_keys; i++)
		jwt_key_destroy(tenant->keys[i]);
	*tenant = (struct tenant_config){0};
}

/* Returns how many keys could not be had; *tenant is good for tenant_config_free in any case. */
static unsigned int tenant_make(const struct tenant_row *row, const char *name, FILE *errors,
				struct tenant_config *tenant)
{
	unsigned int n_faults = 0;
	tenant->id = strdup(row->id);
	tenant->name = strdup(row->name ? row->name : row->id);
	tenant->issuer = strdup(row->issuer ? row->issuer : row->id);
	tenant->policy.sessions_max = row->sessions_max;
	while (strcmp(row->standing, standing_names[tenant->standing]) != 0)
		tenant->standing++;
	for (unsigned int i = 0; i < row->n_keys; i++) {
		const char *found = key_read(&row->keys[i], &tenant->keys[tenant->n_keys]);
		if (!found) {
			tenant->n_keys++;
			continue;
		}
		fprintf(errors,
			"%s:%u: tenant %s, key %s: found %s, expected one public key for %s\n",
			name, row->keys[i].line, row->id, row->keys[i].id, found,
			row->keys[i].algorithm);
		n_faults++;
	}
	return n_faults;
}

static int tenants_make(const struct tenants_file *file, const char *name, FILE *errors,
			struct tenants_config *out)
{
	struct tenants_config made = {calloc(file->n_tenants + 1UL, sizeof(*made.tenants)), 0};
	int rc = made.tenants ? 0 : -ENOMEM;
	for (unsigned int i = 0; made.tenants && i < file->n_tenants; i++) {
		struct tenant_config *tenant = &made.tenants[made.n_tenants++];
		if (tenant_make(&file->tenants[i], name, errors, tenant))
			rc = -EINVAL;
		if (!tenant->id || !tenant->name || !tenant->issuer)
			rc = -ENOMEM;
	}
	if (rc)
		tenants_free(&made);
	else
		*out = made;
	return rc;
}

int tenants_parse(const char *name, const char *text, size_t size, FILE *errors,
		  struct tenants_config *out)
{
	struct tenants_file file = {0};
	int rc = schema_parse(&schema, name, text, size, errors, &file);
	if (rc)
		return rc;
	rc = tenants_make(&file, name, errors, out);
	schema_free(&schema, &file);
	return rc;
}

int tenants_load(const char *path, FILE *errors, struct tenants_config *out)
{
	struct tenants_file file = {0};
	int rc = schema_load(&schema, path, errors, &file);
	if (rc)
		return rc;
	rc = tenants_make(&file, path, errors, out);
	schema_free(&schema, &file);
	return rc;
}

void tenants_free(struct tenants_config *tenants)
{
	for (unsigned int i = 0; i < tenants->n_tenants; i++)
		tenant_config_free(&tenants->tenants[i]);
	free(tenants->tenants);
	*tenants = (struct tenants_config){0};
}

void tenants_reference(FILE *out)
{
	schema_reference(&tenant_schema, out);
}
