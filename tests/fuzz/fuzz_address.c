/* An address text from outside: what is accepted, written out and read again, is the same address.
 */
#include <stdlib.h>
#include <string.h>

#include "qos/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct address a, again;
	if (text && address_parse_ip(&a, text, 8443) == 0) {
		char out[ADDRESS_TEXT_MAX];
		struct sockaddr_storage ss;
		if (address_parse_ip(&again, address_format_ip(&a, out), a.port) != 0 ||
		    !address_equal(&a, &again))
			abort();
		if (strlen(address_format(&a, out)) < strlen("[::]:8443") - 1)
			abort();
		address_to_sockaddr(&a, &ss);
		if (address_from_sockaddr(&again, (struct sockaddr *)&ss) != 0 ||
		    !address_equal(&a, &again))
			abort();
	}
	free(text);
	return 0;
}
