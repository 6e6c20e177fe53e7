/* What the scheduler's files share. A scheduler has slices; a slice has one tree (an rte_sched port
 * with queues for a power of two of pipes); a pipe's place in a tree is a leaf. A pipe that moves
 * to another slice has two leaves until the old one is empty.
 *
 * Fields say who owns them. Objects are made and freed by control; between the two they are the
 * owner's, who gives them back with the change that took them out of use. */
#pragma once

#include <stdatomic.h>

#include <rte_red.h>

#include "qos/scheduler.h"
#include "qos/scheduler_bucket.h"

struct rte_sched_port;
struct scheduler_change;

#define SCHEDULER_BURST  64 /* packets of one rte_sched dequeue */
#define SCHEDULER_FEW    8  /* pipes that rte_sched looks at side by side */
#define SCHEDULER_GRANTS 5  /* sizes of grants and credits: GRANT_BYTES_MIN << 0 .. 4, 36 KiB */

/* The smallest grant: any packet fits. */
#define GRANT_BYTES_MIN 2304u
static_assert(GRANT_BYTES_MIN >= PACKET_BYTES_MAX + 64 + 8 + 40 + 14 + PACKET_FRAMING_BYTES,
	      "a packet that fits no grant would never leave");

#define GUARANTEE_DEPTH_NS 5000000ll  /* the token period of a guarantee */
#define LIMIT_DEPTH_NS     10000000ll /* of max_bps and of the link */

/* One class of one leaf. The owner's. */
struct scheduler_queue {
	uint64_t bytes;
	uint32_t packets;
	uint32_t served_bytes; /* that were sent, in all; it wraps */
	/* While the last packet that left waited for drain_ns, drain_bytes were sent, itself among
	 * them: how fast this queue drains. 0 ns: not known, or at once. */
	uint32_t drain_bytes;
	uint64_t drain_ns;
	struct rte_red red;
};

/* A pipe's place in a tree. The owner's; `pipe`, `slice` and `index` are constant. */
struct scheduler_leaf {
	struct scheduler_pipe *pipe;
	struct scheduler_slice *slice;
	uint32_t index;                  /* of rte_sched's pipe */
	uint32_t queued_packets;         /* of all classes */
	uint32_t active_at;              /* where it is in tree->active, when it has packets */
	uint32_t credit_bytes;           /* that rte_sched has left for it */
	unsigned int grant;              /* size of its credits */
	uint64_t round;                  /* of the tree, in which it last got its share */
	int64_t deficit_bytes;           /* what is left of the share; negative: it took more */
	struct scheduler_bucket ceiling; /* rate 0: none */
	struct scheduler_change *closing;
	struct scheduler_change *close; /* control's, until it is pushed */
	struct scheduler_queue queues[TRAFFIC_CLASSES];
};

struct scheduler_tree {
	struct rte_sched_port *port;
	uint32_t n_pipes; /* room for */
	/* Owner. */
	struct scheduler_leaf **leaves; /* by index; NULL: unused */
	struct scheduler_leaf **active; /* those with packets, in no order */
	uint32_t n_active;
	uint32_t n_credited; /* of them, those that can send any packet */
	uint64_t round;
	bool is_begun; /* rte_sched has looked at it since it was empty */
	bool is_stale; /* and a class has got packets after that; see scheduler_tree_dp.c */
};

/* What the owner needs to know of a slice's configuration. */
struct scheduler_slice_terms {
	int64_t guaranteed_bps, max_bps;
	uint64_t delay_ns[TRAFFIC_CLASSES];
};

struct scheduler_slice {
	/* Control. */
	struct scheduler *scheduler; /* parent */
	struct scheduler_slice_config config;
	struct scheduler_tree *newest;  /* the tree that the owner has, or will have */
	struct scheduler_leaf **leaves; /* by index: who is there, or leaving; NULL: free */
	uint32_t n_leaves, free_hint;
	unsigned int slot;
	bool is_removed;
	struct scheduler_change *close; /* until it is pushed */

	/* Owner. */
	struct scheduler_tree *tree __rte_cache_aligned;
	struct scheduler_slice_terms terms;
	struct scheduler_bucket guarantee, limit;
	unsigned int guarantee_grant, grant; /* sizes of its grants: in either phase */
	int64_t deficit_bytes;               /* of its turn at what the link has left */
	bool is_in_turn;                     /* the turn was cut short */
	uint64_t blocked_ns;                 /* all its pipes are at their ceilings until then */
	uint64_t queued_packets, queued_bytes;
	struct scheduler_change *closing;

