/* A cell: a thread in a network namespace of its own, which a veth pair joins with ours. It runs
 * what others ask it to, so that what they start or open is in there. The pair has as many queues
 * as asked for and computes all checksums, as ports past the kernel want. Everything is gone with
 * the process, however it ends. */
#pragma once

#define CELL_INTERFACE "nn0" /* within */

struct cell;

/* Our namespace is the main thread's. Negative errno with a line on stderr; -EPERM
 * without the rights. */
int cell_open(unsigned int queues, struct cell **out);
/* Who asked for something has its answer. Takes NULL. */
void cell_close(struct cell *cell);
/* The address of its end of the pair. */
const char *cell_address(const struct cell *cell);
/* The interface that is our end. */
const char *cell_outside(const struct cell *cell);
/* Runs `call(context)` on the cell's thread and returns what it returns; a process that it starts
 * with PR_SET_PDEATHSIG ends with the cell. Any thread; they take turns. */
int cell_call(struct cell *cell, int (*call)(void *context), void *context);
