/* The table of tenants.yaml, and that of a tenant as JSON, which differs in where keys and policy
 * stand. The rows are loaded as text first, then turned into tenants with live keys; a key that
 * cannot be used is told with the line of its row. */
#include "conf/tenants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/policy_schema.h"
#include "conf/schema.h"
#include "conf/slice_schema.h"

#define FILE_BYTES_MAX     (4U << 20) /* TENANTS_MAX of them with a key each fit */
#define DOCUMENT_BYTES_MAX (1U << 20)
#define KEY_BYTES_MAX      16384U

struct key_row {
	char *id, *algorithm, *public_key, *public_key_file;
	unsigned int line;
};

struct tenant_row {
	char *id, *name, *standing, *issuer, *plan, *slice;
	struct key_row *keys;
	unsigned int n_keys, line;
	struct policy policy;
};

struct tenants_file {
	struct tenant_row *tenants;
	unsigned int n_tenants;
	struct slice_row *slices;
	unsigned int n_slices;
};

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
/* The last row is the file: what comes over a socket names none of this machine's. */
static const struct schema fed_key_schema = {
	.rows = key_rows,
	.n_rows = sizeof(key_rows) / sizeof(key_rows[0]) - 1,
	.struct_size = sizeof(struct key_row),
};

#define TENANT_AT(member) SCHEMA_AT(struct tenant_row, member)
#define TENANT_ROWS(keys_schema)                                                                   \
	{.path = "line", .type = SCHEMA_LINE, TENANT_AT(line)},                                    \
		{.path = "id",                                                                     \
		 .type = SCHEMA_TEXT,                                                              \
		 .max = TENANT_ID_MAX,                                                             \
		 .is_required = true,                                                              \
		 .is_unique = true,                                                                \
		 .check = schema_check_id,                                                         \
		 .text = "Part of URLs and of tokens (`tenant`): letters, digits, _ and -.",       \
		 TENANT_AT(id)},                                                                   \
		{.path = "name",                                                                   \
		 .type = SCHEMA_TEXT,                                                              \
		 .max = 255,                                                                       \
		 .fallback_text = "the id",                                                        \
		 .text = "What people call it.",                                                   \
		 TENANT_AT(name)},                                                                 \
		{.path = "standing",                                                               \
		 .type = SCHEMA_CHOICE,                                                            \
		 .choices = standing_names,                                                        \
		 .fallback = "active",                                                             \
		 .text = "Only active tenants get new sessions.",                                  \
		 TENANT_AT(standing)},                                                             \
		{.path = "issuer",                                                                 \
		 .type = SCHEMA_TEXT,                                                              \
		 .max = JWT_ID_MAX,                                                                \
		 .fallback_text = "the id",                                                        \
		 .text = "The issuer (`iss`) its tokens must name.",                               \
		 TENANT_AT(issuer)},                                                               \
		{.path = "plan",                                                                   \
		 .type = SCHEMA_TEXT,                                                              \
		 .max = TENANT_ID_MAX,                                                             \
		 .check = schema_check_id,                                                         \
		 .text = "Plan the control plane puts it on; a node alone does not look.",         \
		 TENANT_AT(plan)},                                                                 \
		{.path = "slice",                                                                  \
		 .type = SCHEMA_TEXT,                                                              \
		 .max = SLICE_ID_MAX,                                                              \
		 .check = schema_check_id,                                                         \
		 .fallback_text = "none: best effort",                                             \
		 .text = "Slice its sessions are in.",                                             \
		 TENANT_AT(slice)},                                                                \
	{                                                                                          \
		.path = "keys", .type = SCHEMA_ROWS, .max = TENANT_KEYS_MAX, .fallback = "",       \
		.item = &(keys_schema), .is_allocated = true, .unit = "keys",                      \
		.text = "Keys its tokens may be signed with.",                                     \
		SCHEMA_LIST_AT(struct tenant_row, keys, n_keys)                                    \
	}

#define POLICY_AT(member)             TENANT_AT(policy.member)
#define POLICY_LIST_AT(member, count) SCHEMA_LIST_AT(struct tenant_row, policy.member, policy.count)

#define POLICY_PATH(path) path
static const struct schema_row tenant_rows[] = {
	TENANT_ROWS(key_schema),
#include "conf/policy_rows.inc"
};
#undef POLICY_PATH
static const struct schema tenant_schema = {
	.rows = tenant_rows,
	.n_rows = sizeof(tenant_rows) / sizeof(tenant_rows[0]),
	.struct_size = sizeof(struct tenant_row),
};

#define POLICY_PATH(path) "policy." path
static const struct schema_row fed_rows[] = {
	TENANT_ROWS(fed_key_schema),
#include "conf/policy_rows.inc"
};
#undef POLICY_PATH
static const struct schema fed_schema = {
	.rows = fed_rows,
	.n_rows = sizeof(fed_rows) / sizeof(fed_rows[0]),
	.struct_size = sizeof(struct tenant_row),
	.file_bytes_max = DOCUMENT_BYTES_MAX,
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
	{.path = "slices",
	 .type = SCHEMA_ROWS,
	 .max = SLICES_MAX,
	 .fallback = "",
	 .item = &slice_schema,
	 .is_allocated = true,
	 .unit = "slices",
	 .text = "Shares of this node's bandwidth.",
	 SCHEMA_LIST_AT(struct tenants_file, slices, n_slices)},
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
	free(tenant->plan);
	for (unsigned int i = 0; i < tenant->n_keys; i++)
		jwt_key_destroy(tenant->keys[i]);
	policy_free(&tenant->policy);
	*tenant = (struct tenant_config){0};
}

