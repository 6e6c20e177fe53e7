/* Records of usage: ids, exact money, and what is taken for a record. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/policy.h"
#include "conf/usage.h"

static struct usage_record sample(void)
{
	struct usage_record record = {
		.tenant = "acme",
		.session = "00112233445566778899aabbccddeeff",
		.epoch = 1,
		.sequence = 2,
		.unit = USAGE_MINUTE,
		.kind = USAGE_VIDEO,
		.quantity_ms = 60000,
		.price_micros = 20000,
		.cost_micros = 20000,
		.split = "imvu",
		.provider_id = "whip:live",
		.stream = "live",
		.slice = "gold",
		.node = "edge-1",
		.boot = "0123456789abcdef0123456789abcdef",
		.opened_at_ms = 1790000000000,
		.closed_at_ms = 1790000060000,
	};
	usage_id(&record);
	return record;
}

static void ids_say_whose_they_are(void)
{
	struct usage_record record = sample();
	CU_ASSERT_STRING_EQUAL(record.id, "acme:00112233445566778899aabbccddeeff:1:2");
	usage_id_of_key(&record, "order-17");
	CU_ASSERT_STRING_EQUAL(record.id, "acme:key:order-17");
	/* The longest of everything fits. */
	memset(record.tenant, 't', sizeof(record.tenant) - 1);
	record.epoch = record.sequence = UINT32_MAX;
	usage_id(&record);
	CU_ASSERT_STRING_EQUAL(record.id + 63,
			       ":00112233445566778899aabbccddeeff:4294967295:4294967295");
}