	/* Owner writes, anybody reads. */
	struct scheduler_stats stats[TRAFFIC_CLASSES] __rte_cache_aligned;
};

struct scheduler_pipe {
	/* Control. */
	struct scheduler *scheduler; /* parent */
	struct scheduler_pipe_config config;
	struct scheduler_leaf *newest; /* the leaf the owner has, or will have */
	unsigned int n_leaves;         /* that are not freed */
	bool is_removed;
	struct scheduler_pipe *next; /* among those that wait to be freed */

	/* Control writes, anybody reads. */
	_Atomic uint8_t video_class; /* enum traffic_class, by its slice's 5QI */

	/* Owner. */
	struct scheduler_leaf *leaf __rte_cache_aligned; /* NULL: nowhere */

	/* Owner writes, anybody reads. */
	_Atomic uint8_t is_shut[TRAFFIC_CLASSES]; /* what comes now would be dropped */

	/* Anybody adds, the owner takes. */
	_Atomic uint32_t refused[TRAFFIC_CLASSES];

	/* Owner writes, anybody reads. */
	struct scheduler_stats stats[TRAFFIC_CLASSES] __rte_cache_aligned;
};

enum scheduler_change_kind {
	CHANGE_SLICE_OPEN,  /* slice, tree, terms */
	CHANGE_SLICE_TERMS, /* slice, terms */
	CHANGE_SLICE_CLOSE, /* slice; done when it is empty */
	CHANGE_TREE,        /* slice, tree: the new one; comes back with the old */
	CHANGE_LEAF_OPEN,   /* leaf, max_bps: a pipe's new place, or its new ceiling in the old */
	CHANGE_LEAF_CLOSE,  /* leaf, pipe: where the pipe is now no more; done when it is empty */
};

struct scheduler_change {
	struct scheduler_change *next;
	enum scheduler_change_kind kind;
	struct scheduler_slice *slice;
	struct scheduler_tree *tree;
	struct scheduler_leaf *leaf;
	struct scheduler_slice_terms terms;
	int64_t max_bps;
};

struct scheduler {
	/* Control. */
	struct scheduler_config config;                       /* constant */
	struct scheduler_slice *slices[SCHEDULER_SLICES_MAX]; /* by slot; also those that leave */
	struct scheduler_slice *default_slice;
	struct scheduler_pipe *default_pipe; /* constant */
	struct scheduler_pipe *gone;         /* unused, for one collect more */
	unsigned int n_pipes, n_leaving;

	/* Between the two: newest first. */
	_Atomic(struct scheduler_change *) changes __rte_cache_aligned;
	_Atomic(struct scheduler_change *) done __rte_cache_aligned;

	/* Owner. */
	struct scheduler_slice *slots[SCHEDULER_SLICES_MAX] __rte_cache_aligned;
	unsigned int n_slots;                      /* one past the last in use */
	unsigned int n_closing;                    /* slices */
	unsigned int guaranteed_slot, shared_slot; /* whose turn it is */
	struct scheduler_bucket link;
	unsigned int link_grant;
	uint64_t queued_packets;
	uint64_t packets_max; /* queued in all; UINT64_MAX: no bound */
	struct rte_red_config red[TRAFFIC_CLASSES][PACKET_COLORS]; /* constant */
};

/* ---- scheduler_check.c: control ---- */

struct scheduler_fault {
	char *errors; /* borrowed */
	size_t errors_bytes;
};

