/* The operator's command line: a table of commands (conf/command.h) and what each does. Results go
 * to standard output, everything else to standard error. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conf/command.h"
#include "conf/config.h"
#include "conf/jwt.h"
#include "conf/schema.h"
#include "conf/tenants.h"

#define KEY_BYTES_MAX   16384U
#define TTL_SECONDS_MAX (366L * 86400)

static int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line on standard error; returns COMMAND_FAILED. */
static int complain(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("nn5gctl: ", stderr);
	vfprintf(stderr, format, args);
	putc('\n', stderr);
	va_end(args);
	return COMMAND_FAILED;
}

/* Reads a key from a PEM or JWK file. Exit code. */
static int key_load(const char *path, const char *id, const char *algorithm_name,
		    struct jwt_key **key)
{
	int algorithm = jwt_algorithm_by_name(algorithm_name);
	if (algorithm < 0) {
		complain("--algorithm: found %s, expected EdDSA, ES256 or RS256", algorithm_name);
		return COMMAND_MISUSED;
	}
	char *text;
	size_t size;
	int rc = schema_file_read(path, KEY_BYTES_MAX, &text, &size);
	if (rc)
		return complain("%s: %s", path, strerror(-rc));
	rc = jwt_key_import(id, (enum jwt_algorithm)algorithm, text, size, key);
	explicit_bzero(text, size);
	free(text);
	if (rc)
		return complain("%s: found no key for %s, expected PEM or a JWK", path,
				algorithm_name);
	return COMMAND_DONE;
}

/* "90", "90s", "15m", "1h", "7d" as seconds; -1: none of these, or out of range. */
static long duration_parse(const char *text)
{
	static const struct {
		const char *unit;
		long seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 9)
		return -1;
	long count = strtol(text, NULL, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].unit) != 0)
			continue;
		if (count < 1 || count > TTL_SECONDS_MAX / units[i].seconds)
			return -1;
		return count * units[i].seconds;
	}
	return -1;
}

static bool text_fits(const char *option, const char *value)
{
	size_t n = strlen(value);
	if (n >= 1 && n <= JWT_ID_MAX)
		return true;
	complain("--%s: found %zu bytes, expected 1 to %d", option, n, JWT_ID_MAX);
	return false;
}

