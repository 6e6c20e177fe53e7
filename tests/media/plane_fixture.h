/* A media plane in this process, and browser-like peers around it that live on the test's thread:
 * their sockets, SRTP and RTP are the bench's or the test's own, nothing of the plane's. */
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/peer.h"
#include "media/plane.h"
#include "media/transport.h"
#include "qos/eal.h"
#include "tests/cunit.h"

#ifndef FIXTURE_WORKERS
#define FIXTURE_WORKERS 2
#endif
#define FIXTURE_PATIENCE 10000000000ull /* ns: what did not happen by then is missing */
#define CLIENTS_MAX      8
#define RECEIVED_MAX     512

#define SOURCE_PT     96
#define SOURCE_RTX_PT 97
#define VIEWER_PT     100
#define VIEWER_RTX_PT 101
#define SOURCE_MID_ID 1
#define SOURCE_CC_ID  2
#define VIEWER_MID_ID 3

/* A video packet as a viewer received it. */
struct received {
	uint32_t number; /* the publisher's own count of packets, from the payload */
	uint32_t ssrc, timestamp;
	uint16_t sequence, original; /* original: of a retransmission, RFC 4588 4 */
	uint8_t payload_type, dscp;
	bool has_mid, is_whole;
};

struct client {
	struct peer *peer;
	struct transport *transport;
	struct directory_entry *entry;
	/* as told by messages */
	bool is_connected, has_left, is_lost, is_freed;
	const char *failure;
	unsigned int n_low[METER_KINDS], n_out[METER_KINDS];
	uint64_t out_used_ns; /* as the last message said */
	bool is_silent;       /* sends no checks */
	/* publisher */
	uint32_t ssrc;
	uint16_t sequence, transport_sequence;
	unsigned int n_keyframe_requests, n_transport_feedback, n_nacked, n_rembs;
	uint16_t nacked;
	/* viewer */
	unsigned int n_received, n_sender_reports, n_byes;
	uint64_t control_dscps; /* bit per DSCP that STUN, DTLS and RTCP came with */
	struct received received[RECEIVED_MAX];
};

static struct plane *plane;
static struct peer_certificate *certificate;
static struct client *clients[CLIENTS_MAX];
static uint32_t next_number; /* of the packets of all publishers */

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static inline void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

/* What packet `number` carries: a VP8 descriptor and header, the number, and bytes that follow from
 * it, as many as follow from it. */
static inline size_t payload_write(uint8_t *out, uint32_t number, bool is_keyframe)
{
	size_t size = 100 + number * 37 % 1000;
	out[0] = 0x10;
	out[1] = is_keyframe ? 0x10 : 0x11;
	put32(out + 2, number);
	for (size_t i = 6; i < size; i++)
		out[i] = (uint8_t)(number + i * 7);
	return size;
}

static inline bool payload_is_whole(const uint8_t *payload, size_t size)
{
	uint8_t expected[2048];
	if (size < 6)
		return false;
	size_t whole = payload_write(expected, get32(payload + 2), payload[1] == 0x10);
	return size == whole && memcmp(payload, expected, size) == 0;
}

static inline bool has_mid(const uint8_t *block, size_t size)
{
	for (size_t at = 0; at + 1 < size;) {
		size_t bytes = (block[at] & 0x0fu) + 1;
		if (block[at] == 0) {
			at++;
			continue;
		}
		if (block[at] >> 4 == VIEWER_MID_ID)
			return bytes == 1 && block[at + 1] == 'v';
		at += 1 + bytes;
	}
	return false;
}

