/* A new frame every 33 ms; a key frame first and after each request, which is as much of VP8 as a
 * forwarder looks at. What was sent when is remembered for a while, so that a viewer in this
 * process knows the latency of each packet without decrypting it. */
#include "bench/publisher.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

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
#define REMEMBERED  8192 /* packets of a track; a power of two */

#define HEAD_BYTES      24 /* header, and MID and transport-cc extensions */
#define NTP_UNIX_OFFSET 2208988800ull

/* Viewers read `sent` and `intended_ns`, the rest is the sender's. */
struct source {
	uint32_t ssrc, timestamp;
	uint8_t payload_type;
	char mid;
	uint16_t sequence;
	uint32_t octets;
	_Atomic uint64_t sent;
	_Atomic uint64_t intended_ns[REMEMBERED]; /* by number */
	atomic_uint reported_lost;
};

struct publisher {
	struct publisher_config config;
	struct peer *peer;
	struct answer answer;
	struct source sources[PUBLISHER_TRACKS];
	uint16_t transport_sequence;
	bool wants_keyframe, is_frame_begun;
	uint64_t frame_ns, audio_ns; /* begin of this frame; the next audio packet's time */
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

/* RFC 3550 6.4.2: what the other side says never came, of each source. */
static void on_report(struct publisher *publisher, const uint8_t *bytes, size_t size)
{
	size_t begin = bytes[1] == 201 ? 8 : 28, n = bytes[0] & 0x1f;
	for (size_t at = begin; n > 0 && at + 24 <= size; at += 24, n--) {
		uint32_t ssrc = (uint32_t)bytes[at] << 24 | (uint32_t)bytes[at + 1] << 16 |
				(uint32_t)bytes[at + 2] << 8 | bytes[at + 3];
		uint32_t lost = (uint32_t)bytes[at + 5] << 16 | (uint32_t)bytes[at + 6] << 8 |
				bytes[at + 7];
		for (unsigned int i = 0; i < PUBLISHER_TRACKS; i++) {
			/* 24 bits with a sign: duplicates count against it. */
			if (publisher->sources[i].ssrc == ssrc)
				atomic_store_explicit(&publisher->sources[i].reported_lost,
						      lost & 0x800000 ? 0 : lost,
						      memory_order_relaxed);
		}
	}
}

static void on_rtcp(struct publisher *publisher, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + 4 <= size;
	     at += 4 * ((size_t)(bytes[at + 2] << 8 | bytes[at + 3]) + 1)) {
		unsigned int format = bytes[at] & 0x1f;
		if (bytes[at + 1] == 200 || bytes[at + 1] == 201)
			on_report(publisher, bytes + at, size - at);
		if (bytes[at + 1] != 206 || (format != 1 && format != 4)) /* PLI, FIR */
			continue;
		publisher->wants_keyframe = true;
	}
}

/* Of an encrypted compound packet the first part's type can be seen. Feedback on transport and
 * losses (205) comes many times a second and is of no use to a sender that never adapts. */
static bool is_worth_reading(const uint8_t *bytes, size_t size)
{
	return size > 1 && bytes[1] != 205;
}

