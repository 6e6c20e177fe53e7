/* What the commands of nn5gctl share: how they complain, ask the control socket, read their options
 * and show results: tables for people, JSON for programs. Main thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/assignment.h"
#include "conf/command.h"

#define CTL_TIMEOUT_MS 60000 /* an export of a long ledger takes its time */
#define CTL_CELL_BYTES 256

struct json_t;
struct jwt_key;

/* The commands, a group per file. */
extern const struct command_group ctl_token_commands, ctl_key_commands, ctl_tenant_commands,
	ctl_plan_commands, ctl_secret_commands, ctl_budget_commands, ctl_session_commands,
	ctl_ledger_commands, ctl_top_commands, ctl_memory_commands, ctl_profile_commands;

/* The first options of every command that asks the control socket. */
enum { CTL_SOCKET, CTL_JSON, CTL_OPTIONS };
#define CTL_COMMON_OPTIONS                                                                         \
	[CTL_SOCKET] = {"socket", "PATH", "where nn5g-control listens", NULL, false},              \
	[CTL_JSON] = {"json", NULL, "print JSON instead of a table", NULL, false}
extern const struct command_option ctl_common_options[CTL_OPTIONS];

/* One line on standard error; returns COMMAND_FAILED, COMMAND_MISUSED. */
int ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int ctl_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Asks the control socket and waits for the answer, which is the caller's. Takes over `params`.
 * Returns an exit code; what went wrong has been told. */
int ctl_ask(const struct command_line *line, const char *method, struct json_t *params,
	    struct json_t **result);
/* The same of a gateway's admin socket, which the option in the place of CTL_SOCKET may name. */
int ctl_ask_node(const struct command_line *line, const char *method, struct json_t *params,
		 struct json_t **result);
/* Prints `result` if --json was given, and says whether it was. */
bool ctl_json(const struct command_line *line, const struct json_t *result);
/* Asks, and prints the result as JSON, or else `done`, a line for people. */
int ctl_do(const struct command_line *line, const char *method, struct json_t *params,
	   const char *done);

/* The words from `first` on, each PATH=VALUE, onto a patch (NULL: no memory). Exit code. */
int ctl_assign(const struct command_line *line, unsigned int first, enum assignment_row row,
	       struct json_t *patch);
/* 1 to `max` letters, digits, _ and -; else says so. `what` is the option or argument. */
bool ctl_is_word(const char *what, const char *value, size_t max);
/* An integer from `min` to `max`, else says so. */
bool ctl_integer(const char *what, const char *value, int64_t min, int64_t max, int64_t *out);
/* "90", "90s", "15m", "1h", "7d" as seconds, 1 to `max`; -1 for what is none of these. */
int64_t ctl_duration(const char *text, int64_t max);

/* A file as it is, malloc'ed and NUL-terminated; "-" is standard input. Exit code. */
int ctl_file_read(const char *path, size_t bytes_max, char **text, size_t *size);
/* Writes a file that did not exist. Negative errno. */
int ctl_file_create(const char *path, mode_t mode, const char *text);
/* A key from a PEM or JWK file. Exit code. */
int ctl_key_load(const char *path, const char *id, const char *algorithm, struct jwt_key **key);
/* A new pair, its private half written to `path`. Exit code. */
int ctl_key_make(const char *path, const char *algorithm, char **public_pem);

/* --- Results ------------------------------------------------------------------------------------
 */
enum ctl_cell {
	CTL_TEXT,
	CTL_RIGHT_TEXT, /* a text that is a number and its unit */
	CTL_STATE,      /* a text with a colour: active, paused, ... */
	CTL_NUMBER,     /* an integer */
	CTL_MONEY,      /* micros as a decimal number */
	CTL_BPS,        /* bits a second: 2 Mbit/s */
	CTL_TIME,       /* ms since the epoch: 2026-11-26 14:00:00 UTC */
	CTL_DURATION,   /* ms: 1:02:03.5 */
	CTL_JSON_TEXT   /* anything, as JSON */
};

struct ctl_column {
	const char *title, *path; /* members by dots */
	enum ctl_cell cell;
	const char *absent; /* what to show for nothing; NULL: "-" */
};

/* A line per item of the list, aligned, under titles. */
void ctl_rows_print(const struct ctl_column *columns, size_t n, const struct json_t *rows);
/* A line per column of the one object. */
void ctl_fields_print(const struct ctl_column *columns, size_t n, const struct json_t *object);
/* One value as a table would show it. */
void ctl_cell_write(enum ctl_cell cell, const struct json_t *value, char out[CTL_CELL_BYTES]);
/* A tenant's accounts, as store_budget tells of them. */
void ctl_budget_print(const struct json_t *budget);
#define CTL_COLUMNS(columns) columns, sizeof(columns) / sizeof((columns)[0])
