/* What a handshake takes: datagrams, the key exchange, and nothing that outlives it. */
#include "tests/media/dtls_ends.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#define RECORD_HEADER_BYTES  13
#define MESSAGE_HEADER_BYTES 12
#define RECORD_HANDSHAKE     22
#define CLIENT_KEY_EXCHANGE  16

static struct dtls_identity *identity;
static EVP_PKEY *key;

static int init(void)
{
	key = EVP_EC_gen("P-256");
	return key && dtls_identity_create(&identity) == 0 ? 0 : -1;
}

static int cleanup(void)
{
	dtls_identity_destroy(identity);
	EVP_PKEY_free(key);
	return 0;
}

/* A client that offers `groups`, and our end for it. */
static struct end *client_create(EVP_PKEY *client_key, const char *groups, struct end **ours)
{
	struct dtls_fingerprint of_client;
	struct peer_config config = {
		.srtp = "SRTP_AEAD_AES_128_GCM", .active = true, .key = client_key};
	struct end *client = peer_create(&config, DTLS_HASH_SHA256, &of_client);

	CU_ASSERT_FATAL(SSL_set1_groups_list(client->ssl, groups) == 1);
	*ours = ours_create(identity, false, &of_client);
	return client;
}

static void both_flights_are_one_datagram(void)
{
	struct end *ours, *client = client_create(key, "P-256", &ours);

	run(ours, client);
	CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
	CU_ASSERT_EQUAL(ours->out.sent, 2);
	end_destroy(ours);
	end_destroy(client);
}

static void exchange_is_p256_alone(void)
{
	struct end *ours, *client = client_create(key, "X25519:P-384:P-256", &ours);

	run(ours, client);
	CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
	CU_ASSERT_EQUAL(SSL_get_negotiated_group(client->ssl), NID_X9_62_prime256v1);
	end_destroy(ours);
	end_destroy(client);

	client = client_create(key, "X25519:P-384", &ours);
	run(ours, client);
	CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_FAILED);
	CU_ASSERT_STRING_EQUAL(dtls_failure(ours->dtls), "handshake");
	end_destroy(ours);
	end_destroy(client);
}

/* The body of the ClientKeyExchange among what `client` has sent: a length byte and the point. */
static uint8_t *find_point(struct end *client)
{
	for (unsigned int i = 0; i < client->out.queued; i++) {
		struct datagram *datagram = &client->out.queue[i];
		for (size_t at = 0; at + RECORD_HEADER_BYTES < datagram->size;) {
			uint8_t *record = datagram->bytes + at;
			size_t size = (size_t)(record[11] << 8 | record[12]);
			if (record[0] == RECORD_HANDSHAKE && record[4] == 0 &&
			    record[RECORD_HEADER_BYTES] == CLIENT_KEY_EXCHANGE)
				return record + RECORD_HEADER_BYTES + MESSAGE_HEADER_BYTES;
			at += RECORD_HEADER_BYTES + size;
		}
	}
	return NULL;
}

/* Each changes a client's point (0x04, x, y) into one that must not be used. */
static void move_off_the_curve(uint8_t *point)
{
	point[64] ^= 1;
}

static void exceed_the_field(uint8_t *point)
{
	memset(point + 1, 0xff, 32);
}

static void zero(uint8_t *point)
{
	memset(point + 1, 0, 64);
}

static void point_off_the_curve_is_refused(void)
{
	static void (*const damages[])(uint8_t * point) = {move_off_the_curve, exceed_the_field,
							   zero};

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct end *ours, *client = client_create(key, "P-256", &ours);
		end_start(client);
		deliver(client, ours);
		deliver(ours, client);
		uint8_t *point = find_point(client);
		CU_ASSERT_PTR_NOT_NULL_FATAL(point);
		CU_ASSERT_FATAL(point[0] == 65 && point[1] == 4);
		damages[i](point + 1);
		deliver(client, ours);
		CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_FAILED);
		CU_ASSERT_STRING_EQUAL(dtls_failure(ours->dtls), "handshake");
		end_destroy(ours);
		end_destroy(client);
	}
}

static void nothing_can_be_resumed(void)
{
	struct end *ours, *client = client_create(key, "P-256", &ours);
	unsigned int id_bytes;

	run(ours, client);
	SSL_SESSION *session = SSL_get1_session(client->ssl);
	CU_ASSERT_PTR_NOT_NULL_FATAL(session);
	CU_ASSERT_EQUAL(SSL_SESSION_has_ticket(session), 0);
	SSL_SESSION_get_id(session, &id_bytes);
	CU_ASSERT_EQUAL(id_bytes, 0);
	end_destroy(ours);
	end_destroy(client);

	/* Nor when the client makes an id up. */
	static const unsigned char id[32] = {1, 2, 3};
	client = client_create(key, "P-256", &ours);
	CU_ASSERT_EQUAL(SSL_SESSION_set1_id(session, id, sizeof(id)), 1);
	CU_ASSERT_EQUAL(SSL_set_session(client->ssl, session), 1);
	run(ours, client);
	CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
	CU_ASSERT_EQUAL(SSL_session_reused(client->ssl), 0);
	CU_ASSERT_EQUAL(ours->out.sent, 2);
	SSL_SESSION_free(session);
	end_destroy(ours);
	end_destroy(client);
}

static CU_TestInfo tests[] = {
	{"both_flights_are_one_datagram", both_flights_are_one_datagram},
	{"exchange_is_p256_alone", exchange_is_p256_alone},
	{"point_off_the_curve_is_refused", point_off_the_curve_is_refused},
	{"nothing_can_be_resumed", nothing_can_be_resumed},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("dtls_setup", tests, init, cleanup)
