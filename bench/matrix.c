#include "bench/matrix.h"

#define AT(field) offsetof(struct matrix_options, field)

static const char *const profile_names[] = {"gcm256", "gcm128", "cm80", NULL};

const struct matrix_options matrix_defaults = {
	.viewers = {1, {100}},
	.packets = {1, {1200}},
	.profiles = {1, {1}},
	.publishers = 1,
	.parallel = 32,
	.rate_pps = 250,
};

const struct option_row matrix_rows[] = {
	OPTION_HEADING("What:"),
	OPTION_NUMBER("viewers", "N,...", OPTION_UINTS, AT(viewers), 1, 10000,
		      "of each stream, 1 to 10000 (100)"),
	OPTION_NUMBER("publishers", "N", OPTION_UINT, AT(publishers), 1, 1000, "streams (1)"),
	OPTION_NUMBER("packet", "BYTES,...", OPTION_UINTS, AT(packets), 64, 1300,
		      "of a video RTP packet before SRTP, 64 to 1300 (1200)"),
	OPTION_ONE_OF("profile", "P,...", OPTION_CHOICES, AT(profiles), profile_names,
		      "SRTP: gcm256, gcm128, cm80 (gcm128)"),
	OPTION_NUMBER("rate", "PPS", OPTION_UINT, AT(rate_pps), 1, 100000,
		      "video packets a second of a stream (250)"),
	OPTION_NUMBER("bitrate", "BPS", OPTION_UINT, AT(bitrate_bps), 10000, 1000000000,
		      "the same as bits a second; k and M are taken"),
	OPTION_VALUE("audio", NULL, OPTION_FLAG, AT(audio),
		     "50 Opus-like packets a second beside the video"),
	OPTION_NUMBER("parallel", "N", OPTION_UINT, AT(parallel), 1, 10000,
		      "viewers that may be connecting at a time (32)"),
	OPTION_VALUE("verify", NULL, OPTION_FLAG, AT(verify_all),
		     "decrypt every packet, not one in 64"),
	OPTION_ROWS_END,
};

int matrix_for_each(const struct matrix_options *options,
		    int (*call)(void *context, const struct matrix_case *at), void *context)
{
	struct matrix_case at;
	int rc = 0;
	for (unsigned int i = 0; i < options->profiles.n; i++) {
		at.profile = profile_names[options->profiles.values[i]];
		for (unsigned int j = 0; j < options->packets.n; j++) {
			at.packet_bytes = options->packets.values[j];
			for (unsigned int k = 0; rc == 0 && k < options->viewers.n; k++) {
				at.viewers = options->viewers.values[k];
				rc = call(context, &at);
			}
		}
	}
	return rc;
}

unsigned int matrix_size(const struct matrix_options *options)
{
	return options->viewers.n * options->packets.n * options->profiles.n;
}

unsigned int matrix_most_viewers(const struct matrix_options *options)
{
	unsigned int most = 0;
	for (unsigned int i = 0; i < options->viewers.n; i++)
		most = options->viewers.values[i] > most ? options->viewers.values[i] : most;
	return most * options->publishers;
}

struct result_key matrix_key(const struct matrix_options *options, const struct matrix_case *at)
{
	return (struct result_key){
		.profile = at->profile,
		.packet_bytes = at->packet_bytes,
		.viewers = at->viewers,
		.publishers = options->publishers,
	};
}

struct load_config matrix_load(const struct matrix_options *options, const struct matrix_case *at)
{
	return (struct load_config){
		.profiles = load_profiles(at->profile),
		.publishers = options->publishers,
		.viewers = at->viewers,
		.parallel = options->parallel,
		.bitrate_bps = options->bitrate_bps ? options->bitrate_bps
						    : options->rate_pps * at->packet_bytes * 8,
		.packet_bytes = (uint16_t)at->packet_bytes,
		.audio = options->audio,
		.verify_all = options->verify_all,
	};
}
