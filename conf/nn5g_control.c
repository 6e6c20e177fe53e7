/* nn5g-control: options, signals, one control plane. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <glib-unix.h>

#include "conf/control.h"
#include "conf/log.h"
#include "conf/operator.h"
#include "conf/sql.h"

enum { EXIT_USAGE = 2 };

static void print_help(FILE *out)
{
	fputs("Usage: nn5g-control --admin SOCKET --store URL --socket PATH --state FOLDER\n"
	      "                    [--import FILE] [--group NAME] [--embedded]\n"
	      "\n"
	      "The control plane of one NN-5G node: feeds it tenants and slices, grants quota,\n"
	      "commits usage to the ledger, answers nn5gctl. See nn5g-control(8).\n"
	      "\n"
	      "Options:\n"
	      "  -a, --admin SOCKET  the node's admin socket\n"
	      "  -s, --store URL     sqlite:PATH, or postgresql://... for a fleet\n"
	      "  -c, --socket PATH   listen here for nn5gctl\n"
	      "  -d, --state FOLDER  keys and exports; made if it is not there, mode 0700\n"
	      "  -i, --import FILE   tenants.yaml to bring into the store\n"
	      "  -g, --group NAME    group whose members may use nn5gctl; without it only this\n"
	      "                      program's user and root may\n"
	      "      --embedded      end when standard input does: the gateway started us\n"
	      "  -h, --help          print this text, and exit\n"
	      "  -V, --version       print the version, and exit\n"
	      "\n"
	      "Signals: SIGINT and SIGTERM sign the ledgers' heads and stop; SIGHUP reads the\n"
	      "import file again.\n"
	      "Exit status: 0 stopped on request, 1 could not start or go on, 2 usage.\n",
	      out);
}

enum action { RUN, HELP, VERSION };

static int parse_arguments(int argc, char **argv, struct control_config *config,
			   enum action *action)
{
	static const struct option options[] = {
		{"admin", required_argument, NULL, 'a'},  {"store", required_argument, NULL, 's'},
		{"socket", required_argument, NULL, 'c'}, {"state", required_argument, NULL, 'd'},
		{"import", required_argument, NULL, 'i'}, {"group", required_argument, NULL, 'g'},
		{"embedded", no_argument, NULL, 'e'},     {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},      {0},
	};
	int option;
	while ((option = getopt_long(argc, argv, "a:s:c:d:i:g:hV", options, NULL)) != -1) {
		switch (option) {
		case 'a':
			config->admin = optarg;
			break;
		case 's':
			config->store = optarg;
			break;
		case 'c':
			config->socket = optarg;
			break;
		case 'd':
			config->state = optarg;
			break;
		case 'i':
			config->import = optarg;
			break;
		case 'g':
			config->group = optarg;
			break;
		case 'e':
			config->is_embedded = true;
			break;
		case 'h':
			*action = HELP;
			break;
		case 'V':
			*action = VERSION;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nn5g-control: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}

static int arguments_check(const struct control_config *config)
{
	const struct {
		const char *name, *value;
	} required[] = {
		{"--admin", config->admin},
		{"--store", config->store},
		{"--socket", config->socket},
		{"--state", config->state},
	};
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		if (required[i].value && *required[i].value)
			continue;
		fprintf(stderr, "nn5g-control: %s must be given\n", required[i].name);
		return -EINVAL;
	}
	if (sql_url_has_password(config->store)) {
		fputs("nn5g-control: --store: found a password, expected none: it belongs into "
		      "PGPASSFILE\n",
		      stderr);
		return -EINVAL;
	}
	return 0;
}

static gboolean on_stop(gpointer user)
{
	log_info(LOG_ADMIN, "stopping", NULL);
	control_stop(user, 0);
	return G_SOURCE_CONTINUE;
}

static gboolean on_hangup(gpointer user)
{
	control_reload(user);
	return G_SOURCE_CONTINUE;
}

static int run(const struct control_config *config)
{
	struct control *control;
	signal(SIGPIPE, SIG_IGN);
	/* The lifeline is standard input. This is for the case that something the gateway started
	 * holds its other end, too. */
	if (config->is_embedded)
		prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (control_start(config, &control))
		return EXIT_FAILURE;
	guint sources[] = {
		g_unix_signal_add(SIGINT, on_stop, control),
		g_unix_signal_add(SIGTERM, on_stop, control),
		g_unix_signal_add(SIGHUP, on_hangup, control),
	};
	int rc = control_run(control);
	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
		g_source_remove(sources[i]);
	control_destroy(control);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct control_config config = {.methods = &operator_table};
	enum action action = RUN;

	log_init("nn5g-control");
	if (parse_arguments(argc, argv, &config, &action) ||
	    (action == RUN && arguments_check(&config))) {
		fputs("Try 'nn5g-control --help'.\n", stderr);
		return EXIT_USAGE;
	}
	if (action == HELP) {
		print_help(stdout);
		return EXIT_SUCCESS;
	}
	if (action == VERSION) {
		printf("nn5g-control %s\n", NN5G_VERSION);
		return EXIT_SUCCESS;
	}
	return run(&config);
}
