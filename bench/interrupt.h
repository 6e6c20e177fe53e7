/* A run that is interrupted still stops what it started. */
#pragma once

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP are only noted; the third one of them ends the process.
 */
void interrupt_note(void);
bool interrupt_is_pending(void);
