/* The keys themselves, and all that is computed with them, stay the default provider's: what is
 * here stands before its functions and knows them by OpenSSL's provider interface alone.
 *
 * Making P-256 from its name takes OpenSSL 3.0 longer than making a key on it, and it does so for
 * each handshake's own key and for each peer's certificate. A key that is made once, with nothing
 * in it but the curve, is copied instead. And a certificate's key on P-256 is 91 bytes of which 65
 * are not always the same, so those need no ASN.1 templates; every other key goes the long way.
 *
 * Tables and the key are made once and never change. */
#include "media/dtls_ec.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#define FUNCTIONS_MAX 64 /* of an algorithm, and their end */
#define POINT_BYTES   65 /* uncompressed: 4, x, y */

static char curve[] = "prime256v1"; /* P-256; OSSL_PARAM takes no const */
static char key_type[] = "EC";

/* SubjectPublicKeyInfo of id-ecPublicKey on prime256v1 (RFC 5480 2), up to the point. */
static const uint8_t info_head[] = {
	0x30, 0x59, 0x30, 0x13,                               /* SEQUENCE, AlgorithmIdentifier */
	0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, /* id-ecPublicKey */
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, /* prime256v1 */
	0x03, 0x42, 0x00,                                           /* BIT STRING, whole bytes */
	0x04,                                                       /* the point is uncompressed */
};

#define INFO_BYTES (sizeof(info_head) - 1 + POINT_BYTES)

/* How our decoder hands a key over to our key management. OpenSSL's decoders, which others than
 * P-256 come from, have a pointer alone for it. */
struct reference {
	void *key; /* NULL once taken */
	const void *made_by;
};

static struct {
	OSSL_DISPATCH key_functions[FUNCTIONS_MAX], decoder_functions[FUNCTIONS_MAX];
	void *on_p256; /* a key of which only the curve is there */

	/* The default provider's. */
	OSSL_FUNC_keymgmt_gen_set_template_fn *gen_set_template;
	OSSL_FUNC_keymgmt_gen_set_params_fn *gen_set_params;
	OSSL_FUNC_keymgmt_dup_fn *dup;
	OSSL_FUNC_keymgmt_free_fn *free;
	OSSL_FUNC_keymgmt_load_fn *load;
	OSSL_FUNC_keymgmt_set_params_fn *set_params;
	OSSL_FUNC_keymgmt_validate_fn *validate;
	OSSL_FUNC_decoder_decode_fn *decode;

	/* The core's, the same for every library context: set by the first. */
	OSSL_FUNC_BIO_read_ex_fn *bio_read;
	OSSL_FUNC_BIO_ctrl_fn *bio_ctrl;
} ec;

/* A public key is valid when it is a point of the curve and not the point at infinity: the curves
 * here have prime order (cofactor 1), so every such point generates the group, and multiplying it
 * by the order, as OpenSSL would, only shows that again (NIST SP 800-56A rev. 3, 5.6.2.3.4 against
 * 5.6.2.3.3). That would cost as much as the exchange itself. */
static int on_validate(const void *key, int selection, int check)
{
	(void)check;
	return ec.validate(key, selection, OSSL_KEYMGMT_VALIDATE_QUICK_CHECK);
}

static int on_gen_set_params(void *generation, const OSSL_PARAM params[])
{
	const OSSL_PARAM *group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
	if (group && params[1].key == NULL && group->data_type == OSSL_PARAM_UTF8_STRING &&
	    group->data_size == strlen(curve) && memcmp(group->data, curve, group->data_size) == 0)
		return ec.gen_set_template(generation, ec.on_p256);
	return ec.gen_set_params(generation, params);
}

static void *on_load(const void *data, size_t size)
{
	struct reference *reference = (struct reference *)(uintptr_t)data;
	if (size != sizeof(*reference) || reference->made_by != &ec)
		return ec.load(data, size);
	void *key = reference->key;
	reference->key = NULL;
	return key;
}

/* NULL: not a point of the curve, or no memory. */
static void *key_create(uint8_t point[POINT_BYTES])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point,
						  POINT_BYTES),
		OSSL_PARAM_construct_end(),
	};
	void *key = ec.dup(ec.on_p256, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS);
	if (key && ec.set_params(key, params) == 1)
		return key;
	ec.free(key);
	return NULL;
}

/* To come back without a key is no error. */
static int give_key(void *key, OSSL_CALLBACK *take, void *argument)
{
	int type = OSSL_OBJECT_PKEY;
	struct reference reference = {.key = key, .made_by = &ec};
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
		OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, key_type, 0),
		OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &reference,
						  sizeof(reference)),
		OSSL_PARAM_construct_end(),
	};
	if (!key)
		return 1;
	int is_taken = take(params, argument);
	ec.free(reference.key);
	return is_taken;
}

static int on_decode(void *context, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *take,
		     void *argument, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_argument)
{
	uint8_t info[INFO_BYTES + 1]; /* one more would show that something follows */
	size_t size = 0;
	int start = ec.bio_ctrl(in, BIO_C_FILE_TELL, 0, NULL);
	if (start >= 0 && ec.bio_read(in, info, sizeof(info), &size) && size == INFO_BYTES &&
	    memcmp(info, info_head, sizeof(info_head)) == 0)
		return give_key(key_create(info + INFO_BYTES - POINT_BYTES), take, argument);
	if (start >= 0 && ec.bio_ctrl(in, BIO_C_FILE_SEEK, start, NULL) < 0)
		return 0;
	return ec.decode(context, in, selection, take, argument, ask, ask_argument);
}