static bool is_plain_word(const char *option, const char *value, size_t max)
{
	static const char characters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t n = strlen(value);
	if (n >= 1 && n <= max && strspn(value, characters) == n)
		return true;
	complain("--%s: found \"%s\", expected 1 to %zu letters, digits, _ and -", option, value,
		 max);
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
	static const char *const known[] = {"publish", "play", "interact"};
	for (const char *word = scope; *word; word += strspn(word, " ")) {
		size_t n = strcspn(word, " ");
		bool is_known = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known |= strlen(known[i]) == n && strncmp(word, known[i], n) == 0;
		if (!is_known) {
			complain("--scope: found \"%s\", expected some of publish play interact",
				 scope);
			return COMMAND_MISUSED;
		}
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
	[TOKEN_ALGORITHM] = {"algorithm", "NAME", "EdDSA, ES256 or RS256", "EdDSA", false},
	[TOKEN_TENANT] = {"tenant", "ID", "tenant the token is for", NULL, true},
	[TOKEN_STREAM] = {"stream", "NAME", "the one stream it is good for, or * for all", "*",
			  false},
	[TOKEN_SCOPE] = {"scope", "WORDS", "what it allows: publish play interact", "play", false},
	[TOKEN_TTL] = {"ttl", "TIME", "how long it is good: 90s, 15m, 1h, 7d", "1h", false},
	[TOKEN_SUBJECT] = {"subject", "TEXT", "who it was made for", NULL, false},
	[TOKEN_AUDIENCE] = {"audience", "TEXT", "node.audience of the node", "nn5g", false},
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

static int token_run(const char *const *values, const char *argument)
{
	(void)argument;
	long ttl = duration_parse(values[TOKEN_TTL]);
	if (ttl < 0) {
		complain("--ttl: found %s, expected 1 to %ld seconds, or with m, h or d",
			 values[TOKEN_TTL], TTL_SECONDS_MAX);
		return COMMAND_MISUSED;
	}
	struct jwt_claims claims = {0};
	if (!is_plain_word("tenant", values[TOKEN_TENANT], TENANT_ID_MAX))
		return COMMAND_MISUSED;
	if (!claims_fill(values, &claims) || scope_check(claims.scope))
		return COMMAND_MISUSED;
	const char *key_id = values[TOKEN_KEY_ID] ? values[TOKEN_KEY_ID] : "";
	if (values[TOKEN_KEY_ID] && !text_fits("key-id", key_id))
		return COMMAND_MISUSED;
	claims.issued_at = time(NULL);
	claims.expires_at = claims.issued_at + ttl;
	if (values[TOKEN_SINGLE_USE] && token_id_make(claims.id))
		return complain("no random bytes");
	struct jwt_key *key = NULL;
	int rc = key_load(values[TOKEN_KEY], key_id, values[TOKEN_ALGORITHM], &key);
	if (rc)
		return rc;
	char *token = jwt_sign(key, &claims);
	if (token)
		puts(token);
	else
		rc = complain("%s: found a public key, expected a private one", values[TOKEN_KEY]);
	free(token);
	jwt_key_destroy(key);
	return rc;
}

/* Writes a file that did not exist, readable as `mode` says. Negative errno. */
static int file_create(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	size_t size = strlen(text);
	int rc = write(fd, text, size) == (ssize_t)size ? 0 : -EIO;
	if (rc == 0 && fsync(fd))
		rc = -errno;
	if (close(fd) && rc == 0)
		rc = -errno;
	if (rc)
		unlink(path);
	return rc;
}

enum {
	GENERATE_OUT,
	GENERATE_PUBLIC_OUT,
	GENERATE_ALGORITHM,
	GENERATE_TENANT,
	GENERATE_KEY_ID,
	GENERATE_OPTIONS
};

static const struct command_option generate_options[GENERATE_OPTIONS] = {
	[GENERATE_OUT] = {"out", "FILE", "private key, PEM; must not exist yet, mode 0600", NULL,
			  true},
	[GENERATE_PUBLIC_OUT] = {"public-out", "FILE", "public key, PEM; must not exist yet", NULL,
				 false},
	[GENERATE_ALGORITHM] = {"algorithm", "NAME", "EdDSA, ES256 or RS256", "EdDSA", false},
	[GENERATE_TENANT] = {"tenant", "ID", "tenant to name in the entry", "demo", false},
	[GENERATE_KEY_ID] = {"key-id", "ID", "id (kid) to name in the entry", "dev", false},
};

static void path_print(const char *key, const char *path)
{
	printf("%s'", key);
	for (; *path; path++)
		fputs(*path == '\'' ? "''" : (const char[]){*path, '\0'}, stdout);
	puts("'");
}

/* An entry for tenants.yaml; with no tenant in it yet, it is a whole tenants.yaml. */
static void entry_print(const char *const *values, const char *public_pem)
{
	printf("tenants:\n  - id: %s\n    keys:\n      - id: %s\n        algorithm: %s\n",
	       values[GENERATE_TENANT], values[GENERATE_KEY_ID], values[GENERATE_ALGORITHM]);
	if (values[GENERATE_PUBLIC_OUT]) {
		char *path = realpath(values[GENERATE_PUBLIC_OUT], NULL);
		path_print("        public_key_file: ", path ? path : values[GENERATE_PUBLIC_OUT]);
		free(path);
		return;
	}
	puts("        public_key: |");
	while (*public_pem) {
		size_t n = strcspn(public_pem, "\n");
		printf("          %.*s\n", (int)n, public_pem);
		public_pem += n + (public_pem[n] == '\n');
	}
}

static int generate_write(const char *const *values, const char *private_pem,
			  const char *public_pem)
{
	int rc = file_create(values[GENERATE_OUT], 0600, private_pem);
	if (rc)
		return complain("%s: %s", values[GENERATE_OUT], strerror(-rc));
	if (values[GENERATE_PUBLIC_OUT]) {
		rc = file_create(values[GENERATE_PUBLIC_OUT], 0644, public_pem);
		if (rc) {
			unlink(values[GENERATE_OUT]);
			return complain("%s: %s", values[GENERATE_PUBLIC_OUT], strerror(-rc));
		}
	}
	entry_print(values, public_pem);
	return COMMAND_DONE;
}

static int generate_run(const char *const *values, const char *argument)
{
	(void)argument;
	int algorithm = jwt_algorithm_by_name(values[GENERATE_ALGORITHM]);
	if (algorithm < 0) {
		complain("--algorithm: found %s, expected EdDSA, ES256 or RS256",
			 values[GENERATE_ALGORITHM]);
		return COMMAND_MISUSED;
	}
	if (!is_plain_word("tenant", values[GENERATE_TENANT], TENANT_ID_MAX) ||
	    !is_plain_word("key-id", values[GENERATE_KEY_ID], JWT_ID_MAX))
		return COMMAND_MISUSED;
	struct jwt_key *key;
	if (jwt_key_generate("", (enum jwt_algorithm)algorithm, &key))
		return complain("the key could not be made");
	char *private_pem = jwt_key_export(key, true);
	char *public_pem = jwt_key_export(key, false);
	int rc = private_pem && public_pem ? generate_write(values, private_pem, public_pem)
					   : complain("the key could not be written");
	if (private_pem)
		explicit_bzero(private_pem, strlen(private_pem));
	free(private_pem);
	free(public_pem);
	jwt_key_destroy(key);
	return rc;
}

static const struct command_option public_options[] = {
	{"algorithm", "NAME", "EdDSA, ES256 or RS256", "EdDSA", false},
};

static int public_run(const char *const *values, const char *path)
{
	struct jwt_key *key;
	int rc = key_load(path, "", values[0], &key);
	if (rc)
		return rc;
	char *pem = jwt_key_export(key, false);
	if (pem)
		fputs(pem, stdout);
	else
		rc = complain("%s: the key could not be written", path);
	free(pem);
	jwt_key_destroy(key);
	return rc;
}

static int reference_run(const char *const *values, const char *argument)
{
	(void)values;
	(void)argument;
	puts("# gateway.yaml\n");
	config_reference(stdout);
	puts("\n# tenants.yaml\n\nEach item of `tenants`:\n");
	tenants_reference(stdout);
	return COMMAND_DONE;
}

#define OPTIONS(rows) rows, sizeof(rows) / sizeof(rows[0])
static const struct command commands[] = {
	{"token", NULL, "make a token",
	 "Signs a token and prints it, alone on a line. The tenant must list the public half of "
	 "the\n"
	 "key in tenants.yaml.",
	 OPTIONS(token_options), token_run},
	{"key generate", NULL, "make a key pair",
	 "Writes the private key to a new file and prints the public key as an entry for\n"
	 "tenants.yaml. With --public-out the public key goes to a file of its own, and the entry\n"
	 "names that file.",
	 OPTIONS(generate_options), generate_run},
	{"key public", "FILE", "print the public half of a key",
	 "Prints the public half of a key, private or public, PEM or JWK, as PEM.",
	 OPTIONS(public_options), public_run},
	{"config reference", NULL, "print all keys of gateway.yaml and tenants.yaml",
	 "Prints a Markdown table of every key: values, default, whether a reload takes it over.",
	 NULL, 0, reference_run},
};

int main(int argc, char **argv)
{
	static const struct command_table table = {
		.program = "nn5gctl",
		.text = "Operate NN-5G edge gateways.",
		.commands = commands,
		.n_commands = sizeof(commands) / sizeof(commands[0]),
	};
	return command_main(&table, argc, argv);
}
