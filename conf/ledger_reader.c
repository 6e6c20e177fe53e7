/* An export is read line by line, each with its own fault; only its first line must be right for
 * the others to mean anything. */
#include "conf/ledger_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "conf/ledger_text.h"
#include "conf/store.h"

#define WHAT_MAX 511

/* --- A store ------------------------------------------------------------------------------------
 * In use, rows and heads come while it is read. How far the state says it is signed is read first:
 * that head must be there. Then heads are looked through, then the rest of the state is read, then
 * the rows it counts: so a head of more rows than the state counts was there before the
 * state, and is not one that came later. Rows that the state does not count came later, unless the
 * state still does not count them afterwards. */

struct store_reading {
	const struct ledger_visitor *visitor;
	int64_t size;   /* rows to read: as many as the state says */
	bool is_more;   /* there was a row behind them */
	uint64_t known; /* largest head there was before */
};

static int head_look(void *context, const struct ledger_head *head)
{
	struct store_reading *reading = context;
	reading->known = head->size > reading->known ? head->size : reading->known;
	return 0;
}

static int key_pass(void *context, const char *id, const char *pem)
{
	const struct store_reading *reading = context;
	(void)id;
	reading->visitor->on_key(reading->visitor->context, pem);
	return 0;
}

/* Non-zero ends the reading. */
static int row_pass(void *context, const struct ledger_row *row)
{
	struct store_reading *reading = context;
	if (row->sequence >= reading->size) {
		reading->is_more = true;
		return 1;
	}
	reading->visitor->on_row(reading->visitor->context, row);
	return 0;
}

static int head_pass(void *context, const struct ledger_head *head)
{
	const struct store_reading *reading = context;
	if (head->size <= reading->known)
		reading->visitor->on_head(reading->visitor->context, head);
	return 0;
}

static int rows_read(struct store *store, const char *tenant, struct store_reading *reading)
{
	int64_t counted = reading->size, size;
	struct merkle_hash last;
	int rc = store_ledger_rows(store, tenant, 0, row_pass, reading);
	if (rc < 0 || !reading->is_more)
		return rc;
	rc = store_ledger_state(store, tenant, &size, &last);
	if (rc || size != counted)
		return rc;
	reading->size = INT64_MAX;
	rc = store_ledger_rows(store, tenant, counted, row_pass, reading);
	reading->size = counted;
	return rc;
}

static void heads_missing(const struct ledger_visitor *visitor, uint64_t signed_size)
{
	char what[WHAT_MAX + 1];
	snprintf(what, sizeof(what),
		 "heads are missing: the store says that one of %" PRIu64 " rows was signed",
		 signed_size);
	visitor->on_fault(visitor->context, -1, "", what);
}

int ledger_read_store(struct store *store, const char *tenant, const struct ledger_visitor *visitor)
{
	struct store_reading reading = {.visitor = visitor};
	struct merkle_hash last;
	uint64_t signed_size;
	int rc = store_ledger_signed(store, tenant, &signed_size);
	if (rc == 0)
		rc = store_ledger_heads(store, tenant, head_look, &reading);
	if (rc == 0)
		rc = store_ledger_state(store, tenant, &reading.size, &last);
	if (rc)
		return rc;
	if (visitor->on_tenant)
		visitor->on_tenant(visitor->context, tenant);
	if (visitor->on_fault && reading.known < signed_size)
		heads_missing(visitor, signed_size);
	if (visitor->on_key)
		rc = store_ledger_keys(store, key_pass, &reading);
	if (rc == 0 && visitor->on_row)
		rc = rows_read(store, tenant, &reading);
	if (rc >= 0 && visitor->on_head)
		rc = store_ledger_heads(store, tenant, head_pass, &reading);
	if (rc >= 0 && visitor->on_end)
		visitor->on_end(visitor->context, reading.size, &last);
	return rc < 0 ? rc : 0;
}

/* --- An export ------------------------------------------------------------------------------- */

struct export_reading {
	const struct ledger_visitor *visitor;
	FILE *in; /* borrowed */
	EVP_MD_CTX *digest;
	char *line; /* without its end; owned */
	size_t size, room;
	unsigned long number;
	char tenant[64];
	bool is_ended;
	int rc; /* sticky */
};

