/* Connectivity checks of an ICE-lite agent (RFC 8445 2.5, 7.3; RFC 8489).
 *
 * A check is looked at three times, cheapest first. `ice_peek_ufrag` finds whose it is, so that the
 * caller can fetch the credentials; `stun_is_sound` proves the layout, because the agent trusts
 * some attribute lengths that a peer chooses (a short MESSAGE-INTEGRITY would make it read past the
 * end); then libnice's agent checks FINGERPRINT, credentials and attributes. Only what passed all
 * of that decides anything about the session.
 *
 * The agent keeps a table of requests it sent; we send none, so it never fills. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include "conf/random.h"
#include "media/ice.h"

#define STUN_BINDING_REQUEST      0x0001
#define STUN_BINDING_INDICATION   0x0011
#define STUN_INTEGRITY_BYTES      20
#define STUN_FINGERPRINT_BYTES    4
#define STUN_ATTRIBUTE_SHA256     0x001C /* MESSAGE-INTEGRITY-SHA256, may follow the SHA-1 one */
#define STUN_UNKNOWN_REPORTED_MAX 16     /* of one 420 reply; keeps it inside ICE_REPLY_MAX */
#define UFRAG_SLOT_CHARS          4
#define UFRAG_CHARS               12
#define PWD_CHARS                 32

static const char ice_chars[65] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Comprehension-required attributes we understand; any other is answered with 420. */
static uint16_t known_attributes[] = {
	STUN_ATTRIBUTE_USERNAME, STUN_ATTRIBUTE_MESSAGE_INTEGRITY, STUN_ATTRIBUTE_SHA256,
	STUN_ATTRIBUTE_PRIORITY, STUN_ATTRIBUTE_USE_CANDIDATE,     0,
};

struct ice {
	StunAgent agent;
};

/* What the agent's callback needs to judge a USERNAME. */
static_assert(UFRAG_CHARS < ICE_UFRAG_BYTES && PWD_CHARS < ICE_PWD_BYTES, "room for the NUL");

void ice_credentials_make(struct ice_credentials *credentials, uint32_t slot)
{
	uint8_t random[UFRAG_CHARS - UFRAG_SLOT_CHARS + PWD_CHARS];
	const uint8_t *next = random;

	assert(slot < 1u << 24);
	random_fill(random, sizeof(random));
	memset(credentials, 0, sizeof(*credentials));
	for (int i = 0; i < UFRAG_SLOT_CHARS; i++)
		credentials->ufrag[i] = ice_chars[slot >> (18 - 6 * i) & 63];
	for (int i = UFRAG_SLOT_CHARS; i < UFRAG_CHARS; i++)
		credentials->ufrag[i] = ice_chars[*next++ & 63];
	for (int i = 0; i < PWD_CHARS; i++)
		credentials->pwd[i] = ice_chars[*next++ & 63];
	explicit_bzero(random, sizeof(random));
}

int32_t ice_slot_of(const char *ufrag, size_t len)
{
	int32_t slot = 0;

	if (len != UFRAG_CHARS)
		return -1;
	for (size_t i = 0; i < len; i++) {
		const char *at = memchr(ice_chars, ufrag[i], 64);
		if (!at)
			return -1;
		if (i < UFRAG_SLOT_CHARS)
			slot = slot << 6 | (int32_t)(at - ice_chars);
	}
	return slot;
}

static uint16_t be16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool is_message(const uint8_t *bytes, size_t size, uint16_t type)
{
	static const uint8_t cookie[4] = {0x21, 0x12, 0xA4, 0x42};

	return size >= STUN_MESSAGE_HEADER_LENGTH && be16(bytes) == type &&
	       (size_t)be16(bytes + 2) + STUN_MESSAGE_HEADER_LENGTH == size && size % 4 == 0 &&
	       memcmp(bytes + STUN_MESSAGE_TRANS_ID_POS, cookie, sizeof(cookie)) == 0;
}

/* An attribute of a message whose length field was checked against its size. */
struct attribute {
	uint16_t type, bytes;
	const uint8_t *value;
};

/* The attribute at *offset, which moves behind it. False at the end, and with *offset != size when
 * the attribute does not fit. */
static bool attribute_next(const uint8_t *bytes, size_t size, size_t *offset,
			   struct attribute *attribute)
{
	if (size - *offset < STUN_ATTRIBUTE_HEADER_LENGTH)
		return false;
	attribute->type = be16(bytes + *offset);
	attribute->bytes = be16(bytes + *offset + STUN_ATTRIBUTE_TYPE_LEN);
	attribute->value = bytes + *offset + STUN_ATTRIBUTE_HEADER_LENGTH;

