/* What somebody who can reach an association can throw at it: it must not crash, must not keep more
 * than a bounded amount, and must then complete with the real peer as if nothing had happened. */
#include "tests/media/dtls_ends.h"

#include <malloc.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define HOSTILE_HEAP_MAX (1u << 20)

static size_t heap_bytes; /* OpenSSL's, in this process */

static void *counted_malloc(size_t size, const char *file, int line)
{
	void *at = malloc(size);

	(void)file, (void)line;
	heap_bytes += malloc_usable_size(at);
	return at;
}

static void *counted_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	heap_bytes -= malloc_usable_size(old);
	void *at = realloc(old, size);
	heap_bytes += malloc_usable_size(at);
	return at;
}

static void counted_free(void *at, const char *file, int line)
{
	(void)file, (void)line;
	heap_bytes -= malloc_usable_size(at);
	free(at);
}

static struct dtls_identity *identity;
static EVP_PKEY *key;

static int init(void)
{
	if (!CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) ||
	    dtls_identity_create(&identity) < 0)
		return -1;
	key = EVP_EC_gen("P-256");
	return key ? 0 : -1;
}

static int cleanup(void)
{
	dtls_identity_destroy(identity);
	EVP_PKEY_free(key);
	return 0;
}

/* type, version, epoch, sequence, length | type, length, message, fragment offset, length */
#define RECORD(type, minor, epoch, n) type, 0xfe, minor, 0, epoch, 0, 0, 0, 0, 0, 0, 0, n
#define MESSAGE(type, total, seq, at, n)                                                           \
	type, 0, (total) >> 8, (total)&255, 0, seq, 0, (at) >> 8, (at)&255, 0, (n) >> 8, (n)&255

static const struct {
	const char *name;
	uint8_t bytes[64];
	size_t size;
} datagrams[] = {
	{"nothing", {0}, 0},
	{"zeros", {0}, 64},
	{"a byte", {22}, 1},
	{"header alone", {RECORD(22, 0xfd, 0, 0)}, 13},
	{"header cut", {RECORD(22, 0xfd, 0, 0)}, 12},
	{"record longer than the datagram", {RECORD(22, 0xfd, 0, 200)}, 64},
	{"TLS, not DTLS", {22, 3, 3, 0, 40, 1}, 45},
	{"DTLS 1.3 unified header", {0x2f, 0, 1, 0, 20}, 30},
	{"unknown minor version", {RECORD(22, 0x00, 0, 13), MESSAGE(1, 1, 0, 0, 1), 0}, 26},
	{"heartbeat", {RECORD(24, 0xfd, 0, 3), 1, 0xff, 0xff}, 16},
	{"early ChangeCipherSpec", {RECORD(20, 0xfd, 0, 1), 1}, 14},
	{"ChangeCipherSpec of 3 bytes", {RECORD(20, 0xfd, 0, 3), 1, 1, 1}, 16},
	{"fatal alert", {RECORD(21, 0xfd, 0, 2), 2, 40}, 15},
	{"close_notify", {RECORD(21, 0xfd, 0, 2), 1, 0}, 15},
	{"half an alert", {RECORD(21, 0xfd, 0, 1), 2}, 14},
	{"application data", {RECORD(23, 0xfd, 0, 4), 1, 2, 3, 4}, 17},
	{"next epoch", {RECORD(22, 0xfd, 1, 30)}, 43},
	{"next epoch, data", {RECORD(23, 0xfd, 1, 30)}, 43},
	{"far epoch", {RECORD(22, 0xfd, 2, 30)}, 43},
	{"HelloRequest", {RECORD(22, 0xfd, 0, 12), MESSAGE(0, 0, 0, 0, 0)}, 25},
	{"empty ClientHello", {RECORD(22, 0xfd, 0, 12), MESSAGE(1, 0, 0, 0, 0)}, 25},
	{"empty fragment", {RECORD(22, 0xfd, 0, 12), MESSAGE(1, 500, 0, 0, 0)}, 25},
	{"fragment header cut", {RECORD(22, 0xfd, 0, 5), 1, 0, 0, 9, 0}, 18},
	{"fragment past the message",
	 {RECORD(22, 0xfd, 0, 16), MESSAGE(1, 8, 0, 6, 4), 1, 2, 3, 4},
	 29},
	{"fragment longer than its record",
	 {RECORD(22, 0xfd, 0, 13), MESSAGE(1, 90, 0, 0, 90), 1},
	 26},
	{"message of 60 KB", {RECORD(22, 0xfd, 0, 13), MESSAGE(1, 60000, 0, 0, 1), 1}, 26},
	{"first byte of 16 KB", {RECORD(22, 0xfd, 0, 13), MESSAGE(11, 16000, 5, 0, 1), 1}, 26},
	{"a later message", {RECORD(22, 0xfd, 0, 13), MESSAGE(16, 400, 9, 7, 1), 1}, 26},
	{"ServerHello", {RECORD(22, 0xfd, 0, 16), MESSAGE(2, 4, 0, 0, 4), 1, 2, 3, 4}, 29},
	{"Finished", {RECORD(22, 0xfd, 0, 24), MESSAGE(20, 12, 0, 0, 12), 7}, 37},
	{"ClientHello of rubbish",
	 {RECORD(22, 0xfd, 0, 24), MESSAGE(1, 12, 0, 0, 12), 0xfe, 0xfd, 9, 9},
	 37},
};

