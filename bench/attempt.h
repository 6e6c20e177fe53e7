/* One viewer's session, from before its request to its first media, step by step with the time of
 * each: what set-up costs. Blocking; any number at a time, each on a thread of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/peer.h"
#include "bench/subject.h"

struct attempt_config {
	struct subject *subject;                    /* borrowed */
	const struct peer_certificate *certificate; /* borrowed */
	const char *profiles, *stream;              /* borrowed */
	uint64_t patience_ns;                       /* after the request */
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
};

/* 0 when it went as far as wanted; -ETIMEDOUT, -EPROTO for a failed handshake, an HTTP status, or
 * another negative errno. attempt_end() follows either way. */
int attempt_run(const struct attempt_config *config, struct attempt *attempt);
/* Says close_notify, ends the session at the subject, frees the peer. */
void attempt_end(const struct attempt_config *config, struct attempt *attempt);
