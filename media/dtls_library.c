/* A provider that is a window on OpenSSL's own default provider.
 *
 * To read the public key of a certificate, OpenSSL 3.0 asks each decoder and each kind of key that
 * its providers have whether it fits, and looks through every algorithm that it has met so far to
 * find those, anew for each certificate: with all of the default provider's that takes as long as
 * three signatures. This window shows what a DTLS-SRTP handshake has a use for. The algorithms
 * themselves stay OpenSSL's, in the default provider's context, which also gives the random
 * numbers; the pseudorandom function alone is our own (dtls_prf), and EC keys come and go by short
 * ways of ours (dtls_ec).
 *
 * The tables are made once and never change. */
#include "media/dtls_library.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include "media/dtls_ec.h"
#include "media/dtls_prf.h"

#define PROVIDER       "nn5g-dtls"
#define ALGORITHMS_MAX 8 /* in a list that is cut down, and its end */

struct dtls_library {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *provider;
};

/* What is shown of an operation's algorithms, if not all; each must be there. */
static const struct cut {
	int operation;
	const char *names[ALGORITHMS_MAX];
	const char *property; /* of the algorithm's definition; NULL: any */
} cuts[] = {
	{OSSL_OP_KEYMGMT, {"EC", "RSA"}, NULL},
	/* Of public keys in a certificate alone; our own key is read by OpenSSL's older reader. */
	{OSSL_OP_DECODER, {"EC", "RSA"}, "input=der,structure=SubjectPublicKeyInfo"},
	{OSSL_OP_ENCODER, {NULL}, NULL},
	{OSSL_OP_STORE, {NULL}, NULL},
	{OSSL_OP_CIPHER, {"AES-128-GCM", "AES-256-GCM"}, NULL},
	{OSSL_OP_DIGEST, {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512", "MD5-SHA1"}, NULL},
	{OSSL_OP_MAC, {NULL}, NULL},
	{OSSL_OP_KDF, {"TLS1-PRF"}, NULL},
	{OSSL_OP_RAND, {"CTR-DRBG", "SEED-SRC"}, NULL},
	{OSSL_OP_KEYEXCH, {"ECDH"}, NULL},
	{OSSL_OP_KEM, {NULL}, NULL},
	{OSSL_OP_SIGNATURE, {"ECDSA", "RSA"}, NULL},
};

#define CUTS (sizeof(cuts) / sizeof(cuts[0]))

static struct {
	pthread_once_t once;
	bool is_made;
	OSSL_PROVIDER *base; /* for as long as the process lives */
	OSSL_ALGORITHM lists[CUTS][ALGORITHMS_MAX];
} window = {.once = PTHREAD_ONCE_INIT};

/* `names` is a list with colons between. */
static bool is_named(const char *names, const char *name)
{
	size_t len = strlen(name);
	return strncmp(names, name, len) == 0 && (names[len] == '\0' || names[len] == ':');
}

static bool is_shown(const struct cut *cut, const OSSL_ALGORITHM *algorithm)
{
	if (cut->property && !strstr(algorithm->property_definition, cut->property))
		return false;
	for (unsigned int i = 0; cut->names[i]; i++) {
		if (is_named(algorithm->algorithm_names, cut->names[i]))
			return true;
	}
	return false;
}

static bool list_make(const struct cut *cut, OSSL_ALGORITHM list[ALGORITHMS_MAX])
{
	int no_cache;
	unsigned int n = 0, wanted = 0;
	while (cut->names[wanted])
		wanted++;
	const OSSL_ALGORITHM *at =
		OSSL_PROVIDER_query_operation(window.base, cut->operation, &no_cache);
	for (; at && at->algorithm_names; at++) {
		if (!is_shown(cut, at))
			continue;
		if (n == wanted)
			return false;
		list[n++] = *at;
	}
	return n == wanted;
}

/* The algorithm of a list that is cut down; NULL: it has none of this name. */
static OSSL_ALGORITHM *algorithm_of(int operation, const char *name)
{
	for (size_t i = 0; i < CUTS; i++) {
		for (OSSL_ALGORITHM *at = window.lists[i]; at->algorithm_names; at++) {
			if (cuts[i].operation == operation && is_named(at->algorithm_names, name))
				return at;
		}
	}
	return NULL;
}

static bool lists_make(void)
{
	for (size_t i = 0; i < CUTS; i++) {
		if (!list_make(&cuts[i], window.lists[i]))
			return false;
	}
	algorithm_of(OSSL_OP_KDF, "TLS1-PRF")->implementation = dtls_prf_functions();
	return dtls_ec_make(algorithm_of(OSSL_OP_KEYMGMT, "EC"),
			    algorithm_of(OSSL_OP_DECODER, "EC"),
			    OSSL_PROVIDER_get0_provider_ctx(window.base));
}

/* The default provider stays a fallback for the rest of the process. */
static void window_make(void)
{
	window.base = OSSL_PROVIDER_try_load(NULL, "default", 1);
	window.is_made = window.base && lists_make();
}

static const OSSL_ALGORITHM *on_query(void *context, int operation, int *no_cache)
{
	(void)context;
	*no_cache = 0;
	for (size_t i = 0; i < CUTS; i++) {
		if (cuts[i].operation == operation)
			return window.lists[i];
	}
	return OSSL_PROVIDER_query_operation(window.base, operation, no_cache);
}

static int on_capabilities(void *context, const char *capability, OSSL_CALLBACK *callback,
			   void *argument)
{
	(void)context;
	return OSSL_PROVIDER_get_capabilities(window.base, capability, callback, argument);
}

/* The algorithms get the context that they were written for. */
static int on_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		   void **context)
{
	static const OSSL_DISPATCH functions[] = {
		{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))on_query},
		{OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (void (*)(void))on_capabilities},
		{0, NULL},
	};
	(void)core;
	if (!dtls_ec_take_core(in))
		return 0;
	*out = functions;
	*context = OSSL_PROVIDER_get0_provider_ctx(window.base);
	return 1;
}

struct dtls_library *dtls_library_create(void)
{
	struct dtls_library *library = calloc(1, sizeof(*library));
	pthread_once(&window.once, window_make);
	if (!library || !window.is_made) {
		free(library);
		return NULL;
	}
	library->context = OSSL_LIB_CTX_new();
	if (library->context && OSSL_PROVIDER_add_builtin(library->context, PROVIDER, on_init))
		library->provider = OSSL_PROVIDER_load(library->context, PROVIDER);
	if (library->provider)
		return library;
	dtls_library_destroy(library);
	return NULL;
}

void dtls_library_destroy(struct dtls_library *library)
{
	if (!library)
		return;
	OSSL_PROVIDER_unload(library->provider);
	OSSL_LIB_CTX_free(library->context);
	free(library);
}

OSSL_LIB_CTX *dtls_library_context(const struct dtls_library *library)
{
	return library->context;
}