static void drain(struct publisher *publisher, uint64_t now_ns)
{
	uint8_t bytes[PEER_PACKET_MAX];
	ssize_t got;
	while ((got = recv(peer_fd(publisher->peer), bytes, sizeof(bytes), 0)) >= 0) {
		size_t size = (size_t)got;
		if (peer_on_datagram(publisher->peer, bytes, size, now_ns) &&
		    is_worth_reading(bytes, size) &&
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
	atomic_store_explicit(&source->intended_ns[stamp.number % REMEMBERED], intended_ns,
			      memory_order_relaxed);
	atomic_store_explicit(&source->sent, stamp.number + 1, memory_order_release);
	write_head(publisher, source, marker, packet);
	stamp_write(&stamp, packet + HEAD_BYTES, size - HEAD_BYTES);
	memcpy(packet + HEAD_BYTES, begin, 2);
	peer_send(publisher->peer, packet, size, false);
	source->sequence++;
	source->octets += (uint32_t)(size - HEAD_BYTES);
}

/* RFC 7741: partition 0 begins with the frame; bit 0 of its header is 0 in a key frame. */
static void send_video(struct publisher *publisher, uint64_t intended_ns, bool first, bool last)
{
	bool keyframe = publisher->wants_keyframe && first;
	uint8_t begin[2] = {first ? 0x10 : 0, keyframe ? 0x10 : 0x11};
	send_media(publisher, &publisher->sources[PUBLISHER_VIDEO], intended_ns,
		   publisher->config.packet_bytes, begin, last);
	if (keyframe)
		publisher->wants_keyframe = false;
}

static void send_audio(struct publisher *publisher, uint64_t intended_ns)
{
	static const uint8_t begin[2] = {0x78, 0};
	struct source *source = &publisher->sources[PUBLISHER_AUDIO];
	send_media(publisher, source, intended_ns, AUDIO_BYTES, begin, false);
	source->timestamp += 960;
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
	send_report(publisher, &publisher->sources[PUBLISHER_VIDEO]);
	if (publisher->config.audio)
		send_report(publisher, &publisher->sources[PUBLISHER_AUDIO]);
}

void publisher_send(struct publisher *publisher, uint64_t intended_ns, uint64_t interval_ns)
{
	bool first = !publisher->is_frame_begun;
	bool last = intended_ns + interval_ns >= publisher->frame_ns + FRAME_NS;
	send_video(publisher, intended_ns, first, last);
	publisher->is_frame_begun = !last;
	if (last) {
		publisher->frame_ns += FRAME_NS;
		publisher->sources[PUBLISHER_VIDEO].timestamp += 3000;
	}
	for (; publisher->config.audio && intended_ns >= publisher->audio_ns;
	     publisher->audio_ns += AUDIO_NS)
		send_audio(publisher, intended_ns);
	send_reports(publisher, intended_ns);
}

void publisher_skip(struct publisher *publisher, uint64_t now_ns)
{
	publisher->frame_ns = now_ns;
	publisher->audio_ns = now_ns;
	publisher->is_frame_begun = false;
}

void publisher_tick(struct publisher *publisher, uint64_t now_ns)
{
	drain(publisher, now_ns);
	peer_tick(publisher->peer, now_ns);
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
	int rc = subject_publish(config->subject, config->stream, &offer, &publisher->answer);
	return rc ? rc : connect_peer(publisher);
}

int publisher_open(const struct publisher_config *config, struct publisher **out)
{
	struct publisher *publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		return -ENOMEM;
	publisher->config = *config;
	publisher->wants_keyframe = true;
	struct source *video = &publisher->sources[PUBLISHER_VIDEO];
	struct source *audio = &publisher->sources[PUBLISHER_AUDIO];
	video->ssrc = VIDEO_SSRC;
	video->payload_type = SIGNALLING_VIDEO_PT;
	video->mid = SIGNALLING_VIDEO_MID;
	audio->ssrc = AUDIO_SSRC;
	audio->payload_type = SIGNALLING_AUDIO_PT;
	audio->mid = SIGNALLING_AUDIO_MID;
	int rc = connect_session(publisher);
	if (rc) {
		publisher_close(publisher);
		return rc;
	}
	publisher_skip(publisher, clock_ns());
	*out = publisher;
	return 0;
}

void publisher_close(struct publisher *publisher)
{
	if (!publisher)
		return;
	if (publisher->answer.location[0])
		subject_leave(publisher->config.subject, &publisher->answer);
	peer_destroy(publisher->peer);
	free(publisher);
}

int publisher_move(struct publisher *publisher, uint64_t now_ns)
{
	return peer_move(publisher->peer, now_ns);
}

struct publisher_sent publisher_sent(const struct publisher *publisher)
{
	struct publisher_sent sent;
	for (unsigned int i = 0; i < PUBLISHER_TRACKS; i++)
		sent.packets[i] =
			atomic_load_explicit(&publisher->sources[i].sent, memory_order_acquire);
	return sent;
}

uint64_t publisher_reported_lost(const struct publisher *publisher)
{
	uint64_t lost = 0;
	for (unsigned int i = 0; i < PUBLISHER_TRACKS; i++)
		lost += atomic_load_explicit(&publisher->sources[i].reported_lost,
					     memory_order_relaxed);
	return lost;
}

uint64_t publisher_intended_ns(const struct publisher *publisher, enum publisher_track track,
			       uint64_t number)
{
	const struct source *source = &publisher->sources[track];
	uint64_t intended_ns = atomic_load_explicit(&source->intended_ns[number % REMEMBERED],
						    memory_order_acquire);
	/* Read last: had the place been taken by a later packet, this would say so. */
	uint64_t sent = atomic_load_explicit(&source->sent, memory_order_acquire);
	return number < sent && sent - number < REMEMBERED ? intended_ns : 0;
}
