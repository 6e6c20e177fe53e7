/* Quota: whatever comes in whatever order, what is lent, used and returned never exceeds what was
 * granted and the overdraft. */
#include <errno.h>
#include <stdlib.h>

#include "slices/quota.h"
#include "tests/cunit.h"

static void lends_what_was_granted_and_no_more(void)
{
	struct quota quota = {0};
	CU_ASSERT_EQUAL(quota_lend(&quota, 1), -EDQUOT);
	quota_grant(&quota, 100);
	CU_ASSERT_EQUAL(quota_lend(&quota, 101), -EDQUOT);
	CU_ASSERT_EQUAL(quota_lend(&quota, 60), 0);
	CU_ASSERT_EQUAL(quota_lend_up_to(&quota, 60), 40);
	CU_ASSERT_EQUAL(quota_lend_up_to(&quota, 60), 0);
	CU_ASSERT_EQUAL(quota_lend(&quota, 0), 0);
	CU_ASSERT_EQUAL(quota_free(&quota), 0);
}

static void what_was_lent_and_not_used_is_free_again(void)
{
	struct quota quota = {0};
	quota_grant(&quota, 100);
	quota_lend(&quota, 80);
	quota_settle(&quota, 80, 30);
	CU_ASSERT_EQUAL(quota.lent, 0);
	CU_ASSERT_EQUAL(quota.used_total, 30);
	CU_ASSERT_EQUAL(quota_free(&quota), 70);
}

static void an_older_grant_changes_nothing(void)
{
	struct quota quota = {0};
	quota_grant(&quota, 100);
	quota_grant(&quota, 100);
	quota_grant(&quota, 40);
	CU_ASSERT_EQUAL(quota.granted_total, 100);
}

static void returns_only_what_is_free(void)
{
	struct quota quota = {0};
	quota_grant(&quota, 100);
	quota_lend(&quota, 70);
	CU_ASSERT_EQUAL(quota_return(&quota, 10), 10);
	CU_ASSERT_EQUAL(quota_return(&quota, 50), 30);
	CU_ASSERT_EQUAL(quota_return(&quota, 50), 30);
	CU_ASSERT_EQUAL(quota_return(&quota, -5), 30);
	CU_ASSERT_EQUAL(quota_free(&quota), 0);
	quota_settle(&quota, 70, 0);
	CU_ASSERT_EQUAL(quota_return(&quota, 100), 100);
}

static void an_overdraft_is_bounded_and_paid_first(void)
{
	struct quota quota = {.overdraft_max = 50};
	quota_grant(&quota, 100);
	CU_ASSERT_EQUAL(quota_lend_up_to(&quota, 200), 150);
	CU_ASSERT_EQUAL(quota_free(&quota), -50);
	CU_ASSERT_EQUAL(quota_return(&quota, 10), 0);
	quota.overdraft_max = 0;
	CU_ASSERT_EQUAL(quota_lendable(&quota), 0);
	quota_grant(&quota, 140);
	CU_ASSERT_EQUAL(quota_lend_up_to(&quota, 1), 0);
	quota_grant(&quota, 160);
	CU_ASSERT_EQUAL(quota_lend_up_to(&quota, 20), 10);
}

static int64_t draw(int64_t below)
{
	return rand() % below;
}

/* One random step; keeps the loans that are open in `loans`. */
static void step(struct quota *quota, int64_t loans[], unsigned int *n)
{
	int64_t before = quota->returned_total;
	switch (draw(5)) {
	case 0:
		quota_grant(quota, quota->granted_total + draw(200) - 50);
		break;
	case 1:
		if (*n < 64)
			loans[(*n)++] = quota_lend_up_to(quota, draw(100));
		break;
	case 2:
		if (*n > 0) {
			int64_t lent = loans[--*n];
			quota_settle(quota, lent, draw(lent + 1));
		}
		break;
	case 3:
		CU_ASSERT(quota_return(quota, draw(60)) >= before);
		break;
	default:
		quota->overdraft_max = draw(2) * 40;
	}
}

static void what_was_paid_elsewhere_is_free_again_once(void)
{
	struct quota quota = {0};
	quota_grant(&quota, 100);
	CU_ASSERT_EQUAL(quota_lend(&quota, 40), 0);
	quota_settle(&quota, 40, 40);
	quota_refund(&quota, 40);
	CU_ASSERT_EQUAL(quota_free(&quota), 100);
	CU_ASSERT_EQUAL(quota.used_total, 40);
	/* Never more than was used. */
	quota_refund(&quota, 1);
	quota_refund(&quota, -1);
	CU_ASSERT_EQUAL(quota_return(&quota, 1000), 100);
}

static void no_sequence_spends_more_than_was_granted(void)
{
	srand(4711);
	for (unsigned int run = 0; run < 500; run++) {
		struct quota quota = {0};
		int64_t loans[64];
		unsigned int n = 0;
		for (unsigned int i = 0; i < 400; i++) {
			step(&quota, loans, &n);
			int64_t open = 0;
			for (unsigned int l = 0; l < n; l++)
				open += loans[l];
			CU_ASSERT_EQUAL_FATAL(quota.lent, open);
			CU_ASSERT_FATAL(quota.lent + quota.used_total + quota.returned_total <=
					quota.granted_total + 40);
		}
	}
}

static CU_TestInfo tests[] = {
	{"lends_what_was_granted_and_no_more", lends_what_was_granted_and_no_more},
	{"what_was_lent_and_not_used_is_free_again", what_was_lent_and_not_used_is_free_again},
	{"an_older_grant_changes_nothing", an_older_grant_changes_nothing},
	{"returns_only_what_is_free", returns_only_what_is_free},
	{"an_overdraft_is_bounded_and_paid_first", an_overdraft_is_bounded_and_paid_first},
	{"what_was_paid_elsewhere_is_free_again_once", what_was_paid_elsewhere_is_free_again_once},
	{"no_sequence_spends_more_than_was_granted", no_sequence_spends_more_than_was_granted},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("quota", tests)
