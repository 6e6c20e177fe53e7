/* An SDP fragment from a stranger. */
#include <stdlib.h>
#include <string.h>

#include "gateway/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sdp_fragment fragment;
	struct sdp_error error = {0};
	int rc = sdp_fragment_parse((const char *)data, size, &fragment, &error);
	if (rc < 0 && error.reason[0] == '\0')
		abort();
	if (rc == 0 && (fragment.ice_ufrag[0] != '\0') != (fragment.ice_pwd[0] != '\0'))
		abort();
	return 0;
}
