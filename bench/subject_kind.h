/* What a kind of subject implements. One is added by a row in subject.c. */
#pragma once

#include "bench/subject.h"

/* Functions as their namesakes in subject.h. */
struct subject_kind {
	const char *name;
	int (*open)(const struct subject_config *config, struct subject **out);
	void (*close)(struct subject *subject);
	int (*publish)(struct subject *subject, const char *stream, const struct offer *offer,
		       struct answer *answer);
	int (*play)(struct subject *subject, const char *stream, const struct offer *offer,
		    struct answer *answer);
	void (*leave)(struct subject *subject, const struct answer *answer);
	/* Both or none: play and leave without waiting. */
	int (*play_begin)(struct subject *subject, const char *stream, const struct offer *offer,
			  struct signalling_call *call);
	int (*leave_begin)(struct subject *subject, const struct answer *answer,
			   struct signalling_call *call);
	int (*pids)(const struct subject *subject, pid_t *pids, int max);
};

/* The first member of what a kind's open() makes. */
struct subject {
	const struct subject_kind *kind;
};

extern const struct subject_kind subject_nn5g, subject_floor, subject_url, subject_janus;

/* How nn5g and url talk: `path` with {stream} replaced is POSTed to. */
int subject_post(const struct signalling_target *target, const char *path, const char *stream,
		 const struct offer *offer, struct answer *answer);
int subject_post_begin(const struct signalling_target *target, const char *path, const char *stream,
		       const struct offer *offer, struct signalling_call *call);
