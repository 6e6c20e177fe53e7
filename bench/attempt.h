/* One viewer's session, from before its request to its first media, step by step with the time of
 * each: what set-up costs. Any number at a time, each waited for on a thread of its own, or many
 * driven by one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/peer.h"
#include "bench/subject.h"

struct attempt_config {
	struct subject *subject;                    /* borrowed */
	const struct peer_certificate *certificate; /* borrowed */
	const char *profiles, *stream;              /* borrowed */
	uint64_t patience_ns;                       /* for an answer, and again after it */
	bool wants_media;                           /* else it is done when it has its keys */
};

enum attempt_step {
	ATTEMPT_ANSWERED,  /* the subject's answer is there */
	ATTEMPT_CHECKED,   /* the ICE check was answered */
	ATTEMPT_CONNECTED, /* DTLS is done, keys are there */
	ATTEMPT_MEDIA,     /* the first RTP packet was authentic */
	ATTEMPT_STEPS,
};

extern const char *const attempt_step_names[ATTEMPT_STEPS];

struct attempt {
	struct peer *peer; /* owned until attempt_end() */
	struct answer answer;
	uint64_t begin_ns;
	uint64_t step_ns[ATTEMPT_STEPS]; /* CLOCK_MONOTONIC; 0: not reached */
	unsigned int not_authentic;      /* packets that could not be decrypted */
	struct subject_call call;        /* while is_asking */
	bool is_asking, is_leaving;
	uint64_t until_ns; /* patience ends */
};

/* 0 when it went as far as wanted; -ETIMEDOUT, -EPROTO for a failed handshake, an HTTP status, or
 * another negative errno. attempt_end() follows either way. */
int attempt_run(const struct attempt_config *config, struct attempt *attempt);
/* Says close_notify, ends the session at the subject, frees the peer. */
void attempt_end(const struct attempt_config *config, struct attempt *attempt);

/* The same for who cannot wait. -EAGAIN: attempt_advance() goes on when attempt_fd() is readable,
 * and every ATTEMPT_TICK_NS; else it is over, as attempt_run(). A subject that waits does so here.
 */
#define ATTEMPT_TICK_NS 10000000ull
int attempt_begin(const struct attempt_config *config, struct attempt *attempt);
int attempt_advance(const struct attempt_config *config, struct attempt *attempt);
/* Once it is over: the end, begun with the first call. False: call again, as above. True: all of
 * it is gone. */
bool attempt_leave(const struct attempt_config *config, struct attempt *attempt);
/* May be another one after each call. */
int attempt_fd(const struct attempt *attempt);
