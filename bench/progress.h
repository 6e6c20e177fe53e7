/* A bar on stderr while a long run goes on; nothing where that is no terminal. One thread. */
#pragma once

/* `steps` is what all of it is made of. */
void progress_begin(unsigned int steps);
/* What goes on now, and `fraction` (0..1) of it; at most ten times a second it is shown. */
void progress_show(double fraction, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One step is done. */
void progress_step(void);
/* Makes room for a line of something else; the bar comes again by itself. */
void progress_clear(void);
