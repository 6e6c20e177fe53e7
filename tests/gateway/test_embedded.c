/* THREADED. A node with the nn5g-control it starts itself: once it answers, its tenants are known,
 * and what changes in tenants.yaml reaches it through the store. */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/admin.h"
#include "gateway/node.h"
#include "gateway/node_reload.h"
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

static CU_TestInfo tests[] = {
	{"tenants_are_known_once_it_answers", tenants_are_known_once_it_answers},
	{"a_reload_goes_through_the_store", a_reload_goes_through_the_store},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("embedded", tests, start, stop)
