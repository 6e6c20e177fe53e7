/* tenants.yaml: tenants and their keys, from the file itself and from files beside it. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/tenants.h"
#include "tests/conf/signers.h"

static int parse(const char *name, const char *text, char **told, struct tenants_config *tenants)
{
	size_t n;
	FILE *errors = open_memstream(told, &n);
	int rc = tenants_parse(name, text, strlen(text), errors, tenants);
	fclose(errors);
	return rc;
}

/* A PEM as a YAML block, indented to stand under a key row. */
static char *indented(const char *pem)
{
	char *text = malloc(strlen(pem) * 2 + 64);
	char *end = text;
	for (bool is_start = true; *pem; pem++) {
		end += is_start ? sprintf(end, "          ") : 0;
		*end++ = *pem;
		is_start = *pem == '\n';
	}
	*end = '\0';
	return text;
}

static void empty_file_has_no_tenants(void)
{
	static const char *const texts[] = {"", "tenants: []\n", "# none\n"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *told;
		struct tenants_config tenants;
		CU_ASSERT_EQUAL_FATAL(parse("t.yaml", texts[i], &told, &tenants), 0);
		CU_ASSERT_EQUAL(tenants.n_tenants, 0);
		tenants_free(&tenants);
		free(told);
	}
	struct tenants_config tenants;
	CU_ASSERT_EQUAL_FATAL(
		tenants_load(TEST_FOLDER "/../../conf/tenants.yaml", stderr, &tenants), 0);
	tenants_free(&tenants);
}

static void tenants_and_inline_keys_are_taken(void)
{
	char *ed = indented(signers[JWT_EDDSA].public_pem),
	     *rs = indented(signers[JWT_RS256].public_pem);
	char text[8192], *told;
	snprintf(text, sizeof(text),
		 "tenants:\n  - id: acme_1\n    name: Acme & Söhne\n    standing: paused\n"
		 "    issuer: https://acme.example\n    sessions_max: 7\n    keys:\n"
		 "      - id: k1\n        public_key: |\n%s"
		 "      - id: k2\n        algorithm: RS256\n        public_key: |\n%s"
		 "      - { id: k3, algorithm: ES256, public_key: "
		 "'{\"kty\":\"EC\",\"crv\":\"P-256\","
		 "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}' }\n"
		 "  - id: plain\n",
		 ed, rs);
	struct tenants_config tenants;
	CU_ASSERT_EQUAL_FATAL(parse("t.yaml", text, &told, &tenants), 0);
	CU_ASSERT_EQUAL_FATAL(tenants.n_tenants, 2);
	const struct tenant_config *acme = &tenants.tenants[0], *plain = &tenants.tenants[1];
	CU_ASSERT_STRING_EQUAL(acme->id, "acme_1");
	CU_ASSERT_STRING_EQUAL(acme->name, "Acme & Söhne");
	CU_ASSERT_EQUAL(acme->standing, TENANT_PAUSED);
	CU_ASSERT_STRING_EQUAL(acme->issuer, "https://acme.example");
	CU_ASSERT_EQUAL(acme->policy.sessions_max, 7);
	CU_ASSERT_EQUAL_FATAL(acme->n_keys, 3);
	CU_ASSERT_STRING_EQUAL(jwt_key_id(acme->keys[1]), "k2");
	CU_ASSERT_EQUAL(jwt_key_algorithm(acme->keys[0]), JWT_EDDSA);
	CU_ASSERT_EQUAL(jwt_key_algorithm(acme->keys[1]), JWT_RS256);
	CU_ASSERT_EQUAL(jwt_key_algorithm(acme->keys[2]), JWT_ES256);
	char *pem = jwt_key_export(acme->keys[0], false);
	CU_ASSERT_STRING_EQUAL(pem, signers[JWT_EDDSA].public_pem);
	CU_ASSERT_STRING_EQUAL(plain->name, "plain");
	CU_ASSERT_STRING_EQUAL(plain->issuer, "plain");
	CU_ASSERT_EQUAL(plain->standing, TENANT_ACTIVE);
	CU_ASSERT(plain->policy.sessions_max == 0 && plain->n_keys == 0);
	free(pem);
	tenants_free(&tenants);
	free(told);
	free(ed);
	free(rs);
}

