/* How accounts reach the rest of a real node: its workers, its sessions, its control plane. */
#include <stdlib.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "gateway/account_private.h"
#include "gateway/admin.h"
#include "gateway/node.h"
#include "media/plane.h"

struct account_question {
	TAILQ_ENTRY(account_question) link;
	struct account_book *book; /* NULL: it is gone */
	struct tenant *tenant;     /* has an entry in the book, so it stays */
	enum account account;
};

static struct plane *plane_of(const struct session *session)
{
	return session->transport->plane;
}

static void set_credit(struct session *session, enum meter_kind kind, uint64_t credit_ns)
{
	plane_set_credit(plane_of(session), session->transport, kind, credit_ns);
}

static void set_held(struct session *session, uint8_t held)
{
	plane_set_held(plane_of(session), session->transport, held);
}

static int barrier(struct session *session, void (*done)(void *context), void *context)
{
	return plane_barrier(plane_of(session), done, context);
}

static bool has_control(struct account_book *book)
{
	return admin_has_control(book->node->admin);
}

static uint64_t now_ns(void)
{
	return clock_ns();
}

static int64_t utc_ms(void)
{
	return g_get_real_time() / 1000;
}

/* A tenant the store does not know, say, has nothing; only a control plane or a store that is away
 * leaves us on our own. */
static void take_error(struct account_book *book, const struct account_question *question,
		       const struct rpc_error *error)
{
	if (error && error->code != RPC_CLOSED && error->code != RPC_UNAVAILABLE) {
		log_error(LOG_ACCOUNT, "quota.request is refused",
			  "\"tenant\":\"%s\",\"account\":\"%s\",\"code\":%d,\"error\":\"%s\"",
			  question->tenant->id, account_names[question->account], error->code,
			  log_escape(error->message));
		account_answered(book, question->tenant, question->account, 0, false);
		return;
	}
	account_unanswered(book, question->tenant, question->account);
}

static void on_answer(void *context, const json_t *result, const struct rpc_error *error)
{
	struct account_question *question = context;
	struct account_book *book = question->book;
	if (book) {
		const json_t *total = json_object_get(result, "granted_total");
		TAILQ_REMOVE(&book->questions, question, link);
		log_debug(LOG_ACCOUNT, "quota.request is answered",
			  "\"tenant\":\"%s\",\"account\":\"%s\",\"granted_total\":%lld,\"code\":%d",
			  question->tenant->id, account_names[question->account],
			  (long long)json_integer_value(total), error ? error->code : 0);
		if (json_is_integer(total))
			account_answered(book, question->tenant, question->account,
					 json_integer_value(total),
					 json_is_true(json_object_get(result, "unlimited")));
		else
			take_error(book, question, error);
	}
	free(question);
}

static bool ask(struct account_book *book, const struct account_wish *wish)
{
	struct admin *admin = book->node->admin;
	struct account_question *question =
		admin_has_control(admin) ? calloc(1, sizeof(*question)) : NULL;
	if (!question)
		return false;
	question->book = book;
	question->tenant = wish->tenant;
	question->account = wish->account;
	TAILQ_INSERT_TAIL(&book->questions, question, link);
	log_debug(LOG_ACCOUNT, "quota.request",
		  "\"tenant\":\"%s\",\"account\":\"%s\",\"wanted\":%lld,\"comfort\":%lld",
		  wish->tenant->id, account_names[wish->account], (long long)wish->wanted,
		  (long long)wish->comfort);
	admin_call(admin, "quota.request",
		   json_pack("{s:s, s:s, s:I, s:I}", "tenant", wish->tenant->id, "account",
			     account_names[wish->account], "wanted", (json_int_t)wish->wanted,
			     "comfort", (json_int_t)wish->comfort),
		   on_answer, question);
	return true;
}

const struct account_reach account_reach_node = {
	.set_credit = set_credit,
	.set_held = set_held,
	.barrier = barrier,
	.terminate = session_terminate,
	.ask = ask,
	.has_control = has_control,
	.now_ns = now_ns,
	.utc_ms = utc_ms,
};

void account_reach_stop(struct account_book *book)
{
	struct account_question *question;
	while ((question = TAILQ_FIRST(&book->questions))) {
		TAILQ_REMOVE(&book->questions, question, link);
		question->book = NULL;
	}
}
