/* Every packet is counted by its sequence number; a sample is decrypted, which tells the
 * publisher's own number of the packet. The subject numbers packets anew, but without gaps, so one
 * decrypted packet tells which number any other has: when it was meant to leave the publisher
 * knows, and a viewer that stopped receiving is found out. Runs of packets come in one piece where
 * the kernel was given them in one (UDP_GRO): then they came at one time. */
#include "bench/viewer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/clock.h"
#include "bench/floor.h"
#include "bench/stamp.h"

#define BURST         32
#define BUFFER_BYTES  65536
#define BUFFER_STRIDE (BUFFER_BYTES + 192) /* buffers' first bytes shall not share cache sets */
#define REPORT_NS     1000000000ull
#define SR_NS         4000000000ull /* between two sender reports that are read */
#define HELLO_NS      50000000ull
#define REPORTER_SSRC 1
#define CONTROL_BYTES 160
#define SPOILT_NS     1000000ull /* a stall that delayed a packet by less is no stall */

static void set_options(int fd)
{
	int on = 1;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
}

int viewer_start(struct viewer *viewer, const struct viewer_config *config)
{
	*viewer = (struct viewer){.config = config, .posted_ns = clock_ns()};
	viewer->peer = peer_create(config->certificate, config->profiles);
	if (!viewer->peer)
		return -ENOMEM;
	struct offer offer = {
		.audio = config->audio,
		.ufrag = peer_ufrag(viewer->peer),
		.pwd = peer_pwd(viewer->peer),
		.fingerprint = peer_certificate_fingerprint(config->certificate),
	};
	int rc = subject_play(config->subject, config->stream, &offer, &viewer->answer);
	if (rc)
		return rc;
	viewer->sources[PUBLISHER_VIDEO].ssrc = viewer->answer.video_ssrc;
	viewer->sources[PUBLISHER_AUDIO].ssrc = viewer->answer.audio_ssrc;
	rc = peer_connect(viewer->peer, &viewer->answer, clock_ns());
	if (rc)
		return rc;
	set_options(peer_fd(viewer->peer));
	return 0;
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint64_t *word_of(struct viewer_source *source, int64_t index)
{
	return &source->window[(uint64_t)index % VIEWER_WINDOW / 64];
}

/* Notes a packet by its sequence number; returns its index. */
static int64_t take_sequence(struct viewer_source *source, uint16_t sequence,
			     struct viewer_totals *totals)
{
	if (!source->is_started) {
		source->is_started = true;
		source->highest = 0x10000 + sequence - 1; /* never below 0 */
		source->base = source->highest;
	}
	int64_t index = source->highest + (int16_t)(sequence - (uint16_t)source->highest);
	int64_t new_from =
		index - source->highest > VIEWER_WINDOW ? index - VIEWER_WINDOW : source->highest;
	for (int64_t i = new_from + 1; i <= index; i++)
		*word_of(source, i) &= ~(1ull << i % 64);
	if (index > source->highest)
		source->highest = index;
	uint64_t bit = 1ull << (uint64_t)index % 64;
	if (index <= source->highest - VIEWER_WINDOW || *word_of(source, index) & bit) {
		totals->duplicates++;
		return index;
	}
	*word_of(source, index) |= bit;
	source->received += index > source->base;
	return index;
}

/* Decrypts; false: not what was sent to us. */
static bool read_stamp(struct viewer *viewer, uint8_t *bytes, size_t size, struct stamp *stamp,
		       struct viewer_totals *totals)
{
	size_t head = 12;
	totals->decrypted++;
	if (!peer_unprotect(viewer->peer, bytes, &size, false)) {
		totals->not_authentic++;
		return false;
	}
	if (bytes[0] & 0x10)
		head += 4 + 4 * (size_t)get16(bytes + 14);
	if (head <= size && stamp_read(stamp, bytes + head, size - head))
		return true;
	totals->corrupt++;
	return false;
}

static void take_stamp(struct viewer *viewer, struct viewer_source *source, int64_t index,
		       const struct stamp *stamp, struct viewer_totals *totals)
{
	int64_t offset = (int64_t)stamp->number - index;
	if (!source->is_aligned)
		source->offset = offset;
	source->is_aligned = true;
	if (offset != source->offset)
		totals->corrupt++;
	viewer->has_media = true;
}

static void note_latency(const struct viewer *viewer, uint64_t intended_ns, uint64_t arrival_ns,
			 struct viewer_totals *totals)
{
	const struct watch *watch = viewer->config->watch;
	uint64_t latency_ns = arrival_ns > intended_ns ? arrival_ns - intended_ns : 0;
	histogram_add(&totals->latency_ns, latency_ns);
	if (watch && latency_ns >= SPOILT_NS && watch_is_spoilt(watch, intended_ns, arrival_ns))
		totals->spoilt++;
	else
		histogram_add(&totals->unspoilt_ns, latency_ns);
}

static int track_of(const struct viewer *viewer, uint32_t ssrc)
{
	for (int i = 0; i < PUBLISHER_TRACKS; i++) {
		if (viewer->sources[i].ssrc == ssrc)
			return i;
	}
	return -1;
}

static void on_rtp(struct viewer *viewer, uint8_t *bytes, size_t size, uint64_t arrival_ns,
		   struct viewer_totals *totals)
{
	const struct viewer_config *config = viewer->config;
	uint16_t sequence = get16(bytes + 2);
	struct stamp stamp = {0};
	int track = track_of(viewer, get32(bytes + 8));
	if (track < 0)
		return;
	struct viewer_source *source = &viewer->sources[track];
	totals->packets++;
	totals->bytes += size;
	int64_t index = take_sequence(source, sequence, totals);
	if (!source->is_aligned || config->verify_all || sequence % VIEWER_SAMPLE == 0) {
		bool is_first = !viewer->has_media;
		if (!read_stamp(viewer, bytes, size, &stamp, totals))
			return;
		take_stamp(viewer, source, index, &stamp, totals);
		if (is_first)
			histogram_add(&totals->setup_ns, arrival_ns - viewer->posted_ns);
	}
	if (stamp.intended_ns == 0 && config->publisher)
		stamp.intended_ns =
			publisher_intended_ns(config->publisher, (enum publisher_track)track,
					      (uint64_t)(index + source->offset));
	/* The latest of all are those that the publisher has forgotten. */
	if (stamp.intended_ns == 0 && config->publisher &&
	    read_stamp(viewer, bytes, size, &stamp, totals))
		take_stamp(viewer, source, index, &stamp, totals);
	if (stamp.intended_ns)
		note_latency(viewer, stamp.intended_ns, arrival_ns, totals);
}

/* RFC 3550 6.4.1: remembers when which sender report came, now and then. */
static void on_rtcp(struct viewer *viewer, uint8_t *bytes, size_t size, uint64_t arrival_ns)
{
	if (arrival_ns < viewer->sr_due_ns || !peer_unprotect(viewer->peer, bytes, &size, true))
		return;
	viewer->sr_due_ns = arrival_ns + SR_NS;
	for (size_t at = 0; at + 28 <= size; at += 4 * ((size_t)get16(bytes + at + 2) + 1)) {
		uint32_t ssrc = get32(bytes + at + 4);
		int track = track_of(viewer, ssrc);
		if (bytes[at + 1] != 200 || track < 0)
			continue;
		struct viewer_source *source = &viewer->sources[track];
		source->last_sr = get32(bytes + at + 10);
		source->sr_ns = arrival_ns;
	}
}

/* What the kernel says of what it gave us. */
struct arrival {
	uint64_t at_ns;   /* CLOCK_MONOTONIC */
	size_t run_bytes; /* of each datagram but the last */
};

/* Kernel times are CLOCK_REALTIME: `now_real` is the same moment as `now_ns`. */
static struct arrival read_control(struct viewer *viewer, struct msghdr *message, uint64_t now_ns,
				   const struct timespec *now_real)
{
	struct arrival arrival = {now_ns, BUFFER_BYTES};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		struct timespec at;
		int run;
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&run, CMSG_DATA(c), sizeof(run));
			arrival.run_bytes = (size_t)run;
		}
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SO_RXQ_OVFL)
			memcpy(&viewer->dropped, CMSG_DATA(c), sizeof(viewer->dropped));
		if (c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&at, CMSG_DATA(c), sizeof(at));
		int64_t ago_ns = (now_real->tv_sec - at.tv_sec) * 1000000000ll +
				 (now_real->tv_nsec - at.tv_nsec);
		/* A clock that was set meanwhile makes nonsense of it. */
		if (ago_ns > 0 && ago_ns < 10000000000)
			arrival.at_ns = now_ns - (uint64_t)ago_ns;
	}
	return arrival;
}

