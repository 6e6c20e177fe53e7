/* Which addresses a browser is told of, and in which order. */
#include "gateway/candidates.h"

#include "tests/cunit.h"

#define PORT 8443

static unsigned int gather(const struct gateway_config *config, bool loopback,
			   struct sdp_candidate *out)
{
	unsigned int n = candidates_gather(config, PORT, loopback, out);
	for (unsigned int i = 0; i < n; i++) {
		CU_ASSERT_EQUAL(out[i].address.port, PORT);
		CU_ASSERT_FALSE(address_is_unspecified(&out[i].address));
		CU_ASSERT_FALSE(address_is_link_local(&out[i].address));
		CU_ASSERT_EQUAL(out[i].priority >> 24, 126);
		CU_ASSERT_EQUAL(out[i].priority & 255, 255);
		if (i > 0)
			CU_ASSERT_TRUE(out[i].priority < out[i - 1].priority);
	}
	return n;
}

static bool is(const struct sdp_candidate *candidate, const char *ip)
{
	struct address address;
	return address_parse_ip(&address, ip, PORT) == 0 &&
	       address_equal(&candidate->address, &address);
}

static void named_addresses_and_public_ones(void)
{
	struct gateway_config config = {0};
	struct sdp_candidate out[SDP_CANDIDATES_MAX];
	config.media.listen[0] = (char *)(uintptr_t) "192.0.2.1";
	config.media.listen[1] = (char *)(uintptr_t) "2001:db8::1";
	config.media.listen[2] = (char *)(uintptr_t) "192.0.2.1";
	config.media.n_listen = 3;
	CU_ASSERT_EQUAL_FATAL(gather(&config, false, out), 2);
	CU_ASSERT_TRUE(is(&out[0], "192.0.2.1"));
	CU_ASSERT_TRUE(is(&out[1], "2001:db8::1"));
	config.media.public_addresses[0] = (char *)(uintptr_t) "198.51.100.9";
	config.media.n_public_addresses = 1;
	CU_ASSERT_EQUAL_FATAL(gather(&config, false, out), 3);
	CU_ASSERT_TRUE(is(&out[0], "198.51.100.9"));
	config.media.only_public = true;
	CU_ASSERT_EQUAL_FATAL(gather(&config, false, out), 1);
	CU_ASSERT_TRUE(is(&out[0], "198.51.100.9"));
}

static void loopback_is_for_those_who_came_that_way(void)
{
	struct gateway_config config = {0};
	struct sdp_candidate out[SDP_CANDIDATES_MAX];
	config.media.listen[0] = (char *)(uintptr_t) "192.0.2.1";
	config.media.listen[1] = (char *)(uintptr_t) "127.0.0.1";
	config.media.n_listen = 2;
	CU_ASSERT_EQUAL_FATAL(gather(&config, true, out), 2);
	CU_ASSERT_TRUE(is(&out[0], "127.0.0.1"));
	CU_ASSERT_TRUE(is(&out[1], "192.0.2.1"));
	CU_ASSERT_EQUAL_FATAL(gather(&config, false, out), 1);
	CU_ASSERT_TRUE(is(&out[0], "192.0.2.1"));
	/* When there is nothing else, better that than nothing. */
	config.media.listen[0] = config.media.listen[1];
	config.media.n_listen = 1;
	CU_ASSERT_EQUAL_FATAL(gather(&config, false, out), 1);
	CU_ASSERT_TRUE(is(&out[0], "127.0.0.1"));
}

static void wildcards_become_interfaces(void)
{
	struct gateway_config config = {0};
	struct sdp_candidate out[SDP_CANDIDATES_MAX];
	config.media.listen[0] = (char *)(uintptr_t) "0.0.0.0";
	config.media.n_listen = 1;
	unsigned int n = gather(&config, true, out);
	CU_ASSERT_TRUE_FATAL(n >= 1);
	CU_ASSERT_TRUE(address_is_loopback(&out[0].address));
	for (unsigned int i = 0; i < n; i++)
		CU_ASSERT_TRUE(address_is_ipv4(&out[i].address));
}

static void what_was_gathered_is_kept_for_a_while(void)
{
	struct gateway_config config = {0};
	struct candidates candidates = {0};
	const struct sdp_candidate *out;
	uint64_t now_ns = 5;
	config.media.listen[0] = (char *)(uintptr_t) "192.0.2.1";
	config.media.listen[1] = (char *)(uintptr_t) "127.0.0.1";
	config.media.n_listen = 2;
	CU_ASSERT_EQUAL(candidates_get(&candidates, &config, PORT, false, now_ns, &out), 1);
	CU_ASSERT_EQUAL(candidates_get(&candidates, &config, PORT, true, now_ns, &out), 2);
	config.media.listen[0] = (char *)(uintptr_t) "192.0.2.2";
	now_ns += CANDIDATES_KEPT_NS - 1;
	CU_ASSERT_EQUAL_FATAL(candidates_get(&candidates, &config, PORT, false, now_ns, &out), 1);
	CU_ASSERT_TRUE(is(&out[0], "192.0.2.1"));
	now_ns++;
	CU_ASSERT_EQUAL_FATAL(candidates_get(&candidates, &config, PORT, false, now_ns, &out), 1);
	CU_ASSERT_TRUE(is(&out[0], "192.0.2.2"));
	/* A new configuration does not wait. */
	config.media.listen[0] = (char *)(uintptr_t) "192.0.2.3";
	candidates_forget(&candidates);
	CU_ASSERT_EQUAL_FATAL(candidates_get(&candidates, &config, PORT, false, now_ns, &out), 1);
	CU_ASSERT_TRUE(is(&out[0], "192.0.2.3"));
	CU_ASSERT_EQUAL_FATAL(candidates_get(&candidates, &config, PORT, true, now_ns, &out), 2);
	CU_ASSERT_TRUE(is(&out[1], "192.0.2.3"));
}

static CU_TestInfo tests[] = {
	{"named_addresses_and_public_ones", named_addresses_and_public_ones},
	{"loopback_is_for_those_who_came_that_way", loopback_is_for_those_who_came_that_way},
	{"wildcards_become_interfaces", wildcards_become_interfaces},
	{"what_was_gathered_is_kept_for_a_while", what_was_gathered_is_kept_for_a_while},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("candidates", tests)
