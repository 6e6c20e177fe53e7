/* Tokens of our own, tokens of an independent maker (OpenSSL), the examples of RFC 7515, and the
 * tokens that broke others (RFC 8725). THREADED: keys are shared by threads. */
#include "tests/cunit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/jwt.h"
#include "tests/conf/signers.h"

#define BYTES_MAX 8192

/* Outcome of reading a token OpenSSL signs with its Ed25519 key. */
static int read_forged(const char *header, const char *body, struct jwt_claims *claims)
{
	char *token = forge_token(header, body, signers[JWT_EDDSA].pair, NULL);
	int rc = jwt_read(token, BYTES_MAX, signers[JWT_EDDSA].key, "nn5g", claims);
	struct jwt_hint hint;
	int peeked = jwt_peek(token, BYTES_MAX, &hint);
	CU_ASSERT_EQUAL(peeked, rc == -EBADMSG ? -EBADMSG : 0);
	free(token);
	return rc;
}

static const char plain_header[] = "{\"alg\":\"EdDSA\"}";

static void own_tokens_go_round(void)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		struct jwt_key *key;
		CU_ASSERT_EQUAL_FATAL(jwt_key_generate("kid-1", (enum jwt_algorithm)i, &key), 0);
		CU_ASSERT_TRUE(jwt_key_is_private(key));
		struct jwt_claims in = {.issuer = "acme",
					.subject = "u1",
					.audience = "nn5g",
					.tenant = "acme",
					.stream = "*",
					.scope = "publish play",
					.id = "one",
					.expires_at = 4000000000,
					.not_before = 5,
					.issued_at = 6};
		char *token = jwt_sign(key, &in);
		CU_ASSERT_PTR_NOT_NULL_FATAL(token);
		struct jwt_hint hint;
		CU_ASSERT_EQUAL(jwt_peek(token, BYTES_MAX, &hint), 0);
		CU_ASSERT_EQUAL(hint.algorithm, (enum jwt_algorithm)i);
		CU_ASSERT_STRING_EQUAL(hint.key_id, "kid-1");
		CU_ASSERT_STRING_EQUAL(hint.tenant, "acme");
		struct jwt_claims out;
		memset(&out, 0x5a, sizeof(out));
		CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, key, "nn5g", &out), 0);
		CU_ASSERT_EQUAL(memcmp(&in, &out, sizeof(in)), 0);
		free(token);
		jwt_key_destroy(key);
	}
}

static void foreign_tokens_are_accepted(void)
{
	static const char body[] =
		"{\"tenant\":\"acme\",\"exp\":4000000000,\"extra\":[1,{\"a\":2}]}";
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		char header[64];
		snprintf(header, sizeof(header), "{\"typ\":\"JWT\",\"alg\":\"%s\",\"kid\":\"k1\"}",
			 jwt_algorithm_name((enum jwt_algorithm)i));
		char *token = forge_token(header, body, signers[i].pair, NULL);
		struct jwt_claims claims;
		CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, signers[i].key, "nn5g", &claims), 0);
		CU_ASSERT_STRING_EQUAL(claims.tenant, "acme");
		CU_ASSERT_EQUAL(claims.expires_at, 4000000000);
		CU_ASSERT_STRING_EQUAL(claims.id, "");
		CU_ASSERT_EQUAL(claims.not_before, 0);
		free(token);
	}
}

/* What OpenSSL verifies of a token of ours: the other direction. */
static void openssl_accepts_own_tokens(void)
{
	struct jwt_key *key;
	CU_ASSERT_EQUAL_FATAL(jwt_key_generate("", JWT_EDDSA, &key), 0);
	char *pem = jwt_key_export(key, false);
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *public_half = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(public_half);
	struct jwt_claims claims = {.tenant = "t"};
	char *token = jwt_sign(key, &claims);
	char *dot = strrchr(token, '.');
	unsigned char signature[80];
	char padded[100];
	snprintf(padded, sizeof(padded), "%s==", dot + 1);
	for (char *c = padded; *c; c++)
		*c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
	CU_ASSERT_EQUAL(EVP_DecodeBlock(signature, (unsigned char *)padded, 88), 66);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_half);
	CU_ASSERT_EQUAL(EVP_DigestVerify(context, signature, 64, (unsigned char *)token,
					 (size_t)(dot - token)),
			1);
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(public_half);
	BIO_free(bio);
	free(token);
	free(pem);
	jwt_key_destroy(key);
}

