/* Any bytes as gateway.yaml: refused with words, or taken; what is taken can be written out and
 * loads back to the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dump(const struct gateway_config *config, size_t *size)
{
	char *text;
	FILE *file = open_memstream(&text, size);
	config_dump(config, file);
	fclose(file);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *told, *told_again;
	size_t told_size, dump_size, again_size;
	struct gateway_config config, again;
	FILE *errors = open_memstream(&told, &told_size);
	int rc = config_parse("gateway.yaml", (const char *)data, size, errors, &config);
	fclose(errors);
	if ((rc == 0) != (told_size == 0))
		abort();
	free(told);
	if (rc)
		return 0;
	char *text = dump(&config, &dump_size);
	errors = open_memstream(&told_again, &told_size);
	if (config_parse("gateway.yaml", text, dump_size, errors, &again))
		abort();
	fclose(errors);
	char *text_again = dump(&again, &again_size);
	if (strcmp(text, text_again) != 0)
		abort();
	free(told_again);
	free(text);
	free(text_again);
	config_free(&again);
	config_free(&config);
	return 0;
}
