/* First the meter and its oracle must agree on every trace, then the meter is timed: the same
 * session over and over, and many in turn, whose meters come from memory. */
#include "bench/meter.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "slices/meter.h"
#include "tests/slices/meter_oracle.h"

#define TRACES        10000
#define ROUNDS        5 /* the quickest counts: the others were disturbed */
#define PACKETS       20000000u
#define SESSIONS_MANY 20000u

static const char help[] =
	"Usage: nn5g-bench meter [--json]\n"
	"\n"
	"What metering costs a packet, in nanoseconds; of one session, whose meter stays in the\n"
	"cache, and of 20000 sessions in turn. Needs no gateway. First the meter must agree with "
	"an\n"
	"independent oracle on 10000 random traces: each packet's verdict and the nanoseconds.\n"
	"\n"
	"Exit status: 0; 1 when the two disagree; 2 usage.\n";

struct session {
	struct meter meter;
	struct meter_clock clocks[METER_KINDS];
};

static const struct {
	const char *name;
	unsigned int n_sessions;
	bool is_limited, is_stopped;
} rows[] = {
	{"one_unlimited", 1, false, false},
	{"one_limited", 1, true, false},
	{"one_stopped", 1, true, true},
	{"many_limited", SESSIONS_MANY, true, false},
};

static bool agrees_with_oracle(void)
{
	uint64_t verdicts[METER_STOPPED + 1] = {0};
	for (unsigned int seed = 0; seed < TRACES; seed++) {
		int differs_at = trace_play(seed, verdicts);
		if (differs_at < 0)
			continue;
		fprintf(stderr, "meter and oracle differ: trace %u, event %d\n", seed, differs_at);
		return false;
	}
	return true;
}

static void prepare(struct session *sessions, unsigned int row)
{
	for (unsigned int i = 0; i < rows[row].n_sessions; i++) {
		struct session *session = &sessions[i];
		*session = (struct session){0};
		meter_init(&session->meter);
		for (enum meter_kind kind = 0; rows[row].is_limited && kind < METER_KINDS; kind++)
			meter_set_credit(&session->meter, kind, METER_UNLIMITED - 1);
		if (rows[row].is_stopped)
			meter_set_held(&session->meter, 1u << METER_VIDEO | 1u << METER_VOICE);
	}
}

/* Three packets of video to one of voice; the clock goes on by 10 us a packet. */
static double time_packets(struct session *sessions, unsigned int n_sessions, unsigned int *passed)
{
	uint64_t now_ns = 1000000000, begin_ns = clock_ns();
	unsigned int at = 0;
	for (unsigned int i = 0; i < PACKETS; i++) {
		enum meter_kind kind = (i & 3) == 3 ? METER_VOICE : METER_VIDEO;
		struct session *session = &sessions[at];
		at = at + 1 == n_sessions ? 0 : at + 1;
		now_ns += 10000;
		*passed += meter_packet(&session->meter, &session->clocks[kind], kind, now_ns) ==
			   METER_PASS;
	}
	return (double)(clock_ns() - begin_ns) / PACKETS;
}

static bool time_row(struct session *sessions, unsigned int row, bool is_json)
{
	double best_ns = 0;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int passed = 0;
		prepare(sessions, row);
		double ns = time_packets(sessions, rows[row].n_sessions, &passed);
		if (passed != (rows[row].is_stopped ? 0 : PACKETS)) {
			fprintf(stderr, "%s: %u packets passed\n", rows[row].name, passed);
			return false;
		}
		best_ns = round == 0 || ns < best_ns ? ns : best_ns;
	}
	printf(is_json ? "%s\"%s_ns\":%.2f" : "%s%-16s %6.2f ns per packet\n",
	       is_json && row > 0 ? "," : "", rows[row].name, best_ns);
	return true;
}

int meter_main(int argc, char **argv)
{
	bool is_json = argc == 2 && strcmp(argv[1], "--json") == 0;
	if (argc > 1 && !is_json) {
		bool is_asked = strcmp(argv[1], "--help") == 0;
		fputs(help, is_asked ? stdout : stderr);
		return is_asked ? EXIT_SUCCESS : 2;
	}
	struct session *sessions = calloc(SESSIONS_MANY, sizeof(*sessions));
	bool is_good = sessions && agrees_with_oracle();
	if (is_good)
		printf(is_json ? "{\"traces_equal\":%u," : "%u traces equal the oracle's\n",
		       TRACES);
	for (unsigned int row = 0; is_good && row < sizeof(rows) / sizeof(rows[0]); row++)
		is_good = time_row(sessions, row, is_json);
	if (is_good && is_json)
		puts("}");
	free(sessions);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
