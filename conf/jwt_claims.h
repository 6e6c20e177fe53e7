/* The JSON side of a token: what header and claims say, and how they are written. Any thread. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "conf/jwt.h"

/* Decodes unpadded base64url (RFC 7515, 2) into `out`, which has room for `size` bytes. Only the
 * one canonical form passes: leftover bits must be zero. Returns the length or -EBADMSG. */
ssize_t jwt_base64url_decode(const char *text, size_t size, unsigned char *out);
/* Everything about a token but whether its signature is good; *length is set to the token's. Rules
 * and errors as jwt_peek. */
int jwt_parse(const char *token, size_t bytes_max, const char *expected_audience,
	      struct jwt_hint *hint, struct jwt_claims *claims, size_t *length);
/* The claims as a JSON object, malloc'ed, or NULL. */
char *jwt_claims_write(const struct jwt_claims *claims);
