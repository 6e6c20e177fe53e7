/* Debits by backends: token_unit and interaction_unit are authorized (credit is set aside), then
 * committed (journaled, then acknowledged) or cancelled, under an idempotency key: the same key
 * again gets the same answer and costs nothing. Over the admin socket and HTTP alike. What is
 * authorized and never committed falls back after USAGE_HOLD_S. Control thread. */
#pragma once

#include <stdint.h>

struct json_t;
struct node;
struct tenant;
struct usage_table;

#define USAGE_HOLD_S   60
#define USAGE_OPEN_MAX 65536 /* authorizations that are open, and commits that are remembered */

struct usage_table *usage_table_create(struct node *node);
void usage_table_destroy(struct usage_table *table);

/* What comes of it: status is HTTP's (200, 400, 402, 404, 409, 429, 503), `body` the answer or the
 * reason ("detail"), owned by the callee's caller until the function returns. */
typedef void (*usage_reply)(void *context, int status, struct json_t *body);
/* `request`: {"key", "unit", "quantity" (thousandths: tokens, or 1000 for one turn), "session",
 * "provider_id"}. The reply comes once, at once or later. */
void usage_authorize(struct usage_table *table, struct tenant *tenant, const struct json_t *request,
		     usage_reply reply, void *context);
/* As authorized, or less ("quantity"); without an authorization both in one. */
void usage_commit(struct usage_table *table, struct tenant *tenant, const struct json_t *request,
		  usage_reply reply, void *context);
void usage_cancel(struct usage_table *table, struct tenant *tenant, const struct json_t *request,
		  usage_reply reply, void *context);
/* Replies that are still to come to `context` are dropped. */
void usage_forget(struct usage_table *table, void *context);
void usage_tick(struct usage_table *table, uint64_t now_ns);
