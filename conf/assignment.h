/* What an operator types to change a row: PATH=VALUE, by the names of the policy's keys
 * (budget.monthly_micros) or shorter ones without the unit, then in what people write
 * (budget.monthly=1.00, slice_bps=2M). Each becomes a member of an RFC 7396 patch. Any thread. */
#pragma once

#include <stdio.h>

struct json_t;

/* What is changed. A tenant's and a plan's policy keys go below "policy". */
enum assignment_row { ASSIGNMENT_TENANT, ASSIGNMENT_PLAN, ASSIGNMENT_SLICE };

/* Adds what `text` says to `patch`, an object. An empty value is null: what was set is taken back.
 * "unlimited" stands as it is where a number without bound is meant. -EINVAL with what was found
 * and expected in `errors`, one line; -ENOMEM. */
int assignment_parse(enum assignment_row row, const char *text, FILE *errors, struct json_t *patch);
/* The other way: a policy (`effective`, complete; `own`: what of it is the tenant's) as it would be
 * typed: [{"path", "value", "from": "tenant" | "plan"}]. NULL: no memory. */
struct json_t *assignment_write(const struct json_t *effective, const struct json_t *own);
/* All paths of a row, a line each: name, unit, meaning. */
void assignment_help(enum assignment_row row, FILE *out);