	size_t padded = (attribute->bytes + 3u) & ~(size_t)3;
	if (padded > size - *offset - STUN_ATTRIBUTE_HEADER_LENGTH)
		return false;
	*offset += STUN_ATTRIBUTE_HEADER_LENGTH + padded;
	return true;
}

int ice_peek_ufrag(const uint8_t *bytes, size_t size, const char **ufrag)
{
	struct attribute attribute;
	size_t offset = STUN_MESSAGE_HEADER_LENGTH;

	if (!is_message(bytes, size, STUN_BINDING_REQUEST))
		return -EBADMSG;
	while (attribute_next(bytes, size, &offset, &attribute)) {
		if (attribute.type != STUN_ATTRIBUTE_USERNAME)
			continue;
		const uint8_t *colon = memchr(attribute.value, ':', attribute.bytes);
		if (!colon || colon == attribute.value ||
		    colon - attribute.value > ICE_REMOTE_UFRAG_MAX)
			return -EBADMSG;
		*ufrag = (const char *)attribute.value;
		return (int)(colon - attribute.value);
	}
	return -EBADMSG;
}

bool ice_is_keepalive(const uint8_t *bytes, size_t size)
{
	return is_message(bytes, size, STUN_BINDING_INDICATION);
}

/* Every attribute fits, the two of fixed size have it, and FINGERPRINT is the last (RFC 8489
 * 14.7). */
static bool stun_is_sound(const uint8_t *bytes, size_t size)
{
	struct attribute attribute = {0};
	size_t offset = STUN_MESSAGE_HEADER_LENGTH;

	while (attribute_next(bytes, size, &offset, &attribute)) {
		if (attribute.type == STUN_ATTRIBUTE_MESSAGE_INTEGRITY &&
		    attribute.bytes != STUN_INTEGRITY_BYTES)
			return false;
		if (attribute.type == STUN_ATTRIBUTE_FINGERPRINT && offset != size)
			return false;
	}
	return offset == size && attribute.type == STUN_ATTRIBUTE_FINGERPRINT &&
	       attribute.bytes == STUN_FINGERPRINT_BYTES;
}

/* Equal, in a time that depends on the lengths alone. */
static bool bytes_equal(const uint8_t *a, const char *b, size_t size)
{
	uint8_t difference = 0;

	for (size_t i = 0; i < size; i++)
		difference |= (uint8_t)(a[i] ^ (uint8_t)b[i]);
	return difference == 0;
}

/* StunMessageIntegrityValidate: hands out the password when USERNAME is the expected one. */
static bool on_username(StunAgent *agent, StunMessage *message, uint8_t *username,
			uint16_t username_len, uint8_t **password, size_t *password_len,
			void *context)
{
	const struct ice_expected *expected = context;
	const char *local = expected->local->ufrag, *remote = expected->remote_ufrag;
	size_t local_len = strlen(local);

	(void)agent;
	(void)message;
	if (!username || username_len <= local_len || username[local_len] != ':' ||
	    !bytes_equal(username, local, local_len))
		return false;
	const uint8_t *rest = username + local_len + 1;
	size_t rest_len = username_len - local_len - 1;
	if (remote && (rest_len != strlen(remote) || !bytes_equal(rest, remote, rest_len)))
		return false;
	*password = (uint8_t *)(uintptr_t)expected->local->pwd;
	*password_len = strlen(expected->local->pwd);
	return true;
}

static bool is_known(uint16_t type)
{
	for (const uint16_t *known = known_attributes; *known; known++)
		if (*known == type)
			return true;
	return false;
}

/* The attributes behind a 420, in network order. The agent's own list of them can outgrow the
 * reply. */
static size_t unknown_collect(const uint8_t *bytes, size_t size,
			      uint16_t types[STUN_UNKNOWN_REPORTED_MAX])
{
	struct attribute attribute;
	size_t offset = STUN_MESSAGE_HEADER_LENGTH, n = 0;

	while (n < STUN_UNKNOWN_REPORTED_MAX && attribute_next(bytes, size, &offset, &attribute))
		if (!stun_optional(attribute.type) && !is_known(attribute.type))
			types[n++] = htons(attribute.type);
	return n;
}

static enum ice_verdict reject(struct ice *ice, const StunMessage *request, StunError error,
			       struct ice_check *check)
{
	StunMessage reply;
	uint16_t unknown[STUN_UNKNOWN_REPORTED_MAX];
	size_t n = 0;

