/* Most errands are done within on_request and never see a deferral. One that waits is woken by its
 * admission, answered once, or told that its client has gone; each of the three is its end. */
#include "gateway/errand.h"

#include <stdlib.h>

#include "gateway/problem.h"
#include "gateway/whip.h"

static void destroy(struct errand *errand)
{
	gates_forget(errand->admission);
	free(errand);
}

/* True: `response` is filled. The errand may be dead otherwise. */
static bool step(struct errand *errand, struct http_response *response)
{
	switch (gates_admit(errand->admission)) {
	case ADMIT_YES:
		return errand->work(errand, response);
	case ADMIT_NO:
		gates_deny(errand->admission, response);
		return true;
	default:
		return false;
	}
}

static void on_ready(void *context)
{
	struct errand *errand = context;
	struct http_response response = {0};
	if (step(errand, &response))
		errand_answer(errand, &response);
}

static void on_gone(void *context)
{
	struct errand *errand = context;
	if (errand->on_gone)
		errand->on_gone(errand);
	destroy(errand);
}

/* False: it cannot be, and `response` says so. */
static bool defer(struct errand *errand, struct http_response *response)
{
	struct admission *admission = errand->admission;
	errand->deferral = http_defer(admission->request, on_gone, errand);
	if (errand->deferral) {
		admission->request = http_deferral_request(errand->deferral);
		return true;
	}
	if (errand->on_gone)
		errand->on_gone(errand);
	problem_write(response, 503, 0, NULL, "no room to let this request wait");
	return false;
}

void errand_run(struct admission *admission, errand_work work, struct http_response *response)
{
	struct errand *errand = admission ? calloc(1, sizeof(*errand)) : NULL;
	if (!errand) {
		gates_forget(admission);
		problem_write(response, 503, 0, NULL, "out of memory");
		return;
	}
	errand->admission = admission;
	errand->work = work;
	errand->response = response;
	/* What came from no connection cannot wait: the gates say no instead. */
	admission->on_ready = admission->request->connection ? on_ready : NULL;
	admission->context = errand;
	bool is_done = step(errand, response) || errand->is_answered;
	errand->response = NULL;
	if (is_done || !defer(errand, response))
		destroy(errand);
}

void errand_answer(struct errand *errand, struct http_response *response)
{
	if (errand->response) {
		*errand->response = *response;
		*response = (struct http_response){0};
		errand->is_answered = true;
		return;
	}
	whip_add_cors(errand->admission->request, response);
	http_deferral_answer(errand->deferral, response);
	destroy(errand);
}
