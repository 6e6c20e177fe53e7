/* Path MTUs: learned, believed within bounds, forgotten in time, and a table that is never full. */
#include <stdio.h>

#include "qos/path_mtu.h"
#include "tests/cunit.h"

#define NOW_NS 1000

static struct path_mtu paths;

static struct address address_of(const char *ip)
{
	struct address a = {0};
	CU_ASSERT_EQUAL_FATAL(address_parse_ip(&a, ip, 0), 0);
	return a;
}

static struct address address_number(unsigned int i)
{
	char ip[32];
	snprintf(ip, sizeof(ip), "10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
	return address_of(ip);
}

static void unknown_paths_take_all(void)
{
	struct address a = address_of("192.0.2.1"), b = address_of("192.0.2.2");
	path_mtu_init(&paths, 1);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &a), UINT16_MAX);
	path_mtu_learn(&paths, &a, 1400, NOW_NS);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &a), 1400);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &b), UINT16_MAX);
}

/* The port is no part of a path. */
static void last_word_counts_whatever_the_port(void)
{
	struct address a = address_of("2001:db8::1"), same = a;
	same.port = 4711;
	path_mtu_init(&paths, 2);
	path_mtu_learn(&paths, &a, 1400, NOW_NS);
	path_mtu_learn(&paths, &same, 1300, NOW_NS);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &a), 1300);
	CU_ASSERT_EQUAL(atomic_load(&paths.n), 1);
}

static void less_than_every_link_takes_is_not_believed(void)
{
	struct address ipv4 = address_of("192.0.2.1"), ipv6 = address_of("2001:db8::1");
	path_mtu_init(&paths, 3);
	path_mtu_learn(&paths, &ipv4, 68, NOW_NS);
	path_mtu_learn(&paths, &ipv6, 68, NOW_NS);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &ipv4), PATH_MTU_IPV4_MIN);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &ipv6), PATH_MTU_IPV6_MIN);
}

static void path_is_forgotten_after_its_life(void)
{
	struct address a = address_of("192.0.2.1"), b = address_of("192.0.2.2");
	path_mtu_init(&paths, 4);
	path_mtu_learn(&paths, &a, 1400, NOW_NS);
	path_mtu_learn(&paths, &b, 1400, NOW_NS + 1);
	path_mtu_expire(&paths, NOW_NS + PATH_MTU_LIFE_NS - 1);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &a), 1400);
	path_mtu_expire(&paths, NOW_NS + PATH_MTU_LIFE_NS);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &a), UINT16_MAX);
	CU_ASSERT_EQUAL(path_mtu_find(&paths, &b), 1400);
	CU_ASSERT_EQUAL(atomic_load(&paths.n), 1);
	path_mtu_expire(&paths, NOW_NS + PATH_MTU_LIFE_NS + 1);
	CU_ASSERT_EQUAL(atomic_load(&paths.n), 0);
}

/* Ten times what fits: the newest are there, and the count is what is in it. */
static void full_table_forgets_the_oldest_of_a_bucket(void)
{
	enum { N = 10 * PATH_MTU_SLOTS };
	unsigned int known = 0;
	path_mtu_init(&paths, 5);
	for (unsigned int i = 0; i < N; i++) {
		struct address a = address_number(i);
		path_mtu_learn(&paths, &a, 1400, NOW_NS + i);
		CU_ASSERT_EQUAL(path_mtu_find(&paths, &a), 1400);
	}
	for (unsigned int i = 0; i < N; i++) {
		struct address a = address_number(i);
		known += path_mtu_find(&paths, &a) == 1400;
	}
	CU_ASSERT_EQUAL(known, PATH_MTU_SLOTS);
	CU_ASSERT_EQUAL(atomic_load(&paths.n), PATH_MTU_SLOTS);
}

static CU_TestInfo tests[] = {
	{"unknown_paths_take_all", unknown_paths_take_all},
	{"last_word_counts_whatever_the_port", last_word_counts_whatever_the_port},
	{"less_than_every_link_takes_is_not_believed", less_than_every_link_takes_is_not_believed},
	{"path_is_forgotten_after_its_life", path_is_forgotten_after_its_life},
	{"full_table_forgets_the_oldest_of_a_bucket", full_table_forgets_the_oldest_of_a_bucket},
	CU_TEST_INFO_NULL,
};
TEST_MAIN("path MTU", tests)
