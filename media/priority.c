#include "media/priority.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conf/log.h"

#define SLICE_NS        500000 /* shorter ones gain nothing (measured) */
#define TIMER_SLACK_NS  1000   /* of sleeps, or pacing is late by 50 us each time */
#define MEDIA_NICE      (-10)
#define CONTROL_NICE    2
#define HANDSHAKE_NICE  5
#define REAL_TIME_LEVEL 10 /* below what the kernel's own threads have */

/* As the kernel knows it; glibc of Debian 12 has no word for it. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t level;
	uint64_t runtime_ns, deadline_ns, period_ns;
};

static int attributes_set(const struct attributes *attributes)
{
	return syscall(SYS_sched_setattr, 0, attributes, 0u) == 0 ? 0 : -errno;
}

static void take_media(void)
{
	struct attributes attributes = {
		.size = sizeof(attributes),
		.policy = SCHED_OTHER,
		.nice = MEDIA_NICE,
		.runtime_ns = SLICE_NS,
	};
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
	if (attributes_set(&attributes) == 0)
		return;
	attributes.nice = getpriority(PRIO_PROCESS, 0);
	attributes_set(&attributes);
}

static void take_real_time(void)
{
	struct attributes attributes = {
		.size = sizeof(attributes),
		.policy = SCHED_FIFO,
		.level = REAL_TIME_LEVEL,
	};
	int rc = attributes_set(&attributes);
	if (rc == 0)
		return;
	log_warn(LOG_WORKER, "no real-time priority for a worker: it keeps an ordinary one",
		 "\"error\":\"%s\",\"needed\":\"CAP_SYS_NICE or LimitRTPRIO=%d\"", strerror(-rc),
		 REAL_TIME_LEVEL);
	take_media();
}

void priority_take(enum priority priority)
{
	switch (priority) {
	case PRIORITY_MEDIA:
		take_media();
		break;
	case PRIORITY_REAL_TIME:
		take_real_time();
		break;
	case PRIORITY_CONTROL:
		setpriority(PRIO_PROCESS, 0, CONTROL_NICE);
		break;
	case PRIORITY_HANDSHAKE:
		setpriority(PRIO_PROCESS, 0, HANDSHAKE_NICE);
		break;
	}
}
