#include "bench/bound.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#define TURNS   5 /* each operation in turn; the quickest turn counts */
#define TURN_NS 40000000ull

struct tools {
	EVP_PKEY *own, *other;
	unsigned char message[32], signature[128];
	size_t signature_size;
};

static int sign(struct tools *tools)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	tools->signature_size = sizeof(tools->signature);
	int ok = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, tools->own) == 1 &&
		 EVP_DigestSign(context, tools->signature, &tools->signature_size, tools->message,
				sizeof(tools->message)) == 1;
	EVP_MD_CTX_free(context);
	return ok ? 0 : -EIO;
}

static int verify(struct tools *tools)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int ok = EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, tools->own) == 1 &&
		 EVP_DigestVerify(context, tools->signature, tools->signature_size, tools->message,
				  sizeof(tools->message)) == 1;
	EVP_MD_CTX_free(context);
	return ok ? 0 : -EIO;
}

static int keygen(struct tools *tools)
{
	EVP_PKEY_free(tools->other);
	tools->other = EVP_EC_gen("P-256");
	return tools->other ? 0 : -EIO;
}

static int derive(struct tools *tools)
{
	unsigned char secret[32];
	size_t size = sizeof(secret);
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(tools->own, NULL);
	int ok = context && EVP_PKEY_derive_init(context) == 1 &&
		 EVP_PKEY_derive_set_peer(context, tools->other) == 1 &&
		 EVP_PKEY_derive(context, secret, &size) == 1;
	EVP_PKEY_CTX_free(context);
	return ok ? 0 : -EIO;
}

/* CPU time, since others may want this core meanwhile. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static int time_turn(int (*call)(struct tools *tools), struct tools *tools, double *best_us)
{
	unsigned int n = 0;
	uint64_t begin_ns = cpu_ns(), now_ns;
	do {
		if (call(tools))
			return -EIO;
		n++;
		now_ns = cpu_ns();
	} while (now_ns - begin_ns < TURN_NS);
	double us = (double)(now_ns - begin_ns) / 1e3 / n;
	if (*best_us == 0 || us < *best_us)
		*best_us = us;
	return 0;
}

int bound_measure(struct bound *bound)
{
	struct tools tools = {.own = EVP_EC_gen("P-256")};
	int rc = tools.own ? 0 : -EIO;
	*bound = (struct bound){0};
	for (int turn = 0; rc == 0 && turn < TURNS; turn++) {
		rc = time_turn(sign, &tools, &bound->sign_us);
		if (rc == 0)
			rc = time_turn(verify, &tools, &bound->verify_us);
		if (rc == 0)
			rc = time_turn(keygen, &tools, &bound->keygen_us);
		if (rc == 0)
			rc = time_turn(derive, &tools, &bound->derive_us);
	}
	EVP_PKEY_free(tools.own);
	EVP_PKEY_free(tools.other);
	if (rc == 0)
		bound->per_second = 1e6 / (bound->sign_us + bound->verify_us + bound->keygen_us +
					   bound->derive_us);
	return rc;
}
