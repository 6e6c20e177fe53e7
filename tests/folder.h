/* A test's own folder: under TMPDIR if that is set, else /tmp. tests/run sets it to a file system
 * in memory for tests that sync a great deal. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define TEST_FOLDER_BYTES 64

/* Makes a folder that nobody used before. */
static inline bool test_folder_make(char out[TEST_FOLDER_BYTES], const char *name)
{
	const char *place = getenv("TMPDIR");
	int n = snprintf(out, TEST_FOLDER_BYTES, "%s/nn5g-%s-XXXXXX",
			 place && *place ? place : "/tmp", name);
	return n < TEST_FOLDER_BYTES && mkdtemp(out);
}
