/* What commands that compare are told alike. */
#include <stddef.h>

#include "bench/arena.h"

const char *const arena_peers[] = {"janus", NULL};

const struct arena_options arena_defaults = {
	.target = {.token = ""},
	.tenant = "demo",
	.mode = BENCH_SOCKET,
	.workers = 1,
	.rounds = 5,
	.seconds = 3,
	.noise_percent = 25,
};

#define AT(field) offsetof(struct arena_options, field)

const struct option_row arena_subject_rows[] = {
	OPTION_HEADING("Against what:"),
	OPTION_ONE_OF("peer", "NAME,...", OPTION_CHOICES, AT(peers), arena_peers,
		      "a peer that is started and stopped, too: janus"),
	OPTION_VALUE("floor", NULL, OPTION_FLAG, AT(has_floor),
		     "a plain relay without cryptography, too"),
	OPTION_ONE_OF("mode", "MODE", OPTION_CHOICE, AT(mode), bench_mode_names,
		      "port of our gateway: socket, af_xdp, af_packet (socket)"),
	OPTION_NUMBER("workers", "N", OPTION_UINT, AT(workers), 1, 16, "of our gateway (1)"),
	OPTION_VALUE("media", "KEYS", OPTION_TEXT, AT(media),
		     "more keys of section media of its gateway.yaml,\n'key: value, key: value'"),
	OPTION_VALUE("url", "URL", OPTION_URL, AT(target),
		     "a WHIP/WHEP server that runs, instead of our own:\nhttp://HOST:PORT"),
	OPTION_VALUE("whip", "PATH", OPTION_TEXT, AT(whip_path),
		     "where it is published to; {stream} is the stream's\n"
		     "name (/whip/TENANT/{stream})"),
	OPTION_VALUE("whep", "PATH", OPTION_TEXT, AT(whep_path),
		     "the same for viewers (/whep/TENANT/{stream})"),
	OPTION_VALUE("tenant", "T", OPTION_TEXT, AT(tenant), "in those paths (demo)"),
	OPTION_VALUE("stream", "S", OPTION_TEXT, AT(stream), "the same instead of {stream}"),
	OPTION_VALUE("token", "TOKEN", OPTION_TEXT, AT(target.token), "bearer token for it"),
	OPTION_VALUE("token-file", "FILE", OPTION_TOKEN_FILE, AT(target.token),
		     "the same, out of a file, where other users do not\nsee it"),
	OPTION_NUMBER("pid", "PID", OPTION_UINT, AT(pid), 1, INT32_MAX,
		      "of it, if it runs on this machine: adds its memory,\n"
		      "threads, CPU time and context switches"),
	OPTION_ROWS_END,
};

const struct option_row arena_run_rows[] = {
	OPTION_HEADING("How it is measured and told:"),
	OPTION_NUMBER("rounds", "R", OPTION_UINT, AT(rounds), 1, 100000,
		      "each connects everything anew; subjects take turns,\nmedians count (5)"),
	OPTION_NUMBER("seconds", "S", OPTION_UINT, AT(seconds), 1, 86400,
		      "of measuring in each round (3)"),
	OPTION_VALUE("noise", "PERCENT", OPTION_REAL, AT(noise_percent),
		     "CPU time of others, of all CPUs, from which on a\n"
		     "sample is rejected and taken again (25)"),
	OPTION_VALUE("accept-noise", NULL, OPTION_FLAG, AT(accepts_noise),
		     "take every sample as it is"),
	OPTION_VALUE("json", NULL, OPTION_FLAG, AT(is_json),
		     "JSON lines on stdout, instead of a table"),
	OPTION_VALUE("help", NULL, OPTION_HELP, 0, "this text"),
	OPTION_ROWS_END,
};
