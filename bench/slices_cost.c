/* What scheduling and policing cost a packet: bursts of 32 to random pipes, in and out again, with
 * hugepages and without; beside it rte_sched alone, in the same process and the same turn. Each
 * kind of memory is a process of its own. */
#include "bench/slices.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/slices_cost.h"
#include "qos/eal.h"

#define MEMORY_MB      3072
#define HUGEPAGES_FILE "/proc/sys/vm/nr_hugepages"
#define HUGEPAGE_MB    2
#define SPARE_MB       1024 /* what others may take while there are some */
#define BATCH          64   /* bursts between two looks at the clock */

static const unsigned int pipes[] = {1, 1000, 30000};
static const uint16_t sizes[] = {100, 1200};

#define PIPES (sizeof(pipes) / sizeof(pipes[0]))
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

/* What the children measured, in memory that all see. */
struct results {
	bool is_complete;
	double scheduler_ns[PIPES][SIZES][SLICES_ROUNDS_MAX];
	double rte_sched_ns[PIPES][SIZES][SLICES_ROUNDS_MAX];
	double policer_ns[PIPES][SLICES_ROUNDS_MAX];
};

/* The thread's own time: what other processes take of the CPU meanwhile is not the subject's. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ns per packet of `turn`, which takes one burst, over `span_ns`. */
static double time_bursts(void (*turn)(void *context), void *context, uint64_t span_ns)
{
	uint64_t begin_ns = cpu_ns(), now_ns = begin_ns, bursts = 0;
	while (now_ns - begin_ns < span_ns) {
		for (unsigned int i = 0; i < BATCH; i++)
			turn(context);
		bursts += BATCH;
		now_ns = cpu_ns();
	}
	return (double)(now_ns - begin_ns) / (double)(bursts * COST_BURST);
}

static int measure_pipes(struct results *results, unsigned int index, const struct slices_run *run)
{
	uint64_t span_ns = run->options.seconds * 1000000000ull / 4;
	struct cost_scheduler *scheduler;
	struct cost_rte_sched *rte_sched;
	struct cost_policers *policers;
	int rc = cost_scheduler_create(pipes[index], &scheduler);
	if (rc)
		return rc;
	rc = cost_rte_sched_create(pipes[index], &rte_sched);
	if (rc == 0)
		rc = cost_policers_create(pipes[index], &policers);
	for (unsigned int round = 0; rc == 0 && round < run->options.rounds; round++) {
		for (unsigned int size = 0; size < SIZES; size++) {
			cost_scheduler_set_bytes(scheduler, sizes[size]);
			results->scheduler_ns[index][size][round] =
				time_bursts(cost_scheduler_turn, scheduler, span_ns);
			cost_rte_sched_set_bytes(rte_sched, sizes[size]);
			results->rte_sched_ns[index][size][round] =
				time_bursts(cost_rte_sched_turn, rte_sched, span_ns);
		}
		results->policer_ns[index][round] =
			time_bursts(cost_policers_turn, policers, span_ns);
	}
	cost_policers_destroy(policers);
	cost_rte_sched_destroy(rte_sched);
	cost_scheduler_destroy(scheduler);
	return rc;
}

static int child_main(struct results *results, const struct slices_run *run,
		      enum eal_hugepages hugepages)
{
	struct eal_config eal = {.program = "nn5g-bench",
				 .n_workers = 1,
				 .memory_mb = MEMORY_MB,
				 .hugepages = hugepages};
	int rc = eal_start(&eal);
	for (unsigned int i = 0; rc == 0 && i < PIPES; i++)
		rc = measure_pipes(results, i, run);
	results->is_complete = rc == 0;
	if (rc)
		fprintf(stderr, "nn5g-bench: cost: %s\n", strerror(-rc));
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Of what fork() shares, only `results` comes back. */
static void run_child(struct results *results, const struct slices_run *run,
		      enum eal_hugepages hugepages)
{
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(child_main(results, run, hugepages));
	}
	while (pid > 0 && waitpid(pid, NULL, 0) != pid && errno == EINTR) {
		if (slices_is_ending())
			kill(pid, SIGKILL);
	}
}

static long hugepages_read(void)
{
	long n = -1;
	FILE *file = fopen(HUGEPAGES_FILE, "re");
	if (file && fscanf(file, "%ld", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

static bool hugepages_write(long n)
{
	FILE *file = fopen(HUGEPAGES_FILE, "we");
	if (!file)
		return false;
	fprintf(file, "%ld\n", n);
	return fclose(file) == 0 && hugepages_read() >= n;
}

static void add_results(struct report *report, const struct results *results, const char *memory,
			unsigned int rounds)
{
	for (unsigned int round = 0; round < rounds; round++) {
		for (unsigned int i = 0; i < PIPES; i++) {
			char name[REPORT_NAME_MAX + 1];
			const char *s = pipes[i] == 1 ? "" : "s";
			struct figure figures[] = {
				{"scheduler_100B_ns", 0, results->scheduler_ns[i][0][round]},
				{"scheduler_1200B_ns", 0, results->scheduler_ns[i][1][round]},
				{"rte_sched_100B_ns", 0, results->rte_sched_ns[i][0][round]},
				{"rte_sched_1200B_ns", 0, results->rte_sched_ns[i][1][round]},
				{"policer_ns", 1, results->policer_ns[i][round]},
			};
			snprintf(name, sizeof(name), "%u pipe%s, %s", pipes[i], s, memory);
			report_add(report, name, figures, sizeof(figures) / sizeof(figures[0]));
		}
	}
}

static void measure_memory(struct results *results, struct slices_run *run,
			   enum eal_hugepages hugepages)
{
	const char *memory = hugepages == EAL_HUGEPAGES_ON ? "hugepages" : "4 KiB pages";
	results->is_complete = false;
	run_child(results, run, hugepages);
	if (results->is_complete)
		add_results(&run->report, results, memory, run->options.rounds);
	else
		report_at_least(&run->report, memory, 0, 1);
}

int slices_cost(struct slices_run *run)
{
	struct results *results = mmap(NULL, sizeof(*results), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED)
		return -ENOMEM;
	report_title(
		&run->report,
		"ns of CPU per packet, enqueued and dequeued in bursts of %d to random pipes; one "
		"policer a pipe; medians of %u",
		COST_BURST, run->options.rounds);
	slices_note_signals(); /* the machine's hugepages are to be put back */
	long before = hugepages_read();
	measure_memory(results, run, EAL_HUGEPAGES_OFF);
	if (before >= 0 && !slices_is_ending() &&
	    hugepages_write(before + (MEMORY_MB + SPARE_MB) / HUGEPAGE_MB))
		measure_memory(results, run, EAL_HUGEPAGES_ON);
	else
		fprintf(stderr, "nn5g-bench: cost: no hugepages to be had: %d MB, as root\n",
			MEMORY_MB);
	if (before >= 0)
		hugepages_write(before);
	munmap(results, sizeof(*results));
	report_medians(&run->report);
	return slices_is_ending() ? -EINTR : 0;
}
