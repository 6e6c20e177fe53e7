#include "bench/peers/janus_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bench/clock.h"

#define OURS     "nn5g-peer0"
#define OTHER    "nn5g-peer1"
#define ADDRESS  "198.18.0.1"
#define MUST     (IFF_UP | IFF_RUNNING)
#define WORD_MAX 12

#define CARRIER_NS 5000000000ull
#define LOOK_NS    1000000ull

extern char **environ;

static bool is_usable(const struct ifaddrs *entry)
{
	return entry->ifa_addr && entry->ifa_addr->sa_family == AF_INET &&
	       (entry->ifa_flags & (MUST | IFF_LOOPBACK)) == MUST;
}

static int find_address(char out[JANUS_ADDRESS_MAX])
{
	struct ifaddrs *all, *entry;
	if (getifaddrs(&all))
		return -errno;
	for (entry = all; entry && !is_usable(entry); entry = entry->ifa_next)
		;
	if (entry)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)entry->ifa_addr)->sin_addr, out,
			  JANUS_ADDRESS_MAX);
	freeifaddrs(all);
	return entry ? 0 : -EADDRNOTAVAIL;
}

static int ip(const char *const words[])
{
	pid_t pid;
	int status = 0;
	int rc = posix_spawnp(&pid, "ip", NULL, NULL, (char *const *)words, environ);
	if (rc == 0 && waitpid(pid, &status, 0) != pid)
		rc = ECHILD;
	return rc ? -rc : status ? -EIO : 0;
}

static int make_interface(struct janus_network *network)
{
	static const char *const steps[][WORD_MAX] = {
		{"ip", "link", "add", OURS, "type", "veth", "peer", "name", OTHER, NULL},
		{"ip", "address", "add", ADDRESS "/32", "dev", OURS, NULL},
		{"ip", "link", "set", OURS, "up", NULL},
		{"ip", "link", "set", OTHER, "up", NULL},
	};
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		rc = ip(steps[i]);
		network->is_made |= rc == 0;
	}
	return rc;
}

/* The kernel takes a moment to see that the pair has a carrier. */
static int await_address(char out[JANUS_ADDRESS_MAX])
{
	uint64_t until_ns = clock_ns() + CARRIER_NS;
	int rc;
	while ((rc = find_address(out)) && clock_ns() < until_ns)
		clock_sleep_until(clock_ns() + LOOK_NS);
	return rc;
}

int janus_network_open(struct janus_network *network)
{
	*network = (struct janus_network){0};
	if (find_address(network->address) == 0)
		return 0;
	int rc = make_interface(network);
	if (rc == 0)
		rc = await_address(network->address);
	if (rc) {
		fprintf(stderr,
			"nn5g-bench: Janus takes no loopback address, and an interface with "
			"another "
			"could not be made: %s\n",
			strerror(-rc));
		janus_network_close(network);
	}
	return rc;
}

void janus_network_close(struct janus_network *network)
{
	static const char *const gone[] = {"ip", "link", "delete", OURS, NULL};
	if (network->is_made)
		ip(gone);
	network->is_made = false;
}
