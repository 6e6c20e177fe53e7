/* Addresses as values: every sockaddr and every text is brought to the one form of struct address
 * at the edge, with all unused bytes zero, because flow tables compare and hash the struct as
 * bytes. */
#include "qos/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void address_set_ipv4(struct address *a, const struct in_addr *ip)
{
	memcpy(a->ip, ipv4_prefix, sizeof(ipv4_prefix));
	memcpy(a->ip + sizeof(ipv4_prefix), ip, sizeof(*ip));
}

bool address_is_loopback(const struct address *a)
{
	static const uint8_t loopback[16] = {[15] = 1};
	if (address_is_ipv4(a))
		return a->ip[12] == 127;
	return memcmp(a->ip, loopback, sizeof(loopback)) == 0;
}

bool address_is_unspecified(const struct address *a)
{
	static const uint8_t zero[16];
	if (address_is_ipv4(a))
		return memcmp(a->ip + 12, zero, 4) == 0;
	return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

bool address_is_link_local(const struct address *a)
{
	if (address_is_ipv4(a))
		return a->ip[12] == 169 && a->ip[13] == 254;
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

int address_from_sockaddr(struct address *a, const struct sockaddr *sa)
{
	struct address result = {0};
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, sa, sizeof(in));
		address_set_ipv4(&result, &in.sin_addr);
		result.port = ntohs(in.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, sa, sizeof(in6));
		memcpy(result.ip, &in6.sin6_addr, sizeof(result.ip));
		result.port = ntohs(in6.sin6_port);
		if (!address_is_ipv4(&result) && address_is_link_local(&result))
			result.scope_id = in6.sin6_scope_id;
	} else {
		return -EAFNOSUPPORT;
	}
	*a = result;
	return 0;
}

socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *ss)
{
	if (address_is_ipv4(a)) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};
		memcpy(&in.sin_addr, a->ip + sizeof(ipv4_prefix), sizeof(in.sin_addr));
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(a->port),
		.sin6_scope_id = a->scope_id,
	};
	memcpy(&in6.sin6_addr, a->ip, sizeof(in6.sin6_addr));
	memcpy(ss, &in6, sizeof(in6));
	return sizeof(in6);
}

/* A zone (RFC 4007): an interface's index, or its name on this host. 0: neither. */
static uint32_t zone_parse(const char *zone)
{
	char *end;
	errno = 0;
	if (*zone >= '0' && *zone <= '9') {
		unsigned long index = strtoul(zone, &end, 10);
		return *end == '\0' && errno == 0 && index <= UINT32_MAX ? (uint32_t)index : 0;
	}
	return if_nametoindex(zone);
}

int address_parse_ip(struct address *a, const char *ip, uint16_t port)
{
	struct address result = {.port = port};
	struct in_addr in;
	if (inet_pton(AF_INET, ip, &in) == 1) {
		address_set_ipv4(&result, &in);
		*a = result;
		return 0;
	}
	char text[INET6_ADDRSTRLEN];
	size_t length = strcspn(ip, "%");
	if (length >= sizeof(text))
		return -EINVAL;
	memcpy(text, ip, length);
	text[length] = '\0';
	if (inet_pton(AF_INET6, text, result.ip) != 1)
		return -EINVAL;
	if (ip[length] == '%') {
		if (address_is_ipv4(&result) || !address_is_link_local(&result))
			return -EINVAL;
		result.scope_id = zone_parse(ip + length + 1);
		if (result.scope_id == 0)
			return -EINVAL;
	}
	*a = result;
	return 0;
}

const char *address_format_ip(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	if (address_is_ipv4(a)) {
		inet_ntop(AF_INET, a->ip + sizeof(ipv4_prefix), text, ADDRESS_TEXT_MAX);
		return text;
	}
	inet_ntop(AF_INET6, a->ip, text, ADDRESS_TEXT_MAX);
	if (a->scope_id != 0) {
		size_t length = strlen(text);
		snprintf(text + length, ADDRESS_TEXT_MAX - length, "%%%" PRIu32, a->scope_id);
	}
	return text;
}

const char *address_format(const struct address *a, char text[ADDRESS_TEXT_MAX])
{
	char ip[ADDRESS_TEXT_MAX];
	address_format_ip(a, ip);
	/* 39 characters of IPv6, 11 of zone, 10 of brackets, colon, port and NUL: 60 at most. */
	const char *form = address_is_ipv4(a) ? "%.56s:%u" : "[%.50s]:%u";
	snprintf(text, ADDRESS_TEXT_MAX, form, ip, a->port);
	return text;
}
