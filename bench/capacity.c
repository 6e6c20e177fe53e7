#include "bench/capacity.h"

#include <math.h>

#define FAILURES 2
#define LEAST    0.05 /* of the first rate: below that nothing is looked for */

void capacity_begin(struct capacity *capacity, double first, double precision)
{
	*capacity = (struct capacity){.first = first, .next = first, .precision = precision};
}

static void choose(struct capacity *capacity)
{
	if (capacity->high == 0)
		capacity->next = 2 * capacity->low;
	else if (capacity->low == 0)
		capacity->next = capacity->high / 2;
	else
		capacity->next = sqrt(capacity->low * capacity->high);
}

bool capacity_tell(struct capacity *capacity, bool is_held)
{
	capacity->failures = is_held ? 0 : capacity->failures + 1;
	if (!is_held && capacity->failures < FAILURES)
		return true;
	capacity->failures = 0;
	if (is_held)
		capacity->low = capacity->next;
	else
		capacity->high = capacity->next;
	choose(capacity);
	if (capacity->low == 0)
		return capacity->next >= LEAST * capacity->first;
	return capacity->high == 0 || capacity->high > (1 + capacity->precision) * capacity->low;
}