static void policies_and_slices_are_taken(void)
{
	static const char text[] =
		"slices:\n  - { id: gold, sst: 2, sd: 00abcd, guaranteed_bps: 5000000000 }\n"
		"  - { id: plain }\n"
		"tenants:\n  - id: a\n    plan: p1\n    slice: gold\n"
		"    prices: { video_micros: 20000, session_interactions: 1 }\n"
		"    budget:\n      monthly_micros: 1000000\n      timezone: Europe/Berlin\n"
		"    access:\n      domains: [.example.org, example.com]\n"
		"      routes:\n        - { stream: vip-*, access: restricted, subject: alice }\n"
		"    billed: both\n    sessions_max: 3\n  - id: b\n";
	char *told;
	const char *subject;
	struct tenants_config tenants;
	CU_ASSERT_EQUAL_FATAL(parse("t.yaml", text, &told, &tenants), 0);
	CU_ASSERT_EQUAL_FATAL(tenants.n_slices, 2);
	CU_ASSERT_EQUAL(tenants.slices[0].guaranteed_bps, 5000000000);
	CU_ASSERT_EQUAL(tenants.slices[0].sd, 0xabcd);
	CU_ASSERT_STRING_EQUAL(tenants.slices[1].id, "plain");
	const struct tenant_config *a = &tenants.tenants[0], *b = &tenants.tenants[1];
	CU_ASSERT_STRING_EQUAL(a->plan, "p1");
	CU_ASSERT_STRING_EQUAL(a->slice, "gold");
	CU_ASSERT_EQUAL(a->policy.prices.video_micros, 20000);
	CU_ASSERT_EQUAL(a->policy.budget.monthly_micros, 1000000);
	CU_ASSERT_EQUAL(a->policy.budget.video_minutes, POLICY_UNLIMITED);
	CU_ASSERT_STRING_EQUAL(a->policy.budget.timezone, "Europe/Berlin");
	CU_ASSERT_EQUAL_FATAL(a->policy.access.n_domains, 2);
	CU_ASSERT_STRING_EQUAL(a->policy.access.domains[0], ".example.org");
	CU_ASSERT_EQUAL(policy_route_find(&a->policy, "vip-1", &subject), ACCESS_RESTRICTED);
	CU_ASSERT_STRING_EQUAL(subject, "alice");
	CU_ASSERT_EQUAL(policy_billed(&a->policy), BILLED_BOTH);
	CU_ASSERT_PTR_NULL(b->plan);
	CU_ASSERT_STRING_EQUAL(b->slice, "");
	CU_ASSERT_EQUAL(b->policy.budget.monthly_micros, POLICY_UNLIMITED);
	CU_ASSERT_EQUAL(b->policy.rate.requests, 0);
	tenants_free(&tenants);
	free(told);
}

/* The key file is looked for beside tenants.yaml, wherever that is; what is no file is not waited
 * for. */
static void key_files_are_relative_to_the_file(void)
{
	char folder[] = "/tmp/test_tenants.XXXXXX", path[64], key_path[64], fifo[64];
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/tenants.yaml", folder);
	snprintf(key_path, sizeof(key_path), "%s/dev.pub.pem", folder);
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	FILE *file = fopen(key_path, "w");
	fputs(signers[JWT_EDDSA].public_pem, file);
	fclose(file);
	file = fopen(path, "w");
	fputs("tenants:\n  - id: a\n    keys:\n      - { id: k, public_key_file: dev.pub.pem }\n",
	      file);
	fclose(file);
	CU_ASSERT_EQUAL(mkfifo(fifo, 0600), 0);
	struct tenants_config tenants;
	CU_ASSERT_EQUAL_FATAL(tenants_load(path, stderr, &tenants), 0);
	CU_ASSERT_EQUAL(tenants.tenants[0].n_keys, 1);
	tenants_free(&tenants);
	static const char *const others[] = {"missing.pem", ".", "fifo", "/dev/zero",
					     "tenants.yaml"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char text[256], *told;
		snprintf(text, sizeof(text),
			 "tenants:\n  - id: a\n    keys:\n      - { id: k, public_key_file: %s }\n",
			 others[i]);
		CU_ASSERT_EQUAL(parse(path, text, &told, &tenants), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(told, "tenants.yaml:4: tenant a, key k: found "));
		free(told);
	}
	unlink(path);
	unlink(key_path);
	unlink(fifo);
	rmdir(folder);
}