static void fault(struct export_reading *reading, const json_t *object, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* `object` is the line as far as it could be read, or NULL. */
static void fault(struct export_reading *reading, const json_t *object, const char *format, ...)
{
	char what[WHAT_MAX + 1];
	int n = snprintf(what, sizeof(what), "line %lu: ", reading->number);
	va_list args;
	va_start(args, format);
	vsnprintf(what + n, sizeof(what) - (size_t)n, format, args);
	va_end(args);
	const json_t *row = json_object_get(object, "row");
	const json_t *sequence = json_object_get(row, "sequence");
	const char *id = json_string_value(json_object_get(json_object_get(row, "usage"), "id"));
	if (reading->visitor->on_fault)
		reading->visitor->on_fault(reading->visitor->context,
					   json_is_integer(sequence) ? json_integer_value(sequence)
								     : -1,
					   id ? id : "", what);
}

/* False: no memory. */
static bool byte_add(struct export_reading *reading, char byte)
{
	if (reading->size == reading->room) {
		size_t room = reading->room ? reading->room * 2 : 4096;
		char *line = realloc(reading->line, room);
		if (!line)
			return false;
		reading->line = line;
		reading->room = room;
	}
	reading->line[reading->size++] = byte;
	return true;
}

/* False at the end of the file, or of what can be read. */
static bool line_next(struct export_reading *reading)
{
	int c = EOF;
	reading->size = 0;
	reading->number++;
	while (reading->size < LEDGER_EXPORT_LINE_MAX && (c = getc_unlocked(reading->in)) != EOF &&
	       c != '\n') {
		if (byte_add(reading, (char)c))
			continue;
		reading->rc = -ENOMEM;
		return false;
	}
	if (c == '\n')
		return true;
	if (ferror(reading->in)) {
		fault(reading, NULL, "%s", strerror(errno));
		reading->rc = -EIO;
	} else if (reading->size == LEDGER_EXPORT_LINE_MAX) {
		fault(reading, NULL, "longer than %u bytes; what follows is not read",
		      LEDGER_EXPORT_LINE_MAX);
		reading->is_ended = true; /* as far as can be said */
	} else if (reading->size > 0) {
		fault(reading, NULL, "cut short: the file ends inside it");
	}
	return false;
}

static void key_read(struct export_reading *reading, const json_t *object)
{
	const char *pem = json_string_value(json_object_get(object, "pem"));
	if (!pem || json_object_size(object) != 2)
		fault(reading, NULL, "pem: expected a text, and nothing else");
	else if (reading->visitor->on_key)
		reading->visitor->on_key(reading->visitor->context, pem);
}

static void row_read(struct export_reading *reading, const json_t *object)
{
	struct ledger_row row;
	const char *why = "expected nothing but a row";
	if (json_object_size(object) != 2 ||
	    ledger_row_read(json_object_get(object, "row"), &row, &why))
		fault(reading, object, "%s", why);
	else if (reading->visitor->on_row)
		reading->visitor->on_row(reading->visitor->context, &row);
}

static void head_read(struct export_reading *reading, const json_t *object)
{
	struct ledger_head head;
	const char *why = "expected nothing but a head";
	if (json_object_size(object) != 2 ||
	    ledger_head_read(json_object_get(object, "head"), &head, &why))
		fault(reading, NULL, "%s", why);
	else if (reading->visitor->on_head)
		reading->visitor->on_head(reading->visitor->context, &head);
}

/* No hash covers this line, so it must be, to the byte, as it is written. */
static bool is_as_written(const struct export_reading *reading, const json_t *object)
{
	char *line = json_dumps(object, JSON_COMPACT);
	bool is_same = line && strlen(line) == reading->size &&
		       memcmp(line, reading->line, reading->size) == 0;
	free(line);
	return is_same;
}

static void end_read(struct export_reading *reading, const json_t *object)
{
	struct merkle_hash last, told, counted;
	uint8_t sha256[EVP_MAX_MD_SIZE];
	const json_t *size = json_object_get(object, "size");
	reading->is_ended = true;
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
	    ledger_hash_read(json_object_get(object, "last_hash"), &last) ||
	    ledger_hash_read(json_object_get(object, "sha256"), &told) ||
	    json_object_size(object) != 4 || !is_as_written(reading, object)) {
		fault(reading, NULL, "expected size, last_hash and sha256, and nothing else");
		return;
	}
	if (reading->visitor->on_end)
		reading->visitor->on_end(reading->visitor->context, json_integer_value(size),
					 &last);
	if (EVP_DigestFinal_ex(reading->digest, sha256, NULL) != 1) {
		reading->rc = -ENOMEM;
		return;
	}
	memcpy(counted.bytes, sha256, MERKLE_BYTES);
	if (memcmp(&counted, &told, sizeof(told)) != 0)
		fault(reading, NULL, "the lines before it were changed: their SHA-256 is another");
}

