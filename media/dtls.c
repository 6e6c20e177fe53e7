/* DTLS-SRTP associations on OpenSSL.
 *
 * An association owns one SSL, which reads and writes whole datagrams through a BIO of ours:
 * `in` is the datagram that dtls_on_datagram was given, until the SSL has taken it; what the SSL
 * writes goes to config.send at once. Nothing is kept in between, so a verb leaves no hidden input.
 * The SSL lives as long as the handshake; then `record` takes over, which is a hundredth of it.
 *
 * What must always hold: no association is connected unless the peer's certificate had the hash
 * that SDP promised (on_certificate is the only judge, in both roles), and one that has sent
 * nothing cannot be harmed by what it reads. What a peer can make us keep is bounded: OpenSSL holds
 * at most ten handshake messages of DTLS_MESSAGE_MAX, and the records of the next epoch that
 * dtls_filter lets through.
 *
 * The limit of the whole handshake is ours and runs on the caller's clock. The retransmission timer
 * is OpenSSL's, with durations from on_duration: only OpenSSL can put a flight into new records. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "media/dtls.h" /* before OpenSSL, which has macros of the same names and values */
#include "media/dtls_certificate.h"
#include "media/dtls_filter.h"
#include "media/dtls_record.h"
#include "media/dtls_library.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define NEVER UINT64_MAX

static const char ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
			      "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384";
static const char groups[] = "P-256";
static const char srtp_profiles[] =
	"SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";

struct dtls_identity {
	struct dtls_library *library;
	SSL_CTX *ctx;
	BIO_METHOD *wire;
	char fingerprint[DTLS_FINGERPRINT_TEXT];
};

struct dtls {
	struct dtls_config config;
	SSL *ssl; /* owned; NULL once connected */
	enum dtls_state state;
	const char *failure; /* constant */
	const uint8_t *in;   /* borrowed while a datagram is read */
	size_t in_bytes;
	uint64_t retransmit_ns, limit_ns;
	struct dtls_filter filter;
	struct dtls_record record;
	struct srtp_keys keys; /* once connected */
	bool peer_verified;
};

static int wire_read(BIO *bio, char *out, int room)
{
	struct dtls *dtls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (dtls->in_bytes == 0 || room <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t n = dtls->in_bytes < (size_t)room ? dtls->in_bytes : (size_t)room;
	memcpy(out, dtls->in, n);
	dtls->in_bytes = 0;
	return (int)n;
}

/* Before a ClientHello was understood all OpenSSL could send is an alert about nonsense that
 * anybody may have injected; the real peer must not see it. */
static int wire_write(BIO *bio, const char *bytes, int size)
{
	struct dtls *dtls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (size > 0)
		dtls_record_watch(&dtls->record, (const uint8_t *)bytes, (size_t)size);
	if (size > 0 && dtls->filter.greeted)
		dtls->config.send(dtls->config.context, (const uint8_t *)bytes, (size_t)size);
	return size;
}

static long wire_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_create(void)
{
	BIO_METHOD *wire = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nn5g wire");

	if (wire && BIO_meth_set_read(wire, wire_read) && BIO_meth_set_write(wire, wire_write) &&
	    BIO_meth_set_ctrl(wire, wire_ctrl))
		return wire;
	BIO_meth_free(wire);
	return NULL;
}

static unsigned int on_duration(SSL *ssl, unsigned int previous_us)
{
	(void)ssl;
	if (previous_us == 0)
		return DTLS_RETRANSMIT_FIRST_NS / 1000;
	if (previous_us >= DTLS_RETRANSMIT_MAX_NS / 2000)
		return DTLS_RETRANSMIT_MAX_NS / 1000;
	return previous_us * 2;
}

static int on_client_hello(SSL *ssl, int *alert, void *context)
{
	struct dtls *dtls = SSL_get_app_data(ssl);

	(void)alert;
	(void)context;
	dtls->filter.greeted = true;
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* Takes the place of chain building: the certificate is right when its hash is (RFC 5763 5). */
static int on_certificate(X509_STORE_CTX *store, void *context)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dtls *dtls = SSL_get_app_data(ssl);
	unsigned char *der = NULL;
	int size = i2d_X509(X509_STORE_CTX_get0_cert(store), &der);

	(void)context;
	dtls->peer_verified =
		size > 0 && dtls_fingerprint_matches(&dtls->config.peer, der, (size_t)size);
	OPENSSL_free(der);
	if (dtls->peer_verified) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	dtls->failure = "fingerprint";
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED); /* becomes bad_certificate */
	return 0;
}

