/* The relay is a fork: a process whose CPU time is its own. Its streams are there before it is, and
 * are handed out to whoever publishes. Where a gateway's port is past the kernel, the relay's
 * sockets are behind a veth pair, too. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/cell.h"
#include "bench/floor.h"
#include "bench/subject_kind.h"

#define NAME_MAX_BYTES 64
#define PUBLISHER      "publisher" /* the location of its session */
#define VIEWER         "viewer"
#define FIRST_FD       3

struct stream {
	char name[NAME_MAX_BYTES]; /* "": nobody's */
	struct sockaddr_in address;
	uint32_t video_ssrc, audio_ssrc; /* the publisher's, as all viewers get them */
};

struct subject_floor_relay {
	struct subject subject;
	pid_t pid;
	struct cell *cell; /* owned; NULL: on loopback */
	unsigned int n_streams, room;
	struct floor_stream *sockets; /* owned, n_streams of them */
	struct stream *streams;       /* the same */
	pthread_mutex_t lock;         /* of names and SSRCs */
};

static struct subject_floor_relay *of(struct subject *subject)
{
	return (struct subject_floor_relay *)subject;
}

/* Other files of the harness are not to be kept open by this. Sockets are in ascending order. */
static void keep_sockets_only(const struct subject_floor_relay *relay)
{
	unsigned int next = FIRST_FD;
	for (unsigned int i = 0; i < relay->n_streams; i++) {
		unsigned int fd = (unsigned int)relay->sockets[i].fd;
		if (fd > next)
			close_range(next, fd - 1, 0);
		next = fd + 1;
	}
	close_range(next, ~0u, 0);
}

static int start(struct subject_floor_relay *relay)
{
	pid_t parent = getpid();
	relay->pid = fork();
	if (relay->pid < 0)
		return -errno;
	if (relay->pid > 0)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	keep_sockets_only(relay);
	floor_run(relay->sockets, relay->n_streams);
}

static void relay_close(struct subject *subject)
{
	struct subject_floor_relay *relay = of(subject);
	if (relay->pid > 0) {
		kill(relay->pid, SIGKILL);
		waitpid(relay->pid, NULL, 0);
	}
	for (unsigned int i = 0; relay->sockets && i < relay->n_streams; i++)
		floor_stream_close(&relay->sockets[i]);
	free(relay->sockets);
	free(relay->streams);
	cell_close(relay->cell);
	pthread_mutex_destroy(&relay->lock);
	free(relay);
}

static int open_streams(void *context)
{
	struct subject_floor_relay *relay = context;
	relay->sockets = calloc(relay->n_streams, sizeof(*relay->sockets));
	relay->streams = calloc(relay->n_streams, sizeof(*relay->streams));
	if (!relay->sockets || !relay->streams)
		return -ENOMEM;
	for (unsigned int i = 0; i < relay->n_streams; i++)
		relay->sockets[i].fd = -1;
	int rc = 0;
	for (unsigned int i = 0; rc == 0 && i < relay->n_streams; i++) {
		if (relay->cell)
			inet_pton(AF_INET, cell_address(relay->cell),
				  &relay->streams[i].address.sin_addr);
		rc = floor_stream_open(&relay->sockets[i], relay->room, &relay->streams[i].address);
	}
	return rc;
}

static int open_streams_in_place(struct subject_floor_relay *relay, enum bench_mode mode)
{
	if (mode == BENCH_SOCKET)
		return open_streams(relay);
	int rc = cell_open(1, &relay->cell);
	return rc ? rc : cell_call(relay->cell, open_streams, relay);
}

static int relay_open(const struct subject_config *config, struct subject **out)
{
	struct subject_floor_relay *relay = calloc(1, sizeof(*relay));
	if (!relay)
		return -ENOMEM;
	relay->subject.kind = &subject_floor;
	relay->n_streams = config->streams ? config->streams : 1;
	pthread_mutex_init(&relay->lock, NULL);
	relay->room = config->sessions ? config->sessions : 1;
	int rc = open_streams_in_place(relay, config->mode);
	if (rc == 0)
		rc = start(relay);
	if (rc) {
		fprintf(stderr, "nn5g-bench: the plain relay does not start: %s\n", strerror(-rc));
		relay_close(&relay->subject);
		return rc;
	}
	*out = &relay->subject;
	return 0;
}

static struct stream *find_stream(struct subject_floor_relay *relay, const char *name)
{
	for (unsigned int i = 0; i < relay->n_streams; i++) {
		if (strcmp(relay->streams[i].name, name) == 0)
			return &relay->streams[i];
	}
	return NULL;
}

static void write_answer(const struct stream *stream, const char *location, struct answer *answer)
{
	*answer = (struct answer){.is_plain = true,
				  .address_len = sizeof(stream->address),
				  .video_ssrc = stream->video_ssrc,
				  .audio_ssrc = stream->audio_ssrc};
	memcpy(&answer->address, &stream->address, sizeof(stream->address));
	snprintf(answer->location, sizeof(answer->location), "%s", location);
}

static int relay_publish(struct subject *subject, const char *name, const struct offer *offer,
			 struct answer *answer)
{
	struct subject_floor_relay *relay = of(subject);
	pthread_mutex_lock(&relay->lock);
	struct stream *stream = find_stream(relay, name);
	int rc = stream ? -EEXIST : 0;
	stream = rc ? NULL : find_stream(relay, "");
	if (stream) {
		snprintf(stream->name, sizeof(stream->name), "%s", name);
		stream->video_ssrc = offer->video_ssrc;
		stream->audio_ssrc = offer->audio_ssrc;
		write_answer(stream, PUBLISHER, answer);
	} else if (rc == 0) {
		rc = -ENOSPC;
	}
	pthread_mutex_unlock(&relay->lock);
	return rc;
}

static int relay_play(struct subject *subject, const char *name, const struct offer *offer,
		      struct answer *answer)
{
	struct subject_floor_relay *relay = of(subject);
	(void)offer;
	pthread_mutex_lock(&relay->lock);
	const struct stream *stream = find_stream(relay, name);
	if (stream)
		write_answer(stream, VIEWER, answer);
	pthread_mutex_unlock(&relay->lock);
	return stream ? 0 : -ENOENT;
}

static bool is_same_address(const struct stream *stream, const struct answer *answer)
{
	return memcmp(&stream->address, &answer->address, sizeof(stream->address)) == 0;
}

/* A stream's viewers go with its publisher. */
static void relay_leave(struct subject *subject, const struct answer *answer)
{
	struct subject_floor_relay *relay = of(subject);
	uint8_t clear = FLOOR_CLEAR;
	if (strcmp(answer->location, PUBLISHER) != 0)
		return;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		sendto(fd, &clear, sizeof(clear), 0, (const struct sockaddr *)&answer->address,
		       answer->address_len);
		close(fd);
	}
	pthread_mutex_lock(&relay->lock);
	for (unsigned int i = 0; i < relay->n_streams; i++) {
		if (is_same_address(&relay->streams[i], answer))
			relay->streams[i].name[0] = '\0';
	}
	pthread_mutex_unlock(&relay->lock);
}

static int relay_pids(const struct subject *subject, pid_t *pids, int max)
{
	const struct subject_floor_relay *relay = (const struct subject_floor_relay *)subject;
	if (max < 1)
		return 0;
	pids[0] = relay->pid;
	return 1;
}

const struct subject_kind subject_floor = {
	.name = "floor",
	.open = relay_open,
	.close = relay_close,
	.publish = relay_publish,
	.play = relay_play,
	.leave = relay_leave,
	.pids = relay_pids,
};
