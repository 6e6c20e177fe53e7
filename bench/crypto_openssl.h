/* SRTP protection as one would write it on OpenSSL's EVP, for comparison in `nn5g-bench crypto`. */
#pragma once

#include <stdint.h>

#include "media/dtls.h"

struct evp_sender;

/* NULL: no memory or no such profile. */
struct evp_sender *evp_sender_create(const struct srtp_keys *keys);
void evp_sender_destroy(struct evp_sender *sender);
/* Writes ciphertext and tag behind the RTP header that `packet` holds. Returns the packet's size.
 */
unsigned int evp_protect(struct evp_sender *sender, uint8_t *packet, unsigned int header_bytes,
			 const uint8_t *payload, unsigned int payload_bytes, uint32_t rollover);