/* What all associations have in common, whatever their role. */
static SSL_CTX *context_create(OSSL_LIB_CTX *library, const struct dtls_certificate *certificate)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(library, NULL, DTLS_method());

	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) ||
	    !SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) ||
	    !SSL_CTX_set_cipher_list(ctx, ciphers) || !SSL_CTX_set1_groups_list(ctx, groups) ||
	    SSL_CTX_set_tlsext_use_srtp(ctx, srtp_profiles) != 0 ||
	    !SSL_CTX_use_certificate_ASN1(ctx, (int)certificate->der_bytes, certificate->der) ||
	    !SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, ctx, certificate->key,
					 (long)certificate->key_bytes) ||
	    !SSL_CTX_check_private_key(ctx)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* The certificate is its own issuer: no chain to be built for each peer. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(ctx, DTLS_MESSAGE_MAX);
	SSL_CTX_set_max_send_fragment(ctx, DTLS_MTU_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, on_certificate, NULL);
	SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
	return ctx;
}

static int fingerprint_text(const struct dtls_certificate *certificate,
			    char text[DTLS_FINGERPRINT_TEXT])
{
	static const char digits[] = "0123456789ABCDEF";
	struct dtls_fingerprint fingerprint;
	int result = dtls_fingerprint_of(&fingerprint, DTLS_HASH_SHA256, certificate->der,
					 certificate->der_bytes);

	if (result < 0)
		return result;
	for (int i = 0; i < DTLS_FINGERPRINT_BYTES; i++) {
		text[3 * i] = digits[fingerprint.bytes[i] >> 4];
		text[3 * i + 1] = digits[fingerprint.bytes[i] & 15];
		text[3 * i + 2] = i + 1 < DTLS_FINGERPRINT_BYTES ? ':' : '\0';
	}
	return 0;
}

int dtls_identity_create(struct dtls_identity **out)
{
	struct dtls_certificate certificate;
	struct dtls_identity *identity = calloc(1, sizeof(*identity));
	int result = identity ? dtls_certificate_make(&certificate) : -ENOMEM;

	if (result < 0)
		goto out;
	identity->library = dtls_library_create();
	identity->ctx = identity->library ? context_create(dtls_library_context(identity->library),
							   &certificate)
					  : NULL;
	identity->wire = wire_create();
	result = identity->ctx && identity->wire
			 ? fingerprint_text(&certificate, identity->fingerprint)
			 : -EIO;
out:
	OPENSSL_cleanse(certificate.key, sizeof(certificate.key));
	ERR_clear_error();
	if (result < 0)
		dtls_identity_destroy(identity);
	else
		*out = identity;
	return result;
}

void dtls_identity_destroy(struct dtls_identity *identity)
{
	if (!identity)
		return;
	SSL_CTX_free(identity->ctx);
	BIO_meth_free(identity->wire);
	dtls_library_destroy(identity->library);
	free(identity);
}

const char *dtls_identity_fingerprint(const struct dtls_identity *identity)
{
	return identity->fingerprint;
}

