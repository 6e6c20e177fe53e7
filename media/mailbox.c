/* One rte_ring of messages by value and one eventfd. The reader says `sleeping` before it waits and
 * looks at the ring once more behind a full fence; a writer enqueues, fences, and looks at
 * `sleeping`: one of the two always sees the other. */
#include "media/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ring_elem.h>

#include "conf/clock.h"

struct mailbox {
	struct rte_ring *ring;
	unsigned int reserve; /* entries that packets leave free */
	int fd;
	atomic_int sleeping;
};

static_assert(sizeof(struct message) % 4 == 0, "rte_ring elements are multiples of 4 bytes");

int mailbox_create(const char *name, unsigned int size, struct mailbox **out)
{
	struct mailbox *mailbox = calloc(1, sizeof(*mailbox));
	if (!mailbox)
		return -ENOMEM;
	mailbox->reserve = size / 4;
	mailbox->ring = rte_ring_create_elem(name, sizeof(struct message), size, SOCKET_ID_ANY,
					     RING_F_SC_DEQ);
	mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!mailbox->ring || mailbox->fd < 0) {
		mailbox_destroy(mailbox);
		return -ENOMEM;
	}
	*out = mailbox;
	return 0;
}

void mailbox_destroy(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	rte_ring_free(mailbox->ring);
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	free(mailbox);
}

void mailbox_wake(struct mailbox *mailbox)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&mailbox->sleeping, memory_order_relaxed))
		return;
	if (atomic_exchange(&mailbox->sleeping, 0))
		eventfd_write(mailbox->fd, 1);
}

bool mailbox_put(struct mailbox *mailbox, const struct message *message)
{
	return rte_ring_mp_enqueue_elem(mailbox->ring, (void *)(uintptr_t)message,
					sizeof(*message)) == 0;
}

bool mailbox_post(struct mailbox *mailbox, const struct message *message)
{
	if (!mailbox_put(mailbox, message))
		return false;
	mailbox_wake(mailbox);
	return true;
}

bool mailbox_put_packet(struct mailbox *mailbox, const struct message *message)
{
	return rte_ring_free_count(mailbox->ring) > mailbox->reserve &&
	       mailbox_put(mailbox, message);
}

bool mailbox_post_packet(struct mailbox *mailbox, const struct message *message)
{
	if (!mailbox_put_packet(mailbox, message))
		return false;
	mailbox_wake(mailbox);
	return true;
}

void mailbox_post_wait(struct mailbox *mailbox, const struct message *message)
{
	while (!mailbox_post(mailbox, message))
		usleep(100);
}

void mailbox_put_wait(struct mailbox *mailbox, const struct message *message)
{
	if (!mailbox_put(mailbox, message))
		mailbox_post_wait(mailbox, message);
}

unsigned int mailbox_take(struct mailbox *mailbox, struct message *messages, unsigned int max)
{
	return rte_ring_sc_dequeue_burst_elem(mailbox->ring, messages, sizeof(*messages), max,
					      NULL);
}

bool mailbox_sleep(struct mailbox *mailbox)
{
	atomic_store(&mailbox->sleeping, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (rte_ring_empty(mailbox->ring))
		return true;
	atomic_store(&mailbox->sleeping, 0);
	return false;
}

/* ppoll because its timeout is in ns: a scheduler whose tokens come in 300 us cannot wait a
 * millisecond for them. */
void mailbox_wait(struct mailbox *mailbox, int fd, uint64_t due_ns)
{
	struct pollfd fds[] = {{.fd = mailbox->fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	struct timespec timeout = {0};
	uint64_t now_ns = due_ns == UINT64_MAX ? 0 : clock_ns();
	if (due_ns > now_ns) {
		timeout.tv_sec = (time_t)((due_ns - now_ns) / 1000000000ull);
		timeout.tv_nsec = (long)((due_ns - now_ns) % 1000000000ull);
	}
	ppoll(fds, 2, due_ns == UINT64_MAX ? NULL : &timeout, NULL);
}

void mailbox_awake(struct mailbox *mailbox)
{
	eventfd_t ignored;
	atomic_store(&mailbox->sleeping, 0);
	eventfd_read(mailbox->fd, &ignored);
}

int mailbox_fd(const struct mailbox *mailbox)
{
	return mailbox->fd;
}
