/* Any datagram as a connectivity check of a session whose credentials are fixed, so that the corpus
 * can hold requests that authenticate. The same attributes are then tried with a right header,
 * FINGERPRINT and (for half of the inputs) MESSAGE-INTEGRITY, which no mutation would ever guess.
 */
#include <stdlib.h>
#include <string.h>

#include <stun/stunagent.h>

#include "media/ice.h"

#define SEALED_MAX 2048

static const struct ice_credentials local = {"AAAqabcdefgh", "0123456789abcdef0123456789ABCDEF"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct ice *ice, const uint8_t *data, size_t size)
{
	struct address remote = {.ip = {0xfd, 1}, .port = 9};
	struct ice_check result;
	const char *ufrag;

	int len = ice_peek_ufrag(data, size, &ufrag);
	if (len > 0) {
		if ((const uint8_t *)ufrag + len >= data + size)
			abort();
		ice_slot_of(ufrag, (size_t)len);
	}
	enum ice_verdict verdict = ice_on_check(
		ice, data, size, &(struct ice_expected){&local, NULL}, &remote, &result);
	if (result.reply_bytes > sizeof(result.reply) ||
	    (result.reply_bytes > 0) != (verdict != ICE_CHECK_DROPPED))
		abort();
}

static void check_sealed(struct ice *ice, const uint8_t *data, size_t size)
{
	static uint16_t none[] = {0};
	uint8_t bytes[SEALED_MAX] = {0};
	StunAgent agent;
	StunMessage message;
	size_t attributes = (size - 20) & ~(size_t)3;

	stun_agent_init(&agent, none, STUN_COMPATIBILITY_RFC5389,
			STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	stun_agent_init_request(&agent, &message, bytes, sizeof(bytes), STUN_BINDING);
	memcpy(bytes + 20, data + 20, attributes);
	bytes[2] = (uint8_t)(attributes >> 8);
	bytes[3] = (uint8_t)attributes;
	size_t sealed = stun_agent_finish_message(
		&agent, &message, data[0] & 1 ? (const uint8_t *)local.pwd : NULL, 32);
	uint8_t *copy = malloc(sealed + 1);
	memcpy(copy, bytes, sealed);
	check(ice, copy, sealed);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ice *ice;

	if (!ice && ice_create(&ice) < 0)
		abort();
	check(ice, data, size);
	if (size >= 20 && size <= SEALED_MAX - 64)
		check_sealed(ice, data, size);
	return 0;
}
