#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "media/dtls.h"
#include "media/dtls_certificate.h"
#include "tests/cunit.h"

#define HEX10 "00:11:22:33:44:55:66:77:88:99:"
#define HEX30 HEX10 HEX10 HEX10

static const struct {
	const char *text;
	int result;
	enum dtls_hash hash;
} rows[] = {
	{"sha-256 " HEX30 "AB:cd", 0, DTLS_HASH_SHA256},
	{"SHA-256 " HEX30 "AB:CD", 0, DTLS_HASH_SHA256},
	{"sha-1 " HEX10 HEX10 "", -EINVAL, 0},
	{"sha-1 00:" HEX10 "11:22:33:44:55:66:77:88:FF", 0, DTLS_HASH_SHA1},
	{"sha-384 " HEX30 HEX10 "00:11:22:33:44:55:66:FF", 0, DTLS_HASH_SHA384},
	{"sha-512 " HEX30 HEX30 "00:11:22:FF", 0, DTLS_HASH_SHA512},
	{"sha-256 " HEX30 "AB:CD ", -EINVAL, 0},
	{"sha-256 " HEX30 "AB", -EINVAL, 0},
	{"sha-256 " HEX30 "AB:CD:EF", -EINVAL, 0},
	{"sha-256 " HEX30 "AB-CD", -EINVAL, 0},
	{"sha-256 " HEX30 "AB:CG", -EINVAL, 0},
	{"sha-256 " HEX30 "AB: D", -EINVAL, 0},
	{"sha-256  " HEX30 "AB:CD", -EINVAL, 0},
	{"sha-224 " HEX30 "AB:CD", -EINVAL, 0},
	{"sha-256" HEX30 "AB:CD", -EINVAL, 0},
	{" " HEX30 "AB:CD", -EINVAL, 0},
	{"sha-256 ", -EINVAL, 0},
	{"sha-256", -EINVAL, 0},
	{"", -EINVAL, 0},
};

static void parse_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct dtls_fingerprint f = {.size = 99};
		int result = dtls_fingerprint_parse(&f, rows[i].text, strlen(rows[i].text));

		if (result != rows[i].result)
			printf("row \"%s\": %d\n", rows[i].text, result);
		CU_ASSERT_EQUAL(result, rows[i].result);
		CU_ASSERT_TRUE(result < 0 ? f.size == 99 : f.hash == rows[i].hash);
	}
}

static void parse_reads_len_bytes_only(void)
{
	static const char text[] = "sha-256 " HEX30 "AB:CD and more";
	struct dtls_fingerprint f;

	CU_ASSERT_EQUAL(dtls_fingerprint_parse(&f, text, 8 + 95), 0);
	CU_ASSERT_EQUAL(f.bytes[0], 0);
	CU_ASSERT_EQUAL(f.bytes[29], 0x99);
	CU_ASSERT_EQUAL(f.bytes[31], 0xcd);
}

static void certificates_match_their_own_fingerprint(void)
{
	static struct dtls_certificate one, two;
	struct dtls_fingerprint f;

	CU_ASSERT_FATAL(dtls_certificate_make(&one) == 0 && dtls_certificate_make(&two) == 0);
	for (int hash = DTLS_HASH_SHA1; hash < DTLS_HASHES; hash++) {
		CU_ASSERT_EQUAL(
			dtls_fingerprint_of(&f, (enum dtls_hash)hash, one.der, one.der_bytes), 0);
		CU_ASSERT_EQUAL(dtls_fingerprint_matches(&f, one.der, one.der_bytes),
				hash != DTLS_HASH_SHA1);
		CU_ASSERT_FALSE(dtls_fingerprint_matches(&f, two.der, two.der_bytes));
		CU_ASSERT_FALSE(dtls_fingerprint_matches(&f, one.der, one.der_bytes - 1));
		f.bytes[f.size - 1] ^= 1;
		CU_ASSERT_FALSE(dtls_fingerprint_matches(&f, one.der, one.der_bytes));
	}
	f = (struct dtls_fingerprint){.hash = DTLS_HASH_SHA256, .size = 0};
	CU_ASSERT_FALSE(dtls_fingerprint_matches(&f, one.der, one.der_bytes));
}

static CU_TestInfo tests[] = {
	{"parse_rows", parse_rows},
	{"parse_reads_len_bytes_only", parse_reads_len_bytes_only},
	{"certificates_match_their_own_fingerprint", certificates_match_their_own_fingerprint},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("dtls_fingerprint", tests)
