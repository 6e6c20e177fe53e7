/* The log's one writer. A line is built on the caller's stack and leaves in one write(2) of at most
 * LINE_BYTES, so lines of several threads never mix, also on a pipe. Nothing is allocated and no
 * lock is taken; levels and rate limits are atomics. */
#include "conf/log.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#define LINE_BYTES     4096
#define LINE_TAIL      64 /* room kept for the metadata's fallback and the closing braces */
#define ESCAPE_BUFFERS 8
#define ESCAPE_BYTES   512

static_assert(LINE_BYTES <= PIPE_BUF, "a line must reach a pipe in one piece");
static_assert(LOG_BURST < 255, "the count shares a word with the second");

static struct {
	const char *name;
	_Atomic int level;
} modules[] = {
	[LOG_NODE] = {"node", LOG_INFO},       [LOG_CONFIG] = {"config", LOG_INFO},
	[LOG_SERVER] = {"server", LOG_INFO},   [LOG_WHIP] = {"whip", LOG_INFO},
	[LOG_GATES] = {"gates", LOG_INFO},     [LOG_SESSION] = {"session", LOG_INFO},
	[LOG_WORKER] = {"worker", LOG_INFO},   [LOG_ICE] = {"ice", LOG_INFO},
	[LOG_DTLS] = {"dtls", LOG_INFO},       [LOG_MEDIA] = {"media", LOG_INFO},
	[LOG_PORT] = {"port", LOG_INFO},       [LOG_ADMIN] = {"admin", LOG_INFO},
	[LOG_ACCOUNT] = {"account", LOG_INFO}, [LOG_STORE] = {"store", LOG_INFO},
};
static_assert(sizeof(modules) / sizeof(modules[0]) == LOG_MODULES, "one row per module");

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};
static_assert(sizeof(level_names) / sizeof(level_names[0]) == LOG_LEVELS, "one name per level");

static const char *_Atomic log_service = "nn5g";

void log_init(const char *service)
{
	atomic_store(&log_service, service);
}

void log_set_level(enum log_module module, enum log_level level)
{
	atomic_store_explicit(&modules[module].level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_module module, enum log_level level)
{
	return (int)level >= atomic_load_explicit(&modules[module].level, memory_order_relaxed);
}

int log_module_by_name(const char *name)
{
	for (int i = 0; i < LOG_MODULES; i++)
		if (strcmp(name, modules[i].name) == 0)
			return i;
	return -1;
}

int log_level_by_name(const char *name)
{
	for (int i = 0; i < LOG_LEVELS; i++)
		if (strcmp(name, level_names[i]) == 0)
			return i;
	return -1;
}

const char *log_module_name(enum log_module module)
{
	return modules[module].name;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

/* JSON form of the character at `text`, in at most six bytes; returns how many bytes of text it
 * stands for. What is no UTF-8 becomes U+FFFD. */
static size_t escape_one(const char *text, char out[7])
{
	unsigned char c = (unsigned char)*text;
	if (c == '"' || c == '\\') {
		snprintf(out, 7, "\\%c", c);
		return 1;
	}
	if (c < 0x20 || c == 0x7f) {
		snprintf(out, 7, "\\u%04x", c);
		return 1;
	}
	gunichar code = g_utf8_get_char_validated(text, -1);
	if (code == (gunichar)-1 || code == (gunichar)-2) {
		snprintf(out, 7, "\\ufffd");
		return 1;
	}
	size_t n = (size_t)(g_utf8_next_char(text) - text);
	memcpy(out, text, n);
	out[n] = '\0';
	return n;
}

/* Writes `text` escaped and NUL-terminated, cut between characters at `size`; returns its length.
 */
static size_t escape(const char *text, char *out, size_t size)
{
	size_t used = 0;
	while (*text) {
		char one[7];
		size_t taken = escape_one(text, one);
		size_t n = strlen(one);
		if (used + n >= size)
			break;
		memcpy(out + used, one, n);
		used += n;
		text += taken;
	}
	out[used] = '\0';
	return used;
}

const char *log_escape(const char *text)
{
	static _Thread_local char buffers[ESCAPE_BUFFERS][ESCAPE_BYTES];
	static _Thread_local unsigned int next;

	char *out = buffers[next++ % ESCAPE_BUFFERS];
	escape(text ? text : "", out, ESCAPE_BYTES);
	return out;
}

/* True if this site may write in this second; then *suppressed is what it left out before. */
static bool site_admits(struct log_site *site, uint64_t second, uint32_t *suppressed)
{
	uint64_t seen = atomic_load_explicit(&site->window, memory_order_relaxed);
	uint64_t next;
	do {
		uint64_t count = seen >> 8 == second ? seen & 0xff : 0;
		if (count >= LOG_BURST) {
			atomic_fetch_add_explicit(&site->suppressed, 1, memory_order_relaxed);
			return false;
		}
		next = second << 8 | (count + 1);
	} while (!atomic_compare_exchange_weak_explicit(
		&site->window, &seen, next, memory_order_relaxed, memory_order_relaxed));
	*suppressed = atomic_exchange_explicit(&site->suppressed, 0, memory_order_relaxed);
	return true;
}

static size_t line_begin(char *line, const struct timespec *now, enum log_module module,
			 enum log_level level, const char *message)
{
	struct tm utc;
	gmtime_r(&now->tv_sec, &utc);
	char stamp[32];
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	char service[64];
	escape(atomic_load(&log_service), service, sizeof(service));
	int n = snprintf(line, LINE_BYTES,
			 "{\"timestamp\":\"%s.%03ldZ\",\"level\":\"%s\",\"module\":\"%s\","
			 "\"service\":\"%s\",\"message\":\"",
			 stamp, now->tv_nsec / 1000000, level_names[level], modules[module].name,
			 service);
	size_t used = (size_t)n;
	used += escape(message, line + used, LINE_BYTES / 4);
	n = snprintf(line + used, LINE_BYTES - used, "\",\"metadata\":{");
	return used + (size_t)n;
}

void log_write(struct log_site *site, enum log_module module, enum log_level level,
	       const char *message, const char *metadata, ...)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint32_t suppressed;
	if (!site_admits(site, (uint64_t)now.tv_sec, &suppressed))
		return;

	char line[LINE_BYTES];
	size_t used = line_begin(line, &now, module, level, message);
	size_t start = used;
	if (metadata) {
		size_t room = LINE_BYTES - LINE_TAIL - used;
		va_list args;
		va_start(args, metadata);
		int n = vsnprintf(line + used, room, metadata, args);
		va_end(args);
		if (n < 0 || (size_t)n >= room)
			n = snprintf(line + used, room, "\"truncated\":true");
		used += (size_t)n;
	}
	if (suppressed)
		used += (size_t)snprintf(line + used, LINE_BYTES - used, "%s\"suppressed\":%u",
					 used > start ? "," : "", suppressed);
	used += (size_t)snprintf(line + used, LINE_BYTES - used, "}}\n");
	ssize_t written = write(STDERR_FILENO, line, used);
	(void)written; /* there is nobody left to tell */
}
