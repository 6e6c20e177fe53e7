/* Promises of bandwidth: slices to the port, sessions to their slice; what was promised is kept. */
#include <errno.h>
#include <string.h>

#include "slices/slice.h"
#include "tests/cunit.h"

static struct slice_config config_of(const char *id, int64_t guaranteed_bps)
{
	struct slice_config config = {.sst = 1, .sd = 0xffffff, .guaranteed_bps = guaranteed_bps};
	strncpy(config.id, id, SLICE_ID_MAX);
	return config;
}

static int put(struct slice_table *table, const char *id, int64_t guaranteed_bps, int64_t *left_bps)
{
	struct slice_config config = config_of(id, guaranteed_bps);
	struct slice_refusal refusal;
	int rc = slice_put(table, &config, &refusal);
	*left_bps = refusal.left_bps;
	CU_ASSERT_EQUAL(rc == 0, refusal.why[0] == '\0');
	return rc;
}

/* One table, a step a row. */
static const struct {
	const char *id;
	int64_t guaranteed_bps;
	int rc;
	int64_t left_bps; /* told with a refusal */
} port_rows[] = {
	{"gold", 600, 0, 0},   {"silver", 500, -ENOSPC, 400}, {"silver", 400, 0, 0},
	{"bronze", 0, 0, 0},   {"bronze", 1, -ENOSPC, 0},     {"gold", 601, -ENOSPC, 600},
	{"gold", 100, 0, 0},   {"bronze", 501, -ENOSPC, 500}, {"bronze", 500, 0, 0},
	{"silver", 400, 0, 0},
};

static void slices_share_the_port(void)
{
	struct slice_table *table = slice_table_create(1000);
	for (size_t i = 0; i < sizeof(port_rows) / sizeof(port_rows[0]); i++) {
		int64_t left_bps = -1;
		int rc = put(table, port_rows[i].id, port_rows[i].guaranteed_bps, &left_bps);
		if (rc != port_rows[i].rc || left_bps != port_rows[i].left_bps) {
			printf("\nput %zu: %d, %lld left", i, rc, (long long)left_bps);
			CU_FAIL("another answer");
		}
	}
	CU_ASSERT_EQUAL(slice_find(table, "gold")->config.guaranteed_bps, 100);
	slice_table_destroy(table);
}

static void an_unknown_port_bounds_nothing(void)
{
	struct slice_table *table = slice_table_create(0);
	int64_t left_bps;
	CU_ASSERT_EQUAL(put(table, "a", INT64_C(1) << 40, &left_bps), 0);
	CU_ASSERT_EQUAL(put(table, "b", INT64_C(1) << 40, &left_bps), 0);
	slice_table_destroy(table);
}

