#include "media/dtls_filter.h"

#define RECORD_HEADER_BYTES  13
#define MESSAGE_HEADER_BYTES 12

enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION_DATA = 23 };

static size_t be16(const uint8_t *bytes)
{
	return (size_t)(bytes[0] << 8 | bytes[1]);
}

static size_t be24(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 16 | be16(bytes + 1);
}

/* Handshake messages in the clear: every fragment inside its message and its record, none of them
 * empty unless the message is. */
static bool messages_are_sound(const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return false;
	while (size > 0) {
		if (size < MESSAGE_HEADER_BYTES)
			return false;
		size_t total = be24(bytes + 1), at = be24(bytes + 6), n = be24(bytes + 9);
		if (total > DTLS_MESSAGE_MAX || at + n > total || (n == 0 && total > 0) ||
		    n > size - MESSAGE_HEADER_BYTES)
			return false;
		bytes += MESSAGE_HEADER_BYTES + n;
		size -= MESSAGE_HEADER_BYTES + n;
	}
	return true;
}

static bool record_is_wanted(struct dtls_filter *filter, const uint8_t *record, size_t size)
{
	unsigned int type = record[0];
	size_t epoch = be16(record + 3);

	if (type < CHANGE_CIPHER_SPEC || type > APPLICATION_DATA || record[1] != 0xfe || epoch > 1)
		return false;
	if (filter->connected)
		return true;
	if (epoch == 1)
		return filter->greeted && type != APPLICATION_DATA &&
		       filter->early_records++ < DTLS_EARLY_RECORDS_MAX;
	switch (type) {
	case HANDSHAKE:
		return messages_are_sound(record + RECORD_HEADER_BYTES, size);
	case CHANGE_CIPHER_SPEC:
	case ALERT:
		return filter->greeted;
	default:
		return false;
	}
}

size_t dtls_filter_pass(struct dtls_filter *filter, const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (size - at >= RECORD_HEADER_BYTES) {
		size_t body = be16(bytes + at + 11);
		if (body > size - at - RECORD_HEADER_BYTES ||
		    !record_is_wanted(filter, bytes + at, body))
			break;
		at += RECORD_HEADER_BYTES + body;
	}
	return at;
}
