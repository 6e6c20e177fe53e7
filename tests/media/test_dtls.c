/* Associations that are meant to work, over wires that are not, and those that must not. */
#include "tests/media/dtls_ends.h"

#include <openssl/evp.h>

static struct dtls_identity *identity, *other_identity;
static struct dtls_fingerprint fingerprint, other_fingerprint; /* of the two */
static EVP_PKEY *key_ec, *key_rsa;

static int identity_make(struct dtls_identity **out, struct dtls_fingerprint *of)
{
	char text[DTLS_FINGERPRINT_TEXT + 16];

	if (dtls_identity_create(out) < 0)
		return -1;
	int len = snprintf(text, sizeof(text), "sha-256 %s", dtls_identity_fingerprint(*out));
	return dtls_fingerprint_parse(of, text, (size_t)len);
}

static int init(void)
{
	if (identity_make(&identity, &fingerprint) < 0 ||
	    identity_make(&other_identity, &other_fingerprint) < 0)
		return -1;
	key_ec = EVP_EC_gen("P-256");
	key_rsa = EVP_RSA_gen(2048);
	return key_ec && key_rsa ? 0 : -1;
}

static int cleanup(void)
{
	dtls_identity_destroy(identity);
	dtls_identity_destroy(other_identity);
	EVP_PKEY_free(key_ec);
	EVP_PKEY_free(key_rsa);
	return 0;
}

static bool keys_agree(struct dtls *a, struct dtls *b)
{
	struct srtp_keys x, y;

	return dtls_export_keys(a, &x) == 0 && dtls_export_keys(b, &y) == 0 &&
	       x.profile == y.profile && memcmp(x.send, y.receive, sizeof(x.send)) == 0 &&
	       memcmp(x.receive, y.send, sizeof(x.send)) == 0 &&
	       memcmp(x.send, x.receive, sizeof(x.send)) != 0;
}

/* Ours against ours. Returns what the active end has sent, so that a caller can lose each. */
static void ours_run(int lose_active, int lose_passive, bool doubling, bool reversing,
		     unsigned int sent[2])
{
	struct end *active = ours_create(identity, true, &other_fingerprint);
	struct end *passive = ours_create(other_identity, false, &fingerprint);

	active->out.lose = lose_active;
	passive->out.lose = lose_passive;
	active->out.doubling = passive->out.doubling = doubling;
	active->out.reversing = passive->out.reversing = reversing;
	run(active, passive);
	CU_ASSERT_EQUAL(dtls_state(active->dtls), DTLS_CONNECTED);
	CU_ASSERT_EQUAL(dtls_state(passive->dtls), DTLS_CONNECTED);
	CU_ASSERT_TRUE(keys_agree(active->dtls, passive->dtls));
	CU_ASSERT_TRUE(active->out.largest <= DTLS_MTU_DEFAULT);
	CU_ASSERT_TRUE(passive->out.largest <= DTLS_MTU_DEFAULT);
	CU_ASSERT_EQUAL(dtls_timer_ns(active->dtls), NEVER);
	CU_ASSERT_EQUAL(dtls_timer_ns(passive->dtls), NEVER);
	CU_ASSERT_PTR_NULL(dtls_failure(active->dtls));
	sent[0] = active->out.sent;
	sent[1] = passive->out.sent;
	end_destroy(active);
	end_destroy(passive);
}

static void both_roles_connect(void)
{
	unsigned int sent[2];
	uint64_t before_ns = clock_ns;

	ours_run(-1, -1, false, false, sent);
	CU_ASSERT_EQUAL(clock_ns, before_ns);
	CU_ASSERT_TRUE(sent[0] >= 2 && sent[1] >= 2);
}

static void any_lost_datagram_is_repeated(void)
{
	unsigned int sent[2], ignored[2];

	ours_run(-1, -1, false, false, sent);
	for (int i = 0; i < (int)sent[0]; i++) {
		uint64_t before_ns = clock_ns;
		ours_run(i, -1, false, false, ignored);
		CU_ASSERT_TRUE(clock_ns - before_ns >= DTLS_RETRANSMIT_FIRST_NS - 1000);
		CU_ASSERT_TRUE(clock_ns - before_ns <= 2 * DTLS_RETRANSMIT_FIRST_NS);
	}
	for (int i = 0; i < (int)sent[1]; i++)
		ours_run(-1, i, false, false, ignored);
}

