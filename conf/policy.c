/* The rows of policy_rows.inc as a schema of their own, what reads them as words, and the same rows
 * walked once more to write a policy as JSON. A policy that comes as JSON goes through the reader
 * of tenants.yaml: every JSON document is YAML, and there is one set of checks and messages. */
#include "conf/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "conf/policy_schema.h"

#define DOCUMENT_BYTES_MAX (1U << 20)

const char *const account_names[ACCOUNTS] = {
	[ACCOUNT_CREDIT] = "credit",
	[ACCOUNT_VIDEO] = "video",
	[ACCOUNT_VOICE] = "voice",
};

const char *const policy_outages[] = {
	[OUTAGE_DENY] = "deny",
	[OUTAGE_CONTINUE_BOUNDED] = "continue_bounded",
	NULL,
};
static const char *const rungs[] = {
	[RUNG_VOICE] = "voice",
	[RUNG_TEXT] = "text",
	[RUNG_DENY] = "deny",
	NULL,
};
const char *const policy_video_rungs[] = {"voice", "deny", NULL};
const char *const policy_voice_rungs[] = {"text", "deny", NULL};
const char *const policy_credit_rungs[] = {"deny", "text", NULL};
const char *const policy_consents[] = {
	[CONSENT_GRANTED] = "granted",
	[CONSENT_PENDING] = "pending",
	[CONSENT_REVOKED] = "revoked",
	NULL,
};
const char *const policy_billed_names[] = {
	[BILLED_PLAY] = "play",
	[BILLED_PUBLISH] = "publish",
	[BILLED_BOTH] = "both",
	NULL,
};
const char *const policy_splits[] = {
	[SPLIT_PLATFORM] = "platform",
	[SPLIT_IMVU] = "imvu",
	[SPLIT_MINI_PLATFORM] = "mini_platform",
	NULL,
};
static const char *const accesses[] = {
	[ACCESS_PUBLIC] = "public",
	[ACCESS_PRIVATE] = "private",
	[ACCESS_RESTRICTED] = "restricted",
	NULL,
};

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

/* GLib reads the zone's file by its name: that may not lead anywhere else. */
const char *policy_check_timezone(const char *name)
{
	static const char expected[] = "the name of a time zone, like Europe/Berlin";
	if (name[0] == '/' || strspn(name, LETTERS DIGITS "_+-/") != strlen(name))
		return expected;
	GTimeZone *zone = g_time_zone_new_identifier(name);
	if (!zone)
		return expected;
	g_time_zone_unref(zone);
	return NULL;
}

const char *policy_check_domain(const char *name)
{
	const char *host = name[0] == '.' ? name + 1 : name;
	bool is_address = host[0] == '[' &&
			  strspn(host + 1, "0123456789abcdefABCDEF:.") + 2 == strlen(host) &&
			  host[strlen(host) - 1] == ']';
	bool is_host = host[0] && host[0] != '.' &&
		       strspn(host, LETTERS DIGITS "-._") == strlen(host) && !strstr(host, "..");
	if (is_host || (is_address && host == name))
		return NULL;
	return "a host, or .host for all below it, without scheme and port";
}

static const char *check_stream(const char *name)
{
	size_t len = strspn(name, LETTERS DIGITS "_.-");
	bool is_good = name[len] == '\0' || (name[len] == '*' && name[len + 1] == '\0');
	return is_good ? NULL : "the name of a stream, or its beginning and *";
}

#define ROUTE_AT(member) SCHEMA_AT(struct policy_route, member)
static const struct schema_row route_rows[] = {
	{.path = "stream",
	 .type = SCHEMA_TEXT,
	 .max = 64,
	 .is_required = true,
	 .check = check_stream,
	 .text = "Name of a stream, or its beginning and *.",
	 ROUTE_AT(stream)},
	{.path = "access",
	 .type = SCHEMA_CHOICE,
	 .choices = accesses,
	 .is_required = true,
	 .text = "public: any token of the tenant; private: a token whose `stream` is this one; "
		 "restricted: such a token whose `sub` is the route's subject.",
	 ROUTE_AT(access)},
	{.path = "subject",
	 .type = SCHEMA_TEXT,
	 .max = 127,
	 .text = "The subject of a restricted route.",
	 ROUTE_AT(subject)},
};
const struct schema policy_route_schema = {
	.rows = route_rows,
	.n_rows = sizeof(route_rows) / sizeof(route_rows[0]),
	.struct_size = sizeof(struct policy_route),
};