static inline void on_rtp(struct client *client, const uint8_t *bytes, size_t size)
{
	CU_ASSERT_FATAL(client->n_received < RECEIVED_MAX && size > 12);
	struct received *received = &client->received[client->n_received++];
	size_t offset = 12;
	*received = (struct received){
		.payload_type = bytes[1] & 0x7f,
		.sequence = get16(bytes + 2),
		.timestamp = get32(bytes + 4),
		.ssrc = get32(bytes + 8),
	};
	if (bytes[0] & 0x10) {
		size_t block = 4u * get16(bytes + 14);
		CU_ASSERT_FATAL(get16(bytes + 12) == 0xBEDE && 16 + block <= size);
		received->has_mid = has_mid(bytes + 16, block);
		offset += 4 + block;
	}
	if (received->payload_type == VIEWER_RTX_PT) {
		received->original = get16(bytes + offset);
		offset += 2;
	}
	received->number = get32(bytes + offset + 2);
	received->is_whole = payload_is_whole(bytes + offset, size - offset);
}

static inline void on_rtcp(struct client *client, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 8 <= size; at += 4u * (get16(bytes + at + 2) + 1u)) {
		unsigned int kind = (unsigned int)bytes[at + 1] << 8 | (bytes[at] & 0x1f);
		client->n_sender_reports += bytes[at + 1] == 200;
		client->n_byes += bytes[at + 1] == 203;
		client->n_transport_feedback += kind == (205 << 8 | 15);
		client->n_rembs += kind == (206 << 8 | 15);
		if (kind == (206 << 8 | 1) && get32(bytes + at + 8) == client->ssrc)
			client->n_keyframe_requests++;
		if (kind == (205 << 8 | 1) && get32(bytes + at + 8) == client->ssrc) {
			client->n_nacked++;
			client->nacked = get16(bytes + at + 12);
		}
	}
}

