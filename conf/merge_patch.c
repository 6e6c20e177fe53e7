#include "conf/merge_patch.h"

#include <stdint.h>

#include <jansson.h>

/* jansson's getters take what they only read as not const. */
static json_t *mutable_of(const json_t *value)
{
	return (json_t *)(uintptr_t)value;
}

struct json_t *merge_patch(const struct json_t *target, const struct json_t *patch)
{
	if (!json_is_object(patch))
		return json_deep_copy(patch);
	json_t *merged = json_is_object(target) ? json_deep_copy(target) : json_object();
	const char *key;
	json_t *value;
	json_object_foreach(mutable_of(patch), key, value)
	{
		if (json_is_null(value)) {
			json_object_del(merged, key);
			continue;
		}
		json_t *part = merge_patch(json_object_get(merged, key), value);
		if (!part || json_object_set_new(merged, key, part) != 0) {
			json_decref(merged);
			return NULL;
		}
	}
	return merged;
}
