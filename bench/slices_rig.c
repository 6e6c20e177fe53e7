/* Building and taking down, on the control thread; slices_rig_own.c is the packet thread. Where a
 * peer is, the port learns as it does in a node: from a packet of the peer's. */
#include "bench/slices_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/slices_rig_private.h"
#include "bench/slices_veth.h"
#include "qos/eal.h"

#define LEARN_NS       5000000000ull
#define HELLO_NS       50000000ull
#define DRAIN_NS       500000000ull /* for what is under way after the last was sent */
#define TIMED_PER_S    50000ull
#define ERRORS_BYTES   512
#define SOCKET_BYTES   (4u << 20)
#define LOOPBACK       "127.0.0.1"
#define NO_PORT_REMOTE "192.0.2.1"

uint32_t source_wire_bytes(uint16_t bytes)
{
	struct flow flow = {0};
	address_parse_ip(&flow.remote, NO_PORT_REMOTE, 0);
	return packet_wire_bytes(&flow, bytes);
}

uint64_t source_interval_ns(int64_t wire_bps, uint16_t bytes, uint16_t burst)
{
	return (uint64_t)source_wire_bytes(bytes) * burst * 8000000000ull / (uint64_t)wire_bps;
}

static void on_drop(void *context, struct rte_mbuf *packet, enum scheduler_drop reason)
{
	rig_count_drop(context, packet, reason);
}

static void on_wake(void *context)
{
	struct rig *rig = context;
	eventfd_write(rig->wake_fd, 1);
}

/* Flows that go nowhere, but for which wire bytes and hashes are as for others. */
static void make_up_flows(struct rig *rig)
{
	for (unsigned int i = 0; i < RIG_FLOWS_MAX; i++) {
		address_parse_ip(&rig->flows[i].flow.local, LOOPBACK, 8443);
		address_parse_ip(&rig->flows[i].flow.remote, NO_PORT_REMOTE, (uint16_t)(2000 + i));
	}
}

/* Takes what peers say. Returns how many are new. */
static unsigned int learn(struct rig *rig)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n_new = 0;
	unsigned int n = port_rx_burst(rig->port, 0, packets, PORT_BURST, clock_ns());
	for (unsigned int i = 0; i < n; i++) {
		struct mark hello;
		memcpy(&hello, packet_bytes(packets[i]), sizeof(hello));
		if (packets[i]->data_len == sizeof(hello) && hello.peer < rig->config.n_peers) {
			struct rig_flow *flow = &rig->flows[hello.peer];
			n_new += !flow->is_known;
			flow->is_known = true;
			flow->flow = packet_meta(packets[i])->flow;
			flow->route = packet_meta(packets[i])->route;
		}
		packet_free(packets[i]);
	}
	return n_new;
}

static int learn_flows(struct rig *rig, const char *address)
{
	struct address port;
	unsigned int known = 0;
	uint64_t until_ns = clock_ns() + LEARN_NS, hello_ns = 0;
	address_parse_ip(&port, address, port_udp_port(rig->port));
	while (known < rig->config.n_peers || !port_check_link(rig->port)) {
		uint64_t now_ns = clock_ns();
		if (now_ns > until_ns) {
			fprintf(stderr, "nn5g-bench: the port hears %u of %u peers, link %s\n",
				known, rig->config.n_peers,
				port_check_link(rig->port) ? "up" : "down");
			return -ETIMEDOUT;
		}
		if (now_ns >= hello_ns) {
			sink_say_hello(rig->sink, &port);
			hello_ns = now_ns + HELLO_NS;
		}
		known += learn(rig);
	}
	return 0;
}

static int open_port(struct rig *rig)
{
	const struct rig_config *config = &rig->config;
	bool is_socket = config->mode == PORT_SOCKET;
	const char *address = is_socket ? LOOPBACK : VETH_OURS_ADDRESS;
	struct sink_config sink = {.n_peers = config->n_peers,
				   .address = is_socket ? LOOPBACK : VETH_PEER_ADDRESS,
				   .veth = config->veth,
				   .timed_groups = config->timed_groups};
	struct port_config port = {.kind = config->mode,
				   .interface = VETH_OURS,
				   .n_listen = 1,
				   .n_queues = 1,
				   .socket_buffer_bytes = SOCKET_BYTES,
				   .pool = rig->pool};
	address_parse_ip(&port.listen[0], address, 0);
	int rc = sink_create(&sink, &rig->sink);
	if (rc == 0)
		rc = port_open(&port, &rig->port);
	return rc ? rc : learn_flows(rig, address);
}

int rig_create(const struct rig_config *config, struct rig **out)
{
	static unsigned int number;
	char name[32];
	struct rig *rig = calloc(1, sizeof(*rig));
	if (!rig)
		return -ENOMEM;
	rig->config = *config;
	rig->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	make_up_flows(rig);
	struct scheduler_config scheduler = {
		.link_bps = config->link_bps,
		.on_drop = on_drop,
		.wake = on_wake,
		.context = rig,
	};
	dscp_map_default(&scheduler.dscp);
	snprintf(name, sizeof(name), "rig%u", number++);
	int rc = rig->wake_fd < 0 ? -errno : packet_pool_create(name, config->packets, &rig->pool);
	if (rc == 0)
		rc = scheduler_create(&scheduler, &rig->scheduler);
	if (rc == 0 && config->has_port)
		rc = open_port(rig);
	if (rc) {
		fprintf(stderr, "nn5g-bench: no rig: %s\n", strerror(-rc));
		rig_destroy(rig);
		return rc;
	}
	*out = rig;
	return 0;
}

