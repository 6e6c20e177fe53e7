#include "bench/interrupt.h"

#include <signal.h>
#include <stddef.h>

#define SIGNALS_MAX 2 /* timeout(1) sends one to us and one to our group */

static volatile sig_atomic_t n_signals;

static void note(int number)
{
	if (n_signals++ < SIGNALS_MAX)
		return;
	signal(number, SIG_DFL);
	raise(number);
}

void interrupt_note(void)
{
	struct sigaction action = {.sa_handler = note};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool interrupt_is_pending(void)
{
	return n_signals > 0;
}
