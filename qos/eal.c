/* DPDK's environment as an ordinary process sees it: anonymous memory of a fixed size (hugepages
 * too are anonymous, so that nodes live side by side and leave nothing on a hugetlbfs), threads
 * that float over whatever CPUs the process was given, no device but the one it was told of, no
 * files. What DPDK logs becomes lines of our own log. */
#include "qos/eal.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include "conf/log.h"
#include "qos/port.h"

#define CPU_LIST_BYTES (RTE_MAX_LCORE * 5)
#define EAL_ARGUMENTS  20
#define LOG_LINE_BYTES 512
#define RUNTIME_ENV    "RUNTIME_DIRECTORY" /* where EAL makes its folder, see runtime_folder_make */

#define HUGEPAGE_MB     2
#define HUGEPAGE_FOLDER "/sys/kernel/mm/hugepages/hugepages-2048kB/"

const char *const eal_hugepages_names[EAL_HUGEPAGES_KINDS] = {
	[EAL_HUGEPAGES_AUTO] = "auto",
	[EAL_HUGEPAGES_ON] = "on",
	[EAL_HUGEPAGES_OFF] = "off",
};

/* What an lcore was asked to run. The semaphores order what both sides see of it, and let the one
 * who joins sleep: rte_eal_wait_lcore() alone would spin for as long as the lcore runs. */
struct lcore_task {
	int (*run)(void *arg);
	void *arg;
	bool started;
	sem_t begin, end;
};

static FILE *dpdk_log;
static struct lcore_task tasks[EAL_LCORE_WORKER_FIRST + PORT_QUEUES_MAX + 1];

/* One line of DPDK's log, without its newline, at the level that DPDK gave it. */
static ssize_t dpdk_log_write(void *cookie, const char *text, size_t length)
{
	(void)cookie;
	char line[LOG_LINE_BYTES];
	int n = (int)(length < sizeof(line) - 1 ? length : sizeof(line) - 1);
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	snprintf(line, sizeof(line), "%.*s", n, text);
	if (n == 0)
		return (ssize_t)length;
	if (rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR)
		log_error(LOG_NODE, "dpdk", "\"line\":\"%s\"", log_escape(line));
	else
		log_warn(LOG_NODE, "dpdk", "\"line\":\"%s\"", log_escape(line));
	return (ssize_t)length;
}

static FILE *dpdk_log_open(void)
{
	cookie_io_functions_t io = {.write = dpdk_log_write};
	FILE *stream = fopencookie(NULL, "w", io);
	if (stream)
		setvbuf(stream, NULL, _IOLBF, LOG_LINE_BYTES);
	return stream;
}

static void dpdk_log_close(void)
{
	rte_openlog_stream(NULL);
	if (dpdk_log)
		fclose(dpdk_log);
	dpdk_log = NULL;
}

/* EAL insists on making a folder, though it has nothing to put there. It gets one of its own in the
 * place for temporary files, for as long as it starts. */
static bool runtime_folder_make(char *folder, size_t size)
{
	const char *place = getenv("TMPDIR");
	int n = snprintf(folder, size, "%s/nn5g-XXXXXX", place ? place : "/tmp");
	return n > 0 && (size_t)n < size && mkdtemp(folder) && setenv(RUNTIME_ENV, folder, 1) == 0;
}

static void runtime_folder_remove(const char *folder, const char *env_before)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/dpdk/nn5g-%d", folder, getpid());
	rmdir(path);
	snprintf(path, sizeof(path), "%s/dpdk", folder);
	rmdir(path);
	rmdir(folder);
	if (env_before)
		setenv(RUNTIME_ENV, env_before, 1);
	else
		unsetenv(RUNTIME_ENV);
}

/* "(0-3)@(0,1)": all lcores on all CPUs that the process may use. */
static int lcores_write(char *text, size_t size, const cpu_set_t *cpus, unsigned int n_lcores)
{
	size_t length = (size_t)snprintf(text, size, "(0-%u)@(", n_lcores - 1);
	const char *comma = "";
	for (unsigned int cpu = 0; cpu < RTE_MAX_LCORE; cpu++) {
		if (!CPU_ISSET(cpu, cpus))
			continue;
		length += (size_t)snprintf(text + length, size - length, "%s%u", comma, cpu);
		comma = ",";
	}
	if (*comma == '\0')
		return -ENOTSUP;
	snprintf(text + length, size - length, ")");
	return 0;
}

static unsigned long hugepages_count(const char *which)
{
	char path[128];
	unsigned long count = 0;
	snprintf(path, sizeof(path), HUGEPAGE_FOLDER "%s", which);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%lu", &count) != 1)
		count = 0;
	fclose(file);
	return count;
}

/* Whether the machine has that much to spare, and its cgroup lets us have it. Nothing is kept:
 * somebody else may be faster, then EAL says so. */
static bool hugepages_suffice(unsigned int memory_mb)
{
	unsigned long wanted = (memory_mb + HUGEPAGE_MB - 1) / HUGEPAGE_MB;
	unsigned long reserved = hugepages_count("resv_hugepages");
	if (hugepages_count("free_hugepages") < wanted + reserved)
		return false;
	size_t bytes = wanted * HUGEPAGE_MB << 20;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT);
	void *trial = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (trial == MAP_FAILED)
		return false;
	munmap(trial, bytes);
	return true;
}

