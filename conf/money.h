/* Money as people write it: a decimal number of the currency with up to six places, exactly, as
 * micros (1e-6). Pure; any thread. */
#pragma once

#include <stdint.h>

#define MONEY_MICROS   1000000
#define MONEY_TEXT_MAX 28 /* "-9223372036854.775808" and NUL */

/* "1", "1.00", "0.000001". -EINVAL: anything else, a sign, a seventh place; -ERANGE: more than
 * fits. */
int money_parse(const char *text, int64_t *micros);
/* The shortest text with at least two places; money_parse reads it back, but for a sign. Returns
 * `out`. */
const char *money_write(int64_t micros, char out[MONEY_TEXT_MAX]);
