/* Each class of each holder (a slice, a tenant) becomes a tally of what was added since; a holder's
 * tally is the sum of its classes'. Percentiles are read from the histogram's bins, linearly within
 * a bin; of the last, which has no end, its beginning is told. */
#include "conf/slice_rates.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>

#define BINS_MAX    64
#define REASONS_MAX 8

struct tally {
	int64_t sent_packets, sent_bytes;     /* since */
	int64_t queued_packets, queued_bytes; /* now */
	int64_t bins[BINS_MAX];
	struct {
		const char *name; /* borrowed from the answer */
		int64_t n;
	} drops[REASONS_MAX];
	unsigned int n_reasons;
};

struct span {
	const json_t *bounds; /* of all bins but the last, ns */
	int64_t ns;
};

static int64_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* What was added to a total; one that fell began anew. */
static int64_t added(int64_t now, int64_t before)
{
	return now >= before ? now - before : now;
}

static int64_t added_of(const json_t *now, const json_t *before, const char *name)
{
	return added(number(now, name), number(before, name));
}

/* The item of a list whose `key` is the same text. */
static const json_t *same_of(const json_t *list, const char *key, const json_t *item)
{
	const char *wanted = json_string_value(json_object_get(item, key));
	size_t i;
	const json_t *other;
	json_array_foreach(list, i, other)
	{
		const char *found = json_string_value(json_object_get(other, key));
		if (wanted && found && strcmp(wanted, found) == 0)
			return other;
	}
	return NULL;
}

static int64_t *drops_of(struct tally *tally, const char *name)
{
	static int64_t beyond;
	for (unsigned int i = 0; i < tally->n_reasons; i++) {
		if (strcmp(tally->drops[i].name, name) == 0)
			return &tally->drops[i].n;
	}
	if (tally->n_reasons == REASONS_MAX)
		return &beyond;
	tally->drops[tally->n_reasons].name = name;
	return &tally->drops[tally->n_reasons++].n;
}

static struct tally class_tally(const json_t *now, const json_t *before)
{
	struct tally tally = {
		.sent_packets = added_of(now, before, "sent_packets"),
		.sent_bytes = added_of(now, before, "sent_bytes"),
		.queued_packets = number(now, "queued_packets"),
		.queued_bytes = number(now, "queued_bytes"),
	};
	const json_t *bins = json_object_get(now, "delay_bins"), *value;
	const json_t *old_bins = json_object_get(before, "delay_bins");
	const json_t *old_drops = json_object_get(before, "dropped");
	const char *name;
	size_t i;
	json_array_foreach(bins, i, value)
	{
		if (i < BINS_MAX)
			tally.bins[i] = added(json_integer_value(value),
					      json_integer_value(json_array_get(old_bins, i)));
	}
	void *at;
	json_t *drops = json_object_get(now, "dropped");
	for (at = json_object_iter(drops); at; at = json_object_iter_next(drops, at)) {
		name = json_object_iter_key(at);
		*drops_of(&tally, name) = added(json_integer_value(json_object_iter_value(at)),
						number(old_drops, name));
	}
	return tally;
}

static void add_tally(struct tally *sum, const struct tally *part)
{
	sum->sent_packets += part->sent_packets;
	sum->sent_bytes += part->sent_bytes;
	sum->queued_packets += part->queued_packets;
	sum->queued_bytes += part->queued_bytes;
	for (unsigned int i = 0; i < BINS_MAX; i++)
		sum->bins[i] += part->bins[i];
	for (unsigned int i = 0; i < part->n_reasons; i++)
		*drops_of(sum, part->drops[i].name) += part->drops[i].n;
}

static int64_t per_second(int64_t n, const struct span *span)
{
	return (int64_t)((double)n * 1e9 / (double)span->ns + 0.5);
}

/* Where the packet stands that `percent` of a hundred are not behind, in us; null: none was sent.
 */
static json_t *percentile(const struct tally *tally, const struct span *span, int64_t percent)
{
	int64_t n = 0, passed = 0, low_ns = 0;
	for (unsigned int i = 0; i < BINS_MAX; i++)
		n += tally->bins[i];
	int64_t rank = (n * percent + 99) / 100;
	for (size_t i = 0; n > 0 && i < BINS_MAX; i++) {
		const json_t *bound = json_array_get(span->bounds, i);
		int64_t in = tally->bins[i];
		int64_t high_ns = bound ? json_integer_value(bound) : low_ns;
		if (passed + in >= rank) {
			double part = (double)(rank - passed) / (double)in;
			double ns = (double)low_ns + part * (double)(high_ns - low_ns);
			return json_integer((json_int_t)(ns / 1000 + 0.5));
		}
		passed += in;
		low_ns = high_ns;
	}
	return json_null();
}

