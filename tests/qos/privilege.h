/* Tests that only root can run: whoever is not is told so, and the test counts as skipped. As root
 * nothing is skipped by this. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PRIVILEGE_SKIPPED 77 /* tests/CMakeLists.txt: SKIP_RETURN_CODE */

static inline void privilege_want(const char *what_for)
{
	if (geteuid() == 0)
		return;
	printf("skipped: %s want root\n", what_for);
	exit(PRIVILEGE_SKIPPED);
}