	if (!stun_agent_init_error(&ice->agent, &reply, check->reply, sizeof(check->reply), request,
				   error))
		return ICE_CHECK_DROPPED;
	if (error == STUN_ERROR_UNKNOWN_ATTRIBUTE)
		n = unknown_collect(request->buffer, request->buffer_len, unknown);
	if (n > 0 && stun_message_append_bytes(&reply, STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES, unknown,
					       n * sizeof(*unknown)) != STUN_MESSAGE_RETURN_SUCCESS)
		return ICE_CHECK_DROPPED;
	check->error = (uint16_t)error;
	check->reply_bytes = stun_agent_finish_message(&ice->agent, &reply, NULL, 0);
	return check->reply_bytes > 0 ? ICE_CHECK_REJECTED : ICE_CHECK_DROPPED;
}

/* Not the library's own reply: that one repeats USERNAME, which RFC 8489 does not ask for and which
 * can be larger than any reply of ours. */
static enum ice_verdict accept_check(struct ice *ice, const StunMessage *request,
				     const struct address *remote, struct ice_check *check)
{
	StunMessage reply;
	struct sockaddr_storage mapped;
	socklen_t mapped_len = address_to_sockaddr(remote, &mapped);

	if (!stun_agent_init_response(&ice->agent, &reply, check->reply, sizeof(check->reply),
				      request) ||
	    stun_message_append_xor_addr(&reply, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &mapped,
					 mapped_len) != STUN_MESSAGE_RETURN_SUCCESS)
		return ICE_CHECK_DROPPED;
	check->reply_bytes = stun_agent_finish_message(&ice->agent, &reply, NULL, 0);
	return check->reply_bytes > 0 ? ICE_CHECK_VALID : ICE_CHECK_DROPPED;
}

/* An authenticated request: the ICE part of it. A role attribute of a wrong length is none. */
static enum ice_verdict answer(struct ice *ice, const StunMessage *request,
			       const struct address *remote, struct ice_check *check)
{
	uint64_t tie_breaker;

	check->use_candidate = stun_usage_ice_conncheck_use_candidate(request);
	check->priority = stun_usage_ice_conncheck_priority(request);
	check->peer_controlling = stun_message_find64(request, STUN_ATTRIBUTE_ICE_CONTROLLED,
						      &tie_breaker) != STUN_MESSAGE_RETURN_SUCCESS;
	if (!check->peer_controlling)
		return reject(ice, request, STUN_ERROR_ROLE_CONFLICT, check);
	if (check->priority == 0)
		return reject(ice, request, STUN_ERROR_BAD_REQUEST, check);
	return accept_check(ice, request, remote, check);
}

enum ice_verdict ice_on_check(struct ice *ice, const uint8_t *bytes, size_t size,
			      const struct ice_expected *expected, const struct address *remote,
			      struct ice_check *check)
{
	StunMessage request;

	check->use_candidate = check->peer_controlling = false;
	check->priority = check->error = 0;
	check->reply_bytes = 0;
	if (!is_message(bytes, size, STUN_BINDING_REQUEST) || !stun_is_sound(bytes, size))
		return ICE_CHECK_DROPPED;
	switch (stun_agent_validate(&ice->agent, &request, bytes, size, on_username,
				    (void *)(uintptr_t)expected)) {
	case STUN_VALIDATION_SUCCESS:
		return answer(ice, &request, remote, check);
	case STUN_VALIDATION_UNAUTHORIZED_BAD_REQUEST:
		return reject(ice, &request, STUN_ERROR_BAD_REQUEST, check);
	case STUN_VALIDATION_UNAUTHORIZED:
		return reject(ice, &request, STUN_ERROR_UNAUTHORIZED, check);
	case STUN_VALIDATION_UNKNOWN_REQUEST_ATTRIBUTE:
		return reject(ice, &request, STUN_ERROR_UNKNOWN_ATTRIBUTE, check);
	default:
		return ICE_CHECK_DROPPED; /* FINGERPRINT wrong, or not STUN after all */
	}
}

int ice_create(struct ice **out)
{
	struct ice *ice = calloc(1, sizeof(*ice));

	if (!ice)
		return -ENOMEM;
	stun_agent_init(&ice->agent, known_attributes, STUN_COMPATIBILITY_RFC5389,
			STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	*out = ice;
	return 0;
}

void ice_destroy(struct ice *ice)
{
	free(ice);
}