static int tally_write(json_t *object, const struct tally *tally, const struct span *span)
{
	json_t *drops = json_object();
	for (unsigned int i = 0; i < tally->n_reasons; i++)
		json_object_set_new(drops, tally->drops[i].name, json_integer(tally->drops[i].n));
	json_t *rates =
		json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "rate_bps",
			  (json_int_t)per_second(tally->sent_bytes * 8, span), "packets_per_s",
			  (json_int_t)per_second(tally->sent_packets, span), "queued_packets",
			  (json_int_t)tally->queued_packets, "queued_bytes",
			  (json_int_t)tally->queued_bytes, "drops", drops, "p50_us",
			  percentile(tally, span, 50), "p99_us", percentile(tally, span, 99));
	if (!json_is_object(object) || !rates) {
		json_decref(rates);
		return rates ? -EINVAL : -ENOMEM;
	}
	int rc = json_object_update(object, rates);
	json_decref(rates);
	return rc ? -ENOMEM : 0;
}

/* The classes of a holder, and the holder. */
static int holder_add(json_t *now, const json_t *before, const struct span *span, struct tally *sum)
{
	const json_t *old_classes = json_object_get(before, "classes");
	json_t *class;
	size_t i;
	*sum = (struct tally){0};
	json_array_foreach(json_object_get(now, "classes"), i, class)
	{
		struct tally tally = class_tally(class, same_of(old_classes, "class", class));
		int rc = tally_write(class, &tally, span);
		if (rc)
			return rc;
		add_tally(sum, &tally);
	}
	return tally_write(now, sum, span);
}

/* A tenant as it was, in whichever slice it was then. One that was left out for want of room has
 * nothing to be compared with but itself. */
static const json_t *tenant_before(const json_t *before, const json_t *tenant)
{
	const json_t *slice, *found = NULL;
	size_t i;
	json_array_foreach(json_object_get(before, "slices"), i, slice)
	{
		if (!found)
			found = same_of(json_object_get(slice, "tenants"), "id", tenant);
	}
	return found || number(before, "tenants_left_out") == 0 ? found : tenant;
}

/* Packets of its publishers in that time, by colour; of a tenant that has any. */
static int policed_add(json_t *tenant, const json_t *before)
{
	const json_t *old = json_object_get(before, "policer");
	json_t *colors = json_object_get(tenant, "policer"), *policed = json_object();
	for (void *at = json_object_iter(colors); at; at = json_object_iter_next(colors, at)) {
		const char *color = json_object_iter_key(at);
		int64_t n = added_of(json_object_iter_value(at), json_object_get(old, color),
				     "packets");
		json_object_set_new(policed, color, json_integer(n));
	}
	if (colors)
		return json_object_set_new(tenant, "policed", policed) ? -ENOMEM : 0;
	json_decref(policed);
	return 0;
}

static int slice_add(json_t *now, const json_t *before, const struct span *span, int64_t *bytes)
{
	struct tally tally;
	json_t *tenant;
	size_t i;
	const json_t *old = same_of(json_object_get(before, "slices"), "id", now);
	int rc = holder_add(now, old, span, &tally);
	*bytes += tally.sent_bytes;
	json_array_foreach(json_object_get(now, "tenants"), i, tenant)
	{
		const json_t *past = tenant_before(before, tenant);
		if (rc == 0)
			rc = holder_add(tenant, past, span, &tally);
		if (rc == 0)
			rc = policed_add(tenant, past);
	}
	return rc;
}

int slice_rates_add(struct json_t *now, const struct json_t *before)
{
	json_t *slices = json_object_get(now, "slices"), *slice;
	struct span span = {json_object_get(now, "delay_bounds_ns"),
			    number(now, "at_ns") - number(before, "at_ns")};
	int64_t bytes = 0;
	size_t i;
	if (!json_is_array(slices) || !json_is_array(json_object_get(before, "slices")) ||
	    span.ns <= 0)
		return -EINVAL;
	json_array_foreach(slices, i, slice)
	{
		int rc = slice_add(slice, before, &span, &bytes);
		if (rc)
			return rc;
	}
	return json_object_set_new(now, "rate_bps", json_integer(per_second(bytes * 8, &span)))
		       ? -ENOMEM
		       : 0;
}
