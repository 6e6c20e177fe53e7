/* What the guard counts: a worker of a whole media plane, driven round by round on this thread,
 * with a publisher and viewers whose keys no handshake agreed on. Packets come in and leave through
 * the plane's own socket port; behind it is one socket that nobody reads.
 *
 * The program measures nothing itself. It runs under valgrind's callgrind, which is told to collect
 * within guard_round() only (see `run`): instructions of this process, not of the kernel's, with
 * the time given as an argument and the load the same in every run, so the count is the same, too.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/clock.h"
#include "media/plane.h"
#include "media/wire.h"
#include "qos/eal.h"

#define VIEWERS_MAX      1000
#define FRAME_PACKETS    4 /* that come in one round */
#define FRAME_NS         16000000ull
#define FRAMES_WARM      10
#define FRAMES_COUNTED   25
#define HEADER_BYTES     20 /* with the MID extension */
#define PUBLISHER_SSRC   0x1000u
#define PUBLISHER_PT     96
#define MID_EXTENSION_ID 1

struct scene {
	struct plane *plane;
	struct worker *worker;
	struct feed *feed;
	struct nn_srtp *protect; /* the publisher's */
	struct transport *publisher;
	struct transport *viewers[VIEWERS_MAX];
	unsigned int n_viewers, packet_bytes;
	int publisher_fd, sink_fd;
	struct sockaddr_in port;
	uint64_t now_ns;
	uint16_t sequence;
};

static void fail(const char *what)
{
	fprintf(stderr, "nn5g-bench-guard: cannot %s\n", what);
	exit(EXIT_FAILURE);
}

static int open_socket(void)
{
	struct sockaddr_in loopback = {.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)))
		fail("open a socket");
	return fd;
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_in bound;
	socklen_t size = sizeof(bound);
	getsockname(fd, (struct sockaddr *)&bound, &size);
	return ntohs(bound.sin_port);
}

