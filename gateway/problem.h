/* Error bodies: application/problem+json (RFC 9457) with the gate that said no. */
#pragma once

#include "gateway/server.h"

/* `gate` 0: not an admission matter. `detail` is plain text and may quote outside input. */
void problem_write(struct http_response *response, int status, unsigned int gate,
		   const char *gate_name, const char *detail);
