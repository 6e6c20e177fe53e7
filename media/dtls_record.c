/* A record of epoch 1:
 *
 *  type  version  epoch  sequence  length | explicit nonce | ciphertext | tag
 *   1       2       2       6        2           8              n         16
 *
 * The nonce under a key is salt and explicit nonce, and must be new for each record. OpenSSL begins
 * its explicit nonces at random and counts, so we watch and go on counting where it stopped. The
 * peer's are whatever it says. */
#include "media/dtls_record.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "media/dtls_prf.h"
#include "media/wire.h"

#define HEADER_BYTES   13
#define NONCE_BYTES    8
#define TAG_BYTES      16
#define FRAME_BYTES    (NONCE_BYTES + TAG_BYTES)
#define AAD_BYTES      13
#define ALERT_PLAIN    2
#define FINISHED_PLAIN 24 /* message header and 12 bytes (RFC 5246 7.4.9) */
#define VERSION        0xfefd
#define SEQUENCE_MASK  0xffffffffffffull
#define EPOCH          (1ull << 48)
#define WINDOW         64
#define KEY_BLOCK_MAX  (2 * (DTLS_RECORD_KEY_MAX + DTLS_RECORD_SALT_BYTES))

enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21, HANDSHAKE = 22 };
enum { LEVEL_WARNING = 1, LEVEL_FATAL = 2 };
enum { MESSAGE_FINISHED = 20 };

static_assert(DTLS_ALERT_BYTES == HEADER_BYTES + FRAME_BYTES + ALERT_PLAIN, "an alert's record");

/* One record of a datagram. */
struct view {
	const uint8_t *header, *body;
	size_t body_bytes;
	uint16_t epoch;
	uint64_t sequence;
};

/* The record at *at, which moves behind it. */
static bool view_next(const uint8_t *bytes, size_t size, size_t *at, struct view *view)
{
	if (size - *at < HEADER_BYTES)
		return false;
	view->header = bytes + *at;
	view->body = view->header + HEADER_BYTES;
	view->body_bytes = wire_read16(view->header + 11);
	view->epoch = wire_read16(view->header + 3);
	view->sequence = wire_read64(view->header + 3) & SEQUENCE_MASK;
	if (view->body_bytes > size - *at - HEADER_BYTES)
		return false;
	*at += HEADER_BYTES + view->body_bytes;
	return true;
}

static void flight_add(struct dtls_record *record, const struct view *view)
{
	size_t bytes = HEADER_BYTES + view->body_bytes;
	if (view->header[0] == CHANGE_CIPHER_SPEC)
		record->flight_bytes = 0;
	if (bytes > sizeof(record->flight) - record->flight_bytes)
		return;
	memcpy(record->flight + record->flight_bytes, view->header, bytes);
	record->flight_bytes += bytes;
}

void dtls_record_watch(struct dtls_record *record, const uint8_t *bytes, size_t size)
{
	struct view view;
	for (size_t at = 0; view_next(bytes, size, &at, &view);) {
		if (view.header[0] == CHANGE_CIPHER_SPEC ||
		    (view.epoch == 1 && view.header[0] == HANDSHAKE))
			flight_add(record, &view);
		if (view.epoch != 1 || view.body_bytes < FRAME_BYTES)
			continue;
		record->has_sent = true;
		record->sent_sequence = view.sequence;
		record->sent_nonce = wire_read64(view.body);
	}
}

/* TLS 1.2's PRF (RFC 5246 5) of the master secret. */
static int expand(const struct dtls_secrets *secrets, uint8_t *out, size_t bytes)
{
	static const char label[] = "key expansion";
	struct dtls_prf prf = {0};
	bool done =
		dtls_prf_set_hash(&prf, secrets->digest, strlen(secrets->digest)) &&
		dtls_prf_set_secret(&prf, secrets->master, sizeof(secrets->master)) &&
		dtls_prf_add_seed(&prf, label, sizeof(label) - 1) &&
		dtls_prf_add_seed(&prf, secrets->server_random, sizeof(secrets->server_random)) &&
		dtls_prf_add_seed(&prf, secrets->client_random, sizeof(secrets->client_random)) &&
		dtls_prf_derive(&prf, out, bytes);
	dtls_prf_clear(&prf);
	return done ? 0 : -EIO;
}

int dtls_record_begin(struct dtls_record *record, const struct dtls_secrets *secrets)
{
	uint8_t block[KEY_BLOCK_MAX];
	size_t key = secrets->key_bytes, salt = DTLS_RECORD_SALT_BYTES;
	struct dtls_record_key *client = secrets->active ? &record->send : &record->receive;
	struct dtls_record_key *server = secrets->active ? &record->receive : &record->send;

	if ((key != 16 && key != 32) || !record->has_sent)
		return -EIO;
	int rc = expand(secrets, block, 2 * (key + salt));
	if (rc)
		return rc;
	record->key_bytes = secrets->key_bytes;
	memcpy(client->key, block, key);
	memcpy(server->key, block + key, key);
	memcpy(client->salt, block + 2 * key, salt);
	memcpy(server->salt, block + 2 * key + salt, salt);
	OPENSSL_cleanse(block, sizeof(block));
	/* A client that has the server's Finished has nothing to say again. */
	if (secrets->active)
		record->flight_bytes = 0;
	/* The peer's Finished, number 0, has come. */
	record->taken_highest = 0;
	record->taken_window = 1;
	return 0;
}

/* RFC 6347 4.1.2.6. */
static bool was_taken(const struct dtls_record *record, uint64_t sequence)
{
	if (sequence > record->taken_highest)
		return false;
	uint64_t age = record->taken_highest - sequence;
	return age >= WINDOW || record->taken_window & 1ull << age;
}

