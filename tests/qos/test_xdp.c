/* The XDP program run by the kernel over a table of frames, and who owns it on an interface. Wants
 * CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN; all interfaces are those of a network namespace of its
 * own. Ends with status 77 (skipped) where the kernel does not let it. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <linux/if_link.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "conf/log.h"
#include "qos/xdp.h"
#include "qos/xdp/object.h"
#include "qos/xdp/steer.h"
#include "tests/cunit.h"

#define OUR_PORT    8443
#define FRAME_BYTES 256
#define SKIPPED     77
#define LOOPBACK    "lo"

/* A frame of the table. `cut` bytes are missing at its end. */
struct frame_row {
	const char *name;
	const char *to; /* address */
	uint16_t port;
	unsigned int n_tags, options_bytes, cut;
	uint16_t fragment; /* the IPv4 field */
	uint8_t protocol;  /* 0: UDP */
	bool steered;
};

static const struct frame_row frame_rows[] = {
	{"ours, IPv4", "192.0.2.1", OUR_PORT, .steered = true},
	{"ours, IPv6", "2001:db8::1", OUR_PORT, .steered = true},
	{"ours, IPv4 in a VLAN", "192.0.2.1", OUR_PORT, .n_tags = 1, .steered = true},
	{"ours, IPv6 in a VLAN", "2001:db8::1", OUR_PORT, .n_tags = 1, .steered = true},
	{"IPv4 options", "192.0.2.1", OUR_PORT, .options_bytes = 4, .steered = true},
	{"all the IPv4 options there can be", "192.0.2.1", OUR_PORT, .options_bytes = 40,
	 .steered = true},
	{"do not fragment", "192.0.2.1", OUR_PORT, .fragment = 0x4000, .steered = true},
	{"another port", "192.0.2.1", 53, .steered = false},
	{"another port, IPv6", "2001:db8::1", 53, .steered = false},
	{"another host", "192.0.2.2", OUR_PORT, .steered = false},
	{"another host, IPv6", "2001:db8::2", OUR_PORT, .steered = false},
	{"TCP to our port", "192.0.2.1", OUR_PORT, .protocol = IPPROTO_TCP},
	{"ICMP", "192.0.2.1", OUR_PORT, .protocol = IPPROTO_ICMP},
	{"ICMPv6", "2001:db8::1", OUR_PORT, .protocol = IPPROTO_ICMPV6},
	{"IPv6 fragment", "2001:db8::1", OUR_PORT, .protocol = IPPROTO_FRAGMENT},
	{"first fragment", "192.0.2.1", OUR_PORT, .fragment = 0x2000},
	{"later fragment", "192.0.2.1", OUR_PORT, .fragment = 0x00b9},
	{"two tags", "192.0.2.1", OUR_PORT, .n_tags = 2},
	{"UDP header cut", "192.0.2.1", OUR_PORT, .cut = 1},
	{"UDP header cut behind options", "192.0.2.1", OUR_PORT, .options_bytes = 8, .cut = 1},
	{"options cut", "192.0.2.1", OUR_PORT, .options_bytes = 8, .cut = 9},
	{"IPv4 header cut", "192.0.2.1", OUR_PORT, .cut = 9},
	{"IPv6 header cut", "2001:db8::1", OUR_PORT, .cut = 9},
	{"tag and nothing behind it", "192.0.2.1", OUR_PORT, .n_tags = 1, .cut = 28},
};

static struct bpf_object *object;
static struct bpf_object *driver_object; /* what net_af_xdp would hold */
static int program_fd, listen_fd, sockets_fd;

static uint8_t *put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static uint8_t *put_ipv4(uint8_t *at, const struct frame_row *row, const struct address *to)
{
	memset(at, 0, 20 + row->options_bytes);
	memset(at + 20, 1, row->options_bytes); /* no operation */
	at[0] = (uint8_t)(0x40 | (5 + row->options_bytes / 4));
	put16(at + 2, (uint16_t)(28 + row->options_bytes));
	put16(at + 6, row->fragment);
	at[8] = 64;
	at[9] = row->protocol ? row->protocol : IPPROTO_UDP;
	memcpy(at + 12, (const uint8_t[]){198, 51, 100, 1}, 4);
	memcpy(at + 16, to->ip + 12, 4);
	return at + 20 + row->options_bytes;
}

static uint8_t *put_ipv6(uint8_t *at, const struct frame_row *row, const struct address *to)
{
	memset(at, 0, 40);
	at[0] = 0x60;
	put16(at + 4, 8);
	at[6] = row->protocol ? row->protocol : IPPROTO_UDP;
	at[7] = 64;
	at[8] = 0xfd;
	memcpy(at + 24, to->ip, 16);
	return at + 40;
}

