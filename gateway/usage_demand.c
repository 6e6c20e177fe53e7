#include "gateway/usage_demand.h"

#include <string.h>

#include <jansson.h>

#include "gateway/session.h"
#include "gateway/usage.h"

static const char *read_text(const json_t *request, const char *name, size_t max, const char **out)
{
	const json_t *value = json_object_get(request, name);
	*out = value ? json_string_value(value) : "";
	return !*out || json_string_length(value) != strlen(*out) || strlen(*out) > max ? name
											: NULL;
}

static const char *read_unit(const json_t *request, enum usage_unit *out)
{
	const char *name;
	*out = USAGE_UNITS;
	if (read_text(request, "unit", 32, &name))
		return "unit";
	if (strcmp(name, usage_unit_names[USAGE_TOKEN]) == 0)
		*out = USAGE_TOKEN;
	else if (strcmp(name, usage_unit_names[USAGE_INTERACTION]) == 0)
		*out = USAGE_INTERACTION;
	else if (name[0])
		return "unit";
	return NULL;
}

static const char *read_quantity(const json_t *request, int64_t *out)
{
	const json_t *value = json_object_get(request, "quantity");
	*out = value ? json_integer_value(value) : 0;
	return value && (*out < 1 || *out > USAGE_QUANTITY_MAX) ? "quantity" : NULL;
}

const char *usage_demand_read(const json_t *request, struct usage_demand *out)
{
	const char *wrong = read_text(request, "key", USAGE_KEY_MAX, &out->key);
	if (!wrong && out->key[0] == '\0')
		wrong = "key";
	if (!wrong)
		wrong = read_text(request, "session", SESSION_ID_BYTES - 1, &out->session);
	if (!wrong)
		wrong = read_text(request, "provider_id", USAGE_TEXT_MAX, &out->provider_id);
	if (!wrong)
		wrong = read_unit(request, &out->unit);
	if (!wrong)
		wrong = read_quantity(request, &out->quantity);
	return wrong;
}