/* A fresh SSL in place of the one there is, if any. */
static int ssl_renew(struct dtls *dtls)
{
	const struct dtls_config *config = &dtls->config;
	SSL *ssl = SSL_new(config->identity->ctx);
	BIO *bio = ssl ? BIO_new(config->identity->wire) : NULL;

	if (!bio) {
		SSL_free(ssl);
		return -ENOMEM;
	}
	BIO_set_data(bio, dtls);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, dtls);
	SSL_set_mtu(ssl, config->mtu_bytes);
	DTLS_set_timer_cb(ssl, on_duration);
	if (config->active)
		SSL_set_connect_state(ssl);
	else
		SSL_set_accept_state(ssl);
	SSL_free(dtls->ssl);
	dtls->ssl = ssl;
	return 0;
}

int dtls_create(const struct dtls_config *config, uint64_t now_ns, struct dtls **out)
{
	struct dtls *dtls = calloc(1, sizeof(*dtls));

	(void)now_ns;
	if (!dtls)
		return -ENOMEM;
	dtls->config = *config;
	if (dtls->config.mtu_bytes == 0)
		dtls->config.mtu_bytes = DTLS_MTU_DEFAULT;
	dtls->filter.greeted = config->active;
	dtls->retransmit_ns = dtls->limit_ns = NEVER;

	int result = -EINVAL;
	if (dtls->config.mtu_bytes >= DTLS_MTU_MIN && dtls->config.mtu_bytes <= DTLS_MTU_MAX)
		result = ssl_renew(dtls);
	ERR_clear_error();
	if (result < 0)
		free(dtls);
	else
		*out = dtls;
	return result;
}

size_t dtls_bytes(void)
{
	return sizeof(struct dtls);
}

static void send_close_notify(struct dtls *dtls)
{
	uint8_t record[DTLS_ALERT_BYTES];
	size_t size = dtls_record_alert(&dtls->record, DTLS_ALERT_CLOSE_NOTIFY, record);

	if (size > 0)
		dtls->config.send(dtls->config.context, record, size);
}

void dtls_destroy(struct dtls *dtls)
{
	if (!dtls)
		return;
	if (dtls->state == DTLS_CONNECTED)
		send_close_notify(dtls);
	SSL_free(dtls->ssl);
	ERR_clear_error();
	dtls_record_end(&dtls->record);
	OPENSSL_cleanse(&dtls->keys, sizeof(dtls->keys));
	free(dtls);
}

static void fail(struct dtls *dtls, const char *reason)
{
	dtls->state = DTLS_FAILED;
	if (!dtls->failure)
		dtls->failure = reason;
}

static const struct {
	enum srtp_profile profile;
	uint8_t key_bytes, salt_bytes;
} layouts[] = {
	{SRTP_AES128_CM_SHA1_80, 16, 14},
	{SRTP_AEAD_AES_128_GCM, 16, 12},
	{SRTP_AEAD_AES_256_GCM, 32, 12},
};

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
static int keys_export(SSL *ssl, bool active, struct srtp_keys *keys)
{
	static const char label[] = "EXTRACTOR-dtls_srtp";
	unsigned long profile = SSL_get_selected_srtp_profile(ssl)->id;
	size_t i = 0;
	while (i < sizeof(layouts) / sizeof(*layouts) && layouts[i].profile != profile)
		i++;
	if (i == sizeof(layouts) / sizeof(*layouts))
		return -EIO;
	size_t key = layouts[i].key_bytes, salt = layouts[i].salt_bytes;
	uint8_t material[2 * SRTP_MASTER_KEY_MAX];
	uint8_t *client = active ? keys->send : keys->receive;
	uint8_t *server = active ? keys->receive : keys->send;
	int result = -EIO;

	if (SSL_export_keying_material(ssl, material, 2 * (key + salt), label, sizeof(label) - 1,
				       NULL, 0, 0) == 1) {
		memset(keys, 0, sizeof(*keys));
		keys->profile = layouts[i].profile;
		memcpy(client, material, key);
		memcpy(server, material + key, key);
		memcpy(client + key, material + 2 * key, salt);
		memcpy(server + key, material + 2 * key + salt, salt);
		result = 0;
	}
	OPENSSL_cleanse(material, sizeof(material));
	ERR_clear_error();
	return result;
}

