/* The program itself, run as an operator runs it: what it prints, writes, refuses, and its exit
 * code. */
#include "tests/cunit.h"

#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conf/jwt.h"
#include "conf/tenants.h"

extern char **environ;

static char program[PATH_MAX];
static char folder[] = "/tmp/test_nn5gctl.XXXXXX";

/* What one run left behind. */
static struct {
	int code;
	char out[65536], err[16384];
} result;

static int folder_make(void)
{
	char self[PATH_MAX] = "";
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	snprintf(program, sizeof(program), "%.4000s/../nn5gctl", dirname(self));
	return mkdtemp(folder) ? chdir(folder) : -1;
}

static int folder_remove(void)
{
	return chdir("/") || rmdir(folder);
}

static void read_back(FILE *file, char *text, size_t size)
{
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* Runs the program with the words of `line`, split at single blanks, a "_" in them standing for a
 * blank. */
static void run(const char *line)
{
	char words[1024], *argv[40] = {program};
	int argc = 1;
	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word && argc < 39; word = strtok(NULL, " "))
		argv[argc++] = word;
	for (int i = 1; i < argc; i++)
		for (char *c = argv[i]; *c; c++)
			*c = *c == '_' ? ' ' : *c;
	FILE *out = tmpfile(), *err = tmpfile();
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
	pid_t pid;
	int status;
	CU_ASSERT_EQUAL_FATAL(posix_spawn(&pid, program, &actions, NULL, argv, environ), 0);
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	posix_spawn_file_actions_destroy(&actions);
	result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	read_back(out, result.out, sizeof(result.out));
	read_back(err, result.err, sizeof(result.err));
}

static void expect(int code, const char *in_out, const char *in_err)
{
	CU_ASSERT_EQUAL(result.code, code);
	if (!strstr(result.out, in_out) || !strstr(result.err, in_err)) {
		printf("\nout: %serr: %s", result.out, result.err);
		CU_FAIL("not said");
	}
}

static void help_names_commands_and_options(void)
{
	run("--help");
	expect(0, "  key generate ", "");
	CU_ASSERT_STRING_EQUAL(result.err, "");
	run("--version");
	expect(0, "nn5gctl ", "");
	static const char *const commands[] = {"token",         "key generate",    "key public",
					       "tenant create", "tenant exit",     "plan put",
					       "top-up",        "session kill",    "completion",
					       "manual",        "config reference"};
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char line[64];
		snprintf(line, sizeof(line), "%s --help", commands[i]);
		run(line);
		expect(0, "usage: nn5gctl ", "");
		CU_ASSERT_PTR_NOT_NULL(strstr(result.out, commands[i]));
	}
	run("config reference");
	expect(0, "| `limits.token_bytes` | 256 to 65536 bytes | 8192 | yes |", "");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "| `keys[].public_key_file` |"));
	run("control reference");
	expect(0, "tenant.exit", "");
}

