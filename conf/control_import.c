/* tenants.yaml into the store. Beside each row it made, an import keeps the document as the file
 * had it; the next one compares the file with that, and writes only the members the file changed
 * since. So the file rules what it says, and what operators changed meanwhile with nn5gctl stays
 * until the file changes that very member. A tenant or slice the store knows from elsewhere is
 * adopted as the file describes it.
 *
 * What the file no longer names: a tenant is paused, never erased (its ledger stays, and naming it
 * again makes it active again; `nn5gctl tenant exit` ends it for good); a slice is removed once no
 * tenant or plan has it. Rows this control plane did not import are left alone.
 *
 * With a `plan`, what the file says of the policy goes on top of the plan's. A key that is absent
 * or has its default is the plan's. */
#include "conf/control_import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/log.h"
#include "conf/policy.h"
#include "conf/store.h"
#include "conf/store_import.h"
#include "conf/tenants.h"

struct import {
	struct store *store;
	const char *source;
	json_t *before;   /* what this source imported last: {"tenant": {...}, "slice": {...}} */
	json_t *defaults; /* the policy that says nothing */
	struct control_import_counts counts;
};

/* --- Documents -------------------------------------------------------------------------------- */

/* The RFC 7396 patch that makes `to` of `from`; an empty object: they are equal. */
static json_t *patch_between(const json_t *from, const json_t *to)
{
	json_t *patch = json_object();
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)to, name, value)
	{
		const json_t *old = json_object_get(from, name);
		if (old && json_equal(old, value))
			continue;
		if (json_is_object(value) && (!old || json_is_object(old)))
			json_object_set_new(patch, name, patch_between(old, value));
		else
			json_object_set(patch, name, value);
	}
	json_object_foreach((json_t *)from, name, value) if (!json_object_get(to, name))
		json_object_set_new(patch, name, json_null());
	return patch;
}

/* A list of rows with an "id" each, as an object by id. */
static json_t *rows_by_id(const json_t *rows)
{
	json_t *object = json_object();
	size_t i;
	json_t *row;
	json_array_foreach((json_t *)rows, i, row)
	{
		json_t *rest = json_copy(row);
		json_object_del(rest, "id");
		json_object_set_new(object, json_string_value(json_object_get(row, "id")), rest);
	}
	return object;
}

/* As the file has it: members of the row, keys by id, of the policy what is not its default. */
static json_t *tenant_document(const struct import *import, const struct tenant_config *tenant)
{
	json_t *document = tenant_config_write(tenant);
	if (!document)
		return NULL;
	json_t *policy = patch_between(import->defaults, json_object_get(document, "policy"));
	json_object_set_new(document, "policy", policy);
	json_object_set_new(document, "keys", rows_by_id(json_object_get(document, "keys")));
	if (!tenant->slice[0])
		json_object_del(document, "slice");
	json_object_del(document, "id");
	return document;
}

/* --- Telling ---------------------------------------------------------------------------------- */

static void value_write(const json_t *value, char *out, size_t size)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	snprintf(out, size, "%s",
		 text                  ? text
		 : json_is_null(value) ? "nothing"
		 : value               ? "?"
				       : "nothing");
	free(text);
}

/* One line a member. Each has a site of its own: an import is shown whole, however long it is. */
static void change_tell(const char *of, const char *path, const json_t *from, const json_t *to)
{
	char old[160], new[160];
	struct log_site site = {0};
	value_write(json_is_null(from) ? NULL : from, old, sizeof(old));
	value_write(json_is_null(to) ? NULL : to, new, sizeof(new));
	log_write(&site, LOG_STORE, LOG_INFO, "imported a change", "\"change\":\"%s: %s %s -> %s\"",
		  log_escape(of), log_escape(path), log_escape(old), log_escape(new));
}

/* Every member of the patch, beside what the row has now. */
static void patch_tell(const char *of, const char *prefix, const json_t *row, const json_t *patch)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)patch, name, value)
	{
		char path[160];
		const json_t *old = json_object_get(row, name);
		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", name);
		if (json_is_object(value))
			patch_tell(of, strcmp(path, "policy") == 0 ? "" : path, old, value);
		else if (!old ? !json_is_null(value) : !json_equal(old, value))
			change_tell(of, path, old, value);
	}
}

static int refuse(struct import *import, const char *of, int rc,
		  const struct store_refusal *refusal)
{
	struct log_site site = {0};
	if (rc == 0)
		return 0;
	import->counts.refused++;
	log_write(&site, LOG_STORE, LOG_ERROR, "not imported", "\"of\":\"%s\",\"cause\":\"%s\"",
		  log_escape(of),
		  log_escape(refusal && refusal->why[0] ? refusal->why : strerror(-rc)));
	return rc;
}

/* --- Slices ----------------------------------------------------------------------------------- */

