#include "conf/random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* About what eight sessions take: a call of the kernel's costs more than the bytes. */
#define POOL_BYTES 1024

static void draw(uint8_t *out, size_t size)
{
	size_t got = 0;
	while (got < size) {
		ssize_t n = getrandom(out + got, size - got, 0);
		if (n > 0)
			got += (size_t)n;
		else if (errno != EINTR)
			abort();
	}
}

void random_fill(void *out, size_t size)
{
	static _Thread_local uint8_t pool[POOL_BYTES];
	static _Thread_local size_t left;

	if (size > POOL_BYTES) {
		draw(out, size);
		return;
	}
	if (size > left) {
		draw(pool, sizeof(pool));
		left = sizeof(pool);
	}
	left -= size;
	memcpy(out, pool + left, size);
	explicit_bzero(pool + left, size);
}

uint32_t random_u32(void)
{
	uint32_t value;
	random_fill(&value, sizeof(value));
	return value;
}
