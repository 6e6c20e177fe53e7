/* A PostgreSQL of a test program's own (tests/postgres), started when first asked for, stopped at
 * its end. A machine without PostgreSQL fails the test. */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/folder.h"

#define POSTGRES_URL_BYTES 256

static char postgres_folder[TEST_FOLDER_BYTES];
static char postgres_url_[POSTGRES_URL_BYTES];

/* Runs tests/postgres COMMAND on the folder; its first line of output goes to `out`. */
static inline bool postgres_do(const char *command, char out[POSTGRES_URL_BYTES])
{
	char line[512], drop[POSTGRES_URL_BYTES];
	snprintf(line, sizeof(line), TEST_FOLDER "/../postgres %s %s%s", command, postgres_folder,
		 strcmp(command, "start") == 0 ? " --no-fsync" : "");
	if (strcmp(command, "start") == 0)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), " --with %d",
			 (int)getpid());
	FILE *pipe = popen(line, "r");
	if (!pipe)
		return false;
	char *target = out ? out : drop;
	if (fgets(target, POSTGRES_URL_BYTES, pipe))
		target[strcspn(target, "\n")] = '\0';
	return pclose(pipe) == 0;
}

/* The server's URL, with a database "nn5g"; NULL: it cannot be started. */
static inline const char *postgres_fixture_url(void)
{
	if (postgres_url_[0])
		return postgres_url_;
	if (!test_folder_make(postgres_folder, "postgres") || !postgres_do("start", postgres_url_))
		return NULL;
	return postgres_url_;
}

/* SIGKILL, as a crash would; and up again. */
static inline bool postgres_fixture_kill(void)
{
	return postgres_do("kill", NULL);
}

static inline bool postgres_fixture_restart(void)
{
	return postgres_do("start", NULL);
}

static inline int postgres_fixture_stop(void)
{
	if (!postgres_folder[0])
		return 0;
	bool is_stopped = postgres_do("stop", NULL);
	char line[128];
	snprintf(line, sizeof(line), "rm -rf %s", postgres_folder);
	postgres_url_[0] = postgres_folder[0] = '\0';
	return is_stopped && system(line) == 0 ? 0 : 1;
}