static void on_datagram(struct viewer *viewer, uint8_t *bytes, size_t size, uint64_t arrival_ns,
			struct viewer_totals *totals)
{
	totals->datagrams++;
	totals->datagram_bytes += size;
	if (!peer_on_datagram(viewer->peer, bytes, size, arrival_ns) || size <= 12)
		return;
	if ((bytes[1] & 0x7f) >= 64 && (bytes[1] & 0x7f) < 96)
		on_rtcp(viewer, bytes, size, arrival_ns);
	else
		on_rtp(viewer, bytes, size, arrival_ns, totals);
}

static void on_run(struct viewer *viewer, uint8_t *bytes, size_t size,
		   const struct arrival *arrival, struct viewer_totals *totals)
{
	while (size > 0) {
		size_t one = size < arrival->run_bytes ? size : arrival->run_bytes;
		on_datagram(viewer, bytes, one, arrival->at_ns, totals);
		bytes += one;
		size -= one;
	}
}

void viewer_receive(struct viewer *viewer, struct viewer_totals *totals)
{
	static uint8_t buffers[BURST][BUFFER_STRIDE];
	static _Alignas(struct cmsghdr) uint8_t control[BURST][CONTROL_BYTES];
	struct mmsghdr messages[BURST];
	struct iovec vectors[BURST];
	struct timespec now_real;
	int n;
	do {
		for (int i = 0; i < BURST; i++) {
			vectors[i] = (struct iovec){buffers[i], BUFFER_BYTES};
			messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i],
							      .msg_iovlen = 1,
							      .msg_control = control[i],
							      .msg_controllen = CONTROL_BYTES};
		}
		n = recvmmsg(peer_fd(viewer->peer), messages, BURST, MSG_DONTWAIT, NULL);
		uint64_t now_ns = clock_ns();
		clock_gettime(CLOCK_REALTIME, &now_real);
		for (int i = 0; i < n; i++) {
			struct arrival arrival =
				read_control(viewer, &messages[i].msg_hdr, now_ns, &now_real);
			on_run(viewer, buffers[i], messages[i].msg_len, &arrival, totals);
		}
	} while (n == BURST);
}

