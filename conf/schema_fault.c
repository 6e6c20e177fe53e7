#include "conf/schema_fault.h"

#include <stdarg.h>
#include <string.h>

#define FAULTS_MAX 20 /* told; the rest is counted */

void schema_fault(struct schema_faults *faults, size_t line, const char *expected,
		  const char *found, ...)
{
	if (faults->n++ >= FAULTS_MAX)
		return;
	fprintf(faults->errors, "%s:%zu: %s%sfound ", faults->name, line, faults->path,
		faults->path[0] ? ": " : "");
	va_list args;
	va_start(args, found);
	vfprintf(faults->errors, found, args);
	va_end(args);
	fprintf(faults->errors, ", expected %s\n", expected);
}

void schema_faults_end(struct schema_faults *faults)
{
	if (faults->n > FAULTS_MAX)
		fprintf(faults->errors, "%s: and %u more faults\n", faults->name,
			faults->n - FAULTS_MAX);
}

size_t schema_path_push(struct schema_faults *faults, const char *name, size_t len)
{
	size_t old = strlen(faults->path);
	snprintf(faults->path + old, sizeof(faults->path) - old, "%s%.*s",
		 old && name[0] != '[' ? "." : "", (int)len, name);
	return old;
}

size_t schema_path_push_index(struct schema_faults *faults, size_t index)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "[%zu]", index);
	return schema_path_push(faults, text, (size_t)n);
}

void schema_path_pop(struct schema_faults *faults, size_t old)
{
	faults->path[old] = '\0';
}
