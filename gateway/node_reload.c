#include "gateway/node_reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "conf/log.h"
#include "gateway/control_child.h"
#include "gateway/feed.h"
#include "gateway/node.h"
#include "gateway/server.h"
#include "gateway/slicing.h"
#include "media/plane.h"
#include "slices/slice.h"
#include "slices/tenant.h"

/* Faults in a file go to the log line by line. */
static void log_faults(const char *what, const char *faults)
{
	char **lines = g_strsplit(faults, "\n", -1);
	for (char **line = lines; *line; line++) {
		if (**line)
			log_error(LOG_CONFIG, what, "\"fault\":\"%s\"", log_escape(*line));
	}
	g_strfreev(lines);
}

static void refuse_slice(void *context, const struct slice_config *config, int rc,
			 const struct slice_refusal *refusal)
{
	log_error(LOG_CONFIG, "a slice is not taken",
		  "\"slice\":\"%s\",\"error\":\"%s\",\"cause\":\"%s\",\"left_bps\":%lld",
		  config->id, strerror(-rc), log_escape(refusal->why),
		  (long long)refusal->left_bps);
	slicing_refused(context, config, refusal->why[0] ? refusal->why : strerror(-rc));
}

static void lift_limits(void *context, struct tenant *tenant)
{
	(void)context;
	for (unsigned int i = 0; i < ACCOUNTS; i++)
		tenant->quotas[i].is_unlimited = true;
}

/* A name that leads nowhere would be found out by the tenant's next session alone. */
static void look_for_slice(void *context, struct tenant *tenant)
{
	const struct node *node = context;
	const struct tenant_config *config = tenant->config;
	if (config && config->slice[0] && !slice_find(node->slices, config->slice))
		log_error(LOG_CONFIG, "a tenant's slice is not there: it gets no new sessions",
			  "\"tenant\":\"%s\",\"slice\":\"%s\"", tenant->id, config->slice);
}

static int take_over(struct node *node, struct tenants_config *fresh)
{
	slice_table_replace(node->slices, fresh->slices, fresh->n_slices, refuse_slice, node);
	int rc = tenant_table_replace(node->tenants, fresh);
	tenant_each(node->tenants, lift_limits, NULL);
	tenant_each(node->tenants, look_for_slice, node);
	feed_tenants_changed(node);
	return rc;
}

int node_load_tenants(struct node *node)
{
	struct tenants_config fresh = {0};
	char *faults = NULL;
	size_t size;
	int rc = 0;
	FILE *errors = open_memstream(&faults, &size);
	if (!errors)
		return -ENOMEM;
	if (node->config.tenants)
		rc = tenants_load(node->config.tenants, errors, &fresh);
	fclose(errors);
	if (rc)
		log_faults("tenants are not loaded", faults);
	else
		rc = take_over(node, &fresh);
	free(faults);
	return rc;
}

static void reload_config(struct node *node)
{
	struct gateway_config fresh;
	char *faults = NULL, *report = NULL;
	size_t size;
	FILE *errors = open_memstream(&faults, &size);
	FILE *unchanged = open_memstream(&report, &size);
	int rc = errors && unchanged ? config_load(node->config_path, errors, &fresh) : -ENOMEM;
	if (rc == 0) {
		config_reload(&node->config, &fresh, unchanged);
		config_free(&fresh);
	}
	if (errors)
		fclose(errors);
	if (unchanged)
		fclose(unchanged);
	if (rc)
		log_faults("the configuration stays as it was", faults ? faults : "out of memory");
	else
		log_faults("this change needs a restart", report);
	free(faults);
	free(report);
}

void node_reload(struct node *node)
{
	log_info(LOG_NODE, "reloading", NULL);
	if (node->config_path)
		reload_config(node);
	config_log_apply(&node->config);
	if (config_control_mode(&node->config) == CONTROL_NONE)
		node_load_tenants(node);
	else if (node->child)
		control_child_reload(node->child);
	candidates_forget(&node->candidates);
	handshake_limit(node->plane->handshake, node->config.limits.handshakes_half_open,
			node->config.limits.handshakes_per_second);
	atomic_store(&node->plane->consent_ns, node->config.ice.consent_s * 1000000000ull);
	if (node->config.https.certificate)
		server_reload_certificate(node->server);
}
