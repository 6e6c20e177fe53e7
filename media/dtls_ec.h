/* EC keys for dtls_library's window: OpenSSL's own, with what a handshake does to them made cheap.
 */
#pragma once

#include <stdbool.h>

struct ossl_algorithm_st; /* OSSL_ALGORITHM */
struct ossl_dispatch_st;  /* OSSL_DISPATCH */

/* Puts functions of ours in the place of some of the default provider's: `keys` is its key
 * management "EC", `decoder` its decoder of EC keys from a SubjectPublicKeyInfo, `provider_context`
 * what they were written for. False: OpenSSL has not got what they need, or no memory. Once in a
 * process. */
bool dtls_ec_make(struct ossl_algorithm_st *keys, struct ossl_algorithm_st *decoder,
		  void *provider_context);
/* What OpenSSL's core offers to a provider, which a decoder reads its input with; before any is
 * used. False: a function is missing. */
bool dtls_ec_take_core(const struct ossl_dispatch_st *core);
