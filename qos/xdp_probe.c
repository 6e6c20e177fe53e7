/* An AF_XDP socket by hand, with the smallest rings there are: what net_af_xdp asks of the kernel,
 * without DPDK and without a program. */
#include "qos/xdp_probe.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_BYTES 4096
#define RING_FRAMES 64

const char *const xdp_step_names[XDP_STEPS] = {
	[XDP_STEP_SOCKET] = "AF_XDP socket",
	[XDP_STEP_MEMORY] = "packet memory",
	[XDP_STEP_RINGS] = "rings",
	[XDP_STEP_BIND] = "bind to the queue",
};

static int option_set(int fd, int name, const void *value, socklen_t bytes)
{
	return setsockopt(fd, SOL_XDP, name, value, bytes) ? -errno : 0;
}

static int rings_set(int fd)
{
	static const int rings[] = {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING,
				    XDP_TX_RING};
	const uint32_t frames = RING_FRAMES;
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < sizeof(rings) / sizeof(rings[0]); i++)
		rc = option_set(fd, rings[i], &frames, sizeof(frames));
	return rc;
}

static int queue_bind(int fd, const char *interface, unsigned int queue, uint16_t flags)
{
	struct sockaddr_xdp name = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = flags,
		.sxdp_ifindex = if_nametoindex(interface),
		.sxdp_queue_id = queue,
	};
	if (name.sxdp_ifindex == 0)
		return -ENODEV;
	return bind(fd, (struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
}

/* A socket and its memory. */
struct
try {
	int fd;
	void *area;
	uint64_t bytes;
};

static int memory_set(struct try *try)
{
	try->area = mmap(NULL, try->bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (try->area == MAP_FAILED)
		return -errno;
	struct xdp_umem_reg memory = {
		.addr = (uintptr_t)try->area, .len = try->bytes, .chunk_size = FRAME_BYTES};
	return option_set(try->fd, XDP_UMEM_REG, &memory, sizeof(memory));
}

/* What is open when it fails is left to try_close. */
static int try_open(struct try *try, const char *interface, struct xdp_probe *at, uint16_t flags)
{
	at->step = XDP_STEP_SOCKET;
	try->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (try->fd < 0)
		return -errno;
	at->step = XDP_STEP_MEMORY;
	int rc = memory_set(try);
	if (rc)
		return rc;
	at->step = XDP_STEP_RINGS;
	rc = rings_set(try->fd);
	if (rc)
		return rc;
	at->step = XDP_STEP_BIND;
	return queue_bind(try->fd, interface, at->queue, flags);
}

static void try_close(struct try *try)
{
	if (try->fd >= 0)
		close(try->fd);
	if (try->area != MAP_FAILED)
		munmap(try->area, try->bytes);
}

int xdp_probe(const char *interface, unsigned int n_queues, uint64_t bytes, struct xdp_probe *fault)
{
	struct try tries[XDP_PROBE_MAX];
	struct xdp_probe at = {0};
	unsigned int n = 0;
	int rc = 0;
	bytes = (bytes + FRAME_BYTES - 1) / FRAME_BYTES * FRAME_BYTES;
	for (; rc == 0 && n < n_queues && n < XDP_PROBE_MAX; n++) {
		tries[n] = (struct try){.fd = -1, .area = MAP_FAILED, .bytes = bytes};
		at.queue = n;
		rc = try_open(&tries[n], interface, &at, XDP_COPY);
	}
	while (n > 0)
		try_close(&tries[--n]);
	if (rc)
		*fault = at;
	return rc;
}

int xdp_queue_ask(const char *interface, unsigned int queue)
{
	struct try try = {.fd = -1, .area = MAP_FAILED, .bytes = RING_FRAMES * FRAME_BYTES};
	struct xdp_probe at = {.queue = queue};
	int rc = try_open(&try, interface, &at, XDP_ZEROCOPY);
	try_close(&try);
	if (rc == -EOPNOTSUPP && at.step == XDP_STEP_BIND)
		return 0;
	return rc ? rc : -EAGAIN;
}
