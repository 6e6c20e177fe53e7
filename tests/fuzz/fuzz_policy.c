/* Any JSON as a policy, a slice and a tenant document: refused with words, or it comes back from
 * what was made of it as the same document. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "conf/policy.h"
#include "conf/slice_config.h"
#include "conf/tenants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void policy(const json_t *document, FILE *errors)
{
	struct policy read, again;
	if (policy_read(document, "policy", errors, &read))
		return;
	json_t *written = policy_write(&read);
	require(written && policy_read(written, "policy", stderr, &again) == 0);
	json_t *rewritten = policy_write(&again);
	require(json_equal(written, rewritten));
	json_decref(written);
	json_decref(rewritten);
	policy_free(&read);
	policy_free(&again);
}

static void slice(const json_t *document, FILE *errors)
{
	struct slice_config read, again;
	if (slice_config_read(document, errors, &read))
		return;
	json_t *written = slice_config_write(&read);
	require(written && slice_config_read(written, stderr, &again) == 0);
	json_t *rewritten = slice_config_write(&again);
	require(json_equal(written, rewritten));
	json_decref(written);
	json_decref(rewritten);
}

static void tenant(const json_t *document, FILE *errors)
{
	struct tenant_config read, again;
	if (tenant_config_read(document, errors, &read))
		return;
	json_t *written = tenant_config_write(&read);
	require(written && tenant_config_read(written, stderr, &again) == 0);
	json_t *rewritten = tenant_config_write(&again);
	require(json_equal(written, rewritten));
	json_decref(written);
	json_decref(rewritten);
	tenant_config_free(&read);
	tenant_config_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const json_t *document, FILE *errors) = {policy, slice,
										tenant};
	json_t *document = json_loadb((const char *)data, size, JSON_DECODE_ANY, NULL);
	for (size_t i = 0; document && i < sizeof(readers) / sizeof(readers[0]); i++) {
		char *told;
		size_t told_size;
		FILE *errors = open_memstream(&told, &told_size);
		readers[i](document, errors);
		fclose(errors);
		free(told);
	}
	json_decref(document);
	return 0;
}
