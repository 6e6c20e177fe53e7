/* Keys: what is taken, in which form, and what is not (RFC 7517, 8037, 8725). */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jwt.h"
#include "tests/conf/signers.h"

#define BYTES_MAX 8192

static void keys_that_do_not_fit_are_refused(void)
{
	struct jwt_key *key = NULL;
	for (int cell = 0; cell < JWT_ALGORITHMS * JWT_ALGORITHMS; cell++) {
		int pair = cell % 3, algorithm = cell / 3;
		if (pair == algorithm)
			continue;
		CU_ASSERT_EQUAL(jwt_key_import("", (enum jwt_algorithm)algorithm,
					       signers[pair].public_pem,
					       strlen(signers[pair].public_pem), &key),
				-EINVAL);
	}
	static const struct {
		enum jwt_algorithm algorithm;
		const char *type, *detail;
	} rows[] = {
		{JWT_ES256, "EC", "P-384"},
		{JWT_ES256, "EC", "secp256k1"},
		{JWT_EDDSA, "ED448", NULL},
		{JWT_EDDSA, "X25519", NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type, rows[i].detail);
		char *pem = forge_pem(pair, 0);
		CU_ASSERT_EQUAL(jwt_key_import("", rows[i].algorithm, pem, strlen(pem), &key),
				-EINVAL);
		free(pem);
		EVP_PKEY_free(pair);
	}
	EVP_PKEY *weak = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	char *pem = forge_pem(weak, 0);
	CU_ASSERT_EQUAL(jwt_key_import("", JWT_RS256, pem, strlen(pem), &key), -EINVAL);
	free(pem);
	EVP_PKEY_free(weak);
	CU_ASSERT_PTR_NULL(key);
}

static void texts_that_are_no_key_are_refused(void)
{
	static const char *const texts[] = {
		"",
		" ",
		"{",
		"{}",
		"[]",
		"hello",
		"-----BEGIN PUBLIC KEY-----",
		"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":7}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x5u\":\"https://127.0.0.1:1/k\"}",
		("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_"
		 "9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}"),
	};
	struct jwt_key *key = NULL;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_EQUAL(jwt_key_import("", JWT_EDDSA, texts[i], strlen(texts[i]), &key),
				-EINVAL);
	CU_ASSERT_EQUAL(jwt_key_import("", JWT_EDDSA, "a\0b", 3, &key), -EINVAL);
	char long_id[JWT_ID_MAX + 2];
	memset(long_id, 'k', sizeof(long_id) - 1);
	long_id[sizeof(long_id) - 1] = '\0';
	const char *pem = signers[JWT_EDDSA].public_pem;
	CU_ASSERT_EQUAL(jwt_key_import(long_id, JWT_EDDSA, pem, strlen(pem), &key), -EINVAL);
	CU_ASSERT_PTR_NULL(key);
}

/* RFC 8037, appendix A: the JWK forms of one Ed25519 key. */
static void jwk_forms_are_read(void)
{
	static const char private_jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
					  "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
					  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
	static const char public_jwk[] =
		" {\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\","
		"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
	struct jwt_key *signing, *verifying;
	CU_ASSERT_EQUAL_FATAL(
		jwt_key_import("a", JWT_EDDSA, private_jwk, strlen(private_jwk), &signing), 0);
	CU_ASSERT_EQUAL_FATAL(
		jwt_key_import("a", JWT_EDDSA, public_jwk, strlen(public_jwk), &verifying), 0);
	CU_ASSERT_TRUE(jwt_key_is_private(signing));
	CU_ASSERT_FALSE(jwt_key_is_private(verifying));
	struct jwt_claims claims = {.tenant = "t"}, read;
	char *token = jwt_sign(signing, &claims);
	CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, verifying, NULL, &read), 0);
	CU_ASSERT_PTR_NULL(jwt_sign(verifying, &claims));
	struct jwt_key *wrong = NULL;
	static const char other_alg[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"ES256\","
					"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
	CU_ASSERT_EQUAL(jwt_key_import("a", JWT_EDDSA, other_alg, strlen(other_alg), &wrong),
			-EINVAL);
	free(token);
	jwt_key_destroy(signing);
	jwt_key_destroy(verifying);
}