static void take(struct dtls_record *record, uint64_t sequence)
{
	if (sequence <= record->taken_highest) {
		record->taken_window |= 1ull << (record->taken_highest - sequence);
		return;
	}
	uint64_t ahead = sequence - record->taken_highest;
	record->taken_window = (ahead < WINDOW ? record->taken_window << ahead : 0) | 1;
	record->taken_highest = sequence;
}

/* AES-GCM over one record: `in` becomes `out`, of the same size. */
struct seal {
	const struct dtls_record_key *key;
	const uint8_t *header, *nonce; /* of the record; its explicit nonce */
	const uint8_t *in;
	uint8_t *out, *tag;
	int bytes;
};

static bool seal_run(const struct dtls_record *record, const struct seal *seal, bool encrypt)
{
	uint8_t iv[DTLS_RECORD_SALT_BYTES + NONCE_BYTES], aad[AAD_BYTES];
	int n;

	memcpy(iv, seal->key->salt, DTLS_RECORD_SALT_BYTES);
	memcpy(iv + DTLS_RECORD_SALT_BYTES, seal->nonce, NONCE_BYTES);
	memcpy(aad, seal->header + 3, 8); /* epoch and sequence come first */
	memcpy(aad + 8, seal->header, 3);
	wire_write16(aad + 11, (uint16_t)seal->bytes);
	const EVP_CIPHER *cipher = record->key_bytes == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	bool done = context &&
		    EVP_CipherInit_ex(context, cipher, NULL, seal->key->key, iv, encrypt) == 1 &&
		    EVP_CipherUpdate(context, NULL, &n, aad, sizeof(aad)) == 1 &&
		    EVP_CipherUpdate(context, seal->out, &n, seal->in, seal->bytes) == 1 &&
		    (encrypt || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES,
						    seal->tag) == 1) &&
		    EVP_CipherFinal_ex(context, seal->out + n, &n) == 1 &&
		    (!encrypt || EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES,
						     seal->tag) == 1);
	EVP_CIPHER_CTX_free(context);
	return done;
}

/* Reads a record whose plaintext is this long, if it is genuine and new. */
static bool open_record(struct dtls_record *record, const struct view *view, uint8_t *plain,
			size_t bytes)
{
	uint8_t tag[TAG_BYTES];

	if (view->body_bytes != FRAME_BYTES + bytes || was_taken(record, view->sequence))
		return false;
	memcpy(tag, view->body + NONCE_BYTES + bytes, TAG_BYTES);
	const struct seal seal = {
		.key = &record->receive,
		.header = view->header,
		.nonce = view->body,
		.in = view->body + NONCE_BYTES,
		.out = plain,
		.tag = tag,
		.bytes = (int)bytes,
	};
	if (!seal_run(record, &seal, false))
		return false;
	take(record, view->sequence);
	return true;
}

static enum dtls_record_event read_one(struct dtls_record *record, const struct view *view)
{
	uint8_t plain[FINISHED_PLAIN];

	if (view->epoch != 1 || wire_read16(view->header + 1) != VERSION)
		return DTLS_RECORD_NOTHING;
	if (view->header[0] == ALERT && open_record(record, view, plain, ALERT_PLAIN)) {
		if (plain[1] == DTLS_ALERT_CLOSE_NOTIFY)
			return DTLS_RECORD_CLOSED;
		return plain[0] == LEVEL_FATAL ? DTLS_RECORD_ALERT : DTLS_RECORD_NOTHING;
	}
	if (view->header[0] == HANDSHAKE && open_record(record, view, plain, FINISHED_PLAIN) &&
	    plain[0] == MESSAGE_FINISHED)
		return DTLS_RECORD_REPEATED;
	return DTLS_RECORD_NOTHING;
}

enum dtls_record_event dtls_record_read(struct dtls_record *record, const uint8_t *bytes,
					size_t size)
{
	enum dtls_record_event event = DTLS_RECORD_NOTHING;
	struct view view;

	for (size_t at = 0; event < DTLS_RECORD_CLOSED && view_next(bytes, size, &at, &view);) {
		enum dtls_record_event next = read_one(record, &view);
		event = next > event ? next : event;
	}
	return event;
}

size_t dtls_record_alert(struct dtls_record *record, enum dtls_alert alert,
			 uint8_t out[DTLS_ALERT_BYTES])
{
	const uint8_t plain[ALERT_PLAIN] = {
		alert == DTLS_ALERT_CLOSE_NOTIFY ? LEVEL_WARNING : LEVEL_FATAL, (uint8_t)alert};
	uint8_t *body = out + HEADER_BYTES;

	record->sent_sequence++;
	record->sent_nonce++;
	out[0] = ALERT;
	wire_write16(out + 1, VERSION);
	wire_write64(out + 3, EPOCH | record->sent_sequence);
	wire_write16(out + 11, FRAME_BYTES + ALERT_PLAIN);
	wire_write64(body, record->sent_nonce);
	const struct seal seal = {
		.key = &record->send,
		.header = out,
		.nonce = body,
		.in = plain,
		.out = body + NONCE_BYTES,
		.tag = body + NONCE_BYTES + ALERT_PLAIN,
		.bytes = ALERT_PLAIN,
	};
	return seal_run(record, &seal, true) ? DTLS_ALERT_BYTES : 0;
}

void dtls_record_end(struct dtls_record *record)
{
	OPENSSL_cleanse(record, sizeof(*record));
}
