/* A network slice as operators write it and the control plane feeds it: S-NSSAI, bandwidth, default
 * 5QI. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SLICE_ID_MAX  63
#define SLICES_MAX    64
#define SLICE_SD_NONE 0xffffffu

struct json_t;

struct slice_config {
	char id[SLICE_ID_MAX + 1];
	uint8_t sst;                     /* S-NSSAI: slice/service type, 3GPP TS 23.501 5.15.2 */
	uint32_t sd;                     /* slice differentiator, 24 bits; SLICE_SD_NONE: none */
	int64_t guaranteed_bps, max_bps; /* wire rates; 0 = none, any */
	unsigned int latency_ms;         /* budget */
	unsigned int five_qi;            /* default 5QI of its flows */
};

/* {"id", "sst", "sd" (six hex digits), "guaranteed_bps", "max_bps", "latency_ms", "five_qi"}. Says
 * in `errors` what was found and expected. -EINVAL. */
int slice_config_read(const struct json_t *object, FILE *errors, struct slice_config *out);
struct json_t *slice_config_write(const struct slice_config *slice);
