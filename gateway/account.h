/* A session's account: what it may still use, and what it has. Credit is lent to it in chunks from
 * the tenant's quotas and handed to its meter as nanoseconds; before a chunk ends the next is
 * lent; what nobody lends ends in the tenant's ladder. Its usage is written to the journal as it
 * grows and closed when it ends. Control thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/policy.h"
#include "conf/usage.h"
#include "slices/meter.h"

struct account_session; /* of one session */
struct message;
struct node;
struct session;
struct stream;
struct tenant;

#define ACCOUNT_CHUNK_MS 10000 /* of stream, lent at once */

/* Everything the accounts of a node share; owned by the node. Needs the journal (NULL: nothing is
 * written down, control: none). */
struct account_book;
struct account_book *account_book_create(struct node *node);
void account_book_destroy(struct account_book *book);

struct account_request {
	struct tenant *tenant;
	const char *stream; /* its name */
	bool is_publisher;
	void (*ready)(void *context);
	void *context;
};

/* Gate 17. Lends the first chunk (and the price of admission) for a session of this tenant. 0: *out
 * is to be bound to the session or discarded. -EINPROGRESS: the control plane is asked; `ready`
 * runs once when it is worth calling again (never from inside). -EDQUOT: nothing is left: 402.
 * -EAGAIN: the control plane is away and nothing is in hand, or too many wait: 503. */
int account_open(struct account_book *book, const struct account_request *request,
		 struct account_session **out);
/* Forgets a `ready` that is still to come. */
void account_forget(struct account_book *book, void *context);
/* Gives all back; nothing was used. Takes NULL. */
void account_discard(struct account_session *account);
/* The session takes it over; the meter of its transport (not yet published) gets the credit. */
void account_bind(struct account_session *account, struct session *session);
/* The session connected: its worker is known from here on, and gets what changed meanwhile. */
void account_on_connected(struct account_session *account);
/* Messages of the session's meter: MESSAGE_CREDIT_LOW, MESSAGE_CREDIT_OUT. May terminate the
 * session. */
void account_on_message(struct session *session, const struct message *message);
/* Holds back all media (paused), or not. */
void account_hold(struct account_session *account, bool is_held);
/* Viewers of the stream have come or gone: its publisher may be held, or let go. */
void account_on_viewers(struct stream *stream);
/* Tells the session's event sockets again what was lost. Takes NULL. */
void account_tell_limits(struct account_session *account);
/* Paused sessions run through gate 17 again: -EDQUOT when nothing is left to go on with. */
int account_may_resume(const struct account_session *account);
/* The last of it: the session's transport is closed, its meter final. Closes the records. Takes
 * NULL. */
void account_close(struct account_session *account);

/* The tenant changed (policy, top-up, standing): prices, ladder, and whoever fell may rise again.
 */
void account_on_tenant(struct account_book *book, struct tenant *tenant);
/* quota.grant of the admin socket. */
void account_grant(struct account_book *book, struct tenant *tenant, enum account account,
		   int64_t granted_total);

struct account_recall {
	struct tenant *tenant;
	enum account account;
	int64_t amount;
	bool is_revoked; /* also what sessions were lent and have not used */
	void (*done)(void *context, int64_t returned_total);
	void *context;
};

/* quota.recall: gives back what is free or lies idle. `done` runs once, with the new total: at
 * once, or when what has to come from sessions is back from their workers. Whoever lost something
 * asks again only after that. */
void account_recall(struct account_book *book, const struct account_recall *recall);
/* The control plane has come or gone. */
void account_on_control(struct account_book *book, bool is_there);
/* Now and then (10 a second): checkpoints, session caps, hourly records. */
void account_tick(struct account_book *book, uint64_t now_ns);
/* {"credit": {"granted", "returned", "used", "lent"}, ...} of a tenant; for `hello` and `stats`. */
struct json_t *account_describe(const struct tenant *tenant);
