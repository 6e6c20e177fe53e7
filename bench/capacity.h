/* The search for the highest rate that something holds at: doubled until it fails, then narrowed
 * down. Pure: who asks does the measuring. */
#pragma once

#include <stdbool.h>

struct capacity {
	double low, high, precision; /* low: held so far, 0: nothing; high: failed, 0: nothing */
	double first, next;          /* next: the rate to try */
	unsigned int failures;       /* in a row, of `next` */
};

/* `precision` 0.05: until what failed is at most 5 % above what held. */
void capacity_begin(struct capacity *capacity, double first, double precision);
/* Tells how `next` went. A rate fails once it has failed twice: a stall of the machine is no
 * limit. True: there is another `next` to try; false: `low` is it (0: nothing held). */
bool capacity_tell(struct capacity *capacity, bool is_held);
