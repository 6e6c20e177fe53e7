/* Keys as the library reads and makes them, against OpenSSL on its own: for P-256, which has short
 * ways of ours, and for others, which have not. THREADED: all copy one key that has the curve. */
#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "media/dtls_library.h"
#include "tests/cunit.h"

#define INFO_BYTES  91 /* a P-256 SubjectPublicKeyInfo */
#define POINT_BYTES 65
#define THREADS     4
#define ROUNDS      50

static struct dtls_library *library;

static int init(void)
{
	library = dtls_library_create();
	return library ? 0 : -1;
}

static int cleanup(void)
{
	dtls_library_destroy(library);
	return 0;
}

/* NULL: not a key. */
static EVP_PKEY *key_read(const unsigned char *info, size_t size)
{
	EVP_PKEY *key = d2i_PUBKEY_ex(NULL, &info, (long)size, dtls_library_context(library), NULL);
	ERR_clear_error();
	return key;
}

/* The info of a new P-256 key. */
static void info_make(unsigned char info[INFO_BYTES])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	CU_ASSERT_FATAL(i2d_PUBKEY(key, NULL) == INFO_BYTES);
	CU_ASSERT_FATAL(i2d_PUBKEY(key, &info) == INFO_BYTES);
	EVP_PKEY_free(key);
}

/* The point, uncompressed; 0: the key has none. */
static size_t point_of(const EVP_PKEY *key, unsigned char *point, size_t room)
{
	size_t size = 0;
	return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, room, &size) ==
			       1
		       ? size
		       : 0;
}

static void reads_p256(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		unsigned char info[INFO_BYTES], point[POINT_BYTES];
		char group[32];
		info_make(info);
		EVP_PKEY *key = key_read(info, sizeof(info));
		CU_ASSERT_PTR_NOT_NULL_FATAL(key);
		CU_ASSERT_EQUAL(EVP_PKEY_is_a(key, "EC"), 1);
		CU_ASSERT_EQUAL(EVP_PKEY_get_bits(key), 256);
		CU_ASSERT_EQUAL(EVP_PKEY_get_group_name(key, group, sizeof(group), NULL), 1);
		CU_ASSERT_STRING_EQUAL(group, "prime256v1");
		CU_ASSERT_EQUAL(point_of(key, point, sizeof(point)), POINT_BYTES);
		CU_ASSERT_EQUAL(memcmp(point, info + INFO_BYTES - POINT_BYTES, POINT_BYTES), 0);
		EVP_PKEY_free(key);
	}
}

static void reads_what_has_no_short_way(void)
{
	static const char *const curves[] = {"P-384", "P-521", "secp256k1"};
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		unsigned char *info = NULL, expected[256], got[256];
		EVP_PKEY *theirs = EVP_EC_gen(curves[i]);
		int size = i2d_PUBKEY(theirs, &info);
		EVP_PKEY *ours = key_read(info, (size_t)size);
		CU_ASSERT_PTR_NOT_NULL_FATAL(ours);
		size_t bytes = point_of(theirs, expected, sizeof(expected));
		CU_ASSERT_FATAL(bytes > 0);
		CU_ASSERT_EQUAL(point_of(ours, got, sizeof(got)), bytes);
		CU_ASSERT_EQUAL(memcmp(expected, got, bytes), 0);
		EVP_PKEY_free(ours);
		EVP_PKEY_free(theirs);
		OPENSSL_free(info);
	}
}

