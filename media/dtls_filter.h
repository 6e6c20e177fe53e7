/* Which records of a datagram OpenSSL gets to see (RFC 6347 4.1, 4.2.2). It takes some nonsense for
 * a fatal error and buffers some at 16 KiB a record; both would let anybody who can spoof one
 * datagram spoil a handshake. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTLS_MESSAGE_MAX       16384 /* largest handshake message we put together */
#define DTLS_EARLY_RECORDS_MAX 4     /* see early_records */

struct dtls_filter {
	bool greeted;   /* the peer may have keys: we are active, or its ClientHello came */
	bool connected; /* the peer has keys: OpenSSL authenticates what it reads */
	/* Records of the next epoch let through since the last retransmission. All a peer has to
	 * say there before we are connected is its Finished, and it says it again. */
	unsigned int early_records;
};

/* The length of the part of a datagram before the first record that is malformed or not wanted. */
size_t dtls_filter_pass(struct dtls_filter *filter, const uint8_t *bytes, size_t size);
