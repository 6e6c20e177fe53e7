/* Every option is a row: its name, where its value goes, and between which bounds a number lies. */
#include "bench/fanout.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: nn5g-bench fanout [OPTION]...\n"
	"\n"
	"Publishes one stream over WHIP and plays it with many viewers over WHEP, all in this\n"
	"process, against a running gateway. Every packet of every viewer is counted, a sample is\n"
	"decrypted, and latency is measured from each packet's intended send time to the kernel's\n"
	"receive time.\n"
	"\n"
	"Where:\n"
	"  --url URL          the gateway's HTTP address (http://127.0.0.1:8080)\n"
	"  --tenant T         (demo)\n"
	"  --stream S         (bench)\n"
	"  --token TOKEN      bearer token with the scopes 'publish play'\n"
	"  --token-file FILE  the same, out of a file, where other users do not see it\n"
	"  --pid PID          of the gateway, if it runs on this machine: adds its memory, "
	"threads,\n"
	"                     CPU time and context switches\n"
	"\n"
	"What:\n"
	"  --viewers N        1 to 10000 (50)\n"
	"  --parallel N       viewers that may be connecting at a time (32)\n"
	"  --seconds S        of measuring in each round (10)\n"
	"  --rounds R         connect and disconnect everything R times (1)\n"
	"  --bitrate BPS      of the video; k and M are taken (2M)\n"
	"  --packet BYTES     of a video RTP packet before SRTP, 64 to 1300 (1200)\n"
	"  --audio            50 Opus-like packets a second beside the video\n"
	"  --profile P        SRTP: gcm256, gcm128 or cm80 (gcm256)\n"
	"  --verify           decrypt every packet, not one in 16\n"
	"\n"
	"How it is judged and told:\n"
	"  --max-loss N       packets that may be missing in a round (0)\n"
	"  --json             one JSON object a round on stdout, instead of text\n"
	"  --help\n"
	"\n"
	"Latency includes what the publisher was late ('publisher at most ... late'): on a busy\n"
	"machine the tool delays itself. Setup is from before the POST to the first media that\n"
	"is authentic. Lost are packets that the publisher sent in the measured time and a viewer\n"
	"did not get, the last ones included.\n"
	"\n"
	"Exit status: 0 all viewers played and no more was lost than allowed, nothing was forged\n"
	"or corrupt; 1 otherwise; 2 usage.\n"
	"\n"
	"Example:\n"
	"  nn5g-bench fanout --token-file token --viewers 300 --pid $(pidof nn5g-gateway)\n";

enum value_kind { TEXT, FLAG, UINT, UINT32, UINT16, UINT64, INT, URL, TOKEN_FILE, PROFILE, HELP };

#define AT(field) offsetof(struct fanout_options, field)