static void doubled_and_reordered_datagrams_do_no_harm(void)
{
	unsigned int sent[2];

	ours_run(-1, -1, true, false, sent);
	ours_run(-1, -1, false, true, sent);
	ours_run(-1, -1, true, true, sent);
}

/* A handshake in small datagrams: every flight of ours in several. */
static void flights_are_cut_to_the_mtu(void)
{
	struct end *active = ours_create(identity, true, &other_fingerprint);
	struct end *passive = ours_create(other_identity, false, &fingerprint);
	struct dtls_config config = {
		.identity = other_identity,
		.peer = fingerprint,
		.mtu_bytes = DTLS_MTU_MIN,
		.send = wire_push,
		.context = &passive->out,
	};

	dtls_destroy(passive->dtls);
	CU_ASSERT_FATAL(dtls_create(&config, clock_ns, &passive->dtls) == 0);
	passive->out.lose = 1;
	run(active, passive);
	CU_ASSERT_EQUAL(dtls_state(active->dtls), DTLS_CONNECTED);
	CU_ASSERT_TRUE(passive->out.largest <= DTLS_MTU_MIN);
	CU_ASSERT_TRUE(passive->out.sent > 5);
	end_destroy(active);
	end_destroy(passive);

	struct dtls *none = NULL;
	config.mtu_bytes = DTLS_MTU_MIN - 1;
	CU_ASSERT_EQUAL(dtls_create(&config, clock_ns, &none), -EINVAL);
	config.mtu_bytes = DTLS_MTU_MAX + 1;
	CU_ASSERT_EQUAL(dtls_create(&config, clock_ns, &none), -EINVAL);
}

static const char all[] = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM";
static const char cm[] = "SRTP_AES128_CM_SHA1_80";
static const char gcm128[] = "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM";
static const char alien[] = "SRTP_AES128_CM_SHA1_32";

