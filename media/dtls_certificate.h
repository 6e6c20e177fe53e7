/* A certificate of our own and its private key, as bytes: what a node's identity is made of. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct dtls_certificate {
	uint8_t der[1024]; /* X.509 */
	size_t der_bytes;
	uint8_t key[256]; /* EC private key, DER; secret */
	size_t key_bytes;
};

/* A new P-256 key and a self-signed certificate for it: CN "nn5g", random serial number, valid from
 * yesterday (peers' clocks are off) for a year. -EIO when the crypto library fails. The caller
 * cleanses `key`. Any thread. */
int dtls_certificate_make(struct dtls_certificate *certificate);