static void strange_keys_are_hashed(void)
{
	char longest[USAGE_ID_MAX - 9 + 1], longer[USAGE_ID_MAX - 9 + 2];
	memset(longest, 'k', sizeof(longest) - 1);
	memset(longer, 'k', sizeof(longer) - 1);
	longest[sizeof(longest) - 1] = longer[sizeof(longer) - 1] = '\0';
	struct usage_record record = sample();
	usage_id_of_key(&record, longest);
	CU_ASSERT_EQUAL(strlen(record.id), USAGE_ID_MAX);
	CU_ASSERT_STRING_EQUAL(record.id + 9, longest);
	const char *const strange[] = {longer,     "",          "two words",   "line\nfeed",
				       "\xff\xfe", "sha256:00", "sch\xc3\xb6n"};
	char ids[7][USAGE_ID_MAX + 1];
	for (size_t i = 0; i < 7; i++) {
		usage_id_of_key(&record, strange[i]);
		strcpy(ids[i], record.id);
		CU_ASSERT_NSTRING_EQUAL(record.id, "acme:key:sha256:", 16);
		CU_ASSERT_EQUAL(strlen(record.id), 16 + 64);
		for (size_t k = 0; k < i; k++)
			CU_ASSERT_STRING_NOT_EQUAL(ids[i], ids[k]);
	}
	/* printf '' | sha256sum */
	CU_ASSERT_STRING_EQUAL(ids[1] + 16,
			       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void cost_is_rounded_down_and_saturates(void)
{
	static const struct {
		enum usage_unit unit;
		int64_t quantity, price, down, up;
	} rows[] = {
		{USAGE_MINUTE, 60000, 20000, 20000, 20000},
		{USAGE_MINUTE, 59999, 20000, 19999, 20000},
		{USAGE_MINUTE, 1, 1, 0, 1},
		{USAGE_MINUTE, 0, 20000, 0, 0},
		{USAGE_MINUTE, 60000, 0, 0, 0},
		{USAGE_MINUTE, -60000, 20000, 0, 0},
		{USAGE_MINUTE, 60000, -1, 0, 0},
		{USAGE_MINUTE, -5, -5, 0, 0},
		{USAGE_TOKEN, 1000, 3000, 3000, 3000},
		{USAGE_TOKEN, 1, 3000, 3, 3},
		{USAGE_TOKEN, 333, 10, 3, 4},
		{USAGE_INTERACTION, 1000, 10000, 10000, 10000},
		{USAGE_TOKEN, INT64_MAX, 1000, INT64_MAX, INT64_MAX},
		{USAGE_TOKEN, INT64_MAX, 999, 9214148664817921031, 9214148664817921032},
		{USAGE_TOKEN, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
		{USAGE_MINUTE, INT64_MIN, INT64_MIN, 0, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CU_ASSERT_EQUAL(usage_cost(rows[i].unit, rows[i].quantity, rows[i].price),
				rows[i].down);
		CU_ASSERT_EQUAL(usage_cost_ceil(rows[i].unit, rows[i].quantity, rows[i].price),
				rows[i].up);
	}
}

/* xorshift64: the same numbers in every run. */
static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Must-show 4: whatever a record costs, its parts add up to it, and the creator's is the percentage
 * rounded down: 100 * part <= percent * cost < 100 * (part + 1). */
static void split_check(int64_t cost)
{
	static const struct {
		const char *name;
		int percent;
	} splits[] = {{"platform", 0}, {"imvu", 55}, {"mini_platform", 80}, {"unknown", 0}};
	for (size_t i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		int64_t creator, platform;
		usage_split(cost, splits[i].name, &creator, &platform);
		__int128 exact = (__int128)cost * splits[i].percent;
		if (creator < 0 || platform < 0 || (__int128)creator + platform != cost ||
		    (__int128)creator * 100 > exact || exact >= ((__int128)creator + 1) * 100) {
			printf("\n%s of %lld: %lld and %lld", splits[i].name, (long long)cost,
			       (long long)creator, (long long)platform);
			CU_FAIL("does not add up");
		}
	}
}

static void split_adds_up_for_10000_random_costs(void)
{
	static const int64_t edges[] = {0,
					1,
					2,
					19,
					20,
					99,
					100,
					101,
					999999,
					1000000,
					INT64_MAX / 100,
					INT64_MAX / 55,
					INT64_MAX - 1,
					INT64_MAX};
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		split_check(edges[i]);
	uint64_t state = 0x9e3779b97f4a7c15;
	for (int i = 0; i < 10000; i++) {
		uint64_t number = random_next(&state);
		split_check((int64_t)(number >> (1 + number % 63)));
	}
	int64_t creator, platform;
	usage_split(1000001, "imvu", &creator, &platform);
	CU_ASSERT_EQUAL(creator, 550000);
	CU_ASSERT_EQUAL(platform, 450001);
	usage_split(1000001, "mini_platform", &creator, &platform);
	CU_ASSERT_EQUAL(creator, 800000);
	CU_ASSERT_EQUAL(platform, 200001);
	CU_ASSERT(usage_split_is_known("platform") && usage_split_is_known("imvu"));
	CU_ASSERT(!usage_split_is_known("IMVU") && !usage_split_is_known(""));
}

static void written_records_read_the_same(void)
{
	struct usage_record records[3] = {sample(), sample(), sample()};
	records[1].unit = USAGE_TOKEN;
	records[1].kind = USAGE_NO_KIND;
	records[1].session[0] = records[1].stream[0] = records[1].boot[0] = '\0';
	usage_id_of_key(&records[1], "order 17");
	records[2].epoch = records[2].sequence = UINT32_MAX;
	records[2].quantity_ms = records[2].price_micros = records[2].cost_micros = INT64_MAX;
	records[2].ungranted = 1u << ACCOUNT_CREDIT | 1u << ACCOUNT_VOICE;
	strcpy(records[2].provider_id, "gst:avatar \"x\\y\" sch\xc3\xb6n");
	usage_id(&records[2]);
	for (size_t i = 0; i < 3; i++) {
		struct usage_record read;
		memset(&read, 0x55, sizeof(read));
		const char *why;
		json_t *object = usage_write(&records[i]);
		CU_ASSERT_EQUAL(usage_read(object, &read, &why), 0);
		for (size_t f = 0; f < USAGE_FIELDS; f++) {
			char expected[USAGE_FIELD_TEXT_MAX + 1], found[USAGE_FIELD_TEXT_MAX + 1];
			usage_field_text(&records[i], &usage_fields[f], expected);
			usage_field_text(&read, &usage_fields[f], found);
			CU_ASSERT_STRING_EQUAL(found, expected);
		}
		CU_ASSERT_EQUAL(read.ungranted, records[i].ungranted);
		json_decref(object);
	}
	struct usage_record bad = sample();
	strcpy(bad.stream, "\xff");
	CU_ASSERT_PTR_NULL(usage_write(&bad));
}

/* Each row puts one value into a good record, or (NULL) takes the field away. */
static void what_is_no_record_is_refused_by_field(void)
{
	static const struct {
		const char *field, *value, *why;
	} rows[] = {
		{"id", "\"\"", "id:"},
		{"id", "\"acme:00112233445566778899aabbccddeeff:1:3\"", "id:"},
		{"id", "\"other:key:1\"", "id:"},
		{"id", "\"acme:key:\"", "id:"},
		{"id", "7", "id:"},
		{"tenant", "\"\"", "tenant:"},
		{"tenant", NULL, "tenant:"},
		{"session", "\"00112233445566778899aabbccddeeff0\"", "session:"},
		{"session", "null", "session:"},
		{"epoch", "-1", "epoch:"},
		{"epoch", "4294967296", "epoch:"},
		{"epoch", "1.0", "epoch:"},
		{"sequence", "\"2\"", "sequence:"},
		{"unit", "\"minute\"", "unit:"},
		{"unit", "0", "unit:"},
		{"unit", "\"token_unit\"", "kind:"},
		{"kind", "\"\"", "kind:"},
		{"kind", "\"text\"", "kind:"},
		{"quantity_ms", "-1", "quantity_ms:"},
		{"quantity_ms", "true", "quantity_ms:"},
		{"price_micros", "-1", "price_micros:"},
		{"cost_micros", "-9223372036854775808", "cost_micros:"},
		{"split", "\"55/45\"", "split:"},
		{"split", "\"a name that is far too long\"", "split:"},
		{"provider_id", "\"a\\u0001\"", "provider_id:"},
		{"stream", "[]", "stream:"},
		{"slice", "{}", "slice:"},
		{"node", "\"\\u007f\"", "node:"},
		{"boot", "\"0123456789abcdef0123456789abcdef0\"", "boot:"},
		{"opened_at_ms", "-1", "opened_at_ms:"},
		{"closed_at_ms", NULL, "closed_at_ms:"},
		{"ungranted", "7", "ungranted:"},
		{"ungranted", "[]", "ungranted:"},
		{"ungranted", "[\"gold\"]", "ungranted:"},
		{"colour", "1", "expected no fields"},
	};
	struct usage_record record = sample(), out = {.epoch = 77};
	const char *why;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *object = usage_write(&record);
		if (rows[i].value)
			json_object_set_new(object, rows[i].field,
					    json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(object, rows[i].field);
		CU_ASSERT_EQUAL(usage_read(object, &out, &why), -EINVAL);
		if (!strstr(why, rows[i].why)) {
			printf("\n%s %s: %s", rows[i].field, rows[i].value, why);
			CU_FAIL("another field was named");
		}
		json_decref(object);
	}
	CU_ASSERT_EQUAL(out.epoch, 77);
	CU_ASSERT_EQUAL(usage_read(NULL, &out, &why), -EINVAL);
	json_t *list = json_array();
	CU_ASSERT_EQUAL(usage_read(list, &out, &why), -EINVAL);
	json_decref(list);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(ids_say_whose_they_are),
	ROW(strange_keys_are_hashed),
	ROW(cost_is_rounded_down_and_saturates),
	ROW(split_adds_up_for_10000_random_costs),
	ROW(written_records_read_the_same),
	ROW(what_is_no_record_is_refused_by_field),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("usage", tests)