static const struct {
	const char *name;
	struct peer_config peer;
	bool rsa;
	enum dtls_hash hash;
	enum srtp_profile profile;
	const char *failure;
} rows[] = {
	{"client, all profiles",
	 {.srtp = all, .active = true},
	 false,
	 DTLS_HASH_SHA256,
	 SRTP_AEAD_AES_256_GCM,
	 NULL},
	{"server, all profiles",
	 {.srtp = all},
	 false,
	 DTLS_HASH_SHA256,
	 SRTP_AES128_CM_SHA1_80,
	 NULL},
	{"client, up to GCM 128",
	 {.srtp = gcm128, .active = true},
	 false,
	 DTLS_HASH_SHA256,
	 SRTP_AEAD_AES_128_GCM,
	 NULL},
	{"client, CM alone",
	 {.srtp = cm, .active = true},
	 false,
	 DTLS_HASH_SHA256,
	 SRTP_AES128_CM_SHA1_80,
	 NULL},
	{"server, CM alone", {.srtp = cm}, false, DTLS_HASH_SHA256, SRTP_AES128_CM_SHA1_80, NULL},
	{"RSA client",
	 {.srtp = all, .active = true},
	 true,
	 DTLS_HASH_SHA256,
	 SRTP_AEAD_AES_256_GCM,
	 NULL},
	{"RSA server", {.srtp = cm}, true, DTLS_HASH_SHA256, SRTP_AES128_CM_SHA1_80, NULL},
	{"SHA-384",
	 {.srtp = cm, .active = true},
	 false,
	 DTLS_HASH_SHA384,
	 SRTP_AES128_CM_SHA1_80,
	 NULL},
	{"SHA-512", {.srtp = cm}, false, DTLS_HASH_SHA512, SRTP_AES128_CM_SHA1_80, NULL},
	{"hello of 1.5 KB",
	 {.srtp = cm, .active = true, .hello_padding = 1300},
	 false,
	 DTLS_HASH_SHA256,
	 SRTP_AES128_CM_SHA1_80,
	 NULL},
	{"hello of 4 KB",
	 {.srtp = cm, .active = true, .hello_padding = 3800},
	 true,
	 DTLS_HASH_SHA256,
	 SRTP_AES128_CM_SHA1_80,
	 NULL},
	{"SHA-1 client", {.srtp = cm, .active = true}, false, DTLS_HASH_SHA1, 0, "fingerprint"},
	{"SHA-1 server", {.srtp = cm}, false, DTLS_HASH_SHA1, 0, "fingerprint"},
	{"client without certificate",
	 {.srtp = cm, .active = true, .no_certificate = true},
	 false,
	 DTLS_HASH_SHA256,
	 0,
	 "no certificate"},
	{"client without use_srtp",
	 {.active = true},
	 false,
	 DTLS_HASH_SHA256,
	 0,
	 "no SRTP profile"},
	{"server without use_srtp", {0}, false, DTLS_HASH_SHA256, 0, "no SRTP profile"},
	{"no profile in common",
	 {.srtp = alien, .active = true},
	 false,
	 DTLS_HASH_SHA256,
	 0,
	 "no SRTP profile"},
	{"DTLS 1.0 client",
	 {.srtp = cm, .active = true, .max_version = DTLS1_VERSION},
	 false,
	 DTLS_HASH_SHA256,
	 0,
	 "handshake"},
	{"DTLS 1.0 server",
	 {.srtp = cm, .max_version = DTLS1_VERSION},
	 false,
	 DTLS_HASH_SHA256,
	 0,
	 "alert"},
	{"CBC ciphers",
	 {.srtp = cm, .active = true, .ciphers = "ECDHE-ECDSA-AES128-SHA256"},
	 false,
	 DTLS_HASH_SHA256,
	 0,
	 "handshake"},
	{"server that knows CBC alone",
	 {.srtp = cm, .ciphers = "ECDHE-ECDSA-AES128-SHA256"},
	 false,
	 DTLS_HASH_SHA256,
	 0,
	 "alert"},
};

/* The peer's view of the keys (RFC 5764 4.2), for CM: 16 bytes of key, 14 of salt. */
static bool peer_keys_agree(struct end *ours, struct end *peer)
{
	struct srtp_keys keys;
	uint8_t material[60], client[30], server[30];

	if (dtls_export_keys(ours->dtls, &keys) < 0 ||
	    SSL_export_keying_material(peer->ssl, material, 60, "EXTRACTOR-dtls_srtp", 19, NULL, 0,
				       0) != 1)
		return false;
	memcpy(client, material, 16);
	memcpy(server, material + 16, 16);
	memcpy(client + 16, material + 32, 14);
	memcpy(server + 16, material + 46, 14);
	return memcmp(ours->active ? keys.send : keys.receive, client, 30) == 0 &&
	       memcmp(ours->active ? keys.receive : keys.send, server, 30) == 0;
}

static void row_run(size_t i, int lose)
{
	struct peer_config config = rows[i].peer;
	struct dtls_fingerprint of_peer;
	struct srtp_keys keys;

	config.key = rows[i].rsa ? key_rsa : key_ec;
	struct end *peer = peer_create(&config, rows[i].hash, &of_peer);
	struct end *ours = ours_create(identity, !config.active, &of_peer);
	CU_ASSERT_EQUAL(dtls_export_keys(ours->dtls, &keys), -ENOTCONN);
	peer->out.lose = lose;
	run(ours, peer);
	enum dtls_state expected = rows[i].failure ? DTLS_FAILED : DTLS_CONNECTED;
	const char *failure = dtls_failure(ours->dtls);
	if (dtls_state(ours->dtls) != expected ||
	    (failure && rows[i].failure && strcmp(failure, rows[i].failure) != 0))
		printf("row \"%s\": state %d, %s\n", rows[i].name, dtls_state(ours->dtls), failure);
	CU_ASSERT_EQUAL(dtls_state(ours->dtls), expected);
	if (rows[i].failure) {
		CU_ASSERT_STRING_EQUAL(failure ? failure : "none", rows[i].failure);
		CU_ASSERT_EQUAL(dtls_export_keys(ours->dtls, &keys), -ENOTCONN);
	} else {
		CU_ASSERT_TRUE(SSL_is_init_finished(peer->ssl));
		CU_ASSERT_EQUAL(dtls_export_keys(ours->dtls, &keys), 0);
		CU_ASSERT_EQUAL(keys.profile, rows[i].profile);
		if (rows[i].profile == SRTP_AES128_CM_SHA1_80)
			CU_ASSERT_TRUE(peer_keys_agree(ours, peer));
	}
	end_destroy(ours);
	end_destroy(peer);
}

