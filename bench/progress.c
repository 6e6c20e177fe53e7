#include "bench/progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/clock.h"

#define SHOW_NS 100000000ull
#define WIDTH   24

static struct {
	bool is_terminal;
	unsigned int steps, done;
	uint64_t show_ns;
} bar;

void progress_begin(unsigned int steps)
{
	bar.is_terminal = isatty(STDERR_FILENO);
	bar.steps = steps ? steps : 1;
	bar.done = 0;
	bar.show_ns = 0;
}

void progress_show(double fraction, const char *format, ...)
{
	uint64_t now_ns = clock_ns();
	if (!bar.is_terminal || now_ns < bar.show_ns)
		return;
	bar.show_ns = now_ns + SHOW_NS;
	double all = (bar.done + (fraction > 1 ? 1 : fraction)) / bar.steps;
	int full = (int)(all * WIDTH);
	fputs("\r\033[K[", stderr);
	for (int i = 0; i < WIDTH; i++)
		fputc(i < full ? '#' : '.', stderr);
	fprintf(stderr, "] %3.0f %%  ", 100 * all);
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
}

void progress_step(void)
{
	if (bar.done < bar.steps)
		bar.done++;
	bar.show_ns = 0;
}

void progress_clear(void)
{
	if (bar.is_terminal)
		fputs("\r\033[K", stderr);
	bar.show_ns = 0;
}
