/* Addresses: texts and sockaddrs of both families become one comparable value and come back. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include <rte_common.h>

#include "qos/address.h"
#include "tests/cunit.h"

struct text_row {
	const char *text;
	int rc;
	const char *ip, *full; /* as formatted, port 8443 */
	bool ipv4, loopback, unspecified, link_local;
};

static const struct text_row texts[] = {
	{"192.0.2.1", 0, "192.0.2.1", "192.0.2.1:8443", .ipv4 = true},
	{"0.0.0.0", 0, "0.0.0.0", "0.0.0.0:8443", .ipv4 = true, .unspecified = true},
	{"127.8.9.10", 0, "127.8.9.10", "127.8.9.10:8443", .ipv4 = true, .loopback = true},
	{"169.254.1.1", 0, "169.254.1.1", "169.254.1.1:8443", .ipv4 = true, .link_local = true},
	{"255.255.255.255", 0, "255.255.255.255", "255.255.255.255:8443", .ipv4 = true},
	{"::", 0, "::", "[::]:8443", .unspecified = true},
	{"::1", 0, "::1", "[::1]:8443", .loopback = true},
	{"2001:DB8:0:0::1", 0, "2001:db8::1", "[2001:db8::1]:8443", .ipv4 = false},
	{"::ffff:192.0.2.1", 0, "192.0.2.1", "192.0.2.1:8443", .ipv4 = true},
	{"fe80::1", 0, "fe80::1", "[fe80::1]:8443", .link_local = true},
	{"fe80::1%7", 0, "fe80::1%7", "[fe80::1%7]:8443", .link_local = true},
	{"febf::1%4294967295", 0, "febf::1%4294967295", "[febf::1%4294967295]:8443",
	 .link_local = true},
	{"fec0::1", 0, "fec0::1", "[fec0::1]:8443", .ipv4 = false},
	{"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0, "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	 "[fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:8443", .ipv4 = false},
	{"fe80:1111:2222:3333:4444:5555:6666:7777%4294967295", 0,
	 "fe80:1111:2222:3333:4444:5555:6666:7777%4294967295",
	 "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:8443", .link_local = true},
	{.text = "", .rc = -EINVAL},
	{.text = "localhost", .rc = -EINVAL},
	{.text = "192.0.2.1:80", .rc = -EINVAL},
	{.text = "192.0.2", .rc = -EINVAL},
	{.text = "192.0.2.256", .rc = -EINVAL},
	{.text = "192.0.2.1 ", .rc = -EINVAL},
	{.text = "[::1]", .rc = -EINVAL},
	{.text = "1:2:3", .rc = -EINVAL},
	{.text = "1:2:3:4:5:6:7:8:9", .rc = -EINVAL},
	{.text = "::1%1", .rc = -EINVAL},
	{.text = "::ffff:169.254.1.1%1", .rc = -EINVAL},
	{.text = "fe80::1%", .rc = -EINVAL},
	{.text = "fe80::1%0", .rc = -EINVAL},
	{.text = "fe80::1%1x", .rc = -EINVAL},
	{.text = "fe80::1%4294967296", .rc = -EINVAL},
	{.text = "fe80::1%99999999999999999999", .rc = -EINVAL},
	{.text = "fe80::1%no-such-interface-here", .rc = -EINVAL},
	{.text = "fe80:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001", .rc = -EINVAL},
};

static void texts_are_parsed_and_written_back(void)
{
	for (size_t i = 0; i < RTE_DIM(texts); i++) {
		const struct text_row *row = &texts[i];
		char text[ADDRESS_TEXT_MAX];
		struct address a = {.port = 1}, before = a;
		CU_ASSERT_EQUAL(address_parse_ip(&a, row->text, 8443), row->rc);
		if (row->rc != 0) {
			CU_ASSERT(address_equal(&a, &before));
			continue;
		}
		CU_ASSERT_STRING_EQUAL(address_format_ip(&a, text), row->ip);
		CU_ASSERT_STRING_EQUAL(address_format(&a, text), row->full);
		CU_ASSERT_EQUAL(address_is_ipv4(&a), row->ipv4);
		CU_ASSERT_EQUAL(address_is_loopback(&a), row->loopback);
		CU_ASSERT_EQUAL(address_is_unspecified(&a), row->unspecified);
		CU_ASSERT_EQUAL(address_is_link_local(&a), row->link_local);
	}
}

