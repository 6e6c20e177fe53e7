/* limit(credit)         prepaid: all top-ups - used before this month
 *                       monthly: monthly_micros, + this month's top-ups unless prepaid
 *                       both: the smaller
 * limit(video, voice)   minutes * 60,000 + this month's top-ups
 * available             limit - used this month - outstanding on all nodes
 *
 * An account without any of these has no limit. Months are those of the policy's time zone. All
 * numbers of one answer come from one statement, so that usage which is committed meanwhile is
 * either in both meters and grants or in neither. */
#include "conf/store_limit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "conf/log.h"
#include "conf/merge_patch.h"
#include "conf/sql.h"

/* --- Calendar --------------------------------------------------------------------------------- */

struct store_calendar {
	GTimeZone *zone; /* owned */
};

struct store_calendar *store_calendar_create(const struct json_t *policy)
{
	struct store_calendar *calendar = g_new0(struct store_calendar, 1);
	const char *name =
		json_string_value(json_object_get(json_object_get(policy, "budget"), "timezone"));
	if (name)
		calendar->zone = g_time_zone_new_identifier(name);
	if (name && !calendar->zone)
		log_warn(LOG_STORE, "unknown time zone, UTC is used", "\"timezone\":\"%s\"",
			 log_escape(name));
	if (!calendar->zone)
		calendar->zone = g_time_zone_new_utc();
	return calendar;
}

void store_calendar_destroy(struct store_calendar *calendar)
{
	if (!calendar)
		return;
	g_time_zone_unref(calendar->zone);
	g_free(calendar);
}

void store_calendar_period(const struct store_calendar *calendar, int64_t at_ms,
			   char out[STORE_PERIOD_BYTES])
{
	gint64 at_s = at_ms / 1000 - (at_ms % 1000 < 0);
	GDateTime *utc = g_date_time_new_from_unix_utc(at_s);
	GDateTime *there = utc ? g_date_time_to_timezone(utc, calendar->zone) : NULL;
	int year = there ? g_date_time_get_year(there) : 1970;
	int month = there ? g_date_time_get_month(there) : 1;
	snprintf(out, STORE_PERIOD_BYTES, "%04u-%02u", (unsigned int)year % 10000,
		 (unsigned int)month % 100);
	g_clear_pointer(&there, g_date_time_unref);
	g_clear_pointer(&utc, g_date_time_unref);
}

int store_period(struct store *store, const char *tenant, int64_t at_ms,
		 char out[STORE_PERIOD_BYTES])
{
	json_t *policy;
	int rc = store_tenant_policy(store, tenant, &policy);
	if (rc)
		return rc;
	struct store_calendar *calendar = store_calendar_create(policy);
	store_calendar_period(calendar, at_ms, out);
	store_calendar_destroy(calendar);
	json_decref(policy);
	return 0;
}

/* --- Budget ----------------------------------------------------------------------------------- */

