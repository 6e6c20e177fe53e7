/* The peer is libnice's own STUN agent in the role of a browser; bad requests are made with it too,
 * so that their FINGERPRINT is right and what is meant to be wrong is the only thing wrong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include "media/ice.h"
#include "tests/cunit.h"

static const struct ice_credentials local = {"AAAqabcdefgh", "0123456789abcdef0123456789ABCDEF"};

enum role { ROLE_CONTROLLING, ROLE_CONTROLLED, ROLE_NONE };

/* One request. Zero is what a browser sends. */
struct request {
	const char *username; /* NULL: "AAAqabcdefgh:peer" */
	const char *pwd;      /* NULL: the right one */
	bool no_username, no_integrity, no_fingerprint, no_priority, indication, use_candidate;
	enum role role;
	uint32_t priority; /* 0: a good one */
	uint16_t method;   /* 0: Binding */
	uint16_t extra;    /* type of one more attribute; 0: none */
	uint16_t extra_bytes;
};

/* The peer: an agent that remembers its request, and the request's bytes. */
struct peer {
	StunAgent agent;
	uint8_t bytes[2048];
	size_t size;
};

static uint16_t peer_known[] = {
	STUN_ATTRIBUTE_USERNAME,           STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
	STUN_ATTRIBUTE_ERROR_CODE,         STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES,
	STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, 0,
};

static void request_attributes(StunMessage *message, const struct request *r)
{
	static const uint8_t zeros[1024];
	const char *username = r->username ? r->username : "AAAqabcdefgh:peer";

	if (!r->no_username)
		stun_message_append_bytes(message, STUN_ATTRIBUTE_USERNAME, username,
					  strlen(username));
	if (!r->no_priority)
		stun_message_append32(message, STUN_ATTRIBUTE_PRIORITY,
				      r->priority ? r->priority : 0x6e7f1eff);
	if (r->role == ROLE_CONTROLLING)
		stun_message_append64(message, STUN_ATTRIBUTE_ICE_CONTROLLING, 7);
	if (r->role == ROLE_CONTROLLED)
		stun_message_append64(message, STUN_ATTRIBUTE_ICE_CONTROLLED, 7);
	if (r->use_candidate)
		stun_message_append_flag(message, STUN_ATTRIBUTE_USE_CANDIDATE);
	if (r->extra)
		stun_message_append_bytes(message, (StunAttribute)r->extra, zeros, r->extra_bytes);
}

static void peer_request(struct peer *peer, const struct request *r)
{
	StunMessage message;
	StunAgentUsageFlags flags = STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS;
	StunMethod method = r->method ? (StunMethod)r->method : STUN_BINDING;
	const char *pwd = r->pwd ? r->pwd : local.pwd;

	memset(peer, 0, sizeof(*peer));
	if (!r->no_fingerprint)
		flags |= STUN_AGENT_USAGE_USE_FINGERPRINT;
	stun_agent_init(&peer->agent, peer_known, STUN_COMPATIBILITY_RFC5389, flags);
	if (r->indication)
		stun_agent_init_indication(&peer->agent, &message, peer->bytes, sizeof(peer->bytes),
					   method);
	else
		stun_agent_init_request(&peer->agent, &message, peer->bytes, sizeof(peer->bytes),
					method);
	request_attributes(&message, r);
	peer->size = stun_agent_finish_message(&peer->agent, &message,
					       r->no_integrity ? NULL : (const uint8_t *)pwd,
					       r->no_integrity ? 0 : strlen(pwd));
	CU_ASSERT_FATAL(peer->size > 0);
}

static struct address address_of(const char *ip, uint16_t port)
{
	struct address a;

	CU_ASSERT_FATAL(address_parse_ip(&a, ip, port) == 0);
	return a;
}

/* Runs the check on an exact heap copy, so that reading past the end is seen. */
static enum ice_verdict check_bytes(struct ice *ice, const uint8_t *bytes, size_t size,
				    const char *remote_ufrag, struct ice_check *check)
{
	struct address remote = address_of("192.0.2.7", 40000);
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, bytes, size);
	enum ice_verdict verdict = ice_on_check(
		ice, copy, size, &(struct ice_expected){&local, remote_ufrag}, &remote, check);
	free(copy);
	return verdict;
}

