/* Exports: a tenant's configuration and ledger in a file. A ledger may be long, and whoever waits
 * for quota must not wait for that: a thread reads it through a connection of its own, which shows
 * the store as it was when it began, and the loop answers when the file is there. */
#include "conf/operator_methods.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "conf/ledger_export.h"
#include "conf/rpc.h"

#define PATH_BYTES_MAX 4096

struct operator_export {
	SLIST_ENTRY(operator_export) link;
	struct operator* operators; /* parent */
	struct rpc_call *call;
	json_t *answer; /* owned */
	GMainContext *loop;
	GSource *done;
	GThread *thread;
	/* The thread's, while it runs: */
	char *url, *tenant;
	json_t *configuration;
	char path[PATH_BYTES_MAX];
	int rc;
};

/* An item of the export's configuration. */
static void part_add(json_t *parts, const char *type, const json_t *value)
{
	if (value)
		json_array_append_new(parts, json_pack("{s:s, s:O}", "type", type, type, value));
}

static const json_t *row_find(const json_t *list, const char *id)
{
	size_t i;
	json_t *row;
	json_array_foreach(list, i, row)
	{
		if (id && strcmp(operator_text(row, "id"), id) == 0)
			return row;
	}
	return NULL;
}

/* Tenant, plan, slice and public keys, as they are; secrets stay where they are. */
static int configuration_make(struct store *store, const char *id, json_t **out)
{
	json_t *tenant = NULL, *plans = NULL, *slices = NULL, *key, *parts = json_array();
	size_t i;
	int rc = parts ? store_tenant_get(store, id, &tenant) : -ENOMEM;
	if (rc == 0)
		rc = store_plan_list(store, &plans);
	if (rc == 0)
		rc = store_slice_list(store, &slices);
	if (rc == 0) {
		json_t *keys = json_incref(json_object_get(tenant, "keys"));
		json_object_del(tenant, "keys");
		part_add(parts, "tenant", tenant);
		part_add(parts, "plan", row_find(plans, operator_text(tenant, "plan")));
		part_add(parts, "slice",
			 row_find(slices, operator_text(tenant, "effective_slice")));
		json_array_foreach(keys, i, key)
		{
			part_add(parts, "key", key);
		}
		json_decref(keys);
		*out = json_incref(parts);
	}
	json_decref(tenant);
	json_decref(plans);
	json_decref(slices);
	json_decref(parts);
	return rc;
}

static int folder_make(const struct operator* operators, char *folder, size_t size)
{
	int n = snprintf(folder, size, "%s/exports", operators->state);
	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	return mkdir(folder, 0700) && errno != EEXIST ? -errno : 0;
}

/* --- The thread ------------------------------------------------------------------------------- */

/* Whole or not at all, and on disk before it is told of. */
static int file_write(const struct operator_export *export, struct store *store)
{
	char part[PATH_BYTES_MAX + 8];
	snprintf(part, sizeof(part), "%s.part", export->path);
	FILE *out = fopen(part, "we");
	if (!out)
		return -errno;
	int rc = fchmod(fileno(out), 0600) ? -errno : 0;
	if (rc == 0)
		rc = ledger_export_write(store, export->tenant, export->configuration,
					 operator_now_ms(), out);
	if (rc == 0 && (fflush(out) || fsync(fileno(out))))
		rc = -errno;
	if (fclose(out) && rc == 0)
		rc = -EIO;
	if (rc == 0 && rename(part, export->path))
		rc = -errno;
	if (rc)
		unlink(part);
	return rc;
}

static void *export_run(void *context)
{
	struct operator_export *export = context;
	struct store *store;
	export->rc = store_open_readonly(export->url, &store);
	if (export->rc == 0) {
		export->rc = file_write(export, store);
		store_close(store);
	}
	g_source_attach(export->done, export->loop);
	return NULL;
}

/* --- The loop --------------------------------------------------------------------------------- */

static void export_free(struct operator_export *export)
{
	json_decref(export->answer);
	json_decref(export->configuration);
	g_main_context_unref(export->loop);
	g_source_destroy(export->done);
	g_source_unref(export->done);
	g_free(export->url);
	g_free(export->tenant);
	g_free(export);
}

static void export_end(struct operator_export *export)
{
	g_thread_join(export->thread);
	SLIST_REMOVE(&export->operators->exports, export, operator_export, link);
	int rc = export->rc;
	if (rc == 0)
		rc = json_object_set_new(export->answer, "export", json_string(export->path))
			     ? -ENOMEM
			     : 0;
	operator_answer(export->call, rc, NULL, rc ? NULL : json_incref(export->answer), "tenant");
	export_free(export);
}

static gboolean on_done(gpointer user)
{
	export_end(user);
	return G_SOURCE_REMOVE;
}

void operator_stop(struct operator* operators)
{
	while (!SLIST_EMPTY(&operators->exports))
		export_end(SLIST_FIRST(&operators->exports));
}

static bool is_running(const struct operator* operators, const char *tenant)
{
	const struct operator_export *export;
	SLIST_FOREACH(export, &operators->exports, link)
	if (strcmp(export->tenant, tenant) == 0)
		return true;
	return false;
}

/* Signs what there is, and gathers what the thread needs. */
static int export_prepare(struct operator_export *export)
{
	const struct operator* operators = export->operators;
	char folder[PATH_BYTES_MAX - 80];
	int rc = is_running(operators, export->tenant) ? -EBUSY : 0;
	if (rc == 0)
		rc = store_ledger_sign(operators->store, operators->ledger_key, operator_now_ms());
	if (rc == 0)
		rc = configuration_make(operators->store, export->tenant, &export->configuration);
	if (rc == 0)
		rc = folder_make(operators, folder, sizeof(folder));
	if (rc == 0)
		snprintf(export->path, sizeof(export->path), "%s/%s.jsonl", folder, export->tenant);
	return rc;
}

void operator_export(struct operator* operators, struct rpc_call *call, const char *tenant,
		     struct json_t *answer)
{
	struct operator_export *export = g_new0(struct operator_export, 1);
	export->operators = operators;
	export->call = call;
	export->answer = answer;
	export->loop = g_main_context_ref_thread_default();
	export->done = g_idle_source_new();
	export->url = g_strdup(operators->url);
	export->tenant = g_strdup(tenant);
	g_source_set_callback(export->done, on_done, export, NULL);
	int rc = export_prepare(export);
	if (rc == 0) {
		export->thread = g_thread_try_new("export", export_run, export, NULL);
		rc = export->thread ? 0 : -EAGAIN;
	}
	if (rc) {
		operator_answer(call, rc, NULL, NULL,
				rc == -EBUSY ? "an export that is being written" : "tenant");
		export_free(export);
		return;
	}
	SLIST_INSERT_HEAD(&operators->exports, export, link);
}

void operator_tenant_export(void *context, struct rpc_call *call, struct json_t *params)
{
	operator_export(context, call, operator_text(params, "tenant"), json_object());
}