#define KEY "tenants:\n  - id: a\n    keys:\n      - "
static const struct {
	const char *text, *told;
} faults[] = {
	{"tenant: []\n", "t.yaml:1: found unknown key \"tenant\", expected one of tenants"},
	{"tenants: {}\n", "t.yaml:1: tenants: found keys, expected a list of 0 to 4096"},
	{"tenants: [a]\n", "t.yaml:1: tenants[0]: found \"a\", expected keys"},
	{"tenants:\n  - name: a\n",
	 "t.yaml:2: tenants[0].id: found nothing, expected a text of 1 to 63"},
	{"tenants:\n  - id: a b\n", "t.yaml:2: tenants[0].id: found \"a b\", expected letters"},
	{"tenants:\n  - id: ../etc\n", "tenants[0].id: found \"../etc\", expected letters"},
	{"tenants:\n  - id: \"\"\n", "tenants[0].id: found \"\", expected a text"},
	{"tenants:\n  - id: abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl\n",
	 "tenants[0].id: found "
	 "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh\"..., exp"},
	{"tenants:\n  - id: a\n  - id: b\n  - id: a\n",
	 "t.yaml:4: tenants[2].id: found \"a\" again (line 2 has it), expected each only once"},
	{"tenants:\n  - id: a\n    standing: gone\n", "expected one of active paused exited"},
	{"tenants:\n  - id: a\n    sessions_max: 65537\n", "expected a number from 0 to 65536"},
	{"tenants:\n  - id: a\n    issuer: []\n",
	 "tenants[0].issuer: found a list, expected a text"},
	{"tenants:\n  - id: a\n    prices:\n      video: 1\n",
	 "t.yaml:4: tenants[0].prices: found unknown key \"video\""},
	{"tenants:\n  - id: a\n    budget: { timezone: Mars }\n",
	 "t.yaml:3: tenants[0].budget.timezone: found \"Mars\", expected the name of a time zone"},
	{"tenants:\n  - id: a\n    access:\n      routes:\n"
	 "        - { stream: x, access: restricted }\n",
	 "t.yaml:2: tenant a: access.routes[0].subject: found nothing"},
	{"tenants:\n  - id: a\n    slice: \"a b\"\n", "tenants[0].slice: found \"a b\", expected"},
	{"slices:\n  - id: a\n    max_bps: 8000\n    guaranteed_bps: 8001\n",
	 "t.yaml:2: slice a: guaranteed_bps: found 8001, expected at most max_bps, which is 8000"},
	{"slices:\n  - {id: b, five_qi: 11}\n",
	 "t.yaml:2: slice b: five_qi: found 11, expected a standardized value: 1 2 3 4 5 6 7 8 9 "},
	{"slices:\n  - {id: b, max_bps: 7999}\n",
	 "t.yaml:2: slice b: max_bps: found 7999, expected 0 or at least 8000 bit/s"},
	{"slices:\n  - id: a\n  - id: a\n", "t.yaml:3: slices[1].id: found \"a\" again"},
	{KEY "{ algorithm: EdDSA, public_key: x }\n",
	 "t.yaml:4: tenants[0].keys[0].id: found nothing"},
	{KEY "{ id: k, algorithm: HS256, public_key: x }\n", "expected one of EdDSA ES256 RS256"},
	{KEY "{ id: k, algorithm: none, public_key: x }\n", "expected one of EdDSA ES256 RS256"},
	{KEY "{ id: k }\n",
	 "t.yaml:4: tenant a, key k: found no key, expected one public key for EdDSA"},
	{KEY "{ id: k, public_key: x, public_key_file: y }\n",
	 "found both public_key and public_key_f"},
	{KEY "{ id: k, public_key: x }\n", "tenant a, key k: found a text that is no such key"},
	{KEY "{ id: k, public_key: \"a\\0b\" }\n", "keys[0].public_key: found a text, expected"},
	{KEY "{ id: k, public_key: x }\n      - { id: k, public_key: x }\n",
	 "t.yaml:5: tenants[0].keys[1].id: found \"k\" again (line 4 has it)"},
	{KEY "{ id: k, private_key: x }\n", "found unknown key \"private_key\""},
	{KEY "{ id: 1, public_key: x }\n      - { id: 2, public_key: x }\n      - { id: 3 }\n"
	     "      - { id: 4 }\n      - { id: 5 }\n      - { id: 6 }\n      - { id: 7 }\n"
	     "      - { id: 8 }\n      - { id: 9 }\n",
	 "t.yaml:4: tenants[0].keys: found 9 of them, expected a list of 0 to 8"},
};

