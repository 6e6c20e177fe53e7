#include "bench/bound.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#define TURNS      5 /* each operation in turn; the quickest turn counts */
#define TURN_NS    40000000ull
#define ONCE       16 /* operations between two looks at the clock */
#define HASH_BYTES 20 /* as `openssl speed` signs them */

/* Everything but the operations is made once, as `openssl speed` does it. */
struct tools {
	EVP_PKEY *own, *other;
	EVP_PKEY_CTX *signing, *verification, *generation, *derivation;
	unsigned char hash[HASH_BYTES], signature[128];
	size_t signature_size;
};

static bool sign(struct tools *tools)
{
	tools->signature_size = sizeof(tools->signature);
	return EVP_PKEY_sign(tools->signing, tools->signature, &tools->signature_size, tools->hash,
			     sizeof(tools->hash)) == 1;
}

static bool verify(struct tools *tools)
{
	return EVP_PKEY_verify(tools->verification, tools->signature, tools->signature_size,
			       tools->hash, sizeof(tools->hash)) == 1;
}

static bool keygen(struct tools *tools)
{
	EVP_PKEY *key = NULL;
	bool is_made = EVP_PKEY_generate(tools->generation, &key) == 1;
	EVP_PKEY_free(key);
	return is_made;
}

static bool derive(struct tools *tools)
{
	unsigned char secret[32];
	size_t size = sizeof(secret);
	return EVP_PKEY_derive(tools->derivation, secret, &size) == 1;
}

static void destroy_tools(struct tools *tools)
{
	EVP_PKEY_CTX_free(tools->signing);
	EVP_PKEY_CTX_free(tools->verification);
	EVP_PKEY_CTX_free(tools->generation);
	EVP_PKEY_CTX_free(tools->derivation);
	EVP_PKEY_free(tools->own);
	EVP_PKEY_free(tools->other);
}

/* A key that is generated takes the curve from one that is there. */
static bool create_tools(struct tools *tools)
{
	*tools = (struct tools){.own = EVP_EC_gen("P-256"), .other = EVP_EC_gen("P-256")};
	if (!tools->own || !tools->other)
		return false;
	tools->signing = EVP_PKEY_CTX_new(tools->own, NULL);
	tools->verification = EVP_PKEY_CTX_new(tools->own, NULL);
	tools->generation = EVP_PKEY_CTX_new(tools->own, NULL);
	tools->derivation = EVP_PKEY_CTX_new(tools->own, NULL);
	return tools->signing && EVP_PKEY_sign_init(tools->signing) == 1 && tools->verification &&
	       EVP_PKEY_verify_init(tools->verification) == 1 && tools->generation &&
	       EVP_PKEY_keygen_init(tools->generation) == 1 && tools->derivation &&
	       EVP_PKEY_derive_init(tools->derivation) == 1 &&
	       EVP_PKEY_derive_set_peer(tools->derivation, tools->other) == 1;
}

/* CPU time, since others may want this core meanwhile. */
static uint64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static bool time_turn(bool (*call)(struct tools *tools), struct tools *tools, double *best_us)
{
	unsigned int n = 0;
	uint64_t begin_ns = cpu_ns(), now_ns;
	do {
		for (int i = 0; i < ONCE; i++) {
			if (!call(tools))
				return false;
		}
		n += ONCE;
		now_ns = cpu_ns();
	} while (now_ns - begin_ns < TURN_NS);
	double us = (double)(now_ns - begin_ns) / 1e3 / n;
	if (*best_us == 0 || us < *best_us)
		*best_us = us;
	return true;
}

int bound_measure(struct bound *bound)
{
	struct tools tools;
	*bound = (struct bound){0};
	bool is_well = create_tools(&tools);
	for (int turn = 0; is_well && turn < TURNS; turn++)
		is_well = time_turn(sign, &tools, &bound->sign_us) &&
			  time_turn(verify, &tools, &bound->verify_us) &&
			  time_turn(keygen, &tools, &bound->keygen_us) &&
			  time_turn(derive, &tools, &bound->derive_us);
	destroy_tools(&tools);
	if (!is_well)
		return -EIO;
	bound->per_second =
		1e6 / (bound->sign_us + bound->verify_us + bound->keygen_us + bound->derive_us);
	return 0;
}
