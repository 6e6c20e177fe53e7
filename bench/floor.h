/* The floor: a relay that receives a datagram and sends it to everybody, with no cryptography, no
 * scheduler, no statistics. What a subject takes more is what it does. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

/* Datagrams of one byte are for the relay itself; media begins with more than these. */
#define FLOOR_JOIN  0 /* from a viewer: send me all there is from now on */
#define FLOOR_CLEAR 1 /* from a publisher that is done: forget all who joined */

/* A stream: one socket, and whom its media goes to. */
struct floor_stream {
	int fd;
	unsigned int n_receivers, room;
	struct sockaddr_in *receivers; /* owned, of `room` */
	struct mmsghdr *messages;      /* the same: one a receiver, all of the same bytes */
	struct iovec vector;
};

/* Opens a socket for up to `room` receivers, on the host address that `address` has, or loopback if
 * that is 0, and completes it. Negative errno. */
int floor_stream_open(struct floor_stream *stream, unsigned int room, struct sockaddr_in *address);
/* Of a stream that was opened, or is zero with fd -1. */
void floor_stream_close(struct floor_stream *stream);
/* Relays one datagram that is waiting, or waits for one. Negative errno. */
int floor_relay(struct floor_stream *stream);
/* Relays until the process is ended. Without memory of its own: it may be a fork's. */
_Noreturn void floor_run(struct floor_stream *streams, unsigned int n);
