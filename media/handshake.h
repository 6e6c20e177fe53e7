/* The handshake thread: all DTLS associations of the node. A storm of handshakes makes it late,
 * never a worker. */
#pragma once

#include <stdint.h>

#include "media/mailbox.h"

struct plane;
struct handshake;

enum handshake_counter {
	HANDSHAKE_STARTED,
	HANDSHAKE_COMPLETED,
	HANDSHAKE_FAILED,
	HANDSHAKE_REFUSED_HALF_OPEN, /* datagrams that found too many half-open handshakes */
	HANDSHAKE_REFUSED_RATE,
	HANDSHAKE_COUNTERS
};

extern const char *const handshake_counter_names[HANDSHAKE_COUNTERS];

int handshake_create(struct plane *plane, struct handshake **out);
void handshake_destroy(struct handshake *handshake);
/* The thread's function: until MESSAGE_STOP. */
int handshake_run(void *handshake);
struct mailbox *handshake_mailbox(const struct handshake *handshake);
/* Any thread. */
uint64_t handshake_counter(const struct handshake *handshake, enum handshake_counter counter);
unsigned int handshake_half_open(const struct handshake *handshake);
/* Any thread: new caps, from now on. */
void handshake_limit(struct handshake *handshake, unsigned int half_open, unsigned int per_second);
