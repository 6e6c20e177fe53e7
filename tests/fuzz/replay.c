/* Runs a fuzz target once over every file of a corpus folder, in name order: what the fuzzer once
 * found stays found. Fails when the folder is missing or empty. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		perror(path);
		return -1;
	}
	static uint8_t bytes[1 << 20];
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	/* An exact heap copy: reading one byte past the end is seen by ASan. */
	uint8_t *copy = malloc(n ? n : 1);
	for (size_t i = 0; i < n; i++)
		copy[i] = bytes[i];
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
		return 2;
	}
	struct dirent **entries;
	int n = scandir(argv[1], &entries, NULL, alphasort);
	int replayed = 0, failed = 0;
	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
		if (entries[i]->d_name[0] != '.') {
			failed += replay(path) != 0;
			replayed++;
		}
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	printf("replayed %d inputs of %s\n", replayed, argv[1]);
	return replayed > 0 && failed == 0 ? 0 : 1;
}
