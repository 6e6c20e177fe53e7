/* The record state alone, between two of them with the same secrets. That it speaks to OpenSSL is
 * test_dtls.c's to show: its peers are OpenSSL's. */
#include <errno.h>
#include <string.h>

#include "media/dtls_record.h"
#include "media/wire.h"
#include "tests/cunit.h"

#define FINISHED_BYTES (13 + 8 + 24 + 16)

/* What an SSL sends last: a ChangeCipherSpec and something in epoch 1 with this explicit nonce. */
static void send_flight(struct dtls_record *record, uint64_t nonce)
{
	uint8_t flight[14 + FINISHED_BYTES] = {20, 0xfe, 0xfd, [12] = 1, [13] = 1};
	uint8_t *finished = flight + 14;
	finished[0] = 22;
	wire_write16(finished + 1, 0xfefd);
	wire_write64(finished + 3, 1ull << 48);
	wire_write16(finished + 11, FINISHED_BYTES - 13);
	wire_write64(finished + 13, nonce);
	dtls_record_watch(record, flight, sizeof(flight));
}

struct pair {
	struct dtls_record client, server;
};

static void pair_begin(struct pair *pair, unsigned int key_bytes)
{
	struct dtls_secrets secrets = {
		.key_bytes = key_bytes,
		.digest = key_bytes == 16 ? "SHA256" : "SHA384",
		.active = true,
	};
	memset(secrets.master, 7, sizeof(secrets.master));
	memset(secrets.client_random, 8, sizeof(secrets.client_random));
	memset(secrets.server_random, 9, sizeof(secrets.server_random));
	memset(pair, 0, sizeof(*pair));
	send_flight(&pair->client, 1000);
	send_flight(&pair->server, UINT64_MAX);
	CU_ASSERT_EQUAL_FATAL(dtls_record_begin(&pair->client, &secrets), 0);
	secrets.active = false;
	CU_ASSERT_EQUAL_FATAL(dtls_record_begin(&pair->server, &secrets), 0);
}

static void alerts_close_the_other_side(void)
{
	for (unsigned int key_bytes = 16; key_bytes <= 32; key_bytes += 16) {
		struct pair pair;
		uint8_t bytes[DTLS_ALERT_BYTES];
		pair_begin(&pair, key_bytes);
		CU_ASSERT_EQUAL(dtls_record_alert(&pair.client, DTLS_ALERT_CLOSE_NOTIFY, bytes),
				DTLS_ALERT_BYTES);
		CU_ASSERT_EQUAL(dtls_record_read(&pair.server, bytes, sizeof(bytes)),
				DTLS_RECORD_CLOSED);
		CU_ASSERT_EQUAL(dtls_record_alert(&pair.server, DTLS_ALERT_CLOSE_NOTIFY, bytes),
				DTLS_ALERT_BYTES);
		CU_ASSERT_EQUAL(dtls_record_read(&pair.client, bytes, sizeof(bytes)),
				DTLS_RECORD_CLOSED);
		CU_ASSERT_EQUAL(dtls_record_alert(&pair.server, (enum dtls_alert)20, bytes),
				DTLS_ALERT_BYTES);
		CU_ASSERT_EQUAL(dtls_record_read(&pair.client, bytes, sizeof(bytes)),
				DTLS_RECORD_ALERT);
	}
}

/* A nonce used twice under one key gives the key away. */
static void numbers_go_on_where_the_handshake_stopped(void)
{
	struct pair pair;
	uint8_t first[DTLS_ALERT_BYTES], second[DTLS_ALERT_BYTES];
	pair_begin(&pair, 16);
	dtls_record_alert(&pair.client, DTLS_ALERT_CLOSE_NOTIFY, first);
	dtls_record_alert(&pair.client, DTLS_ALERT_CLOSE_NOTIFY, second);
	CU_ASSERT_EQUAL(wire_read64(first + 3), (1ull << 48) + 1);
	CU_ASSERT_EQUAL(wire_read64(second + 3), (1ull << 48) + 2);
	CU_ASSERT_EQUAL(wire_read64(first + 13), 1001);
	CU_ASSERT_EQUAL(wire_read64(second + 13), 1002);
	dtls_record_alert(&pair.server, DTLS_ALERT_CLOSE_NOTIFY, first);
	CU_ASSERT_EQUAL(wire_read64(first + 13), 0);
}