static void interface_names_are_zones(void)
{
	struct address a;
	char text[ADDRESS_TEXT_MAX];
	CU_ASSERT_EQUAL_FATAL(address_parse_ip(&a, "fe80::1%lo", 1), 0);
	CU_ASSERT_NOT_EQUAL(a.scope_id, 0);
	struct address again;
	CU_ASSERT_EQUAL_FATAL(address_parse_ip(&again, address_format_ip(&a, text), 1), 0);
	CU_ASSERT(address_equal(&a, &again));
}

static void longest_address_with_longest_port_fits(void)
{
	struct address a;
	char text[ADDRESS_TEXT_MAX];
	const char *ip = "fe80:1111:2222:3333:4444:5555:6666:7777%4294967295";
	CU_ASSERT_EQUAL_FATAL(address_parse_ip(&a, ip, 65535), 0);
	CU_ASSERT_STRING_EQUAL(address_format(&a, text),
			       "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535");
}

static void sockaddrs_come_back(void)
{
	for (size_t i = 0; i < RTE_DIM(texts); i++) {
		struct address a, again;
		struct sockaddr_storage ss;
		if (address_parse_ip(&a, texts[i].text, 54321) != 0)
			continue;
		memset(&ss, 0xee, sizeof(ss));
		memset(&again, 0xee, sizeof(again));
		socklen_t length = address_to_sockaddr(&a, &ss);
		CU_ASSERT_EQUAL(length, texts[i].ipv4 ? sizeof(struct sockaddr_in)
						      : sizeof(struct sockaddr_in6));
		CU_ASSERT_EQUAL(ss.ss_family, texts[i].ipv4 ? AF_INET : AF_INET6);
		CU_ASSERT_EQUAL(address_from_sockaddr(&again, (struct sockaddr *)&ss), 0);
		CU_ASSERT(address_equal(&a, &again));
	}
}

static void mapped_sockaddr_is_ipv4_and_zone_counts_for_link_local_only(void)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = 3, .sin6_flowinfo = 9};
	struct address a, b;
	inet_pton(AF_INET6, "::ffff:10.0.0.1", &in6.sin6_addr);
	CU_ASSERT_EQUAL(address_from_sockaddr(&a, (struct sockaddr *)&in6), 0);
	CU_ASSERT_EQUAL(address_parse_ip(&b, "10.0.0.1", 0), 0);
	CU_ASSERT(address_equal(&a, &b));
	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	CU_ASSERT_EQUAL(address_from_sockaddr(&a, (struct sockaddr *)&in6), 0);
	CU_ASSERT_EQUAL(a.scope_id, 0);
	inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
	CU_ASSERT_EQUAL(address_from_sockaddr(&a, (struct sockaddr *)&in6), 0);
	CU_ASSERT_EQUAL(a.scope_id, 3);
}

static void other_families_are_refused(void)
{
	struct sockaddr sa = {.sa_family = AF_UNIX};
	struct address a = {.port = 7};
	CU_ASSERT_EQUAL(address_from_sockaddr(&a, &sa), -EAFNOSUPPORT);
	CU_ASSERT_EQUAL(a.port, 7);
}

static void flows_differ_in_every_field(void)
{
	struct flow a = {0}, b = {0};
	CU_ASSERT(flow_equal(&a, &b));
	uint8_t *bytes = (uint8_t *)&b;
	for (size_t i = 0; i < sizeof(b); i++) {
		bytes[i] = 1;
		CU_ASSERT_FALSE(flow_equal(&a, &b));
		bytes[i] = 0;
	}
}

static CU_TestInfo tests[] = {
	{"texts_are_parsed_and_written_back", texts_are_parsed_and_written_back},
	{"interface_names_are_zones", interface_names_are_zones},
	{"longest_address_with_longest_port_fits", longest_address_with_longest_port_fits},
	{"sockaddrs_come_back", sockaddrs_come_back},
	{"mapped_sockaddr_is_ipv4_and_zone_counts_for_link_local_only",
	 mapped_sockaddr_is_ipv4_and_zone_counts_for_link_local_only},
	{"other_families_are_refused", other_families_are_refused},
	{"flows_differ_in_every_field", flows_differ_in_every_field},
	CU_TEST_INFO_NULL,
};
TEST_MAIN("address", tests)
