/* An established DTLS 1.2 association as plain data: what is left of it once OpenSSL's SSL, which
 * takes 40 to 60 KB, is gone. Keys and numbers of its records (RFC 6347 4.1, AES-GCM as RFC 5288
 * has it), and the last flight, for a peer that missed it. It reads alerts and repeated Finished
 * messages, and writes alerts; application data is not looked at. Handshake thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DTLS_RECORD_KEY_MAX    32
#define DTLS_RECORD_SALT_BYTES 4
#define DTLS_RECORD_FLIGHT_MAX 128 /* ChangeCipherSpec and Finished take 75 */
#define DTLS_ALERT_BYTES       39  /* header, nonce, level and description, tag */

enum dtls_alert { DTLS_ALERT_CLOSE_NOTIFY = 0 }; /* RFC 5246 7.2 */

/* What a handshake has agreed on. */
struct dtls_secrets {
	uint8_t master[48], client_random[32], server_random[32];
	unsigned int key_bytes; /* of AES: 16 or 32 */
	const char *digest;     /* of the PRF, as OpenSSL calls it */
	bool active;            /* we are the client */
};

struct dtls_record_key {
	uint8_t key[DTLS_RECORD_KEY_MAX], salt[DTLS_RECORD_SALT_BYTES];
};

struct dtls_record {
	unsigned int key_bytes;
	struct dtls_record_key send, receive;
	bool has_sent;                        /* in epoch 1 */
	uint64_t sent_sequence, sent_nonce;   /* last used; never again */
	uint64_t taken_highest, taken_window; /* replay window: bit 0 is the highest */
	uint8_t flight[DTLS_RECORD_FLIGHT_MAX];
	size_t flight_bytes;
};

/* Takes note of a datagram that the SSL sends: the numbers it uses up, and its last flight. */
void dtls_record_watch(struct dtls_record *record, const uint8_t *bytes, size_t size);
/* The handshake is done, the SSL will send nothing more. -EIO: the crypto library failed, or no
 * datagram that was watched held a Finished. */
int dtls_record_begin(struct dtls_record *record, const struct dtls_secrets *secrets);

enum dtls_record_event {
	DTLS_RECORD_NOTHING,
	DTLS_RECORD_REPEATED, /* the peer says its Finished again: it has not got our last flight */
	DTLS_RECORD_CLOSED,   /* close_notify */
	DTLS_RECORD_ALERT     /* a fatal one */
};
/* A datagram from the peer; the last event in it that counts. What is malformed, old or does not
 * authenticate is passed over (RFC 6347 4.1.2.7). */
enum dtls_record_event dtls_record_read(struct dtls_record *record, const uint8_t *bytes,
					size_t size);
/* Writes the record of an alert: a warning if it is close_notify, else fatal. Its size; 0: the
 * crypto library failed. */
size_t dtls_record_alert(struct dtls_record *record, enum dtls_alert alert,
			 uint8_t out[DTLS_ALERT_BYTES]);
/* Wipes the keys. */
void dtls_record_end(struct dtls_record *record);