#define DATAGRAMS (sizeof(datagrams) / sizeof(*datagrams))

static struct end *peer_make(bool active, struct end **ours)
{
	struct dtls_fingerprint of_peer;
	struct peer_config config = {.srtp = "SRTP_AEAD_AES_128_GCM", .active = active, .key = key};
	struct end *peer = peer_create(&config, DTLS_HASH_SHA256, &of_peer);

	*ours = ours_create(identity, !active, &of_peer);
	return peer;
}

/* An exact heap copy with its own record sequence number, so that none passes for a replay. */
static void throw_datagram(struct end *ours, size_t i, unsigned int number)
{
	size_t size = datagrams[i].size;
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, datagrams[i].bytes, size);
	if (size > 12) {
		copy[9] = (uint8_t)(number >> 8);
		copy[10] = (uint8_t)number;
	}
	dtls_on_datagram(ours->dtls, copy, size, clock_ns);
	free(copy);
}

static void passive_before_the_hello_is_unharmed(void)
{
	for (size_t i = 0; i < DATAGRAMS; i++) {
		struct end *ours, *peer = peer_make(true, &ours);
		size_t before = heap_bytes;

		/* Numbers above the peer's own: those it needs stay in the replay window. */
		for (unsigned int n = 0; n < 40; n++)
			throw_datagram(ours, i, 10 + n);
		CU_ASSERT_TRUE(dtls_state(ours->dtls) <= DTLS_HANDSHAKING);
		CU_ASSERT_EQUAL(ours->out.sent, 0);
		CU_ASSERT_TRUE(heap_bytes < before + HOSTILE_HEAP_MAX);
		run(ours, peer);
		if (dtls_state(ours->dtls) != DTLS_CONNECTED)
			printf("row \"%s\": state %d, %s\n", datagrams[i].name,
			       dtls_state(ours->dtls), dtls_failure(ours->dtls));
		CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
		end_destroy(ours);
		end_destroy(peer);
	}
}

static void connected_is_unharmed(void)
{
	for (int active = 0; active < 2; active++) {
		struct end *ours, *peer = peer_make(active, &ours);

		run(ours, peer);
		CU_ASSERT_FATAL(dtls_state(ours->dtls) == DTLS_CONNECTED);
		unsigned int sent = ours->out.sent;
		size_t before = heap_bytes;
		for (size_t i = 0; i < DATAGRAMS; i++)
			for (unsigned int n = 0; n < 40; n++)
				throw_datagram(ours, i, 1000 + n);
		CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
		CU_ASSERT_EQUAL(ours->out.sent, sent);
		CU_ASSERT_TRUE(heap_bytes < before + 65536);
		uint8_t byte = 0;
		CU_ASSERT_EQUAL(SSL_write(peer->ssl, &byte, 1), 1);
		deliver(peer, ours);
		CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
		end_destroy(ours);
		end_destroy(peer);
	}
}

