/* Two ends of a DTLS association in one process: ours, and a peer made of plain OpenSSL. Datagrams
 * travel through queues that can lose, double and turn around; time is ours, OpenSSL's included:
 * gettimeofday is replaced in the test executable. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "media/dtls.h"
#include "tests/cunit.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#define NEVER        UINT64_MAX
#define WIRE_MAX     128
#define DATAGRAM_MAX 4096

static uint64_t clock_ns;
static int64_t wall_offset_s; /* what somebody did to the wall clock */

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	(void)zone;
	tv->tv_sec = 1700000000 + wall_offset_s + (time_t)(clock_ns / 1000000000);
	tv->tv_usec = (suseconds_t)(clock_ns / 1000 % 1000000);
	return 0;
}

struct datagram {
	size_t size;
	uint8_t bytes[DATAGRAM_MAX];
};

/* What one end has sent and the other has not got yet. */
struct wire {
	struct datagram queue[WIRE_MAX];
	unsigned int queued, sent;
	int lose; /* the number of the datagram that gets lost; -1: none */
	bool doubling, reversing;
	size_t largest;
};

struct end {
	struct dtls *dtls; /* ours, or */
	SSL *ssl;          /* the peer's */
	const struct datagram *in;
	struct wire out;
	bool active;
};

static inline void wire_push(void *context, const uint8_t *bytes, size_t size)
{
	struct wire *wire = context;
	int number = (int)wire->sent++;

	CU_ASSERT_FATAL(size <= DATAGRAM_MAX && wire->queued + 2 <= WIRE_MAX);
	if (size > wire->largest)
		wire->largest = size;
	for (int copies = wire->doubling ? 2 : 1; copies > 0 && number != wire->lose; copies--) {
		wire->queue[wire->queued].size = size;
		memcpy(wire->queue[wire->queued++].bytes, bytes, size);
	}
}

static inline int peer_read(BIO *bio, char *out, int room)
{
	struct end *end = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (!end->in) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t size = end->in->size < (size_t)room ? end->in->size : (size_t)room;
	memcpy(out, end->in->bytes, size);
	end->in = NULL;
	return (int)size;
}

static inline int peer_write(BIO *bio, const char *bytes, int size)
{
	struct end *end = BIO_get_data(bio);

	wire_push(&end->out, (const uint8_t *)bytes, (size_t)size);
	return size;
}

static inline long peer_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	return command == BIO_CTRL_FLUSH;
}

/* What a plain OpenSSL peer brings along. */
struct peer_config {
	const char *srtp; /* profiles; NULL: no use_srtp */
	const char *ciphers;
	bool active, no_certificate;
	int max_version;      /* 0: DTLS 1.2 */
	size_t hello_padding; /* an extension of that size, as a post-quantum key share would be */
	EVP_PKEY *key;        /* borrowed */
};

static inline X509 *self_sign(EVP_PKEY *key)
{
	X509 *x509 = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 1000);
	X509_set_pubkey(x509, key);
	CU_ASSERT_FATAL(X509_sign(x509, key, EVP_sha256()) > 0);
	return x509;
}

static inline int accept_any(X509_STORE_CTX *store, void *context)
{
	(void)store, (void)context;
	return 1;
}

static inline int padding_add(SSL *ssl, unsigned int type, unsigned int when,
			      const unsigned char **out, size_t *size, X509 *x509, size_t i,
			      int *alert, void *context)
{
	static const unsigned char zeros[4096];

	(void)ssl, (void)type, (void)when, (void)x509, (void)i, (void)alert;
	*out = zeros;
	*size = *(const size_t *)context;
	return 1;
}

static inline SSL_CTX *peer_context(const struct peer_config *config, X509 *x509)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_method());

	SSL_CTX_set_min_proto_version(ctx, DTLS1_VERSION);
	if (config->max_version) {
		SSL_CTX_set_security_level(ctx, 0);
		SSL_CTX_set_max_proto_version(ctx, config->max_version);
	}
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU);
	if (config->srtp)
		CU_ASSERT_FATAL(SSL_CTX_set_tlsext_use_srtp(ctx, config->srtp) == 0);
	if (config->ciphers)
		CU_ASSERT_FATAL(SSL_CTX_set_cipher_list(ctx, config->ciphers) == 1);
	if (!config->no_certificate) {
		CU_ASSERT_FATAL(SSL_CTX_use_certificate(ctx, x509) == 1);
		CU_ASSERT_FATAL(SSL_CTX_use_PrivateKey(ctx, config->key) == 1);
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
	if (config->hello_padding)
		SSL_CTX_add_custom_ext(ctx, 0xfd00, SSL_EXT_CLIENT_HELLO, padding_add, NULL,
				       (void *)(uintptr_t)&config->hello_padding, NULL, NULL);
	return ctx;
}

