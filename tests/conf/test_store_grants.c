/* The sum of grants never exceeds the limit, on both databases, in whatever order nodes ask, use,
 * report, return, lose answers and die. THREADED: control planes that grant at once. */
#include "tests/conf/quota_fixture.h"

#include <pthread.h>

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static int64_t random_below(uint64_t *state, int64_t n)
{
	return (int64_t)(random_next(state) % (uint64_t)n);
}

/* A node as the store sees it: it uses no more than it was granted and has not returned. */
struct node {
	char name[8], boot[8];
	int64_t granted, returned, used, reported;
	unsigned int boots, records;
};

static int64_t node_left(const struct node *node)
{
	return node->granted - node->returned - node->used;
}

/* These run on several threads, where CUnit does not: what went wrong is returned. */
static int node_report(struct store *store, struct node *node)
{
	struct usage_record record = {.unit = USAGE_INTERACTION,
				      .kind = USAGE_NO_KIND,
				      .quantity_ms = (node->used - node->reported) * 1000,
				      .price_micros = 1,
				      .sequence = node->records++,
				      .opened_at_ms = NOVEMBER_MS,
				      .closed_at_ms = NOVEMBER_MS};
	strcpy(record.tenant, "a");
	strcpy(record.split, "platform");
	strcpy(record.session, node->name);
	strcpy(record.node, node->name);
	strcpy(record.boot, node->boot);
	usage_id(&record);
	enum store_verdict verdict;
	int rc = 0;
	for (int again = 0; rc == 0 && again < 2; again++)
		rc = store_usage_commit(store, &record, 1, &verdict);
	node->reported = node->used;
	return rc;
}

static int node_reborn(struct store *store, struct node *node)
{
	int rc = node_report(store, node); /* its journal */
	node->granted = node->returned = node->used = node->reported = 0;
	snprintf(node->boot, sizeof(node->boot), "b%u", ++node->boots % 1000);
	return rc ? rc : store_grants_release(store, node->name, node->boot);
}

/* An answer may be lost: then the next hello takes the grant back. */
static int node_ask(struct store *store, struct node *node, uint64_t *random)
{
	struct store_grant grant =
		ask(node->name, 1 + random_below(random, 50), random_below(random, 400));
	grant.boot = node->boot;
	int rc = store_grant(store, &grant);
	if (rc == 0 && random_below(random, 4) == 0)
		return store_grant_reconcile(store, "a", node->name, node->boot, ACCOUNT_CREDIT,
					     node->granted);
	node->granted = rc ? node->granted : grant.granted_total;
	return rc;
}

/* One random deed of a node; what it used is added to *used. */
static int node_act(struct store *store, struct node *node, uint64_t *random, int64_t *used)
{
	int64_t amount = random_below(random, node_left(node) + 1);
	switch (random_below(random, 8)) {
	case 0:
	case 1:
		return node_ask(store, node, random);
	case 2:
		node->returned += amount;
		return store_grant_return(store, "a", node->name, node->boot, ACCOUNT_CREDIT,
					  node->returned);
	case 3:
		return node_report(store, node);
	case 4:
		return random_below(random, 6) == 0 ? node_reborn(store, node) : 0;
	default:
		node->used += amount;
		*used += amount;
		return 0;
	}
}

#define LIMIT 5000
#define NODES 5

static void nodes_create(struct node nodes[NODES], const char *prefix)
{
	memset(nodes, 0, sizeof(struct node) * NODES);
	for (unsigned int i = 0; i < NODES; i++) {
		snprintf(nodes[i].name, sizeof(nodes[i].name), "%s%u", prefix, i);
		strcpy(nodes[i].boot, "b0");
	}
}

static void grants_never_exceed_the_limit(enum sql_kind kind)
{
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct store *store = open_new(kind);
		tenant_put(store, "a", "{\"monthly_micros\": 5000}");
		struct node nodes[NODES];
		nodes_create(nodes, "n");
		uint64_t random = seed * 0x9e3779b97f4a7c15;
		int64_t used = 0;
		for (int step = 0; step < 400; step++) {
			struct node *node = &nodes[random_below(&random, NODES)];
			CU_ASSERT_EQUAL_FATAL(node_act(store, node, &random, &used), 0);
			int64_t in_hand = 0;
			for (unsigned int i = 0; i < NODES; i++)
				in_hand += node_left(&nodes[i]);
			CU_ASSERT_TRUE_FATAL(in_hand + used <= LIMIT);
		}
		/* All is used up in the end, to the last micro, and not one more. */
		for (unsigned int i = 0; i < NODES; i++)
			CU_ASSERT_EQUAL(node_reborn(store, &nodes[i]), 0);
		struct store_grant last = granted(store, "last", LIMIT, LIMIT);
		CU_ASSERT_EQUAL(last.granted_total, LIMIT - used);
		CU_ASSERT_EQUAL(last.available, 0);
		store_close(store);
	}
}
ON_BOTH(grants_never_exceed_the_limit)