static const json_t *before_of(const struct import *import, const char *kind, const char *id)
{
	return json_object_get(json_object_get(import->before, kind), id);
}

static json_t *row_find(const json_t *rows, const char *id)
{
	size_t i;
	json_t *row;
	json_array_foreach((json_t *)rows, i,
			   row) if (strcmp(json_string_value(json_object_get(row, "id")), id) ==
				    0) return row;
	return NULL;
}

static int slice_import(struct import *import, const struct slice_config *slice, const json_t *rows)
{
	char of[SLICE_ID_MAX + 16];
	struct store_refusal refusal = {0};
	json_t *document = slice_config_write(slice);
	const json_t *row = row_find(rows, slice->id);
	const json_t *before = row ? before_of(import, "slice", slice->id) : NULL;
	if (!document)
		return -ENOMEM;
	json_t *patch = patch_between(before, document);
	int rc = 0;
	snprintf(of, sizeof(of), "slice %s", slice->id);
	if (json_object_size(patch) > 0) {
		patch_tell(of, "", row, patch);
		json_object_set_new(patch, "id", json_string(slice->id));
		rc = store_slice_put(import->store, patch, &refusal);
		if (rc == 0)
			rc = store_import_put(import->store, import->source, "slice", slice->id,
					      document);
		import->counts.changed += rc == 0;
	}
	json_decref(patch);
	json_decref(document);
	return refuse(import, of, rc, &refusal);
}

/* --- Tenants ---------------------------------------------------------------------------------- */

/* What is taken is put (again), and what the file dropped is removed. */
static int keys_import(struct import *import, const char *tenant, const json_t *document,
		       const json_t *patch, struct store_refusal *refusal)
{
	const char *id;
	json_t *value;
	int rc = 0;
	json_object_foreach((json_t *)json_object_get(patch, "keys"), id, value)
	{
		json_t *key = json_copy(json_object_get(json_object_get(document, "keys"), id));
		if (key) {
			json_object_set_new(key, "id", json_string(id));
			rc = store_key_add(import->store, tenant, key, refusal);
			json_decref(key);
		} else {
			rc = store_key_remove(import->store, tenant, id);
			rc = rc == -ENOENT ? 0 : rc;
		}
		if (rc)
			break;
	}
	return rc;
}

static int tenant_make(struct import *import, const char *id, const json_t *document,
		       struct store_refusal *refusal)
{
	json_t *row = json_deep_copy(document);
	json_t *keys = json_array();
	const char *key_id;
	json_t *key;
	json_object_foreach(json_object_get(row, "keys"), key_id, key)
	{
		json_t *copy = json_copy(key);
		json_object_set_new(copy, "id", json_string(key_id));
		json_array_append_new(keys, copy);
	}
	json_object_set_new(row, "keys", keys);
	json_object_set_new(row, "id", json_string(id));
	int rc = store_tenant_create(import->store, row, refusal);
	json_decref(row);
	import->counts.created += rc == 0;
	return rc;
}

static int tenant_change(struct import *import, const char *id, const json_t *document,
			 const json_t *patch, struct store_refusal *refusal)
{
	json_t *changes = json_copy((json_t *)patch);
	json_object_del(changes, "keys");
	int rc = json_object_size(changes)
			 ? store_tenant_change(import->store, id, changes, refusal)
			 : 0;
	json_decref(changes);
	if (rc == 0)
		rc = keys_import(import, id, document, patch, refusal);
	import->counts.changed += rc == 0;
	return rc;
}

static int tenant_import(struct import *import, const struct tenant_config *tenant)
{
	char of[TENANT_ID_MAX + 16];
	struct store_refusal refusal = {0};
	json_t *row = NULL, *patch = NULL;
	json_t *document = tenant_document(import, tenant);
	const json_t *before = before_of(import, "tenant", tenant->id);
	if (!document)
		return -ENOMEM;
	snprintf(of, sizeof(of), "tenant %s", tenant->id);
	int rc = store_tenant_get(import->store, tenant->id, &row);
	bool is_new = rc == -ENOENT;
	if (rc == 0 || is_new) {
		patch = patch_between(is_new ? NULL : before, document);
		rc = 0;
	}
	if (rc == 0 && json_object_size(patch) > 0) {
		patch_tell(of, "", row, patch);
		rc = is_new ? tenant_make(import, tenant->id, document, &refusal)
			    : tenant_change(import, tenant->id, document, patch, &refusal);
		if (rc == 0)
			rc = store_import_put(import->store, import->source, "tenant", tenant->id,
					      document);
	}
	json_decref(row);
	json_decref(patch);
	json_decref(document);
	return refuse(import, of, rc, &refusal);
}

/* --- What the file no longer names ------------------------------------------------------------ */