void rig_destroy(struct rig *rig)
{
	if (!rig)
		return;
	if (rig->scheduler)
		scheduler_destroy(rig->scheduler);
	port_close(rig->port);
	sink_destroy(rig->sink);
	if (rig->pool)
		packet_pool_destroy(rig->pool);
	if (rig->wake_fd >= 0)
		close(rig->wake_fd);
	for (unsigned int i = 0; i < RIG_GROUPS; i++)
		timeline_fini(&rig->groups[i].timeline);
	free(rig);
}

struct scheduler *rig_scheduler(struct rig *rig)
{
	return rig->scheduler;
}

struct rte_mempool *rig_pool(struct rig *rig)
{
	return rig->pool;
}

int rig_add_slice(struct rig *rig, const struct scheduler_slice_config *config,
		  struct scheduler_slice **out)
{
	char errors[ERRORS_BYTES] = "";
	int rc = scheduler_slice_add(rig->scheduler, config, errors, sizeof(errors), out);
	if (rc)
		fprintf(stderr, "nn5g-bench: slice: %s: %s\n", strerror(-rc), errors);
	return rc;
}

int rig_add_pipe(struct rig *rig, struct scheduler_slice *slice, const char *name, int64_t max_bps,
		 struct scheduler_pipe **out)
{
	char errors[ERRORS_BYTES] = "";
	struct scheduler_pipe_config config = {.max_bps = max_bps};
	snprintf(config.name, sizeof(config.name), "%s", name);
	int rc = scheduler_pipe_add(rig->scheduler, slice, &config, errors, sizeof(errors), out);
	if (rc)
		fprintf(stderr, "nn5g-bench: pipe: %s: %s\n", strerror(-rc), errors);
	return rc;
}

static int reset_groups(struct rig *rig, uint64_t span_ns)
{
	for (unsigned int i = 0; i < RIG_GROUPS; i++) {
		struct rig_group *group = &rig->groups[i];
		group->counts = (struct rig_counts){0};
		if (group->timeline.n_bins > span_ns / TIMELINE_BIN_NS)
			continue;
		timeline_fini(&group->timeline);
		int rc = timeline_init(&group->timeline, span_ns);
		if (rc)
			return rc;
	}
	return 0;
}

int rig_begin(struct rig *rig, struct source *sources, unsigned int n, uint64_t span_ns)
{
	int rc = reset_groups(rig, span_ns);
	if (rc == 0 && rig->sink)
		rc = sink_begin(rig->sink, rig->config.timed_groups
						   ? TIMED_PER_S * (span_ns / 1000000000ull + 1)
						   : 0);
	if (rc)
		return rc;
	rig->sources = sources;
	rig->n_sources = n;
	rig->late_ns = 0;
	if (rig->port && !port_check_link(rig->port))
		return -ENETDOWN;
	atomic_store(&rig->is_stopping, false);
	rig->begin_ns = clock_ns();
	for (unsigned int i = 0; i < RIG_GROUPS; i++)
		timeline_begin(&rig->groups[i].timeline, rig->begin_ns);
	for (unsigned int i = 0; i < n; i++) {
		sources[i].next_ns = rig->begin_ns + sources[i].phase_ns;
		rig_skip_silence(&sources[i], rig->begin_ns);
	}
	return eal_lcore_start(EAL_LCORE_WORKER_FIRST, rig_own, rig);
}

uint64_t rig_begin_ns(const struct rig *rig)
{
	return rig->begin_ns;
}

void rig_wait(const struct rig *rig, uint64_t after_ns)
{
	clock_sleep_until(rig->begin_ns + after_ns);
}

static uint64_t under_way(const struct rig *rig)
{
	uint64_t left = 0, arrived = 0;
	for (unsigned int i = 0; i < RIG_GROUPS; i++) {
		left += rig->groups[i].counts.left;
		arrived += sink_packets(rig->sink, i);
	}
	return left > arrived ? left - arrived : 0;
}

void rig_end(struct rig *rig)
{
	atomic_store(&rig->is_stopping, true);
	on_wake(rig);
	eal_lcore_join(EAL_LCORE_WORKER_FIRST);
	uint64_t until_ns = clock_ns() + DRAIN_NS;
	while (rig->sink && under_way(rig) > 0 && clock_ns() < until_ns)
		clock_sleep_until(clock_ns() + 1000000);
}

int rig_run(struct rig *rig, struct source *sources, unsigned int n, uint64_t ns)
{
	int rc = rig_begin(rig, sources, n, ns);
	if (rc)
		return rc;
	rig_wait(rig, ns);
	rig_end(rig);
	return 0;
}

const struct rig_counts *rig_counts(const struct rig *rig, unsigned int group)
{
	return &rig->groups[group].counts;
}

const struct timeline *rig_timeline(const struct rig *rig, unsigned int group)
{
	return &rig->groups[group].timeline;
}

uint64_t rig_lost(const struct rig *rig, unsigned int group)
{
	uint64_t meant = rig->groups[group].counts.meant;
	uint64_t arrived =
		rig->sink ? sink_packets(rig->sink, group) : rig->groups[group].counts.left;
	return meant > arrived ? meant - arrived : 0;
}

uint64_t rig_late_ns(const struct rig *rig)
{
	return rig->late_ns;
}

const struct sink *rig_sink(const struct rig *rig)
{
	return rig->sink;
}