/* A report block as a browser with no loss to tell would write it. */
static void write_block(const struct viewer_source *source, uint64_t now_ns, uint8_t *out)
{
	memset(out, 0, 24);
	put32(out, source->ssrc);
	put32(out + 8, (uint32_t)source->highest);
	put32(out + 16, source->last_sr);
	if (source->last_sr)
		put32(out + 20, (uint32_t)((now_ns - source->sr_ns) / 1000 * 65536 / 1000000));
}

static void send_report(struct viewer *viewer, uint64_t now_ns, bool wants_keyframe)
{
	uint8_t packet[PEER_PACKET_MAX] = {0x80, 201, 0, 1};
	size_t size = 8;
	put32(packet + 4, REPORTER_SSRC);
	const struct viewer_source *video = &viewer->sources[PUBLISHER_VIDEO];
	if (video->is_started) {
		packet[0] = 0x81;
		packet[3] = 7;
		write_block(video, now_ns, packet + size);
		size += 24;
	}
	if (wants_keyframe) {
		put32(packet + size, 0x81CE0002); /* PLI, RFC 4585 6.3.1 */
		put32(packet + size + 4, REPORTER_SSRC);
		put32(packet + size + 8, video->ssrc);
		size += 12;
	}
	peer_send(viewer->peer, packet, size, true);
}

/* The floor sends to whoever said hello, and has no reports. */
static void greet(struct viewer *viewer, uint64_t now_ns)
{
	if (viewer->has_media || now_ns < viewer->report_due_ns)
		return;
	uint8_t hello = FLOOR_JOIN;
	peer_send(viewer->peer, &hello, sizeof(hello), true);
	viewer->report_due_ns = now_ns + HELLO_NS;
}

void viewer_tick(struct viewer *viewer, uint64_t now_ns)
{
	if (viewer->answer.is_plain) {
		greet(viewer, now_ns);
		return;
	}
	peer_tick(viewer->peer, now_ns);
	if (peer_state(viewer->peer) != PEER_CONNECTED || now_ns < viewer->report_due_ns)
		return;
	send_report(viewer, now_ns, viewer->report_due_ns == 0);
	viewer->report_due_ns = now_ns + REPORT_NS;
}

static void begin_source(struct viewer_source *source)
{
	source->base = source->highest;
	source->received = 0;
}

void viewer_begin(struct viewer *viewer)
{
	for (int i = 0; i < PUBLISHER_TRACKS; i++)
		begin_source(&viewer->sources[i]);
	viewer->dropped_base = viewer->dropped;
}

static uint64_t missing(const struct viewer_source *source, uint64_t begin, uint64_t end)
{
	if (!source->is_aligned)
		return end - begin;
	int64_t last = (int64_t)end - 1 - source->offset;
	int64_t expected = (last > source->highest ? last : source->highest) - source->base;
	return (uint64_t)expected > source->received ? (uint64_t)expected - source->received : 0;
}

void viewer_count_losses(const struct viewer *viewer, const struct publisher_sent *begin,
			 const struct publisher_sent *end, struct viewer_totals *totals)
{
	for (int i = 0; i < PUBLISHER_TRACKS; i++)
		totals->lost += missing(&viewer->sources[i], begin->packets[i], end->packets[i]);
	totals->lost_by_tool += viewer->dropped - viewer->dropped_base;
}

void viewer_stop(struct viewer *viewer)
{
	if (viewer->answer.location[0])
		subject_leave(viewer->config->subject, &viewer->answer);
	peer_destroy(viewer->peer);
	*viewer = (struct viewer){0};
}
