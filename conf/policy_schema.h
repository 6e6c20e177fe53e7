/* What the rows of a policy (policy_rows.inc) refer to, for the tables that hold them. */
#pragma once

#include "conf/policy.h"
#include "conf/schema.h"

#define POLICY_PRICE_MAX      1000000000000    /* a million of the currency */
#define POLICY_BUDGET_MAX     1000000000000000 /* a thousand million: sums stay far from overflow */
#define POLICY_MINUTES_MAX    1000000000000
#define POLICY_BPS_MIN        8000 /* of what is limited: less does not carry one packet a second */
#define POLICY_BPS_MAX        100000000000          /* no link here has more */
#define POLICY_UNLIMITED_TEXT "9223372036854775807" /* POLICY_UNLIMITED */

extern const char *const policy_outages[];
extern const char *const policy_video_rungs[];
extern const char *const policy_voice_rungs[];
extern const char *const policy_credit_rungs[];
extern const char *const policy_consents[];
extern const char *const policy_billed_names[];
extern const char *const policy_splits[];
extern const struct schema policy_route_schema;

const char *policy_check_timezone(const char *name);
const char *policy_check_domain(const char *name);

/* A rate that is 0 or one that can be kept. Tells like policy_check. */
bool policy_check_bps(int64_t bps, const char *name, const char *key, FILE *errors);
/* What no row can say by itself. Tells faults like schema_parse, but without a line; false if there
 * were any. `where` comes in front of the key. */
bool policy_check(const struct policy *policy, const char *name, const char *where, FILE *errors);
/* Parses a JSON document along a schema: JSON is YAML. `name` stands for the file. */
int policy_json_parse(const struct schema *schema, const struct json_t *document, const char *name,
		      FILE *errors, void *out);