static void faults_are_told_with_their_line(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char *told;
		struct tenants_config tenants = {0};
		CU_ASSERT_EQUAL(parse("t.yaml", faults[i].text, &told, &tenants), -EINVAL);
		CU_ASSERT_PTR_NULL(tenants.tenants);
		if (!strstr(told, faults[i].told)) {
			printf("\n%s-> %s", faults[i].text, told);
			CU_FAIL("not told");
		}
		free(told);
	}
}

static void key_of_another_algorithm_is_refused(void)
{
	char *pem = indented(signers[JWT_ES256].public_pem), text[2048], *told;
	struct tenants_config tenants;
	snprintf(text, sizeof(text),
		 KEY "id: k\n        algorithm: RS256\n        public_key: |\n%s", pem);
	CU_ASSERT_EQUAL(parse("t.yaml", text, &told, &tenants), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "expected one public key for RS256"));
	free(told);
	free(pem);
}

static void private_keys_are_refused_and_not_shown(void)
{
	char *pem = forge_pem(signers[JWT_EDDSA].pair, 1);
	char *block = indented(pem), text[2048], *told;
	struct tenants_config tenants;
	snprintf(text, sizeof(text), KEY "id: k\n        public_key: |\n%s", block);
	CU_ASSERT_EQUAL(parse("t.yaml", text, &told, &tenants), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "t.yaml:4: tenant a, key k: found a private key"));
	CU_ASSERT_PTR_NULL(strstr(told, "BEGIN"));
	free(told);
	free(block);
	free(pem);
}

/* Every other tenant's key is good: nothing of them leaks when one is not (LeakSanitizer). */
static void one_bad_key_refuses_the_file(void)
{
	char *block = indented(signers[JWT_EDDSA].public_pem), text[4096], *told;
	struct tenants_config tenants;
	snprintf(text, sizeof(text),
		 KEY
		 "id: k\n        public_key: |\n%s  - id: b\n    keys: [{id: x, public_key: y}]\n"
		 "  - id: c\n    keys:\n      - id: k\n        public_key: |\n%s",
		 block, block);
	CU_ASSERT_EQUAL(parse("t.yaml", text, &told, &tenants), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "tenant b, key x"));
	free(told);
	free(block);
}

static void as_many_tenants_as_promised_fit(void)
{
	size_t n;
	char *text, *told;
	for (unsigned int extra = 0; extra < 2; extra++) {
		FILE *file = open_memstream(&text, &n);
		fputs("tenants:\n", file);
		for (unsigned int i = 0; i < TENANTS_MAX + extra; i++)
			fprintf(file, "  - id: tenant-%u\n", i);
		fclose(file);
		struct tenants_config tenants;
		int rc = parse("t.yaml", text, &told, &tenants);
		CU_ASSERT_EQUAL(rc, extra ? -EINVAL : 0);
		if (rc == 0) {
			CU_ASSERT_EQUAL(tenants.n_tenants, TENANTS_MAX);
			CU_ASSERT_STRING_EQUAL(tenants.tenants[TENANTS_MAX - 1].id, "tenant-4095");
			tenants_free(&tenants);
		} else {
			CU_ASSERT_PTR_NOT_NULL(strstr(told, "found 4097 of them"));
		}
		free(told);
		free(text);
	}
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(empty_file_has_no_tenants),
	ROW(tenants_and_inline_keys_are_taken),
	ROW(policies_and_slices_are_taken),
	ROW(key_files_are_relative_to_the_file),
	ROW(faults_are_told_with_their_line),
	ROW(key_of_another_algorithm_is_refused),
	ROW(private_keys_are_refused_and_not_shown),
	ROW(one_bad_key_refuses_the_file),
	ROW(as_many_tenants_as_promised_fit),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("tenants", tests, signers_make, signers_free)
