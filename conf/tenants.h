/* Tenants as a node knows them: identity, token keys, policy. They come from tenants.yaml (control:
 * none, and as what nn5g-control imports) or, fed by the control plane, as JSON. Control thread. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "conf/jwt.h"
#include "conf/policy.h"
#include "conf/slice_config.h"

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
	struct policy policy;
	char slice[SLICE_ID_MAX + 1]; /* "" = none: best effort */
	char *plan; /* which the control plane is to put it on; NULL = none. Nodes do not look */
};

struct tenants_config {
	struct tenant_config *tenants;
	unsigned int n_tenants;
	struct slice_config *slices;
	unsigned int n_slices;
};

/* As config_load / config_parse. Key rows name an algorithm (EdDSA, ES256, RS256), an id (kid), and
 * either `public_key` (PEM text or a JWK) or `public_key_file` (relative to the file). A private
 * key is refused: it does not belong on a node. */
int tenants_load(const char *path, FILE *errors, struct tenants_config *out);
int tenants_parse(const char *name, const char *text, size_t size, FILE *errors,
		  struct tenants_config *out);
void tenants_free(struct tenants_config *tenants);
/* One tenant as the admin socket feeds it (conf/store.h: store_tenant_document). -EINVAL with what
 * was found and expected in `errors`; -ENOMEM. */
int tenant_config_read(const struct json_t *object, FILE *errors, struct tenant_config *out);
/* The same document again (with "plan" if there is one), or NULL: no memory. */
struct json_t *tenant_config_write(const struct tenant_config *tenant);
void tenant_config_free(struct tenant_config *tenant);
/* The table of its keys, as Markdown. */
void tenants_reference(FILE *out);