static void wrong_use_is_told(void)
{
	static const struct {
		const char *line, *told;
	} rows[] = {
		{"", "usage: nn5gctl COMMAND"},
		{"fly", "fly: unknown command"},
		{"key", "key: unknown command; there are:\n  key generate "},
		{"key fly", "key fly: unknown command; there are:\n  key generate "},
		{"token", "--key: must be given"},
		{"token --key k", "--tenant: must be given"},
		{"token --key", "--key: needs a value"},
		{"token --kez k", "--kez: unknown option"},
		{"token --single-use=1", "--single-use=1: takes no value"},
		{"token --key k --tenant t more", "more: not expected"},
		{"token --key k --tenant a/b", "--tenant: found \"a/b\", expected 1 to 63 letters"},
		{"token --key k --tenant=", "--tenant: found \"\", expected"},
		{"token --key k --tenant t --subject=", "--subject: found 0 bytes"},
		{"token --key k --tenant t --ttl 0", "--ttl: found 0"},
		{"token --key k --tenant t --ttl -1", "--ttl: found -1"},
		{"token --key k --tenant t --ttl 1w", "--ttl: found 1w"},
		{"token --key k --tenant t --ttl 367d", "--ttl: found 367d"},
		{"token --key k --tenant t --ttl 99999999999999999999", "--ttl: found"},
		{"token --key k --tenant t --scope fly", "--scope: found \"fly\""},
		{"token --key k --tenant t --algorithm none", "--algorithm: found none"},
		{"key generate", "--out: must be given"},
		{"key generate --out x --algorithm HS256", "--algorithm: found HS256"},
		{"key generate --out x --tenant a:b", "--tenant: found"},
		{"key generate --out x --key-id a:b", "--key-id: found"},
		{"key public", "FILE: must be given"},
		{"config reference x", "x: not expected"},
		{"completion ksh", "completion: found ksh, expected bash, zsh or fish"},
		{"key list", "TENANT: must be given"},
		{"key list a b", "b: not expected"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(rows[i].line);
		expect(2, "", rows[i].told);
		CU_ASSERT_STRING_EQUAL(result.out, "");
	}
	CU_ASSERT_NOT_EQUAL(access("x", F_OK), 0);
}

static void failures_are_told(void)
{
	run("token --key missing.pem --tenant t");
	expect(1, "", "missing.pem: No such file");
	run("token --key . --tenant t");
	expect(1, "", ".: Is a directory");
	run("token --key /proc/self/exe --tenant t");
	expect(1, "", "/proc/self/exe: ");
	run("key generate --out missing/dev.pem");
	expect(1, "", "missing/dev.pem: No such file");
}

/* The whole way: a key pair, an entry that tenants.yaml takes as it is, and a token that key reads.
 */
static void made_keys_and_tokens_fit_together(void)
{
	for (int i = 0; i < JWT_ALGORITHMS; i++) {
		const char *name = jwt_algorithm_name((enum jwt_algorithm)i);
		char line[512];
		snprintf(line, sizeof(line),
			 "key generate --out k.pem --tenant acme --key-id k1 --algorithm %s", name);
		run(line);
		expect(0, "public_key: |", "");
		struct stat status;
		CU_ASSERT_EQUAL(stat("k.pem", &status), 0);
		CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
		struct tenants_config tenants;
		CU_ASSERT_EQUAL_FATAL(
			tenants_parse("t.yaml", result.out, strlen(result.out), stderr, &tenants),
			0);
		CU_ASSERT_EQUAL_FATAL(tenants.tenants[0].n_keys, 1);
		const struct jwt_key *key = tenants.tenants[0].keys[0];
		CU_ASSERT_STRING_EQUAL(jwt_key_id(key), "k1");
		run("key generate --out k.pem");
		expect(1, "", "k.pem: File exists");

		char *pem = jwt_key_export(key, false);
		snprintf(line, sizeof(line), "key public k.pem --algorithm %s", name);
		run(line);
		expect(0, pem, "");
		free(pem);

		snprintf(line, sizeof(line),
			 "token --key k.pem --key-id k1 --tenant acme --stream=cam1 "
			 "--scope publish_play --ttl 15m --subject me --algorithm %s",
			 name);
		time_t before = time(NULL);
		run(line);
		expect(0, ".", "");
		result.out[strcspn(result.out, "\n")] = '\0';
		struct jwt_claims claims;
		struct jwt_hint hint;
		CU_ASSERT_EQUAL(jwt_peek(result.out, 8192, &hint), 0);
		CU_ASSERT_STRING_EQUAL(hint.key_id, "k1");
		CU_ASSERT_EQUAL_FATAL(jwt_read(result.out, 8192, key, "nn5g", &claims), 0);
		CU_ASSERT_STRING_EQUAL(claims.tenant, "acme");
		CU_ASSERT_STRING_EQUAL(claims.issuer, "acme");
		CU_ASSERT_STRING_EQUAL(claims.audience, "nn5g");
		CU_ASSERT_STRING_EQUAL(claims.stream, "cam1");
		CU_ASSERT_STRING_EQUAL(claims.scope, "publish play");
		CU_ASSERT_STRING_EQUAL(claims.subject, "me");
		CU_ASSERT_STRING_EQUAL(claims.id, "");
		CU_ASSERT(claims.issued_at >= before && claims.issued_at <= time(NULL));
		CU_ASSERT_EQUAL(claims.expires_at - claims.issued_at, 900);
		tenants_free(&tenants);
		unlink("k.pem");
	}
}

static void public_key_may_go_to_a_file(void)
{
	run("key generate --out k.pem --public-out it's.pub.pem --tenant acme");
	expect(0, "public_key_file: '/", "");
	struct tenants_config tenants;
	CU_ASSERT_EQUAL_FATAL(
		tenants_parse("/t.yaml", result.out, strlen(result.out), stderr, &tenants), 0);
	CU_ASSERT_EQUAL(tenants.tenants[0].n_keys, 1);
	tenants_free(&tenants);
	run("token --key it's.pub.pem --tenant acme");
	expect(1, "", "found a public key, expected a private one");
	run("token --key k.pem --tenant acme --algorithm ES256");
	expect(1, "", "k.pem: found no key for ES256");
	unlink("k.pem");
	run("key generate --out k.pem --public-out it's.pub.pem");
	expect(1, "", "it's.pub.pem: File exists");
	CU_ASSERT_NOT_EQUAL(access("k.pem", F_OK), 0);
	unlink("it's.pub.pem");
}

static void single_use_tokens_differ(void)
{
	char first[4096];
	run("key generate --out k.pem");
	run("token --key k.pem --tenant t --single-use");
	expect(0, ".", "");
	snprintf(first, sizeof(first), "%.4000s", result.out);
	run("token --key k.pem --tenant t --single-use");
	expect(0, ".", "");
	CU_ASSERT_STRING_NOT_EQUAL(first, result.out);
	unlink("k.pem");
}

/* What bash says to a line; true: it had nothing to complain of. */
static bool bash_says(const char *script, char *out, size_t size)
{
	char line[1024];
	snprintf(line, sizeof(line), "bash -c '%s' 2>&1", script);
	FILE *pipe = popen(line, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
	size_t n = fread(out, 1, size - 1, pipe);
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return pclose(pipe) == 0;
}

static void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static void completion_completes(void)
{
	static const struct {
		const char *words, *offers;
		int at;
	} rows[] = {
		{"nn5gctl ten", "tenant", 1},
		{"nn5gctl tenant s", "set show", 2},
		{"nn5gctl tenant create acme --pl", "--plan", 4},
		{"nn5gctl token --algorithm E", "EdDSA ES256", 3},
		{"nn5gctl top-up acme v", "video voice", 3},
		{"nn5gctl completion z", "zsh", 2},
		{"nn5gctl fly s", "", 2},
	};
	char out[512], script[512];
	run("completion bash");
	expect(0, "complete -F _nn5gctl nn5gctl", "");
	file_write("completion", result.out);
	CU_ASSERT(bash_says("bash -n completion", out, sizeof(out)));
	CU_ASSERT_STRING_EQUAL(out, "");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(script, sizeof(script),
			 "source ./completion; COMP_WORDS=(%s); COMP_CWORD=%d; _nn5gctl; "
			 "echo \"${COMPREPLY[*]}\"",
			 rows[i].words, rows[i].at);
		CU_ASSERT(bash_says(script, out, sizeof(out)));
		CU_ASSERT_STRING_EQUAL(out, rows[i].offers);
	}
	/* Near enough to bash for its parser to find an open quote. */
	run("completion zsh");
	expect(0, "#compdef nn5gctl", "");
	file_write("completion", result.out);
	CU_ASSERT(bash_says("bash -n completion", out, sizeof(out)));
	unlink("completion");
	run("completion fish");
	expect(0, "-l plan -x -d 'plan it is on'", "");
}

static void man_page_is_what_the_tables_say(void)
{
	static char page[65536];
	FILE *file = fopen(TEST_FOLDER "/../../conf/nn5gctl.1", "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	run("manual");
	CU_ASSERT_EQUAL(result.code, 0);
	/* Otherwise: nn5gctl manual > conf/nn5gctl.1 */
	CU_ASSERT(strcmp(result.out, page) == 0);
}

static void help_knows_the_commands_of_a_word(void)
{
	run("tenant --help");
	expect(0, "  tenant create ", "");
	CU_ASSERT_PTR_NULL(strstr(result.out, "plan put"));
	run("paths plan");
	expect(0, "budget.monthly_micros ", "");
	run("paths moon");
	expect(2, "", "paths: found moon, expected tenant, plan or slice");
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(help_names_commands_and_options),
	ROW(wrong_use_is_told),
	ROW(failures_are_told),
	ROW(made_keys_and_tokens_fit_together),
	ROW(public_key_may_go_to_a_file),
	ROW(single_use_tokens_differ),
	ROW(help_knows_the_commands_of_a_word),
	ROW(completion_completes),
	ROW(man_page_is_what_the_tables_say),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("nn5gctl", tests, folder_make, folder_remove)
