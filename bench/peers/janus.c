/* Janus as a subject. A stream is a room of its own, whose number follows from the stream's name,
 * with one publisher: so nothing needs to be remembered, and nobody hears of others' coming and
 * going. Where a session is deleted ("location") is its handle, and the room if it ends with it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bench/clock.h"
#include "bench/peers/janus_client.h"
#include "bench/peers/janus_process.h"
#include "bench/peers/janus_sdp.h"
#include "bench/subject_kind.h"

#define FEED         1 /* the publisher of each room */
#define NO_SUCH_FEED 428
#define FEED_NS      3000000000ull
#define FEED_LOOK_NS 5000000ull

/* Janus begins with ICE when it has a candidate of ours. This one is worth less than what it learns
 * from our check; whatever is sent there is discarded at once. */
#define CANDIDATE "a=candidate:1 1 udp 1 %s 9 typ host\r\na=end-of-candidates\r\n"

struct subject_janus {
	struct subject subject;
	struct janus_process *process;
	struct janus_client *client;
	char candidates[96];
};

static void close_janus(struct subject *subject)
{
	struct subject_janus *janus = (struct subject_janus *)subject;
	janus_process_stop(janus->process);
	janus_client_destroy(janus->client);
	free(janus);
}

static int open_janus(const struct subject_config *config, struct subject **out)
{
	if (config->mode != BENCH_SOCKET) {
		fprintf(stderr, "nn5g-bench: Janus has sockets only, no %s\n",
			bench_mode_names[config->mode]);
		return -EOPNOTSUPP;
	}
	struct subject_janus *janus = calloc(1, sizeof(*janus));
	if (!janus)
		return -ENOMEM;
	janus->subject.kind = &subject_janus;
	int rc = janus_process_start(&janus->process);
	if (rc == 0)
		rc = janus_client_create(janus_process_port(janus->process), &janus->client);
	if (rc) {
		close_janus(&janus->subject);
		return rc;
	}
	snprintf(janus->candidates, sizeof(janus->candidates), CANDIDATE,
		 janus_process_address(janus->process));
	*out = &janus->subject;
	return 0;
}

/* FNV-1a. Streams of a run whose names collide are not to be expected. */
static uint32_t room_of(const char *stream)
{
	uint32_t hash = 2166136261u;
	for (; *stream; stream++)
		hash = (hash ^ (uint8_t)*stream) * 16777619u;
	return hash ? hash : 1;
}

static void write_location(uint64_t handle, uint32_t room, struct answer *answer)
{
	snprintf(answer->location, sizeof(answer->location), "%" PRIu64 " %" PRIu32, handle, room);
}

/* No cap on its bitrate, and the codecs that our offers have. */
static int create_room(struct janus_client *client, uint64_t handle, uint32_t room)
{
	struct janus_request request = {
		.handle = handle,
		.body = json_pack("{s:s,s:I,s:i,s:i,s:b,s:s,s:s}", "request", "create", "room",
				  (json_int_t)room, "publishers", 1, "bitrate", 0, "permanent", 0,
				  "videocodec", "vp8", "audiocodec", "opus"),
	};
	return janus_client_ask(client, &request);
}

static void destroy_room(struct janus_client *client, uint64_t handle, uint32_t room)
{
	struct janus_request request = {
		.handle = handle,
		.body = json_pack("{s:s,s:I,s:b}", "request", "destroy", "room", (json_int_t)room,
				  "permanent", 0),
	};
	janus_client_ask(client, &request);
}

/* Our offer, or our answer to theirs. */
static int write_sdp(const char *theirs, const struct offer *ours, char **sdp)
{
	size_t size;
	FILE *out = open_memstream(sdp, &size);
	if (!out)
		return -ENOMEM;
	int rc = 0;
	if (theirs)
		rc = janus_sdp_answer(theirs, ours, out);
	else
		signalling_write_offer(out, ours);
	return fclose(out) ? -ENOMEM : rc;
}

/* What Janus's SDP says, in `event`, which is freed. */
static int read_event(struct janus_message *event, struct answer *answer)
{
	int rc = event->sdp ? signalling_read_answer(event->sdp, answer) : -EBADMSG;
	janus_message_free(event);
	return rc;
}

