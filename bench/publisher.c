/* The thread sleeps until the next packet's intended time, sends what is due, and looks after its
 * session; it never adapts, neither to feedback nor to being late. A new frame every 33 ms; a key
 * frame first and after each request, which is as much of VP8 as a forwarder looks at. */
#include "bench/publisher.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/clock.h"
#include "bench/stamp.h"

#define VIDEO_SSRC  0x11111111u
#define RTX_SSRC    0x22222222u
#define AUDIO_SSRC  0x33333333u
#define FRAME_NS    33333333ull
#define AUDIO_NS    20000000ull
#define AUDIO_BYTES 120
#define REPORT_NS   1000000000ull
#define CONNECT_NS  10000000000ull
#define TICK_NS     5000000ull

#define HEAD_BYTES      24 /* header, and MID and transport-cc extensions */
#define NTP_UNIX_OFFSET 2208988800ull

struct source {
	uint32_t ssrc, timestamp;
	uint8_t payload_type;
	char mid;
	uint16_t sequence;
	uint32_t octets;
	_Atomic uint64_t sent;
};

struct publisher {
	struct publisher_config config;
	struct peer *peer;
	struct answer answer;
	pthread_t thread;
	bool has_thread;
	atomic_bool is_stopping, is_paused;
	_Atomic uint64_t lag_ns;
	struct source video, audio;
	uint16_t transport_sequence;
	bool wants_keyframe;
	uint64_t report_due_ns;
};

static void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

static void on_rtcp(struct publisher *publisher, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 4 <= size;
	     at += 4 * ((size_t)(bytes[at + 2] << 8 | bytes[at + 3]) + 1)) {
		unsigned int format = bytes[at] & 0x1f;
		if (bytes[at + 1] != 206 || (format != 1 && format != 4)) /* PLI, FIR */
			continue;
		publisher->wants_keyframe = true;
	}
}

static void drain(struct publisher *publisher, uint64_t now_ns)
{
	uint8_t bytes[PEER_PACKET_MAX];
	ssize_t got;
	while ((got = recv(peer_fd(publisher->peer), bytes, sizeof(bytes), 0)) >= 0) {
		size_t size = (size_t)got;
		if (peer_on_datagram(publisher->peer, bytes, size, now_ns) &&
		    peer_unprotect(publisher->peer, bytes, &size, true))
			on_rtcp(publisher, bytes, size);
	}
}

static void write_head(struct publisher *publisher, const struct source *source, bool marker,
		       uint8_t *out)
{
	out[0] = 0x90;
	out[1] = (uint8_t)(source->payload_type | (marker ? 0x80 : 0));
	put16(out + 2, source->sequence);
	put32(out + 4, source->timestamp);
	put32(out + 8, source->ssrc);
	put32(out + 12, 0xBEDE0002); /* RFC 8285, one-byte elements */
	out[16] = SIGNALLING_MID_ID << 4;
	out[17] = (uint8_t)source->mid;
	out[18] = SIGNALLING_TRANSPORT_CC_ID << 4 | 1;
	put16(out + 19, publisher->transport_sequence++);
}

/* Sends a packet of `size` bytes whose payload's first two are `begin`. */
static void send_media(struct publisher *publisher, struct source *source, uint64_t intended_ns,
		       size_t size, const uint8_t begin[2], bool marker)
{
	uint8_t packet[PEER_PACKET_MAX] = {0};
	struct stamp stamp = {.intended_ns = intended_ns,
			      .number = atomic_load_explicit(&source->sent, memory_order_relaxed)};
	write_head(publisher, source, marker, packet);
	stamp_write(&stamp, packet + HEAD_BYTES, size - HEAD_BYTES);
	memcpy(packet + HEAD_BYTES, begin, 2);
	peer_send(publisher->peer, packet, size, false);
	source->sequence++;
	source->octets += (uint32_t)(size - HEAD_BYTES);
	atomic_store_explicit(&source->sent, stamp.number + 1, memory_order_relaxed);
}

/* RFC 7741: partition 0 begins with the frame; bit 0 of its header is 0 in a key frame. */
static void send_video(struct publisher *publisher, uint64_t intended_ns, bool first, bool last)
{
	bool keyframe = publisher->wants_keyframe && first;
	uint8_t begin[2] = {first ? 0x10 : 0, keyframe ? 0x10 : 0x11};
	send_media(publisher, &publisher->video, intended_ns, publisher->config.packet_bytes, begin,
		   last);
	if (keyframe)
		publisher->wants_keyframe = false;
}

static void send_audio(struct publisher *publisher, uint64_t intended_ns)
{
	static const uint8_t begin[2] = {0x78, 0};
	send_media(publisher, &publisher->audio, intended_ns, AUDIO_BYTES, begin, false);
	publisher->audio.timestamp += 960;
}

