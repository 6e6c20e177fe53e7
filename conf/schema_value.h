/* One value of a YAML file against its row: is it good, and if not, the words to say so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "conf/schema.h"

#define SCHEMA_PHRASE_SIZE 512

enum schema_kind { SCHEMA_IS_NOTHING, SCHEMA_IS_SCALAR, SCHEMA_IS_LIST, SCHEMA_IS_KEYS };

struct schema_value {
	enum schema_kind kind;
	const char *text; /* of a scalar, NUL-terminated; borrowed */
	size_t bytes;     /* of the text; it may hold NULs */
	bool is_plain;    /* not quoted */
};

/* NULL if the scalar fits the row (or is a good item of the row's list), else what was expected.
 * May use `phrase` for it. */
const char *schema_value_check(const struct schema_row *row, const struct schema_value *value,
			       char phrase[SCHEMA_PHRASE_SIZE]);
/* What stands there, as a message says it: no secret and no long text. `row` may be NULL. */
const char *schema_value_describe(const struct schema_row *row, const struct schema_value *value,
				  char phrase[SCHEMA_PHRASE_SIZE]);
/* What the row wants. */
const char *schema_row_expectation(const struct schema_row *row, char phrase[SCHEMA_PHRASE_SIZE]);
