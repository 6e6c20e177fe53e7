/* The command: each part in a child process, because DPDK starts but once in a process, and what
 * one part left in memory should not be the next one's. A child prints its own results; its exit
 * status tells whether all bounds were kept. */
#include "bench/slices.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/log.h"
#include "qos/eal.h"

const struct slices_part slices_parts[] = {
	{.name = "conformance",
	 .text = "slices of 1 to 500 Mbps, small and large packets: rate against configured rate",
	 .seconds = 10,
	 .memory_mb = 1024,
	 .run = slices_conformance},
	{.name = "isolation",
	 .text = "voice and video of slice A while slice B floods at 10 times its rate",
	 .seconds = 4,
	 .has_port = true,
	 .memory_mb = 512,
	 .run = slices_isolation},
	{.name = "classes",
	 .text = "voice of a tenant while its own bulk and video saturate its ceiling",
	 .seconds = 3,
	 .has_port = true,
	 .memory_mb = 512,
	 .run = slices_classes},
	{.name = "conservation",
	 .text = "bandwidth of an idle slice is lent, and how soon it is back with its owner",
	 .seconds = 5,
	 .memory_mb = 512,
	 .run = slices_conservation},
	{.name = "change",
	 .text = "rates changed and tenants made and removed at run time, under load",
	 .seconds = 3,
	 .memory_mb = 1024,
	 .run = slices_change},
	{.name = "gateway",
	 .text = "isolation end to end: a whole gateway, its publishers and viewers",
	 .seconds = 5,
	 .run = slices_gateway},
	{.name = "cost",
	 .text = "ns per packet of scheduler and policers, by pipes and kind of memory",
	 .seconds = 1,
	 .run = slices_cost},
};
const unsigned int slices_n_parts = sizeof(slices_parts) / sizeof(slices_parts[0]);

static volatile sig_atomic_t is_ending;

static void on_signal(int number)
{
	(void)number;
	is_ending = 1;
}

/* System calls are not taken up again, so that who waits looks. */
void slices_note_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool slices_is_ending(void)
{
	return is_ending;
}

/* Namespaces first: threads are born in those that the process has. */
static int enter(const struct slices_part *part, struct slices_run *run)
{
	struct eal_config eal = {
		.program = "nn5g-bench", .n_workers = 1, .memory_mb = part->memory_mb};
	int rc = 0;
	if (part->has_port && run->options.mode != PORT_SOCKET)
		rc = veth_create(&run->veth);
	if (rc == 0 && part->memory_mb)
		rc = eal_start(&eal);
	return rc ? rc : watch_start(&run->watch);
}

static int run_part(const struct slices_part *part, const struct slices_options *options)
{
	struct slices_run *run = calloc(1, sizeof(*run));
	if (!run)
		return EXIT_FAILURE;
	run->options = *options;
	if (options->seconds == 0)
		run->options.seconds = part->seconds;
	run->report.part = part->name;
	run->report.mode = part->has_port ? port_kind_names[options->mode] : NULL;
	run->report.is_json = options->is_json;
	int rc = enter(part, run);
	if (rc == 0)
		rc = part->run(run);
	if (rc)
		fprintf(stderr, "nn5g-bench: %s could not be measured: %s\n", part->name,
			strerror(-rc));
	watch_stop(run->watch);
	veth_destroy(run->veth);
	bool is_good = rc == 0 && !run->report.has_missed;
	free(run);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool run_child(const struct slices_part *part, const struct slices_options *options)
{
	int status;
	fflush(stdout);
	pid_t pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		int result = run_part(part, options);
		fflush(stdout);
		_exit(result);
	}
	while (waitpid(pid, &status, 0) != pid) {
		if (errno != EINTR)
			return false;
	}
	if (WIFSIGNALED(status))
		fprintf(stderr, "nn5g-bench: %s ended by signal %d\n", part->name,
			WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

int slices_main(int argc, char **argv)
{
	struct slices_options options;
	int rc = slices_options_parse(argc, argv, &options);
	if (rc > 0)
		return EXIT_SUCCESS;
	if (rc < 0) {
		fputs("Try 'nn5g-bench slices --help'.\n", stderr);
		return 2;
	}
	log_init("nn5g-bench");
	for (int module = 0; module < LOG_MODULES; module++)
		log_set_level((enum log_module)module, module == LOG_NODE ? LOG_ERROR : LOG_WARN);
	bool is_good = true;
	for (unsigned int i = 0; i < slices_n_parts; i++) {
		if (options.parts & 1u << i)
			is_good &= run_child(&slices_parts[i], &options);
	}
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