/* Whether to use hugepages; -ENOMEM when they must be there and are not. */
static int hugepages_choose(const struct eal_config *config)
{
	bool suffice =
		config->hugepages != EAL_HUGEPAGES_OFF && hugepages_suffice(config->memory_mb);
	if (suffice || config->hugepages != EAL_HUGEPAGES_ON)
		return suffice;
	log_error(LOG_NODE, "not enough hugepages of 2 MB are free",
		  "\"memory_mb\":%u,\"free_mb\":%lu,\"allot\":\"/proc/sys/vm/nr_hugepages\"",
		  config->memory_mb, hugepages_count("free_hugepages") * HUGEPAGE_MB);
	return -ENOMEM;
}

/* IOVA is VA always: a NIC that reaches all of memory, with no IOMMU before it, is not taken. */
static int eal_init(const struct eal_config *config, const char *lcores, bool has_hugepages)
{
	char memory[16], prefix[32];
	snprintf(memory, sizeof(memory), "%u", config->memory_mb);
	snprintf(prefix, sizeof(prefix), "nn5g-%d", getpid());
	char *argv[EAL_ARGUMENTS] = {
		(char *)config->program,
		has_hugepages ? "--in-memory" : "--no-huge",
		"--no-shconf",
		"--no-telemetry",
		"--iova-mode=va",
		"--log-level=warning",
		"--file-prefix",
		prefix,
		"-m",
		memory,
		"--lcores",
		(char *)lcores,
		config->pci_address ? "-a" : "--no-pci",
		(char *)config->pci_address,
		NULL,
	};
	int argc = 0;
	while (argv[argc])
		argc++;
	return rte_eal_init(argc, argv) < 0 ? -rte_errno : 0;
}

int eal_start(const struct eal_config *config)
{
	unsigned int n_lcores = EAL_LCORE_WORKER_FIRST + config->n_workers + config->has_egress;
	char lcores[CPU_LIST_BYTES], folder[PATH_MAX - 64];
	cpu_set_t cpus;
	if (config->n_workers == 0 || config->n_workers > PORT_QUEUES_MAX || !config->memory_mb)
		return -EINVAL;
	if (dpdk_log)
		return -EALREADY;
	int has_hugepages = hugepages_choose(config);
	if (has_hugepages < 0)
		return has_hugepages;
	int rc = sched_getaffinity(0, sizeof(cpus), &cpus) == 0
			 ? lcores_write(lcores, sizeof(lcores), &cpus, n_lcores)
			 : -errno;
	if (rc < 0) {
		log_error(LOG_NODE, "no usable CPU for the packet threads", "\"error\":\"%s\"",
			  strerror(-rc));
		return rc;
	}
	dpdk_log = dpdk_log_open();
	if (!dpdk_log)
		return -ENOMEM;
	rte_openlog_stream(dpdk_log);

	const char *env = getenv(RUNTIME_ENV);
	char *env_before = env ? strdup(env) : NULL;
	bool made = runtime_folder_make(folder, sizeof(folder));
	rc = eal_init(config, lcores, has_hugepages);
	if (made)
		runtime_folder_remove(folder, env_before);
	free(env_before);
	/* EAL moved this thread to lcore 0's CPUs, which leave out CPUs beyond RTE_MAX_LCORE. */
	sched_setaffinity(0, sizeof(cpus), &cpus);
	if (rc < 0) {
		dpdk_log_close();
		log_error(LOG_NODE, "DPDK does not start",
			  "\"error\":\"%s\",\"memory_mb\":%u,\"hugepages\":%s", strerror(-rc),
			  config->memory_mb, has_hugepages ? "true" : "false");
	}
	return rc;
}

bool eal_has_hugepages(void)
{
	return rte_eal_has_hugepages() != 0;
}

void eal_stop(void)
{
	rte_eal_cleanup();
	dpdk_log_close();
}

static int lcore_main(void *arg)
{
	struct lcore_task *task = arg;
	while (sem_wait(&task->begin) != 0)
		continue;
	int result = task->run(task->arg);
	sem_post(&task->end);
	return result;
}

int eal_lcore_start(unsigned int lcore, int (*run)(void *arg), void *arg)
{
	if (lcore < EAL_LCORE_HANDSHAKE || lcore >= RTE_DIM(tasks) || !rte_lcore_is_enabled(lcore))
		return -EINVAL;
	struct lcore_task *task = &tasks[lcore];
	if (task->started)
		return -EBUSY;
	*task = (struct lcore_task){.run = run, .arg = arg, .started = true};
	sem_init(&task->begin, 0, 0);
	sem_init(&task->end, 0, 0);
	sem_post(&task->begin);
	int rc = rte_eal_remote_launch(lcore_main, task, lcore);
	task->started = rc == 0;
	return rc;
}

int eal_lcore_join(unsigned int lcore)
{
	if (lcore >= RTE_DIM(tasks) || !tasks[lcore].started)
		return -EINVAL;
	while (sem_wait(&tasks[lcore].end) != 0)
		continue;
	tasks[lcore].started = false;
	return rte_eal_wait_lcore(lcore);
}