#define POLICY_PATH(path)             path
#define POLICY_AT(member)             SCHEMA_AT(struct policy, member)
#define POLICY_LIST_AT(member, count) SCHEMA_LIST_AT(struct policy, member, count)
static const struct schema_row policy_rows[] = {
#include "conf/policy_rows.inc"
};
static const struct schema policy_schema = {
	.rows = policy_rows,
	.n_rows = sizeof(policy_rows) / sizeof(policy_rows[0]),
	.struct_size = sizeof(struct policy),
	.file_bytes_max = DOCUMENT_BYTES_MAX,
};

bool policy_check_bps(int64_t bps, const char *name, const char *key, FILE *errors)
{
	if (bps == 0 || bps >= POLICY_BPS_MIN)
		return true;
	fprintf(errors, "%s: %s: found %" PRId64 ", expected 0 or at least %d bit/s\n", name, key,
		bps, POLICY_BPS_MIN);
	return false;
}

static bool check_peak(int64_t committed_bps, int64_t peak_bps, const char *name, const char *key,
		       FILE *errors)
{
	if (peak_bps == 0 || (committed_bps > 0 && peak_bps >= committed_bps))
		return true;
	fprintf(errors, "%s: %s: found %" PRId64 ", expected ", name, key, peak_bps);
	if (committed_bps > 0)
		fprintf(errors, "0 or at least the committed rate, which is %" PRId64 "\n",
			committed_bps);
	else
		fputs("0, as there is no committed rate\n", errors);
	return false;
}

static bool check_bandwidth(const struct policy *policy, const char *name, const char *where,
			    FILE *errors)
{
	const struct {
		const char *key;
		int64_t bps, peak_bps;
		const char *peak_key; /* NULL: it has none */
	} rows[] = {
		{"ingress_bps", policy->bandwidth.ingress_bps, policy->bandwidth.ingress_peak_bps,
		 "ingress_peak_bps"},
		{"session_ingress_bps", policy->bandwidth.session_ingress_bps,
		 policy->bandwidth.session_ingress_peak_bps, "session_ingress_peak_bps"},
		{"egress_bps", policy->bandwidth.egress_bps, 0, NULL},
	};
	bool is_good = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char key[128];
		snprintf(key, sizeof(key), "%sbandwidth.%s", where, rows[i].key);
		is_good &= policy_check_bps(rows[i].bps, name, key, errors);
		if (!rows[i].peak_key)
			continue;
		snprintf(key, sizeof(key), "%sbandwidth.%s", where, rows[i].peak_key);
		is_good &= check_peak(rows[i].bps, rows[i].peak_bps, name, key, errors);
	}
	return is_good;
}

bool policy_check(const struct policy *policy, const char *name, const char *where, FILE *errors)
{
	bool is_good = check_bandwidth(policy, name, where, errors);
	for (unsigned int i = 0; i < policy->access.n_routes; i++) {
		const struct policy_route *route = &policy->access.routes[i];
		bool is_restricted = strcmp(route->access, accesses[ACCESS_RESTRICTED]) == 0;
		if (is_restricted == (route->subject != NULL))
			continue;
		fprintf(errors, "%s: %saccess.routes[%u].subject: found %s, expected %s\n", name,
			where, i, is_restricted ? "nothing" : "one",
			is_restricted ? "the `sub` of tokens for this restricted route"
				      : "none, as the route is not restricted");
		is_good = false;
	}
	return is_good;
}

int policy_json_parse(const struct schema *schema, const struct json_t *document, const char *name,
		      FILE *errors, void *out)
{
	char *text = json_dumps(document, JSON_ENCODE_ANY);
	if (!text)
		return -ENOMEM;
	int rc = schema_parse(schema, name, text, strlen(text), errors, out);
	free(text);
	return rc;
}

int policy_read(const struct json_t *object, const char *name, FILE *errors, struct policy *out)
{
	struct policy policy = {0};
	int rc = policy_json_parse(&policy_schema, object, name, errors, &policy);
	if (rc)
		return rc;
	if (!policy_check(&policy, name, "", errors)) {
		policy_free(&policy);
		return -EINVAL;
	}
	*out = policy;
	return 0;
}

int policy_init(struct policy *policy)
{
	return schema_parse(&policy_schema, "policy", "{}", 2, stderr, policy);
}

void policy_free(struct policy *policy)
{
	schema_free(&policy_schema, policy);
}

static json_t *rows_json(const struct schema *schema, const void *data);

