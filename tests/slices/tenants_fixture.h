/* Tenants made in memory, each with one key of its own named "dev". */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "slices/tenant.h"
#include "tests/cunit.h"

static inline struct tenants_config fixture_tenants(unsigned int n, const char *const *ids)
{
	struct tenants_config config = {.tenants = calloc(n + 1, sizeof(*config.tenants)),
					.n_tenants = n};
	CU_ASSERT_PTR_NOT_NULL_FATAL(config.tenants);
	for (unsigned int i = 0; i < n; i++) {
		struct tenant_config *tenant = &config.tenants[i];
		tenant->id = strdup(ids[i]);
		tenant->name = strdup(ids[i]);
		tenant->issuer = strdup(ids[i]);
		CU_ASSERT_EQUAL_FATAL(jwt_key_generate("dev", JWT_EDDSA, &tenant->keys[0]), 0);
		tenant->n_keys = 1;
	}
	return config;
}
