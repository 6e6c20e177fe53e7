/* Hugepages lent to a test for as long as it runs. Needs root. */
#pragma once

#include <stdio.h>

#include "tests/qos/privilege.h"

#define HUGEPAGES_COUNT "/proc/sys/vm/nr_hugepages"

static long hugepages_before = -1;

static inline long hugepages_read(void)
{
	long count = -1;
	FILE *file = fopen(HUGEPAGES_COUNT, "r");
	if (!file)
		return -1;
	if (fscanf(file, "%ld", &count) != 1)
		count = -1;
	fclose(file);
	return count;
}

static inline int hugepages_write(long count)
{
	FILE *file = fopen(HUGEPAGES_COUNT, "w");
	if (!file)
		return -1;
	int n = fprintf(file, "%ld\n", count);
	return fclose(file) == 0 && n > 0 ? 0 : -1;
}

/* Adds `mb` to what there is. -1 with a message: there is no memory for them. */
static inline int hugepages_lend(long mb)
{
	privilege_want("hugepages");
	hugepages_before = hugepages_read();
	long wanted = hugepages_before + mb / 2;
	if (hugepages_before >= 0 && hugepages_write(wanted) == 0 && hugepages_read() >= wanted)
		return 0;
	fprintf(stderr, "no %ld MB for hugepages (%s)\n", mb, HUGEPAGES_COUNT);
	return -1;
}

static inline void hugepages_return(long mb)
{
	long now = hugepages_read();
	if (hugepages_before >= 0 && now >= mb / 2)
		hugepages_write(now - mb / 2);
	hugepages_before = -1;
}
