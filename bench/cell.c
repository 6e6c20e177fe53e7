/* The thread makes its namespace and one end of the pair, whoever opens the cell looks after the
 * other end. Calls are handed over one at a time. */
#include "bench/cell.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bench/ip.h"

struct cell {
	pthread_t thread;
	pthread_mutex_t turn; /* of who asks */
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	int (*call)(void *context); /* NULL: nothing is asked for */
	void *context;
	int result;
	bool is_ending;
	/* set before it has anything to do */
	unsigned int queues;
	char outside[16], address[16], outside_address[16];
	bool is_paired; /* the cell's thread */
};

/* Cells of a process are told apart by number. */
static atomic_uint next_number;

const char *cell_address(const struct cell *cell)
{
	return cell->address;
}

const char *cell_outside(const struct cell *cell)
{
	return cell->outside;
}

static void *run_cell(void *argument)
{
	struct cell *cell = argument;
	pthread_mutex_lock(&cell->lock);
	while (!cell->is_ending) {
		if (!cell->call) {
			pthread_cond_wait(&cell->changed, &cell->lock);
			continue;
		}
		pthread_mutex_unlock(&cell->lock);
		int result = cell->call(cell->context);
		pthread_mutex_lock(&cell->lock);
		cell->result = result;
		cell->call = NULL;
		pthread_cond_broadcast(&cell->changed);
	}
	pthread_mutex_unlock(&cell->lock);
	return NULL;
}

int cell_call(struct cell *cell, int (*call)(void *context), void *context)
{
	pthread_mutex_lock(&cell->turn);
	pthread_mutex_lock(&cell->lock);
	cell->context = context;
	cell->call = call;
	pthread_cond_broadcast(&cell->changed);
	while (cell->call)
		pthread_cond_wait(&cell->changed, &cell->lock);
	int result = cell->result;
	pthread_mutex_unlock(&cell->lock);
	pthread_mutex_unlock(&cell->turn);
	return result;
}

/* /sys shows the network devices of the namespace that it was mounted in, and drivers look there.
 */
static int move_in(void *context)
{
	struct cell *cell = context;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    (umount2("/sys", MNT_DETACH) && errno != EINVAL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL))
		return -errno;
	int rc = ip_run("link set lo up");
	if (rc == 0)
		rc = ip_run("link add " CELL_INTERFACE " numtxqueues %u numrxqueues %u type veth "
			    "peer name %s numtxqueues %u numrxqueues %u netns %d",
			    cell->queues, cell->queues, cell->outside, cell->queues, cell->queues,
			    getpid());
	cell->is_paired = rc == 0;
	if (rc == 0)
		rc = ip_run("addr add %s/24 dev " CELL_INTERFACE, cell->address);
	return rc ? rc : ip_run("link set " CELL_INTERFACE " up");
}

static int set_up_outside(const struct cell *cell)
{
	int rc = ip_run("addr add %s/24 dev %s", cell->outside_address, cell->outside);
	if (rc == 0)
		rc = ip_compute_checksums(cell->outside);
	return rc ? rc : ip_run("link set %s up", cell->outside);
}

static void number(struct cell *cell)
{
	unsigned int n = 1 + atomic_fetch_add(&next_number, 1) % 250;
	snprintf(cell->outside, sizeof(cell->outside), "nn%u", n);
	snprintf(cell->address, sizeof(cell->address), "10.77.%u.1", n);
	snprintf(cell->outside_address, sizeof(cell->outside_address), "10.77.%u.2", n);
}

static struct cell *cell_create(void)
{
	struct cell *cell = calloc(1, sizeof(*cell));
	if (!cell)
		return NULL;
	pthread_mutex_init(&cell->turn, NULL);
	pthread_mutex_init(&cell->lock, NULL);
	pthread_cond_init(&cell->changed, NULL);
	if (pthread_create(&cell->thread, NULL, run_cell, cell) == 0)
		return cell;
	free(cell);
	return NULL;
}

int cell_open(unsigned int queues, struct cell **out)
{
	struct cell *cell = cell_create();
	if (!cell)
		return -ENOMEM;
	cell->queues = queues;
	number(cell);
	int rc = cell_call(cell, move_in, cell);
	if (rc == 0)
		rc = set_up_outside(cell);
	if (rc) {
		fprintf(stderr, "nn5g-bench: no namespace with a veth pair: %s%s\n", strerror(-rc),
			rc == -EPERM ? " (root may make one)" : "");
		cell_close(cell);
		return rc;
	}
	*out = cell;
	return 0;
}

/* The kernel takes a namespace down some time after its last thread; our end of the pair shall be
 * gone at once. */
static int remove_pair(void *context)
{
	const struct cell *cell = context;
	return cell->is_paired ? ip_run("link del " CELL_INTERFACE) : 0;
}

void cell_close(struct cell *cell)
{
	if (!cell)
		return;
	cell_call(cell, remove_pair, cell);
	pthread_mutex_lock(&cell->lock);
	cell->is_ending = true;
	pthread_cond_broadcast(&cell->changed);
	pthread_mutex_unlock(&cell->lock);
	pthread_join(cell->thread, NULL);
	pthread_cond_destroy(&cell->changed);
	pthread_mutex_destroy(&cell->lock);
	pthread_mutex_destroy(&cell->turn);
	free(cell);
}