static json_t *number_json(const struct schema_row *row, const char *member)
{
	unsigned int narrow;
	int64_t wide;
	if (row->size == sizeof(narrow)) {
		memcpy(&narrow, member, sizeof(narrow));
		return json_integer(narrow);
	}
	memcpy(&wide, member, sizeof(wide));
	return wide == POLICY_UNLIMITED ? NULL : json_integer(wide);
}

static json_t *text_json(const char *member)
{
	const char *text;
	memcpy(&text, member, sizeof(text));
	return text ? json_string(text) : NULL;
}

/* Lists are all allocated ones. */
static json_t *list_json(const struct schema_row *row, const void *data)
{
	json_t *list = json_array();
	unsigned int n;
	const char *items;
	memcpy(&n, (const char *)data + row->count_offset, sizeof(n));
	memcpy(&items, (const char *)data + row->offset, sizeof(items));
	size_t size = row->type == SCHEMA_ROWS ? row->item->struct_size : sizeof(char *);
	for (unsigned int i = 0; list && i < n; i++) {
		const char *item = items + i * size;
		json_array_append_new(list, row->type == SCHEMA_ROWS ? rows_json(row->item, item)
								     : text_json(item));
	}
	return list;
}

/* NULL: unlimited, or not given. */
static json_t *value_json(const struct schema_row *row, const void *data)
{
	const char *member = (const char *)data + row->offset;
	switch (row->type) {
	case SCHEMA_NUMBER:
		return number_json(row, member);
	case SCHEMA_BOOL:
		return json_boolean(*(const bool *)member);
	case SCHEMA_TEXTS:
	case SCHEMA_ROWS:
		return list_json(row, data);
	default:
		return text_json(member);
	}
}

static json_t *rows_json(const struct schema *schema, const void *data)
{
	json_t *object = json_object();
	for (size_t i = 0; object && i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];
		json_t *section = object, *value = value_json(row, data);
		const char *dot = strchr(row->path, '.');
		if (!value)
			continue;
		if (dot) {
			char name[32];
			snprintf(name, sizeof(name), "%.*s", (int)(dot - row->path), row->path);
			section = json_object_get(object, name);
			if (!section) {
				section = json_object();
				json_object_set_new(object, name, section);
			}
		}
		json_object_set_new(section, dot ? dot + 1 : row->path, value);
	}
	return object;
}

struct json_t *policy_write(const struct policy *policy)
{
	return rows_json(&policy_schema, policy);
}

/* Index of a name that the schema has let pass; `fallback` for none. */
static int choice(const char *const *names, const char *name, int fallback)
{
	for (int i = 0; name && names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return fallback;
}

enum policy_outage policy_outage(const struct policy *policy)
{
	return (enum policy_outage)choice(policy_outages, policy->budget.outage, OUTAGE_DENY);
}

enum policy_rung policy_rung(const struct policy *policy, enum account account)
{
	switch (account) {
	case ACCOUNT_VIDEO:
		return (enum policy_rung)choice(rungs, policy->ladder.video_out, RUNG_VOICE);
	case ACCOUNT_VOICE:
		return (enum policy_rung)choice(rungs, policy->ladder.voice_out, RUNG_TEXT);
	default:
		return (enum policy_rung)choice(rungs, policy->ladder.credit_out, RUNG_DENY);
	}
}

enum policy_consent policy_consent(const struct policy *policy)
{
	return (enum policy_consent)choice(policy_consents, policy->access.consent,
					   CONSENT_GRANTED);
}

enum policy_billed policy_billed(const struct policy *policy)
{
	return (enum policy_billed)choice(policy_billed_names, policy->billed, BILLED_PLAY);
}

enum policy_split policy_split(const char *name)
{
	return (enum policy_split)choice(policy_splits, name, SPLIT_PLATFORM);
}

static bool route_fits(const char *pattern, const char *stream)
{
	size_t len = strlen(pattern);
	if (pattern[len - 1] == '*')
		return strncmp(pattern, stream, len - 1) == 0;
	return strcmp(pattern, stream) == 0;
}

enum policy_access policy_route_find(const struct policy *policy, const char *stream,
				     const char **subject)
{
	*subject = NULL;
	for (unsigned int i = 0; i < policy->access.n_routes; i++) {
		const struct policy_route *route = &policy->access.routes[i];
		if (!route_fits(route->stream, stream))
			continue;
		*subject = route->subject;
		return (enum policy_access)choice(accesses, route->access, ACCESS_RESTRICTED);
	}
	return ACCESS_PUBLIC;
}
