/* Where the faults of one YAML file are told and counted. */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct schema_faults {
	const char *name; /* of the file; borrowed */
	FILE *errors;     /* borrowed */
	unsigned int n;
	char path[256]; /* of the key being read */
};

/* Writes "FILE:LINE: KEY: found ..., expected ...", as long as there are not too many. */
void schema_fault(struct schema_faults *faults, size_t line, const char *expected,
		  const char *found, ...) __attribute__((format(printf, 4, 5)));
/* Says how many were left out, if any were. */
void schema_faults_end(struct schema_faults *faults);
/* Appends ".name" or "[index]" to the path; returns its old length, for schema_path_pop. */
size_t schema_path_push(struct schema_faults *faults, const char *name, size_t len);
size_t schema_path_push_index(struct schema_faults *faults, size_t index);
void schema_path_pop(struct schema_faults *faults, size_t old);
