#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/dtls_filter.h"
#include "tests/cunit.h"

/* type, version, epoch, sequence, length | type, length, message, fragment offset, length */
#define RECORD(type, epoch, n)           type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, n
#define MESSAGE(type, total, seq, at, n) type, 0, 0, total, 0, seq, 0, 0, at, 0, 0, n

static const struct {
	const char *name;
	uint8_t bytes[64];
	size_t size;
	size_t before, greeted,
		connected; /* how much passes: before the hello, after it, connected */
} rows[] = {
	{"message", {RECORD(22, 0, 14), MESSAGE(1, 2, 0, 0, 2)}, 27, 27, 27, 27},
	{"fragment", {RECORD(22, 0, 13), MESSAGE(1, 2, 0, 1, 1)}, 26, 26, 26, 26},
	{"two messages",
	 {RECORD(22, 0, 25), MESSAGE(11, 1, 1, 0, 1), 0, MESSAGE(14, 0, 2, 0, 0)},
	 38,
	 38,
	 38,
	 38},
	{"empty message", {RECORD(22, 0, 12), MESSAGE(14, 0, 0, 0, 0)}, 25, 25, 25, 25},
	{"empty fragment", {RECORD(22, 0, 12), MESSAGE(1, 2, 0, 1, 0)}, 25, 0, 0, 25},
	{"fragment past its message", {RECORD(22, 0, 14), MESSAGE(1, 2, 0, 1, 2)}, 27, 0, 0, 27},
	{"fragment past its record", {RECORD(22, 0, 13), MESSAGE(1, 9, 0, 0, 9)}, 26, 0, 0, 26},
	{"half a message header", {RECORD(22, 0, 5)}, 18, 0, 0, 18},
	{"empty record", {RECORD(22, 0, 0)}, 13, 0, 0, 13},
	{"too long a message",
	 {RECORD(22, 0, 13), 1, 0, 0x40, 1, 0, 0, 0, 0, 0, 0, 0, 1},
	 26,
	 0,
	 0,
	 26},
	{"longest message",
	 {RECORD(22, 0, 13), 1, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 1},
	 26,
	 26,
	 26,
	 26},
	{"alert", {RECORD(21, 0, 2), 2, 40}, 15, 0, 15, 15},
	{"ChangeCipherSpec and Finished", {RECORD(20, 0, 1), 1, RECORD(22, 1, 2)}, 29, 0, 29, 29},
	{"data in the clear", {RECORD(23, 0, 2)}, 15, 0, 0, 15},
	{"data of the next epoch", {RECORD(23, 1, 2)}, 15, 0, 0, 15},
	{"far epoch", {RECORD(22, 2, 2)}, 15, 0, 0, 0},
	{"unknown type", {RECORD(24, 0, 2)}, 15, 0, 0, 0},
	{"TLS", {22, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}, 15, 0, 0, 0},
	{"record past the datagram", {RECORD(22, 0, 15), MESSAGE(1, 3, 0, 0, 3)}, 27, 0, 0, 0},
	{"rubbish behind a message",
	 {RECORD(22, 0, 12), MESSAGE(14, 0, 0, 0, 0), 22, 3},
	 40,
	 25,
	 25,
	 25},
	{"nothing", {0}, 0, 0, 0, 0},
};

static void rows_pass(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const size_t expected[] = {rows[i].before, rows[i].greeted, rows[i].connected};
		uint8_t *copy = malloc(rows[i].size + 1);
		uint8_t *exact = copy + 1;

		memcpy(exact, rows[i].bytes, rows[i].size);
		for (int stage = 0; stage < 3; stage++) {
			struct dtls_filter filter = {.greeted = stage > 0, .connected = stage > 1};
			size_t passed = dtls_filter_pass(&filter, exact, rows[i].size);

			if (passed != expected[stage])
				printf("row \"%s\" stage %d: %zu\n", rows[i].name, stage, passed);
			CU_ASSERT_EQUAL(passed, expected[stage]);
		}
		free(copy);
	}
}

static void early_records_are_few(void)
{
	static const uint8_t record[] = {RECORD(22, 1, 1), 0};
	struct dtls_filter filter = {.greeted = true};

	for (int i = 0; i < DTLS_EARLY_RECORDS_MAX; i++)
		CU_ASSERT_EQUAL(dtls_filter_pass(&filter, record, sizeof(record)), sizeof(record));
	CU_ASSERT_EQUAL(dtls_filter_pass(&filter, record, sizeof(record)), 0);
	filter.early_records = 0;
	CU_ASSERT_EQUAL(dtls_filter_pass(&filter, record, sizeof(record)), sizeof(record));
}

static CU_TestInfo tests[] = {
	{"rows_pass", rows_pass},
	{"early_records_are_few", early_records_are_few},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("dtls_filter", tests)
