/* Options of `nn5g-bench slices`. */
#include "bench/slices.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help_head[] =
	"Usage: nn5g-bench slices [OPTION]...\n"
	"\n"
	"Whether a slice gets what it was promised while others flood, measured with the\n"
	"scheduler, the policers and the ports themselves. Senders are open loop: a packet that\n"
	"is late counts from the moment it was meant to leave, up to the kernel's receive time.\n"
	"Every part runs in a process of its own.\n"
	"\n"
	"Parts:\n";
static const char help_tail[] =
	"\n"
	"  --part NAME     one of them; may be repeated (all)\n"
	"  --mode MODE     socket, af_xdp or af_packet: what packets leave through (socket).\n"
	"                  Socket goes over loopback; the others make two network namespaces\n"
	"                  and a veth pair, which are gone with the process, and want root\n"
	"  --rounds N      1 to 64; the medians count (5)\n"
	"  --seconds S     of measuring in a round, 1 to 3600 (each part's own)\n"
	"  --realtime      run the packet thread (part gateway: the gateway and its peers) before\n"
	"                  all ordinary ones: on a machine that has other work, as root\n"
	"  --json          JSON lines: each round, the medians, the bounds\n"
	"  --help\n"
	"\n"
	"Where the programs nn5g-gateway and nn5gctl are: NN5G_GATEWAY and NN5G_CTL, else beside\n"
	"this one (part gateway).\n"
	"\n"
	"Exit status: 0 every bound is kept; 1 one was missed (a line says which) or could not be\n"
	"measured; 2 usage.\n";

enum { PART = 1, MODE, ROUNDS, SECONDS, REALTIME, JSON, HELP };

static const struct option names[] = {
	{"part", required_argument, NULL, PART},     {"mode", required_argument, NULL, MODE},
	{"rounds", required_argument, NULL, ROUNDS}, {"seconds", required_argument, NULL, SECONDS},
	{"realtime", no_argument, NULL, REALTIME},   {"json", no_argument, NULL, JSON},
	{"help", no_argument, NULL, HELP},           {0},
};

static void print_help(void)
{
	fputs(help_head, stdout);
	for (unsigned int i = 0; i < slices_n_parts; i++)
		printf("  %-14s  %s\n", slices_parts[i].name, slices_parts[i].text);
	fputs(help_tail, stdout);
}

static int complain(const char *name, const char *expected)
{
	fprintf(stderr, "nn5g-bench: --%s: '%s' is not %s\n", name, optarg, expected);
	return -EINVAL;
}

static int take_number(const char *name, unsigned int high, unsigned int *out)
{
	char expected[48], *end;
	errno = 0;
	unsigned long value = strtoul(optarg, &end, 10);
	snprintf(expected, sizeof(expected), "a number from 1 to %u", high);
	if (errno || *optarg < '0' || *optarg > '9' || *end || value < 1 || value > high)
		return complain(name, expected);
	*out = (unsigned int)value;
	return 0;
}

static int take_part(unsigned int *parts)
{
	for (unsigned int i = 0; i < slices_n_parts; i++) {
		if (strcmp(slices_parts[i].name, optarg) != 0)
			continue;
		*parts |= 1u << i;
		return 0;
	}
	return complain("part", "a part; --help lists them");
}

static int take_mode(enum port_kind *mode)
{
	static const enum port_kind kinds[] = {PORT_SOCKET, PORT_AF_XDP, PORT_AF_PACKET};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(port_kind_names[kinds[i]], optarg) != 0)
			continue;
		*mode = kinds[i];
		return 0;
	}
	return complain("mode", "socket, af_xdp or af_packet");
}

static int take(int option, struct slices_options *options)
{
	switch (option) {
	case PART:
		return take_part(&options->parts);
	case MODE:
		return take_mode(&options->mode);
	case ROUNDS:
		return take_number("rounds", SLICES_ROUNDS_MAX, &options->rounds);
	case SECONDS:
		return take_number("seconds", 3600, &options->seconds);
	case REALTIME:
		options->is_realtime = true;
		return 0;
	case JSON:
		options->is_json = true;
		return 0;
	case HELP:
		print_help();
		return 1;
	default:
		return -EINVAL;
	}
}

int slices_options_parse(int argc, char **argv, struct slices_options *options)
{
	static char program[] = "nn5g-bench slices"; /* begins getopt's own messages */
	int option;
	*options = (struct slices_options){.mode = PORT_SOCKET, .rounds = 5};
	argv[0] = program;
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		int rc = take(option, options);
		if (rc)
			return rc;
	}
	if (optind < argc) {
		fprintf(stderr, "nn5g-bench: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	if (options->parts == 0)
		options->parts = (1u << slices_n_parts) - 1;
	return 0;
}
