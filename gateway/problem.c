#include "gateway/problem.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/server_http.h"

void problem_tell(struct http_response *response, const struct problem *problem)
{
	const char *title = problem->title ? problem->title : http_reason(problem->status);
	json_t *body = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title", title,
				 "status", problem->status, "detail", problem->detail);
	/* Outside text that is not UTF-8 cannot be quoted. */
	if (!body)
		body = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title", title, "status",
				 problem->status);
	if (body && problem->gate) {
		json_object_set_new(body, "gate", json_integer(problem->gate));
		json_object_set_new(body, "gate_name", json_string(problem->gate_name));
	}
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	http_bytes(response, problem->status, "application/problem+json", text ? text : "{}",
		   text ? strlen(text) : 2);
	free(text);
	json_decref(body);
}

void problem_write(struct http_response *response, int status, unsigned int gate,
		   const char *gate_name, const char *detail)
{
	const struct problem problem = {
		.status = status, .gate = gate, .gate_name = gate_name, .detail = detail};
	problem_tell(response, &problem);
}
