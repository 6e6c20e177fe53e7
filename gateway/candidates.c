#include "gateway/candidates.h"

#include <ifaddrs.h>
#include <net/if.h>

/* RFC 8445 5.1.2.1 with type preference 126 for host. Local preferences begin low: a candidate that
 * is added later (another node, in a handover) must be able to win. */
#define TYPE_PREFERENCE_HOST     126u
#define LOCAL_PREFERENCE_HIGHEST 1000u
#define COMPONENT_RTP            1u

struct gathering {
	struct sdp_candidate *out;
	unsigned int n;
	uint16_t port;
};

static void add(struct gathering *gathering, const struct address *address)
{
	if (gathering->n == SDP_CANDIDATES_MAX)
		return;
	struct address with_port = *address;
	with_port.port = gathering->port;
	for (unsigned int i = 0; i < gathering->n; i++) {
		if (address_equal(&gathering->out[i].address, &with_port))
			return;
	}
	gathering->out[gathering->n] = (struct sdp_candidate){
		.address = with_port,
		.priority = TYPE_PREFERENCE_HOST << 24 |
			    (LOCAL_PREFERENCE_HIGHEST - gathering->n) << 8 | (256 - COMPONENT_RTP),
	};
	gathering->n++;
}

/* Addresses of the interfaces that are up, of the family of `wildcard`. Link-local ones need a
 * scope that means nothing to the browser. */
static void add_interfaces(struct gathering *gathering, const struct address *wildcard,
			   bool loopback)
{
	struct ifaddrs *interfaces;
	if (getifaddrs(&interfaces))
		return;
	for (struct ifaddrs *at = interfaces; at; at = at->ifa_next) {
		struct address address;
		if (!at->ifa_addr || !(at->ifa_flags & IFF_UP) ||
		    address_from_sockaddr(&address, at->ifa_addr))
			continue;
		if (address_is_ipv4(&address) != address_is_ipv4(wildcard) ||
		    address_is_loopback(&address) != loopback || address_is_link_local(&address))
			continue;
		add(gathering, &address);
	}
	freeifaddrs(interfaces);
}

static void add_listened(struct gathering *gathering, const struct gateway_config *config,
			 bool loopback)
{
	for (unsigned int i = 0; i < config->media.n_listen; i++) {
		struct address address;
		if (address_parse_ip(&address, config->media.listen[i], gathering->port))
			continue;
		if (address_is_unspecified(&address))
			add_interfaces(gathering, &address, loopback);
		else if (address_is_loopback(&address) == loopback)
			add(gathering, &address);
	}
}

unsigned int candidates_gather(const struct gateway_config *config, uint16_t udp_port,
			       bool include_loopback, struct sdp_candidate *out)
{
	struct gathering gathering = {.out = out, .port = udp_port};

	if (include_loopback)
		add_listened(&gathering, config, true);
	for (unsigned int i = 0; i < config->media.n_public_addresses; i++) {
		struct address address;
		if (address_parse_ip(&address, config->media.public_addresses[i], udp_port) == 0)
			add(&gathering, &address);
	}
	if (!config->media.only_public)
		add_listened(&gathering, config, false);
	if (gathering.n == 0)
		add_listened(&gathering, config, true);
	return gathering.n;
}

unsigned int candidates_get(struct candidates *candidates, const struct gateway_config *config,
			    uint16_t udp_port, bool include_loopback, uint64_t now_ns,
			    const struct sdp_candidate **out)
{
	struct candidates_kept *kept = &candidates->kept[include_loopback];
	if (now_ns >= kept->until_ns) {
		kept->n = candidates_gather(config, udp_port, include_loopback, kept->list);
		kept->until_ns = now_ns + CANDIDATES_KEPT_NS;
	}
	*out = kept->list;
	return kept->n;
}

void candidates_forget(struct candidates *candidates)
{
	candidates->kept[false].until_ns = candidates->kept[true].until_ns = 0;
}