/* Money, kept within int64. */
static int64_t plus(int64_t a, int64_t b)
{
	int64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return b < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static int64_t minus(int64_t a, int64_t b)
{
	int64_t difference;
	if (__builtin_sub_overflow(a, b, &difference))
		return b < 0 ? INT64_MAX : INT64_MIN;
	return difference;
}

/* A number of the budget; absent: unlimited. Anything else would be a limit we cannot read, and is
 * none that may be exceeded. */
static int budget_number(const json_t *policy, const char *key, int64_t *out)
{
	const json_t *value = json_object_get(json_object_get(policy, "budget"), key);
	*out = value ? (int64_t)json_integer_value(value) : POLICY_UNLIMITED;
	return !value || (json_is_integer(value) && *out >= 0) ? 0 : -EINVAL;
}

static int minutes_limit(const json_t *policy, const char *key, struct store_limit *limit)
{
	int64_t minutes;
	int rc = budget_number(policy, key, &minutes);
	if (rc || minutes == POLICY_UNLIMITED)
		return rc;
	int64_t ms;
	if (__builtin_mul_overflow(minutes, 60000, &ms))
		return 0;
	limit->limit = plus(ms, limit->topped_up_month);
	return 0;
}

static int credit_limit(const json_t *policy, struct store_limit *limit)
{
	int64_t monthly;
	const json_t *prepaid = json_object_get(json_object_get(policy, "budget"), "prepaid");
	int rc = budget_number(policy, "monthly_micros", &monthly);
	if (rc || (prepaid && !json_is_boolean(prepaid)))
		return -EINVAL;
	limit->is_prepaid = json_is_true(prepaid);
	if (monthly != POLICY_UNLIMITED)
		limit->limit = limit->is_prepaid ? monthly : plus(monthly, limit->topped_up_month);
	if (limit->is_prepaid)
		limit->limit =
			MIN(limit->limit, minus(limit->topped_up_total,
						minus(limit->used_total, limit->used_month)));
	return 0;
}

static int limit_set(const json_t *policy, struct store_limit *limit)
{
	limit->is_prepaid = false;
	limit->limit = POLICY_UNLIMITED;
	int rc = limit->account == ACCOUNT_CREDIT  ? credit_limit(policy, limit)
		 : limit->account == ACCOUNT_VIDEO ? minutes_limit(policy, "video_minutes", limit)
						   : minutes_limit(policy, "voice_minutes", limit);
	limit->is_unlimited = limit->limit == POLICY_UNLIMITED;
	limit->available = limit->is_unlimited ? POLICY_UNLIMITED
					       : minus(minus(limit->limit, limit->used_month),
						       limit->outstanding);
	return rc;
}

/* --- Reading ---------------------------------------------------------------------------------- */

#define POLICIES                                                                                   \
	"SELECT p.policy, t.policy FROM tenants t LEFT JOIN plans p ON p.id = t.plan"              \
	" WHERE t.id = $1"

/* A transaction that writes to SQLite has it to itself. The row's key does not change: rows that
 * refer to it need not wait. */
#define POLICIES_LOCKED POLICIES " FOR NO KEY UPDATE OF t"

static int take_policy(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	json_t *plan = columns[0].text ? json_loads(columns[0].text, 0, NULL) : json_object();
	json_t *own = json_loads(columns[1].text, 0, NULL);
	json_t **policy = context;
	*policy = plan && own ? merge_patch(plan, own) : NULL;
	json_decref(plan);
	json_decref(own);
	return *policy ? 0 : -EINVAL;
}

/* $1 tenant, $2 account, $3 period, $4 node, $5 boot. */
#define ACCOUNT_IS " WHERE tenant = $1 AND account = $2"
#define NUMBERS                                                                                    \
	"SELECT"                                                                                   \
	" COALESCE((SELECT used FROM meters" ACCOUNT_IS " AND period = $3), 0),"                   \
	" COALESCE((SELECT used FROM meters" ACCOUNT_IS " AND period = 'total'), 0),"              \
	" COALESCE((SELECT SUM(amount) FROM top_ups" ACCOUNT_IS " AND period = $3), 0),"           \
	" COALESCE((SELECT SUM(amount) FROM top_ups" ACCOUNT_IS "), 0),"                           \
	" COALESCE((SELECT SUM(granted - settled) FROM grants" ACCOUNT_IS "), 0),"                 \
	" COALESCE((SELECT SUM(granted - settled) FROM grants" ACCOUNT_IS " AND node <> $4), 0),"  \
	" COALESCE((SELECT granted FROM grants" ACCOUNT_IS " AND node = $4 AND boot = $5), 0)"

static int take_numbers(void *context, const struct sql_value *columns, unsigned int n)
{
	(void)n;
	struct store_limit *limit = context;
	limit->used_month = columns[0].integer;
	limit->used_total = columns[1].integer;
	limit->topped_up_month = columns[2].integer;
	limit->topped_up_total = columns[3].integer;
	limit->outstanding = columns[4].integer;
	limit->elsewhere = columns[5].integer;
	limit->granted = columns[6].integer;
	return 0;
}

int store_limit_read(struct sql *sql, bool locks, struct store_limit *limit)
{
	json_t *policy = NULL;
	bool is_row_locked = locks && sql_kind(sql) == SQL_POSTGRES;
	const char *statement = is_row_locked ? POLICIES_LOCKED : POLICIES;
	int rc = sql_run(sql, statement, SQL_VALUES(sql_text(limit->tenant)), take_policy, &policy);
	if (rc || !policy)
		return rc ? rc : -ENOENT;
	struct store_calendar *calendar = store_calendar_create(policy);
	store_calendar_period(calendar, limit->now_ms, limit->period);
	store_calendar_destroy(calendar);
	rc = sql_run(sql, NUMBERS,
		     SQL_VALUES(sql_text(limit->tenant), sql_text(account_names[limit->account]),
				sql_text(limit->period), sql_text(limit->node),
				sql_text(limit->boot)),
		     take_numbers, limit);
	if (rc == 0) {
		rc = limit_set(policy, limit);
		if (rc)
			log_error(LOG_STORE, "a budget cannot be read: nothing is granted",
				  "\"tenant\":\"%s\",\"account\":\"%s\"", log_escape(limit->tenant),
				  account_names[limit->account]);
	}
	json_decref(policy);
	return rc;
}

int store_budget(struct store *store, const char *tenant, int64_t now_ms, struct json_t **out)
{
	json_t *accounts = json_array();
	struct store_limit limit = {.tenant = tenant, .node = "", .boot = "", .now_ms = now_ms};
	int rc = 0;
	for (int account = 0; rc == 0 && account < ACCOUNTS; account++) {
		limit.account = (enum account)account;
		rc = store_limit_read(store_sql(store), false, &limit);
		if (rc)
			break;
		json_t *row =
			json_pack("{s:s, s:I, s:I, s:I, s:I}", "account", account_names[account],
				  "used_month", (json_int_t)limit.used_month, "used_total",
				  (json_int_t)limit.used_total, "topped_up",
				  (json_int_t)(limit.is_prepaid ? limit.topped_up_total
								: limit.topped_up_month),
				  "outstanding", (json_int_t)limit.outstanding);
		if (!limit.is_unlimited) {
			json_object_set_new(row, "limit", json_integer(limit.limit));
			json_object_set_new(row, "available",
					    json_integer(MAX(limit.available, 0)));
		}
		rc = json_array_append_new(accounts, row) ? -ENOMEM : 0;
	}
	if (rc == 0) {
		*out = json_pack("{s:O, s:s}", "accounts", accounts, "month", limit.period);
		rc = *out ? 0 : -ENOMEM;
	}
	json_decref(accounts);
	return rc;
}
