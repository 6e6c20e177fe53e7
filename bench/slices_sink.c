/* The kernel's receive time is wall clock; each burst that is read tells how far that is from
 * CLOCK_MONOTONIC, when the reading of both was quick enough to tell. */
#include "bench/slices_sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/slices_veth.h"

#define BURST         64
#define DATAGRAM_MAX  2048
#define CONTROL_BYTES 128
#define BUFFER_BYTES  (8 << 20)
#define WAIT_MS       100
#define QUICK_NS      1000u  /* both clocks read within it: they agree to that */
#define OLD_NS        200000 /* and so, when no better reading was had for a second */

struct record {
	uint64_t intended_ns, arrival_ns;
	uint32_t group;
};

struct peer_socket {
	int fd;
	uint32_t overflows; /* as the kernel counts them, since the socket was opened */
};

struct sink {
	struct sink_config config;
	struct peer_socket peers[SINK_PEERS_MAX];
	int epoll_fd;
	pthread_t thread;
	bool has_thread;
	atomic_bool is_stopping;
	int64_t wall_ahead_ns; /* CLOCK_REALTIME less CLOCK_MONOTONIC */
	uint64_t ahead_read_ns;
	_Atomic uint64_t packets[SINK_GROUPS_MAX], overflows;
	uint64_t overflows_before;
	struct record *records; /* owned */
	uint64_t room;
	_Atomic uint64_t n_records;
};

static uint64_t wall_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static void compare_clocks(struct sink *sink)
{
	uint64_t before_ns = clock_ns(), wall = wall_ns(), after_ns = clock_ns();
	uint64_t quick_ns = before_ns - sink->ahead_read_ns > 1000000000ull ? OLD_NS : QUICK_NS;
	if (after_ns - before_ns > quick_ns && sink->ahead_read_ns)
		return;
	sink->wall_ahead_ns = (int64_t)(wall - before_ns - (after_ns - before_ns) / 2);
	sink->ahead_read_ns = after_ns;
}

/* 0: the kernel did not say. */
static uint64_t read_control(struct sink *sink, struct peer_socket *peer, struct msghdr *message)
{
	uint64_t arrival_ns = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct timespec at;
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&at, CMSG_DATA(c), sizeof(at));
			arrival_ns = (uint64_t)((int64_t)at.tv_sec * 1000000000 + at.tv_nsec -
						sink->wall_ahead_ns);
		} else if (c->cmsg_type == SO_RXQ_OVFL) {
			uint32_t overflows;
			memcpy(&overflows, CMSG_DATA(c), sizeof(overflows));
			atomic_fetch_add(&sink->overflows, overflows - peer->overflows);
			peer->overflows = overflows;
		}
	}
	return arrival_ns;
}

static void take(struct sink *sink, const struct mark *mark, uint64_t arrival_ns)
{
	if (mark->group >= SINK_GROUPS_MAX)
		return;
	uint64_t n = atomic_load_explicit(&sink->n_records, memory_order_relaxed);
	if (sink->config.timed_groups & 1u << mark->group && n < sink->room) {
		sink->records[n] = (struct record){mark->intended_ns, arrival_ns, mark->group};
		atomic_store_explicit(&sink->n_records, n + 1, memory_order_release);
	}
	/* Last: who counts all packets in may read all records. */
	atomic_fetch_add_explicit(&sink->packets[mark->group], 1, memory_order_release);
}

static void read_peer(struct sink *sink, struct peer_socket *peer)
{
	static uint8_t buffers[BURST][DATAGRAM_MAX];
	static _Alignas(struct cmsghdr) uint8_t control[BURST][CONTROL_BYTES];
	struct mmsghdr messages[BURST];
	struct iovec vectors[BURST];
	for (int i = 0; i < BURST; i++) {
		vectors[i] = (struct iovec){buffers[i], DATAGRAM_MAX};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i],
						      .msg_iovlen = 1,
						      .msg_control = control[i],
						      .msg_controllen = CONTROL_BYTES};
	}
	int n = recvmmsg(peer->fd, messages, BURST, MSG_DONTWAIT, NULL);
	uint64_t now_ns = clock_ns();
	compare_clocks(sink);
	for (int i = 0; i < n; i++) {
		struct mark mark;
		uint64_t arrival_ns = read_control(sink, peer, &messages[i].msg_hdr);
		if (messages[i].msg_len < sizeof(mark))
			continue;
		memcpy(&mark, buffers[i], sizeof(mark));
		take(sink, &mark, arrival_ns ? arrival_ns : now_ns);
	}
}

static void *run(void *argument)
{
	struct sink *sink = argument;
	struct epoll_event events[SINK_PEERS_MAX];
	while (!atomic_load(&sink->is_stopping)) {
		int n = epoll_wait(sink->epoll_fd, events, SINK_PEERS_MAX, WAIT_MS);
		for (int i = 0; i < n; i++)
			read_peer(sink, events[i].data.ptr);
	}
	return NULL;
}

