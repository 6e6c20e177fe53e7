/* Any bytes as tenants.yaml: refused with words, or taken with keys that can be used. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/tenants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *told;
	size_t told_size;
	struct tenants_config tenants;
	FILE *errors = open_memstream(&told, &told_size);
	int rc = tenants_parse("tenants.yaml", (const char *)data, size, errors, &tenants);
	fclose(errors);
	if ((rc == 0) != (told_size == 0))
		abort();
	free(told);
	if (rc)
		return 0;
	for (unsigned int i = 0; i < tenants.n_tenants; i++)
		for (unsigned int k = 0; k < tenants.tenants[i].n_keys; k++) {
			char *pem = jwt_key_export(tenants.tenants[i].keys[k], true);
			if (!pem || jwt_key_is_private(tenants.tenants[i].keys[k]))
				abort();
			free(pem);
		}
	tenants_free(&tenants);
	return 0;
}
