/* `nn5g-bench report`: what other commands measured, as one HTML page that needs nothing else. */
#pragma once

#include <stdio.h>

struct records;

int report_main(int argc, char **argv);
/* Writes the page; `n_bad` lines were left out. -ENOMEM, -EIO. Text of the records is never markup
 * in it, and it has no scripts. */
int report_write(FILE *out, const char *title, const struct records *records, unsigned int n_bad);