static int open_peer(struct sink *sink, struct peer_socket *peer)
{
	int on = 1, bytes = BUFFER_BYTES;
	struct address local;
	struct sockaddr_storage name;
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
	int rc = address_parse_ip(&local, sink->config.address, 0);
	if (rc)
		return rc;
	socklen_t length = address_to_sockaddr(&local, &name);
	peer->fd = socket(name.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (peer->fd < 0)
		return -errno;
	if (setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(peer->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	    setsockopt(peer->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) ||
	    bind(peer->fd, (struct sockaddr *)&name, length) ||
	    epoll_ctl(sink->epoll_fd, EPOLL_CTL_ADD, peer->fd, &event))
		return -errno;
	return 0;
}

static int open_peers(void *context)
{
	struct sink *sink = context;
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < sink->config.n_peers; i++)
		rc = open_peer(sink, &sink->peers[i]);
	return rc;
}

int sink_create(const struct sink_config *config, struct sink **out)
{
	struct sink *sink = calloc(1, sizeof(*sink));
	if (!sink)
		return -ENOMEM;
	sink->config = *config;
	for (unsigned int i = 0; i < SINK_PEERS_MAX; i++)
		sink->peers[i].fd = -1;
	sink->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int rc = sink->epoll_fd < 0 ? -errno
		 : config->veth     ? veth_call_in_peer(config->veth, open_peers, sink)
				    : open_peers(sink);
	if (rc == 0)
		rc = -pthread_create(&sink->thread, NULL, run, sink);
	sink->has_thread = rc == 0;
	if (rc) {
		fprintf(stderr, "nn5g-bench: no peers at %s: %s\n", config->address, strerror(-rc));
		sink_destroy(sink);
		return rc;
	}
	*out = sink;
	return 0;
}

void sink_destroy(struct sink *sink)
{
	if (!sink)
		return;
	atomic_store(&sink->is_stopping, true);
	if (sink->has_thread)
		pthread_join(sink->thread, NULL);
	for (unsigned int i = 0; i < SINK_PEERS_MAX; i++) {
		if (sink->peers[i].fd >= 0)
			close(sink->peers[i].fd);
	}
	if (sink->epoll_fd >= 0)
		close(sink->epoll_fd);
	free(sink->records);
	free(sink);
}

void sink_say_hello(struct sink *sink, const struct address *port)
{
	struct sockaddr_storage name;
	socklen_t length = address_to_sockaddr(port, &name);
	for (uint32_t i = 0; i < sink->config.n_peers; i++) {
		struct mark hello = {.peer = i};
		sendto(sink->peers[i].fd, &hello, sizeof(hello), 0, (struct sockaddr *)&name,
		       length);
	}
}

int sink_begin(struct sink *sink, uint64_t timed_packets)
{
	if (timed_packets > sink->room) {
		struct record *records =
			realloc(sink->records, timed_packets * sizeof(*sink->records));
		if (!records)
			return -ENOMEM;
		/* Touched now, not when the first packets come. */
		memset(records, 0, timed_packets * sizeof(*records));
		sink->records = records;
		sink->room = timed_packets;
	}
	for (unsigned int group = 0; group < SINK_GROUPS_MAX; group++)
		atomic_store(&sink->packets[group], 0);
	atomic_store(&sink->n_records, 0);
	sink->overflows_before = atomic_load(&sink->overflows);
	return 0;
}

uint64_t sink_packets(const struct sink *sink, unsigned int group)
{
	return atomic_load_explicit(&sink->packets[group], memory_order_acquire);
}

uint64_t sink_overflows(const struct sink *sink)
{
	return atomic_load(&sink->overflows) - sink->overflows_before;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

/* Of sorted values. */
static double quantile_ms(const uint64_t *values, uint64_t n, double fraction)
{
	if (n == 0)
		return 0;
	uint64_t at = (uint64_t)(fraction * (double)n);
	return (double)values[at < n ? at : n - 1] / 1e6;
}

/* Delays of the packets that met no stall from the left on, of the others from the right on. */
static void part_delays(const struct sink *sink, unsigned int group, const struct watch *watch,
			uint64_t *delays, struct sink_delays *out)
{
	uint64_t n_records = atomic_load_explicit(&sink->n_records, memory_order_acquire);
	uint64_t unspoilt = 0, spoilt = n_records;
	for (uint64_t i = 0; i < n_records; i++) {
		const struct record *record = &sink->records[i];
		if (record->group != group)
			continue;
		uint64_t delay_ns = record->arrival_ns > record->intended_ns
					    ? record->arrival_ns - record->intended_ns
					    : 0;
		if (watch && watch_is_spoilt(watch, record->intended_ns, record->arrival_ns))
			delays[--spoilt] = delay_ns;
		else
			delays[unspoilt++] = delay_ns;
	}
	out->n_spoilt = n_records - spoilt;
	out->n = unspoilt + out->n_spoilt;
	memmove(delays + unspoilt, delays + spoilt, out->n_spoilt * sizeof(*delays));
}

int sink_delays(const struct sink *sink, unsigned int group, const struct watch *watch,
		struct sink_delays *out)
{
	uint64_t n_records = atomic_load(&sink->n_records);
	uint64_t *delays = malloc((n_records + 1) * sizeof(*delays));
	*out = (struct sink_delays){0};
	if (!delays)
		return -ENOMEM;
	part_delays(sink, group, watch, delays, out);
	qsort(delays, out->n - out->n_spoilt, sizeof(*delays), compare);
	out->unspoilt_p99_ms = quantile_ms(delays, out->n - out->n_spoilt, 0.99);
	qsort(delays, out->n, sizeof(*delays), compare);
	out->p50_ms = quantile_ms(delays, out->n, 0.5);
	out->p99_ms = quantile_ms(delays, out->n, 0.99);
	out->p999_ms = quantile_ms(delays, out->n, 0.999);
	out->max_ms = quantile_ms(delays, out->n, 1);
	free(delays);
	return 0;
}
