/* A provider that is a window on OpenSSL's own default provider.
 *
 * To read the public key of a certificate, OpenSSL 3.0 asks each decoder and each kind of key that
 * its providers have whether it fits, and does so anew for every certificate: with the 60 of the
 * default provider that takes as long as two signatures. This window shows those two lists cut down
 * to what a WebRTC peer may have; everything else (ciphers, hashes, signatures, random numbers) is
 * passed on, and the algorithms themselves stay OpenSSL's, in the default provider's context.
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

#define PROVIDER       "nn5g-dtls"
#define ALGORITHMS_MAX 8  /* in a list that is cut down, and its end */
#define FUNCTIONS_MAX  64 /* of the EC keys, and their end */

struct dtls_library {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *provider;
};

static struct {
	pthread_once_t once;
	bool is_made;
	OSSL_PROVIDER *base; /* for as long as the process lives */
	OSSL_ALGORITHM keys[ALGORITHMS_MAX], decoders[ALGORITHMS_MAX];
	OSSL_DISPATCH ec_functions[FUNCTIONS_MAX];
	OSSL_FUNC_keymgmt_validate_fn *ec_validate;
} window = {.once = PTHREAD_ONCE_INIT};

/* A public key is valid when it is a point of the curve and not the point at infinity: the curves
 * here have prime order (cofactor 1), so every such point generates the group, and multiplying it
 * by the order, as OpenSSL would, only shows that again (NIST SP 800-56A rev. 3, 5.6.2.3.4 against
 * 5.6.2.3.3). That would cost as much as the exchange itself. */
static int ec_validate(const void *key, int selection, int check)
{
	(void)check;
	return window.ec_validate(key, selection, OSSL_KEYMGMT_VALIDATE_QUICK_CHECK);
}

static bool ec_functions_make(const OSSL_DISPATCH *from)
{
	unsigned int n = 0;
	for (; from[n].function_id; n++) {
		if (n + 1 == FUNCTIONS_MAX)
			return false;
		window.ec_functions[n] = from[n];
		if (from[n].function_id != OSSL_FUNC_KEYMGMT_VALIDATE)
			continue;
		window.ec_validate = OSSL_FUNC_keymgmt_validate(&from[n]);
		window.ec_functions[n].function = (void (*)(void))ec_validate;
	}
	return window.ec_validate != NULL;
}

/* `names` is a list with colons between. */
static bool is_named(const char *names, const char *name)
{
	size_t len = strlen(name);
	return strncmp(names, name, len) == 0 && (names[len] == '\0' || names[len] == ':');
}

static bool keys_make(void)
{
	static const char *const wanted[] = {"EC", "RSA", "X25519"};
	int no_cache;
	unsigned int n = 0;
	const OSSL_ALGORITHM *at =
		OSSL_PROVIDER_query_operation(window.base, OSSL_OP_KEYMGMT, &no_cache);
	for (; at && at->algorithm_names; at++) {
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
			if (!is_named(at->algorithm_names, wanted[i]) || n + 1 == ALGORITHMS_MAX)
				continue;
			window.keys[n] = *at;
			if (i == 0 && !ec_functions_make(at->implementation))
				return false;
			if (i == 0)
				window.keys[n].implementation = window.ec_functions;
			n++;
		}
	}
	return n == sizeof(wanted) / sizeof(wanted[0]);
}

/* Of public keys in a certificate alone; the key exchange has no use for them, and our own key is
 * read by OpenSSL's older reader. */
static bool decoders_make(void)
{
	static const char *const wanted[] = {"EC", "RSA"};
	int no_cache;
	unsigned int n = 0;
	const OSSL_ALGORITHM *at =
		OSSL_PROVIDER_query_operation(window.base, OSSL_OP_DECODER, &no_cache);
	for (; at && at->algorithm_names; at++) {
		if (!strstr(at->property_definition, "input=der") ||
		    !strstr(at->property_definition, "structure=SubjectPublicKeyInfo"))
			continue;
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
			if (is_named(at->algorithm_names, wanted[i]) && n + 1 < ALGORITHMS_MAX)
				window.decoders[n++] = *at;
		}
	}
	return n == sizeof(wanted) / sizeof(wanted[0]);
}

/* The default provider stays a fallback for the rest of the process. */
static void window_make(void)
{
	window.base = OSSL_PROVIDER_try_load(NULL, "default", 1);
	window.is_made = window.base && keys_make() && decoders_make();
}

static const OSSL_ALGORITHM *on_query(void *context, int operation, int *no_cache)
{
	(void)context;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return window.keys;
	case OSSL_OP_DECODER:
		return window.decoders;
	case OSSL_OP_ENCODER:
	case OSSL_OP_STORE:
		return NULL;
	default:
		return OSSL_PROVIDER_query_operation(window.base, operation, no_cache);
	}
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
	(void)in;
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
