/* The keys both suites about tokens use. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "conf/jwt.h"
#include "tests/conf/forge.h"

/* One key pair per algorithm, made by OpenSSL, and what conf/jwt.h makes of its public half. */
static struct {
	EVP_PKEY *pair;
	char *public_pem;
	struct jwt_key *key;
} signers[JWT_ALGORITHMS];

static inline EVP_PKEY *make_pair(enum jwt_algorithm algorithm)
{
	switch (algorithm) {
	case JWT_EDDSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case JWT_ES256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	default:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	}
}

static inline int signers_make(void)
{
	int rc = 0;
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		signers[i].pair = make_pair((enum jwt_algorithm)i);
		signers[i].public_pem = forge_pem(signers[i].pair, 0);
		rc |= jwt_key_import("k1", (enum jwt_algorithm)i, signers[i].public_pem,
				     strlen(signers[i].public_pem), &signers[i].key);
	}
	return rc;
}

static inline int signers_free(void)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		EVP_PKEY_free(signers[i].pair);
		free(signers[i].public_pem);
		jwt_key_destroy(signers[i].key);
	}
	return 0;
}
