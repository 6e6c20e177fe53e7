/* What a tenant may use of an account: its policy's budget against meters, top-ups and grants.
 * Inside the store only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conf/store.h"

struct json_t;
struct sql;

/* A policy's calendar: "2026-11" of a time. A time zone that is unknown here counts as UTC. */
struct store_calendar;
struct store_calendar *store_calendar_create(const struct json_t *policy);
void store_calendar_destroy(struct store_calendar *calendar);
void store_calendar_period(const struct store_calendar *calendar, int64_t at_ms,
			   char out[STORE_PERIOD_BYTES]);

struct store_limit {
	/* asked */
	const char *tenant, *node, *boot; /* whose own and others' part is told; "": nobody's */
	enum account account;
	int64_t now_ms;
	/* answered */
	char period[STORE_PERIOD_BYTES];
	int64_t used_month, used_total, topped_up_month, topped_up_total;
	int64_t outstanding, elsewhere; /* of all nodes, and of others than `node` */
	int64_t granted;                /* of node and boot */
	bool is_prepaid, is_unlimited;
	int64_t limit;     /* of this month, top-ups included; POLICY_UNLIMITED */
	int64_t available; /* limit - used_month - outstanding: negative when overdrawn */
};
/* With `locks`, inside a transaction, the tenant stays as it is until its end. -ENOENT; -EINVAL:
 * its policy does not say a limit where one must be. */
int store_limit_read(struct sql *sql, bool locks, struct store_limit *limit);