static const struct row {
	const char *name;
	enum value_kind kind;
	size_t at;
	uint64_t low, high;
} rows[] = {
	{"url", URL, AT(target), 0, 0},
	{"tenant", TEXT, AT(tenant), 0, 0},
	{"stream", TEXT, AT(stream), 0, 0},
	{"token", TEXT, AT(target.token), 0, 0},
	{"token-file", TOKEN_FILE, AT(target.token), 0, 0},
	{"pid", INT, AT(pid), 1, INT32_MAX},
	{"viewers", UINT, AT(viewers), 1, 10000},
	{"parallel", UINT, AT(parallel), 1, 10000},
	{"seconds", UINT, AT(seconds), 1, 86400},
	{"rounds", UINT, AT(rounds), 1, 100000},
	{"bitrate", UINT32, AT(bitrate_bps), 10000, 1000000000},
	{"packet", UINT16, AT(packet_bytes), 64, 1300},
	{"audio", FLAG, AT(audio), 0, 0},
	{"profile", PROFILE, AT(profiles), 0, 0},
	{"verify", FLAG, AT(verify_all), 0, 0},
	{"max-loss", UINT64, AT(loss_max), 0, INT64_MAX},
	{"json", FLAG, AT(is_json), 0, 0},
	{"help", HELP, 0, 0, 0},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static int complain(const struct row *row, const char *expected)
{
	fprintf(stderr, "nn5g-bench: --%s: '%s' is not %s\n", row->name, optarg, expected);
	return -EINVAL;
}

/* A number with an optional k or M, within bounds. */
static int take_number(const struct row *row, uint64_t *out)
{
	char expected[80], *end;
	errno = 0;
	uint64_t value = strtoull(optarg, &end, 10);
	uint64_t scale = *end == 'M' ? 1000000 : *end == 'k' ? 1000 : 1;
	snprintf(expected, sizeof(expected), "a number from %llu to %llu",
		 (unsigned long long)row->low, (unsigned long long)row->high);
	if (errno || *optarg < '0' || *optarg > '9' || end[scale > 1] != '\0' ||
	    value < (row->low + scale - 1) / scale || value > row->high / scale)
		return complain(row, expected);
	*out = value * scale;
	return 0;
}

static int take_token_file(const struct row *row, const char **out)
{
	static char token[8192];
	FILE *file = fopen(optarg, "re");
	bool is_read = file && fgets(token, sizeof(token), file);
	if (file)
		fclose(file);
	if (!is_read)
		return complain(row, "a file with a token in it");
	token[strcspn(token, "\r\n")] = '\0';
	*out = token;
	return 0;
}

static int take_profile(const struct row *row, const char **out)
{
	static const struct {
		const char *name, *profiles;
	} profiles[] = {
		{"gcm256", "SRTP_AEAD_AES_256_GCM"},
		{"gcm128", "SRTP_AEAD_AES_128_GCM"},
		{"cm80", "SRTP_AES128_CM_SHA1_80"},
	};
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
		if (strcmp(profiles[i].name, optarg) != 0)
			continue;
		*out = profiles[i].profiles;
		return 0;
	}
	return complain(row, "gcm256, gcm128 or cm80");
}

static int take_value(const struct row *row, struct fanout_options *options)
{
	void *at = (char *)options + row->at;
	uint64_t number = 0;
	if (row->high) {
		int rc = take_number(row, &number);
		if (rc)
			return rc;
	}
	switch (row->kind) {
	case TEXT:
		*(const char **)at = optarg;
		return 0;
	case FLAG:
		*(bool *)at = true;
		return 0;
	case UINT:
		*(unsigned int *)at = (unsigned int)number;
		return 0;
	case UINT32:
		*(uint32_t *)at = (uint32_t)number;
		return 0;
	case UINT16:
		*(uint16_t *)at = (uint16_t)number;
		return 0;
	case UINT64:
		*(uint64_t *)at = number;
		return 0;
	case INT:
		*(int *)at = (int)number;
		return 0;
	case URL:
		return signalling_parse_url(optarg, at) ? complain(row, "http://HOST:PORT") : 0;
	case TOKEN_FILE:
		return take_token_file(row, at);
	case PROFILE:
		return take_profile(row, at);
	case HELP:
		break;
	}
	fputs(help, stdout);
	return 1;
}

int fanout_options_parse(int argc, char **argv, struct fanout_options *options)
{
	static char program[] = "nn5g-bench fanout"; /* begins getopt's own messages */
	struct option names[ROWS + 1] = {0};
	int index, option;
	*options = (struct fanout_options){
		.target = {.host = "127.0.0.1", .port = "8080", .token = ""},
		.tenant = "demo",
		.stream = "bench",
		.profiles = "SRTP_AEAD_AES_256_GCM",
		.viewers = 50,
		.parallel = 32,
		.seconds = 10,
		.rounds = 1,
		.bitrate_bps = 2000000,
		.packet_bytes = 1200,
	};
	for (size_t i = 0; i < ROWS; i++)
		names[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].kind == FLAG || rows[i].kind == HELP ? 0 : 1,
		};
	argv[0] = program;
	while ((option = getopt_long(argc, argv, "", names, &index)) != -1) {
		int rc = option == 0 ? take_value(&rows[index], options) : -EINVAL;
		if (rc)
			return rc;
	}
	if (optind < argc) {
		fprintf(stderr, "nn5g-bench: '%s' is no option\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}
