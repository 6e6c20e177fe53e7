/* What a TCP socket knows that libwebsockets does not ask. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How many bytes have been read from it so far: what has arrived without what still waits.
 * UINT64_MAX when that does not hold still. */
uint64_t tcp_taken_bytes(int fd);
/* Has the peer closed its side? */
bool tcp_is_closed(int fd);
/* Is there something to read, be it the end? */
bool tcp_has_input(int fd);
/* Takes what the peer has sent in vain, so that the kernel ends the connection without a reset. */
void tcp_drain(int fd);
