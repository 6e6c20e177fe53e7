/* What is given out looks random and is never given out again. */
#include "conf/random.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cunit.h"

#define WORDS 100000

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void *fill_words(void *words)
{
	uint64_t *at = words;
	for (unsigned int i = 0; i < WORDS; i++)
		random_fill(&at[i], sizeof(at[i]));
	return NULL;
}

/* Of two threads. */
static void nothing_comes_twice(void)
{
	uint64_t *words = calloc(2 * WORDS, sizeof(*words));
	pthread_t other;
	CU_ASSERT_PTR_NOT_NULL_FATAL(words);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&other, NULL, fill_words, words), 0);
	fill_words(words + WORDS);
	pthread_join(other, NULL);
	qsort(words, 2 * WORDS, sizeof(*words), compare);
	for (unsigned int i = 1; i < 2 * WORDS; i++)
		CU_ASSERT_NOT_EQUAL(words[i], words[i - 1]);
	free(words);
}

static void every_bit_varies(void)
{
	unsigned int ones[32] = {0};
	for (unsigned int i = 0; i < WORDS; i++) {
		uint32_t word = random_u32();
		for (unsigned int bit = 0; bit < 32; bit++)
			ones[bit] += word >> bit & 1;
	}
	/* Half of them, and ten standard deviations. */
	for (unsigned int bit = 0; bit < 32; bit++)
		CU_ASSERT_TRUE(ones[bit] > WORDS / 2 - 1600 && ones[bit] < WORDS / 2 + 1600);
}

/* Each size ends where it should, at the pool's edge and past it. */
static void sizes_are_kept(void)
{
	static uint8_t bytes[4096 + 2];
	for (size_t size = 0; size <= 4096; size = size * 2 + 1) {
		bool is_filled = size < 16;
		for (unsigned int turn = 0; turn < 20; turn++) {
			memset(bytes, 0, sizeof(bytes));
			random_fill(bytes + 1, size);
			CU_ASSERT_EQUAL(bytes[0], 0);
			CU_ASSERT_EQUAL(bytes[size + 1], 0);
			for (size_t i = 0; size >= 16 && i < 16; i++)
				is_filled |= bytes[size - i] != 0;
		}
		CU_ASSERT_TRUE(is_filled);
	}
}

static CU_TestInfo tests[] = {
	{"nothing_comes_twice", nothing_comes_twice},
	{"every_bit_varies", every_bit_varies},
	{"sizes_are_kept", sizes_are_kept},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("random", tests)
