/* `nn5g-bench report`: what other commands measured, as one HTML page that needs nothing else. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct records;

int report_main(int argc, char **argv);
struct report_options {
	const char *title;
	unsigned int n_bad;  /* lines that were left out */
	bool is_markdown;    /* tables alone, as Markdown */
	const char *columns; /* of those: "a,b"; NULL: all */
};

/* Writes the page. -ENOMEM, -EIO. Text of the records is never markup in it, and it has no scripts.
 */
int report_write(FILE *out, const struct report_options *options, const struct records *records);
