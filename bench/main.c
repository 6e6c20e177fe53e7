/* nn5g-bench: one subcommand per question. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <srtp2/srtp.h>

#include "bench/crypto.h"
#include "bench/fanout.h"
#include "bench/handover.h"
#include "bench/ingest.h"
#include "bench/latency.h"
#include "bench/ledger.h"
#include "bench/meter.h"
#include "bench/report.h"
#include "bench/setup.h"
#include "bench/slices.h"
#include "bench/storm.h"
#include "media/srtp_cipher.h"

static const struct {
	const char *name, *text;
	int (*main)(int argc, char **argv);
} commands[] = {
	{"fanout", "streams, many viewers: loss, latency, setup, CPU per packet; peers in turns",
	 fanout_main},
	{"latency", "what is carried without loss, and latency at half of that", latency_main},
	{"ingest", "streams that nobody watches: CPU per packet that comes in", ingest_main},
	{"handover", "a client that moves, a publisher that is replaced: gap and loss",
	 handover_main},
	{"setup", "sessions a second, POST to first media; sessions that are held", setup_main},
	{"storm", "a stream beside a storm of sessions that come and go", storm_main},
	{"crypto", "what protecting a packet costs: crypto device, libsrtp2, OpenSSL", crypto_main},
	{"meter", "what metering adds to a packet, and that it is exact", meter_main},
	{"slices", "whether slices get what they were promised, while others flood", slices_main},
	{"ledger", "what a store of usage and quota takes", ledger_main},
	{"report", "what the others measured (--json), as one HTML page", report_main},
};

/* Peers have OpenSSL's AES below libsrtp2: with NSS, which Debian builds it on, keys are part of
 * what the tool costs. What is timed as it was built is left so. */
static bool start_srtp(bool is_as_built)
{
	if (srtp_init() == srtp_err_status_ok && (is_as_built || srtp_cipher_install() == 0))
		return true;
	fputs("nn5g-bench: libsrtp2 does not start\n", stderr);
	return false;
}

static void print_help(FILE *out)
{
	fputs("Usage: nn5g-bench COMMAND [options]\n\nCommands:\n", out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].text);
	fputs("\nnn5g-bench COMMAND --help has the options. Load goes only where --url points: "
	      "your own\n"
	      "gateway.\n",
	      out);
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		printf("nn5g-bench %s\n", NN5G_VERSION);
		return EXIT_SUCCESS;
	}
	for (size_t i = 0; argc >= 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, argv[1]) != 0)
			continue;
		if (!start_srtp(commands[i].main == crypto_main))
			return EXIT_FAILURE;
		int status = commands[i].main(argc - 1, argv + 1);
		srtp_shutdown();
		srtp_cipher_remove();
		return status;
	}
	bool asked = argc >= 2 && strcmp(argv[1], "--help") == 0;
	print_help(asked ? stdout : stderr);
	return asked ? EXIT_SUCCESS : 2;
}
