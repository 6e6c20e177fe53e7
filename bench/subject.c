/* Kinds are rows; everything else is theirs. */
#include "bench/subject.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/subject_kind.h"

#define PATH_ROOM 256

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

int subject_post(const struct signalling_target *target, const char *path, const char *stream,
		 const struct offer *offer, struct answer *answer)
{
	static const char place[] = "{stream}";
	char text[PATH_ROOM];
	const char *at = strstr(path, place);
	int n = at ? snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - path), path, stream,
			      at + strlen(place))
		   : snprintf(text, sizeof(text), "%s", path);
	return n < (int)sizeof(text) ? signalling_post(target, text, offer, answer) : -ENAMETOOLONG;
}
