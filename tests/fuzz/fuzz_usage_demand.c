/* Any JSON as a backend's debit: refused by the name of a field, or within its bounds. */
#include <string.h>

#include <jansson.h>

#include "gateway/session.h"
#include "gateway/usage.h"
#include "gateway/usage_demand.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct usage_demand demand;
	json_t *document = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
	const char *wrong = document ? usage_demand_read(document, &demand) : "document";
	if (wrong) {
		EXPECT(wrong[0] != '\0');
	} else {
		EXPECT(demand.key[0] != '\0' && strlen(demand.key) <= USAGE_KEY_MAX);
		EXPECT(strlen(demand.session) < SESSION_ID_BYTES);
		EXPECT(strlen(demand.provider_id) <= USAGE_TEXT_MAX);
		EXPECT(demand.unit != USAGE_MINUTE && demand.unit <= USAGE_UNITS);
		EXPECT(demand.quantity >= 0 && demand.quantity <= USAGE_QUANTITY_MAX);
	}
	json_decref(document);
	return 0;
}
