/* JSON merge patches (RFC 7396). Any thread. */
#pragma once

struct json_t;

/* Section 2's MergePatch(target, patch): a document of the caller's; both are left as they are.
 * NULL target: nothing. NULL: no memory. */
struct json_t *merge_patch(const struct json_t *target, const struct json_t *patch);
