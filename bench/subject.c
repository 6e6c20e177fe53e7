/* Kinds are rows; everything else is theirs. */
#include "bench/subject.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/subject_kind.h"

const char *const bench_mode_names[BENCH_MODES] = {
	[BENCH_SOCKET] = "socket",
	[BENCH_AF_XDP] = "af_xdp",
	[BENCH_AF_PACKET] = "af_packet",
};

static const struct subject_kind *const kinds[] = {
	&subject_nn5g,
	&subject_floor,
	&subject_url,
	&subject_janus,
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

int subject_open(const char *name, const struct subject_config *config, struct subject **out)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i]->open(config, out);
	}
	fprintf(stderr, "nn5g-bench: there is no subject '%s'\n", name);
	return -ENOENT;
}

void subject_close(struct subject *subject)
{
	if (subject)
		subject->kind->close(subject);
}

const char *subject_name(const struct subject *subject)
{
	return subject->kind->name;
}

int subject_publish(struct subject *subject, const char *stream, const struct offer *offer,
		    struct answer *answer)
{
	return subject->kind->publish(subject, stream, offer, answer);
}

int subject_play(struct subject *subject, const char *stream, const struct offer *offer,
		 struct answer *answer)
{
	return subject->kind->play(subject, stream, offer, answer);
}

void subject_leave(struct subject *subject, const struct answer *answer)
{
	subject->kind->leave(subject, answer);
}

bool subject_waits(const struct subject *subject)
{
	return !subject->kind->play_begin;
}

static int end_call(struct subject_call *call, int result)
{
	call->has_ended = true;
	call->result = result;
	return 0;
}

int subject_play_begin(struct subject *subject, const char *stream, const struct offer *offer,
		       struct subject_call *call)
{
	*call = (struct subject_call){0};
	if (subject_waits(subject))
		return end_call(call, subject_play(subject, stream, offer, &call->answer));
	return subject->kind->play_begin(subject, stream, offer, &call->request);
}

int subject_leave_begin(struct subject *subject, const struct answer *answer,
			struct subject_call *call)
{
	*call = (struct subject_call){0};
	if (!subject_waits(subject))
		return subject->kind->leave_begin(subject, answer, &call->request);
	subject_leave(subject, answer);
	return end_call(call, 0);
}

int subject_call_fd(const struct subject_call *call)
{
	return call->has_ended ? -1 : signalling_call_fd(&call->request);
}

int subject_play_advance(struct subject_call *call, struct answer *answer)
{
	if (!call->has_ended)
		return signalling_post_advance(&call->request, answer);
	if (call->result == 0)
		*answer = call->answer;
	return call->result;
}

int subject_leave_advance(struct subject_call *call)
{
	return call->has_ended ? call->result : signalling_delete_advance(&call->request);
}

void subject_call_cancel(struct subject_call *call)
{
	signalling_call_cancel(&call->request);
}

int subject_pids(const struct subject *subject, pid_t *pids, int max)
{
	return subject->kind->pids(subject, pids, max);
}

int subject_usage(const struct subject *subject, struct process_usage *usage)
{
	pid_t pids[SUBJECT_PIDS_MAX];
	int n = subject_pids(subject, pids, SUBJECT_PIDS_MAX);
	*usage = (struct process_usage){0};
	for (int i = 0; i < n; i++) {
		struct process_usage one;
		int rc = process_usage(pids[i], &one);
		if (rc)
			return rc;
		usage->resident_bytes += one.resident_bytes;
		usage->cpu_ns += one.cpu_ns;
		usage->switches += one.switches;
		usage->threads += one.threads;
	}
	return n > 0 ? 0 : -ENOENT;
}

/* False: there is no room for it. */
static bool write_path(const char *path, const char *stream, char out[SIGNALLING_PATH_ROOM])
{
	static const char place[] = "{stream}";
	const char *at = strstr(path, place);
	int n = at ? snprintf(out, SIGNALLING_PATH_ROOM, "%.*s%s%s", (int)(at - path), path, stream,
			      at + strlen(place))
		   : snprintf(out, SIGNALLING_PATH_ROOM, "%s", path);
	return n < SIGNALLING_PATH_ROOM;
}

int subject_post(const struct signalling_target *target, const char *path, const char *stream,
		 const struct offer *offer, struct answer *answer)
{
	char text[SIGNALLING_PATH_ROOM];
	return write_path(path, stream, text) ? signalling_post(target, text, offer, answer)
					      : -ENAMETOOLONG;
}

int subject_post_begin(const struct signalling_target *target, const char *path, const char *stream,
		       const struct offer *offer, struct signalling_call *call)
{
	char text[SIGNALLING_PATH_ROOM];
	return write_path(path, stream, text) ? signalling_post_begin(target, text, offer, call)
					      : -ENAMETOOLONG;
}