static int tenant_drop(struct import *import, const char *id, const json_t *before)
{
	const json_t *standing = json_object_get(before, "standing");
	json_t *paused = json_pack("{s:s}", "standing", "paused");
	char of[TENANT_ID_MAX + 40];
	struct store_refusal refusal = {0};
	if (strcmp(json_string_value(standing) ? json_string_value(standing) : "", "active") != 0) {
		json_decref(paused);
		return 0; /* it was paused by an import before, or by the file */
	}
	snprintf(of, sizeof(of), "tenant %s, no longer named", id);
	int rc = store_tenant_change(import->store, id, paused, &refusal);
	if (rc == 0 || rc == -ENOENT || rc == -EBUSY) {
		json_t *document = json_copy((json_t *)before);
		json_object_set(document, "standing", json_object_get(paused, "standing"));
		if (rc == 0)
			patch_tell(of, "", before, paused);
		import->counts.removed += rc == 0;
		rc = store_import_put(import->store, import->source, "tenant", id,
				      rc == 0 ? document : NULL);
		json_decref(document);
	}
	json_decref(paused);
	return refuse(import, of, rc, &refusal);
}

static int slice_drop(struct import *import, const char *id)
{
	char of[SLICE_ID_MAX + 40];
	struct store_refusal refusal = {0};
	snprintf(of, sizeof(of), "slice %s, no longer named", id);
	int rc = store_slice_remove(import->store, id, &refusal);
	import->counts.removed += rc == 0;
	if (rc == 0 || rc == -ENOENT)
		rc = store_import_put(import->store, import->source, "slice", id, NULL);
	return refuse(import, of, rc, &refusal);
}

static bool tenant_is_named(const struct tenants_config *file, const char *id)
{
	for (unsigned int i = 0; i < file->n_tenants; i++)
		if (strcmp(file->tenants[i].id, id) == 0)
			return true;
	return false;
}

static bool slice_is_named(const struct tenants_config *file, const char *id)
{
	for (unsigned int i = 0; i < file->n_slices; i++)
		if (strcmp(file->slices[i].id, id) == 0)
			return true;
	return false;
}

static int dropped_import(struct import *import, const struct tenants_config *file)
{
	const char *id;
	json_t *before;
	int rc = 0;
	json_object_foreach(json_object_get(import->before, "tenant"), id,
			    before) if (rc != -ENOTCONN && !tenant_is_named(file, id)) rc =
		tenant_drop(import, id, before);
	json_object_foreach(json_object_get(import->before, "slice"), id,
			    before) if (rc != -ENOTCONN && !slice_is_named(file, id)) rc =
		slice_drop(import, id);
	return rc == -ENOTCONN ? rc : 0;
}

/* --- All of it -------------------------------------------------------------------------------- */

/* One row that is refused does not keep the others out; a store that is away does. */
static int file_import(struct import *import, const struct tenants_config *file)
{
	json_t *slices = NULL;
	int rc = store_slice_list(import->store, &slices);
	for (unsigned int i = 0; rc != -ENOTCONN && i < file->n_slices; i++)
		rc = slice_import(import, &file->slices[i], slices);
	json_decref(slices);
	for (unsigned int i = 0; rc != -ENOTCONN && i < file->n_tenants; i++)
		rc = tenant_import(import, &file->tenants[i]);
	return rc == -ENOTCONN ? rc : dropped_import(import, file);
}

static int file_load(const char *path, struct tenants_config *file)
{
	char *told = NULL;
	size_t size;
	FILE *errors = open_memstream(&told, &size);
	if (!errors)
		return -ENOMEM;
	int rc = tenants_load(path, errors, file);
	fclose(errors);
	char *rest = NULL;
	for (char *line = rc && told ? strtok_r(told, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct log_site site = {0};
		log_write(&site, LOG_CONFIG, LOG_ERROR, "the import file is wrong",
			  "\"fault\":\"%s\"", log_escape(line));
	}
	free(told);
	return rc ? -EINVAL : 0;
}

int control_import(struct store *store, const char *source, const char *path,
		   struct control_import_counts *counts)
{
	struct import import = {.store = store, .source = source};
	struct tenants_config file;
	struct policy policy;
	int rc = file_load(path, &file);
	if (rc)
		return rc;
	rc = policy_init(&policy);
	if (rc == 0) {
		import.defaults = policy_write(&policy);
		policy_free(&policy);
		rc = import.defaults ? store_import_list(store, source, &import.before) : -ENOMEM;
	}
	if (rc == 0)
		rc = file_import(&import, &file);
	if (rc == 0)
		log_info(LOG_STORE, "imported",
			 "\"path\":\"%s\",\"created\":%u,\"changed\":%u,\"removed\":%u,"
			 "\"refused\":%u",
			 log_escape(path), import.counts.created, import.counts.changed,
			 import.counts.removed, import.counts.refused);
	json_decref(import.before);
	json_decref(import.defaults);
	tenants_free(&file);
	if (counts)
		*counts = import.counts;
	return rc;
}