/* RFC 7515, A.2 and A.3. */
static void rfc7515_examples_verify(void)
{
	static const struct {
		enum jwt_algorithm algorithm;
		const char *jwk, *token;
	} rows[] = {
		{JWT_RS256,
		 "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
		 "wWJcyQoTbji9k0l8W26mPddxHmf"
		 "HQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_"
		 "YpRPEwOWvG6b32690r2jZ47soM"
		 "Zo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
		 "UTo7WTBEMa2R2CapHg665xsmtd"
		 "VMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
		 "h9iaGNj8q2ethFkMLs91"
		 "kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
		 "eyJhbGciOiJSUzI1NiJ9."
		 "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF"
		 "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
		 "dzERat0XF9g2VtQgr9PJbu3"
		 "XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
		 "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB"
		 "--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--"
		 "xi12"
		 "jzDwusC-"
		 "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIh"
		 "WkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
		{JWT_ES256,
		 "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
		 "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		 "eyJhbGciOiJFUzI1NiJ9."
		 "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF"
		 "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
		 "F4GawxaepmXFCgfTjDxw5"
		 "djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jwt_key *key;
		CU_ASSERT_EQUAL_FATAL(jwt_key_import("", rows[i].algorithm, rows[i].jwk,
						     strlen(rows[i].jwk), &key),
				      0);
		struct jwt_claims claims;
		CU_ASSERT_EQUAL(jwt_read(rows[i].token, BYTES_MAX, key, NULL, &claims), 0);
		CU_ASSERT_STRING_EQUAL(claims.issuer, "joe");
		CU_ASSERT_EQUAL(claims.expires_at, 1300819380);
		jwt_key_destroy(key);
	}
}

static void bad_headers_are_refused(void)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\"}",
		"{\"alg\":\"NONE\"}",
		"{\"alg\":\"eddsa\"}",
		"{\"alg\":\"HS256\"}",
		"{\"alg\":\"PS256\"}",
		"{\"alg\":\"ES384\"}",
		"{\"alg\":\"RS512\"}",
		"{\"alg\":5}",
		"{\"alg\":[\"EdDSA\"]}",
		"{\"alg\":null}",
		"{\"typ\":\"JWT\"}",
		"{\"alg\":\"EdDSA\",\"alg\":\"none\"}",
		"{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}",
		"{\"alg\":\"EdDSA\",\"jku\":\"https://127.0.0.1:1/keys\"}",
		"{\"alg\":\"EdDSA\",\"x5u\":\"https://127.0.0.1:1/cert\"}",
		"{\"alg\":\"EdDSA\",\"x5c\":[\"MAA=\"]}",
		"{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}}",
		"{\"alg\":\"EdDSA\",\"zip\":\"DEF\"}",
		"{\"alg\":\"EdDSA\",\"b64\":false}",
		"{\"alg\":\"EdDSA\",\"kid\":7}",
		"{\"alg\":\"EdDSA\",\"kid\":\"\"}",
		"{\"alg\":\"EdDSA\",\"typ\":7}",
		"{\"alg\":\"EdDSA\"} x",
		"[\"EdDSA\"]",
		"\"EdDSA\"",
		"{}",
		"{",
	};
	struct jwt_claims claims;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		CU_ASSERT_EQUAL(read_forged(headers[i], "{}", &claims), -EBADMSG);
}

static void ill_typed_claims_are_refused(void)
{
	static const char *const bodies[] = {
		"{\"exp\":\"4000000000\"}",
		"{\"exp\":-1}",
		"{\"exp\":0}",
		"{\"exp\":0.5}",
		"{\"exp\":null}",
		"{\"exp\":true}",
		"{\"exp\":[1]}",
		"{\"exp\":99999999999999999999999}",
		"{\"exp\":1e300}",
		"{\"exp\":1e999}",
		"{\"exp\":253402300800}",
		"{\"nbf\":\"1\"}",
		"{\"nbf\":-5}",
		"{\"iat\":{}}",
		"{\"tenant\":7}",
		"{\"tenant\":null}",
		"{\"tenant\":\"\"}",
		"{\"tenant\":[\"a\"]}",
		"{\"stream\":{}}",
		"{\"scope\":[\"play\"]}",
		"{\"jti\":1}",
		"{\"jti\":\"\"}",
		"{\"iss\":false}",
		"{\"sub\":1.5}",
		"{\"aud\":7}",
		"{\"aud\":[]}",
		"{\"aud\":[1]}",
		"{\"aud\":[\"nn5g\",1]}",
		"{\"aud\":[\"nn5g\",\"\"]}",
		"{\"aud\":{\"a\":\"nn5g\"}}",
		"{\"tenant\":\"a\",\"tenant\":\"b\"}",
		"{\"exp\":1,\"exp\":4000000000}",
		"{\"tenant\":\"a\\u0000b\"}",
		"{\"tenant\":\"\xff\"}",
		"[]",
		"null",
		"7",
		"{",
		"",
	};
	struct jwt_claims claims;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		CU_ASSERT_EQUAL(read_forged(plain_header, bodies[i], &claims), -EBADMSG);
}

