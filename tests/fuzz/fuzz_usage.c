/* Any JSON as a usage record: refused by field, or written again as the same; and money that adds
 * up whatever it says. */
#include <string.h>

#include <jansson.h>

#include "conf/usage.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void money_check(const struct usage_record *record)
{
	int64_t creator, platform;
	int64_t cost = usage_cost(record->unit, record->quantity_ms, record->price_micros);
	int64_t up = usage_cost_ceil(record->unit, record->quantity_ms, record->price_micros);
	EXPECT(cost >= 0 && up >= cost && up - cost <= 1);
	usage_split(cost, record->split, &creator, &platform);
	EXPECT(creator >= 0 && platform >= 0 && creator <= cost && platform == cost - creator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *why = NULL;
	struct usage_record record, again;
	json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (!object)
		return 0;
	if (usage_read(object, &record, &why)) {
		EXPECT(why && *why);
		json_decref(object);
		return 0;
	}
	json_t *written = usage_write(&record);
	EXPECT(json_equal(object, written));
	EXPECT(usage_read(written, &again, &why) == 0);
	EXPECT(memcmp(&record, &again, sizeof(record)) == 0);
	money_check(&record);
	usage_id_of_key(&again, record.provider_id);
	EXPECT(strlen(again.id) <= USAGE_ID_MAX);
	json_decref(written);
	json_decref(object);
	return 0;
}
