/* Records of usage. The table of fields is the one place that names them: JSON, the ledger's
 * encoding and the faults follow it. Money is exact: products are 128 bits wide, what is paid is
 * rounded down once per record, and the two parts of a split are made by one subtraction. */
#include "conf/usage.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/sha.h>

#include "conf/policy.h"

#define KEY_HASHED "sha256:"

const char *const usage_unit_names[USAGE_UNITS] = {
	[USAGE_MINUTE] = "minute_unit",
	[USAGE_TOKEN] = "token_unit",
	[USAGE_INTERACTION] = "interaction_unit",
};

const char *const usage_kind_names[USAGE_KINDS] = {
	[USAGE_VIDEO] = "video",
	[USAGE_VOICE] = "voice",
	[USAGE_NO_KIND] = "",
};

static const int64_t unit_parts[USAGE_UNITS] = {
	[USAGE_MINUTE] = 60000,
	[USAGE_TOKEN] = 1000,
	[USAGE_INTERACTION] = 1000,
};

static const struct {
	const char *name;
	unsigned int creator_percent;
} splits[] = {{"platform", 0}, {"imvu", 55}, {"mini_platform", 80}};

#define AT(member)                                                                                 \
#member, .offset = offsetof(struct usage_record, member),                                  \
		 .size = sizeof(((struct usage_record *)0)->member)
const struct usage_field usage_fields[] = {
	{AT(id), .type = USAGE_TEXT},
	{AT(tenant), .type = USAGE_TEXT},
	{AT(session), .type = USAGE_TEXT, .may_be_empty = true},
	{AT(epoch), .type = USAGE_COUNT},
	{AT(sequence), .type = USAGE_COUNT},
	{AT(unit), .type = USAGE_UNIT_NAME},
	{AT(kind), .type = USAGE_KIND_NAME},
	{AT(quantity_ms), .type = USAGE_AMOUNT},
	{AT(price_micros), .type = USAGE_AMOUNT},
	{AT(cost_micros), .type = USAGE_AMOUNT},
	{AT(split), .type = USAGE_TEXT},
	{AT(provider_id), .type = USAGE_TEXT, .may_be_empty = true},
	{AT(stream), .type = USAGE_TEXT, .may_be_empty = true},
	{AT(slice), .type = USAGE_TEXT, .may_be_empty = true},
	{AT(node), .type = USAGE_TEXT, .may_be_empty = true},
	{AT(boot), .type = USAGE_TEXT, .may_be_empty = true},
	{AT(opened_at_ms), .type = USAGE_AMOUNT},
	{AT(closed_at_ms), .type = USAGE_AMOUNT},
};
static_assert(sizeof(usage_fields) / sizeof(usage_fields[0]) == USAGE_FIELDS, "each field once");

static const void *field_at(const struct usage_record *record, const struct usage_field *field)
{
	return (const char *)record + field->offset;
}

static uint32_t count_at(const struct usage_record *record, const struct usage_field *field)
{
	uint32_t count;
	assert(field->size == sizeof(count));
	memcpy(&count, field_at(record, field), sizeof(count));
	return count;
}

static int64_t amount_at(const struct usage_record *record, const struct usage_field *field)
{
	int64_t amount;
	assert(field->size == sizeof(amount));
	memcpy(&amount, field_at(record, field), sizeof(amount));
	return amount;
}

/* A field that is a text or a name; NULL: an enum out of range. */
static const char *text_at(const struct usage_record *record, const struct usage_field *field)
{
	switch (field->type) {
	case USAGE_TEXT:
		return field_at(record, field);
	case USAGE_UNIT_NAME:
		return record->unit < USAGE_UNITS ? usage_unit_names[record->unit] : NULL;
	case USAGE_KIND_NAME:
		return record->kind < USAGE_KINDS ? usage_kind_names[record->kind] : NULL;
	default:
		return NULL;
	}
}

size_t usage_field_text(const struct usage_record *record, const struct usage_field *field,
			char out[USAGE_FIELD_TEXT_MAX + 1])
{
	const char *text = text_at(record, field);
	int n;
	if (field->type == USAGE_COUNT)
		n = sprintf(out, "%" PRIu32, count_at(record, field));
	else if (field->type == USAGE_AMOUNT)
		n = sprintf(out, "%" PRId64, amount_at(record, field));
	else
		n = snprintf(out, USAGE_FIELD_TEXT_MAX + 1, "%s", text ? text : "?");
	return (size_t)n;
}

