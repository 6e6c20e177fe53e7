/* What a node holds of one account of one tenant: granted by the control plane, lent out to
 * sessions, used, given back. Totals only grow, so a message that comes twice changes nothing.
 * Micros or ms, as the account says. Control thread; pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct quota {
	bool is_unlimited; /* the account has no limit: callers look here first and lend nothing */
	int64_t granted_total, returned_total, used_total;
	int64_t refunded_total; /* of what was used: another node had paid for it */
	int64_t lent;           /* to sessions and authorizations that are open */
	int64_t overdraft_max;  /* continue_bounded: may be lent beyond what is held */
};

/* Granted, and neither lent, used nor returned. Negative: that much is overdrawn. */
int64_t quota_free(const struct quota *quota);
/* What may be lent: what is free, and the overdraft. Never negative. */
int64_t quota_lendable(const struct quota *quota);
/* A grant arrived; older totals are ignored. */
void quota_grant(struct quota *quota, int64_t granted_total);
/* Lends `amount`. -EDQUOT: not that much may be lent. */
int quota_lend(struct quota *quota, int64_t amount);
/* Lends what may be lent, at most `amount`; returns how much. */
int64_t quota_lend_up_to(struct quota *quota, int64_t amount);
/* A loan ends: `lent` comes back, `used` of it is gone for good. More than was lent: only where the
 * limit came after the use; it is overdrawn then. */
void quota_settle(struct quota *quota, int64_t lent, int64_t used);
/* What was used was paid for elsewhere: `amount` of it is free again. */
void quota_refund(struct quota *quota, int64_t amount);
/* Gives back up to `amount` of what is free to the control plane; the new returned_total. */
int64_t quota_return(struct quota *quota, int64_t amount);
