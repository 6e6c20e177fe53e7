/* Reads tokens strictly: one canonical encoding, no duplicate members, no ill-typed claim passes
 * for an absent one, and nothing is taken from a header that could choose a key. */
#include "conf/jwt_claims.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define AUDIENCES_MAX 16
#define TIME_MAX      253402300799 /* the last second of the year 9999 */

static int base64url_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

ssize_t jwt_base64url_decode(const char *text, size_t size, unsigned char *out)
{
	uint32_t bits = 0;
	unsigned int n_bits = 0;
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		int digit = base64url_digit(text[i]);
		if (digit < 0)
			return -EBADMSG;
		bits = (bits << 6 | (uint32_t)digit) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[used++] = (unsigned char)(bits >> n_bits);
		}
	}
	if (n_bits >= 6 || (bits & ((1U << n_bits) - 1)) != 0)
		return -EBADMSG;
	return (ssize_t)used;
}

/* One segment as a JSON object with no duplicate members, or NULL. */
static json_t *segment_load(const char *text, size_t size)
{
	unsigned char *bytes = malloc(size + 1);
	if (!bytes)
		return NULL;
	ssize_t n = jwt_base64url_decode(text, size, bytes);
	json_t *object = NULL;
	if (n > 0)
		object = json_loadb((const char *)bytes, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	free(bytes);
	if (!json_is_object(object)) {
		json_decref(object);
		return NULL;
	}
	return object;
}

/* Copies a string member; absent is "". Present, it is 1..JWT_ID_MAX bytes or the token is bad. */
static int text_get(const json_t *object, const char *name, char out[JWT_ID_MAX + 1])
{
	const json_t *value = json_object_get(object, name);
	out[0] = '\0';
	if (!value)
		return 0;
	size_t n = json_string_length(value);
	if (!json_is_string(value) || n == 0 || n > JWT_ID_MAX)
		return -EBADMSG;
	memcpy(out, json_string_value(value), n + 1);
	return 0;
}

/* NumericDate (RFC 7519, 2): seconds, a fraction is dropped. */
static int time_get(const json_t *object, const char *name, int64_t *out)
{
	const json_t *value = json_object_get(object, name);
	*out = 0;
	if (!value)
		return 0;
	if (!json_is_number(value))
		return -EBADMSG;
	double seconds = json_number_value(value);
	if (!(seconds >= 1.0 && seconds <= (double)TIME_MAX))
		return -EBADMSG;
	*out = json_is_integer(value) ? json_integer_value(value) : (int64_t)seconds;
	return 0;
}

/* `aud` is a string or a list of strings (RFC 7519, 4.1.3). */
static int audience_get(const json_t *object, const char *expected, char out[JWT_ID_MAX + 1])
{
	const json_t *list = json_object_get(object, "aud");
	if (!json_is_array(list))
		return text_get(object, "aud", out);
	size_t n = json_array_size(list);
	if (n == 0 || n > AUDIENCES_MAX)
		return -EBADMSG;
	const char *chosen = NULL;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text || text[0] == '\0' || strlen(text) > JWT_ID_MAX)
			return -EBADMSG;
		bool is_expected = expected && strcmp(text, expected) == 0;
		if (!chosen || (is_expected && strcmp(chosen, expected) != 0))
			chosen = text;
	}
	memcpy(out, chosen, strlen(chosen) + 1);
	return 0;
}

static int claims_get(const json_t *object, const char *expected, struct jwt_claims *claims)
{
	int rc = text_get(object, "iss", claims->issuer);
	rc = rc ? rc : text_get(object, "sub", claims->subject);
	rc = rc ? rc : audience_get(object, expected, claims->audience);
	rc = rc ? rc : text_get(object, "tenant", claims->tenant);
	rc = rc ? rc : text_get(object, "stream", claims->stream);
	rc = rc ? rc : text_get(object, "scope", claims->scope);
	rc = rc ? rc : text_get(object, "jti", claims->id);
	rc = rc ? rc : time_get(object, "exp", &claims->expires_at);
	rc = rc ? rc : time_get(object, "nbf", &claims->not_before);
	rc = rc ? rc : time_get(object, "iat", &claims->issued_at);
	return rc;
}

static int header_get(const json_t *header, struct jwt_hint *hint)
{
	static const char *const refused[] = {"crit", "jku", "x5u", "jwk", "x5c", "zip", "b64"};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (json_object_get(header, refused[i]))
			return -EBADMSG;
	const char *name = json_string_value(json_object_get(header, "alg"));
	int algorithm = name ? jwt_algorithm_by_name(name) : -1;
	if (algorithm < 0)
		return -EBADMSG;
	const json_t *type = json_object_get(header, "typ");
	if (type && !json_is_string(type))
		return -EBADMSG;
	hint->algorithm = (enum jwt_algorithm)algorithm;
	return text_get(header, "kid", hint->key_id);
}

int jwt_parse(const char *token, size_t bytes_max, const char *expected_audience,
	      struct jwt_hint *hint, struct jwt_claims *claims, size_t *length)
{
	size_t n = strnlen(token, bytes_max + 1);
	const char *dot = memchr(token, '.', n);
	const char *last = dot ? memchr(dot + 1, '.', n - (size_t)(dot + 1 - token)) : NULL;
	if (n > bytes_max || !last)
		return -EBADMSG;
	size_t signature_bytes = n - (size_t)(last + 1 - token);
	unsigned char *signature = malloc(signature_bytes + 1);
	json_t *header = segment_load(token, (size_t)(dot - token));
	json_t *body = segment_load(dot + 1, (size_t)(last - dot - 1));
	int rc = -EBADMSG;
	if (signature && header && body &&
	    jwt_base64url_decode(last + 1, signature_bytes, signature) > 0) {
		rc = header_get(header, hint);
		rc = rc ? rc : claims_get(body, expected_audience, claims);
		*length = n;
	}
	free(signature);
	json_decref(header);
	json_decref(body);
	return rc;
}

static json_t *claims_to_json(const struct jwt_claims *claims)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{"iss", claims->issuer},    {"sub", claims->subject},   {"aud", claims->audience},
		{"tenant", claims->tenant}, {"stream", claims->stream}, {"scope", claims->scope},
		{"jti", claims->id},
	};
	const struct {
		const char *name;
		int64_t seconds;
	} times[] = {
		{"exp", claims->expires_at},
		{"nbf", claims->not_before},
		{"iat", claims->issued_at},
	};
	json_t *object = json_object();
	int rc = object ? 0 : -1;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].text[0])
			rc |= json_object_set_new(object, texts[i].name,
						  json_string(texts[i].text));
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i].seconds)
			rc |= json_object_set_new(object, times[i].name,
						  json_integer(times[i].seconds));
	if (rc) {
		json_decref(object);
		return NULL;
	}
	return object;
}

char *jwt_claims_write(const struct jwt_claims *claims)
{
	json_t *object = claims_to_json(claims);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return text;
}
