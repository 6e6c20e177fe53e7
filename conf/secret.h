/* Secrets at rest: AES-256-GCM under a key file (32 random bytes, mode 0600). Never logged, never
 * shown. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret_key;

/* Reads the key file; with `make` a missing one is made. -EACCES when others may read it; negative
 * errno, logged. */
int secret_key_load(const char *path, bool make, struct secret_key **out);
void secret_key_destroy(struct secret_key *key); /* wipes it */

/* A sealed secret is nonce, ciphertext and tag in one block, bound to `name` ("tenant/name"), so
 * that rows cannot be swapped. malloc'ed. */
int secret_seal(const struct secret_key *key, const char *name, const void *text, size_t size,
		uint8_t **out, size_t *out_size);
/* -EBADMSG: other key, other name, or changed. The caller wipes and frees. */
int secret_open(const struct secret_key *key, const char *name, const uint8_t *sealed, size_t size,
		uint8_t **out, size_t *out_size);
