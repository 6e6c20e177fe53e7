/* A subscriber's answer to the offer that Janus makes. Pure. */
#pragma once

#include <stdio.h>

#include "bench/signalling.h"

/* Accepts every medium of `theirs` as it is offered, to receive, with our credentials and as the
 * DTLS client; of the header extensions those that our own offers have. -EBADMSG when there is no
 * medium in it. */
int janus_sdp_answer(const char *theirs, const struct offer *ours, FILE *out);
