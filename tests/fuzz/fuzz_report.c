/* Any file as a report's: each line is taken or told, and of the page that is made of them every
 * tag is one of ours. */
#include <stdio.h>
#include <string.h>

#include "bench/record.h"
#include "bench/report.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_ours(const char *tag)
{
	static const char *const known[] = {
		"!doctype", "html", "head", "meta",   "style",      "title",  "body",  "main",
		"h1",       "h2",   "p",    "pre",    "section",    "div",    "table", "caption",
		"tr",       "th",   "td",   "figure", "figcaption", "strong", "span",  "svg",
		"desc",     "line", "text", "g",      "polyline",   "circle", "rect",
	};
	size_t n = strcspn(tag, " >/");
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i]) == n && memcmp(known[i], tag, n) == 0)
			return true;
	}
	return false;
}

static void page_check(const char *page)
{
	for (const char *at = page; (at = strchr(at, '<')); at++)
		EXPECT(is_ours(at + 1 + (at[1] == '/')));
	for (const char *at = page; (at = strstr(at, "<polyline points=\"")); at++) {
		const char *points = strchr(at, '"') + 1;
		EXPECT(points[strspn(points, "0123456789.,- ")] == '"'); /* no nan, no inf */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct records *records;
	char *told_text = NULL, *page = NULL;
	size_t told_size, page_size;
	FILE *file = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!file)
		return 0; /* nothing to read */
	FILE *told = open_memstream(&told_text, &told_size);
	FILE *out = open_memstream(&page, &page_size);
	EXPECT(told && out && records_create(&records) == 0);
	int n_bad = records_read(records, file, "file", told);
	fflush(told);
	EXPECT(n_bad >= 0 && (n_bad > 0) == (told_size > 0));
	struct report_options options = {.title = "fuzz", .n_bad = (unsigned int)n_bad};
	EXPECT(report_write(out, &options, records) == 0);
	fclose(out);
	options.is_markdown = true;
	EXPECT(report_write(told, &options, records) == 0);
	page_check(page);
	fclose(told);
	fclose(file);
	free(told_text);
	free(page);
	records_destroy(records);
	return 0;
}