/* A sender report and its SDES item, RFC 3550 6.4.1 and 6.5. */
static void send_report(struct publisher *publisher, const struct source *source)
{
	uint8_t packet[PEER_PACKET_MAX] = {0x80, 200, 0, 6};
	uint8_t *sdes = packet + 28;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	put32(packet + 4, source->ssrc);
	put32(packet + 8, (uint32_t)((uint64_t)now.tv_sec + NTP_UNIX_OFFSET));
	put32(packet + 12, (uint32_t)(((uint64_t)now.tv_nsec << 32) / 1000000000ull));
	put32(packet + 16, source->timestamp);
	put32(packet + 20, (uint32_t)atomic_load(&source->sent));
	put32(packet + 24, source->octets);
	put32(sdes, 0x81CA0003);
	put32(sdes + 4, source->ssrc);
	memcpy(sdes + 8, "\1\5bench", 7);
	peer_send(publisher->peer, packet, 28 + 16, true);
}

static void send_reports(struct publisher *publisher, uint64_t now_ns)
{
	if (now_ns < publisher->report_due_ns)
		return;
	publisher->report_due_ns = now_ns + REPORT_NS;
	send_report(publisher, &publisher->video);
	if (publisher->config.audio)
		send_report(publisher, &publisher->audio);
}

static void note_lag(struct publisher *publisher, uint64_t intended_ns)
{
	uint64_t lag_ns = clock_ns() - intended_ns;
	if (lag_ns > atomic_load_explicit(&publisher->lag_ns, memory_order_relaxed))
		atomic_store_explicit(&publisher->lag_ns, lag_ns, memory_order_relaxed);
}

static void *publish(void *argument)
{
	struct publisher *publisher = argument;
	uint64_t interval_ns = publisher->config.packet_bytes * 8ull * 1000000000ull /
			       publisher->config.bitrate_bps;
	uint64_t next_ns = clock_ns(), frame_ns = next_ns, audio_ns = next_ns;
	bool first = true;
	for (; !atomic_load(&publisher->is_stopping); next_ns += interval_ns) {
		clock_sleep_until(next_ns);
		drain(publisher, next_ns);
		peer_tick(publisher->peer, next_ns);
		if (atomic_load(&publisher->is_paused)) {
			frame_ns = audio_ns = next_ns + interval_ns;
			first = true;
			continue;
		}
		bool last = next_ns + interval_ns >= frame_ns + FRAME_NS;
		note_lag(publisher, next_ns);
		send_video(publisher, next_ns, first, last);
		first = last;
		if (last) {
			frame_ns += FRAME_NS;
			publisher->video.timestamp += 3000;
		}
		for (; publisher->config.audio && next_ns >= audio_ns; audio_ns += AUDIO_NS)
			send_audio(publisher, next_ns);
		send_reports(publisher, next_ns);
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
		if (peer_state(publisher->peer) == PEER_FAILED)
			rc = -EPROTO;
		else if (clock_ns() - begin_ns > CONNECT_NS)
			rc = -ETIMEDOUT;
	}
	return rc;
}

static int connect_session(struct publisher *publisher)
{
	const struct publisher_config *config = &publisher->config;
	publisher->peer = peer_create(config->certificate, config->profiles);
	if (!publisher->peer)
		return -ENOMEM;
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
	return rc ? rc : connect_peer(publisher);
}

int publisher_start(const struct publisher_config *config, struct publisher **out)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		return -ENOMEM;
	publisher->config = *config;
	publisher->wants_keyframe = true;
	publisher->video.ssrc = VIDEO_SSRC;
	publisher->video.payload_type = SIGNALLING_VIDEO_PT;
	publisher->video.mid = SIGNALLING_VIDEO_MID;
	publisher->audio.ssrc = AUDIO_SSRC;
	publisher->audio.payload_type = SIGNALLING_AUDIO_PT;
	publisher->audio.mid = SIGNALLING_AUDIO_MID;
	int rc = connect_session(publisher);
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

void publisher_pause(struct publisher *publisher)
{
	atomic_store(&publisher->is_paused, true);
}

void publisher_resume(struct publisher *publisher)
{
	atomic_store(&publisher->is_paused, false);
}

struct publisher_sent publisher_sent(const struct publisher *publisher)
{
	return (struct publisher_sent){
		.video = atomic_load_explicit(&publisher->video.sent, memory_order_relaxed),
		.audio = atomic_load_explicit(&publisher->audio.sent, memory_order_relaxed),
	};
}

uint64_t publisher_take_lag_ns(struct publisher *publisher)
{
	return atomic_exchange(&publisher->lag_ns, 0);
}