/* A datagram and the DSCP it came with. */
static inline ssize_t client_receive(struct client *client, uint8_t *bytes, uint8_t *dscp)
{
	uint8_t control[64] __attribute__((aligned(8)));
	struct iovec iovec = {.iov_base = bytes, .iov_len = PEER_PACKET_MAX};
	struct msghdr message = {.msg_iov = &iovec,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(peer_fd(client->peer), &message, 0);
	struct cmsghdr *cmsg = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
	*dscp = 0;
	for (; cmsg; cmsg = CMSG_NXTHDR(&message, cmsg)) {
		if (cmsg->cmsg_type == IP_TOS || cmsg->cmsg_type == IPV6_TCLASS)
			*dscp = *CMSG_DATA(cmsg) >> 2;
	}
	return got;
}

static inline void client_read(struct client *client)
{
	uint8_t bytes[PEER_PACKET_MAX], dscp;
	ssize_t got;
	while ((got = client_receive(client, bytes, &dscp)) >= 0) {
		size_t size = (size_t)got;
		if (!peer_on_datagram(client->peer, bytes, size, clock_ns())) {
			client->control_dscps |= 1ull << dscp;
			continue;
		}
		bool is_rtcp = (bytes[1] & 0x7f) >= 64 && (bytes[1] & 0x7f) <= 95;
		CU_ASSERT_FATAL(peer_unprotect(client->peer, bytes, &size, is_rtcp));
		if (is_rtcp) {
			client->control_dscps |= 1ull << dscp;
			on_rtcp(client, bytes, size);
		} else {
			on_rtp(client, bytes, size);
			client->received[client->n_received - 1].dscp = dscp;
		}
	}
}

static inline void free_transport(void *context)
{
	struct client *client = context;
	transport_destroy(client->transport);
	directory_release(plane->directory, client->entry);
	client->is_freed = true;
}

static inline void on_message(void *context, const struct message *message)
{
	struct client *client = message->transport->session;
	(void)context;
	client->is_connected |= message->type == MESSAGE_CONNECTED;
	client->has_left |= message->type == MESSAGE_PEER_CLOSED;
	client->is_lost |= message->type == MESSAGE_CONSENT_EXPIRED;
	if (message->type == MESSAGE_CREDIT_LOW)
		client->n_low[message->word]++;
	if (message->type == MESSAGE_CREDIT_OUT) {
		client->n_out[message->word]++;
		client->out_used_ns = message->a;
	}
	if (message->type == MESSAGE_HANDSHAKE_FAILED)
		client->failure = message->reason;
	if (message->type == MESSAGE_CLOSED)
		CU_ASSERT_FATAL(plane_barrier(plane, free_transport, client) == 0);
}

/* Waits a moment for anything to happen, and lets it. */
static inline void fixture_pump(void)
{
	struct pollfd fds[CLIENTS_MAX + 1] = {{.fd = plane_fd(plane), .events = POLLIN}};
	for (unsigned int i = 0; i < CLIENTS_MAX; i++)
		fds[i + 1] = (struct pollfd){.fd = clients[i] ? peer_fd(clients[i]->peer) : -1,
					     .events = POLLIN};
	poll(fds, CLIENTS_MAX + 1, plane_sleep(plane) ? 5 : 0);
	plane_dispatch(plane, on_message, NULL);
	for (unsigned int i = 0; i < CLIENTS_MAX; i++) {
		if (!clients[i])
			continue;
		client_read(clients[i]);
		if (!clients[i]->is_silent)
			peer_tick(clients[i]->peer, clock_ns());
	}
}

#define AWAIT(condition)                                                                           \
	do {                                                                                       \
		uint64_t end_ns = clock_ns() + FIXTURE_PATIENCE;                                   \
		while (!(condition) && clock_ns() < end_ns)                                        \
			fixture_pump();                                                            \
		CU_ASSERT_FATAL(condition);                                                        \
	} while (0)

static inline void fixture_set_flag(void *flag)
{
	*(bool *)flag = true;
}

/* Every worker has begun a round, and done what it was told before. */
static inline void fixture_barrier(void)
{
	bool is_passed = false;
	CU_ASSERT_EQUAL_FATAL(plane_barrier(plane, fixture_set_flag, &is_passed), 0);
	AWAIT(is_passed);
}

static inline struct answer answer_for(const struct client *client, int family)
{
	struct address address;
	struct answer answer = {.is_dtls_active = client->transport->dtls_active};
	const struct ice_credentials *local = &client->entry->local;
	memcpy(answer.ufrag, local->ufrag, sizeof(local->ufrag));
	memcpy(answer.pwd, local->pwd, sizeof(local->pwd));
	strcpy(answer.fingerprint, dtls_identity_fingerprint(plane->identity));
	address_parse_ip(&address, family == AF_INET ? "127.0.0.1" : "::1",
			 port_udp_port(plane->port));
	answer.address_len = address_to_sockaddr(&address, &answer.address);
	return answer;
}

/* Takes the transport over and begins to connect to it. */
static inline struct client *client_open(struct transport *transport, const char *profiles,
					 int family)
{
	struct client *client = calloc(1, sizeof(*client));
	unsigned int i = 0;
	while (i < CLIENTS_MAX && clients[i])
		i++;
	CU_ASSERT_FATAL(client && i < CLIENTS_MAX);
	client->peer = peer_create(certificate, profiles);
	client->transport = transport;
	transport->session = client;
	CU_ASSERT_FATAL(client->peer &&
			directory_add(plane->directory, transport, &client->entry) == 0);
	strcpy(client->entry->remote_ufrag, peer_ufrag(client->peer));
	struct answer answer = answer_for(client, family);
	plane_publish(plane, client->entry);
	clients[i] = client;
	CU_ASSERT_FATAL(peer_connect(client->peer, &answer, clock_ns()) == 0);
	int on = 1, fd = peer_fd(client->peer);
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int option = family == AF_INET ? IP_RECVTOS : IPV6_RECVTCLASS;
	CU_ASSERT_EQUAL(setsockopt(fd, level, option, &on, sizeof(on)), 0);
	return client;
}

/* Ends its session and waits until all of it is free. */
static inline void client_end(struct client *client)
{
	directory_withdraw(plane->directory, client->entry);
	plane_close(plane, client->transport);
	AWAIT(client->is_freed);
}

static inline void client_close(struct client *client)
{
	if (!client->is_freed)
		client_end(client);
	peer_destroy(client->peer);
	for (unsigned int i = 0; i < CLIENTS_MAX; i++)
		clients[i] = clients[i] == client ? NULL : clients[i];
	free(client);
}

static inline int client_home(const struct client *client)
{
	return atomic_load(&client->transport->home);
}

static inline struct transport *transport_make(unsigned int n_tracks, unsigned int n_subscriptions)
{
	char text[8 + DTLS_FINGERPRINT_TEXT + 8];
	struct transport *transport = transport_create(plane, n_tracks, n_subscriptions);
	CU_ASSERT_PTR_NOT_NULL_FATAL(transport);
	snprintf(text, sizeof(text), "sha-256 %s", peer_certificate_fingerprint(certificate));
	CU_ASSERT_FATAL(dtls_fingerprint_parse(&transport->peer_fingerprint, text, strlen(text)) ==
			0);
	transport->rtcp_ssrc = 0x7777;
	strcpy(transport->cname, "plane");
	return transport;
}

static inline struct transport *transport_make_publisher(struct feed *feed, uint32_t ssrc,
							 uint32_t epoch)
{
	struct transport *transport = transport_make(1, 0);
	struct track_config *config = &transport->tracks[0].config;
	*config = (struct track_config){
		.feed = feed,
		.codec = CODEC_VP8,
		.payload_type = SOURCE_PT,
		.rtx_payload_type = SOURCE_RTX_PT,
		.ssrc = ssrc,
		.rtx_ssrc = ssrc + 1,
		.nack = true,
		.pli = true,
		.transport_cc = true,
		.epoch = epoch,
		.mid = "0",
	};
	config->extensions.id[RTP_EXT_MID] = SOURCE_MID_ID;
	config->extensions.id[RTP_EXT_TRANSPORT_CC] = SOURCE_CC_ID;
	transport->mid_extension.id[RTP_EXT_MID] = SOURCE_MID_ID;
	CU_ASSERT_FATAL(transport_add_twcc(transport) == 0);
	return transport;
}

/* Connected, and its media finds its way. */
static inline struct client *publisher_open(struct feed *feed, uint32_t ssrc, uint32_t epoch)
{
	struct client *client = client_open(transport_make_publisher(feed, ssrc, epoch),
					    "SRTP_AEAD_AES_128_GCM", AF_INET);
	client->ssrc = ssrc;
	client->sequence = 65530; /* the wrap is near */
	AWAIT(client->is_connected && peer_state(client->peer) == PEER_CONNECTED);
	return client;
}

/* Writes what is before the payload of packet `number`; returns how much that is. */
static inline size_t packet_write_head(struct client *publisher, uint8_t *packet, bool is_rtx,
				       uint32_t number)
{
	uint8_t *extensions = packet + 12;
	packet[0] = 0x90;
	packet[1] = is_rtx ? SOURCE_RTX_PT : SOURCE_PT;
	put16(packet + 2, is_rtx ? 1 : publisher->sequence);
	put32(packet + 4, 1000 + 3000 * number);
	put32(packet + 8, publisher->ssrc + is_rtx);
	put32(extensions, 0xBEDE0002);
	extensions[4] = SOURCE_MID_ID << 4;
	extensions[5] = '0';
	extensions[6] = SOURCE_CC_ID << 4 | 1;
	put16(extensions + 7, publisher->transport_sequence++);
	return 24;
}

/* Sends the next packet; or keeps it from the wire, as loss would. */
static inline void publisher_send(struct client *publisher, bool is_keyframe, bool is_lost)
{
	uint8_t packet[PEER_PACKET_MAX] = {0};
	size_t size = packet_write_head(publisher, packet, false, next_number);
	size += payload_write(packet + size, next_number, is_keyframe);
	if (!is_lost)
		CU_ASSERT_FATAL(peer_send(publisher->peer, packet, size, false));
	next_number++;
	publisher->sequence++;
}

/* Sends packet `number`, which was no key frame, over RTX. */
static inline void publisher_send_again(struct client *publisher, uint16_t sequence,
					uint32_t number)
{
	uint8_t packet[PEER_PACKET_MAX] = {0};
	size_t size = packet_write_head(publisher, packet, true, number);
	put16(packet + size, sequence);
	size += 2 + payload_write(packet + size + 2, number, false);
	CU_ASSERT_FATAL(peer_send(publisher->peer, packet, size, false));
}

/* A key frame and `n` - 1 more packets. */
static inline void publisher_send_frames(struct client *publisher, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		publisher_send(publisher, i == 0, false);
}

static inline struct transport *transport_make_viewer(struct feed *feed, uint32_t ssrc)
{
	struct transport *transport = transport_make(0, 1);
	struct subscription_config *config = &transport->subscriptions[0].config;
	*config = (struct subscription_config){
		.feed = feed,
		.ssrc = ssrc,
		.rtx_ssrc = ssrc + 1,
		.payload_type = VIEWER_PT,
		.rtx_payload_type = VIEWER_RTX_PT,
		.mid = "v",
		.first_sequence = 32760,
		.first_rtx_sequence = 9,
		.first_timestamp = 0xfffffff0,
	};
	config->extensions.id[RTP_EXT_MID] = VIEWER_MID_ID;
	return transport;
}

static inline struct client *viewer_open(struct feed *feed, uint32_t ssrc, const char *profiles,
					 int family)
{
	struct client *client = client_open(transport_make_viewer(feed, ssrc), profiles, family);
	client->ssrc = ssrc;
	AWAIT(client->is_connected && peer_state(client->peer) == PEER_CONNECTED);
	return client;
}

/* The kernel spreads sockets over the workers as it likes: tries until it likes `home`. */
static inline struct client *viewer_open_at(struct feed *feed, uint32_t ssrc, const char *profiles,
					    int home)
{
	for (unsigned int tries = 0; tries < 40; tries++) {
		struct client *client = viewer_open(feed, ssrc, profiles, AF_INET);
		if (client_home(client) == home)
			return client;
		client_close(client);
	}
	CU_FAIL_FATAL("no session found its way to the worker");
	return NULL;
}

/* An empty receiver report and one feedback packet: NACK of a sequence number, or PLI. */
static inline void viewer_send_feedback(struct client *viewer, bool is_nack, uint16_t sequence)
{
	uint8_t packet[PEER_PACKET_MAX] = {0x80, 201, 0, 1, 0, 0, 0, 1};
	uint8_t *feedback = packet + 8;
	put16(feedback, is_nack ? 0x8100 | 205 : 0x8100 | 206);
	put16(feedback + 2, is_nack ? 3 : 2);
	put32(feedback + 4, 1);
	put32(feedback + 8, viewer->ssrc);
	put16(feedback + 12, sequence);
	CU_ASSERT_FATAL(peer_send(viewer->peer, packet, is_nack ? 24 : 20, true));
}

static inline uint64_t counted(enum counter counter)
{
	return plane_counter(plane, counter);
}

static inline int fixture_start(void)
{
	struct eal_config eal = {.program = "test_plane",
				 .n_workers = FIXTURE_WORKERS,
				 .has_egress = FIXTURE_WORKERS > 1,
				 .memory_mb = 128};
	struct plane_config config = {
		.port = {.n_listen = 2,
			 .n_queues = FIXTURE_WORKERS,
			 .socket_buffer_bytes = 1 << 20},
		.packets = 4095,
		.sessions_max = 16,
		.consent_ns = 30000000000ull,
		.retransmit_ns = 1000000000ull,
		.handshakes_half_open = 8,
		.handshakes_per_second = 1000,
		/* off: all by libsrtp2, as where there is no device. */
		.crypto_gcm = getenv("NN5G_TEST_CRYPTO"),
		.crypto_cm = getenv("NN5G_TEST_CRYPTO"),
	};
	dscp_map_default(&config.dscp);
	address_parse_ip(&config.port.listen[0], "127.0.0.1", 0);
	address_parse_ip(&config.port.listen[1], "::1", 0);
	certificate = peer_certificate_create();
	return certificate && eal_start(&eal) == 0 && plane_start(&config, &plane) == 0 ? 0 : 1;
}

static inline int fixture_stop(void)
{
	plane_stop(plane);
	eal_stop();
	peer_certificate_destroy(certificate);
	return 0;
}
