/* A started node that waits for a control plane, and a test that is one. */
#pragma once

#include <stdio.h>
#include <unistd.h>

#include "gateway/admin_private.h"
#include "gateway/node.h"
#include "slices/tenant.h"
#include "tests/gateway/control_peer.h"

static struct node *node;
static struct peer control;
static int64_t revision;
static char folder[] = "/tmp/nn5g-admin-XXXXXX";

static inline int admin_start_node(void)
{
	char yaml[512];
	struct gateway_config config;
	if (!mkdtemp(folder))
		return 1;
	int n = snprintf(yaml, sizeof(yaml),
			 "http: {port: 0}\n"
			 "media: {listen: [127.0.0.1], port: 0}\n"
			 "node: {name: edge-1, memory_mb: 128, packets: 4095, port_mbps: 10, "
			 "state: %s/state}\n"
			 "control: {mode: external}\n",
			 folder);
	if (config_parse("gateway.yaml", yaml, (size_t)n, stderr, &config))
		return 1;
	return node_start(&config, NULL, &node) ? 1 : 0;
}

static inline int admin_stop_node(void)
{
	static const char *const files[] = {"state/journal.db", "state/journal.db-wal",
					    "state/journal.db-shm", "state"};
	char path[512];
	node_stop(node);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		remove(path);
	}
	return rmdir(folder);
}

static inline void connect_control(void)
{
	peer_connect(&control, node->config.admin.socket);
	CU_ASSERT_EQUAL_FATAL(peer_hello(&control), 0);
}

static inline void lose_control(void)
{
	peer_close(&control);
	peer_wait(!admin_has_control(node->admin));
}

static inline json_t *tenant_of(const char *id, const char *standing)
{
	return json_pack("{s:s, s:s, s:[], s:{}}", "id", id, "standing", standing, "keys",
			 "policy");
}

static inline json_t *slice_of(const char *id, json_int_t guaranteed_bps)
{
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:i, s:i}", "id", id, "sst", 1, "sd", "000001",
			 "guaranteed_bps", guaranteed_bps, "max_bps", (json_int_t)0, "latency_ms",
			 20, "five_qi", 7);
}

/* Takes over both. */
static inline struct peer_answer feed(json_t *slices, json_t *tenants)
{
	revision = 100;
	return peer_ask(&control, "tenant.snapshot",
			json_pack("{s:I, s:o, s:o}", "revision", (json_int_t)revision, "slices",
				  slices, "tenants", tenants));
}

static inline void feed_demo(void)
{
	struct peer_answer answer =
		feed(json_array(), json_pack("[o]", tenant_of("demo", "active")));
	CU_ASSERT_EQUAL_FATAL(answer.code, 0);
	json_decref(answer.json);
}

/* Takes over `tenant`. */
static inline struct peer_answer put_tenant(json_t *tenant)
{
	return peer_ask(
		&control, "tenant.put",
		json_pack("{s:I, s:o}", "revision", (json_int_t)++revision, "tenant", tenant));
}

static inline int put_code(json_t *tenant)
{
	struct peer_answer answer = put_tenant(tenant);
	json_decref(answer.json);
	return answer.code;
}

static inline struct tenant *find(const char *id)
{
	return tenant_find(node->tenants, id, strlen(id));
}

static inline json_t *rows_of(struct peer_call *row, const char *member)
{
	return json_object_get(row->params, member);
}

static inline void answer_and_drop(struct peer_call *row, json_t *result)
{
	rpc_answer(row->call, result);
	peer_drop_call(row);
}