/* Returns rc. */
int scheduler_fault(const struct scheduler_fault *fault, int rc, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool scheduler_is_rate(int64_t bps);
/* `slice`: the one that is to be changed, or NULL. */
int scheduler_slice_check(const struct scheduler *scheduler, const struct scheduler_slice *slice,
			  const struct scheduler_slice_config *config,
			  const struct scheduler_fault *fault);
int scheduler_pipe_check(const struct scheduler_pipe_config *config,
			 const struct scheduler_fault *fault);

/* ---- scheduler.c, scheduler_slice.c: control ---- */

/* NULL: no memory. */
struct scheduler_change *scheduler_change_create(enum scheduler_change_kind kind,
						 struct scheduler_slice *slice);
/* A tree twice as large. -ENOMEM. */
int scheduler_slice_grow(struct scheduler_slice *slice);

/* ---- scheduler_tree.c ---- */

/* Control. Queues for n_pipes (a power of two). -ENOMEM. */
int scheduler_tree_create(uint32_t n_pipes, struct scheduler_tree **out);
/* Control. Packets in it are freed. Takes NULL. */
void scheduler_tree_destroy(struct scheduler_tree *tree);
/* Owner. Moves all leaves and packets of `from` into `to`, which is empty and no smaller. */
void scheduler_tree_pour(struct scheduler_tree *from, struct scheduler_tree *to);

/* ---- scheduler_change.c ---- */

/* Control: gives a change to the owner, who gives it back. */
void scheduler_change_push(struct scheduler *scheduler, struct scheduler_change *change);
/* Control: those that are done, oldest first. */
struct scheduler_change *scheduler_changes_done(struct scheduler *scheduler);
/* Owner. */
void scheduler_changes_apply(struct scheduler *scheduler, uint64_t now_ns);
void scheduler_leaf_close(struct scheduler *scheduler, struct scheduler_change *change);
/* Gives back the slices that were to be closed and are empty. Not while one is looked at. */
void scheduler_slices_close(struct scheduler *scheduler);

static inline bool scheduler_has_changes(const struct scheduler *scheduler)
{
	return atomic_load_explicit(&scheduler->changes, memory_order_relaxed) != NULL;
}

/* ---- scheduler_queue_dp.c: owner ---- */

/* Counts the packet in. SCHEDULER_DROPS: it may be given to rte_sched now. Else why not: count it
 * with scheduler_queue_drop. */
enum scheduler_drop scheduler_queue_push(struct scheduler *scheduler, struct scheduler_leaf *leaf,
					 struct rte_mbuf *packet, uint64_t now_ns);
/* Counts a packet out that rte_sched gave. False: it is too old to be sent (and freed). */
bool scheduler_queue_pop(struct scheduler *scheduler, struct scheduler_leaf *leaf,
			 struct rte_mbuf *packet, uint64_t now_ns);
/* Counts, tells, frees. `slice` may be NULL. */
void scheduler_queue_drop(struct scheduler *scheduler, struct scheduler_slice *slice,
			  struct rte_mbuf *packet, enum scheduler_drop reason);

/* ---- scheduler_round_dp.c: owner ---- */

/* The leaf has got its first packet; has lost its last; has lost one, sent or not. */
void scheduler_leaf_wake(struct scheduler_leaf *leaf, uint64_t now_ns);
void scheduler_leaf_sleep(struct scheduler_leaf *leaf);
void scheduler_leaf_charge(struct scheduler_leaf *leaf, uint32_t bytes, bool is_sent,
			   uint64_t now_ns);
/* rte_sched gave nothing: gives every pipe its share anew, if none has credit left. False: all are
 * at their ceilings (slice->blocked_ns is set). */
bool scheduler_round_begin(struct scheduler_slice *slice, uint64_t now_ns);

/* ---- scheduler_tree_dp.c: owner ---- */

/* There is room for them, and each says where it goes. */
void scheduler_tree_put(struct scheduler_tree *tree, struct rte_mbuf **packets, unsigned int n);
/* Up to n packets, of pipes that have credit. */
unsigned int scheduler_tree_take(struct scheduler_tree *tree, struct rte_mbuf **packets,
				 unsigned int n);
/* What the pipe may send from now on: GRANT_BYTES_MIN << grant; SCHEDULER_GRANTS: all it has. */
void scheduler_tree_credit(struct scheduler_tree *tree, uint32_t index, unsigned int grant);

/* A grant holds the link for as long as the rate takes for it: this long, if any is so small. */
#define GRANT_NS 200000

static inline unsigned int scheduler_grant_of(int64_t rate_bps)
{
	__int128 bytes = (__int128)rate_bps * GRANT_NS / BUCKET_BYTE;
	unsigned int grant = 0;
	while (grant + 1 < SCHEDULER_GRANTS && (GRANT_BYTES_MIN << (grant + 1)) <= bytes)
		grant++;
	return grant;
}

static inline void stat_add(uint64_t *field, uint64_t n)
{
	__atomic_store_n(field, *field + n, __ATOMIC_RELAXED);
}

static inline void stat_subtract(uint64_t *field, uint64_t n)
{
	__atomic_store_n(field, *field - n, __ATOMIC_RELAXED);
}
