/* The checking half of schema.h: YAML text in, the same document checked and complete out. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "conf/schema.h"

/* Checks `text` against the schema and writes it anew as *complete (malloc'ed YAML): only known
 * keys, defaults filled in, paths made absolute, SCHEMA_LINE rows set. Faults are told as
 * schema_load tells them. -EINVAL, -ENOMEM. */
int schema_document_complete(const struct schema *schema, const char *name, const char *text,
			     size_t size, FILE *errors, char **complete);
