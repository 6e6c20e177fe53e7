/* `nn5g-bench slices`: whether a slice gets what it was promised, and nobody else's packets pay for
 * it. Each part is a question of its own, asked in a process of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/slices_report.h"
#include "bench/slices_veth.h"
#include "bench/watch.h"
#include "qos/port.h"

#define SLICES_ROUNDS_MAX REPORT_ROUNDS_MAX

struct slices_options {
	unsigned int parts; /* bit of each part asked for */
	enum port_kind mode;
	unsigned int rounds;
	unsigned int seconds; /* of measuring in each round; 0: the part's own */
	bool is_json;
	bool is_realtime; /* the packet thread runs before all ordinary ones */
};

/* What a part finds when it is called, and what it leaves. */
struct slices_run {
	struct slices_options options; /* seconds: the part's own, if none were asked for */
	struct report report;
	struct watch *watch; /* of the machine */
	struct veth *veth;   /* NULL: the part has no port, or the mode needs none */
};

/* One question. `run` is called in a fresh process and returns 0, or a negative errno when it could
 * not measure; what was measured and missed is told to the report. */
struct slices_part {
	const char *name, *text;
	unsigned int seconds;   /* of a round, unless asked otherwise */
	bool has_port;          /* packets leave through the port of the mode */
	unsigned int memory_mb; /* of DPDK; 0: `run` starts EAL itself, or needs none */
	int (*run)(struct slices_run *run);
};

extern const struct slices_part slices_parts[];
extern const unsigned int slices_n_parts;

int slices_cost(struct slices_run *run);
int slices_conformance(struct slices_run *run);
int slices_isolation(struct slices_run *run);
int slices_classes(struct slices_run *run);
int slices_conservation(struct slices_run *run);
int slices_change(struct slices_run *run);
int slices_gateway(struct slices_run *run);

/* For parts that have something to put back: from now on SIGINT and SIGTERM are only noted. */
void slices_note_signals(void);
bool slices_is_ending(void);

/* argv[0] is "slices". Exit status. */
int slices_main(int argc, char **argv);
/* 0; 1 when help was asked for and given; -EINVAL with a line on stderr. */
int slices_options_parse(int argc, char **argv, struct slices_options *options);
