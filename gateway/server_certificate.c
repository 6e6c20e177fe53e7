/* The certificate is chosen per handshake, in OpenSSL's certificate callback, and never stored in
 * the SSL_CTX: a reload is one pointer, bad files cannot leave a half-changed context behind, and
 * an ECDSA certificate that replaces an RSA one leaves no old one to be shown. */
#include "gateway/server_certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/log.h"

struct certificate {
	X509 *leaf;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
};

static int load_chain(struct certificate *certificate, const char *file)
{
	FILE *f = fopen(file, "re");
	if (!f)
		return errno == ENOENT ? -ENOENT : -EINVAL;
	certificate->leaf = PEM_read_X509(f, NULL, NULL, NULL);
	certificate->chain = sk_X509_new_null();
	X509 *next;
	while (certificate->leaf && certificate->chain &&
	       (next = PEM_read_X509(f, NULL, NULL, NULL)) != NULL)
		if (!sk_X509_push(certificate->chain, next))
			X509_free(next);
	fclose(f);
	/* Ends with "no start line" when all was read; anything else is a broken certificate. */
	bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	return certificate->leaf && certificate->chain && is_end ? 0 : -EINVAL;
}

static int load_key(struct certificate *certificate, const char *file)
{
	FILE *f = fopen(file, "re");
	if (!f)
		return errno == ENOENT ? -ENOENT : -EINVAL;
	/* The empty passphrase keeps OpenSSL from asking the terminal. */
	certificate->key = PEM_read_PrivateKey(f, NULL, NULL, (void *)"");
	fclose(f);
	return certificate->key ? 0 : -EINVAL;
}

static void log_failure(const char *message, const char *file, int error)
{
	if (error == -ENOENT)
		log_info(LOG_SERVER, message, "\"file\":\"%s\",\"reason\":\"not there\"",
			 log_escape(file));
	else
		log_error(LOG_SERVER, message, "\"file\":\"%s\",\"reason\":\"not usable\"",
			  log_escape(file));
}

int certificate_load(const char *certificate_file, const char *key_file, struct certificate **out)
{
	struct certificate *certificate = calloc(1, sizeof(*certificate));
	if (!certificate)
		return -ENOMEM;
	ERR_clear_error();
	int error = load_chain(certificate, certificate_file);
	if (error) {
		log_failure("certificate", certificate_file, error);
		goto out;
	}
	error = load_key(certificate, key_file);
	if (!error && X509_check_private_key(certificate->leaf, certificate->key) != 1)
		error = -EINVAL;
	if (error)
		log_failure("certificate's key", key_file, error);
out:
	ERR_clear_error();
	if (error)
		certificate_destroy(certificate);
	else
		*out = certificate;
	return error;
}

void certificate_destroy(struct certificate *certificate)
{
	if (!certificate)
		return;
	X509_free(certificate->leaf);
	sk_X509_pop_free(certificate->chain, X509_free);
	EVP_PKEY_free(certificate->key);
	free(certificate);
}

static int on_handshake(SSL *ssl, void *data)
{
	struct certificate *const *slot = data;
	const struct certificate *certificate = *slot;
	return certificate && SSL_use_cert_and_key(ssl, certificate->leaf, certificate->key,
						   certificate->chain, 1) == 1;
}

int certificate_attach(void *ssl_ctx, struct certificate *const *slot)
{
	SSL_CTX *context = ssl_ctx;
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
		return -EINVAL;
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_cert_cb(context, on_handshake, (void *)(uintptr_t)slot);
	return 0;
}
