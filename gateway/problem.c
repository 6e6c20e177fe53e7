#include "gateway/problem.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const struct {
	int status;
	const char *title;
} titles[] = {
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{402, "Payment Required"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{409, "Conflict"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{415, "Unsupported Media Type"},
	{422, "Unprocessable Content"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{500, "Internal Server Error"},
	{503, "Service Unavailable"},
};

const char *problem_title(int status)
{
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		if (titles[i].status == status)
			return titles[i].title;
	}
	return "Error";
}

void problem_write(struct http_response *response, int status, unsigned int gate,
		   const char *gate_name, const char *detail)
{
	json_t *body = json_pack("{s:s, s:s, s:i, s:s}", "type", "about:blank", "title",
				 problem_title(status), "status", status, "detail", detail);
	/* Outside text that is not UTF-8 cannot be quoted. */
	if (!body)
		body = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title",
				 problem_title(status), "status", status);
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
