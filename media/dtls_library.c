/* A provider that is a window on OpenSSL's own default provider.
 *
 * To read the public key of a certificate, OpenSSL 3.0 asks each decoder and each kind of key that
 * its providers have whether it fits, and looks through every algorithm that it has met so far to
 * find those, anew for each certificate: with all of the default provider's that takes as long as
 * three signatures. This window shows what a DTLS-SRTP handshake has a use for. The algorithms
 * themselves stay OpenSSL's, in the default provider's context, which also gives the random
 * numbers; the pseudorandom function alone is our own (dtls_prf).
 *
 * The tables are made once and never change. */
#include "media/dtls_library.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "media/dtls_prf.h"

#define PROVIDER       "nn5g-dtls"
#define ALGORITHMS_MAX 8  /* in a list that is cut down, and its end */
#define FUNCTIONS_MAX  64 /* of the EC keys, and their end */

static char curve[] = "prime256v1"; /* P-256; OSSL_PARAM takes no const */

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
	{OSSL_OP_MAC, {"HMAC"}, NULL},
	{OSSL_OP_KDF, {"TLS1-PRF"}, NULL},
};

#define CUTS (sizeof(cuts) / sizeof(cuts[0]))

static struct {
	pthread_once_t once;
	bool is_made;
	OSSL_PROVIDER *base; /* for as long as the process lives */
	OSSL_ALGORITHM lists[CUTS][ALGORITHMS_MAX];
	OSSL_DISPATCH ec_functions[FUNCTIONS_MAX];
	OSSL_FUNC_keymgmt_validate_fn *ec_validate;
	OSSL_FUNC_keymgmt_gen_set_params_fn *ec_gen_set_params;
	OSSL_FUNC_keymgmt_gen_set_template_fn *ec_gen_set_template;
	void *ec_template; /* a P-256 key of the base's, for its curve */
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

/* Making a curve from its name is as long as making a key on it: P-256 is copied. */
static int ec_gen_set_params(void *generation, const OSSL_PARAM params[])
{
	const OSSL_PARAM *group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
	if (window.ec_template && group && params[1].key == NULL &&
	    group->data_type == OSSL_PARAM_UTF8_STRING && group->data_size == strlen(curve) &&
	    memcmp(group->data, curve, group->data_size) == 0)
		return window.ec_gen_set_template(generation, window.ec_template);
	return window.ec_gen_set_params(generation, params);
}

static bool ec_functions_make(const OSSL_DISPATCH *from)
{
	unsigned int n = 0;
	for (; from[n].function_id; n++) {
		OSSL_DISPATCH *to = &window.ec_functions[n];
		if (n + 1 == FUNCTIONS_MAX)
			return false;
		*to = from[n];
		switch (to->function_id) {
		case OSSL_FUNC_KEYMGMT_VALIDATE:
			window.ec_validate = OSSL_FUNC_keymgmt_validate(to);
			to->function = (void (*)(void))ec_validate;
			break;
		case OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE:
			window.ec_gen_set_template = OSSL_FUNC_keymgmt_gen_set_template(to);
			break;
		case OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS:
			window.ec_gen_set_params = OSSL_FUNC_keymgmt_gen_set_params(to);
			to->function = (void (*)(void))ec_gen_set_params;
			break;
		}
	}
	return window.ec_validate && window.ec_gen_set_params && window.ec_gen_set_template;
}

/* A key on P-256 by the base's functions. */
static void *ec_template_make(const OSSL_DISPATCH *of)
{
	OSSL_FUNC_keymgmt_gen_init_fn *init = NULL;
	OSSL_FUNC_keymgmt_gen_fn *generate = NULL;
	OSSL_FUNC_keymgmt_gen_cleanup_fn *cleanup = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
		OSSL_PARAM_construct_end(),
	};
	for (; of->function_id; of++) {
		if (of->function_id == OSSL_FUNC_KEYMGMT_GEN_INIT)
			init = OSSL_FUNC_keymgmt_gen_init(of);
		else if (of->function_id == OSSL_FUNC_KEYMGMT_GEN)
			generate = OSSL_FUNC_keymgmt_gen(of);
		else if (of->function_id == OSSL_FUNC_KEYMGMT_GEN_CLEANUP)
			cleanup = OSSL_FUNC_keymgmt_gen_cleanup(of);
	}
	if (!init || !generate || !cleanup)
		return NULL;
	void *generation = init(OSSL_PROVIDER_get0_provider_ctx(window.base),
				OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, params);
	void *key = generation ? generate(generation, NULL, NULL) : NULL;
	if (generation)
		cleanup(generation);
	return key;
}

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

static bool lists_make(void)
{
	for (size_t i = 0; i < CUTS; i++) {
		if (!list_make(&cuts[i], window.lists[i]))
			return false;
		for (OSSL_ALGORITHM *at = window.lists[i]; at->algorithm_names; at++) {
			if (cuts[i].operation == OSSL_OP_KDF)
				at->implementation = dtls_prf_functions();
			if (cuts[i].operation != OSSL_OP_KEYMGMT ||
			    !is_named(at->algorithm_names, "EC"))
				continue;
			if (!ec_functions_make(at->implementation))
				return false;
			window.ec_template = ec_template_make(at->implementation);
			at->implementation = window.ec_functions;
		}
	}
	return window.ec_validate != NULL;
}

/* The default provider stays a fallback for the rest of the process. */
static void window_make(void)
{
	window.base = OSSL_PROVIDER_try_load(NULL, "default", 1);
	window.is_made = window.base && lists_make() && window.ec_template;
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
