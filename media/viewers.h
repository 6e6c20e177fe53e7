/* The viewers of a worker by number, so that a packet on its way out can say whose it is without a
 * pointer that may die before the packet does. A number is never used again for another viewer. */
#pragma once

#include <stdint.h>

struct plane;
struct subscription;
struct worker;
struct viewers;

#define VIEWER_NONE 0 /* nobody's */

/* Control thread. Room for `capacity` (< 2^24) viewers. NULL: no memory. */
struct viewers *viewers_create(unsigned int worker, unsigned int capacity);
void viewers_destroy(struct viewers *viewers);

/* The worker's own thread. VIEWER_NONE: no room; its losses go untold. */
uint64_t viewers_add(struct viewers *viewers, struct subscription *subscription);
/* Takes VIEWER_NONE. */
void viewers_remove(struct viewers *viewers, uint64_t viewer);

/* A packet of the viewer was dropped on its way out: its worker is told, by one message at a time.
 * Any worker or the egress thread; takes VIEWER_NONE. */
void viewers_tell_loss(struct plane *plane, uint64_t viewer);
/* The worker's own thread, when the message has come (MESSAGE_LOSS; a: viewer). */
void viewers_on_loss(struct worker *worker, uint64_t viewer);
