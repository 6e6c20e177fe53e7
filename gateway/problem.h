/* Error bodies: application/problem+json (RFC 9457) with the gate that said no. */
#pragma once

#include "gateway/server.h"

struct problem {
	int status;
	const char *title; /* NULL: the status' reason phrase */
	unsigned int gate; /* 0: not an admission matter */
	const char *gate_name;
	const char *detail; /* plain text; may quote outside input */
};
void problem_tell(struct http_response *response, const struct problem *problem);
/* With the status' own title. */
void problem_write(struct http_response *response, int status, unsigned int gate,
		   const char *gate_name, const char *detail);