/* The entry of a function, or the table's end, which has none. */
static const OSSL_DISPATCH *entry_of(const OSSL_DISPATCH *table, int id)
{
	while (table->function_id && table->function_id != id)
		table++;
	return table;
}

/* A copy of a table in which ours replace functions of the same numbers. */
static bool table_make(OSSL_DISPATCH to[FUNCTIONS_MAX], const OSSL_DISPATCH *from,
		       const OSSL_DISPATCH *ours)
{
	for (unsigned int n = 0; from[n].function_id; n++) {
		const OSSL_DISPATCH *own = entry_of(ours, from[n].function_id);
		if (n + 1 == FUNCTIONS_MAX)
			return false;
		to[n] = own->function ? *own : from[n];
	}
	return true;
}

static bool keys_make(OSSL_ALGORITHM *keys)
{
	static const OSSL_DISPATCH ours[] = {
		{OSSL_FUNC_KEYMGMT_VALIDATE, (void (*)(void))on_validate},
		{OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, (void (*)(void))on_gen_set_params},
		{OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))on_load},
		{0, NULL},
	};
	const OSSL_DISPATCH *from = keys->implementation;

	ec.gen_set_template = OSSL_FUNC_keymgmt_gen_set_template(
		entry_of(from, OSSL_FUNC_KEYMGMT_GEN_SET_TEMPLATE));
	ec.gen_set_params =
		OSSL_FUNC_keymgmt_gen_set_params(entry_of(from, OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS));
	ec.dup = OSSL_FUNC_keymgmt_dup(entry_of(from, OSSL_FUNC_KEYMGMT_DUP));
	ec.free = OSSL_FUNC_keymgmt_free(entry_of(from, OSSL_FUNC_KEYMGMT_FREE));
	ec.load = OSSL_FUNC_keymgmt_load(entry_of(from, OSSL_FUNC_KEYMGMT_LOAD));
	ec.set_params = OSSL_FUNC_keymgmt_set_params(entry_of(from, OSSL_FUNC_KEYMGMT_SET_PARAMS));
	ec.validate = OSSL_FUNC_keymgmt_validate(entry_of(from, OSSL_FUNC_KEYMGMT_VALIDATE));
	if (!ec.gen_set_template || !ec.gen_set_params || !ec.dup || !ec.free || !ec.load ||
	    !ec.set_params || !ec.validate || !table_make(ec.key_functions, from, ours))
		return false;
	keys->implementation = ec.key_functions;
	return true;
}

static bool decoder_make(OSSL_ALGORITHM *decoder)
{
	static const OSSL_DISPATCH ours[] = {
		{OSSL_FUNC_DECODER_DECODE, (void (*)(void))on_decode},
		{0, NULL},
	};
	const OSSL_DISPATCH *from = decoder->implementation;

	ec.decode = OSSL_FUNC_decoder_decode(entry_of(from, OSSL_FUNC_DECODER_DECODE));
	if (!ec.decode || !table_make(ec.decoder_functions, from, ours))
		return false;
	decoder->implementation = ec.decoder_functions;
	return true;
}

/* By the default provider's own functions. */
static void *curve_make(const OSSL_DISPATCH *of, void *provider_context)
{
	OSSL_FUNC_keymgmt_gen_init_fn *init =
		OSSL_FUNC_keymgmt_gen_init(entry_of(of, OSSL_FUNC_KEYMGMT_GEN_INIT));
	OSSL_FUNC_keymgmt_gen_fn *generate =
		OSSL_FUNC_keymgmt_gen(entry_of(of, OSSL_FUNC_KEYMGMT_GEN));
	OSSL_FUNC_keymgmt_gen_cleanup_fn *cleanup =
		OSSL_FUNC_keymgmt_gen_cleanup(entry_of(of, OSSL_FUNC_KEYMGMT_GEN_CLEANUP));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
		OSSL_PARAM_construct_end(),
	};

	if (!init || !generate || !cleanup)
		return NULL;
	void *generation = init(provider_context, OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS, params);
	void *key = generation ? generate(generation, NULL, NULL) : NULL;
	if (generation)
		cleanup(generation);
	return key;
}

bool dtls_ec_make(OSSL_ALGORITHM *keys, OSSL_ALGORITHM *decoder, void *provider_context)
{
	ec.on_p256 = curve_make(keys->implementation, provider_context);
	return ec.on_p256 && keys_make(keys) && decoder_make(decoder);
}

bool dtls_ec_take_core(const OSSL_DISPATCH *core)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	if (!ec.bio_read)
		ec.bio_read = OSSL_FUNC_BIO_read_ex(entry_of(core, OSSL_FUNC_BIO_READ_EX));
	if (!ec.bio_ctrl)
		ec.bio_ctrl = OSSL_FUNC_BIO_ctrl(entry_of(core, OSSL_FUNC_BIO_CTRL));
	bool has_both = ec.bio_read && ec.bio_ctrl;
	pthread_mutex_unlock(&lock);
	return has_both;
}
