/* THREADED. A node with the nn5g-control it starts itself: once it answers, its tenants are known,
 * and what changes in tenants.yaml reaches it through the store. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/sql.h"
#include "gateway/admin.h"
#include "gateway/node.h"
#include "gateway/node_reload.h"
#include "slices/journal.h"
#include "slices/tenant.h"
#include "tests/gateway/control_peer.h"

static struct node *node;
static char folder[] = "/tmp/nn5g-embedded-XXXXXX";

static int write_file(const char *name, const char *text)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	return !file || fputs(text, file) < 0 || fclose(file) ? -1 : 0;
}

static int start(void)
{
	char self[PATH_MAX] = "", yaml[PATH_MAX + 256], path[PATH_MAX];
	struct gateway_config config;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 || !mkdtemp(folder))
		return 1;
	snprintf(yaml, sizeof(yaml),
		 "http: {port: 0}\n"
		 "media: {listen: [127.0.0.1], port: 0}\n"
		 "node: {memory_mb: 128, packets: 4095}\n"
		 "control: {program: %s/../nn5g-control}\n",
		 dirname(self));
	if (write_file("gateway.yaml", yaml) ||
	    write_file("tenants.yaml", "tenants: [{id: demo}, {id: other}]\n"))
		return 1;
	snprintf(path, sizeof(path), "%s/gateway.yaml", folder);
	return config_load(path, stderr, &config) || node_start(&config, NULL, &node) ? 1 : 0;
}

static int on_number(void *context, const struct sql_value *columns, unsigned int n)
{
	*(int64_t *)context = n == 1 ? columns[0].integer : -1;
	return 0;
}

/* A number of the store; -1: it cannot be read. */
static int64_t number(const char *statement)
{
	int64_t result = -1;
	char url[PATH_MAX];
	struct sql *sql;
	snprintf(url, sizeof(url), "sqlite:%s/state/store.db", folder);
	if (sql_open(url, &sql))
		return -1;
	if (sql_run(sql, statement, NULL, 0, on_number, &result))
		result = -1;
	sql_close(sql);
	return result;
}

static void write_record(void)
{
	struct usage_record record = {
		.tenant = "other",
		.unit = USAGE_INTERACTION,
		.kind = USAGE_NO_KIND,
		.quantity_ms = 1000,
		.price_micros = 100,
		.cost_micros = 100,
		.split = "platform",
		.opened_at_ms = 1000,
		.closed_at_ms = 1000,
	};
	snprintf(record.node, sizeof(record.node), "%s", node->config.node.name);
	snprintf(record.boot, sizeof(record.boot), "%s", journal_boot(node->journal));
	usage_id_of_key(&record, "the last");
	journal_write(node->journal, &record, true, NULL, NULL);
}

static int stop(void)
{
	static const char *const files[] = {
		"gateway.yaml",
		"tenants.yaml",
		"state/journal.db",
		"state/ledger.key.pem",
		"state/secret.key",
		"state/store.db",
		"state/store.db-wal",
		"state/store.db-shm",
		"state/journal.db-wal",
		"state/journal.db-shm",
		"state",
	};
	char path[PATH_MAX];
	node_stop(node);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		remove(path);
	}
	return rmdir(folder);
}

static const struct tenant_config *config_of(const char *id)
{
	struct tenant *tenant = tenant_find(node->tenants, id, strlen(id));
	return tenant ? tenant->config : NULL;
}

static void tenants_are_known_once_it_answers(void)
{
	CU_ASSERT_TRUE(admin_is_fed(node->admin));
	CU_ASSERT_PTR_NOT_NULL(config_of("demo"));
	CU_ASSERT_PTR_NOT_NULL(config_of("other"));
	CU_ASSERT_PTR_NOT_NULL(node->journal);
}

static void a_reload_goes_through_the_store(void)
{
	CU_ASSERT_EQUAL_FATAL(config_of("demo")->standing, TENANT_ACTIVE);
	CU_ASSERT_EQUAL_FATAL(write_file("tenants.yaml", "tenants: [{id: demo, standing: paused}, "
							 "{id: other}, {id: third}]\n"),
			      0);
	node_reload(node);
	peer_wait(config_of("demo")->standing == TENANT_PAUSED && config_of("third"));
}

static void quota_comes_from_the_store(void)
{
	struct peer_answer answer = {0};
	CU_ASSERT_EQUAL_FATAL(
		write_file("tenants.yaml",
			   "tenants: [{id: other, budget: {monthly_micros: 1000000}}]\n"),
		0);
	node_reload(node);
	peer_wait(config_of("other")->policy.budget.monthly_micros == 1000000);
	admin_call(node->admin, "quota.request",
		   json_pack("{s:s, s:s, s:i, s:i}", "tenant", "other", "account", "credit",
			     "wanted", 1000, "comfort", 1000),
		   peer_on_reply, &answer);
	peer_wait(answer.is_there);
	CU_ASSERT_EQUAL(json_integer_value(json_object_get(answer.json, "granted_total")), 1000);
	json_decref(answer.json);
	CU_ASSERT_EQUAL(number("SELECT granted - settled FROM grants"), 1000);
}

/* What is written down as it stops is in the ledger, and what it was granted is free again. */
static void stops_with_nothing_left(void)
{
	write_record();
	node_stop(node);
	node = NULL;
	CU_ASSERT_EQUAL(number("SELECT count(*) FROM audit_logs"), 1);
	CU_ASSERT_EQUAL(number("SELECT count(*) FROM grants"), 0);
}

static CU_TestInfo tests[] = {
	{"tenants_are_known_once_it_answers", tenants_are_known_once_it_answers},
	{"a_reload_goes_through_the_store", a_reload_goes_through_the_store},
	{"quota_comes_from_the_store", quota_comes_from_the_store},
	{"stops_with_nothing_left", stops_with_nothing_left},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("embedded", tests, start, stop)
