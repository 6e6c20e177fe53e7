/* One equation: granted = free + lent + used - refunded + returned. Nothing but a grant raises the
 * left side, and an overdraft is a negative `free`, which the next grants fill up first. */
#include "slices/quota.h"

#include <assert.h>
#include <errno.h>

static int64_t lesser(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t not_negative(int64_t amount)
{
	return amount > 0 ? amount : 0;
}

int64_t quota_free(const struct quota *quota)
{
	return quota->granted_total - quota->lent - quota->used_total + quota->refunded_total -
	       quota->returned_total;
}

int64_t quota_lendable(const struct quota *quota)
{
	return not_negative(quota_free(quota) + quota->overdraft_max);
}

void quota_grant(struct quota *quota, int64_t granted_total)
{
	if (granted_total > quota->granted_total)
		quota->granted_total = granted_total;
}

int quota_lend(struct quota *quota, int64_t amount)
{
	if (amount > quota_lendable(quota))
		return -EDQUOT;
	quota->lent += not_negative(amount);
	return 0;
}

int64_t quota_lend_up_to(struct quota *quota, int64_t amount)
{
	int64_t part = not_negative(lesser(amount, quota_lendable(quota)));
	quota->lent += part;
	return part;
}

void quota_settle(struct quota *quota, int64_t lent, int64_t used)
{
	assert(used >= 0 && lent >= 0 && lent <= quota->lent);
	quota->lent -= lent;
	quota->used_total += used;
}

void quota_refund(struct quota *quota, int64_t amount)
{
	int64_t paid = quota->used_total - quota->refunded_total;
	quota->refunded_total += not_negative(lesser(amount, paid));
}

int64_t quota_return(struct quota *quota, int64_t amount)
{
	quota->returned_total += not_negative(lesser(amount, quota_free(quota)));
	return quota->returned_total;
}