static void sessions_share_the_slice(void)
{
	struct slice_table *table = slice_table_create(1000);
	int64_t left_bps;
	CU_ASSERT_EQUAL_FATAL(put(table, "gold", 1000, &left_bps), 0);
	struct slice *gold = slice_find(table, "gold");
	CU_ASSERT_EQUAL(slice_reserve(gold, 700, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_reserve(gold, 301, &left_bps), -ENOSPC);
	CU_ASSERT_EQUAL(left_bps, 300);
	CU_ASSERT_EQUAL(slice_reserve(gold, 300, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_reserve(gold, 0, &left_bps), 0);
	CU_ASSERT(gold->promised_bps == 1000 && gold->n_sessions == 3);
	/* Less is guaranteed: those who have it keep it, nobody gets more. */
	CU_ASSERT_EQUAL(put(table, "gold", 500, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_reserve(gold, 1, &left_bps), -ENOSPC);
	CU_ASSERT_EQUAL(left_bps, 0);
	slice_release(gold, 700);
	CU_ASSERT_EQUAL(slice_reserve(gold, 200, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_reserve(gold, 1, &left_bps), -ENOSPC);
	slice_table_destroy(table);
}

static void a_best_effort_slice_takes_everybody(void)
{
	struct slice_table *table = slice_table_create(1000);
	int64_t left_bps;
	CU_ASSERT_EQUAL_FATAL(put(table, "free", 0, &left_bps), 0);
	struct slice *slice = slice_find(table, "free");
	CU_ASSERT_EQUAL(slice_reserve(slice, 5000, &left_bps), 0);
	/* It comes to guarantee something: those who are there count. */
	CU_ASSERT_EQUAL(put(table, "free", 1000, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_reserve(slice, 1, &left_bps), -ENOSPC);
	slice_release(slice, 5000);
	CU_ASSERT_EQUAL(slice->promised_bps, 0);
	CU_ASSERT_EQUAL(slice_reserve(slice, 1000, &left_bps), 0);
	slice_table_destroy(table);
}

static void a_removed_slice_lives_while_it_has_sessions(void)
{
	struct slice_table *table = slice_table_create(1000);
	int64_t left_bps;
	CU_ASSERT_EQUAL(slice_remove(table, "gold"), -ENOENT);
	CU_ASSERT_EQUAL_FATAL(put(table, "gold", 1000, &left_bps), 0);
	struct slice *gold = slice_find(table, "gold");
	CU_ASSERT_EQUAL(slice_reserve(gold, 100, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_remove(table, "gold"), 0);
	CU_ASSERT_EQUAL(slice_remove(table, "gold"), -ENOENT);
	CU_ASSERT_PTR_NULL(slice_find(table, "gold"));
	CU_ASSERT_EQUAL(put(table, "silver", 1, &left_bps), -ENOSPC);
	slice_release(gold, 100);
	CU_ASSERT_EQUAL(put(table, "silver", 1000, &left_bps), 0);
	/* One that comes back is what it was. */
	struct slice *silver = slice_find(table, "silver");
	CU_ASSERT_EQUAL(slice_reserve(silver, 100, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_remove(table, "silver"), 0);
	CU_ASSERT_EQUAL(put(table, "silver", 900, &left_bps), 0);
	CU_ASSERT_PTR_EQUAL(slice_find(table, "silver"), silver);
	CU_ASSERT_EQUAL(silver->promised_bps, 100);
	slice_release(silver, 100);
	CU_ASSERT_PTR_EQUAL(slice_find(table, "silver"), silver);
	slice_table_destroy(table);
}

static void note_refused(void *context, const struct slice_config *config, int rc,
			 const struct slice_refusal *refusal)
{
	CU_ASSERT_EQUAL(rc, -ENOSPC);
	snprintf(context, 96, "%s %lld", config->id, (long long)refusal->left_bps);
}

static void count(void *context, const struct slice *slice)
{
	(void)slice;
	++*(unsigned int *)context;
}

static void a_replacement_makes_room_first(void)
{
	struct slice_table *table = slice_table_create(1000);
	char refused[96] = "";
	const struct slice_config before[] = {config_of("a", 300), config_of("b", 700)};
	const struct slice_config after[] = {config_of("a", 900), config_of("b", 100)};
	const struct slice_config over[] = {config_of("c", 400), config_of("d", 700)};
	unsigned int n = 0;
	slice_table_replace(table, before, 2, note_refused, refused);
	slice_table_replace(table, after, 2, note_refused, refused);
	CU_ASSERT_STRING_EQUAL(refused, "");
	CU_ASSERT_EQUAL(slice_find(table, "a")->config.guaranteed_bps, 900);
	slice_table_replace(table, over, 2, note_refused, refused);
	CU_ASSERT_STRING_EQUAL(refused, "d 600");
	CU_ASSERT_PTR_NULL(slice_find(table, "a"));
	CU_ASSERT_PTR_NULL(slice_find(table, "d"));
	slice_each(table, count, &n);
	CU_ASSERT_EQUAL(n, 1);
	slice_table_destroy(table);
}

static void slices_are_bounded(void)
{
	struct slice_table *table = slice_table_create(0);
	int64_t left_bps;
	char id[16];
	for (int i = 0; i < SLICES_MAX; i++) {
		snprintf(id, sizeof(id), "s%d", i);
		CU_ASSERT_EQUAL(put(table, id, 1, &left_bps), 0);
	}
	CU_ASSERT_EQUAL(put(table, "one-more", 1, &left_bps), -EMFILE);
	CU_ASSERT_EQUAL(put(table, "s0", 2, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_remove(table, "s0"), 0);
	CU_ASSERT_EQUAL(put(table, "one-more", 1, &left_bps), 0);
	slice_table_destroy(table);
}

static void a_session_that_moves_takes_its_promise_along(void)
{
	struct slice_table *table = slice_table_create(1000);
	int64_t left_bps;
	CU_ASSERT_EQUAL_FATAL(put(table, "old", 500, &left_bps), 0);
	CU_ASSERT_EQUAL_FATAL(put(table, "new", 500, &left_bps), 0);
	struct slice *from = slice_find(table, "old"), *to = slice_find(table, "new");
	CU_ASSERT_EQUAL(slice_reserve(from, 400, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_reserve(to, 400, &left_bps), 0);
	slice_adopt(to, 400);
	slice_release(from, 400);
	CU_ASSERT(from->n_sessions == 0 && to->n_sessions == 2 && to->promised_bps == 800);
	CU_ASSERT_EQUAL(slice_reserve(to, 0, &left_bps), -ENOSPC);
	slice_release(to, 400);
	CU_ASSERT_EQUAL(slice_reserve(to, 100, &left_bps), 0);
	slice_table_destroy(table);
}

/* What a mirror was told, and what it answers. */
struct told {
	char log[256];
	int rc;
};

static int on_put(void *context, const struct slice_config *before,
		  const struct slice_config *config, struct slice_refusal *refusal)
{
	struct told *told = context;
	size_t used = strlen(told->log);
	snprintf(told->log + used, sizeof(told->log) - used, "%s %lld>%lld. ", config->id,
		 before ? (long long)before->guaranteed_bps : -1LL,
		 (long long)config->guaranteed_bps);
	if (told->rc)
		snprintf(refusal->why, sizeof(refusal->why), "no");
	return told->rc;
}

static void on_removed(void *context, const struct slice_config *config)
{
	struct told *told = context;
	size_t used = strlen(told->log);
	snprintf(told->log + used, sizeof(told->log) - used, "-%s. ", config->id);
}

static void a_mirror_is_asked_first_and_told_of_the_end(void)
{
	struct slice_table *table = slice_table_create(1000);
	struct told told = {"", 0};
	const struct slice_mirror mirror = {on_put, on_removed, &told};
	int64_t left_bps;
	slice_table_mirror(table, &mirror);
	CU_ASSERT_EQUAL(put(table, "a", 600, &left_bps), 0);
	CU_ASSERT_EQUAL(put(table, "b", 600, &left_bps), -ENOSPC);
	CU_ASSERT_EQUAL(put(table, "a", 700, &left_bps), 0);
	told.rc = -ENOMEM;
	CU_ASSERT_EQUAL(put(table, "a", 800, &left_bps), -ENOMEM);
	CU_ASSERT_EQUAL(put(table, "c", 100, &left_bps), -ENOMEM);
	CU_ASSERT_STRING_EQUAL(told.log, "a -1>600. a 600>700. a 700>800. c -1>100. ");
	CU_ASSERT_EQUAL(slice_find(table, "a")->config.guaranteed_bps, 700);
	CU_ASSERT_PTR_NULL(slice_find(table, "c"));
	/* The port has 300 left: what was refused holds nothing. */
	told.rc = 0;
	CU_ASSERT_EQUAL(put(table, "d", 301, &left_bps), -ENOSPC);
	CU_ASSERT_EQUAL(left_bps, 300);
	told.log[0] = '\0';
	struct slice *slice = slice_find(table, "a");
	CU_ASSERT_EQUAL(slice_reserve(slice, 1, &left_bps), 0);
	CU_ASSERT_EQUAL(slice_remove(table, "a"), 0);
	CU_ASSERT_STRING_EQUAL(told.log, "");
	slice_release(slice, 1);
	CU_ASSERT_STRING_EQUAL(told.log, "-a. ");
	slice_table_destroy(table);
}

static CU_TestInfo tests[] = {
	{"slices_share_the_port", slices_share_the_port},
	{"an_unknown_port_bounds_nothing", an_unknown_port_bounds_nothing},
	{"sessions_share_the_slice", sessions_share_the_slice},
	{"a_best_effort_slice_takes_everybody", a_best_effort_slice_takes_everybody},
	{"a_removed_slice_lives_while_it_has_sessions",
	 a_removed_slice_lives_while_it_has_sessions},
	{"a_replacement_makes_room_first", a_replacement_makes_room_first},
	{"slices_are_bounded", slices_are_bounded},
	{"a_session_that_moves_takes_its_promise_along",
	 a_session_that_moves_takes_its_promise_along},
	{"a_mirror_is_asked_first_and_told_of_the_end",
	 a_mirror_is_asked_first_and_told_of_the_end},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("slice", tests)