static const struct {
	const char *name;
	struct request request;
	const char *remote_ufrag;
	enum ice_verdict verdict;
	uint16_t error;
	bool integrity; /* of the reply */
} rows[] = {
	{"browser", {0}, "peer", ICE_CHECK_VALID, 0, true},
	{"any remote ufrag", {0}, NULL, ICE_CHECK_VALID, 0, true},
	{"no role", {.role = ROLE_NONE}, "peer", ICE_CHECK_VALID, 0, true},
	{"nominating", {.use_candidate = true}, "peer", ICE_CHECK_VALID, 0, true},
	{"optional attribute", {.extra = 0xC057, .extra_bytes = 4}, NULL, ICE_CHECK_VALID, 0, true},
	{"SHA-256 integrity besides",
	 {.extra = 0x001C, .extra_bytes = 32},
	 NULL,
	 ICE_CHECK_VALID,
	 0,
	 true},
	{"role conflict", {.role = ROLE_CONTROLLED}, "peer", ICE_CHECK_REJECTED, 487, true},
	{"no username", {.no_username = true}, "peer", ICE_CHECK_REJECTED, 400, false},
	{"no integrity", {.no_integrity = true}, "peer", ICE_CHECK_REJECTED, 400, false},
	{"nothing at all",
	 {.no_integrity = true, .no_username = true},
	 NULL,
	 ICE_CHECK_REJECTED,
	 400,
	 false},
	{"wrong password",
	 {.pwd = "0123456789abcdef0123456789ABCDEX"},
	 "peer",
	 ICE_CHECK_REJECTED,
	 401,
	 false},
	{"empty username", {.username = ""}, NULL, ICE_CHECK_REJECTED, 401, false},
	{"no colon", {.username = "AAAqabcdefgh"}, NULL, ICE_CHECK_REJECTED, 401, false},
	{"wrong local ufrag",
	 {.username = "AAAqabcdefgi:peer"},
	 NULL,
	 ICE_CHECK_REJECTED,
	 401,
	 false},
	{"longer local ufrag",
	 {.username = "AAAqabcdefghi:peer"},
	 NULL,
	 ICE_CHECK_REJECTED,
	 401,
	 false},
	{"wrong remote ufrag",
	 {.username = "AAAqabcdefgh:peeR"},
	 "peer",
	 ICE_CHECK_REJECTED,
	 401,
	 false},
	{"remote ufrag cut",
	 {.username = "AAAqabcdefgh:pee"},
	 "peer",
	 ICE_CHECK_REJECTED,
	 401,
	 false},
	{"remote ufrag and more",
	 {.username = "AAAqabcdefgh:peerpeer"},
	 "peer",
	 ICE_CHECK_REJECTED,
	 401,
	 false},
	{"priority missing", {.no_priority = true}, "peer", ICE_CHECK_REJECTED, 400, true},
	{"priority 0",
	 {.no_priority = true, .extra = 0x0024, .extra_bytes = 4},
	 "peer",
	 ICE_CHECK_REJECTED,
	 400,
	 true},
	{"priority of 8 bytes",
	 {.no_priority = true, .extra = 0x0024, .extra_bytes = 8},
	 "peer",
	 ICE_CHECK_REJECTED,
	 400,
	 true},
	{"must-understand attribute",
	 {.extra = 0x0033, .extra_bytes = 8},
	 "peer",
	 ICE_CHECK_REJECTED,
	 420,
	 true},
	{"huge attribute",
	 {.extra = 0x0033, .extra_bytes = 1000},
	 "peer",
	 ICE_CHECK_REJECTED,
	 420,
	 true},
	{"no fingerprint", {.no_fingerprint = true}, "peer", ICE_CHECK_DROPPED, 0, false},
	{"indication", {.indication = true}, "peer", ICE_CHECK_DROPPED, 0, false},
	{"TURN Allocate", {.method = STUN_ALLOCATE}, "peer", ICE_CHECK_DROPPED, 0, false},
	{"short integrity",
	 {.no_integrity = true, .extra = 0x0008, .extra_bytes = 0},
	 "peer",
	 ICE_CHECK_DROPPED,
	 0,
	 false},
	{"long integrity",
	 {.no_integrity = true, .extra = 0x0008, .extra_bytes = 32},
	 "peer",
	 ICE_CHECK_DROPPED,
	 0,
	 false},
	{"forged integrity",
	 {.no_integrity = true, .extra = 0x0008, .extra_bytes = 20},
	 "peer",
	 ICE_CHECK_REJECTED,
	 401,
	 false},
	{"fingerprint twice",
	 {.extra = 0x8028, .extra_bytes = 4},
	 "peer",
	 ICE_CHECK_DROPPED,
	 0,
	 false},
};