static void configuration_read(struct export_reading *reading, const json_t *object)
{
	const char *type = json_string_value(json_object_get(object, "type"));
	if (!json_is_object(json_object_get(object, type)) || json_object_size(object) != 2)
		fault(reading, NULL, "%s: expected an object, and nothing else", type);
}

static const struct {
	const char *type;
	void (*read)(struct export_reading *reading, const json_t *object);
} lines[] = {
	{"row", row_read},
	{"head", head_read},
	{"ledger_key", key_read},
	{"end", end_read},
	{"tenant", configuration_read},
	{"plan", configuration_read},
	{"slice", configuration_read},
	{"key", configuration_read},
};

static void line_read(struct export_reading *reading)
{
	json_error_t error;
	json_t *object = json_loadb(reading->line, reading->size, JSON_REJECT_DUPLICATES, &error);
	const char *type = json_string_value(json_object_get(object, "type"));
	size_t i = 0;
	while (type && i < sizeof(lines) / sizeof(lines[0]) && strcmp(type, lines[i].type) != 0)
		i++;
	if (!object)
		fault(reading, NULL, "no JSON at byte %d", error.position);
	else if (!type || i == sizeof(lines) / sizeof(lines[0]))
		fault(reading, object, "type: expected one that an export has");
	else
		lines[i].read(reading, object);
	json_decref(object);
}

/* As tenants are named; whoever tampered may have put anything there, and it is shown. */
static bool is_name(const char *text, size_t max)
{
	size_t n = 0;
	while (text[n] > ' ' && text[n] <= '~')
		n++;
	return n > 0 && n <= max && text[n] == '\0';
}

/* The first line says what the file is. */
static int title_read(struct export_reading *reading)
{
	json_t *object = NULL;
	const char *type = NULL, *tenant = NULL;
	json_int_t version = 0;
	if (!line_next(reading) && reading->rc)
		return reading->rc;
	if (reading->size > 0)
		object = json_loadb(reading->line, reading->size, JSON_REJECT_DUPLICATES, NULL);
	type = json_string_value(json_object_get(object, "type"));
	tenant = json_string_value(json_object_get(object, "tenant"));
	version = json_integer_value(json_object_get(object, "version"));
	int rc = -EINVAL;
	if (!type || strcmp(type, LEDGER_EXPORT_TYPE) != 0)
		fault(reading, NULL, "not an export: expected type " LEDGER_EXPORT_TYPE);
	else if (version != LEDGER_EXPORT_VERSION)
		fault(reading, NULL, "version %" JSON_INTEGER_FORMAT ", expected %d", version,
		      LEDGER_EXPORT_VERSION);
	else if (!tenant || !is_name(tenant, sizeof(reading->tenant) - 1))
		fault(reading, NULL, "tenant: expected a name of 1 to 63 bytes");
	else
		rc = 0;
	if (rc == 0)
		strcpy(reading->tenant, tenant);
	json_decref(object);
	return rc;
}

/* Everything but the last line is hashed. */
static void digest_add(struct export_reading *reading)
{
	if (EVP_DigestUpdate(reading->digest, reading->line, reading->size) != 1 ||
	    EVP_DigestUpdate(reading->digest, "\n", 1) != 1)
		reading->rc = -ENOMEM;
}

static void lines_read(struct export_reading *reading)
{
	static const char end[] = "{\"type\":\"end\",";
	const struct ledger_visitor *visitor = reading->visitor;
	digest_add(reading);
	if (visitor->on_tenant)
		visitor->on_tenant(visitor->context, reading->tenant);
	while (reading->rc == 0 && line_next(reading)) {
		if (reading->is_ended) {
			fault(reading, NULL, "something follows the end");
			break;
		}
		if (reading->size < sizeof(end) - 1 ||
		    memcmp(reading->line, end, sizeof(end) - 1) != 0)
			digest_add(reading);
		line_read(reading);
	}
	if (!reading->is_ended && reading->rc == 0)
		fault(reading, NULL, "the end is missing: the file was cut");
}

int ledger_read_export(FILE *in, const struct ledger_visitor *visitor)
{
	struct export_reading reading = {.visitor = visitor, .in = in};
	reading.digest = EVP_MD_CTX_new();
	if (!reading.digest || EVP_DigestInit_ex(reading.digest, EVP_sha256(), NULL) != 1)
		reading.rc = -ENOMEM;
	if (reading.rc == 0)
		reading.rc = title_read(&reading);
	if (reading.rc == 0)
		lines_read(&reading);
	free(reading.line);
	EVP_MD_CTX_free(reading.digest);
	return reading.rc;
}
