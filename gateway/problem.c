#include "gateway/problem.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/server_http.h"

void problem_write(struct http_response *response, int status, unsigned int gate,
		   const char *gate_name, const char *detail)
{
	json_t *body = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
				 http_reason(status), "status", status, "detail", detail);
	/* Outside text that is not UTF-8 cannot be quoted. */
	if (!body)
		body = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title",
				 http_reason(status), "status", status);
	if (body && gate) {
		json_object_set_new(body, "gate", json_integer(gate));
		json_object_set_new(body, "gate_name", json_string(gate_name));
	}
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	http_bytes(response, status, "application/problem+json", text ? text : "{}",
		   text ? strlen(text) : 2);
	free(text);
	json_decref(body);
}
