/* Makes the certificate that stands for this node in SDP fingerprints. Nobody checks more of it
 * than its hash (RFC 5763 6.3), so it says as little as possible. */
#include <errno.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "media/dtls_certificate.h"

#define DAY_S       (24 * 60 * 60)
#define SERIAL_BITS 64

static int serial_set(X509 *x509)
{
	BIGNUM *serial = BN_new();
	int ok = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
		 BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509));

	BN_free(serial);
	return ok;
}

static int name_set(X509 *x509)
{
	X509_NAME *name = X509_get_subject_name(x509);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"nn5g",
					  -1, -1, 0) &&
	       X509_set_issuer_name(x509, name);
}

static X509 *certificate_sign(EVP_PKEY *key)
{
	X509 *x509 = X509_new();

	if (x509 && X509_set_version(x509, X509_VERSION_3) && serial_set(x509) && name_set(x509) &&
	    X509_gmtime_adj(X509_getm_notBefore(x509), -DAY_S) &&
	    X509_gmtime_adj(X509_getm_notAfter(x509), 365L * DAY_S) && X509_set_pubkey(x509, key) &&
	    X509_sign(x509, key, EVP_sha256()) > 0)
		return x509;
	X509_free(x509);
	return NULL;
}

/* `size` is what i2d_*(object, NULL) says. */
static int fits(int size, size_t room)
{
	return size > 0 && (size_t)size <= room;
}

int dtls_certificate_make(struct dtls_certificate *certificate)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = key ? certificate_sign(key) : NULL;
	unsigned char *der = certificate->der, *der_key = certificate->key;
	int result = -EIO;

	if (!x509 || !fits(i2d_X509(x509, NULL), sizeof(certificate->der)) ||
	    !fits(i2d_PrivateKey(key, NULL), sizeof(certificate->key)))
		goto out;
	certificate->der_bytes = (size_t)i2d_X509(x509, &der);
	certificate->key_bytes = (size_t)i2d_PrivateKey(key, &der_key);
	result = 0;
out:
	X509_free(x509);
	EVP_PKEY_free(key);
	return result;
}