void usage_id(struct usage_record *record)
{
	static_assert(sizeof(record->tenant) + sizeof(record->session) + 2 * sizeof("4294967295") <=
			      sizeof(record->id),
		      "an id fits");
	snprintf(record->id, sizeof(record->id), "%s:%s:%" PRIu32 ":%" PRIu32, record->tenant,
		 record->session, record->epoch, record->sequence);
}

/* Printable ASCII that fits behind the tenant, and cannot be taken for a hash. */
static bool is_plain_key(const char *key, size_t room)
{
	size_t n = 0;
	while (key[n] > ' ' && key[n] <= '~')
		n++;
	return n > 0 && n <= room && key[n] == '\0' &&
	       strncmp(key, KEY_HASHED, sizeof(KEY_HASHED) - 1) != 0;
}

void usage_id_of_key(struct usage_record *record, const char *key)
{
	int n = snprintf(record->id, sizeof(record->id), "%s:key:", record->tenant);
	size_t room = sizeof(record->id) - 1 - (size_t)n;
	char *end = record->id + n;
	if (is_plain_key(key, room)) {
		strcpy(end, key);
		return;
	}
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA256((const uint8_t *)key, strlen(key), digest);
	end = stpcpy(end, KEY_HASHED);
	for (size_t i = 0; i < sizeof(digest); i++)
		end += sprintf(end, "%02x", digest[i]);
}

static int64_t cost(enum usage_unit unit, int64_t quantity_ms, int64_t price_micros, bool is_up)
{
	if (quantity_ms <= 0 || price_micros <= 0 || unit >= USAGE_UNITS)
		return 0;
	__int128 parts = unit_parts[unit];
	__int128 whole = (__int128)quantity_ms * price_micros;
	whole = (whole + (is_up ? parts - 1 : 0)) / parts;
	return whole > INT64_MAX ? INT64_MAX : (int64_t)whole;
}

int64_t usage_cost(enum usage_unit unit, int64_t quantity_ms, int64_t price_micros)
{
	return cost(unit, quantity_ms, price_micros, false);
}

int64_t usage_cost_ceil(enum usage_unit unit, int64_t quantity_ms, int64_t price_micros)
{
	return cost(unit, quantity_ms, price_micros, true);
}

static int split_find(const char *name)
{
	for (int i = 0; i < (int)(sizeof(splits) / sizeof(splits[0])); i++)
		if (strcmp(name, splits[i].name) == 0)
			return i;
	return -1;
}

bool usage_split_is_known(const char *split)
{
	return split_find(split) >= 0;
}

void usage_split(int64_t cost_micros, const char *split, int64_t *creator_micros,
		 int64_t *platform_micros)
{
	int i = split_find(split);
	__int128 percent = i < 0 ? 0 : splits[i].creator_percent;
	*creator_micros = cost_micros > 0 ? (int64_t)(cost_micros * percent / 100) : 0;
	*platform_micros = cost_micros - *creator_micros;
}

static int name_read(const json_t *value, const char *const *names, int n)
{
	const char *text = json_string_value(value);
	for (int i = 0; text && i < n; i++)
		if (strcmp(text, names[i]) == 0 && json_string_length(value) == strlen(text))
			return i;
	return -1;
}

static bool text_read(const json_t *value, const struct usage_field *field, char *out)
{
	const char *text = json_string_value(value);
	size_t n = json_string_length(value);
	if (!text || n >= field->size || (n == 0 && !field->may_be_empty))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	memcpy(out, text, n);
	return true;
}

