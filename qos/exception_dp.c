/* Moves the frames of the exception path. A tap takes and gives one frame a system call, so what
 * goes to the kernel has a budget per millisecond, shared by all queues; what comes from it is
 * bounded by the caller's burst. */
#include <string.h>
#include <unistd.h>

#include "qos/exception.h"
#include "qos/packet.h"

#define NS_PER_MS      1000000
#define WINDOW_SHIFT   32
#define SPENT_OF(word) ((uint32_t)(word))

static void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* Takes up to `n` frames from the budget of this millisecond. */
static uint16_t budget_take(struct exception *exception, uint16_t n, uint64_t now_ns)
{
	uint64_t now = (now_ns / NS_PER_MS) << WINDOW_SHIFT, after;
	uint64_t before = __atomic_load_n(&exception->window, __ATOMIC_RELAXED);
	uint16_t taken;
	do {
		bool same = before >> WINDOW_SHIFT == now >> WINDOW_SHIFT;
		uint32_t spent = same ? SPENT_OF(before) : 0;
		uint32_t left = EXCEPTION_FRAMES_PER_MS - spent;
		taken = n < left ? n : (uint16_t)left;
		after = now | (spent + taken);
	} while (!__atomic_compare_exchange_n(&exception->window, &before, after, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return taken;
}

void exception_to_kernel(struct exception *exception, struct rte_mbuf **frames, uint16_t n,
			 uint64_t now_ns)
{
	uint16_t may = budget_take(exception, n, now_ns), done = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *frame = frames[i];
		if (i < may && write(exception->fd, rte_pktmbuf_mtod(frame, const void *),
				     frame->data_len) == frame->data_len)
			done++;
		packet_free(frame);
	}
	counter_add(&exception->counters.to_kernel, done);
	counter_add(&exception->counters.to_kernel_dropped, (uint64_t)(n - done));
}

/* One frame into `frame`: its length, 0 when there is none, -1 when it did not fit. A tap cuts a
 * frame without a word, so one that fills the buffer is taken for cut. */
static int frame_read(struct exception *exception, struct rte_mbuf *frame)
{
	uint16_t room = rte_pktmbuf_tailroom(frame);
	ssize_t bytes = read(exception->fd, rte_pktmbuf_mtod(frame, void *), room);
	if (bytes <= 0)
		return 0;
	return bytes >= room ? -1 : (int)bytes;
}

uint16_t exception_from_kernel(struct exception *exception, struct rte_mbuf **frames, uint16_t n)
{
	uint16_t done = 0, looked = 0;
	uint64_t dropped = 0;
	for (; looked < n; looked++) {
		struct rte_mbuf *frame = packet_alloc(exception->pool);
		if (!frame)
			break; /* the frame waits in the tap */
		int bytes = frame_read(exception, frame);
		if (bytes <= 0) {
			packet_free(frame);
			if (bytes == 0)
				break;
			dropped++;
			continue;
		}
		frame->data_len = (uint16_t)bytes;
		frame->pkt_len = (uint32_t)bytes;
		frames[done++] = frame;
	}
	counter_add(&exception->counters.from_kernel, done);
	counter_add(&exception->counters.from_kernel_dropped, dropped);
	return done;
}
