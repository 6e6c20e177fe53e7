/* A certificate, its SSL_CTX, and the TLS objects that peers are done with: most of what it takes
 * to make one (copies of lists and of the certificate, buffers) is the same for the next peer.
 *
 * The SSL_CTX lives in media/dtls_library's window on OpenSSL, as only OpenSSL 3.0's search for a
 * certificate's key among all that it can read would otherwise take as long as three signatures.
 * The mathematics is OpenSSL's own. */
#include "bench/peer.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "bench/peer_private.h"
#include "media/dtls_library.h"

#define IDLE_MAX      64
#define DTLS_FIRST_US 50000
#define DTLS_LAST_US  3000000

struct peer_tls {
	struct dtls_library *library;
	SSL_CTX *context; /* owns key and certificate */
	EVP_MD *sha256;   /* owned */
	pthread_mutex_t lock;
	SSL *idle[IDLE_MAX]; /* under lock, as their number */
	unsigned int n_idle;
};

/* What it is worth is judged by its fingerprint, after the handshake: building and checking a chain
 * would only cost time. */
static int accept_any(X509_STORE_CTX *store, void *context)
{
	(void)store;
	(void)context;
	return 1;
}

static X509 *create_x509(EVP_PKEY *key)
{
	X509 *x509 = X509_new();
	if (!x509)
		return NULL;
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
	X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
	X509_set_pubkey(x509, key);
	X509_sign(x509, key, EVP_sha256());
	return x509;
}

/* Both are handed over as DER: they are made with all of OpenSSL, and used within the window. */
static bool use_certificate(SSL_CTX *context, EVP_PKEY *key, X509 *x509)
{
	unsigned char *certificate_der = NULL, *key_der = NULL;
	int certificate_size = i2d_X509(x509, &certificate_der);
	int key_size = i2d_PrivateKey(key, &key_der);
	bool is_used =
		certificate_size > 0 && key_size > 0 &&
		SSL_CTX_use_certificate_ASN1(context, certificate_size, certificate_der) == 1 &&
		SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, context, key_der, key_size) == 1;
	OPENSSL_free(certificate_der);
	OPENSSL_free(key_der);
	return is_used;
}

/* Cheap for us and for whom we measure: nothing is remembered for a resumption, no chain is looked
 * for behind the certificate, and the key shares are P-256's. */
static SSL_CTX *create_context(struct dtls_library *library, EVP_PKEY *key, X509 *x509)
{
	SSL_CTX *context = SSL_CTX_new_ex(dtls_library_context(library), NULL, DTLS_method());
	if (!context)
		return NULL;
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(context, accept_any, NULL);
	if (SSL_CTX_set1_groups_list(context, "P-256") == 1 && use_certificate(context, key, x509))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

void peer_fingerprint_write(const X509 *x509, const EVP_MD *sha256, char out[PEER_FINGERPRINT_TEXT])
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	X509_digest(x509, sha256, digest, &size);
	out[0] = '\0';
	for (unsigned int i = 0; i < size; i++) {
		out[3 * i] = digits[digest[i] >> 4];
		out[3 * i + 1] = digits[digest[i] & 15];
		out[3 * i + 2] = i + 1 < size ? ':' : '\0';
	}
}

static void destroy_tls(struct peer_tls *tls)
{
	if (!tls)
		return;
	while (tls->n_idle > 0)
		SSL_free(tls->idle[--tls->n_idle]);
	SSL_CTX_free(tls->context);
	EVP_MD_free(tls->sha256);
	dtls_library_destroy(tls->library);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
}

static struct peer_tls *create_tls(EVP_PKEY *key, X509 *x509)
{
	struct peer_tls *tls = calloc(1, sizeof(*tls));
	if (!tls)
		return NULL;
	pthread_mutex_init(&tls->lock, NULL);
	tls->library = dtls_library_create();
	tls->context = tls->library ? create_context(tls->library, key, x509) : NULL;
	if (tls->library)
		tls->sha256 = EVP_MD_fetch(dtls_library_context(tls->library), "SHA2-256", NULL);
	if (tls->context && tls->sha256)
		return tls;
	destroy_tls(tls);
	return NULL;
}

struct peer_certificate *peer_certificate_create(void)
{
	struct peer_certificate *certificate = calloc(1, sizeof(*certificate));
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = key ? create_x509(key) : NULL;
	if (certificate && x509) {
		certificate->tls = create_tls(key, x509);
		peer_fingerprint_write(x509, EVP_sha256(), certificate->fingerprint);
	}
	X509_free(x509);
	EVP_PKEY_free(key);
	if (certificate && certificate->tls)
		return certificate;
	free(certificate);
	return NULL;
}

void peer_certificate_destroy(struct peer_certificate *certificate)
{
	if (!certificate)
		return;
	destroy_tls(certificate->tls);
	free(certificate);
}

const char *peer_certificate_fingerprint(const struct peer_certificate *certificate)
{
	return certificate->fingerprint;
}

static SSL *create_ssl(SSL_CTX *context)
{
	SSL *ssl = SSL_new(context);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	if (!ssl || !in || !out) {
		SSL_free(ssl);
		BIO_free(in);
		BIO_free(out);
		return NULL;
	}
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(ssl, in, out);
	return ssl;
}

/* As browsers do it: what a server was not ready for is not missed for a second. */
static unsigned int next_timeout_us(SSL *ssl, unsigned int last_us)
{
	(void)ssl;
	if (last_us == 0)
		return DTLS_FIRST_US;
	return 2 * last_us < DTLS_LAST_US ? 2 * last_us : DTLS_LAST_US;
}

const EVP_MD *peer_tls_digest(const struct peer_tls *tls)
{
	return tls->sha256;
}

SSL *peer_tls_take(struct peer_tls *tls, const char *profiles)
{
	SSL *ssl = NULL;
	pthread_mutex_lock(&tls->lock);
	if (tls->n_idle > 0)
		ssl = tls->idle[--tls->n_idle];
	pthread_mutex_unlock(&tls->lock);
	if (!ssl)
		ssl = create_ssl(tls->context);
	if (!ssl || SSL_set_tlsext_use_srtp(ssl, profiles) != 0) {
		SSL_free(ssl);
		return NULL;
	}
	/* SSL_clear forgets these two. */
	SSL_set_mtu(ssl, PEER_MTU);
	DTLS_set_timer_cb(ssl, next_timeout_us);
	return ssl;
}

static bool make_new(SSL *ssl)
{
	return SSL_set_session(ssl, NULL) == 1 && SSL_clear(ssl) == 1 &&
	       BIO_reset(SSL_get_rbio(ssl)) == 1 && BIO_reset(SSL_get_wbio(ssl)) == 1;
}

void peer_tls_give(struct peer_tls *tls, SSL *ssl)
{
	if (ssl && make_new(ssl)) {
		pthread_mutex_lock(&tls->lock);
		if (tls->n_idle < IDLE_MAX) {
			tls->idle[tls->n_idle++] = ssl;
			ssl = NULL;
		}
		pthread_mutex_unlock(&tls->lock);
	}
	SSL_free(ssl);
}