static void replays_and_forgeries_are_passed_over(void)
{
	struct pair pair;
	uint8_t bytes[3][DTLS_ALERT_BYTES];
	pair_begin(&pair, 32);
	for (int i = 0; i < 3; i++)
		dtls_record_alert(&pair.client, DTLS_ALERT_CLOSE_NOTIFY, bytes[i]);
	for (size_t i = 0; i < DTLS_ALERT_BYTES; i++) {
		bytes[2][i] ^= 1;
		CU_ASSERT_EQUAL(dtls_record_read(&pair.server, bytes[2], DTLS_ALERT_BYTES),
				DTLS_RECORD_NOTHING);
		bytes[2][i] ^= 1;
		CU_ASSERT_EQUAL(dtls_record_read(&pair.server, bytes[2], i), DTLS_RECORD_NOTHING);
	}
	CU_ASSERT_EQUAL(dtls_record_read(&pair.client, bytes[0], DTLS_ALERT_BYTES),
			DTLS_RECORD_NOTHING);
	for (int i = 2; i >= 0; i--) {
		CU_ASSERT_EQUAL(dtls_record_read(&pair.server, bytes[i], DTLS_ALERT_BYTES),
				DTLS_RECORD_CLOSED);
		CU_ASSERT_EQUAL(dtls_record_read(&pair.server, bytes[i], DTLS_ALERT_BYTES),
				DTLS_RECORD_NOTHING);
	}
	pair.client.sent_sequence = 200;
	dtls_record_alert(&pair.client, DTLS_ALERT_CLOSE_NOTIFY, bytes[0]);
	CU_ASSERT_EQUAL(dtls_record_read(&pair.server, bytes[0], DTLS_ALERT_BYTES),
			DTLS_RECORD_CLOSED);
	pair.client.sent_sequence = 200 - 63;
	dtls_record_alert(&pair.client, DTLS_ALERT_CLOSE_NOTIFY, bytes[0]);
	CU_ASSERT_EQUAL(dtls_record_read(&pair.server, bytes[0], DTLS_ALERT_BYTES),
			DTLS_RECORD_CLOSED);
	pair.client.sent_sequence = 200 - 64;
	dtls_record_alert(&pair.client, DTLS_ALERT_CLOSE_NOTIFY, bytes[0]);
	CU_ASSERT_EQUAL(dtls_record_read(&pair.server, bytes[0], DTLS_ALERT_BYTES),
			DTLS_RECORD_NOTHING);
}

static void only_a_server_keeps_its_last_flight(void)
{
	struct pair pair;
	pair_begin(&pair, 16);
	CU_ASSERT_EQUAL(pair.client.flight_bytes, 0);
	CU_ASSERT_EQUAL(pair.server.flight_bytes, 14 + FINISHED_BYTES);
	CU_ASSERT_EQUAL(pair.server.flight[0], 20);
	CU_ASSERT_EQUAL(pair.server.flight[14], 22);
	for (int i = 0; i < 5; i++)
		send_flight(&pair.server, 1);
	CU_ASSERT_EQUAL(pair.server.flight_bytes, 14 + FINISHED_BYTES);
}

static void begins_after_a_handshake_alone(void)
{
	struct dtls_secrets secrets = {.key_bytes = 16, .digest = "SHA256"};
	struct dtls_record record = {0};
	CU_ASSERT_EQUAL(dtls_record_begin(&record, &secrets), -EIO);
	send_flight(&record, 1);
	secrets.key_bytes = 24;
	CU_ASSERT_EQUAL(dtls_record_begin(&record, &secrets), -EIO);
	secrets.key_bytes = 16;
	secrets.digest = "no such";
	CU_ASSERT_EQUAL(dtls_record_begin(&record, &secrets), -EIO);
}

static CU_TestInfo tests[] = {
	{"alerts_close_the_other_side", alerts_close_the_other_side},
	{"numbers_go_on_where_the_handshake_stopped", numbers_go_on_where_the_handshake_stopped},
	{"replays_and_forgeries_are_passed_over", replays_and_forgeries_are_passed_over},
	{"only_a_server_keeps_its_last_flight", only_a_server_keeps_its_last_flight},
	{"begins_after_a_handshake_alone", begins_after_a_handshake_alone},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("dtls_record", tests)
