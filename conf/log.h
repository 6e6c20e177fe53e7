/* JSON-lines log: one object a line on standard error, {timestamp, level, module, service, message,
 * metadata}. Any thread may write; never called on the per-packet path. Levels are per module. Each
 * call site is limited to LOG_BURST lines a second; what was left out is told in the next line's
 * metadata as "suppressed". Secrets (tokens, keys, ICE passwords) never go in. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LOG_BURST 20

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };

/* One row per module; names are what `log.levels` in gateway.yaml may set. */
enum log_module {
	LOG_NODE,
	LOG_CONFIG,
	LOG_SERVER,
	LOG_WHIP,
	LOG_GATES,
	LOG_SESSION,
	LOG_WORKER,
	LOG_ICE,
	LOG_DTLS,
	LOG_MEDIA,
	LOG_PORT,
	LOG_ADMIN,   /* the admin socket and the control plane beyond it */
	LOG_ACCOUNT, /* credit, quota, usage */
	LOG_STORE,   /* SQL, journal, ledger */
	LOG_MODULES
};

/* A call site's rate limit; static, zeroed, owned by the log_* macros. Any thread. */
struct log_site {
	_Atomic uint64_t
		window; /* second << 8 | lines written in it: one word, so it changes as one */
	_Atomic uint32_t suppressed;
};

/* Names `service` in every line (the string is borrowed). Level INFO everywhere until set. */
void log_init(const char *service);
void log_set_level(enum log_module module, enum log_level level);
/* Thread-safe. Return the enum's value, or -1 for an unknown name. */
int log_module_by_name(const char *name);
int log_level_by_name(const char *name);
const char *log_module_name(enum log_module module);
const char *log_level_name(enum log_level level);
bool log_enabled(enum log_module module, enum log_level level);

/* Use the macros. `metadata` is NULL or a printf format that yields the inside of a JSON object,
 * such as "\"peer\":\"%s\",\"port\":%u": the writer escapes nothing there, so pass outside text
 * through log_escape first. Metadata too long for the line is left out and told as
 * "truncated":true. */
void log_write(struct log_site *site, enum log_module module, enum log_level level,
	       const char *message, const char *metadata, ...)
	__attribute__((format(printf, 5, 6)));

/* JSON-escapes `text` into one of eight per-thread buffers of 512 bytes (longer text is cut). */
const char *log_escape(const char *text);

#define LOG_AT(level, module, message, ...)                                                        \
	do {                                                                                       \
		static struct log_site log_site_;                                                  \
		if (log_enabled(module, level))                                                    \
			log_write(&log_site_, module, level, message, __VA_ARGS__);                \
	} while (0)
#define log_debug(module, message, ...) LOG_AT(LOG_DEBUG, module, message, __VA_ARGS__)
#define log_info(module, message, ...)  LOG_AT(LOG_INFO, module, message, __VA_ARGS__)
#define log_warn(module, message, ...)  LOG_AT(LOG_WARN, module, message, __VA_ARGS__)
#define log_error(module, message, ...) LOG_AT(LOG_ERROR, module, message, __VA_ARGS__)
