/* A transport address (RFC 8445): IP and UDP port of either family in one comparable value. IPv4 is
 * held as an IPv4-mapped IPv6 address, so one key and one compare serve both families. Pure values,
 * any thread. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_MAX 64 /* "[ipv6%scope]:port" and its NUL */

struct address {
	uint8_t ip[16];    /* network order; ::ffff:a.b.c.d for IPv4 */
	uint32_t scope_id; /* link-local IPv6 only, else 0 */
	uint16_t port;     /* host order */
	uint16_t reserved; /* 0, so that the struct compares and hashes as bytes */
};

/* One way through the network: our address and the peer's. The key of a flow table. */
struct flow {
	struct address local, remote;
};

static inline bool address_is_ipv4(const struct address *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	return memcmp(a->ip, mapped, sizeof(mapped)) == 0;
}

static inline bool address_equal(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static inline bool flow_equal(const struct flow *a, const struct flow *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool address_is_loopback(const struct address *a);
bool address_is_unspecified(const struct address *a);
bool address_is_link_local(const struct address *a);
/* -EAFNOSUPPORT for anything but AF_INET and AF_INET6. */
int address_from_sockaddr(struct address *a, const struct sockaddr *sa);
/* Returns the length. An IPv4 address becomes AF_INET. */
socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *ss);
/* Numeric IP only, no brackets, no port ("192.0.2.1", "2001:db8::1"). -EINVAL otherwise. */
int address_parse_ip(struct address *a, const char *ip, uint16_t port);
/* Both return `text`: the IP alone, and "ip:port" / "[ip]:port". */
const char *address_format_ip(const struct address *a, char text[ADDRESS_TEXT_MAX]);
const char *address_format(const struct address *a, char text[ADDRESS_TEXT_MAX]);
