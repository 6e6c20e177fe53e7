/* How many decisions the gates make in a second, on one core, in the process: 17 gates over a real
 * offer and a signed token, with a rate, a slice and credit in hand; what was set aside is given
 * back each time. Prints one line per case. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conf/clock.h"
#include "conf/jwt.h"
#include "conf/log.h"
#include "gateway/account.h"
#include "gateway/gates.h"
#include "gateway/node.h"
#include "gateway/token.h"
#include "gateway/token_cache.h"
#include "slices/journal.h"
#include "slices/slice.h"
#include "slices/tenant.h"

#define CASE_NS      2000000000ull
#define COLD_TOKENS  2000
#define WARM_TOKENS  100
#define CHECK_EVERY  64 /* decisions between looks at the clock */
#define OFFER_MAX    65536
#define GRANT_MICROS 1000000000

static const char tenants_yaml[] =
	"slices:\n  - { id: gold, guaranteed_bps: 100000000 }\n"
	"tenants:\n  - id: demo\n    slice: gold\n    session_bps: 1000000\n"
	"    prices: { video_micros: 20000, interaction_micros: 10000, session_interactions: 1 }\n"
	"    budget: { monthly_micros: 1000000000 }\n    billed: both\n"
	"    rate: { requests: 1000000, period_ms: 1, burst: 1000 }\n"
	"    access: { domains: [example.org], routes: [{ stream: live, access: private }] }\n";

static struct node node;
static struct jwt_key *key;
static char offer[OFFER_MAX];
static char *cold[COLD_TOKENS];
static char folder[] = "/tmp/nn5g-bench-gates-XXXXXX", journal_path[64];

static char *sign(unsigned int serial)
{
	struct jwt_claims claims = {
		.audience = "nn5g",
		.issuer = "demo",
		.tenant = "demo",
		.stream = "live",
		.scope = "publish play usage",
		.issued_at = (int64_t)time(NULL) - 1 - serial % 2,
		.expires_at = (int64_t)time(NULL) + 600,
	};
	snprintf(claims.subject, sizeof(claims.subject), "%u", serial);
	return jwt_sign(key, &claims);
}

static int read_offer(const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t n = file ? fread(offer, 1, sizeof(offer) - 1, file) : 0;
	if (file)
		fclose(file);
	return n > 0 ? 0 : -1;
}

static int start_tenant(void)
{
	struct tenants_config config = {0};
	struct slice_refusal refusal;
	if (tenants_parse("bench", tenants_yaml, strlen(tenants_yaml), stderr, &config))
		return -1;
	if (jwt_key_generate("dev", JWT_EDDSA, &key))
		return -1;
	char *pem = jwt_key_export(key, false);
	int rc = jwt_key_import("dev", JWT_EDDSA, pem, strlen(pem), &config.tenants[0].keys[0]);
	free(pem);
	config.tenants[0].n_keys = 1;
	if (rc == 0)
		rc = slice_put(node.slices, &config.slices[0], &refusal);
	return rc ? rc : tenant_table_replace(node.tenants, &config);
}

/* A book that writes down and has been granted enough. */
static int start_credit(void)
{
	snprintf(journal_path, sizeof(journal_path), "%s/journal.db", folder);
	int rc = journal_open(journal_path, &node.journal);
	if (rc)
		return rc;
	node.accounts = account_book_create(&node);
	if (!node.accounts)
		return -ENOMEM;
	quota_grant(&tenant_find(node.tenants, "demo", 4)->quotas[ACCOUNT_CREDIT], GRANT_MICROS);
	return 0;
}

static int start(void)
{
	node.tenants = tenant_table_create();
	node.slices = slice_table_create(0);
	node.replays = token_replays_create();
	node.tokens = token_cache_create();
	node.denials = gate_counters_create();
	node.streams = stream_table_create(1);
	node.sessions = session_table_create(&node);
	node.config.control.mode = "none";
	node.config.node.audience = "nn5g";
	node.config.limits.sessions = 4096;
	node.config.limits.sessions_per_stream = 1024;
	node.config.limits.token_bytes = 8192;
	int rc = start_tenant();
	return rc ? rc : start_credit();
}

