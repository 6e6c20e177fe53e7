/* What `report` reads: the JSON lines of bench/result.h, out of files that anybody may have
 * written. A line that is not one is told with its place and left out; what is taken has a known
 * type, a bench, and a histogram that rises. One thread. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#define RECORD_LINE_MAX (1u << 20) /* bytes; longer ones are bad */
#define RECORDS_MAX     100000u    /* of all files; what is more is bad */

enum record_type { RECORD_RUN, RECORD_SAMPLE, RECORD_SUMMARY, RECORD_VERDICT, RECORD_TYPES };

struct records;
struct record;

/* So many packets took up to this long. */
struct record_bucket {
	double upper_ms, count;
};

/* -ENOMEM. */
int records_create(struct records **out);
/* Takes NULL. */
void records_destroy(struct records *records);
/* Adds the lines of a file; `name` is what it is called. Bad lines are told to `complaints` as
 * "name:line: what is wrong". Returns how many there were, or -EIO, told as well. */
int records_read(struct records *records, FILE *file, const char *name, FILE *complaints);
unsigned int records_count(const struct records *records);
const struct record *records_at(const struct records *records, unsigned int index);

/* All below are the record's; a dot in a name goes into an object: "latency_ms.p99". */
enum record_type record_type(const struct record *record);
/* NULL: it has none of that name. */
const char *record_text(const struct record *record, const char *name);
/* NAN: it has none of that name. True is 1 and false 0. */
double record_number(const struct record *record, const char *name);
/* Every number there is, objects' with their dotted names of up to 63 bytes. */
void record_each_number(const struct record *record, void (*visit)(void *context, const char *name),
			void *context);
/* Bucket `index` of its latencies, rising. False behind the last. */
bool record_bucket(const struct record *record, unsigned int index, struct record_bucket *out);