/* Into the zeroed `out`. */
static bool field_read(const json_t *value, const struct usage_field *field,
		       struct usage_record *out)
{
	void *member = (char *)out + field->offset;
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
	int name;
	switch (field->type) {
	case USAGE_TEXT:
		return text_read(value, field, member);
	case USAGE_COUNT:
		memcpy(member, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
		return number >= 0 && number <= UINT32_MAX;
	case USAGE_AMOUNT:
		memcpy(member, &(int64_t){number}, sizeof(int64_t));
		return number >= 0;
	case USAGE_UNIT_NAME:
		name = name_read(value, usage_unit_names, USAGE_UNITS);
		out->unit = name < 0 ? USAGE_MINUTE : (enum usage_unit)name;
		return name >= 0;
	case USAGE_KIND_NAME:
		name = name_read(value, usage_kind_names, USAGE_KINDS);
		out->kind = name < 0 ? USAGE_NO_KIND : (enum usage_kind)name;
		return name >= 0;
	}
	return false;
}

/* The id is made of the other fields, or of the tenant and a key. */
static bool id_fits(const struct usage_record *record)
{
	struct usage_record expected = *record;
	usage_id(&expected);
	if (strcmp(expected.id, record->id) == 0)
		return true;
	int n = snprintf(expected.id, sizeof(expected.id), "%s:key:", record->tenant);
	return strncmp(expected.id, record->id, (size_t)n) == 0 && record->id[n] != '\0';
}

/* What the fields say together. */
static const char *record_check(const struct usage_record *record)
{
	if (!id_fits(record))
		return "id: expected tenant:session:epoch:sequence or tenant:key:KEY";
	if ((record->unit == USAGE_MINUTE) != (record->kind != USAGE_NO_KIND))
		return "kind: expected video or voice of a minute_unit, else nothing";
	if (!usage_split_is_known(record->split))
		return "split: expected platform, imvu or mini_platform";
	return NULL;
}

/* What was expected of each field, when it was not. */
static const char *const expectations[USAGE_FIELDS] = {
	"id: expected a text of 1 to 191 bytes",
	"tenant: expected a text of 1 to 63 bytes",
	"session: expected a text of at most 32 bytes",
	"epoch: expected a number of 32 bits",
	"sequence: expected a number of 32 bits",
	"unit: expected minute_unit, token_unit or interaction_unit",
	"kind: expected video, voice or an empty text",
	"quantity_ms: expected an integer that is not negative",
	"price_micros: expected an integer that is not negative",
	"cost_micros: expected an integer that is not negative",
	"split: expected platform, imvu or mini_platform",
	"provider_id: expected a text of at most 127 bytes",
	"stream: expected a text of at most 63 bytes",
	"slice: expected a text of at most 63 bytes",
	"node: expected a text of at most 63 bytes",
	"boot: expected a text of at most 32 bytes",
	"opened_at_ms: expected an integer that is not negative",
	"closed_at_ms: expected an integer that is not negative",
};

static bool ungranted_read(const json_t *list, uint8_t *out)
{
	size_t i;
	const json_t *name;
	*out = 0;
	json_array_foreach((json_t *)list, i, name)
	{
		int account = name_read(name, account_names, ACCOUNTS);
		if (account < 0)
			return false;
		*out |= (uint8_t)(1u << account);
	}
	return !list || *out;
}

static json_t *ungranted_write(uint8_t ungranted)
{
	json_t *list = json_array();
	for (unsigned int account = 0; account < ACCOUNTS; account++)
		if (ungranted & (1u << account))
			json_array_append_new(list, json_string(account_names[account]));
	return list;
}

int usage_read(const json_t *object, struct usage_record *out, const char **why)
{
	struct usage_record record = {0};
	*why = "expected an object";
	if (!json_is_object(object))
		return -EINVAL;
	for (size_t i = 0; i < USAGE_FIELDS; i++) {
		*why = expectations[i];
		if (!field_read(json_object_get(object, usage_fields[i].name), &usage_fields[i],
				&record))
			return -EINVAL;
	}
	const json_t *ungranted = json_object_get(object, "ungranted");
	*why = "ungranted: expected names of accounts";
	if (!ungranted_read(ungranted, &record.ungranted))
		return -EINVAL;
	*why = "expected no fields but those of a usage record";
	if (json_object_size(object) != USAGE_FIELDS + (ungranted != NULL))
		return -EINVAL;
	*why = record_check(&record);
	if (*why)
		return -EINVAL;
	*out = record;
	return 0;
}

json_t *usage_write(const struct usage_record *record)
{
	json_t *object = json_object();
	for (size_t i = 0; object && i < USAGE_FIELDS; i++) {
		const struct usage_field *field = &usage_fields[i];
		json_t *value;
		if (field->type == USAGE_COUNT)
			value = json_integer(count_at(record, field));
		else if (field->type == USAGE_AMOUNT)
			value = json_integer(amount_at(record, field));
		else
			value = json_string(text_at(record, field));
		if (json_object_set_new(object, field->name, value)) {
			json_decref(object);
			return NULL;
		}
	}
	if (object && record->ungranted)
		json_object_set_new(object, "ungranted", ungranted_write(record->ungranted));
	return object;
}
