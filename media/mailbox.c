/* A ring of messages by value and one eventfd.
 *
 * Each place of the ring says which turn it is ready for (D. Vyukov's bounded queue): a writer
 * takes the next free place, fills it and says so. Writers have different priorities, and one that
 * loses its processor between the two keeps nobody from writing: what comes after it only waits to
 * be read. (With an rte_ring the others would spin until it is back, a media worker among them.)
 *
 * The reader says `sleeping` before it waits and looks at its next place once more behind a full
 * fence; a writer fills, fences, and looks at `sleeping`: one of the two always sees the other. */
#include "media/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "conf/clock.h"

/* Turn t of the ring is at place t % size. Free for t when `turn` is t, filled when it is t + 1. */
struct place {
	atomic_uint turn;
	struct message message;
};

struct mailbox {
	struct place *places; /* owned */
	unsigned int size;
	unsigned int reserve; /* places that packets leave free */
	int fd;
	atomic_int sleeping;
	atomic_uint put __attribute__((aligned(64)));   /* next turn; writers */
	atomic_uint taken __attribute__((aligned(64))); /* next turn; the reader's */
};

int mailbox_create(unsigned int size, struct mailbox **out)
{
	struct mailbox *mailbox = aligned_alloc(64, sizeof(*mailbox));
	if (!mailbox)
		return -ENOMEM;
	*mailbox = (struct mailbox){.size = size, .reserve = size / 4};
	mailbox->places = calloc(size, sizeof(*mailbox->places));
	mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (!mailbox->places || mailbox->fd < 0) {
		mailbox_destroy(mailbox);
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < size; i++)
		atomic_init(&mailbox->places[i].turn, i);
	*out = mailbox;
	return 0;
}

void mailbox_destroy(struct mailbox *mailbox)
{
	if (!mailbox)
		return;
	if (mailbox->fd >= 0)
		close(mailbox->fd);
	free(mailbox->places);
	free(mailbox);
}

static struct place *place_of(const struct mailbox *mailbox, unsigned int turn)
{
	return &mailbox->places[turn & (mailbox->size - 1)];
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
	unsigned int turn = atomic_load_explicit(&mailbox->put, memory_order_relaxed);
	struct place *place;
	for (;;) {
		place = place_of(mailbox, turn);
		unsigned int ready = atomic_load_explicit(&place->turn, memory_order_acquire);
		if (ready != turn) {
			unsigned int now =
				atomic_load_explicit(&mailbox->put, memory_order_relaxed);
			if (now == turn)
				return false;
			turn = now;
		} else if (atomic_compare_exchange_weak_explicit(&mailbox->put, &turn, turn + 1,
								 memory_order_relaxed,
								 memory_order_relaxed)) {
			break;
		}
	}
	place->message = *message;
	atomic_store_explicit(&place->turn, turn + 1, memory_order_release);
	return true;
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
	unsigned int used = atomic_load_explicit(&mailbox->put, memory_order_relaxed) -
			    atomic_load_explicit(&mailbox->taken, memory_order_relaxed);
	return used < mailbox->size - mailbox->reserve && mailbox_put(mailbox, message);
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

static bool is_filled(const struct mailbox *mailbox, unsigned int turn)
{
	return atomic_load_explicit(&place_of(mailbox, turn)->turn, memory_order_acquire) ==
	       turn + 1;
}

unsigned int mailbox_take(struct mailbox *mailbox, struct message *messages, unsigned int max)
{
	unsigned int turn = atomic_load_explicit(&mailbox->taken, memory_order_relaxed), n = 0;
	for (; n < max && is_filled(mailbox, turn); n++, turn++) {
		struct place *place = place_of(mailbox, turn);
		messages[n] = place->message;
		atomic_store_explicit(&place->turn, turn + mailbox->size, memory_order_release);
	}
	atomic_store_explicit(&mailbox->taken, turn, memory_order_relaxed);
	return n;
}

bool mailbox_sleep(struct mailbox *mailbox)
{
	atomic_store(&mailbox->sleeping, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (!is_filled(mailbox, atomic_load_explicit(&mailbox->taken, memory_order_relaxed)))
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
