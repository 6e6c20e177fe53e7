/* Runs in the kernel for every frame that comes in on an interface shared with us: a datagram for
 * one of our addresses and our UDP port goes to the AF_XDP socket of its receive queue, all else
 * (ARP, ICMP, TCP, fragments, other hosts' datagrams, tunnels, anything cut short) goes on to the
 * kernel as if this were not here. So does everything while `nn5g_listen` is empty, and what comes
 * in on a queue without a socket.
 *
 * Headers beyond the first fragment's, IPv6 extension headers and a second VLAN tag are not looked
 * behind: no browser sends such datagrams, and the kernel knows what to do with them.
 *
 * Loaded by net_af_xdp, which wants the sockets' map to be called xsks_map; see qos/xdp.h. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "qos/xdp/steer.h"

#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */

struct vlan_tag {
	__be16 tci, ether_type;
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_SOCKETS_MAX);
	__type(key, __u32);
	__type(value, __u32);
} xsks_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, STEER_LISTEN_MAX);
	__type(key, struct steer_listen);
	__type(value, __u8);
} nn5g_listen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STEER_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} nn5g_counters SEC(".maps");

/* What of a frame has been read. The verifier lets only CAP_PERFMON compare a packet's pointer with
 * NULL or move it by what the packet says, so `take` answers in a bool and takes constants, and
 * what is behind IPv4 options is read by a helper. */
struct cursor {
	struct xdp_md *context;
	const __u8 *at, *end;
	__u32 offset; /* of `at` in the frame */
};

/* Takes the next `bytes` of the frame, unless it ends before. */
static __always_inline bool take(struct cursor *cursor, __u32 bytes, const void **taken)
{
	const __u8 *at = cursor->at;
	if (at + bytes > cursor->end)
		return false;
	*taken = at;
	cursor->at = at + bytes;
	cursor->offset += bytes;
	return true;
}

/* Of what is behind a tag, if there is one. */
static __always_inline bool take_ether_type(struct cursor *cursor, __be16 *ether_type)
{
	const void *taken;
	if (!take(cursor, sizeof(struct ethhdr), &taken))
		return false;
	*ether_type = ((const struct ethhdr *)taken)->h_proto;
	if (*ether_type != bpf_htons(ETH_P_8021Q) && *ether_type != bpf_htons(ETH_P_8021AD))
		return true;
	if (!take(cursor, sizeof(struct vlan_tag), &taken))
		return false;
	*ether_type = ((const struct vlan_tag *)taken)->ether_type;
	return true;
}

static __always_inline bool take_ipv4(struct cursor *cursor, struct steer_listen *to)
{
	const void *taken;
	if (!take(cursor, sizeof(struct iphdr), &taken))
		return false;
	const struct iphdr *ip = taken;
	if (ip->version != 4 || ip->ihl < 5 || ip->protocol != IPPROTO_UDP ||
	    (ip->frag_off & bpf_htons(IPV4_FRAGMENT)))
		return false;
	to->ip[2] = bpf_htonl(0xffff);
	to->ip[3] = ip->daddr;
	cursor->offset += ip->ihl * 4u - sizeof(*ip);
	return true;
}

static __always_inline bool take_ipv6(struct cursor *cursor, struct steer_listen *to)
{
	const void *taken;
	if (!take(cursor, sizeof(struct ipv6hdr), &taken))
		return false;
	const struct ipv6hdr *ip = taken;
	if (ip->version != 6 || ip->nexthdr != IPPROTO_UDP)
		return false;
	__builtin_memcpy(to->ip, &ip->daddr, sizeof(to->ip));
	return true;
}

/* Whether the frame is a datagram; then, where to. */
static __always_inline bool read_destination(struct cursor *cursor, struct steer_listen *to)
{
	struct udphdr udp;
	__be16 ether_type;
	if (!take_ether_type(cursor, &ether_type))
		return false;
	if (ether_type == bpf_htons(ETH_P_IP)) {
		if (!take_ipv4(cursor, to))
			return false;
	} else if (ether_type != bpf_htons(ETH_P_IPV6) || !take_ipv6(cursor, to)) {
		return false;
	}
	if (bpf_xdp_load_bytes(cursor->context, cursor->offset, &udp, sizeof(udp)))
		return false;
	to->port_be16 = udp.dest;
	return true;
}

static __always_inline bool is_ours(struct steer_listen *to)
{
	if (bpf_map_lookup_elem(&nn5g_listen, to))
		return true;
	/* An unspecified address of this family? IPv4 is IPv4-mapped here. */
	bool ipv4 = to->ip[0] == 0 && to->ip[1] == 0 && to->ip[2] == bpf_htonl(0xffff);
	to->ip[0] = to->ip[1] = to->ip[3] = 0;
	to->ip[2] = ipv4 ? bpf_htonl(0xffff) : 0;
	return bpf_map_lookup_elem(&nn5g_listen, to) != NULL;
}

static __always_inline void count(__u32 which)
{
	__u64 *counter = bpf_map_lookup_elem(&nn5g_counters, &which);
	if (counter)
		(*counter)++;
}

SEC("xdp.frags")
int nn5g_steer(struct xdp_md *context)
{
	struct cursor cursor = {.context = context,
				.at = (const __u8 *)(long)context->data,
				.end = (const __u8 *)(long)context->data_end};
	struct steer_listen to = {0};
	int verdict = XDP_PASS;

	if (read_destination(&cursor, &to) && is_ours(&to))
		verdict = (int)bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
	count(verdict == XDP_REDIRECT ? STEER_STEERED : STEER_PASSED);
	return verdict;
}

const char steer_license[] SEC("license") = "Apache-2.0";