static int publish_on(struct janus_client *client, uint64_t handle, uint32_t room,
		      const struct offer *offer, struct answer *answer)
{
	char *sdp = NULL;
	struct janus_message event = {0};
	int rc = create_room(client, handle, room);
	if (rc == 0)
		rc = write_sdp(NULL, offer, &sdp);
	if (rc == 0) {
		struct janus_request request = {
			.handle = handle,
			.body = json_pack("{s:s,s:I,s:s,s:i}", "request", "joinandconfigure",
					  "room", (json_int_t)room, "ptype", "publisher", "id",
					  FEED),
			.type = "offer",
			.sdp = sdp,
			.event = &event,
		};
		rc = janus_client_ask(client, &request);
		if (rc == 0)
			rc = read_event(&event, answer);
	}
	free(sdp);
	return rc;
}

/* A publisher is there for Janus some time after it is connected for itself. */
static int join(struct janus_client *client, uint64_t handle, uint32_t room,
		struct janus_message *event)
{
	uint64_t until_ns = clock_ns() + FEED_NS;
	int rc;
	do {
		struct janus_request request = {
			.handle = handle,
			.body = json_pack("{s:s,s:I,s:s,s:[{s:i}]}", "request", "join", "room",
					  (json_int_t)room, "ptype", "subscriber", "streams",
					  "feed", FEED),
			.event = event,
			.not_yet = clock_ns() < until_ns ? NO_SUCH_FEED : 0,
		};
		rc = janus_client_ask(client, &request);
		if (rc == -EAGAIN)
			clock_sleep_until(clock_ns() + FEED_LOOK_NS);
	} while (rc == -EAGAIN);
	return rc;
}

/* Janus offers what the publisher sends; media flow once that is answered. */
static int play_on(struct janus_client *client, uint64_t handle, uint32_t room,
		   const struct offer *offer, struct answer *answer)
{
	char *sdp = NULL;
	struct janus_message event = {0};
	int rc = join(client, handle, room, &event);
	if (rc)
		return rc;
	rc = event.sdp ? write_sdp(event.sdp, offer, &sdp) : -EBADMSG;
	if (rc == 0) {
		struct janus_request start = {
			.handle = handle,
			.body = json_pack("{s:s}", "request", "start"),
			.type = "answer",
			.sdp = sdp,
		};
		rc = janus_client_ask(client, &start);
	}
	free(sdp);
	int read = read_event(&event, answer);
	return rc ? rc : read;
}

static int janus_publish(struct subject *subject, const char *stream, const struct offer *offer,
			 struct answer *answer)
{
	uint64_t handle;
	struct answer found;
	struct offer ours = *offer;
	const struct subject_janus *janus = (const struct subject_janus *)subject;
	ours.candidates = janus->candidates;
	int rc = janus_client_attach(janus->client, &handle);
	if (rc)
		return rc;
	rc = publish_on(janus->client, handle, room_of(stream), &ours, &found);
	if (rc) {
		janus_client_detach(janus->client, handle);
		return rc;
	}
	write_location(handle, room_of(stream), &found);
	*answer = found;
	return 0;
}

static int janus_play(struct subject *subject, const char *stream, const struct offer *offer,
		      struct answer *answer)
{
	uint64_t handle;
	struct answer found;
	struct offer ours = *offer;
	const struct subject_janus *janus = (const struct subject_janus *)subject;
	ours.candidates = janus->candidates;
	int rc = janus_client_attach(janus->client, &handle);
	if (rc)
		return rc;
	rc = play_on(janus->client, handle, room_of(stream), &ours, &found);
	if (rc) {
		janus_client_detach(janus->client, handle);
		return rc;
	}
	write_location(handle, 0, &found);
	*answer = found;
	return 0;
}

static void janus_leave(struct subject *subject, const struct answer *answer)
{
	uint64_t handle;
	uint32_t room;
	struct janus_client *client = ((const struct subject_janus *)subject)->client;
	if (sscanf(answer->location, "%" SCNu64 " %" SCNu32, &handle, &room) != 2)
		return;
	if (room)
		destroy_room(client, handle, room);
	janus_client_detach(client, handle);
}

static int janus_pids(const struct subject *subject, pid_t *pids, int max)
{
	if (max < 1)
		return 0;
	pids[0] = janus_process_pid(((const struct subject_janus *)subject)->process);
	return 1;
}

const struct subject_kind subject_janus = {
	.name = "janus",
	.open = open_janus,
	.close = close_janus,
	.publish = janus_publish,
	.play = janus_play,
	.leave = janus_leave,
	.pids = janus_pids,
};
