/* A thing under test that the harness starts, connects sessions to, and stops: a gateway of our
 * own, a peer, the floor, or any WHIP/WHEP server by its URL. Calls block. Open and close are for
 * one thread, the rest for any. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/process.h"
#include "bench/signalling.h"

#define SUBJECT_PIDS_MAX 8

struct subject; /* by subject_open() */

enum bench_mode { BENCH_SOCKET, BENCH_AF_XDP, BENCH_AF_PACKET, BENCH_MODES };

extern const char *const bench_mode_names[BENCH_MODES];

/* What a subject shall be prepared for. All borrowed, until the subject is closed; a kind takes
 * what concerns it. */
struct subject_config {
	enum bench_mode mode;
	unsigned int workers;  /* threads that move media, where they can be chosen; 0: one */
	unsigned int sessions; /* that there may be at a time */
	unsigned int streams;  /* the same of streams; 0: one */
	const char *media;     /* nn5g: more keys of section media of gateway.yaml */
	/* url */
	const struct signalling_target *target;
	const char *whip_path, *whep_path; /* with {stream} where the stream's name belongs */
	pid_t pid;                         /* of the server, if it runs here; 0: not known */
};

/* Names: "nn5g", "floor", "url", and the peers'. Returns when sessions can be made. -ENOENT when
 * there is none of that name; else the kind's own errors, with a line on stderr. */
int subject_open(const char *name, const struct subject_config *config, struct subject **out);
/* Ends all it began, files too. Takes NULL. */
void subject_close(struct subject *subject);
const char *subject_name(const struct subject *subject);

/* A session: our credentials in, what a peer needs to connect out. 0, the HTTP status when it is
 * not the one wanted, or a negative errno; *answer is written on success only. */
int subject_publish(struct subject *subject, const char *stream, const struct offer *offer,
		    struct answer *answer);
int subject_play(struct subject *subject, const char *stream, const struct offer *offer,
		 struct answer *answer);
/* Ends a session of the above. */
void subject_leave(struct subject *subject, const struct answer *answer);

/* subject_play() or subject_leave() under way, for who cannot wait. */
struct subject_call {
	struct signalling_call request;
	bool has_ended; /* of a subject that waits: with this result */
	int result;
	struct answer answer;
};

/* Whether the kind knows no other way than to wait, so that the two below do. */
bool subject_waits(const struct subject *subject);
/* *call is in use until its advance says other than -EAGAIN, or it is cancelled. Negative errno. */
int subject_play_begin(struct subject *subject, const char *stream, const struct offer *offer,
		       struct subject_call *call);
int subject_leave_begin(struct subject *subject, const struct answer *answer,
			struct subject_call *call);
/* What becomes readable when there is more to do; may be another one after each advance. -1: there
 * is now. */
int subject_call_fd(const struct subject_call *call);
/* -EAGAIN: not yet. Else as the function that waits. */
int subject_play_advance(struct subject_call *call, struct answer *answer);
int subject_leave_advance(struct subject_call *call);
/* Gives it up, if it is under way: a session that it made stays with the subject. */
void subject_call_cancel(struct subject_call *call);

/* Whose CPU time and memory count as the subject's. How many were written, 0 when not known. */
int subject_pids(const struct subject *subject, pid_t *pids, int max);
/* What they use together. -ENOENT when they are not known, -ESRCH when one has ended. */
int subject_usage(const struct subject *subject, struct process_usage *usage);
