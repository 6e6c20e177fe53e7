#include "bench/publisher.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/clock.h"

#define VIDEO_SSRC  0x11111111u
#define RTX_SSRC    0x22222222u
#define AUDIO_SSRC  0x33333333u
#define FRAME_NS    33333333ull
#define AUDIO_NS    20000000ull
#define AUDIO_BYTES 120
#define CONNECT_NS  10000000000ull
#define TICK_NS     5000000ull

struct publisher {
	struct publisher_config config;
	struct peer *peer;
	struct answer answer;
	pthread_t thread;
	bool has_thread;
	atomic_bool is_stopping;
	_Atomic uint64_t packets, keyframe_requests;
	uint16_t video_sequence, audio_sequence;
	uint32_t video_timestamp, audio_timestamp;
	bool wants_keyframe;
};

static void drain(struct publisher *publisher, uint64_t now_ns)
{
	uint8_t bytes[PEER_PACKET_MAX];
	ssize_t size;
	while ((size = recv(peer_fd(publisher->peer), bytes, sizeof(bytes), 0)) >= 0) {
		size_t left = (size_t)size;
		if (!peer_on_datagram(publisher->peer, bytes, left, now_ns) ||
		    !peer_unprotect(publisher->peer, bytes, &left, true))
			continue;
		/* Our gateway sends an empty receiver report, then the feedback. */
		for (size_t at = 0; at + 4 <= left;
		     at += 4 * ((size_t)(bytes[at + 2] << 8 | bytes[at + 3]) + 1)) {
			if (bytes[at + 1] != 206)
				continue;
			publisher->wants_keyframe = true;
			atomic_fetch_add(&publisher->keyframe_requests, 1);
		}
	}
}

static void write_header(uint8_t *out, uint8_t payload_type, bool marker, uint16_t sequence,
			 uint32_t timestamp, uint32_t ssrc)
{
	out[0] = 0x80;
	out[1] = (uint8_t)(payload_type | (marker ? 0x80 : 0));
	out[2] = (uint8_t)(sequence >> 8);
	out[3] = (uint8_t)sequence;
	for (int i = 0; i < 4; i++) {
		out[4 + i] = (uint8_t)(timestamp >> (24 - 8 * i));
		out[8 + i] = (uint8_t)(ssrc >> (24 - 8 * i));
	}
}

static void send_video(struct publisher *publisher, uint64_t intended_ns, bool first, bool last)
{
	uint8_t packet[PEER_PACKET_MAX] = {0};
	uint8_t *payload = packet + 12;
	write_header(packet, 96, last, publisher->video_sequence++, publisher->video_timestamp,
		     VIDEO_SSRC);
	payload[0] = first ? 0x10 : 0; /* RFC 7741: start of partition 0 */
	payload[1] = publisher->wants_keyframe && first ? 0x10 : 0x11;
	memcpy(payload + PUBLISHER_STAMP_OFFSET, &intended_ns, sizeof(intended_ns));
	if (first)
		publisher->wants_keyframe = false;
	peer_send(publisher->peer, packet, publisher->config.packet_bytes, false);
	atomic_fetch_add_explicit(&publisher->packets, 1, memory_order_relaxed);
}

static void send_audio(struct publisher *publisher)
{
	uint8_t packet[PEER_PACKET_MAX] = {0};
	write_header(packet, 111, false, publisher->audio_sequence++, publisher->audio_timestamp,
		     AUDIO_SSRC);
	publisher->audio_timestamp += 960;
	peer_send(publisher->peer, packet, AUDIO_BYTES, false);
}

static void *publish(void *argument)
{
	struct publisher *publisher = argument;
	uint64_t interval_ns = publisher->config.packet_bytes * 8ull * 1000000000ull /
			       publisher->config.bitrate_bps;
	uint64_t next_ns = clock_ns(), frame_ns = next_ns, audio_ns = next_ns;
	bool first = true;
	while (!atomic_load(&publisher->is_stopping)) {
		clock_sleep_until(next_ns);
		drain(publisher, next_ns);
		peer_tick(publisher->peer, next_ns);
		bool last = next_ns + interval_ns >= frame_ns + FRAME_NS;
		send_video(publisher, next_ns, first, last);
		first = last;
		if (last) {
			frame_ns += FRAME_NS;
			publisher->video_timestamp += 3000;
		}
		if (publisher->config.audio && next_ns >= audio_ns) {
			send_audio(publisher);
			audio_ns += AUDIO_NS;
		}
		next_ns += interval_ns;
	}
	return NULL;
}

static int connect_peer(struct publisher *publisher)
{
	uint64_t begin_ns = clock_ns();
	int rc = peer_connect(publisher->peer, &publisher->answer, begin_ns);
	while (rc == 0 && peer_state(publisher->peer) != PEER_CONNECTED) {
		struct pollfd pollfd = {.fd = peer_fd(publisher->peer), .events = POLLIN};
		poll(&pollfd, 1, (int)(TICK_NS / 1000000));
		drain(publisher, clock_ns());
		peer_tick(publisher->peer, clock_ns());
		if (peer_state(publisher->peer) == PEER_FAILED ||
		    clock_ns() - begin_ns > CONNECT_NS)
			rc = -ETIMEDOUT;
	}
	return rc;
}

int publisher_start(const struct publisher_config *config, struct publisher **out)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		return -ENOMEM;
	publisher->config = *config;
	publisher->wants_keyframe = true;
	publisher->peer = peer_create(config->certificate, config->profiles);
	if (!publisher->peer) {
		publisher_stop(publisher);
		return -ENOMEM;
	}
	struct offer offer = {
		.publish = true,
		.audio = config->audio,
		.ufrag = peer_ufrag(publisher->peer),
		.pwd = peer_pwd(publisher->peer),
		.fingerprint = peer_certificate_fingerprint(config->certificate),
		.video_ssrc = VIDEO_SSRC,
		.rtx_ssrc = RTX_SSRC,
		.audio_ssrc = AUDIO_SSRC,
	};
	int rc = signalling_post(config->target, config->path, &offer, &publisher->answer);
	if (rc == 0)
		rc = connect_peer(publisher);
	if (rc == 0)
		rc = -pthread_create(&publisher->thread, NULL, publish, publisher);
	publisher->has_thread = rc == 0;
	if (rc) {
		publisher_stop(publisher);
		return rc;
	}
	*out = publisher;
	return 0;
}

void publisher_stop(struct publisher *publisher)
{
	if (!publisher)
		return;
	atomic_store(&publisher->is_stopping, true);
	if (publisher->has_thread)
		pthread_join(publisher->thread, NULL);
	if (publisher->answer.location[0])
		signalling_delete(publisher->config.target, publisher->answer.location);
	peer_destroy(publisher->peer);
	free(publisher);
}

uint64_t publisher_packets(const struct publisher *publisher)
{
	return atomic_load_explicit(&publisher->packets, memory_order_relaxed);
}

uint64_t publisher_keyframe_requests(const struct publisher *publisher)
{
	return atomic_load_explicit(&publisher->keyframe_requests, memory_order_relaxed);
}