/* Keeps what is needed of the SSL from here on, and lets go of it. */
static int settle(struct dtls *dtls)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(dtls->ssl);
	struct dtls_secrets secrets = {
		.key_bytes = (unsigned int)SSL_CIPHER_get_bits(cipher, NULL) / 8,
		.digest = EVP_MD_get0_name(SSL_CIPHER_get_handshake_digest(cipher)),
		.active = dtls->config.active,
	};
	SSL_SESSION_get_master_key(SSL_get_session(dtls->ssl), secrets.master,
				   sizeof(secrets.master));
	SSL_get_client_random(dtls->ssl, secrets.client_random, sizeof(secrets.client_random));
	SSL_get_server_random(dtls->ssl, secrets.server_random, sizeof(secrets.server_random));
	int rc = keys_export(dtls->ssl, dtls->config.active, &dtls->keys);
	if (rc == 0)
		rc = dtls_record_begin(&dtls->record, &secrets);
	OPENSSL_cleanse(&secrets, sizeof(secrets));
	if (rc == 0) {
		SSL_free(dtls->ssl);
		dtls->ssl = NULL;
	}
	return rc;
}

static void on_handshake_done(struct dtls *dtls)
{
	if (!dtls->peer_verified) {
		fail(dtls, "fingerprint");
	} else if (!SSL_get_selected_srtp_profile(dtls->ssl)) {
		fail(dtls, "no SRTP profile");
		SSL_shutdown(dtls->ssl);
	} else {
		dtls->state = DTLS_CONNECTED;
		dtls->filter.connected = true;
	}
}

static void on_handshake_error(struct dtls *dtls)
{
	int reason = ERR_GET_REASON(ERR_peek_error());

	if (!dtls->filter.greeted) {
		if (ssl_renew(dtls) < 0)
			fail(dtls, "memory");
	} else if (reason > SSL_AD_REASON_OFFSET) {
		fail(dtls, "alert");
	} else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
		fail(dtls, "no certificate");
	} else if (reason == SSL_R_READ_TIMEOUT_EXPIRED) {
		fail(dtls, "timeout");
	} else {
		fail(dtls, "handshake");
	}
}

/* Reads on until the peer's datagram is used up. */
static void handshake(struct dtls *dtls)
{
	ERR_clear_error();
	int result = SSL_do_handshake(dtls->ssl);
	if (result == 1)
		on_handshake_done(dtls);
	else if (SSL_get_error(dtls->ssl, result) != SSL_ERROR_WANT_READ)
		on_handshake_error(dtls);
}

/* What came behind the peer's last message in its datagram. */
static void drain(struct dtls *dtls)
{
	uint8_t ignored[DTLS_MTU_MAX];
	int n;

	do {
		ERR_clear_error();
		n = SSL_read(dtls->ssl, ignored, sizeof(ignored));
	} while (n > 0);
	if (SSL_get_error(dtls->ssl, n) == SSL_ERROR_WANT_READ)
		return;
	dtls->state = DTLS_CLOSED;
	if (SSL_get_shutdown(dtls->ssl) & SSL_RECEIVED_SHUTDOWN)
		SSL_shutdown(dtls->ssl);
}

static void on_handshake_datagram(struct dtls *dtls)
{
	handshake(dtls);
	if (dtls->state == DTLS_CONNECTED)
		drain(dtls);
	if (dtls->state == DTLS_CONNECTED && settle(dtls) < 0)
		fail(dtls, "keys");
}