static void openssl_peers(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		row_run(i, -1);
}

static void openssl_peers_losing_datagrams(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (int lose = 0; lose < 4 && !rows[i].failure; lose++)
			row_run(i, lose);
}

static void wrong_fingerprint_fails_in_both_roles(void)
{
	for (int role = 0; role < 2; role++) {
		struct dtls_fingerprint wrong = role ? other_fingerprint : fingerprint;
		wrong.bytes[31] ^= 1;
		struct end *active =
			ours_create(identity, true, role ? &wrong : &other_fingerprint);
		struct end *passive =
			ours_create(other_identity, false, role ? &fingerprint : &wrong);
		struct end *judge = role ? active : passive, *judged = role ? passive : active;

		run(active, passive);
		CU_ASSERT_EQUAL(dtls_state(judge->dtls), DTLS_FAILED);
		CU_ASSERT_STRING_EQUAL(dtls_failure(judge->dtls), "fingerprint");
		CU_ASSERT_EQUAL(dtls_state(judged->dtls), DTLS_FAILED);
		CU_ASSERT_STRING_EQUAL(dtls_failure(judged->dtls), "alert");
		end_destroy(active);
		end_destroy(passive);
	}
}

static void silent_peer_times_out(void)
{
	static const uint64_t due_ms[] = {0, 100, 300, 700, 1500, 3100, 6300, 9500, 12700};
	struct end *active = ours_create(identity, true, &other_fingerprint);
	uint64_t start_ns = clock_ns;
	unsigned int n = 0;

	dtls_start(active->dtls, clock_ns);
	while (dtls_state(active->dtls) == DTLS_HANDSHAKING && n < 20) {
		CU_ASSERT_EQUAL(active->out.queued, 1);
		if (n < sizeof(due_ms) / sizeof(*due_ms))
			CU_ASSERT_EQUAL(clock_ns - start_ns, due_ms[n] * 1000000);
		active->out.queued = 0;
		n++;
		clock_ns = dtls_timer_ns(active->dtls);
		dtls_on_timer(active->dtls, clock_ns);
	}
	CU_ASSERT_EQUAL(n, sizeof(due_ms) / sizeof(*due_ms));
	CU_ASSERT_EQUAL(clock_ns - start_ns, DTLS_LIMIT_NS);
	CU_ASSERT_EQUAL(dtls_state(active->dtls), DTLS_FAILED);
	CU_ASSERT_STRING_EQUAL(dtls_failure(active->dtls), "timeout");
	CU_ASSERT_EQUAL(dtls_timer_ns(active->dtls), NEVER);
	end_destroy(active);

	struct end *passive = ours_create(identity, false, &other_fingerprint);
	CU_ASSERT_EQUAL(dtls_timer_ns(passive->dtls), NEVER);
	dtls_start(passive->dtls, clock_ns);
	CU_ASSERT_EQUAL(dtls_timer_ns(passive->dtls), clock_ns + DTLS_LIMIT_NS);
	CU_ASSERT_EQUAL(dtls_on_timer(passive->dtls, clock_ns + DTLS_LIMIT_NS - 1), DTLS_NEW);
	CU_ASSERT_EQUAL(dtls_on_timer(passive->dtls, clock_ns + DTLS_LIMIT_NS), DTLS_FAILED);
	CU_ASSERT_EQUAL(passive->out.sent, 0);
	end_destroy(passive);
}

