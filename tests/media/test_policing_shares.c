/* A tenant's rate among the workers that have publishers of it. */
#include <errno.h>
#include <stdlib.h>

#include "media/policing.h"
#include "tests/media/worker_fixture.h"

#define LANES 2

struct division {
	const char *fact;
	int64_t total;
	struct policing_demand demands[4];
	int64_t shares[4];
};

static const struct division divisions[] = {
	{"nobody publishes", 4000, {{0, 0}, {0, 0}, {0, 0}, {0, 0}}, {1000, 1000, 1000, 1000}},
	{"one alone has all", 4000, {{1, 500}, {0, 0}, {0, 0}, {0, 0}}, {4000, 1000, 1000, 1000}},
	{"one alone and over has all",
	 4000,
	 {{3, 9000}, {0, 0}, {0, 0}, {0, 0}},
	 {4000, 1000, 1000, 1000}},
	{"what is left goes to each publisher alike",
	 4000,
	 {{1, 1000}, {1, 1800}, {0, 0}, {0, 0}},
	 {1600, 2400, 1000, 1000}},
	{"by publisher, not by worker",
	 4000,
	 {{1, 800}, {3, 800}, {0, 0}, {0, 0}},
	 {1400, 2600, 1000, 1000}},
	{"all want more: equal parts",
	 4000,
	 {{1, 3000}, {1, 9000}, {2, 5000}, {0, 0}},
	 {1000, 1000, 2000, 1000}},
	{"who wants little gets it, the others divide the rest",
	 4000,
	 {{1, 400}, {1, 9000}, {1, 8000}, {0, 0}},
	 {400, 1800, 1800, 1000}},
	{"who just came has something",
	 4000,
	 {{1, 0}, {1, 9000}, {0, 0}, {0, 0}},
	 {500, 3500, 1000, 1000}},
	{"one whose publishers left has no say",
	 4000,
	 {{1, 400}, {0, 9000}, {0, 0}, {0, 0}},
	 {4000, 1000, 1000, 1000}},
};

/* Rows in kbit/s. */
static void shares_follow_rows(void)
{
	for (unsigned int row = 0; row < sizeof(divisions) / sizeof(divisions[0]); row++) {
		struct division d = divisions[row];
		int64_t shares[4];
		for (unsigned int i = 0; i < 4; i++)
			d.demands[i].offered_bps *= 1000;
		policing_shares(d.total * 1000, d.demands, 4, shares);
		for (unsigned int i = 0; i < 4; i++) {
			if (llabs(shares[i] - d.shares[i] * 1000) > 10)
				CU_FAIL(d.fact);
		}
	}
}

/* Whatever the lanes want, those with publishers never get more than there is, and no less than a
 * quarter of an equal part. */
static void shares_add_up(void)
{
	uint64_t state = 1;
	for (unsigned int round = 0; round < 20000; round++) {
		struct policing_demand demands[PORT_QUEUES_MAX];
		int64_t shares[PORT_QUEUES_MAX], sum = 0, publishers = 0;
		unsigned int n = 1 + round % PORT_QUEUES_MAX;
		int64_t total = 1000000 + (int64_t)(round * 7919ull % 100000000);
		for (unsigned int i = 0; i < n; i++) {
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			demands[i].n_publishers = (unsigned int)(state >> 60) / 3;
			demands[i].offered_bps = (state >> 8) % (uint64_t)(2 * total);
			publishers += demands[i].n_publishers;
		}
		policing_shares(total, demands, n, shares);
		for (unsigned int i = 0; i < n; i++) {
			if (demands[i].n_publishers == 0)
				continue;
			sum += shares[i];
			CU_ASSERT(shares[i] >= total / publishers * demands[i].n_publishers / 4);
		}
		CU_ASSERT(sum <= total);
		CU_ASSERT(publishers == 0 || sum >= total - 64);
	}
}

/* What worker `id` was told last; taken out of its mailbox. */
static struct message last_told(struct mailbox *mailbox, unsigned int *n)
{
	struct message messages[16], last = {0};
	*n = mailbox_take(mailbox, messages, 16);
	if (*n > 0)
		last = messages[*n - 1];
	return last;
}

static void control_tells_workers_their_shares(void)
{
	struct plane plane = {.n_workers = LANES};
	struct worker workers[LANES] = {{.id = 0}, {.id = 1}};
	struct policer_config config = {4000000, 0, 100};
	unsigned int n;
	uint64_t now_ns = 1000000000;
	struct policing *policing = policing_create(LANES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(policing);
	for (unsigned int i = 0; i < LANES; i++) {
		CU_ASSERT_EQUAL_FATAL(mailbox_create(64, &workers[i].mailbox), 0);
		plane.workers[i] = &workers[i];
	}
	CU_ASSERT_EQUAL(policing_set(&plane, policing, &(struct policer_config){7, 0, 100}, now_ns),
			-EINVAL);
	CU_ASSERT_EQUAL(last_told(workers[0].mailbox, &n).a, 0);
	CU_ASSERT_EQUAL(policing_set(&plane, policing, &config, now_ns), 0);
	struct message told = last_told(workers[1].mailbox, &n);
	CU_ASSERT_EQUAL(told.type, MESSAGE_POLICING);
	CU_ASSERT_EQUAL(told.a, 2000000);
	CU_ASSERT_EQUAL(told.b, 4000000);
	CU_ASSERT_EQUAL(told.word, 100);
	/* A publisher comes to worker 0: all is there. */
	policing->lanes[0].n_publishers = 1;
	policing_divide(&plane, policing, now_ns += 1000000000);
	CU_ASSERT_EQUAL(last_told(workers[0].mailbox, &n).a, 4000000);
	CU_ASSERT_EQUAL(last_told(workers[1].mailbox, &n).a, 0);
	/* Another to worker 1, which sends 3 Mbps in a second. */
	policing->lanes[1].n_publishers = 1;
	policing->lanes[1].policer.bytes[COLOR_YELLOW] = 3000000 / 8;
	policing_divide(&plane, policing, now_ns += 1000000000);
	CU_ASSERT_DOUBLE_EQUAL(last_told(workers[0].mailbox, &n).a, 750000, 10);
	CU_ASSERT_DOUBLE_EQUAL(last_told(workers[1].mailbox, &n).a, 3250000, 10);
	policing->lanes[1].policer.bytes[COLOR_YELLOW] += 3000000 / 8;
	policing_divide(&plane, policing, now_ns += 1000000000);
	last_told(workers[1].mailbox, &n);
	CU_ASSERT_EQUAL(n, 0); /* no news */
	/* No limit any more. */
	CU_ASSERT_EQUAL(policing_set(&plane, policing, &(struct policer_config){0}, now_ns), 0);
	told = last_told(workers[1].mailbox, &n);
	CU_ASSERT_EQUAL(n, 1);
	CU_ASSERT_EQUAL(told.a, 0);
	for (unsigned int i = 0; i < LANES; i++)
		mailbox_destroy(workers[i].mailbox);
	policing_destroy(policing);
}

static CU_TestInfo tests[] = {
	{"shares_follow_rows", shares_follow_rows},
	{"shares_add_up", shares_add_up},
	{"control_tells_workers_their_shares", control_tells_workers_their_shares},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("policing_shares", tests, fixture_start, fixture_stop)