static void text_claims_have_a_limit(void)
{
	char fits[JWT_ID_MAX + 1], body[512];
	struct jwt_claims claims;
	memset(fits, 'x', JWT_ID_MAX);
	fits[JWT_ID_MAX] = '\0';
	snprintf(body, sizeof(body), "{\"tenant\":\"%s\",\"aud\":[\"a\",\"%s\"]}", fits, fits);
	CU_ASSERT_EQUAL(read_forged(plain_header, body, &claims), 0);
	CU_ASSERT_STRING_EQUAL(claims.tenant, fits);
	snprintf(body, sizeof(body), "{\"tenant\":\"%sx\"}", fits);
	CU_ASSERT_EQUAL(read_forged(plain_header, body, &claims), -EBADMSG);
	snprintf(body, sizeof(body), "{\"aud\":[\"a\",\"%sx\"]}", fits);
	CU_ASSERT_EQUAL(read_forged(plain_header, body, &claims), -EBADMSG);
}

static void audience_may_be_a_list(void)
{
	static const struct {
		const char *body, *audience;
	} rows[] = {
		{"{\"aud\":\"nn5g\"}", "nn5g"},
		{"{\"aud\":\"other\"}", "other"},
		{"{\"aud\":[\"a\",\"nn5g\",\"b\"]}", "nn5g"},
		{"{\"aud\":[\"nn5g\",\"a\"]}", "nn5g"},
		{"{\"aud\":[\"a\",\"b\"]}", "a"},
		{"{}", ""},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jwt_claims claims;
		CU_ASSERT_EQUAL(read_forged(plain_header, rows[i].body, &claims), 0);
		CU_ASSERT_STRING_EQUAL(claims.audience, rows[i].audience);
	}
}

static void times_may_have_a_fraction(void)
{
	struct jwt_claims claims;
	CU_ASSERT_EQUAL(read_forged(plain_header, "{\"exp\":4000000000.75,\"nbf\":1e3}", &claims),
			0);
	CU_ASSERT_EQUAL(claims.expires_at, 4000000000);
	CU_ASSERT_EQUAL(claims.not_before, 1000);
}

static void public_key_is_no_hmac_secret(void)
{
	struct jwt_claims claims;
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		char *token = forge_token("{\"alg\":\"HS256\"}", "{\"tenant\":\"a\"}", NULL,
					  signers[i].public_pem);
		CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, signers[i].key, NULL, &claims),
				-EBADMSG);
		free(token);
	}
}

/* Each signer's token, under each header's algorithm, read with each key: right on the diagonal
 * only. */
static void algorithms_do_not_mix(void)
{
	for (int cell = 0; cell < JWT_ALGORITHMS * JWT_ALGORITHMS * JWT_ALGORITHMS; cell++) {
		int signer = cell % 3, told = cell / 3 % 3, key = cell / 9;
		char header[32];
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}",
			 jwt_algorithm_name((enum jwt_algorithm)told));
		char *token = forge_token(header, "{\"tenant\":\"a\"}", signers[signer].pair, NULL);
		struct jwt_claims claims;
		int expected = signer == told && told == key ? 0 : -EKEYREJECTED;
		CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, signers[key].key, NULL, &claims),
				expected);
		free(token);
	}
}

static void other_key_of_the_same_kind_is_rejected(void)
{
	struct jwt_claims claims;
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		EVP_PKEY *other = make_pair((enum jwt_algorithm)i);
		char header[32];
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}",
			 jwt_algorithm_name((enum jwt_algorithm)i));
		char *token = forge_token(header, "{}", other, NULL);
		CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, signers[i].key, NULL, &claims),
				-EKEYREJECTED);
		free(token);
		EVP_PKEY_free(other);
	}
}