static void wall_clock_set_back_cannot_stretch_the_limit(void)
{
	struct end *active = ours_create(identity, true, &other_fingerprint);
	uint64_t start_ns = clock_ns;

	dtls_start(active->dtls, clock_ns);
	wall_offset_s = -3600;
	for (int i = 0; i < 1000 && dtls_state(active->dtls) == DTLS_HANDSHAKING; i++) {
		clock_ns = dtls_timer_ns(active->dtls);
		dtls_on_timer(active->dtls, clock_ns);
		active->out.queued = 0;
	}
	wall_offset_s = 0;
	CU_ASSERT_STRING_EQUAL(dtls_failure(active->dtls), "timeout");
	CU_ASSERT_EQUAL(clock_ns - start_ns, DTLS_LIMIT_NS);
	end_destroy(active);
}

static struct end *connected_peer(bool active, struct end **ours)
{
	struct dtls_fingerprint of_peer;
	struct peer_config config = {.srtp = cm, .active = active, .key = key_ec};
	struct end *peer = peer_create(&config, DTLS_HASH_SHA256, &of_peer);

	*ours = ours_create(identity, !active, &of_peer);
	run(*ours, peer);
	CU_ASSERT_FATAL(dtls_state((*ours)->dtls) == DTLS_CONNECTED);
	return peer;
}

static void close_notify_closes(void)
{
	for (int active = 0; active < 2; active++) {
		struct end *ours, *peer = connected_peer(active, &ours);

		SSL_shutdown(peer->ssl);
		deliver(peer, ours);
		CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CLOSED);
		CU_ASSERT_EQUAL(dtls_timer_ns(ours->dtls), NEVER);
		end_destroy(ours);
		end_destroy(peer);

		peer = connected_peer(active, &ours);
		dtls_destroy(ours->dtls);
		ours->dtls = NULL;
		deliver(ours, peer);
		CU_ASSERT_TRUE(SSL_get_shutdown(peer->ssl) & SSL_RECEIVED_SHUTDOWN);
		end_destroy(ours);
		end_destroy(peer);
	}
}

static void application_data_is_ignored(void)
{
	for (int active = 0; active < 2; active++) {
		struct end *ours, *peer = connected_peer(active, &ours);
		uint8_t data[1000] = {0};

		for (int i = 0; i < 50; i++)
			CU_ASSERT_EQUAL(SSL_write(peer->ssl, data, sizeof(data)), sizeof(data));
		deliver(peer, ours);
		CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
		CU_ASSERT_EQUAL(ours->out.queued, 0);
		end_destroy(ours);
		end_destroy(peer);
	}
}

static void renegotiation_is_refused(void)
{
	struct end *ours, *peer = connected_peer(true, &ours);
	unsigned int before = ours->out.sent;

	SSL_renegotiate(peer->ssl);
	SSL_do_handshake(peer->ssl);
	deliver(peer, ours);
	CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
	CU_ASSERT_TRUE(ours->out.sent - before <= 1);
	end_destroy(ours);
	end_destroy(peer);
}

static CU_TestInfo tests[] = {
	{"both_roles_connect", both_roles_connect},
	{"any_lost_datagram_is_repeated", any_lost_datagram_is_repeated},
	{"doubled_and_reordered_datagrams_do_no_harm", doubled_and_reordered_datagrams_do_no_harm},
	{"flights_are_cut_to_the_mtu", flights_are_cut_to_the_mtu},
	{"openssl_peers", openssl_peers},
	{"openssl_peers_losing_datagrams", openssl_peers_losing_datagrams},
	{"wrong_fingerprint_fails_in_both_roles", wrong_fingerprint_fails_in_both_roles},
	{"silent_peer_times_out", silent_peer_times_out},
	{"wall_clock_set_back_cannot_stretch_the_limit",
	 wall_clock_set_back_cannot_stretch_the_limit},
	{"close_notify_closes", close_notify_closes},
	{"application_data_is_ignored", application_data_is_ignored},
	{"renegotiation_is_refused", renegotiation_is_refused},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("dtls", tests, init, cleanup)
