/* Any datagram as a connectivity check of a session whose credentials are fixed, so that the corpus
 * can hold requests that authenticate. */
#include <stdlib.h>

#include "media/ice.h"

static const struct ice_credentials local = {"AAAqabcdefgh", "0123456789abcdef0123456789ABCDEF"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ice *ice;
	struct address remote = {.ip = {0xfd, 1}, .port = 9};
	struct ice_check check;
	const char *ufrag;

	if (!ice && ice_create(&ice) < 0)
		abort();
	int len = ice_peek_ufrag(data, size, &ufrag);
	if (len > 0) {
		if ((const uint8_t *)ufrag + len >= data + size)
			abort();
		ice_slot_of(ufrag, (size_t)len);
	}
	enum ice_verdict verdict = ice_on_check(ice, data, size, &local, NULL, &remote, &check);
	if (check.reply_bytes > sizeof(check.reply) ||
	    (check.reply_bytes > 0) != (verdict != ICE_CHECK_DROPPED))
		abort();
	return 0;
}
