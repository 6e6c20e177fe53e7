/* One list up, the same list down. The control thread runs the default GMainContext: HTTP, the
 * media plane's messages, one tick a second and signals are its sources. */
#include "gateway/node.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <glib-unix.h>
#include <glib.h>
#include <jansson.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "gateway/account.h"
#include "gateway/admin.h"
#include "gateway/control_child.h"
#include "gateway/gates.h"
#include "gateway/marking.h"
#include "gateway/memory.h"
#include "gateway/node_reload.h"
#include "gateway/routes.h"
#include "gateway/server.h"
#include "gateway/session.h"
#include "gateway/slicing.h"
#include "gateway/stream.h"
#include "gateway/token.h"
#include "gateway/token_cache.h"
#include "gateway/usage.h"
#include "media/plane.h"
#include "qos/eal.h"
#include "slices/journal.h"
#include "slices/slice.h"
#include "slices/tenant.h"

#define TICK_MS            1000
#define CROWD              64 /* sessions: their memory is worth giving back */
#define ACCOUNT_TICK_MS    100
#define STOP_PATIENCE_MS   5000
#define FED_PATIENCE_MS    20000
#define REPORT_PATIENCE_MS 2000
#define CHILD_ENDS_MAX     5 /* before it fed anything: it never will */

struct node_loop {
	GMainLoop *main;
	bool is_stopping; /* a signal asked for it, perhaps before it ran */
	bool is_end_told; /* to the control plane, and answered */
	guint sources[5];
	unsigned int n_sources;
	guint account_timer;
	unsigned int n_sessions_crowd; /* most there were since memory was given back */
};

static const enum port_kind port_kinds[] = {
	[PORT_MODE_SOCKET] = PORT_SOCKET,
	[PORT_MODE_AF_XDP] = PORT_AF_XDP,
	[PORT_MODE_AF_PACKET] = PORT_AF_PACKET,
	[PORT_MODE_PCI] = PORT_PCI,
};
static_assert(sizeof(port_kinds) / sizeof(port_kinds[0]) == PORT_KINDS, "one kind per mode");

static const enum eal_hugepages hugepages[] = {
	[HUGEPAGES_AUTO] = EAL_HUGEPAGES_AUTO,
	[HUGEPAGES_ON] = EAL_HUGEPAGES_ON,
	[HUGEPAGES_OFF] = EAL_HUGEPAGES_OFF,
};

static int start_plane(struct node *node)
{
	const struct gateway_config *config = &node->config;
	struct plane_config plane = {
		.link_bps = (int64_t)config->node.port_mbps * 1000000,
		.packets = config->node.packets,
		.sessions_max = config->limits.sessions,
		.consent_ns = config->ice.consent_s * 1000000000ull,
		.retransmit_ns = config->media.retransmit_ms * 1000000ull,
		.handshakes_half_open = config->limits.handshakes_half_open,
		.handshakes_per_second = config->limits.handshakes_per_second,
		.crypto_gcm = config->media.crypto_gcm,
		.crypto_cm = config->media.crypto_cm,
		.batch_wait_ns = config->media.batch_wait_us * 1000ull,
		.is_real_time = config->node.real_time,
		.is_profiled = config->is_profiled,
	};
	marking_map(config, &plane.dscp);
	plane.port.kind = port_kinds[config_port_mode(config)];
	plane.port.interface = config->port.interface;
	plane.port.pci_address = config->port.pci;
	plane.port.n_queues = config->node.workers;
	plane.port.socket_buffer_bytes = config->media.socket_buffer_kb * 1024;
	for (unsigned int i = 0; i < config->media.n_listen; i++) {
		if (address_parse_ip(&plane.port.listen[plane.port.n_listen],
				     config->media.listen[i], config->media.port)) {
			log_error(LOG_CONFIG, "media.listen is no IP address", "\"value\":\"%s\"",
				  log_escape(config->media.listen[i]));
			return -EINVAL;
		}
		plane.port.n_listen++;
	}
	struct eal_config eal = {
		.program = "nn5g-gateway",
		.n_workers = config->node.workers,
		.has_egress = config->node.workers > 1,
		.memory_mb = config->node.memory_mb,
		.hugepages = hugepages[config_hugepages(config)],
		.pci_address = plane.port.kind == PORT_PCI ? config->port.pci : NULL,
	};
	int rc = eal_start(&eal);
	return rc ? rc : plane_start(&plane, &node->plane);
}

