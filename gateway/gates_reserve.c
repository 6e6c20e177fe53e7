/* Gates 14 to 17: each sets something aside, and its release gives exactly that back. Two of them
 * may make a request wait: the rate for its place in the queue, the budget for the control plane's
 * answer. */
#include "gateway/gates_private.h"

#include <errno.h>
#include <inttypes.h>

#include <glib.h>

#include "conf/clock.h"
#include "gateway/account.h"
#include "gateway/node.h"
#include "gateway/slicing.h"
#include "slices/slice.h"

#define NS_A_SECOND   1000000000ull
#define NS_A_MS       1000000ull
#define RETRY_AFTER_S 5

static const struct policy *policy_of(const struct admission *admission)
{
	return &admission->tenant->config->policy;
}

/* --- 14: rate --- */

/* The bucket with the policy's present limits. */
static struct bucket *bucket_of(struct admission *admission, uint64_t now_ns)
{
	const struct policy *policy = policy_of(admission);
	const struct bucket limits = bucket_limits(
		policy->rate.requests, policy->rate.period_ms * NS_A_MS, policy->rate.burst,
		policy->rate.queue, policy->rate.delay_ms * NS_A_MS);
	bucket_set(&admission->tenant->bucket, &limits, now_ns);
	return &admission->tenant->bucket;
}

static enum admit say_too_many(struct admission *admission, uint64_t delay_ns)
{
	const struct policy *policy = policy_of(admission);
	admission->retry_after_s = (unsigned int)((delay_ns + NS_A_SECOND - 1) / NS_A_SECOND);
	return gates_say_no(admission, 429, "tenant '%s' may ask %u times in %u ms",
			    admission->tenant_id, policy->rate.requests, policy->rate.period_ms);
}

static gboolean on_turn(gpointer context)
{
	struct admission *admission = context;
	admission->timer = 0;
	bucket_leave(&admission->tenant->bucket);
	admission->held |= 1u << GATE_RATE;
	admission->on_ready(admission->context);
	return G_SOURCE_REMOVE;
}

static enum admit wait_for_turn(struct admission *admission, uint64_t delay_ns)
{
	guint delay_ms = (guint)((delay_ns + NS_A_MS - 1) / NS_A_MS);
	admission->timer = g_timeout_add(delay_ms, on_turn, admission);
	return ADMIT_LATER;
}

enum admit gate_take_rate(struct admission *admission)
{
	uint64_t now_ns = clock_ns(), delay_ns;
	/* It has waited, and its place is its own. */
	if (admission->held & 1u << GATE_RATE)
		return ADMIT_YES;
	struct bucket *bucket = bucket_of(admission, now_ns);
	switch (bucket_take(bucket, now_ns, &delay_ns)) {
	case BUCKET_PASS:
		return ADMIT_YES;
	case BUCKET_WAIT:
		if (admission->on_ready)
			return wait_for_turn(admission, delay_ns);
		bucket_leave(bucket);
		bucket_give_back(bucket);
		break;
	case BUCKET_FULL:
		break;
	}
	return say_too_many(admission, delay_ns);
}

void gate_release_rate(struct admission *admission)
{
	bucket_give_back(&admission->tenant->bucket);
}

/* --- 15: concurrency. A session that is to be is counted like one that is. --- */

enum admit gate_take_concurrency(struct admission *admission)
{
	unsigned int max = policy_of(admission)->sessions_max;
	if (max == 0 || admission->tenant->n_sessions < max) {
		admission->tenant->n_sessions++;
		return ADMIT_YES;
	}
	admission->retry_after_s = RETRY_AFTER_S;
	return gates_say_no(admission, 429, "tenant '%s' has all the %u sessions it may have",
			    admission->tenant_id, max);
}

void gate_release_concurrency(struct admission *admission)
{
	admission->tenant->n_sessions--;
}

/* --- 16: slice --- */

