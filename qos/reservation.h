/* A UDP address and port that is ours although no socket of the kernel serves it: the frames come
 * to us by other ways. The kernel's socket is there so that nobody else gets the port and the
 * kernel does not answer our peers with ICMP "port unreachable"; what it receives is thrown away
 * unread. What it does read are the ICMP errors that concern us, of which "too big" matters.
 * Control thread. */
#pragma once

#include <stdint.h>

#include "qos/address.h"

/* Reserves the address, which need not be this host's (yet). Port 0: one is picked and written
 * back. Returns a file descriptor to close, or a negative errno. */
int reservation_open(struct address *address);

/* The next "too big" about something sent from there: to where, and the largest IP packet that gets
 * through. 1; 0: there are no more; what else was told is skipped. */
int reservation_next_too_big(int fd, struct address *to, uint16_t *mtu);