static int start_server(struct node *node)
{
	const struct gateway_config *config = &node->config;
	struct server_config server = {
		.http_address = config->http.address,
		.http_port = config->http.port,
		.https_address = config->https.address,
		.https_port = config->https.port,
		.certificate_file = config->https.certificate,
		.key_file = config->https.key,
		.body_bytes_max = config->limits.body_kb * 1024u,
		.connections_max = config->limits.connections,
		.request_timeout_s = config->limits.request_s,
		.socket_idle_s = config->limits.socket_idle_s,
		.on_request = routes_on_request,
		.on_socket_open = routes_on_socket_open,
		.on_socket_message = routes_on_socket_message,
		.on_socket_close = routes_on_socket_close,
		.context = node,
	};
	return server_start(&server, &node->server);
}

static void on_message(void *context, const struct message *message)
{
	struct node *node = context;
	session_on_message(node->sessions, message);
}

static gboolean on_plane(gint fd, GIOCondition condition, gpointer context)
{
	struct node *node = context;
	(void)fd;
	(void)condition;
	do {
		plane_dispatch(node->plane, on_message, node);
	} while (!plane_sleep(node->plane));
	return G_SOURCE_CONTINUE;
}

static gboolean on_account_tick(gpointer context)
{
	struct node *node = context;
	account_tick(node->accounts, clock_ns());
	if (session_count(node->sessions) > 0)
		return G_SOURCE_CONTINUE;
	node->loop->account_timer = 0;
	return G_SOURCE_REMOVE;
}

/* The allocator keeps what a crowd needed, in pieces between what is still in use. Each time
 * sessions have halved the system gets back what it can: seldom, as it takes a while. */
static void give_memory_back(struct node_loop *loop, unsigned int n_sessions)
{
	if (n_sessions > loop->n_sessions_crowd)
		loop->n_sessions_crowd = n_sessions;
	if (loop->n_sessions_crowd < CROWD || n_sessions > loop->n_sessions_crowd / 2)
		return;
	malloc_trim(0);
	loop->n_sessions_crowd = n_sessions;
}

/* Accounts are looked after ten times a second, but only while there are sessions. */
static gboolean on_tick(gpointer context)
{
	struct node *node = context;
	uint64_t now_ns = clock_ns();
	slicing_tick(node->slicing);
	plane_tick(node->plane);
	session_tick(node->sessions, now_ns, node->config.ice.connect_s * 1000000000ull);
	usage_tick(node->usage, now_ns);
	account_tick(node->accounts, now_ns);
	give_memory_back(node->loop, session_count(node->sessions));
	if (!node->loop->account_timer && session_count(node->sessions) > 0)
		node->loop->account_timer = g_timeout_add(ACCOUNT_TICK_MS, on_account_tick, node);
	return G_SOURCE_CONTINUE;
}

static gboolean on_stop_signal(gpointer context)
{
	struct node *node = context;
	node->loop->is_stopping = true;
	g_main_loop_quit(node->loop->main);
	return G_SOURCE_CONTINUE;
}

static gboolean on_reload_signal(gpointer context)
{
	node_reload(context);
	return G_SOURCE_CONTINUE;
}

static int start_loop(struct node *node)
{
	node->loop = calloc(1, sizeof(*node->loop));
	if (!node->loop)
		return -ENOMEM;
	struct node_loop *loop = node->loop;
	loop->main = g_main_loop_new(NULL, FALSE);
	loop->sources[loop->n_sources++] =
		g_unix_fd_add(plane_fd(node->plane), G_IO_IN, on_plane, node);
	loop->sources[loop->n_sources++] = g_timeout_add(TICK_MS, on_tick, node);
	loop->sources[loop->n_sources++] = g_unix_signal_add(SIGINT, on_stop_signal, node);
	loop->sources[loop->n_sources++] = g_unix_signal_add(SIGTERM, on_stop_signal, node);
	loop->sources[loop->n_sources++] = g_unix_signal_add(SIGHUP, on_reload_signal, node);
	on_plane(-1, G_IO_IN, node);
	return 0;
}

