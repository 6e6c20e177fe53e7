/* Debits by backends: token_unit and interaction_unit are authorized (credit is set aside), then
 * committed (journaled, then acknowledged) or cancelled, under an idempotency key: the same key
 * again gets the same answer and costs nothing. Over the admin socket and HTTP alike. What is
 * authorized and never committed falls back after USAGE_HOLD_S. Control thread.
 *
 * A quantity is in thousandths of the unit: a token_unit is 1,000 tokens, so its quantity is
 * tokens; an interaction_unit is one turn, so its quantity is 1000 a turn.
 *
 *   {"key": "chat-17", "unit": "token_unit", "quantity": 2400}        2,400 tokens: 2.4 token_units
 *   {"key": "turn-18", "unit": "interaction_unit", "quantity": 1000}  one turn
 *   {"key": "chat-17", "quantity": 1830}                              a commit of less */
#pragma once

#include <stdint.h>

struct json_t;
struct node;
struct tenant;
struct usage_table;

#define USAGE_HOLD_S       60
#define USAGE_OPEN_MAX     65536 /* authorizations that are open, and commits that are remembered */
#define USAGE_KEY_MAX      255   /* bytes */
#define USAGE_QUANTITY_MAX 1000000000000

struct usage_table *usage_table_create(struct node *node);
/* Replies that are still to come are dropped. Takes NULL. */
void usage_table_destroy(struct usage_table *table);

/* What comes of it: status is HTTP's, `body` (borrowed) the answer or {"title", "detail"}.
 *   200 {"key", "state": "authorized"|"committed"|"cancelled", "unit", "quantity", "cost_micros"},
 *       of a commit also the "id" of its record
 *   400 a field is missing or wrong        402 "Twin is sleeping": nothing left to pay with
 *   403 the tenant is not active           404 no such authorization
 *   409 the key was used for something else, or is past changing
 *   429 too many are open                  503 control plane or disk is away */
typedef void (*usage_reply)(void *context, int status, struct json_t *body);
/* `request`: {"key", "unit", "quantity", "session", "provider_id"}, the last two optional. The
 * reply comes once, at once or later. */
void usage_authorize(struct usage_table *table, struct tenant *tenant, const struct json_t *request,
		     usage_reply reply, void *context);
/* As authorized, or less ("quantity"); without an authorization both in one. */
void usage_commit(struct usage_table *table, struct tenant *tenant, const struct json_t *request,
		  usage_reply reply, void *context);
void usage_cancel(struct usage_table *table, struct tenant *tenant, const struct json_t *request,
		  usage_reply reply, void *context);
/* Replies that are still to come to `context` are dropped. */
void usage_forget(struct usage_table *table, void *context);
/* Once a second. */
void usage_tick(struct usage_table *table, uint64_t now_ns);
