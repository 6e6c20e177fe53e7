/* What peer.c and peer_certificate.c share: TLS objects of one certificate, lent to a peer each. */
#pragma once

#include <openssl/types.h>

#define PEER_FINGERPRINT_TEXT (3 * 32)
#define PEER_MTU              1200

struct peer_tls; /* of a certificate, shared by its peers */

/* A TLS object as good as new, with a memory BIO each way that it owns. NULL: no memory, or libssl
 * knows no such profiles. Any thread. */
SSL *peer_tls_take(struct peer_tls *tls, const char *profiles);
/* After a handshake that succeeded; for another session, whose handshake is a full one again. Any
 * other is freed by its peer. Takes NULL. Any thread. */
void peer_tls_give(struct peer_tls *tls, SSL *ssl);

struct peer_certificate {
	struct peer_tls *tls; /* owned */
	char fingerprint[PEER_FINGERPRINT_TEXT];
};

/* SHA-256, found once: OpenSSL's own name for it is looked up with each use. Borrowed. */
const EVP_MD *peer_tls_digest(const struct peer_tls *tls);
/* "AB:CD:...", by SHA-256; empty: there is none. */
void peer_fingerprint_write(const X509 *x509, const EVP_MD *sha256,
			    char out[PEER_FINGERPRINT_TEXT]);
