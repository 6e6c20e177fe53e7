/* Datagrams to an established association: a row of 16-bit lengths, each with a datagram of that
 * many bytes. The corpus has genuine ones, so some inputs get past the tag. */
#include <stdlib.h>
#include <string.h>

#include "media/dtls_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(struct dtls_record *record)
{
	const uint8_t finished[13 + 24] = {22, 0xfe, 0xfd, 0, 1, [12] = 24};
	const struct dtls_secrets secrets = {.key_bytes = 16, .digest = "SHA256"};
	memset(record, 0, sizeof(*record));
	dtls_record_watch(record, finished, sizeof(finished));
	if (dtls_record_begin(record, &secrets))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dtls_record record;
	begin(&record);
	while (size >= 2) {
		size_t n = (size_t)(data[0] << 8 | data[1]);
		data += 2;
		size -= 2;
		n = n < size ? n : size;
		/* An exact heap copy, so that reading past its end is seen. */
		uint8_t *copy = malloc(n ? n : 1);
		memcpy(copy, data, n);
		dtls_record_watch(&record, copy, n);
		dtls_record_read(&record, copy, n);
		free(copy);
		data += n;
		size -= n;
	}
	if (record.flight_bytes > DTLS_RECORD_FLIGHT_MAX)
		abort();
	dtls_record_end(&record);
	return 0;
}
