/* An HTTP request on its way through the gates: where they make it wait its answer is deferred, and
 * when they let it pass it does what it was for. Control thread. */
#pragma once

#include <stdbool.h>

#include "gateway/gates.h"
#include "gateway/server.h"

struct errand;

/* What a request does once it is admitted. True: `response` is filled. False: errand_answer comes
 * later, or came already. */
typedef bool (*errand_work)(struct errand *errand, struct http_response *response);

struct errand {
	struct admission *admission; /* owned */
	errand_work work;
	void (*on_gone)(struct errand *errand); /* set by the work: nobody waits any more */
	struct http_deferral *deferral;         /* NULL: still in on_request */
	struct http_response *response;         /* of on_request, while in it */
	bool is_answered;                       /* in on_request, through errand_answer */
};

/* From inside on_request. Takes over `admission` (NULL: 503). The response is filled, or deferred.
 */
void errand_run(struct admission *admission, errand_work work, struct http_response *response);
/* Answers (and empties `response`); the errand is dead afterwards. */
void errand_answer(struct errand *errand, struct http_response *response);