/* In the middle of a handshake a plaintext message can do harm; a crash or a hoard it must not. */
static void floods_are_bounded_at_every_stage(void)
{
	size_t most = 0;

	for (int stage = 0; stage < 4; stage++) {
		struct end *ours, *peer = peer_make(stage < 2, &ours);
		size_t before = heap_bytes;

		end_start(ours);
		end_start(peer);
		if (stage & 1)
			deliver(peer, ours);
		for (unsigned int n = 0; n < 3000; n++) {
			throw_datagram(ours, n % DATAGRAMS, n);
			size_t now = heap_bytes - before;
			most = heap_bytes > before && now > most ? now : most;
		}
		end_destroy(ours);
		end_destroy(peer);
	}
	printf("at most %zu bytes ... ", most);
	CU_ASSERT_TRUE(most < HOSTILE_HEAP_MAX);
}

static void future_epoch_flood_is_bounded(void)
{
	struct end *ours, *peer = peer_make(true, &ours);
	uint8_t record[64] = {RECORD(22, 0xfd, 1, 51)};
	size_t before = heap_bytes;

	end_start(peer);
	deliver(peer, ours);
	for (unsigned int n = 0; n < 5000; n++) {
		record[9] = (uint8_t)(n >> 8);
		record[10] = (uint8_t)n;
		dtls_on_datagram(ours->dtls, record, sizeof(record), clock_ns);
	}
	CU_ASSERT_TRUE(heap_bytes < before + HOSTILE_HEAP_MAX);
	run(ours, peer);
	CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_CONNECTED);
	end_destroy(ours);
	end_destroy(peer);
}

/* The peer's ClientHello again, one byte to a datagram, with an empty fragment after each. */
static void hello_of_one_byte_fragments_is_answered(void)
{
	struct end *ours, *peer = peer_make(true, &ours);

	end_start(peer);
	const struct datagram *hello = &peer->out.queue[0];
	size_t total = hello->size - 25;
	CU_ASSERT_FATAL(peer->out.queued == 1 && total < 1200);
	for (size_t i = 0; i < total; i++) {
		uint8_t fragment[26] = {RECORD(22, 0xff, 0, 13), MESSAGE(1, 0, 0, 0, 1),
					hello->bytes[25 + i]};

		memcpy(fragment + 14, hello->bytes + 14, 3);
		fragment[9] = (uint8_t)(i >> 7);
		fragment[10] = (uint8_t)(i << 1);
		fragment[20] = (uint8_t)(i >> 8);
		fragment[21] = (uint8_t)i;
		CU_ASSERT_EQUAL(ours->out.sent, 0);
		dtls_on_datagram(ours->dtls, fragment, 26, clock_ns);
		fragment[10] |= 1;
		fragment[12] = 12;
		fragment[24] = 0;
		dtls_on_datagram(ours->dtls, fragment, 25, clock_ns);
	}
	CU_ASSERT_EQUAL(dtls_state(ours->dtls), DTLS_HANDSHAKING);
	CU_ASSERT_TRUE(ours->out.sent > 0);
	end_destroy(ours);
	end_destroy(peer);
}

/* One byte of the real handshake turned over, in each datagram in turn: the record that is damaged
 * may cost the handshake while it is in the clear; nothing else may happen. */
static void damaged_handshakes_never_connect_wrongly(void)
{
	for (unsigned int at = 0; at < 400; at += 3) {
		struct end *ours, *peer = peer_make(true, &ours);

		end_start(peer);
		for (int flight = 0; flight < 3; flight++) {
			struct datagram *datagram = &peer->out.queue[0];
			if (peer->out.queued > 0 && at < datagram->size)
				datagram->bytes[at] ^= 0x41;
			deliver(peer, ours);
			deliver(ours, peer);
		}
		CU_ASSERT_TRUE(dtls_state(ours->dtls) != DTLS_CLOSED);
		run(ours, peer);
		CU_ASSERT_TRUE(dtls_state(ours->dtls) >= DTLS_CONNECTED);
		end_destroy(ours);
		end_destroy(peer);
	}
}

static CU_TestInfo tests[] = {
	{"passive_before_the_hello_is_unharmed", passive_before_the_hello_is_unharmed},
	{"connected_is_unharmed", connected_is_unharmed},
	{"floods_are_bounded_at_every_stage", floods_are_bounded_at_every_stage},
	{"future_epoch_flood_is_bounded", future_epoch_flood_is_bounded},
	{"hello_of_one_byte_fragments_is_answered", hello_of_one_byte_fragments_is_answered},
	{"damaged_handshakes_never_connect_wrongly", damaged_handshakes_never_connect_wrongly},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("dtls_hostile", tests, init, cleanup)