/* For its owner alone: what lies there opens every door. */
static int make_state_folder(const struct node *node)
{
	const char *folder = node->config.node.state;
	if (mkdir(folder, 0700) == 0 || errno == EEXIST)
		return 0;
	int rc = -errno;
	log_error(LOG_NODE, "node.state cannot be made", "\"folder\":\"%s\",\"error\":\"%s\"",
		  log_escape(folder), strerror(-rc));
	return rc;
}

/* What was used is written down before it counts; without a control plane nobody counts. */
static int start_journal(struct node *node)
{
	char path[PATH_MAX];
	if (config_control_mode(&node->config) == CONTROL_NONE)
		return 0;
	int n = snprintf(path, sizeof(path), "%s/journal.db", node->config.node.state);
	return n < (int)sizeof(path) ? journal_open(path, &node->journal) : -ENAMETOOLONG;
}

static int start_tables(struct node *node)
{
	node->tenants = tenant_table_create();
	node->slices = slice_table_create((int64_t)node->config.node.port_mbps * 1000000);
	node->replays = token_replays_create();
	node->tokens = token_cache_create();
	node->denials = gate_counters_create();
	node->streams = stream_table_create(node->config.node.workers);
	if (!node->tenants || !node->slices || !node->replays || !node->tokens || !node->denials ||
	    !node->streams)
		return -ENOMEM;
	return 0;
}

static gboolean on_patience_over(gpointer is_over)
{
	*(bool *)is_over = true;
	return G_SOURCE_REMOVE;
}

/* Turns the loop until `is_done`; false: it took too long. */
static bool turn_until(struct node *node, bool (*is_done)(const struct node *node),
		       unsigned int patience_ms)
{
	bool is_over = false;
	guint patience = g_timeout_add(patience_ms, on_patience_over, &is_over);
	while (!is_done(node) && !is_over)
		g_main_context_iteration(NULL, TRUE);
	if (!is_over)
		g_source_remove(patience);
	return !is_over;
}

static bool is_fed(const struct node *node)
{
	return admin_is_fed(node->admin) || node->loop->is_stopping ||
	       control_child_ends(node->child) >= CHILD_ENDS_MAX;
}

/* Nobody is let in before the control plane said who there is. */
static int wait_until_fed(struct node *node)
{
	uint64_t since_ns = clock_ns();
	turn_until(node, is_fed, FED_PATIENCE_MS);
	if (admin_is_fed(node->admin))
		return 0;
	if (node->loop->is_stopping)
		return -EINTR;
	log_error(LOG_NODE, "nn5g-control did not feed this node with its tenants",
		  "\"connected\":%s,\"ended\":%llu,\"store\":\"%s\",\"waited_ms\":%llu",
		  admin_has_control(node->admin) ? "true" : "false",
		  (unsigned long long)control_child_ends(node->child),
		  log_escape(node->config.control.store),
		  (unsigned long long)((clock_ns() - since_ns) / 1000000));
	return -ETIMEDOUT;
}

static int start_control(struct node *node)
{
	int rc = admin_start(node, &node->admin);
	if (rc)
		return rc;
	switch (config_control_mode(&node->config)) {
	case CONTROL_NONE:
		return node_load_tenants(node);
	case CONTROL_EXTERNAL:
		return 0;
	case CONTROL_EMBEDDED:
		rc = control_child_start(node, &node->child);
		return rc ? rc : wait_until_fed(node);
	}
	return -EINVAL;
}

static int start_parts(struct node *node)
{
	int rc = make_state_folder(node);
	if (rc == 0)
		rc = start_journal(node);
	if (rc == 0)
		rc = start_tables(node);
	if (rc == 0)
		rc = start_plane(node);
	if (rc)
		return rc;
	node->slicing = slicing_create(node);
	node->sessions = session_table_create(node);
	node->accounts = account_book_create(node);
	node->usage = usage_table_create(node);
	if (!node->slicing || !node->sessions || !node->accounts || !node->usage)
		return -ENOMEM;
	rc = start_loop(node);
	if (rc == 0)
		rc = start_control(node);
	return rc ? rc : start_server(node);
}

