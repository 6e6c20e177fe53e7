#include "bench/record.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define NAME_MAX_BYTES 63
#define WHY_MAX        192
#define HISTOGRAM      "latency_histogram"

struct record {
	enum record_type type;
	json_t *object; /* owned */
};

struct records {
	struct record **rows; /* owned */
	unsigned int n, room;
};

static const char *const type_names[RECORD_TYPES] = {
	[RECORD_RUN] = "run",
	[RECORD_SAMPLE] = "sample",
	[RECORD_SUMMARY] = "summary",
	[RECORD_VERDICT] = "verdict",
};

int records_create(struct records **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void records_destroy(struct records *records)
{
	if (!records)
		return;
	for (unsigned int i = 0; i < records->n; i++) {
		json_decref(records->rows[i]->object);
		free(records->rows[i]);
	}
	free(records->rows);
	free(records);
}

static bool bucket_read(const json_t *row, struct record_bucket *out)
{
	const json_t *upper = json_array_get(row, 0), *count = json_array_get(row, 1);
	if (json_array_size(row) != 2 || !json_is_number(upper) || !json_is_number(count))
		return false;
	*out = (struct record_bucket){json_number_value(upper), json_number_value(count)};
	return out->upper_ms >= 0 && out->count > 0;
}

static const char *judge_histogram(const json_t *histogram)
{
	double last_ms = -1;
	struct record_bucket bucket;
	if (histogram && !json_is_array(histogram))
		return HISTOGRAM " is no array";
	for (size_t i = 0; i < json_array_size(histogram); i++) {
		if (!bucket_read(json_array_get(histogram, i), &bucket) ||
		    bucket.upper_ms <= last_ms)
			return HISTOGRAM " wants [milliseconds, count] pairs that rise";
		last_ms = bucket.upper_ms;
	}
	return NULL;
}

/* What is wrong with it, or NULL. */
static const char *judge(const json_t *object, enum record_type *type)
{
	const char *name = json_string_value(json_object_get(object, "type"));
	const char *bench = json_string_value(json_object_get(object, "bench"));
	unsigned int i = 0;
	if (!json_is_object(object))
		return "no JSON object";
	while (i < RECORD_TYPES && (!name || strcmp(name, type_names[i]) != 0))
		i++;
	if (i == RECORD_TYPES)
		return "\"type\" is none of run, sample, summary, verdict";
	*type = (enum record_type)i;
	if (!bench || !*bench)
		return "\"bench\" is missing";
	if (*type == RECORD_VERDICT && !json_is_string(json_object_get(object, "text")))
		return "a verdict without \"text\"";
	return judge_histogram(json_object_get(object, HISTOGRAM));
}

static bool keep(struct records *records, enum record_type type, json_t *object)
{
	if (records->n == records->room) {
		unsigned int room = records->room ? 2 * records->room : 64;
		struct record **more = reallocarray(records->rows, room, sizeof(*more));
		if (!more)
			return false;
		records->rows = more;
		records->room = room;
	}
	struct record *record = malloc(sizeof(*record));
	if (!record)
		return false;
	*record = (struct record){type, json_incref(object)};
	records->rows[records->n++] = record;
	return true;
}

/* What is wrong with the line, or NULL: it was taken. */
static const char *take_line(struct records *records, const char *line, size_t size,
			     char why[WHY_MAX])
{
	json_error_t error;
	enum record_type type;
	if (size > RECORD_LINE_MAX)
		return "longer than a line may be";
	if (records->n == RECORDS_MAX)
		return "one line more than a report takes";
	json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
	if (!object) {
		snprintf(why, WHY_MAX, "no JSON: %s", error.text);
		return why;
	}
	const char *fault = judge(object, &type);
	if (!fault && !keep(records, type, object))
		fault = "no memory";
	json_decref(object);
	return fault;
}

int records_read(struct records *records, FILE *file, const char *name, FILE *complaints)
{
	char *line = NULL, why[WHY_MAX];
	size_t room = 0;
	ssize_t size;
	int n_bad = 0;
	for (unsigned long number = 1; (size = getline(&line, &room, file)) >= 0; number++) {
		if (strspn(line, " \t\r\n") == (size_t)size)
			continue;
		const char *fault = take_line(records, line, (size_t)size, why);
		if (!fault)
			continue;
		n_bad++;
		fprintf(complaints, "%s:%lu: %s\n", name, number, fault);
	}
	free(line);
	if (!ferror(file))
		return n_bad;
	fprintf(complaints, "%s: cannot be read\n", name);
	return -EIO;
}

unsigned int records_count(const struct records *records)
{
	return records->n;
}

const struct record *records_at(const struct records *records, unsigned int index)
{
	return records->rows[index];
}

enum record_type record_type(const struct record *record)
{
	return record->type;
}

static const json_t *find(const struct record *record, const char *name)
{
	char outer[NAME_MAX_BYTES + 1];
	const char *dot = strchr(name, '.');
	if (!dot)
		return json_object_get(record->object, name);
	snprintf(outer, sizeof(outer), "%.*s", (int)(dot - name), name);
	return json_object_get(json_object_get(record->object, outer), dot + 1);
}

const char *record_text(const struct record *record, const char *name)
{
	return json_string_value(find(record, name));
}

double record_number(const struct record *record, const char *name)
{
	const json_t *value = find(record, name);
	if (json_is_boolean(value))
		return json_is_true(value);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

static void visit_object(json_t *object, const char *outer,
			 void (*visit)(void *context, const char *name), void *context)
{
	const char *key;
	json_t *value;
	char name[NAME_MAX_BYTES + 1];
	json_object_foreach(object, key, value)
	{
		int n = snprintf(name, sizeof(name), "%s%s%s", outer, *outer ? "." : "", key);
		/* What cannot be found by its name is none. */
		bool is_plain = n <= NAME_MAX_BYTES && !strchr(key, '.');
		if (is_plain && json_is_number(value))
			visit(context, name);
		else if (is_plain && json_is_object(value) && !*outer)
			visit_object(value, name, visit, context);
	}
}

void record_each_number(const struct record *record, void (*visit)(void *context, const char *name),
			void *context)
{
	visit_object(record->object, "", visit, context);
}

bool record_bucket(const struct record *record, unsigned int index, struct record_bucket *out)
{
	return bucket_read(json_array_get(json_object_get(record->object, HISTOGRAM), index), out);
}
