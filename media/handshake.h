/* The handshake thread: all DTLS associations of the node. A storm of handshakes makes it late,
 * never a worker; and those that began come before those that want to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "media/mailbox.h"

struct plane;
struct handshake;

enum handshake_counter {
	HANDSHAKE_STARTED,
	HANDSHAKE_COMPLETED,
	HANDSHAKE_FAILED,
	HANDSHAKE_HELD_UP,           /* handshakes that a cap made wait in line */
	HANDSHAKE_REFUSED_HALF_OPEN, /* that found the line full, or waited in it for too long, */
	HANDSHAKE_REFUSED_RATE,      /* because of this cap or that */
	HANDSHAKE_COUNTERS
};

/* Datagrams of one peer that are kept while it is in line: a hello of 4 KB, or repeated ones. */
#define HANDSHAKE_FIRST_MAX 4
/* Peers in line. */
#define HANDSHAKE_LINE_MAX 1024
/* In line: a peer has repeated its hello long before, and may have given up. */
#define HANDSHAKE_LINE_NS 5000000000ull

extern const char *const handshake_counter_names[HANDSHAKE_COUNTERS];

int handshake_create(struct plane *plane, struct handshake **out);
void handshake_destroy(struct handshake *handshake);
/* The thread's function: until MESSAGE_STOP. */
int handshake_run(void *handshake);
/* One turn of it: what has come, then the first in line. False: there was nothing to do. */
bool handshake_turn(struct handshake *handshake, uint64_t now_ns);
struct mailbox *handshake_mailbox(const struct handshake *handshake);
/* Any thread. */
uint64_t handshake_counter(const struct handshake *handshake, enum handshake_counter counter);
unsigned int handshake_half_open(const struct handshake *handshake);
unsigned int handshake_in_line(const struct handshake *handshake);
/* Any thread: new caps, from now on. */
void handshake_limit(struct handshake *handshake, unsigned int half_open, unsigned int per_second);
