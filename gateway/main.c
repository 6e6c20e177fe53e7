/* nn5g-gateway: options, configuration, one node. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"
#include "conf/log.h"
#include "gateway/admin.h"
#include "gateway/node.h"
#include "gateway/port_check.h"

enum { EXIT_USAGE = 2, EXIT_CONFIG = 3 };

static void print_help(FILE *out)
{
	fputs("Usage: nn5g-gateway [--config FILE]\n"
	      "\n"
	      "The NN-5G edge gateway: browsers publish over WHIP and play over WHEP.\n"
	      "\n"
	      "Options:\n"
	      "  -c, --config FILE  read gateway.yaml from FILE; without it every key has its "
	      "default\n"
	      "      --check-config read the configuration, say what is wrong with it, and exit\n"
	      "      --port-check   say what this machine can do for each port mode, whether the\n"
	      "                     configured one can run (exit status 0 or 1), and the commands "
	      "that\n"
	      "                     would help; with --json as JSON\n"
	      "      --profile      measure every round of the workers, not one in 64: nn5gctl "
	      "stats\n"
	      "                     profile then has exact times and, where the machine counts\n"
	      "                     them, instructions\n"
	      "      --dump-config  print the effective configuration as YAML, and exit\n"
	      "      --admin-reference  print the methods of the admin socket as Markdown, and "
	      "exit\n"
	      "  -h, --help         print this text and the configuration keys, and exit\n"
	      "  -V, --version      print the version, and exit\n"
	      "\n"
	      "Signals: SIGINT and SIGTERM end all sessions and stop; SIGHUP reads the\n"
	      "configuration, the tenants and the certificate again.\n"
	      "Exit status: 0 stopped on request, 1 could not start, 2 usage, 3 configuration.\n"
	      "\n"
	      "Configuration keys:\n",
	      out);
	config_help(out);
}

enum action { RUN, CHECK, PORT_CHECK, DUMP, REFERENCE, HELP, VERSION };

struct arguments {
	const char *config_path;
	enum action action;
	bool json, is_profiled;
};

static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'k'},
		{"port-check", no_argument, NULL, 'p'},
		{"json", no_argument, NULL, 'j'},
		{"profile", no_argument, NULL, 'f'},
		{"dump-config", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{"admin-reference", no_argument, NULL, 'a'},
		{0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			arguments->config_path = optarg;
			break;
		case 'k':
			arguments->action = CHECK;
			break;
		case 'p':
			arguments->action = PORT_CHECK;
			break;
		case 'j':
			arguments->json = true;
			break;
		case 'f':
			arguments->is_profiled = true;
			break;
		case 'd':
			arguments->action = DUMP;
			break;
		case 'a':
			arguments->action = REFERENCE;
			break;
		case 'h':
			arguments->action = HELP;
			break;
		case 'V':
			arguments->action = VERSION;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nn5g-gateway: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

static int run(struct gateway_config *config, const char *path)
{
	struct node *node;
	signal(SIGPIPE, SIG_IGN);
	int rc = node_start(config, path, &node);
	if (rc) {
		config_free(config);
		return rc == -EINTR ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	node_run(node);
	node_stop(node);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {0};
	struct gateway_config config;

	log_init("nn5g-gateway");
	if (parse_arguments(argc, argv, &arguments)) {
		fputs("Try 'nn5g-gateway --help'.\n", stderr);
		return EXIT_USAGE;
	}
	if (arguments.action == HELP) {
		print_help(stdout);
		return EXIT_SUCCESS;
	}
	if (arguments.action == REFERENCE) {
		admin_reference(stdout);
		return EXIT_SUCCESS;
	}
	if (arguments.action == VERSION) {
		printf("nn5g-gateway %s\n", NN5G_VERSION);
		return EXIT_SUCCESS;
	}
	if (config_load(arguments.config_path, stderr, &config))
		return EXIT_CONFIG;
	config.is_profiled = arguments.is_profiled;
	if (arguments.action == RUN)
		return run(&config, arguments.config_path);
	int status = EXIT_SUCCESS;
	if (arguments.action == DUMP)
		config_dump(&config, stdout);
	else if (arguments.action == PORT_CHECK)
		status = port_check(&config, arguments.json, stdout) == 0 ? EXIT_SUCCESS
									  : EXIT_FAILURE;
	else
		puts("the configuration is valid");
	config_free(&config);
	return status;
}
