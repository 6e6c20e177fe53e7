#include "bench/viewer.h"

#include <errno.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/publisher.h"

#define BURST 32

int viewer_start(struct viewer *viewer, const struct signalling_target *target, const char *path,
		 const struct peer_certificate *certificate, const char *profiles, bool audio)
{
	*viewer = (struct viewer){.posted_ns = clock_ns()};
	viewer->peer = peer_create(certificate, profiles);
	if (!viewer->peer)
		return -ENOMEM;
	struct offer offer = {
		.audio = audio,
		.ufrag = peer_ufrag(viewer->peer),
		.pwd = peer_pwd(viewer->peer),
		.fingerprint = peer_certificate_fingerprint(certificate),
	};
	int rc = signalling_post(target, path, &offer, &viewer->answer);
	if (rc)
		return rc;
	viewer->video.ssrc = viewer->answer.video_ssrc;
	viewer->audio.ssrc = viewer->answer.audio_ssrc;
	return peer_connect(viewer->peer, &viewer->answer, clock_ns());
}

static void take_sequence(struct viewer_source *source, uint16_t sequence,
			  struct viewer_totals *totals)
{
	if (!source->is_started) {
		source->is_started = true;
		source->first = source->highest = sequence;
		source->received = 1;
		return;
	}
	int64_t index = source->highest + (int16_t)(sequence - (uint16_t)source->highest);
	if (index == source->highest)
		totals->duplicates++;
	else
		source->received++;
	if (index > source->highest)
		source->highest = index;
}

static void take_latency(struct viewer *viewer, uint8_t *bytes, size_t size, uint64_t now_ns,
			 struct viewer_totals *totals)
{
	uint64_t intended_ns;
	size_t extension = 0;
	totals->decrypted++;
	if (!peer_unprotect(viewer->peer, bytes, &size, false)) {
		totals->not_authentic++;
		return;
	}
	if (bytes[0] & 0x10)
		extension = 4 + 4 * (size_t)(bytes[14] << 8 | bytes[15]);
	if (size < 12 + extension + PUBLISHER_STAMP_OFFSET + sizeof(intended_ns))
		return;
	memcpy(&intended_ns, bytes + 12 + extension + PUBLISHER_STAMP_OFFSET, sizeof(intended_ns));
	if (intended_ns && now_ns > intended_ns)
		histogram_add(&totals->latency_ns, now_ns - intended_ns);
}

static void on_rtp(struct viewer *viewer, uint8_t *bytes, size_t size, uint64_t now_ns,
		   bool verify_all, struct viewer_totals *totals)
{
	uint32_t ssrc = (uint32_t)bytes[8] << 24 | (uint32_t)bytes[9] << 16 |
			(uint32_t)bytes[10] << 8 | bytes[11];
	uint16_t sequence = (uint16_t)(bytes[2] << 8 | bytes[3]);
	struct viewer_source *source = ssrc == viewer->video.ssrc   ? &viewer->video
				       : ssrc == viewer->audio.ssrc ? &viewer->audio
								    : NULL;
	if (!source)
		return;
	totals->packets++;
	totals->bytes += size;
	if (!viewer->has_media)
		histogram_add(&totals->setup_ns, now_ns - viewer->posted_ns);
	viewer->has_media = true;
	take_sequence(source, sequence, totals);
	if (source == &viewer->video && (verify_all || sequence % VIEWER_SAMPLE == 0))
		take_latency(viewer, bytes, size, now_ns, totals);
}

void viewer_on_readable(struct viewer *viewer, bool verify_all, struct viewer_totals *totals)
{
	static uint8_t buffers[BURST][PEER_PACKET_MAX];
	struct mmsghdr messages[BURST] = {0};
	struct iovec vectors[BURST];
	int n;
	for (int i = 0; i < BURST; i++) {
		vectors[i] = (struct iovec){buffers[i], PEER_PACKET_MAX};
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	do {
		n = recvmmsg(peer_fd(viewer->peer), messages, BURST, MSG_DONTWAIT, NULL);
		uint64_t now_ns = clock_ns();
		for (int i = 0; i < n; i++) {
			size_t size = messages[i].msg_len;
			bool is_srtp = peer_on_datagram(viewer->peer, buffers[i], size, now_ns);
			bool is_rtcp = (buffers[i][1] & 0x7f) >= 64 && (buffers[i][1] & 0x7f) < 96;
			if (is_srtp && size > 12 && !is_rtcp)
				on_rtp(viewer, buffers[i], size, now_ns, verify_all, totals);
		}
	} while (n == BURST);
}

static uint64_t missing(const struct viewer_source *source)
{
	if (!source->is_started)
		return 0;
	uint64_t expected = (uint64_t)(source->highest - source->first) + 1;
	return expected > source->received ? expected - source->received : 0;
}

void viewer_count_losses(const struct viewer *viewer, struct viewer_totals *totals)
{
	totals->lost += missing(&viewer->video) + missing(&viewer->audio);
}

void viewer_stop(struct viewer *viewer, const struct signalling_target *target)
{
	if (viewer->answer.location[0])
		signalling_delete(target, viewer->answer.location);
	peer_destroy(viewer->peer);
	*viewer = (struct viewer){0};
}
