/* How many decisions the gates make in a second, on one core, in the process: 17 gates over a real
 * offer and a signed token, with a rate, a slice and credit in hand; what was set aside is given
 * back each time. Prints one line per case. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
#define CHECK_EVERY  64 /* decisions between looks at the clock */
#define OFFER_MAX    65536
#define GRANT_MICROS 1000000000

static const char tenants_yaml[] =
	"slices:\n  - { id: gold, guaranteed_bps: 100000000 }\n"
	"tenants:\n  - id: demo\n    slice: gold\n    session_bps: 1000000\n"
	"    prices: { video_micros: 20000, interaction_micros: 10000, session_interactions: 1 }\n"
	"    budget: { monthly_micros: 1000000000 }\n"
	"    rate: { requests: 1000000, period_ms: 1, burst: 1000 }\n"
	"    access: { domains: [example.org], routes: [{ stream: live, access: private }] }\n";

static struct node node;
static struct jwt_key *key;
static char offer[OFFER_MAX];
static char *cold[COLD_TOKENS];

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
	int64_t left_bps;
	if (tenants_parse("bench", tenants_yaml, strlen(tenants_yaml), stderr, &config))
		return -1;
	if (jwt_key_generate("dev", JWT_EDDSA, &key))
		return -1;
	char *pem = jwt_key_export(key, false);
	int rc = jwt_key_import("dev", JWT_EDDSA, pem, strlen(pem), &config.tenants[0].keys[0]);
	free(pem);
	config.tenants[0].n_keys = 1;
	if (rc == 0)
		rc = slice_put(node.slices, &config.slices[0], &left_bps);
	return rc ? rc : tenant_table_replace(node.tenants, &config);
}

static int start(void)
{
	node.tenants = tenant_table_create();
	node.slices = slice_table_create(0);
	node.replays = token_replays_create();
	node.tokens = token_cache_create();
	node.denials = gate_counters_create();
	node.streams = stream_table_create(1);
	node.sessions = session_table_create(NULL);
	node.config.control.mode = "none";
	node.config.node.audience = "nn5g";
	node.config.limits.sessions = 4096;
	node.config.limits.sessions_per_stream = 1024;
	node.config.limits.token_bytes = 8192;
	return start_tenant();
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

static enum admit decide(enum gate_ask ask, const char *token)
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
	if (verdict != ADMIT_YES && verdict != ADMIT_NO)
		abort();
	gates_forget(admission);
	return verdict;
}

static void run(const char *name, enum gate_ask ask, char *const *tokens, unsigned int n_tokens)
{
	uint64_t begun = clock_ns(), now = begun, n = 0, n_no = 0;
	while (now - begun < CASE_NS) {
		for (unsigned int i = 0; i < CHECK_EVERY; i++, n++)
			n_no += decide(ask, tokens[n % n_tokens]) != ADMIT_YES;
		now = clock_ns();
	}
	printf("%-28s %10.0f decisions/s  %8.2f us each  %llu denied\n", name,
	       (double)n * 1e9 / (double)(now - begun), (double)(now - begun) / (double)n / 1e3,
	       (unsigned long long)n_no);
}

int main(int argc, char **argv)
{
	if (argc != 2 || read_offer(argv[1])) {
		fprintf(stderr, "usage: nn5g-bench-gates OFFER.sdp\n");
		return 2;
	}
	for (unsigned int module = 0; module < LOG_MODULES; module++)
		log_set_level((enum log_module)module, LOG_ERROR);
	if (start())
		return 1;
	for (unsigned int i = 0; i < COLD_TOKENS; i++)
		cold[i] = sign(i);
	run("session, warm", ASK_SESSION, cold, 100);
	run("usage, warm", ASK_USAGE, cold, 100);
	struct token_cache *tokens = node.tokens;
	node.tokens = NULL;
	run("session, every token new", ASK_SESSION, cold, COLD_TOKENS);
	node.tokens = tokens;
	return 0;
}