static enum admit reserve_bandwidth(struct admission *admission)
{
	const char *id = admission->tenant->config->slice;
	int64_t bps = policy_of(admission)->session_bps, left_bps = 0;
	if (id[0] == '\0')
		return ADMIT_YES;
	struct slice *slice = slice_find(admission->node->slices, id);
	admission->retry_after_s = RETRY_AFTER_S;
	if (!slice)
		return gates_say_no(admission, 503,
				    "slice '%s' is not on this node: there is none, or it was "
				    "refused (nn5gctl events)",
				    id);
	if (slice_reserve(slice, bps, &left_bps))
		return gates_say_no(admission, 503,
				    "slice '%s' has %" PRId64 " bit/s of %" PRId64
				    " left, a session takes %" PRId64,
				    id, left_bps, slice->config.guaranteed_bps, bps);
	admission->retry_after_s = 0;
	admission->slice = slice;
	admission->slice_bps = bps;
	return ADMIT_YES;
}

enum admit gate_take_slice(struct admission *admission)
{
	char why[160];
	if (reserve_bandwidth(admission) == ADMIT_NO)
		return ADMIT_NO;
	if (slicing_place(admission->node->slicing, admission->tenant, why, sizeof(why)) == 0)
		return ADMIT_YES;
	gate_release_slice(admission);
	admission->retry_after_s = RETRY_AFTER_S;
	return gates_say_no(admission, 503, "the scheduler has no room for tenant '%s': %s",
			    admission->tenant_id, why);
}

void gate_release_slice(struct admission *admission)
{
	if (admission->slice)
		slice_release(admission->slice, admission->slice_bps);
	admission->slice = NULL;
}

/* --- 17: budget --- */

static void on_answered(void *context)
{
	struct admission *admission = context;
	admission->is_asking = false;
	admission->on_ready(admission->context);
}

/* Which of the tenant's accounts are at their end. */
static enum admit say_sleeping(struct admission *admission)
{
	static const char *const units[ACCOUNTS] = {
		[ACCOUNT_CREDIT] = "micros", [ACCOUNT_VIDEO] = "ms", [ACCOUNT_VOICE] = "ms"};
	char left[128] = "";
	size_t used = 0;
	for (unsigned int i = 0; i < ACCOUNTS; i++) {
		const struct quota *quota = &admission->tenant->quotas[i];
		if (!quota->is_unlimited && used < sizeof(left))
			used += (size_t)snprintf(left + used, sizeof(left) - used,
						 "%s%s %" PRId64 " %s", used ? ", " : "",
						 account_names[i], quota_free(quota), units[i]);
	}
	return gates_say_no(admission, 402, "tenant '%s' has too little left here: %s",
			    admission->tenant_id, left);
}

/* A paused session keeps its account. */
static enum admit go_on(struct admission *admission)
{
	const struct account_session *account = admission->session->account;
	return account && account_may_resume(account) ? say_sleeping(admission) : ADMIT_YES;
}

enum admit gate_take_budget(struct admission *admission)
{
	const struct account_request request = {
		.tenant = admission->tenant,
		.stream = admission->stream_name,
		.is_publisher = admission->role == SESSION_PUBLISHER,
		.ready = on_answered,
		.context = admission,
	};
	if (!admission->node->accounts)
		return ADMIT_YES;
	if (admission->session)
		return go_on(admission);
	switch (account_open(admission->node->accounts, &request, &admission->account)) {
	case 0:
		return ADMIT_YES;
	case -EINPROGRESS:
		if (admission->on_ready) {
			admission->is_asking = true;
			return ADMIT_LATER;
		}
		account_forget(admission->node->accounts, admission);
		break;
	case -EDQUOT:
		return say_sleeping(admission);
	default:
		break;
	}
	admission->retry_after_s = RETRY_AFTER_S;
	return gates_say_no(admission, 503,
			    "the control plane, which has the credit of '%s', does not answer",
			    admission->tenant_id);
}

void gate_release_budget(struct admission *admission)
{
	if (admission->account)
		account_discard(admission->account);
	admission->account = NULL;
}

void gate_stop_waiting(struct admission *admission)
{
	if (admission->timer) {
		g_source_remove(admission->timer);
		admission->timer = 0;
		bucket_leave(&admission->tenant->bucket);
		bucket_give_back(&admission->tenant->bucket);
	}
	if (admission->is_asking)
		account_forget(admission->node->accounts, admission);
	admission->is_asking = false;
}