/* Every byte of a good token, changed, makes it a bad one; and every prefix is one. */
static void changed_or_cut_tokens_are_refused(void)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		char header[32];
		snprintf(header, sizeof(header), "{\"alg\":\"%s\"}",
			 jwt_algorithm_name((enum jwt_algorithm)i));
		char *token = forge_token(header, "{\"tenant\":\"a\"}", signers[i].pair, NULL);
		size_t n = strlen(token);
		struct jwt_claims claims;
		for (size_t at = 0; at < n; at++) {
			char kept = token[at];
			token[at] = kept == 'A' ? 'B' : 'A';
			CU_ASSERT_NOT_EQUAL(
				jwt_read(token, BYTES_MAX, signers[i].key, NULL, &claims), 0);
			token[at] = '\0';
			CU_ASSERT_NOT_EQUAL(
				jwt_read(token, BYTES_MAX, signers[i].key, NULL, &claims), 0);
			token[at] = kept;
		}
		CU_ASSERT_EQUAL(jwt_read(token, BYTES_MAX, signers[i].key, NULL, &claims), 0);
		free(token);
	}
}

static void shapes_that_are_no_token_are_refused(void)
{
	char *good = forge_token(plain_header, "{}", signers[JWT_EDDSA].pair, NULL);
	char *unsigned_token = forge_token(plain_header, "{}", NULL, NULL);
	static const char *const formats[] = {"%s.", ".%s", "%s.x", "%s.e30.e30.e30", "%s=",
					      "%s ", " %s", "%s\n", "%s%%",           "%s\xc3\xa4"};
	struct jwt_claims claims;
	struct jwt_hint hint;
	char *text = malloc(strlen(good) + 32);
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		/* the format comes from the table above */
		const char *mark = strstr(formats[i], "%s");
		sprintf(text, "%.*s%s%s", (int)(mark - formats[i]), formats[i], good, mark + 2);
		CU_ASSERT_EQUAL(jwt_read(text, BYTES_MAX, signers[JWT_EDDSA].key, NULL, &claims),
				-EBADMSG);
	}
	static const char *const texts[] = {
		"",      ".",       "..",       "...",
		"e30",   "e30.e30", "e30.e30.", "{\"payload\":\"e30\",\"signatures\":[]}",
		"a.b.c", "e30..AA", ".e30.AA"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CU_ASSERT_EQUAL(jwt_peek(texts[i], BYTES_MAX, &hint), -EBADMSG);
	CU_ASSERT_EQUAL(jwt_peek(unsigned_token, BYTES_MAX, &hint), -EBADMSG);
	CU_ASSERT_EQUAL(jwt_peek(good, strlen(good), &hint), 0);
	CU_ASSERT_EQUAL(jwt_peek(good, strlen(good) - 1, &hint), -EBADMSG);
	free(text);
	free(unsigned_token);
	free(good);
}

static void leftover_base64_bits_are_refused(void)
{
	char *good = forge_token(plain_header, "{}", signers[JWT_EDDSA].pair, NULL);
	/* 64 signature bytes leave 4 bits in the last of 86 digits: A, Q, g and w are the only
	 * ones. */
	char *last = good + strlen(good) - 1;
	CU_ASSERT_PTR_NOT_NULL_FATAL(strchr("AQgw", *last));
	(*last)++;
	struct jwt_hint hint;
	CU_ASSERT_EQUAL(jwt_peek(good, BYTES_MAX, &hint), -EBADMSG);
	free(good);
}

static void *reads_many(void *token)
{
	intptr_t failed = 0;
	for (int i = 0; i < 50; i++) {
		struct jwt_claims claims;
		failed += jwt_read(token, BYTES_MAX, signers[JWT_EDDSA].key, NULL, &claims) != 0;
	}
	return (void *)failed;
}

static void one_key_serves_many_threads(void)
{
	char *token =
		forge_token(plain_header, "{\"tenant\":\"a\"}", signers[JWT_EDDSA].pair, NULL);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, reads_many, token) == 0);
	for (int i = 0; i < 4; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		CU_ASSERT_PTR_NULL(failed);
	}
	free(token);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(own_tokens_go_round),
	ROW(foreign_tokens_are_accepted),
	ROW(openssl_accepts_own_tokens),
	ROW(rfc7515_examples_verify),
	ROW(bad_headers_are_refused),
	ROW(ill_typed_claims_are_refused),
	ROW(text_claims_have_a_limit),
	ROW(audience_may_be_a_list),
	ROW(times_may_have_a_fraction),
	ROW(public_key_is_no_hmac_secret),
	ROW(algorithms_do_not_mix),
	ROW(other_key_of_the_same_kind_is_rejected),
	ROW(changed_or_cut_tokens_are_refused),
	ROW(shapes_that_are_no_token_are_refused),
	ROW(leftover_base64_bits_are_refused),
	ROW(one_key_serves_many_threads),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("jwt", tests, signers_make, signers_free)
