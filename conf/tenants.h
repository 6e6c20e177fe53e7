/* tenants.yaml: who may use the node, and with which token keys. Read at start and on SIGHUP.
 * Control thread. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "conf/jwt.h"

#define TENANTS_MAX     4096
#define TENANT_KEYS_MAX 8
#define TENANT_ID_MAX   63 /* [A-Za-z0-9_-]+ : it is part of URLs */

enum tenant_standing { TENANT_ACTIVE, TENANT_PAUSED, TENANT_EXITED };

struct tenant_config {
	char *id, *name; /* the name is the id if none was given */
	enum tenant_standing standing;
	char *issuer;                          /* expected `iss`; default: the id */
	struct jwt_key *keys[TENANT_KEYS_MAX]; /* public keys, owned; ids differ within a tenant */
	unsigned int n_keys;
	unsigned int sessions_max; /* 0 = the node's limit */
};

struct tenants_config {
	struct tenant_config *tenants;
	unsigned int n_tenants;
};

/* As config_load / config_parse. Key rows name an algorithm (EdDSA, ES256, RS256), an id (kid), and
 * either `public_key` (PEM text or a JWK) or `public_key_file` (relative to the file). A private
 * key is refused: it does not belong on a node. */
int tenants_load(const char *path, FILE *errors, struct tenants_config *out);
int tenants_parse(const char *name, const char *text, size_t size, FILE *errors,
		  struct tenants_config *out);
void tenants_free(struct tenants_config *tenants);
/* The table of its keys, as Markdown. */
void tenants_reference(FILE *out);