static void open_plane(struct scene *scene)
{
	struct eal_config eal = {.program = "nn5g-bench-guard", .n_workers = 1, .memory_mb = 192};
	struct plane_config config = {
		.port = {.kind = PORT_SOCKET,
			 .n_listen = 1,
			 .n_queues = 1,
			 .socket_buffer_bytes = 4u << 20},
		.packets = 16383,
		.sessions_max = VIEWERS_MAX + 1,
		.consent_ns = 30000000000ull,
		.retransmit_ns = 500000000ull,
		.handshakes_half_open = 64,
		.handshakes_per_second = 64,
	};
	address_parse_ip(&config.port.listen[0], "127.0.0.1", 0);
	dscp_map_default(&config.dscp);
	if (eal_start(&eal) || plane_create(&config, &scene->plane))
		fail("make a media plane");
	scene->worker = scene->plane->workers[0];
	scene->port = (struct sockaddr_in){.sin_family = AF_INET,
					   .sin_port = htons(port_udp_port(scene->plane->port)),
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	scene->publisher_fd = open_socket();
	scene->sink_fd = open_socket();
	scene->now_ns = clock_ns();
}

/* As after its check and its handshake: homed, with a selected pair and keys. */
static void connect_transport(struct scene *scene, struct transport *transport,
			      uint16_t remote_port, const struct srtp_keys *keys)
{
	struct packet_meta from = {0};
	address_parse_ip(&from.flow.local, "127.0.0.1", port_udp_port(scene->plane->port));
	address_parse_ip(&from.flow.remote, "127.0.0.1", remote_port);
	atomic_store(&transport->home, (int)scene->worker->id);
	transport->rtcp_ssrc = 1;
	strcpy(transport->cname, "guard");
	scene->worker->now_ns = scene->now_ns;
	if (transport_set_keys(transport, keys) ||
	    transport_on_check(scene->worker, transport, &from, true))
		fail("connect a session");
	transport_on_keys(scene->worker, transport);
}

static struct srtp_keys make_keys(enum srtp_profile profile, unsigned int seed)
{
	struct srtp_keys keys = {.profile = profile};
	for (unsigned int i = 0; i < SRTP_MASTER_KEY_MAX; i++) {
		keys.send[i] = (uint8_t)(i + seed);
		keys.receive[i] = (uint8_t)(i + seed + 1);
	}
	return keys;
}

static void open_publisher(struct scene *scene, enum srtp_profile profile)
{
	struct srtp_keys keys = make_keys(profile, 1), peers = keys;
	struct transport *transport = transport_create(scene->plane, 1, 0);
	memcpy(peers.send, keys.receive, sizeof(peers.send));
	if (!transport || transport_add_twcc(transport) ||
	    nn_srtp_create(&peers, false, &scene->protect))
		fail("make a publisher");
	struct track_config *config = &transport->tracks[0].config;
	*config = (struct track_config){.feed = scene->feed,
					.codec = CODEC_VP8,
					.payload_type = PUBLISHER_PT,
					.ssrc = PUBLISHER_SSRC,
					.nack = true,
					.pli = true,
					.epoch = 1,
					.mid = "0"};
	config->extensions.id[RTP_EXT_MID] = MID_EXTENSION_ID;
	transport->mid_extension.id[RTP_EXT_MID] = MID_EXTENSION_ID;
	connect_transport(scene, transport, bound_port(scene->publisher_fd), &keys);
	scene->publisher = transport;
}

/* All of them live at the one sink: a flow is told apart by its transport on the way out. */
static void open_viewer(struct scene *scene, enum srtp_profile profile)
{
	unsigned int number = scene->n_viewers;
	struct srtp_keys keys = make_keys(profile, 3 + 2 * number);
	struct transport *transport = transport_create(scene->plane, 0, 1);
	if (!transport)
		fail("make a viewer");
	struct subscription_config *config = &transport->subscriptions[0].config;
	*config = (struct subscription_config){.feed = scene->feed,
					       .ssrc = 0x20000 + 2 * number,
					       .rtx_ssrc = 0x20001 + 2 * number,
					       .payload_type = 100,
					       .rtx_payload_type = 101,
					       .mid = "0",
					       .first_sequence = 1,
					       .first_rtx_sequence = 1};
	config->extensions.id[RTP_EXT_MID] = 3;
	connect_transport(scene, transport, bound_port(scene->sink_fd), &keys);
	scene->viewers[scene->n_viewers++] = transport;
}

static void send_packet(struct scene *scene, bool is_keyframe)
{
	struct rte_mbuf *packet = packet_alloc(scene->plane->pool);
	int result = 0;
	if (!packet)
		fail("make a packet");
	uint8_t *out = (uint8_t *)rte_pktmbuf_append(packet, (uint16_t)scene->packet_bytes);
	memset(out, 0x55, scene->packet_bytes);
	out[0] = 0x90;
	out[1] = PUBLISHER_PT;
	wire_write16(out + 2, ++scene->sequence);
	wire_write32(out + 4, scene->sequence / FRAME_PACKETS * 1440u);
	wire_write32(out + 8, PUBLISHER_SSRC);
	wire_write32(out + 12, 0xbede0001);
	out[16] = MID_EXTENSION_ID << 4;
	out[17] = '0';
	out[18] = out[19] = 0;
	out[HEADER_BYTES] = 0x10; /* VP8: the start of a frame, key or not */
	out[HEADER_BYTES + 1] = is_keyframe ? 0x10 : 0x11;
	nn_srtp_protect(scene->protect, &packet, 1, &result);
	if (result || sendto(scene->publisher_fd, packet_bytes(packet), packet->data_len, 0,
			     (const struct sockaddr *)&scene->port, sizeof(scene->port)) < 0)
		fail("send a packet");
	packet_free(packet);
}

/* Not to be inlined: callgrind finds it by its name. */
__attribute__((noinline)) static unsigned int guard_round(struct worker *worker, uint64_t now_ns)
{
	return worker_round(worker, now_ns);
}

/* A frame comes and is forwarded; half a frame later only timers may have something to do. */
static void run_frame(struct scene *scene, bool is_keyframe, bool is_counted)
{
	unsigned int (*round)(struct worker *, uint64_t) = is_counted ? guard_round : worker_round;
	for (unsigned int i = 0; i < FRAME_PACKETS; i++)
		send_packet(scene, is_keyframe && i == 0);
	round(scene->worker, scene->now_ns);
	round(scene->worker, scene->now_ns + FRAME_NS / 2);
	scene->now_ns += FRAME_NS;
}

static uint64_t forwarded(const struct scene *scene)
{
	uint64_t n = 0;
	for (unsigned int i = 0; i < scene->n_viewers; i++)
		n += scene->viewers[i]->stats[STAT_TX_PACKETS];
	return n;
}

/* Lets go of everything, so that a leak checker has nothing to say either. */
static void close_scene(struct scene *scene)
{
	transport_close(scene->worker, scene->publisher);
	for (unsigned int i = 0; i < scene->n_viewers; i++)
		transport_close(scene->worker, scene->viewers[i]);
	worker_flush(scene->worker);
	transport_destroy(scene->publisher);
	for (unsigned int i = 0; i < scene->n_viewers; i++)
		transport_destroy(scene->viewers[i]);
	nn_srtp_destroy(scene->protect);
	feed_destroy(scene->feed);
	plane_destroy(scene->plane);
	close(scene->publisher_fd);
	close(scene->sink_fd);
	eal_stop();
}

static void run(struct scene *scene, enum srtp_profile profile, unsigned int n_viewers)
{
	open_plane(scene);
	scene->feed = feed_create(CODEC_VP8, 1);
	if (!scene->feed)
		fail("make a feed");
	open_publisher(scene, profile);
	while (scene->n_viewers < n_viewers)
		open_viewer(scene, profile);
	for (unsigned int i = 0; i < FRAMES_WARM; i++)
		run_frame(scene, i == 0, false);
	uint64_t before = forwarded(scene);
	for (unsigned int i = 0; i < FRAMES_COUNTED; i++)
		run_frame(scene, false, true);
	uint64_t n = forwarded(scene) - before;
	if (n != (uint64_t)FRAMES_COUNTED * FRAME_PACKETS * n_viewers)
		fail("forward every packet");
	printf("%" PRIu64 "\n", n);
	close_scene(scene);
}

static bool find_profile(const char *name, enum srtp_profile *profile)
{
	static const struct {
		const char *name;
		enum srtp_profile profile;
	} rows[] = {
		{"gcm256", SRTP_AEAD_AES_256_GCM},
		{"gcm128", SRTP_AEAD_AES_128_GCM},
		{"cm80", SRTP_AES128_CM_SHA1_80},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*profile = rows[i].profile;
		if (strcmp(rows[i].name, name) == 0)
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	static struct scene scene;
	enum srtp_profile profile;
	unsigned int n_viewers = argc == 4 ? (unsigned int)atoi(argv[3]) : 0;
	scene.packet_bytes = argc == 4 ? (unsigned int)atoi(argv[2]) : 0;
	if (n_viewers < 1 || n_viewers > VIEWERS_MAX || scene.packet_bytes < 2 * HEADER_BYTES ||
	    scene.packet_bytes > 1400 || !find_profile(argv[1], &profile)) {
		fprintf(stderr,
			"usage: nn5g-bench-guard gcm256|gcm128|cm80 BYTES VIEWERS\n"
			"Forwards packets of BYTES (40 to 1400) to VIEWERS (1 to %d) and prints "
			"how "
			"many were counted.\n",
			VIEWERS_MAX);
		return 2;
	}
	run(&scene, profile, n_viewers);
	return EXIT_SUCCESS;
}
