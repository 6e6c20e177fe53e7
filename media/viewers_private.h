/* The insides of a table of viewers. Private to viewers.c (makes it) and viewers_dp.c. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "media/viewers.h"

struct viewer_place {
	struct subscription *subscription; /* borrowed; NULL: free */
	uint32_t generation; /* of who has it now, or had it last; never 0 once used */
	uint32_t next_free;
	atomic_uint told; /* the generation whose loss is on its way to the worker; 0: none */
};

struct viewers {
	unsigned int worker, capacity;
	uint32_t first_free; /* `capacity`: none */
	struct viewer_place places[];
};
