/* nn5gctl token: signs what lets a browser or a program in. */
#include "conf/ctl.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "conf/jwt.h"
#include "conf/tenants.h"

#define TTL_SECONDS_MAX (366 * 86400)

static bool text_fits(const char *option, const char *value)
{
	size_t n = strlen(value);
	if (n >= 1 && n <= JWT_ID_MAX)
		return true;
	ctl_misuse("--%s: found %zu bytes, expected 1 to %d", option, n, JWT_ID_MAX);
	return false;
}

/* A random `jti`: 128 bits as hexadecimal. */
static int token_id_make(char id[JWT_ID_MAX + 1])
{
	uint8_t bytes[16];
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(id + i * 2, "%02x", bytes[i]);
	return 0;
}

static int scope_check(const char *scope)
{
	static const char *const known[] = {"publish", "play", "interact", "usage"};
	for (const char *word = scope; *word; word += strspn(word, " ")) {
		size_t n = strcspn(word, " ");
		bool is_known = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known |= strlen(known[i]) == n && strncmp(word, known[i], n) == 0;
		if (!is_known)
			return ctl_misuse("--scope: found \"%s\", expected some of publish play "
					  "interact usage",
					  scope);
		word += n;
	}
	return COMMAND_DONE;
}

enum {
	TOKEN_KEY,
	TOKEN_KEY_ID,
	TOKEN_ALGORITHM,
	TOKEN_TENANT,
	TOKEN_STREAM,
	TOKEN_SCOPE,
	TOKEN_TTL,
	TOKEN_SUBJECT,
	TOKEN_AUDIENCE,
	TOKEN_ISSUER,
	TOKEN_SINGLE_USE,
	TOKEN_OPTIONS
};

static const struct command_option token_options[TOKEN_OPTIONS] = {
	[TOKEN_KEY] = {"key", "FILE", "private key to sign with, PEM or JWK", NULL, true},
	[TOKEN_KEY_ID] = {"key-id", "ID", "id (kid) of the key in tenants.yaml", NULL, false},
	[TOKEN_ALGORITHM] = {"algorithm", "EdDSA|ES256|RS256", "kind of the key", "EdDSA", false},
	[TOKEN_TENANT] = {"tenant", "ID", "tenant the token is for", NULL, true},
	[TOKEN_STREAM] = {"stream", "NAME", "the one stream it is good for, or * for all", "*",
			  false},
	[TOKEN_SCOPE] = {"scope", "WORDS", "what it allows: publish play interact usage", "play",
			 false},
	[TOKEN_TTL] = {"ttl", "TIME", "how long it is good: 90s, 15m, 1h, 7d", "1h", false},
	[TOKEN_SUBJECT] = {"subject", "TEXT", "who it was made for", NULL, false},
	[TOKEN_AUDIENCE] = {"audience", "TEXT", "what the node expects as its node.audience",
			    "nn5g", false},
	[TOKEN_ISSUER] = {"issuer", "TEXT", "issuer; without it, the tenant's id", NULL, false},
	[TOKEN_SINGLE_USE] = {"single-use", NULL, "good for one session only", NULL, false},
};

/* Where each option's text goes; 0-length texts never get here. */
static bool claims_fill(const char *const *values, struct jwt_claims *claims)
{
	const struct {
		int option;
		char *claim;
	} rows[] = {
		{TOKEN_TENANT, claims->tenant},   {TOKEN_TENANT, claims->issuer},
		{TOKEN_STREAM, claims->stream},   {TOKEN_SCOPE, claims->scope},
		{TOKEN_SUBJECT, claims->subject}, {TOKEN_AUDIENCE, claims->audience},
		{TOKEN_ISSUER, claims->issuer},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *value = values[rows[i].option];
		if (!value)
			continue;
		if (!text_fits(token_options[rows[i].option].name, value))
			return false;
		strcpy(rows[i].claim, value);
	}
	return true;
}

static int token_run(const struct command_line *line)
{
	const char *const *values = line->values;
	int64_t ttl = ctl_duration(values[TOKEN_TTL], TTL_SECONDS_MAX);
	if (ttl < 0)
		return ctl_misuse("--ttl: found %s, expected 1 to %d seconds, or with m, h or d",
				  values[TOKEN_TTL], TTL_SECONDS_MAX);
	struct jwt_claims claims = {0};
	if (!ctl_is_word("--tenant", values[TOKEN_TENANT], TENANT_ID_MAX))
		return COMMAND_MISUSED;
	if (!claims_fill(values, &claims) || scope_check(claims.scope))
		return COMMAND_MISUSED;
	const char *key_id = values[TOKEN_KEY_ID] ? values[TOKEN_KEY_ID] : "";
	if (values[TOKEN_KEY_ID] && !text_fits("key-id", key_id))
		return COMMAND_MISUSED;
	claims.issued_at = time(NULL);
	claims.expires_at = claims.issued_at + ttl;
	if (values[TOKEN_SINGLE_USE] && token_id_make(claims.id))
		return ctl_fail("no random bytes");
	struct jwt_key *key = NULL;
	int rc = ctl_key_load(values[TOKEN_KEY], key_id, values[TOKEN_ALGORITHM], &key);
	if (rc)
		return rc;
	char *token = jwt_sign(key, &claims);
	if (token)
		puts(token);
	else
		rc = ctl_fail("%s: found a public key, expected a private one", values[TOKEN_KEY]);
	free(token);
	jwt_key_destroy(key);
	return rc;
}

static const struct command commands[] = {
	{
		.name = "token",
		.text = "make a token",
		.detail = "Signs a JSON Web Token and prints it, alone on a line. The tenant must "
			  "have the public half of the key,\nin tenants.yaml or in the store.",
		.examples = "nn5gctl token --key dev.pem --key-id dev --tenant demo --scope "
			    "'publish play' --ttl 1d",
		.options = token_options,
		.n_options = TOKEN_OPTIONS,
		.run = token_run,
	},
};

const struct command_group ctl_token_commands = {
	.title = "Tokens",
	.commands = commands,
	.n_commands = sizeof(commands) / sizeof(commands[0]),
};