static void stop(void)
{
	for (unsigned int i = 0; i < COLD_TOKENS; i++)
		free(cold[i]);
	account_book_destroy(node.accounts);
	journal_close(node.journal);
	session_table_destroy(node.sessions);
	stream_table_destroy(node.streams);
	gate_counters_destroy(node.denials);
	token_cache_destroy(node.tokens);
	token_replays_destroy(node.replays);
	slice_table_destroy(node.slices);
	tenant_table_destroy(node.tenants);
	jwt_key_destroy(key);
	unlink(journal_path);
	rmdir(folder);
}

static struct http_request request_of(const char *authorization)
{
	struct http_request request = {
		.method = HTTP_POST,
		.path = "/whip/demo/live",
		.query = "",
		.authorization = authorization,
		.content_type = "application/sdp",
		.accept = "",
		.if_match = "",
		.origin = "https://example.org",
		.host = "",
		.body = offer,
		.body_bytes = strlen(offer),
		.is_tls = true,
	};
	return request;
}

static void require(bool holds)
{
	if (holds)
		return;
	fputs("nn5g-bench-gates: a decision was not what it should be\n", stderr);
	exit(EXIT_FAILURE);
}

static void decide(enum gate_ask ask, const char *token)
{
	char authorization[4096];
	snprintf(authorization, sizeof(authorization), "Bearer %s", token);
	struct http_request request = request_of(authorization);
	if (ask == ASK_USAGE) {
		request.content_type = "application/json";
		request.body = "{\"key\":\"k\",\"unit\":\"token_unit\",\"quantity\":1000}";
		request.body_bytes = strlen(request.body);
	}
	struct admission *admission =
		gates_ask(&node, ask, &request, "demo", ask == ASK_USAGE ? "" : "live");
	enum admit verdict = gates_admit(admission);
	const struct quota *credit = &admission->tenant->quotas[ACCOUNT_CREDIT];
	/* What is timed must be the real thing: credit lent, bandwidth promised, all given back. */
	require(verdict == ADMIT_YES);
	require(ask == ASK_USAGE || (credit->lent > 0 && admission->slice->promised_bps > 0));
	gates_forget(admission);
	require(credit->lent == 0);
}

static void run(const char *name, enum gate_ask ask, char *const *tokens, unsigned int n_tokens)
{
	uint64_t begun = clock_ns(), now = begun, n = 0;
	while (now - begun < CASE_NS) {
		for (unsigned int i = 0; i < CHECK_EVERY; i++, n++)
			decide(ask, tokens[n % n_tokens]);
		now = clock_ns();
	}
	printf("%-24s %8.0f decisions/s  %7.2f us each\n", name,
	       (double)n * 1e9 / (double)(now - begun), (double)(now - begun) / (double)n / 1e3);
}

int main(int argc, char **argv)
{
	if (argc != 2 || read_offer(argv[1])) {
		fprintf(stderr, "usage: nn5g-bench-gates OFFER.sdp\n");
		return EXIT_FAILURE;
	}
	for (unsigned int module = 0; module < LOG_MODULES; module++)
		log_set_level((enum log_module)module, LOG_ERROR);
	if (!mkdtemp(folder) || start())
		return EXIT_FAILURE;
	for (unsigned int i = 0; i < COLD_TOKENS; i++)
		cold[i] = sign(i);
	run("session, tokens known", ASK_SESSION, cold, WARM_TOKENS);
	run("usage, tokens known", ASK_USAGE, cold, WARM_TOKENS);
	struct token_cache *tokens = node.tokens;
	node.tokens = NULL;
	run("session, every token new", ASK_SESSION, cold, COLD_TOKENS);
	node.tokens = tokens;
	stop();
	return EXIT_SUCCESS;
}
