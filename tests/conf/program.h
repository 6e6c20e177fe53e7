/* Runs a program of the build as an operator runs it, and keeps what it left behind. */
#pragma once

#include "tests/cunit.h"

#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static struct {
	int code; /* -1: it did not exit */
	char out[65536], err[16384];
} program_result;

static inline void program_read(FILE *file, char *text, size_t size)
{
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* `name` beside the folder of tests, with the words of a line split at blanks. */
static inline void program_run(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline void program_run(const char *name, const char *format, ...)
{
	char self[PATH_MAX] = "", path[PATH_MAX + 64], words[4096], *argv[64] = {path};
	int argc = 1, status;
	pid_t pid;
	CU_ASSERT_FATAL(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(path, sizeof(path), "%s/../%s", dirname(self), name);
	va_list args;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	for (char *word = strtok(words, " "); word && argc < 63; word = strtok(NULL, " "))
		argv[argc++] = word;
	FILE *out = tmpfile(), *err = tmpfile();
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO);
	CU_ASSERT_EQUAL_FATAL(posix_spawn(&pid, path, &actions, NULL, argv, environ), 0);
	CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
	posix_spawn_file_actions_destroy(&actions);
	program_result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	program_read(out, program_result.out, sizeof(program_result.out));
	program_read(err, program_result.err, sizeof(program_result.err));
}

/* The exit code, and a part of what it printed. */
static inline void program_expect(int code, const char *in_out, const char *in_err)
{
	CU_ASSERT_EQUAL(program_result.code, code);
	if (program_result.code == code && strstr(program_result.out, in_out) &&
	    strstr(program_result.err, in_err))
		return;
	printf("\nexit %d, expected %d with \"%s\" and \"%s\"\nout: %serr: %s", program_result.code,
	       code, in_out, in_err, program_result.out, program_result.err);
	CU_FAIL("not said");
}

/* Keeps what it printed in a file. */
static inline void program_save(const char *path)
{
	FILE *file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(program_result.out, file);
	fclose(file);
}