static void keys_go_through_pem(void)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		enum jwt_algorithm algorithm = (enum jwt_algorithm)i;
		char *openssl_private = forge_pem(signers[i].pair, 1);
		struct jwt_key *key, *again;
		CU_ASSERT_EQUAL_FATAL(jwt_key_import("x", algorithm, openssl_private,
						     strlen(openssl_private), &key),
				      0);
		char *private_pem = jwt_key_export(key, true);
		char *public_pem = jwt_key_export(key, false);
		CU_ASSERT_PTR_NOT_NULL_FATAL(private_pem);
		CU_ASSERT_PTR_NOT_NULL(strstr(private_pem, "PRIVATE KEY"));
		CU_ASSERT_STRING_EQUAL(public_pem, signers[i].public_pem);
		CU_ASSERT_EQUAL_FATAL(
			jwt_key_import("x", algorithm, private_pem, strlen(private_pem), &again),
			0);
		struct jwt_claims claims = {.tenant = "t"};
		char *token = jwt_sign(again, &claims);
		CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, signers[i].key, NULL, &claims), 0);
		char *public_only = jwt_key_export(signers[i].key, true);
		CU_ASSERT_STRING_EQUAL(public_only, public_pem);
		free(public_only);
		free(token);
		free(public_pem);
		free(private_pem);
		free(openssl_private);
		jwt_key_destroy(again);
		jwt_key_destroy(key);
	}
}

/* An ES256 signature number is short once in 128 tokens or so: it must be padded, not shifted. */
static void es256_numbers_keep_their_width(void)
{
	struct jwt_key *key;
	CU_ASSERT_EQUAL_FATAL(jwt_key_generate("", JWT_ES256, &key), 0);
	for (int i = 0; i < 600; i++) {
		struct jwt_claims claims = {.tenant = "t", .issued_at = i + 1};
		char *token = jwt_sign(key, &claims);
		CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, key, NULL, &claims), 0);
		CU_ASSERT_EQUAL(strlen(strrchr(token, '.')), 1 + 86);
		free(token);
	}
	jwt_key_destroy(key);
}

/* A leading zero byte in a key comes once in 256: it must survive every form. */
static void generated_keys_always_go_through_pem(void)
{
	for (int i = 0; i < 600; i++) {
		struct jwt_key *key, *again = NULL;
		CU_ASSERT_EQUAL_FATAL(jwt_key_generate("", JWT_EDDSA, &key), 0);
		char *pem = jwt_key_export(key, true);
		CU_ASSERT_PTR_NOT_NULL_FATAL(pem);
		CU_ASSERT_EQUAL(jwt_key_import("", JWT_EDDSA, pem, strlen(pem), &again), 0);
		free(pem);
		jwt_key_destroy(again);
		jwt_key_destroy(key);
	}
}

static void algorithm_names_go_both_ways(void)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++)
		CU_ASSERT_EQUAL(jwt_algorithm_by_name(jwt_algorithm_name((enum jwt_algorithm)i)),
				i);
	CU_ASSERT_EQUAL(jwt_algorithm_by_name("none"), -1);
	CU_ASSERT_EQUAL(jwt_algorithm_by_name("HS256"), -1);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(keys_that_do_not_fit_are_refused),
	ROW(texts_that_are_no_key_are_refused),
	ROW(jwk_forms_are_read),
	ROW(keys_go_through_pem),
	ROW(es256_numbers_keep_their_width),
	ROW(generated_keys_always_go_through_pem),
	ROW(algorithm_names_go_both_ways),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("jwt_key", tests, signers_make, signers_free)
