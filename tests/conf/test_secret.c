/* Secrets at rest: sealed for one name under one key, refused when anything was touched. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/secret.h"

static char folder[] = "/tmp/test_secret.XXXXXX";
static const char text[] = "sk-live-0123456789";

static int folder_make(void)
{
	return mkdtemp(folder) ? chdir(folder) : -1;
}

static int folder_remove(void)
{
	return chdir("/") || rmdir(folder);
}

static void file_write(const char *path, size_t size, mode_t mode)
{
	FILE *file = fopen(path, "w");
	for (size_t i = 0; i < size; i++)
		putc((int)(i * 7 % 251), file);
	fclose(file);
	chmod(path, mode);
}

static struct secret_key *key_of(const char *path)
{
	struct secret_key *key = NULL;
	CU_ASSERT_EQUAL_FATAL(secret_key_load(path, true, &key), 0);
	return key;
}

static void key_files_are_made_once_for_the_owner_only(void)
{
	struct secret_key *first, *second;
	struct stat status;
	CU_ASSERT_EQUAL(secret_key_load("k", false, &first), -ENOENT);
	first = key_of("k");
	CU_ASSERT_EQUAL(stat("k", &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
	CU_ASSERT_EQUAL(status.st_size, 32);
	uint8_t *sealed, *opened;
	size_t sealed_size, opened_size;
	CU_ASSERT_EQUAL(secret_seal(first, "a/b", text, sizeof(text), &sealed, &sealed_size), 0);
	second = key_of("k");
	CU_ASSERT_EQUAL(secret_open(second, "a/b", sealed, sealed_size, &opened, &opened_size), 0);
	CU_ASSERT_EQUAL(opened_size, sizeof(text));
	CU_ASSERT_STRING_EQUAL((char *)opened, text);
	free(opened);
	free(sealed);
	secret_key_destroy(first);
	secret_key_destroy(second);
	secret_key_destroy(NULL);
	unlink("k");
}

static void bad_key_files_are_refused(void)
{
	static const struct {
		size_t size;
		mode_t mode;
		int rc;
	} rows[] = {
		{32, 0640, -EACCES}, {32, 0604, -EACCES}, {32, 0622, -EACCES}, {31, 0600, -EINVAL},
		{0, 0600, -EINVAL},  {33, 0600, -EFBIG},  {32, 0600, 0},       {32, 0400, 0},
	};
	struct secret_key *key;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		file_write("k", rows[i].size, rows[i].mode);
		key = NULL;
		CU_ASSERT_EQUAL(secret_key_load("k", true, &key), rows[i].rc);
		secret_key_destroy(key);
		unlink("k");
	}
	CU_ASSERT_EQUAL(secret_key_load(".", true, &key), -EINVAL);
	CU_ASSERT_EQUAL(secret_key_load("missing/k", true, &key), -ENOENT);
}

static void a_nonce_is_never_used_twice(void)
{
	struct secret_key *key = key_of("k");
	uint8_t *sealed[64];
	size_t size;
	for (int i = 0; i < 64; i++) {
		CU_ASSERT_EQUAL_FATAL(secret_seal(key, "n", text, sizeof(text), &sealed[i], &size),
				      0);
		CU_ASSERT_EQUAL(size, sizeof(text) + 28);
		CU_ASSERT_PTR_NULL(memmem(sealed[i], size, "sk-live", 7));
		for (int k = 0; k < i; k++)
			CU_ASSERT(memcmp(sealed[i], sealed[k], 12) != 0);
	}
	for (int i = 0; i < 64; i++)
		free(sealed[i]);
	secret_key_destroy(key);
	unlink("k");
}

static void expect_refused(const struct secret_key *key, const char *name, const uint8_t *sealed,
			   size_t size)
{
	uint8_t *out = NULL;
	size_t out_size;
	CU_ASSERT_EQUAL(secret_open(key, name, sealed, size, &out, &out_size), -EBADMSG);
	CU_ASSERT_PTR_NULL(out);
}

static void what_was_touched_does_not_open(void)
{
	struct secret_key *key = key_of("k"), *other = key_of("k2");
	uint8_t *sealed;
	size_t size;
	CU_ASSERT_EQUAL_FATAL(secret_seal(key, "acme/openai", text, sizeof(text), &sealed, &size),
			      0);
	for (size_t i = 0; i < size; i++)
		for (int bit = 0; bit < 8; bit++) {
			sealed[i] ^= (uint8_t)(1 << bit);
			expect_refused(key, "acme/openai", sealed, size);
			sealed[i] ^= (uint8_t)(1 << bit);
		}
	for (size_t n = 0; n < size; n++)
		expect_refused(key, "acme/openai", sealed, n);
	expect_refused(key, "acme/other", sealed, size);
	expect_refused(key, "other/openai", sealed, size);
	expect_refused(key, "", sealed, size);
	expect_refused(other, "acme/openai", sealed, size);
	free(sealed);
	secret_key_destroy(key);
	secret_key_destroy(other);
	unlink("k");
	unlink("k2");
}

static void empty_and_large_secrets(void)
{
	static const size_t sizes[] = {0, 1, 16, 4096, 100000};
	struct secret_key *key = key_of("k");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *plain = calloc(1, sizes[i] + 1), *sealed, *opened;
		size_t size, opened_size;
		memset(plain, 0xa5, sizes[i]);
		CU_ASSERT_EQUAL_FATAL(secret_seal(key, "n", plain, sizes[i], &sealed, &size), 0);
		CU_ASSERT_EQUAL_FATAL(secret_open(key, "n", sealed, size, &opened, &opened_size),
				      0);
		CU_ASSERT_EQUAL(opened_size, sizes[i]);
		CU_ASSERT_EQUAL(memcmp(opened, plain, sizes[i]), 0);
		CU_ASSERT_EQUAL(opened[sizes[i]], '\0');
		free(plain);
		free(sealed);
		free(opened);
	}
	secret_key_destroy(key);
	unlink("k");
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(key_files_are_made_once_for_the_owner_only),
	ROW(bad_key_files_are_refused),
	ROW(a_nonce_is_never_used_twice),
	ROW(what_was_touched_does_not_open),
	ROW(empty_and_large_secrets),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("secret", tests, folder_make, folder_remove)