/* Two control planes at once, each with its nodes: what they used in all is what the meter says. */
struct fleet {
	const char *url, *prefix;
	uint64_t random;
	int64_t used;
	int rc;
	pthread_barrier_t *begun; /* both have used something */
};

static void fleet_act(struct fleet *fleet, struct store *store, struct node *nodes)
{
	fleet->rc = node_act(store, &nodes[random_below(&fleet->random, NODES)], &fleet->random,
			     &fleet->used);
}

static void *fleet_run(void *context)
{
	struct fleet *fleet = context;
	struct store *store = NULL;
	struct node nodes[NODES];
	fleet->rc = store_open(fleet->url, &store);
	nodes_create(nodes, fleet->prefix);
	for (int step = 0; fleet->rc == 0 && fleet->used == 0 && step < 300; step++)
		fleet_act(fleet, store, nodes);
	pthread_barrier_wait(fleet->begun);
	for (int step = 0; fleet->rc == 0 && step < 300; step++)
		fleet_act(fleet, store, nodes);
	for (unsigned int i = 0; fleet->rc == 0 && i < NODES; i++)
		fleet->rc = node_reborn(store, &nodes[i]);
	store_close(store);
	return NULL;
}

static void two_control_planes_share_one_limit(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	tenant_put(store, "a", "{\"monthly_micros\": 5000}");
	pthread_barrier_t begun;
	pthread_barrier_init(&begun, NULL, 2);
	struct fleet fleets[2] = {{url, "x", 88172645463325252u, 0, -1, &begun},
				  {url, "y", 362436069u, 0, -1, &begun}};
	pthread_t threads[2];
	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, fleet_run, &fleets[i]), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(fleets[i].rc, 0);
	}
	pthread_barrier_destroy(&begun);
	int64_t used = fleets[0].used + fleets[1].used;
	CU_ASSERT_TRUE(fleets[0].used > 0 && fleets[1].used > 0 && used <= LIMIT);
	struct store_grant last = granted(store, "last", LIMIT, LIMIT);
	CU_ASSERT_EQUAL(last.granted_total, LIMIT - used);
	store_close(store);
}
ON_BOTH(two_control_planes_share_one_limit)

/* All ask for all of it in the same moment, round after round: one gets it. */
#define ASKERS 4
#define ROUNDS 60

struct asker {
	struct store *store;
	pthread_barrier_t *barrier;
	char node[16];
	int rc;
};

static void *ask_at_once(void *context)
{
	struct asker *asker = context;
	for (int round = 0; round < ROUNDS; round++) {
		char boot[16];
		snprintf(boot, sizeof(boot), "b%d", round);
		struct store_grant grant = ask(asker->node, 10, 10);
		grant.boot = boot;
		pthread_barrier_wait(asker->barrier);
		int rc = store_grant(asker->store, &grant);
		asker->rc = asker->rc ? asker->rc : rc;
		pthread_barrier_wait(asker->barrier); /* the round is judged and cleared */
		pthread_barrier_wait(asker->barrier);
	}
	return NULL;
}

static int take_integer(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	*(int64_t *)context = columns[0].integer;
	return 0;
}

static void of_those_who_ask_at_once_one_gets_the_rest(enum sql_kind kind)
{
	const char *url = store_fixture_url(kind);
	pthread_barrier_t barrier;
	struct store *store;
	CU_ASSERT_EQUAL_FATAL(store_open(url, &store), 0);
	tenant_put(store, "a", "{\"monthly_micros\": 10}");
	pthread_barrier_init(&barrier, NULL, ASKERS + 1);
	struct asker askers[ASKERS];
	pthread_t threads[ASKERS];
	for (int i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){.barrier = &barrier};
		snprintf(askers[i].node, sizeof(askers[i].node), "n%d", i);
		CU_ASSERT_EQUAL_FATAL(store_open(url, &askers[i].store), 0);
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_at_once, &askers[i]),
				      0);
	}
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		int64_t sum = -1;
		CU_ASSERT_EQUAL(sql_run(store_sql(store), "SELECT SUM(granted) FROM grants", NULL,
					0, take_integer, &sum),
				0);
		CU_ASSERT_EQUAL(sum, 10);
		run(store, "DELETE FROM grants");
		pthread_barrier_wait(&barrier);
	}
	for (int i = 0; i < ASKERS; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(askers[i].rc, 0);
		store_close(askers[i].store);
	}
	pthread_barrier_destroy(&barrier);
	store_close(store);
}
ON_BOTH(of_those_who_ask_at_once_one_gets_the_rest)

static CU_TestInfo tests[] = {
	ROWS_OF(grants_never_exceed_the_limit),
	ROWS_OF(two_control_planes_share_one_limit),
	ROWS_OF(of_those_who_ask_at_once_one_gets_the_rest),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("store_grants", tests, store_fixture_start, store_fixture_stop)
