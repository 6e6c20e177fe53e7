/* Random bytes from the kernel, for identifiers and secrets that are a few bytes each. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fills `out`. A thread draws many bytes at a time and gives each out once; what has been given out
 * is erased. Ends the process when the kernel has none, as a predictable secret would be worse. Any
 * thread; not across a fork. */
void random_fill(void *out, size_t size);
uint32_t random_u32(void);