/* The reply is for the request, carries FINGERPRINT, says what the verdict says. */
static void reply_verify(struct peer *peer, const struct ice_check *check, uint16_t error,
			 bool integrity)
{
	StunMessage reply;
	int code = 0;
	StunValidationStatus status = stun_agent_validate(&peer->agent, &reply, check->reply,
							  check->reply_bytes, NULL, NULL);

	CU_ASSERT_EQUAL(status, STUN_VALIDATION_SUCCESS);
	CU_ASSERT_EQUAL(stun_message_get_class(&reply), error ? STUN_ERROR : STUN_RESPONSE);
	CU_ASSERT_EQUAL(stun_message_has_attribute(&reply, STUN_ATTRIBUTE_MESSAGE_INTEGRITY),
			integrity);
	stun_message_find_error(&reply, &code);
	CU_ASSERT_EQUAL(code, error);
}

static void check_verdicts(void)
{
	struct ice *ice;

	CU_ASSERT_FATAL(ice_create(&ice) == 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct peer peer;
		struct ice_check check;

		peer_request(&peer, &rows[i].request);
		enum ice_verdict verdict =
			check_bytes(ice, peer.bytes, peer.size, rows[i].remote_ufrag, &check);
		if (verdict != rows[i].verdict || check.error != rows[i].error)
			printf("row \"%s\": verdict %d error %d\n", rows[i].name, verdict,
			       check.error);
		CU_ASSERT_EQUAL(verdict, rows[i].verdict);
		CU_ASSERT_EQUAL(check.error, rows[i].error);
		CU_ASSERT_EQUAL(check.reply_bytes > 0, verdict != ICE_CHECK_DROPPED);
		if (verdict != ICE_CHECK_DROPPED && !rows[i].request.no_integrity)
			reply_verify(&peer, &check, rows[i].error, rows[i].integrity);
		if (verdict == ICE_CHECK_VALID) {
			CU_ASSERT_EQUAL(check.use_candidate, rows[i].request.use_candidate);
			CU_ASSERT_EQUAL(check.priority, 0x6e7f1eff);
			CU_ASSERT_TRUE(check.peer_controlling);
		}
	}
	ice_destroy(ice);
}

static void mapped_address_is_the_remote(void)
{
	static const char *const ips[] = {"192.0.2.7", "2001:db8::7"};
	struct ice *ice;

	CU_ASSERT_FATAL(ice_create(&ice) == 0);
	for (int i = 0; i < 2; i++) {
		struct address remote = address_of(ips[i], 51234), seen;
		struct sockaddr_storage mapped;
		socklen_t mapped_len = sizeof(mapped);
		struct ice_check check;
		struct peer peer;
		StunMessage reply;

		peer_request(&peer, &(struct request){0});
		CU_ASSERT_EQUAL(ice_on_check(ice, peer.bytes, peer.size,
					     &(struct ice_expected){&local, "peer"}, &remote,
					     &check),
				ICE_CHECK_VALID);
		CU_ASSERT_EQUAL(stun_agent_validate(&peer.agent, &reply, check.reply,
						    check.reply_bytes, NULL, NULL),
				STUN_VALIDATION_SUCCESS);
		CU_ASSERT_EQUAL(
			stun_usage_ice_conncheck_process(&reply, &mapped, &mapped_len,
							 STUN_USAGE_ICE_COMPATIBILITY_RFC5245),
			STUN_USAGE_ICE_RETURN_SUCCESS);
		CU_ASSERT_EQUAL(mapped.ss_family, i == 0 ? AF_INET : AF_INET6);
		CU_ASSERT_EQUAL(address_from_sockaddr(&seen, (struct sockaddr *)&mapped), 0);
		CU_ASSERT_TRUE(address_equal(&seen, &remote));
	}
	ice_destroy(ice);
}

