#include "gateway/usage_http.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/errand.h"
#include "gateway/node.h"
#include "gateway/problem.h"
#include "gateway/usage.h"
#include "gateway/whip.h"

static void write_problem(struct errand *errand, int status, const json_t *body,
			  struct http_response *response)
{
	const char *detail = json_string_value(json_object_get(body, "detail"));
	/* The last gate, of a debit: it is counted and told like that of a session. */
	if (status == 402) {
		gates_refuse(errand->admission, GATE_BUDGET, status, detail ? detail : "");
		gates_deny(errand->admission, response);
		return;
	}
	problem_write(response, status, 0, NULL, detail ? detail : "");
	if (status == 429 || status == 503)
		http_header(response, "retry-after", "1");
}

static void on_reply(void *context, int status, json_t *body)
{
	struct errand *errand = context;
	struct http_response response = {0};
	char *text = status < 400 ? json_dumps(body, JSON_COMPACT) : NULL;
	if (text)
		http_bytes(&response, status, "application/json", text, strlen(text));
	else
		write_problem(errand, status < 400 ? 500 : status, body, &response);
	free(text);
	errand_answer(errand, &response);
}

static void on_gone(struct errand *errand)
{
	usage_forget(errand->admission->node->usage, errand);
}

/* A debit costs its place in the rate whatever comes of it: a backend that asks in vain, asks. */
static bool debit(struct errand *errand, struct http_response *response,
		  void (*action)(struct usage_table *table, struct tenant *tenant,
				 const json_t *request, usage_reply reply, void *context))
{
	struct admission *admission = errand->admission;
	struct node *node = admission->node;
	if (gates_spend(admission) != ADMIT_YES) {
		gates_deny(admission, response);
		return true;
	}
	gates_keep_rate(admission);
	if (!node->usage) {
		problem_write(response, 503, 0, NULL, "this node keeps no accounts");
		return true;
	}
	errand->on_gone = on_gone;
	action(node->usage, admission->tenant, admission->body, on_reply, errand);
	return false;
}

static bool authorize(struct errand *errand, struct http_response *response)
{
	return debit(errand, response, usage_authorize);
}

static bool commit(struct errand *errand, struct http_response *response)
{
	return debit(errand, response, usage_commit);
}

static bool cancel(struct errand *errand, struct http_response *response)
{
	return debit(errand, response, usage_cancel);
}

static const struct {
	const char *name;
	errand_work work;
} actions[] = {
	{"authorize", authorize},
	{"commit", commit},
	{"cancel", cancel},
};

static errand_work work_of(const char *action)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i].name, action) == 0)
			return actions[i].work;
	return NULL;
}

void usage_http_on_request(struct node *node, const char *tenant, const char *action,
			   const struct http_request *request, struct http_response *response)
{
	errand_work work = work_of(action);
	if (!work) {
		problem_write(response, 404, 0, NULL,
			      "usage is authorized, committed or cancelled");
	} else if (request->method == HTTP_OPTIONS) {
		response->status = 204;
		http_header(response, "accept-post", "application/json");
		http_header(response, "allow", "POST, OPTIONS");
	} else if (request->method != HTTP_POST) {
		problem_write(response, 405, 0, NULL, "this resource does not have that method");
		http_header(response, "allow", "POST, OPTIONS");
	} else {
		errand_run(gates_ask(node, ASK_USAGE, request, tenant, ""), work, response);
	}
	whip_add_cors(request, response);
}
