/* The exception path against the kernel itself: a tap in a network namespace of its own, whose ARP
 * and ping answers come back as frames. Wants CAP_NET_ADMIN; ends with status 77 (skipped) where
 * the kernel does not let it. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "qos/eal.h"
#include "qos/exception.h"
#include "qos/packet.h"
#include "tests/cunit.h"

#define SKIPPED      77
#define TAP          "nn5gtap"
#define POOL_PACKETS 255
#define WAIT_MS      5000
#define MS           1000000ull
#define ARP_BYTES    42

static const uint8_t our_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t peer_mac[6] = {0x02, 0, 0, 0, 0, 0x02};
static struct rte_mempool *pool;
static uint64_t now_ns = 5 * MS;

static struct exception *tap_open(void)
{
	struct exception_config config = {.interface = TAP, .mtu = 1500, .pool = pool};
	struct exception *exception = NULL;
	memcpy(config.mac, our_mac, sizeof(our_mac));
	CU_ASSERT_EQUAL_FATAL(exception_open(&config, &exception), 0);
	return exception;
}

static void tap_set_address(const char *ip)
{
	struct ifreq request = {.ifr_name = TAP};
	struct sockaddr_in address = {.sin_family = AF_INET};
	CU_ASSERT_EQUAL(inet_pton(AF_INET, ip, &address.sin_addr), 1);
	memcpy(&request.ifr_addr, &address, sizeof(address));
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(ioctl(fd, SIOCSIFADDR, &request), 0);
	close(fd);
}

/* "Who has 192.0.2.1?" of 192.0.2.2 (RFC 826). */
static struct rte_mbuf *arp_request(void)
{
	static const uint8_t fixed[] = {0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
	struct rte_mbuf *frame = packet_alloc(pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(frame);
	uint8_t *at = packet_bytes(frame);
	frame->data_len = ARP_BYTES;
	frame->pkt_len = ARP_BYTES;
	memset(at, 0, ARP_BYTES);
	memset(at, 0xff, 6);
	memcpy(at + 6, peer_mac, 6);
	memcpy(at + 12, fixed, sizeof(fixed));
	memcpy(at + 22, peer_mac, 6);
	memcpy(at + 28, (const uint8_t[]){192, 0, 2, 2}, 4);
	memcpy(at + 38, (const uint8_t[]){192, 0, 2, 1}, 4);
	return frame;
}

/* Takes frames of the kernel until one is an ARP answer (IPv6 has things to say, too). */
static bool arp_answer_comes(struct exception *exception)
{
	struct pollfd readable = {.fd = exception_fd(exception), .events = POLLIN};
	while (poll(&readable, 1, WAIT_MS) == 1) {
		struct rte_mbuf *frame;
		bool is_answer = false;
		if (exception_from_kernel(exception, &frame, 1) == 1) {
			const uint8_t *at = packet_bytes(frame);
			is_answer = frame->data_len >= ARP_BYTES && at[12] == 0x08 &&
				    at[13] == 0x06 && at[21] == 2 && memcmp(at, peer_mac, 6) == 0 &&
				    memcmp(at + 6, our_mac, 6) == 0;
			CU_ASSERT_EQUAL(frame->pkt_len, frame->data_len);
			packet_free(frame);
		}
		if (is_answer)
			return true;
	}
	return false;
}

static void kernel_answers_arp_through_the_tap(void)
{
	struct exception *exception = tap_open();
	struct rte_mbuf *frame = arp_request();
	tap_set_address("192.0.2.1");
	exception_to_kernel(exception, &frame, 1, now_ns);
	CU_ASSERT_EQUAL(exception_counter(&exception->counters.to_kernel), 1);
	CU_ASSERT(arp_answer_comes(exception));
	CU_ASSERT(exception_counter(&exception->counters.from_kernel) >= 1);
	exception_close(exception);
	CU_ASSERT(rte_mempool_full(pool));
}

static void nothing_to_read_is_no_frame(void)
{
	struct exception *exception = tap_open();
	struct rte_mbuf *frames[32];
	uint16_t n;
	/* What IPv6 says on an interface that comes up. */
	while ((n = exception_from_kernel(exception, frames, 32)) > 0)
		rte_pktmbuf_free_bulk(frames, n);
	CU_ASSERT_EQUAL(exception_counter(&exception->counters.from_kernel_dropped), 0);
	exception_close(exception);
	CU_ASSERT(rte_mempool_full(pool));
}

static void send_requests(struct exception *exception, unsigned int n)
{
	struct rte_mbuf *frames[32];
	for (unsigned int i = 0; i < n; i++)
		frames[i] = arp_request();
	exception_to_kernel(exception, frames, (uint16_t)n, now_ns);
}

static void flood_is_dropped_beyond_the_budget(void)
{
	struct exception *exception = tap_open();
	const uint64_t *sent = &exception->counters.to_kernel;
	const uint64_t *dropped = &exception->counters.to_kernel_dropped;
	for (unsigned int i = 0; i < 5; i++)
		send_requests(exception, 20);
	CU_ASSERT_EQUAL(exception_counter(sent), EXCEPTION_FRAMES_PER_MS);
	CU_ASSERT_EQUAL(exception_counter(dropped), 100 - EXCEPTION_FRAMES_PER_MS);
	now_ns += MS;
	send_requests(exception, 20);
	CU_ASSERT_EQUAL(exception_counter(sent), EXCEPTION_FRAMES_PER_MS + 20);
	exception_close(exception);
	CU_ASSERT(rte_mempool_full(pool));
}

static void frame_larger_than_a_buffer_is_dropped(void)
{
	struct exception_config config = {.interface = TAP, .mtu = 9000, .pool = pool};
	struct exception *exception;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	static char bytes[8000];
	struct rte_mbuf *frames[32];
	uint16_t n;
	memcpy(config.mac, our_mac, sizeof(our_mac));
	CU_ASSERT_EQUAL_FATAL(exception_open(&config, &exception), 0);
	tap_set_address("192.0.2.1");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	CU_ASSERT_EQUAL(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
	CU_ASSERT_EQUAL(inet_pton(AF_INET, "192.0.2.255", &to.sin_addr), 1);
	CU_ASSERT_EQUAL(sendto(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&to, sizeof(to)),
			(ssize_t)sizeof(bytes));
	close(fd);
	while ((n = exception_from_kernel(exception, frames, 32)) > 0)
		for (uint16_t i = 0; i < n; i++) {
			CU_ASSERT(frames[i]->data_len < sizeof(bytes));
			packet_free(frames[i]);
		}
	CU_ASSERT_EQUAL(exception_counter(&exception->counters.from_kernel_dropped), 1);
	exception_close(exception);
	CU_ASSERT(rte_mempool_full(pool));
}

static void empty_pool_leaves_frames_in_the_tap(void)
{
	struct exception *exception = tap_open();
	struct rte_mbuf *taken[POOL_PACKETS + 1], *frame = arp_request();
	unsigned int n = 0;
	tap_set_address("192.0.2.1");
	exception_to_kernel(exception, &frame, 1, now_ns += MS);
	while (n < RTE_DIM(taken) && (taken[n] = packet_alloc(pool)))
		n++;
	CU_ASSERT_EQUAL(exception_from_kernel(exception, &frame, 1), 0);
	CU_ASSERT_EQUAL(exception_counter(&exception->counters.from_kernel_dropped), 0);
	while (n > 0)
		packet_free(taken[--n]);
	CU_ASSERT(arp_answer_comes(exception));
	exception_close(exception);
}

static void second_user_is_refused(void)
{
	struct exception *first = tap_open(), *second = NULL;
	struct exception_config config = {.interface = TAP, .mtu = 1500, .pool = pool};
	CU_ASSERT_EQUAL(exception_open(&config, &second), -EBUSY);
	config.interface = "lo";
	CU_ASSERT_EQUAL(exception_open(&config, &second), -EINVAL);
	CU_ASSERT_PTR_NULL(second);
	exception_close(first);
	exception_close(NULL);
	CU_ASSERT_EQUAL(if_nametoindex(TAP), 0);
}

static int start(void)
{
	struct eal_config config = {.program = "test_exception", .n_workers = 1, .memory_mb = 64};
	if (unshare(CLONE_NEWNET) || access("/dev/net/tun", R_OK | W_OK)) {
		printf("skipped: a network namespace and /dev/net/tun: %s\n", strerror(errno));
		exit(SKIPPED);
	}
	int rc = eal_start(&config);
	return rc ? rc : packet_pool_create("exception", POOL_PACKETS, &pool);
}

static int stop(void)
{
	packet_pool_destroy(pool);
	eal_stop();
	return 0;
}

static CU_TestInfo tests[] = {
	{"kernel_answers_arp_through_the_tap", kernel_answers_arp_through_the_tap},
	{"nothing_to_read_is_no_frame", nothing_to_read_is_no_frame},
	{"flood_is_dropped_beyond_the_budget", flood_is_dropped_beyond_the_budget},
	{"frame_larger_than_a_buffer_is_dropped", frame_larger_than_a_buffer_is_dropped},
	{"empty_pool_leaves_frames_in_the_tap", empty_pool_leaves_frames_in_the_tap},
	{"second_user_is_refused", second_user_is_refused},
	CU_TEST_INFO_NULL,
};
TEST_MAIN_WITH("exception", tests, start, stop)