int node_start(struct gateway_config *config, const char *config_path, struct node **out)
{
	struct node *node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->config = *config;
	*config = (struct gateway_config){0};
	node->config_path = config_path;
	node->started_ns = clock_ns();
	config_log_apply(&node->config);
	int rc = start_parts(node);
	if (rc) {
		if (rc == -EINTR)
			log_info(LOG_NODE, "asked to stop before it was started", NULL);
		else
			log_error(LOG_NODE, "not started", "\"error\":\"%s\"", strerror(-rc));
		node_stop(node);
		return rc;
	}
	memory_note_start(node);
	/* The plane's threads have taken theirs. */
	priority_take(PRIORITY_CONTROL);
	log_info(LOG_NODE, "started",
		 "\"version\":\"%s\",\"http_port\":%u,\"https_port\":%u,\"udp_port\":%u,"
		 "\"workers\":%u",
		 NN5G_VERSION, server_http_port(node->server), server_https_port(node->server),
		 port_udp_port(node->plane->port), node->config.node.workers);
	*out = node;
	return 0;
}

void node_run(struct node *node)
{
	if (!node->loop->is_stopping)
		g_main_loop_run(node->loop->main);
}

static bool is_empty(const struct node *node)
{
	return session_count(node->sessions) == 0;
}

/* Goodbyes go out and come back as MESSAGE_CLOSED; a barrier frees each session. */
static void end_sessions(struct node *node)
{
	session_terminate_all(node->sessions, REASON_DRAINED);
	if (!turn_until(node, is_empty, STOP_PATIENCE_MS))
		log_error(LOG_NODE, "sessions did not end", "\"left\":%u",
			  session_count(node->sessions));
}

static bool is_reported(const struct node *node)
{
	return journal_rows(node->journal) == 0 || !admin_has_control(node->admin);
}

static void on_end_answered(void *context, const json_t *result, const struct rpc_error *error)
{
	struct node_loop *loop = context;
	(void)result;
	(void)error;
	loop->is_end_told = true;
}

static bool is_end_told(const struct node *node)
{
	return node->loop->is_end_told;
}

/* Nothing more comes from here: what this run was granted and has not used is free for others. */
static void tell_end(struct node *node)
{
	if (!is_empty(node) || journal_rows(node->journal) > 0 || !admin_has_control(node->admin))
		return;
	admin_call(node->admin, "node.ended",
		   json_pack("{s:s}", "boot", journal_boot(node->journal)), on_end_answered,
		   node->loop);
	turn_until(node, is_end_told, REPORT_PATIENCE_MS);
}

/* The last records reach the ledger now if they can; the next run of this node brings them else. */
static void report_rest(struct node *node)
{
	if (!turn_until(node, is_reported, REPORT_PATIENCE_MS))
		log_warn(LOG_NODE, "usage is left for the next start", "\"records\":%u",
			 journal_rows(node->journal));
	tell_end(node);
}

static void stop_loop(struct node_loop *loop)
{
	if (!loop)
		return;
	for (unsigned int i = 0; i < loop->n_sources; i++)
		g_source_remove(loop->sources[i]);
	if (loop->account_timer)
		g_source_remove(loop->account_timer);
	/* A second signal must not cut short what is still to be stopped. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	g_main_loop_unref(loop->main);
	free(loop);
}

void node_stop(struct node *node)
{
	if (!node)
		return;
	node->is_draining = true;
	if (node->sessions && node->loop)
		end_sessions(node);
	if (node->server)
		server_stop(node->server);
	if (node->journal && node->admin && node->loop)
		report_rest(node);
	control_child_stop(node->child);
	admin_stop(node->admin);
	stop_loop(node->loop);
	plane_stop(node->plane);
	usage_table_destroy(node->usage);
	session_table_destroy(node->sessions);
	account_book_destroy(node->accounts);
	stream_table_destroy(node->streams);
	gate_counters_destroy(node->denials);
	token_cache_destroy(node->tokens);
	token_replays_destroy(node->replays);
	slicing_destroy(node->slicing);
	slice_table_destroy(node->slices);
	tenant_table_destroy(node->tenants);
	journal_close(node->journal);
	config_free(&node->config);
	free(node->spare_offer);
	free(node);
	eal_stop();
}
