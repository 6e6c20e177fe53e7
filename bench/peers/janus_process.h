/* Debian's Janus as a child, with the least configuration that serves a VideoRoom: that plug-in,
 * the HTTP transport on a port of loopback, no TURN, no events, no recordings, no log on disk. */
#pragma once

#include <sys/types.h>

struct janus_process;

/* Returns when its HTTP port takes connections. Negative errno with a line on stderr. Janus ends
 * when the calling thread does, at the latest. */
int janus_process_start(struct janus_process **out);
/* Takes NULL. */
void janus_process_stop(struct janus_process *process);
const char *janus_process_port(const struct janus_process *process);
pid_t janus_process_pid(const struct janus_process *process);
/* Where it receives media. */
const char *janus_process_address(const struct janus_process *process);
