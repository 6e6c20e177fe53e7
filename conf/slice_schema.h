/* The rows of a slice, for the tables that hold slices. */
#pragma once

#include <stdbool.h>

#include "conf/schema.h"
#include "conf/slice_config.h"

struct slice_row {
	char *id, *sd;
	unsigned int sst, latency_ms, five_qi, line;
	int64_t guaranteed_bps, max_bps;
};
extern const struct schema slice_schema;

/* What the schema let pass becomes a slice. False, and told: a rate that nothing can keep, more
 * guaranteed than its maximum, a 5QI that no standard knows. */
bool slice_row_take(const struct slice_row *row, const char *name, FILE *errors,
		    struct slice_config *out);