/* Returns the length. */
static uint32_t frame_write(uint8_t frame[FRAME_BYTES], const struct frame_row *row)
{
	struct address to;
	CU_ASSERT_EQUAL(address_parse_ip(&to, row->to, row->port), 0);
	memset(frame, 0x02, 12);
	uint8_t *at = frame + 12;
	for (unsigned int i = 0; i < row->n_tags; i++)
		at = put16(put16(at, 0x8100), 7);
	bool ipv4 = address_is_ipv4(&to);
	at = put16(at, ipv4 ? 0x0800 : 0x86dd);
	at = ipv4 ? put_ipv4(at, row, &to) : put_ipv6(at, row, &to);
	at = put16(put16(put16(put16(at, 40000), row->port), 8), 0);
	return (uint32_t)(at - frame) - row->cut;
}

static uint32_t verdict_of(const struct frame_row *row)
{
	uint8_t frame[FRAME_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame,
		    .data_size_in = frame_write(frame, row), .repeat = 1);
	int rc = bpf_prog_test_run_opts(program_fd, &run);
	if (rc)
		printf("\n  %s: %s\n", row->name, strerror(-rc));
	return rc ? 0 : run.retval;
}

static void listen_at(const char *ip, bool on)
{
	const uint8_t value = 1;
	struct address address;
	struct steer_listen key = {.port_be16 = htons(OUR_PORT)};
	CU_ASSERT_EQUAL(address_parse_ip(&address, ip, 0), 0);
	memcpy(key.ip, address.ip, sizeof(key.ip));
	int rc = on ? bpf_map_update_elem(listen_fd, &key, &value, BPF_ANY)
		    : bpf_map_delete_elem(listen_fd, &key);
	CU_ASSERT_EQUAL(rc, 0);
}

static void expect_frames(bool steering)
{
	for (size_t i = 0; i < sizeof(frame_rows) / sizeof(frame_rows[0]); i++) {
		const struct frame_row *row = &frame_rows[i];
		uint32_t want = row->steered && steering ? XDP_REDIRECT : XDP_PASS;
		uint32_t is = verdict_of(row);
		if (is != want)
			printf("\n  %s: verdict %u, not %u\n", row->name, is, want);
		CU_ASSERT_EQUAL(is, want);
	}
}

static void socket_put(void)
{
	const uint32_t queue = 0;
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(bpf_map_update_elem(sockets_fd, &queue, &fd, BPF_ANY), 0);
	/* The map's last: closing the socket takes it out, so it stays open to the end. */
}

static void passes_everything_until_told(void)
{
	expect_frames(false);
}

static void passes_everything_without_a_socket(void)
{
	listen_at("192.0.2.1", true);
	listen_at("2001:db8::1", true);
	expect_frames(false);
}

static void steers_what_is_ours_and_nothing_else(void)
{
	socket_put();
	expect_frames(true);
}

static void unspecified_address_is_all_of_its_family(void)
{
	listen_at("192.0.2.1", false);
	listen_at("2001:db8::1", false);
	listen_at("0.0.0.0", true);
	struct frame_row row = {.to = "192.0.2.77", .port = OUR_PORT};
	struct frame_row row6 = {.to = "2001:db8::77", .port = OUR_PORT};
	CU_ASSERT_EQUAL(verdict_of(&row), XDP_REDIRECT);
	CU_ASSERT_EQUAL(verdict_of(&row6), XDP_PASS);
	listen_at("0.0.0.0", false);
	listen_at("::", true);
	CU_ASSERT_EQUAL(verdict_of(&row), XDP_PASS);
	CU_ASSERT_EQUAL(verdict_of(&row6), XDP_REDIRECT);
	listen_at("::", false);
}

/* What net_af_xdp does with xdp_prog=PATH. */
static void load_as_driver_does(void)
{
	char path[XDP_PATH_BYTES];
	int fd = xdp_steer_open_object(path, sizeof(path));
	CU_ASSERT_FATAL(fd >= 0);
	driver_object = bpf_object__open_file(path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(driver_object);
	CU_ASSERT_EQUAL_FATAL(bpf_object__load(driver_object), 0);
	close(fd);
	int program = bpf_program__fd(bpf_object__next_program(driver_object, NULL));
	CU_ASSERT_EQUAL_FATAL(bpf_xdp_attach((int)if_nametoindex(LOOPBACK), program,
					     XDP_FLAGS_UPDATE_IF_NOEXIST, NULL),
			      0);
}

static uint32_t program_on_loopback(void)
{
	uint32_t id = 0;
	CU_ASSERT_EQUAL(bpf_xdp_query_id((int)if_nametoindex(LOOPBACK), 0, &id), 0);
	return id;
}

static void send_datagrams(unsigned int n)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(OUR_PORT),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_FATAL(fd >= 0);
	/* Nobody listens: the kernel's "port unreachable" makes every other send fail. */
	for (unsigned int i = 0; i < n;)
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) == 1)
			i++;
	close(fd);
}

