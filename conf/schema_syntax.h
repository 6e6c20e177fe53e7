/* The part of the check that needs no schema: is this the plain kind of YAML we read? */
#pragma once

#include <stddef.h>

#include "conf/schema_fault.h"

/* Tells the first thing that is not: bad syntax, an alias, anchor or tag, a second document,
 * nesting past a limit. 0 or -EINVAL. */
int schema_syntax_check(struct schema_faults *faults, const char *text, size_t size);