static void on_record_datagram(struct dtls *dtls, const uint8_t *bytes, size_t size)
{
	switch (dtls_record_read(&dtls->record, bytes, size)) {
	case DTLS_RECORD_REPEATED:
		if (dtls->record.flight_bytes > 0)
			dtls->config.send(dtls->config.context, dtls->record.flight,
					  dtls->record.flight_bytes);
		break;
	case DTLS_RECORD_CLOSED:
		send_close_notify(dtls);
		dtls->state = DTLS_CLOSED;
		break;
	case DTLS_RECORD_ALERT:
		dtls->state = DTLS_CLOSED;
		break;
	case DTLS_RECORD_NOTHING:
		break;
	}
}

/* Follows OpenSSL's timer. */
static void timer_sync(struct dtls *dtls, uint64_t now_ns)
{
	struct timeval left;

	ERR_clear_error();
	dtls->retransmit_ns = NEVER;
	if (dtls->state != DTLS_HANDSHAKING || !DTLSv1_get_timeout(dtls->ssl, &left))
		return;
	uint64_t wait_ns = (uint64_t)left.tv_sec * 1000000000 + (uint64_t)left.tv_usec * 1000;
	if (wait_ns > DTLS_RETRANSMIT_MAX_NS)
		wait_ns = DTLS_RETRANSMIT_MAX_NS;
	dtls->retransmit_ns = now_ns + wait_ns;
}

void dtls_start(struct dtls *dtls, uint64_t now_ns)
{
	if (dtls->state != DTLS_NEW || dtls->limit_ns != NEVER)
		return;
	dtls->limit_ns = now_ns + DTLS_LIMIT_NS;
	if (dtls->config.active) {
		dtls->state = DTLS_HANDSHAKING;
		handshake(dtls);
	}
	timer_sync(dtls, now_ns);
}

enum dtls_state dtls_on_datagram(struct dtls *dtls, const uint8_t *bytes, size_t size,
				 uint64_t now_ns)
{
	if (dtls->state > DTLS_CONNECTED || (dtls->state == DTLS_NEW && dtls->config.active))
		return dtls->state;
	size = dtls_filter_pass(&dtls->filter, bytes, size);
	if (size == 0)
		return dtls->state;
	dtls_start(dtls, now_ns);
	if (dtls->state == DTLS_NEW)
		dtls->state = DTLS_HANDSHAKING;
	dtls->in = bytes;
	dtls->in_bytes = size;
	if (dtls->state == DTLS_HANDSHAKING)
		on_handshake_datagram(dtls);
	else
		on_record_datagram(dtls, bytes, size);
	dtls->in_bytes = 0;
	timer_sync(dtls, now_ns);
	return dtls->state;
}

uint64_t dtls_timer_ns(const struct dtls *dtls)
{
	if (dtls->state > DTLS_HANDSHAKING)
		return NEVER;
	return dtls->retransmit_ns < dtls->limit_ns ? dtls->retransmit_ns : dtls->limit_ns;
}

enum dtls_state dtls_on_timer(struct dtls *dtls, uint64_t now_ns)
{
	if (dtls->state > DTLS_HANDSHAKING)
		return dtls->state;
	ERR_clear_error();
	if (now_ns >= dtls->limit_ns) {
		fail(dtls, "timeout");
	} else if (now_ns >= dtls->retransmit_ns) {
		dtls->filter.early_records = 0;
		if (DTLSv1_handle_timeout(dtls->ssl) < 0)
			fail(dtls, "timeout");
	}
	timer_sync(dtls, now_ns);
	return dtls->state;
}

enum dtls_state dtls_state(const struct dtls *dtls)
{
	return dtls->state;
}

const char *dtls_failure(const struct dtls *dtls)
{
	return dtls->state == DTLS_FAILED ? dtls->failure : NULL;
}

int dtls_export_keys(struct dtls *dtls, struct srtp_keys *keys)
{
	if (dtls->state != DTLS_CONNECTED)
		return -ENOTCONN;
	*keys = dtls->keys;
	return 0;
}