static unsigned int keys_make(const struct tenant_row *row, const char *name, FILE *errors,
			      struct tenant_config *tenant)
{
	unsigned int n_faults = 0;
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

/* Takes the row's policy. -EINVAL, told; -ENOMEM. *tenant is good for tenant_config_free in any
 * case. */
static int tenant_make(struct tenant_row *row, const char *name, FILE *errors,
		       struct tenant_config *tenant)
{
	char where[TENANT_ID_MAX + 16], place[SCHEMA_TEXT_MAX + 16];
	tenant->policy = row->policy;
	row->policy = (struct policy){0};
	tenant->id = strdup(row->id);
	tenant->name = strdup(row->name ? row->name : row->id);
	tenant->issuer = strdup(row->issuer ? row->issuer : row->id);
	tenant->plan = row->plan ? strdup(row->plan) : NULL;
	if (!tenant->id || !tenant->name || !tenant->issuer || (row->plan && !tenant->plan))
		return -ENOMEM;
	if (row->slice)
		snprintf(tenant->slice, sizeof(tenant->slice), "%s", row->slice);
	while (strcmp(row->standing, standing_names[tenant->standing]) != 0)
		tenant->standing++;
	snprintf(place, sizeof(place), "%s:%u", name, row->line);
	snprintf(where, sizeof(where), "tenant %s: ", row->id);
	bool is_good = policy_check(&tenant->policy, place, where, errors);
	return keys_make(row, name, errors, tenant) == 0 && is_good ? 0 : -EINVAL;
}

static int tenants_make(struct tenants_file *file, const char *name, FILE *errors,
			struct tenants_config *out)
{
	struct tenants_config made = {
		.tenants = calloc(file->n_tenants + 1UL, sizeof(*made.tenants)),
		.slices = calloc(file->n_slices + 1UL, sizeof(*made.slices)),
	};
	int rc = made.tenants && made.slices ? 0 : -ENOMEM;
	for (unsigned int i = 0; rc != -ENOMEM && i < file->n_tenants; i++) {
		int fault = tenant_make(&file->tenants[i], name, errors,
					&made.tenants[made.n_tenants++]);
		rc = fault ? fault : rc;
	}
	for (unsigned int i = 0; rc != -ENOMEM && i < file->n_slices; i++)
		if (!slice_row_take(&file->slices[i], name, errors, &made.slices[made.n_slices++]))
			rc = -EINVAL;
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
	free(tenants->slices);
	*tenants = (struct tenants_config){0};
}

/* The store writes what is not there as null or as nothing. */
static json_t *without_nothings(const json_t *object)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)object), *value;
	const char *key;
	void *next;
	json_object_foreach_safe(copy, next, key,
				 value) if (json_is_null(value) || (json_is_string(value) &&
								    json_string_length(value) == 0))
		json_object_del(copy, key);
	return copy;
}

int tenant_config_read(const struct json_t *object, FILE *errors, struct tenant_config *out)
{
	struct tenant_row row = {0};
	struct tenant_config made = {0};
	json_t *document = without_nothings(object);
	int rc = document ? policy_json_parse(&fed_schema, document, "tenant", errors, &row)
			  : -ENOMEM;
	json_decref(document);
	if (rc)
		return rc;
	rc = tenant_make(&row, "tenant", errors, &made);
	schema_free(&fed_schema, &row);
	if (rc)
		tenant_config_free(&made);
	else
		*out = made;
	return rc;
}

static json_t *keys_write(const struct tenant_config *tenant)
{
	json_t *keys = json_array();
	for (unsigned int i = 0; keys && i < tenant->n_keys; i++) {
		const struct jwt_key *key = tenant->keys[i];
		char *pem = jwt_key_export(key, false);
		json_t *row = json_pack("{s:s, s:s, s:s}", "id", jwt_key_id(key), "algorithm",
					jwt_algorithm_name(jwt_key_algorithm(key)), "public_key",
					pem ? pem : "");
		free(pem);
		if (!pem || json_array_append_new(keys, row)) {
			json_decref(keys);
			return NULL;
		}
	}
	return keys;
}

struct json_t *tenant_config_write(const struct tenant_config *tenant)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:o, s:o}", "id", tenant->id, "name",
			 tenant->name, "standing", standing_names[tenant->standing], "issuer",
			 tenant->issuer, "slice", tenant->slice[0] ? tenant->slice : NULL, "plan",
			 tenant->plan, "keys", keys_write(tenant), "policy",
			 policy_write(&tenant->policy));
}

void tenants_reference(FILE *out)
{
	schema_reference(&tenant_schema, out);
	fputs("\nEach of `slices`, which stands beside `tenants`:\n\n", out);
	schema_reference(&slice_schema, out);
}