static void unknown_attributes_fit_the_reply(void)
{
	struct peer peer = {0};
	StunMessage message, reply;
	struct ice_check check;
	struct ice *ice;
	uint16_t listed_bytes = 0;

	CU_ASSERT_FATAL(ice_create(&ice) == 0);
	stun_agent_init(&peer.agent, peer_known, STUN_COMPATIBILITY_RFC5389,
			STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	stun_agent_init_request(&peer.agent, &message, peer.bytes, sizeof(peer.bytes),
				STUN_BINDING);
	request_attributes(&message, &(struct request){0});
	for (int i = 0; i < 250; i++)
		stun_message_append(&message, (StunAttribute)(0x1000 + i), 0);
	peer.size = stun_agent_finish_message(&peer.agent, &message, (const uint8_t *)local.pwd,
					      strlen(local.pwd));
	CU_ASSERT_FATAL(peer.size > 1000);
	CU_ASSERT_EQUAL(check_bytes(ice, peer.bytes, peer.size, "peer", &check),
			ICE_CHECK_REJECTED);
	CU_ASSERT_EQUAL(check.error, 420);
	CU_ASSERT_EQUAL(stun_agent_validate(&peer.agent, &reply, check.reply, check.reply_bytes,
					    NULL, NULL),
			STUN_VALIDATION_SUCCESS);
	const uint8_t *listed =
		stun_message_find(&reply, STUN_ATTRIBUTE_UNKNOWN_ATTRIBUTES, &listed_bytes);
	CU_ASSERT_PTR_NOT_NULL_FATAL(listed);
	CU_ASSERT_EQUAL(listed_bytes, 32);
	CU_ASSERT_EQUAL(listed[0] << 8 | listed[1], 0x1000);
	ice_destroy(ice);
}

static void usernames_of_every_length(void)
{
	struct ice *ice;
	char username[600];

	CU_ASSERT_FATAL(ice_create(&ice) == 0);
	for (size_t len = 13; len < sizeof(username); len += 7) {
		struct peer peer;
		struct ice_check check;
		const char *ufrag = NULL;

		memset(username, 'x', sizeof(username));
		memcpy(username, "AAAqabcdefgh:", 13);
		username[len] = '\0';
		peer_request(&peer, &(struct request){.username = username});
		CU_ASSERT_EQUAL(check_bytes(ice, peer.bytes, peer.size, NULL, &check),
				ICE_CHECK_VALID);
		CU_ASSERT_EQUAL(check_bytes(ice, peer.bytes, peer.size, "x", &check),
				len == 14 ? ICE_CHECK_VALID : ICE_CHECK_REJECTED);
		CU_ASSERT_EQUAL(ice_peek_ufrag(peer.bytes, peer.size, &ufrag), 12);
		CU_ASSERT_EQUAL(ice_slot_of(ufrag, 12), 42);
	}
	ice_destroy(ice);
}

static void retransmissions_are_answered_for_ever(void)
{
	struct ice *ice;
	struct peer peer;

	CU_ASSERT_FATAL(ice_create(&ice) == 0);
	peer_request(&peer, &(struct request){.use_candidate = true});
	for (int i = 0; i < 3 * STUN_AGENT_MAX_SAVED_IDS; i++) {
		struct ice_check check;
		CU_ASSERT_EQUAL(check_bytes(ice, peer.bytes, peer.size, "peer", &check),
				ICE_CHECK_VALID);
	}
	ice_destroy(ice);
}

static void damaged_requests_are_never_valid(void)
{
	struct ice *ice;
	struct peer peer;
	struct ice_check check;

	CU_ASSERT_FATAL(ice_create(&ice) == 0);
	peer_request(&peer, &(struct request){.use_candidate = true});
	for (size_t size = 0; size < peer.size; size++)
		CU_ASSERT_EQUAL(check_bytes(ice, peer.bytes, size, "peer", &check),
				ICE_CHECK_DROPPED);
	for (size_t bit = 0; bit < peer.size * 8; bit++) {
		peer.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CU_ASSERT_EQUAL(check_bytes(ice, peer.bytes, peer.size, "peer", &check),
				ICE_CHECK_DROPPED);
		peer.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CU_ASSERT_EQUAL(check_bytes(ice, peer.bytes, peer.size, "peer", &check), ICE_CHECK_VALID);
	ice_destroy(ice);
}

static void responses_are_dropped(void)
{
	struct ice *ice;
	struct peer peer;
	struct ice_check check, again;

	CU_ASSERT_FATAL(ice_create(&ice) == 0);
	peer_request(&peer, &(struct request){0});
	CU_ASSERT_EQUAL(check_bytes(ice, peer.bytes, peer.size, "peer", &check), ICE_CHECK_VALID);
	CU_ASSERT_EQUAL(check_bytes(ice, check.reply, check.reply_bytes, "peer", &again),
			ICE_CHECK_DROPPED);
	ice_destroy(ice);
}

static void keepalives_are_told_apart(void)
{
	struct peer peer;

	peer_request(&peer, &(struct request){.indication = true, .no_integrity = true});
	CU_ASSERT_TRUE(ice_is_keepalive(peer.bytes, peer.size));
	CU_ASSERT_FALSE(ice_is_keepalive(peer.bytes, peer.size - 4));
	CU_ASSERT_FALSE(ice_is_keepalive(peer.bytes, 19));
	peer.bytes[4] ^= 1;
	CU_ASSERT_FALSE(ice_is_keepalive(peer.bytes, peer.size));
	peer_request(&peer, &(struct request){0});
	CU_ASSERT_FALSE(ice_is_keepalive(peer.bytes, peer.size));
}

/* type, length, value of one attribute behind a header that claims `claimed` bytes */
static const struct {
	const char *name;
	uint8_t attribute[8];
	uint8_t claimed;
	int len;
} peeks[] = {
	{"username", {0, 6, 0, 4, 'a', 'b', 'c', ':'}, 8, 3},
	{"colon within the padding", {0, 6, 0, 3, 'a', 'b', 'c', ':'}, 8, -EBADMSG},
	{"no local part", {0, 6, 0, 4, ':', 'a', 'b', 'c'}, 8, -EBADMSG},
	{"no colon", {0, 6, 0, 4, 'a', 'b', 'c', 'd'}, 8, -EBADMSG},
	{"longer than the message", {0, 6, 0, 5, 'a', 'b', ':', 'c'}, 8, -EBADMSG},
	{"longest length", {0, 6, 0xff, 0xff, 'a', 'b', ':', 'c'}, 8, -EBADMSG},
	{"another attribute", {0, 7, 0, 4, 'a', 'b', ':', 'c'}, 8, -EBADMSG},
	{"header lies", {0, 6, 0, 4, 'a', 'b', ':', 'c'}, 12, -EBADMSG},
};

static void peek_stays_inside(void)
{
	for (size_t i = 0; i < sizeof(peeks) / sizeof(*peeks); i++) {
		uint8_t *bytes = calloc(1, 28);
		const char *ufrag = NULL;

		memcpy(bytes, (uint8_t[]){0, 1, 0, peeks[i].claimed, 0x21, 0x12, 0xa4, 0x42}, 8);
		memcpy(bytes + 20, peeks[i].attribute, 8);
		int len = ice_peek_ufrag(bytes, 28, &ufrag);
		if (len != peeks[i].len)
			printf("row \"%s\": %d\n", peeks[i].name, len);
		CU_ASSERT_EQUAL(len, peeks[i].len);
		free(bytes);
	}
}

static void credentials_carry_the_slot(void)
{
	static const uint32_t slots[] = {0, 1, 63, 64, 4095, 0x123456, 0xffffff};
	struct ice_credentials a, b;

	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
		ice_credentials_make(&a, slots[i]);
		CU_ASSERT_EQUAL(strlen(a.ufrag), 12);
		CU_ASSERT_EQUAL(strlen(a.pwd), 32);
		CU_ASSERT_EQUAL(ice_slot_of(a.ufrag, 12), (int32_t)slots[i]);
		ice_credentials_make(&b, slots[i]);
		CU_ASSERT_TRUE(memcmp(a.ufrag, b.ufrag, 4) == 0);
		CU_ASSERT_TRUE(memcmp(a.ufrag + 4, b.ufrag + 4, 8) != 0);
		CU_ASSERT_TRUE(memcmp(a.pwd, b.pwd, 32) != 0);
	}
	CU_ASSERT_EQUAL(ice_slot_of("AAAqabcdefg", 11), -1);
	CU_ASSERT_EQUAL(ice_slot_of("AAAqabcdefghi", 13), -1);
	CU_ASSERT_EQUAL(ice_slot_of("AA-qabcdefgh", 12), -1);
	CU_ASSERT_EQUAL(ice_slot_of("AAAqabcdef\0h", 12), -1);
	CU_ASSERT_EQUAL(ice_slot_of(NULL, 0), -1);
}

static CU_TestInfo tests[] = {
	{"check_verdicts", check_verdicts},
	{"mapped_address_is_the_remote", mapped_address_is_the_remote},
	{"unknown_attributes_fit_the_reply", unknown_attributes_fit_the_reply},
	{"usernames_of_every_length", usernames_of_every_length},
	{"retransmissions_are_answered_for_ever", retransmissions_are_answered_for_ever},
	{"damaged_requests_are_never_valid", damaged_requests_are_never_valid},
	{"responses_are_dropped", responses_are_dropped},
	{"keepalives_are_told_apart", keepalives_are_told_apart},
	{"peek_stays_inside", peek_stays_inside},
	{"credentials_carry_the_slot", credentials_carry_the_slot},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("ice", tests)
