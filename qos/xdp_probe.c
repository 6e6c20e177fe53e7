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

static int queue_bind(int fd, const char *interface, unsigned int queue)
{
	struct sockaddr_xdp name = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_nametoindex(interface),
		.sxdp_queue_id = queue,
	};
	if (name.sxdp_ifindex == 0)
		return -ENODEV;
	return bind(fd, (struct sockaddr *)&name, sizeof(name)) ? -errno : 0;
}

static int socket_try(int fd, const struct xdp_umem_reg *memory, enum xdp_step *step)
{
	*step = XDP_STEP_MEMORY;
	int rc = option_set(fd, XDP_UMEM_REG, memory, sizeof(*memory));
	if (rc)
		return rc;
	*step = XDP_STEP_RINGS;
	return rings_set(fd);
}

int xdp_probe(const char *interface, unsigned int queue, uint64_t bytes, enum xdp_step *step)
{
	struct xdp_umem_reg memory = {.chunk_size = FRAME_BYTES};
	memory.len = (bytes + FRAME_BYTES - 1) / FRAME_BYTES * FRAME_BYTES;
	*step = XDP_STEP_SOCKET;
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = -ENOMEM;
	void *area = mmap(NULL, memory.len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area == MAP_FAILED) {
		*step = XDP_STEP_MEMORY;
		goto out;
	}
	memory.addr = (uintptr_t)area;
	rc = socket_try(fd, &memory, step);
	if (rc == 0) {
		*step = XDP_STEP_BIND;
		rc = queue_bind(fd, interface, queue);
	}
out:
	close(fd);
	if (area != MAP_FAILED)
		munmap(area, memory.len);
	return rc;
}