static void steers_on_an_interface_and_counts(void)
{
	struct xdp_steer *steer;
	struct xdp_counters counters;
	struct address address;
	CU_ASSERT_EQUAL(address_parse_ip(&address, "127.0.0.1", 0), 0);
	CU_ASSERT_EQUAL(xdp_steer_prepare(LOOPBACK), 0);
	load_as_driver_does();
	CU_ASSERT_EQUAL_FATAL(xdp_steer_attach(LOOPBACK, &steer), 0);
	CU_ASSERT_NOT_EQUAL(program_on_loopback(), 0);
	CU_ASSERT_EQUAL(xdp_steer_prepare(LOOPBACK), -EBUSY);
	CU_ASSERT_NOT_EQUAL(program_on_loopback(), 0);
	CU_ASSERT_EQUAL(xdp_steer_set(steer, &address, 1, OUR_PORT), 0);
	CU_ASSERT_EQUAL(xdp_steer_set(steer, &address, XDP_LISTEN_MAX + 1, OUR_PORT), -E2BIG);
	send_datagrams(3);
	CU_ASSERT_EQUAL(xdp_steer_read(steer, &counters), 0);
	/* The datagrams and the answers; no socket is there to steer to. */
	CU_ASSERT(counters.passed >= 3);
	CU_ASSERT_EQUAL(counters.steered, 0);
	CU_ASSERT_EQUAL(xdp_steer_set(steer, NULL, 0, OUR_PORT), 0);
	xdp_steer_destroy(steer);
	bpf_object__close(driver_object);
	CU_ASSERT_EQUAL(program_on_loopback(), 0);
}

/* A process that puts the program on the interface and is killed; `attached`: before it took charge
 * of it, or after. */
static void process_killed(bool attached)
{
	int ready[2];
	char byte;
	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct xdp_steer *steer;
		load_as_driver_does();
		if (attached && xdp_steer_attach(LOOPBACK, &steer))
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	CU_ASSERT_NOT_EQUAL(program_on_loopback(), 0);
	CU_ASSERT_EQUAL(kill(pid, SIGKILL), 0);
	CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

static void killed_process_leaves_no_program(void)
{
	process_killed(true);
	CU_ASSERT_EQUAL(program_on_loopback(), 0);
}

static void program_left_behind_is_removed_at_the_next_start(void)
{
	process_killed(false);
	CU_ASSERT_NOT_EQUAL(program_on_loopback(), 0);
	CU_ASSERT_EQUAL(xdp_steer_prepare(LOOPBACK), 0);
	CU_ASSERT_EQUAL(program_on_loopback(), 0);
}

static void foreign_program_stays(void)
{
	struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 2},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct xdp_steer *steer;
	int ifindex = (int)if_nametoindex(LOOPBACK);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", pass, 2, NULL);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(bpf_xdp_attach(ifindex, fd, 0, NULL), 0);
	uint32_t id = program_on_loopback();
	CU_ASSERT_EQUAL(xdp_steer_prepare(LOOPBACK), -EBUSY);
	CU_ASSERT_EQUAL(xdp_steer_attach(LOOPBACK, &steer), -ENOENT);
	CU_ASSERT_EQUAL(program_on_loopback(), id);
	CU_ASSERT_EQUAL(bpf_xdp_detach(ifindex, 0, NULL), 0);
	close(fd);
}

static void no_such_interface(void)
{
	struct xdp_steer *steer;
	CU_ASSERT_EQUAL(xdp_steer_prepare("nonesuch"), -ENODEV);
	CU_ASSERT_EQUAL(xdp_steer_attach("nonesuch", &steer), -ENODEV);
	xdp_steer_destroy(NULL);
}

static void skip(const char *wanted, int error)
{
	printf("skipped: %s: %s\n", wanted, strerror(error));
	exit(SKIPPED);
}

/* A network of its own, with its loopback up, and the program loaded. */
static int prepare(void)
{
	struct ifreq request = {.ifr_name = LOOPBACK, .ifr_flags = IFF_UP};
	if (unshare(CLONE_NEWNET))
		skip("a network namespace", errno);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc = ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	object = bpf_object__open_mem(xdp_steer_object, xdp_steer_object_bytes, NULL);
	if (rc || !object)
		return -1;
	rc = bpf_object__load(object);
	if (rc == -EPERM || rc == -ENOSYS)
		skip("loading a BPF program", -rc);
	program_fd = bpf_program__fd(bpf_object__next_program(object, NULL));
	listen_fd = bpf_object__find_map_fd_by_name(object, "nn5g_listen");
	sockets_fd = bpf_object__find_map_fd_by_name(object, "xsks_map");
	return program_fd >= 0 && listen_fd >= 0 && sockets_fd >= 0 ? 0 : -1;
}

static int finish(void)
{
	bpf_object__close(object);
	return 0;
}

static CU_TestInfo tests[] = {
	{"passes_everything_until_told", passes_everything_until_told},
	{"passes_everything_without_a_socket", passes_everything_without_a_socket},
	{"steers_what_is_ours_and_nothing_else", steers_what_is_ours_and_nothing_else},
	{"unspecified_address_is_all_of_its_family", unspecified_address_is_all_of_its_family},
	{"steers_on_an_interface_and_counts", steers_on_an_interface_and_counts},
	{"killed_process_leaves_no_program", killed_process_leaves_no_program},
	{"program_left_behind_is_removed_at_the_next_start",
	 program_left_behind_is_removed_at_the_next_start},
	{"foreign_program_stays", foreign_program_stays},
	{"no_such_interface", no_such_interface},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("xdp", tests, prepare, finish)