/* `fingerprint` becomes that of the peer's certificate. */
static inline struct end *peer_create(const struct peer_config *config, enum dtls_hash hash,
				      struct dtls_fingerprint *fingerprint)
{
	static BIO_METHOD *method;
	struct end *end = calloc(1, sizeof(*end));
	X509 *x509 = self_sign(config->key);
	SSL_CTX *ctx = peer_context(config, x509);
	unsigned char *der = NULL;
	int size = i2d_X509(x509, &der);

	CU_ASSERT_FATAL(dtls_fingerprint_of(fingerprint, hash, der, (size_t)size) == 0);
	OPENSSL_free(der);
	X509_free(x509);
	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "peer");
		BIO_meth_set_read(method, peer_read);
		BIO_meth_set_write(method, peer_write);
		BIO_meth_set_ctrl(method, peer_ctrl);
	}
	BIO *bio = BIO_new(method);
	BIO_set_data(bio, end);
	BIO_set_init(bio, 1);
	end->out.lose = -1;
	end->active = config->active;
	end->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_bio(end->ssl, bio, bio);
	SSL_set_mtu(end->ssl, 1200);
	if (config->active)
		SSL_set_connect_state(end->ssl);
	else
		SSL_set_accept_state(end->ssl);
	return end;
}

static inline struct end *ours_create(const struct dtls_identity *identity, bool active,
				      const struct dtls_fingerprint *peer)
{
	struct end *end = calloc(1, sizeof(*end));
	struct dtls_config config = {
		.identity = identity,
		.active = active,
		.peer = *peer,
		.send = wire_push,
		.context = &end->out,
	};

	end->out.lose = -1;
	end->active = active;
	CU_ASSERT_FATAL(dtls_create(&config, clock_ns, &end->dtls) == 0);
	return end;
}

static inline void end_destroy(struct end *end)
{
	dtls_destroy(end->dtls);
	SSL_free(end->ssl);
	free(end);
}

static inline void peer_step(struct end *end)
{
	uint8_t ignored[DATAGRAM_MAX];

	if (SSL_do_handshake(end->ssl) == 1)
		while (SSL_read(end->ssl, ignored, sizeof(ignored)) > 0)
			;
}

static inline void end_start(struct end *end)
{
	if (end->dtls)
		dtls_start(end->dtls, clock_ns);
	else
		peer_step(end);
}

static inline void end_feed(struct end *end, const struct datagram *datagram)
{
	if (end->dtls) {
		dtls_on_datagram(end->dtls, datagram->bytes, datagram->size, clock_ns);
		return;
	}
	end->in = datagram;
	peer_step(end);
	end->in = NULL;
}

static inline uint64_t end_timer_ns(struct end *end)
{
	struct timeval left;

	if (end->dtls)
		return dtls_timer_ns(end->dtls);
	if (!DTLSv1_get_timeout(end->ssl, &left))
		return NEVER;
	return clock_ns + (uint64_t)left.tv_sec * 1000000000 + (uint64_t)left.tv_usec * 1000;
}

static inline void end_fire(struct end *end)
{
	if (end->dtls)
		dtls_on_timer(end->dtls, clock_ns);
	else
		DTLSv1_handle_timeout(end->ssl);
}

/* Hands everything `from` has sent to `to`. */
static inline bool deliver(struct end *from, struct end *to)
{
	struct wire *batch = malloc(sizeof(*batch));

	*batch = from->out;
	from->out.queued = 0;
	for (unsigned int i = 0; i < batch->queued; i++)
		end_feed(to, &batch->queue[batch->reversing ? batch->queued - 1 - i : i]);
	bool any = batch->queued > 0;
	free(batch);
	return any;
}

/* Until nothing is under way and no timer is left, or 20 s have passed. */
static inline void run(struct end *a, struct end *b)
{
	uint64_t end_ns = clock_ns + 20000000000;

	end_start(a);
	end_start(b);
	while (clock_ns < end_ns) {
		bool any = deliver(a, b);
		if (deliver(b, a) || any)
			continue;
		uint64_t next_a = end_timer_ns(a), next_b = end_timer_ns(b);
		uint64_t next = next_a < next_b ? next_a : next_b;
		if (next == NEVER)
			break;
		if (next > clock_ns)
			clock_ns = next;
		if (next_a <= clock_ns)
			end_fire(a);
		if (next_b <= clock_ns)
			end_fire(b);
	}
}