static void reads_rsa(void)
{
	unsigned char *info = NULL;
	EVP_PKEY *theirs = EVP_RSA_gen(2048);
	int size = i2d_PUBKEY(theirs, &info);
	EVP_PKEY *ours = key_read(info, (size_t)size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(ours);
	CU_ASSERT_EQUAL(EVP_PKEY_is_a(ours, "RSA"), 1);
	CU_ASSERT_EQUAL(EVP_PKEY_get_bits(ours), 2048);
	EVP_PKEY_free(ours);
	EVP_PKEY_free(theirs);
	OPENSSL_free(info);
}

static void refuses_points_off_the_curve(void)
{
	unsigned char info[INFO_BYTES], *point = info + INFO_BYTES - POINT_BYTES;
	info_make(info);
	point[POINT_BYTES - 1] ^= 1;
	CU_ASSERT_PTR_NULL(key_read(info, sizeof(info)));
	memset(point + 1, 0, POINT_BYTES - 1);
	CU_ASSERT_PTR_NULL(key_read(info, sizeof(info)));
	memset(point + 1, 0xff, POINT_BYTES - 1);
	CU_ASSERT_PTR_NULL(key_read(info, sizeof(info)));
}

/* The head says what kind of key it is and how long: no byte of it may be another. */
static void refuses_other_heads(void)
{
	unsigned char info[INFO_BYTES];
	info_make(info);
	for (size_t i = 0; i < INFO_BYTES - POINT_BYTES; i++) {
		info[i] ^= 0x20;
		EVP_PKEY *key = key_read(info, sizeof(info));
		CU_ASSERT_PTR_NULL(key);
		EVP_PKEY_free(key);
		info[i] ^= 0x20;
	}
	for (size_t size = 0; size < INFO_BYTES; size++)
		CU_ASSERT_PTR_NULL(key_read(info, size));
}

static EVP_PKEY *key_generate(const char *group)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context =
		EVP_PKEY_CTX_new_from_name(dtls_library_context(library), "EC", NULL);
	CU_ASSERT_FATAL(context && EVP_PKEY_keygen_init(context) == 1);
	CU_ASSERT_EQUAL(EVP_PKEY_CTX_set_group_name(context, group), 1);
	CU_ASSERT_EQUAL(EVP_PKEY_generate(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

/* What is copied from must stay a curve alone. */
static void generated_keys_are_new_each_time(void)
{
	static const char *const groups[] = {"prime256v1", "P-256", "P-384"};
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		unsigned char first[128], second[128];
		EVP_PKEY *one = key_generate(groups[i]), *other = key_generate(groups[i]);
		size_t bytes = point_of(one, first, sizeof(first));
		CU_ASSERT_EQUAL(bytes, i < 2 ? 65 : 97);
		CU_ASSERT_EQUAL(point_of(other, second, sizeof(second)), bytes);
		CU_ASSERT_NOT_EQUAL(memcmp(first, second, bytes), 0);
		EVP_PKEY_free(one);
		EVP_PKEY_free(other);
	}
}

static void *read_and_generate(void *argument)
{
	const unsigned char *info = argument;
	uintptr_t faults = 0;
	for (int i = 0; i < ROUNDS; i++) {
		EVP_PKEY *read = key_read(info, INFO_BYTES);
		EVP_PKEY *made =
			EVP_PKEY_Q_keygen(dtls_library_context(library), NULL, "EC", "prime256v1");
		faults += !read || !made || EVP_PKEY_eq(read, made) == 1;
		EVP_PKEY_free(read);
		EVP_PKEY_free(made);
	}
	return (void *)faults;
}

static void threads_do_not_disturb_each_other(void)
{
	pthread_t threads[THREADS];
	unsigned char info[INFO_BYTES];
	info_make(info);
	for (int i = 0; i < THREADS; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, read_and_generate, info) == 0);
	for (int i = 0; i < THREADS; i++) {
		void *faults;
		pthread_join(threads[i], &faults);
		CU_ASSERT_PTR_NULL(faults);
	}
}

static CU_TestInfo tests[] = {
	{"reads_p256", reads_p256},
	{"reads_what_has_no_short_way", reads_what_has_no_short_way},
	{"reads_rsa", reads_rsa},
	{"refuses_points_off_the_curve", refuses_points_off_the_curve},
	{"refuses_other_heads", refuses_other_heads},
	{"generated_keys_are_new_each_time", generated_keys_are_new_each_time},
	{"threads_do_not_disturb_each_other", threads_do_not_disturb_each_other},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("dtls_ec", tests, init, cleanup)
