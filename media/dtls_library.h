/* The part of OpenSSL that a DTLS-SRTP handshake needs, as a library context of its own. */
#pragma once

struct ossl_lib_ctx_st; /* OSSL_LIB_CTX */
struct dtls_library;

/* Of the default provider's algorithms those of our cipher suites, for peers with EC and RSA
 * certificates: what RFC 8827 6.5 asks for and browsers have. NULL when OpenSSL fails. Any thread.
 */
struct dtls_library *dtls_library_create(void);
/* After all that was made in it. Takes NULL. */
void dtls_library_destroy(struct dtls_library *library);
/* Borrowed. */
struct ossl_lib_ctx_st *dtls_library_context(const struct dtls_library *library);
