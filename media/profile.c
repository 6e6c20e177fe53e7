/* The profile's beginning and end, and what others read of it. */
#include "media/profile.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "conf/log.h"

const char *const profile_stage_names[PROFILE_STAGES] = {
	[PROFILE_RECEIVE] = "receive",     [PROFILE_DEMUX] = "demux",
	[PROFILE_UNPROTECT] = "unprotect", [PROFILE_TRACK] = "track",
	[PROFILE_COPY] = "copy",           [PROFILE_PROTECT] = "protect",
	[PROFILE_SCHEDULE] = "schedule",   [PROFILE_SEND] = "send",
	[PROFILE_REPORT] = "report",       [PROFILE_MESSAGES] = "messages",
	[PROFILE_TIMERS] = "timers",       [PROFILE_SLEEP] = "sleep",
};

/* The calling thread's instructions. The kernel's are among them only if we may look there. */
static int counter_open(bool *with_kernel)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_hv = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	*with_kernel = fd >= 0;
	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		attributes.exclude_kernel = 1;
		fd = (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1,
				  PERF_FLAG_FD_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

static void count_instructions(struct profile *profile)
{
	bool with_kernel;
	int rc = counter_open(&with_kernel);
	if (rc >= 0) {
		void *page =
			mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_SHARED, rc, 0);
		profile->fd = rc;
		profile->page = page == MAP_FAILED ? NULL : page;
		rc = page == MAP_FAILED ? -errno : 0;
	}
	if (rc == 0 && !profile->page->cap_user_rdpmc)
		rc = -EOPNOTSUPP;
	if (rc == 0) {
		log_info(LOG_WORKER, "instructions are counted", "\"kernel\":%s",
			 with_kernel ? "true" : "false");
		return;
	}
	profile_stop(profile);
	log_warn(LOG_WORKER, "the profile has times but no instructions: no counter to read",
		 "\"error\":\"%s\"", strerror(-rc));
}

void profile_start(struct profile *profile, bool is_always)
{
	profile->every = is_always ? 1 : PROFILE_EVERY;
	profile->random = 1;
	profile->fd = -1;
	if (is_always)
		count_instructions(profile);
}

void profile_stop(struct profile *profile)
{
	if (profile->page)
		munmap(profile->page, (size_t)sysconf(_SC_PAGESIZE));
	if (profile->fd >= 0)
		close(profile->fd);
	profile->page = NULL;
	profile->fd = -1;
}

void profile_read(const struct profile *profile, enum profile_stage stage,
		  struct profile_figures *figures)
{
	const struct profile_sum *sum = &profile->sums[stage];
	figures->seconds +=
		(double)__atomic_load_n(&sum->ticks, __ATOMIC_RELAXED) / (double)rte_get_tsc_hz();
	figures->instructions += __atomic_load_n(&sum->instructions, __ATOMIC_RELAXED);
	figures->packets += __atomic_load_n(&sum->packets, __ATOMIC_RELAXED);
}
