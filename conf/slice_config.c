/* The rows of a slice: as JSON from the control plane, and as the `slices` of tenants.yaml. */
#include "conf/slice_config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/five_qi.h"
#include "conf/policy_schema.h"
#include "conf/slice_schema.h"

#define SD_DIGITS 6

static const char *check_sd(const char *value)
{
	bool is_good =
		strlen(value) == SD_DIGITS && strspn(value, "0123456789abcdefABCDEF") == SD_DIGITS;
	return is_good ? NULL : "six hexadecimal digits";
}

#define SLICE_AT(member) SCHEMA_AT(struct slice_row, member)
static const struct schema_row slice_rows[] = {
	{.path = "line", .type = SCHEMA_LINE, SLICE_AT(line)},
	{.path = "id",
	 .type = SCHEMA_TEXT,
	 .max = SLICE_ID_MAX,
	 .is_required = true,
	 .is_unique = true,
	 .check = schema_check_id,
	 .text = "What tenants call it by.",
	 SLICE_AT(id)},
	{.path = "sst",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 255,
	 .fallback = "1",
	 .text = "Slice/service type of its S-NSSAI; 1 is eMBB, 2 URLLC (3GPP TS 23.501 5.15.2).",
	 SLICE_AT(sst)},
	{.path = "sd",
	 .type = SCHEMA_TEXT,
	 .max = SD_DIGITS,
	 .fallback = "ffffff",
	 .check = check_sd,
	 .text = "Slice differentiator of its S-NSSAI, six hexadecimal digits; ffffff: none.",
	 SLICE_AT(sd)},
	{.path = "guaranteed_bps",
	 .type = SCHEMA_NUMBER,
	 .max = POLICY_BPS_MAX,
	 .fallback = "0",
	 .unit = "bit/s",
	 .text = "What its sessions are promised in all, on the wire; 0: nothing, best effort.",
	 SLICE_AT(guaranteed_bps)},
	{.path = "max_bps",
	 .type = SCHEMA_NUMBER,
	 .max = POLICY_BPS_MAX,
	 .fallback = "0",
	 .unit = "bit/s",
	 .text = "Most it may take when there is room, on the wire; 0: any.",
	 SLICE_AT(max_bps)},
	{.path = "latency_ms",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 10000,
	 .fallback = "100",
	 .unit = "ms",
	 .text = "Latency budget.",
	 SLICE_AT(latency_ms)},
	{.path = "five_qi",
	 .type = SCHEMA_NUMBER,
	 .min = 1,
	 .max = 255,
	 .fallback = "7",
	 .text = "5QI of flows that say nothing else (3GPP TS 23.501 table 5.7.4-1).",
	 SLICE_AT(five_qi)},
};
const struct schema slice_schema = {
	.rows = slice_rows,
	.n_rows = sizeof(slice_rows) / sizeof(slice_rows[0]),
	.struct_size = sizeof(struct slice_row),
	.file_bytes_max = 65536,
};

/* What is said in front of each fault. */
static FILE *fault(const struct slice_row *row, const char *name, FILE *errors)
{
	fprintf(errors, "%s:%u: slice %s: ", name, row->line, row->id);
	return errors;
}

static bool check_rate(const struct slice_row *row, const char *name, FILE *errors, const char *key,
		       int64_t bps)
{
	if (bps == 0 || bps >= POLICY_BPS_MIN)
		return true;
	fprintf(fault(row, name, errors),
		"%s: found %" PRId64 ", expected 0 or at least %d bit/s\n", key, bps,
		POLICY_BPS_MIN);
	return false;
}

static bool check_maximum(const struct slice_row *row, const char *name, FILE *errors)
{
	if (row->max_bps == 0 || row->guaranteed_bps <= row->max_bps)
		return true;
	fprintf(fault(row, name, errors),
		"guaranteed_bps: found %" PRId64 ", expected at most max_bps, which is %" PRId64
		"\n",
		row->guaranteed_bps, row->max_bps);
	return false;
}

static bool check_five_qi(const struct slice_row *row, const char *name, FILE *errors)
{
	unsigned int n;
	const struct five_qi *known = five_qi_rows(&n);
	if (five_qi_find(row->five_qi))
		return true;
	fprintf(fault(row, name, errors),
		"five_qi: found %u, expected a standardized value:", row->five_qi);
	for (unsigned int i = 0; i < n; i++)
		fprintf(errors, " %u", known[i].value);
	putc('\n', errors);
	return false;
}

bool slice_row_take(const struct slice_row *row, const char *name, FILE *errors,
		    struct slice_config *out)
{
	bool is_good = check_rate(row, name, errors, "guaranteed_bps", row->guaranteed_bps);
	is_good &= check_rate(row, name, errors, "max_bps", row->max_bps);
	is_good &= check_maximum(row, name, errors);
	is_good &= check_five_qi(row, name, errors);
	if (!is_good)
		return false;
	*out = (struct slice_config){
		.sst = (uint8_t)row->sst,
		.sd = (uint32_t)strtoul(row->sd, NULL, 16),
		.guaranteed_bps = row->guaranteed_bps,
		.max_bps = row->max_bps,
		.latency_ms = row->latency_ms,
		.five_qi = row->five_qi,
	};
	snprintf(out->id, sizeof(out->id), "%s", row->id);
	return true;
}

int slice_config_read(const struct json_t *object, FILE *errors, struct slice_config *out)
{
	struct slice_row row = {0};
	int rc = policy_json_parse(&slice_schema, object, "slice", errors, &row);
	if (rc)
		return rc;
	rc = slice_row_take(&row, "slice", errors, out) ? 0 : -EINVAL;
	schema_free(&slice_schema, &row);
	return rc;
}

struct json_t *slice_config_write(const struct slice_config *slice)
{
	char sd[SD_DIGITS + 1];
	snprintf(sd, sizeof(sd), "%06x", slice->sd & SLICE_SD_NONE);
	return json_pack("{s:s, s:i, s:s, s:I, s:I, s:i, s:i}", "id", slice->id, "sst",
			 (int)slice->sst, "sd", sd, "guaranteed_bps",
			 (json_int_t)slice->guaranteed_bps, "max_bps", (json_int_t)slice->max_bps,
			 "latency_ms", (int)slice->latency_ms, "five_qi", (int)slice->five_qi);
}
