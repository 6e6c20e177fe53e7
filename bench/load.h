/* Streams with viewers against a subject: connected, measured as often as wanted, and taken down.
 * Publishers share one thread (bench/pace), viewers the caller's. While measuring, viewers' sockets
 * are read in turns and nobody is woken for a packet, neither here nor at the sender's expense:
 * arrival is the kernel's time. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/noise.h"
#include "bench/result.h"
#include "bench/subject.h"
#include "bench/viewer.h"
#include "bench/watch.h"

struct load_config {
	struct subject *subject;           /* borrowed */
	const char *profiles;              /* as libssl names them; borrowed */
	unsigned int publishers;           /* streams */
	unsigned int viewers;              /* of each of them; 0: none */
	unsigned int parallel;             /* viewers that may be connecting at a time; 0: 32 */
	uint32_t bitrate_bps;              /* of the video of one stream */
	uint16_t packet_bytes;             /* of a video RTP packet before SRTP */
	bool audio, verify_all;            /* 50 packets a second beside; decrypt every packet */
	struct watch *watch;               /* borrowed; NULL: nobody looks for stalls */
	const struct noise_limits *reject; /* borrowed; NULL: nothing is rejected */
};

/* What a measurement came to. Large: not for the stack of a thread. */
struct load_figures {
	double seconds;
	unsigned int playing; /* viewers that have media */
	uint64_t sent;        /* by all publishers, each packet once */
	/* without viewers: packets are those sent, lost those that the subject reported */
	struct viewer_totals totals;
	uint64_t tool_cpu_ns; /* of this process */
	bool has_usage;       /* the subject's processes are known */
	struct process_usage before, after;
	struct noise_figures noise;
};

struct load;

/* Connects all of it and returns when all viewers have media, with media flowing; or, with lines on
 * stderr, when not all of them can be expected to (then it may be measured, `playing` tells). On
 * any other failure a negative errno with a line on stderr. -EINTR when interrupted. */
int load_open(const struct load_config *config, struct load **out);
/* Ends all sessions. Takes NULL. */
void load_close(struct load *load);
/* Lets it run without counting. */
void load_run_for(struct load *load, uint64_t ns);
/* Counts for a while, then pauses the media for long enough to know what is lost, and goes on.
 * -EINTR when interrupted, -ESRCH when the subject has ended. */
int load_measure(struct load *load, unsigned int seconds, struct load_figures *figures);
/* From now on. */
void load_set_bitrate(struct load *load, uint32_t bitrate_bps);
/* Viewers that play. */
unsigned int load_playing(const struct load *load);

/* The values that every such measurement has. `figures` stays borrowed until the sample was
 * added. */
void load_fill(const struct load_figures *figures, struct result_sample *sample);
/* "gcm128" to what libssl calls it; NULL for an unknown name. */
const char *load_profiles(const char *profile);
