/* What a backend's request for a debit says. Borrowed from the request. Any thread. */
#pragma once

#include <stdint.h>

#include "conf/usage.h"

struct json_t;

struct usage_demand {
	const char *key, *session, *provider_id; /* the last two "" when absent */
	enum usage_unit unit;                    /* USAGE_UNITS: absent */
	int64_t quantity;                        /* 0: absent */
};

/* NULL, or the name of the field that is wrong. */
const char *usage_demand_read(const struct json_t *request, struct usage_demand *out);
