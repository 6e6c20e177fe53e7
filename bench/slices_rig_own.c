/* One turn of the packet thread: at most a burst of what is due goes in, what may leave goes out.
 * It sleeps until the next of both. A packet is due at its intended time, however late the thread
 * is: it is made then, with that time in it. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "bench/clock.h"
#include "bench/slices_rig_private.h"

#define LEAVE_BURST 64
#define SPIN_NS     10000ull      /* shorter waits are not worth sleeping */
#define SLEEP_NS    100000000ull  /* nothing to do: look again */
#define QUEUED_NS   2000000000ull /* for what is queued when the senders stop */

static struct rig_group *group_of(struct rig *rig, struct rte_mbuf *packet)
{
	struct mark mark;
	memcpy(&mark, packet_bytes(packet), sizeof(mark));
	return &rig->groups[mark.group];
}

void rig_count_drop(struct rig *rig, struct rte_mbuf *packet, enum scheduler_drop reason)
{
	group_of(rig, packet)->counts.dropped[reason]++;
	rig->queued--;
}

static struct rte_mbuf *make(struct rig *rig, const struct source *source, enum packet_color color)
{
	struct rte_mbuf *packet = packet_alloc(rig->pool);
	if (!packet)
		return NULL;
	struct mark mark = {.intended_ns = source->next_ns, .group = source->group};
	struct packet_meta *meta = packet_meta(packet);
	memcpy(packet_bytes(packet), &mark, sizeof(mark));
	packet->data_len = source->bytes;
	packet->pkt_len = source->bytes;
	meta->flow = rig->flows[source->peer].flow;
	meta->route = rig->flows[source->peer].route;
	meta->tx = (struct packet_tx){
		.pipe = source->pipe,
		.traffic_class = (uint8_t)scheduler_pipe_class(source->pipe, source->kind),
		.color = (uint8_t)color,
	};
	return packet;
}

static enum packet_color color_of(const struct source *source, uint64_t now_ns)
{
	if (!source->policer)
		return COLOR_GREEN;
	return policer_color(source->policer, source_wire_bytes(source->bytes), now_ns);
}

/* One burst of one source, as far as `room` goes. Returns how many were made. */
static unsigned int emit_source(struct rig *rig, struct source *source, struct rte_mbuf **packets,
				unsigned int room, uint64_t now_ns)
{
	struct rig_counts *counts = &rig->groups[source->group].counts;
	unsigned int n = 0;
	while (source->next_ns <= now_ns && n + source->burst <= room) {
		if (now_ns - source->next_ns > rig->late_ns)
			rig->late_ns = now_ns - source->next_ns;
		for (unsigned int i = 0; i < source->burst; i++) {
			enum packet_color color = color_of(source, now_ns);
			counts->meant++;
			if (color == COLOR_RED) {
				counts->policed++;
				continue;
			}
			packets[n] = make(rig, source, color);
			if (packets[n])
				n++;
			else
				counts->no_buffer++;
		}
		source->next_ns += source->interval_ns;
		rig_skip_silence(source, rig->begin_ns);
	}
	return n;
}

/* Sources take turns at being first, so that a flood fills no burst alone for long. Returns when
 * the next is due. */
static uint64_t emit(struct rig *rig, uint64_t now_ns)
{
	struct rte_mbuf *packets[PORT_BURST];
	unsigned int n = 0;
	uint64_t next_ns = UINT64_MAX;
	for (unsigned int i = 0; i < rig->n_sources; i++) {
		struct source *source = &rig->sources[rig->at_source++ % rig->n_sources];
		if (source->next_ns <= now_ns)
			n += emit_source(rig, source, packets + n, PORT_BURST - n, now_ns);
		if (source->next_ns < next_ns)
			next_ns = source->next_ns;
	}
	rig->at_source++;
	rig->queued += n;
	if (n > 0)
		scheduler_enqueue(rig->scheduler, packets, n, now_ns);
	return next_ns;
}

static unsigned int leave(struct rig *rig, uint64_t now_ns)
{
	struct rte_mbuf *packets[LEAVE_BURST];
	unsigned int n = scheduler_dequeue(rig->scheduler, packets, LEAVE_BURST, now_ns);
	for (unsigned int i = 0; i < n; i++) {
		struct rig_group *group = group_of(rig, packets[i]);
		uint32_t bytes =
			packet_wire_bytes(&packet_meta(packets[i])->flow, packets[i]->data_len);
		group->counts.left++;
		group->counts.left_bytes += bytes;
		timeline_add(&group->timeline, now_ns, bytes);
		if (!rig->port)
			packet_free(packets[i]);
	}
	if (rig->port && n > 0)
		port_tx_burst(rig->port, 0, packets, (uint16_t)n);
	rig->queued -= n;
	return n;
}

static void sleep_until(struct rig *rig, uint64_t when_ns, uint64_t now_ns)
{
	struct pollfd wake = {.fd = rig->wake_fd, .events = POLLIN};
	eventfd_t value;
	if (when_ns < now_ns + SPIN_NS)
		return;
	uint64_t ns = when_ns - now_ns < SLEEP_NS ? when_ns - now_ns : SLEEP_NS;
	struct timespec timeout = {.tv_nsec = (long)ns};
	if (ppoll(&wake, 1, &timeout, NULL) > 0)
		eventfd_read(rig->wake_fd, &value);
}

static void set_priority(const struct rig *rig)
{
	struct sched_param first = {.sched_priority = 10}, ordinary = {0};
	bool is_first = rig->config.is_realtime;
	pthread_setschedparam(pthread_self(), is_first ? SCHED_FIFO : SCHED_OTHER,
			      is_first ? &first : &ordinary);
	prctl(PR_SET_TIMERSLACK, 1);
}

int rig_own(void *argument)
{
	struct rig *rig = argument;
	uint64_t until_ns = UINT64_MAX;
	rig->queued = 0;
	set_priority(rig);
	while (true) {
		uint64_t now_ns = clock_ns(), due_ns = UINT64_MAX;
		if (until_ns == UINT64_MAX && atomic_load(&rig->is_stopping))
			until_ns = now_ns + QUEUED_NS;
		if (until_ns == UINT64_MAX)
			due_ns = emit(rig, now_ns);
		else if (rig->queued == 0 || now_ns >= until_ns)
			return 0;
		if (leave(rig, now_ns) > 0)
			continue;
		uint64_t next_ns = scheduler_next_ns(rig->scheduler, now_ns);
		sleep_until(rig, next_ns < due_ns ? next_ns : due_ns, clock_ns());
	}
}
