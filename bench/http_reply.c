/* A reply is asked about again with every read, so the parser keeps nothing and looks from the
 * beginning; only once all chunks are there it puts them together. */
#include "bench/http.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EMPTY_LINE "\r\n\r\n"

/* The value of header `name` among the lines of a head; its length in *len. NULL: none. */
static const char *find_header(const char *head, size_t size, const char *name, size_t *len)
{
	size_t name_len = strlen(name);
	const char *end = head + size, *line = memchr(head, '\n', size);
	for (; line && (size_t)(end - line) > name_len + 1; line = memchr(line, '\n', *len)) {
		*len = (size_t)(end - ++line);
		if (*len <= name_len || strncasecmp(line, name, name_len) != 0 ||
		    line[name_len] != ':')
			continue;
		const char *value = line + name_len + 1;
		while (value < end && (*value == ' ' || *value == '\t'))
			value++;
		const char *stop = memchr(value, '\r', (size_t)(end - value));
		*len = (size_t)((stop ? stop : end) - value);
		while (*len > 0 && (value[*len - 1] == ' ' || value[*len - 1] == '\t'))
			--*len;
		return value;
	}
	return NULL;
}

static bool header_is(const char *head, size_t size, const char *name, const char *wanted)
{
	size_t len;
	const char *value = find_header(head, size, name, &len);
	return value && len == strlen(wanted) && strncasecmp(value, wanted, len) == 0;
}

/* Digits of a base up to a byte that is none; false when there are none, or too many. */
static bool take_number(const char *at, size_t left, unsigned int base, size_t *value, size_t *used)
{
	*value = 0;
	for (*used = 0; *used < left && isxdigit((unsigned char)at[*used]); ++*used) {
		char c = (char)tolower((unsigned char)at[*used]);
		unsigned int digit = (unsigned int)(c <= '9' ? c - '0' : c - 'a' + 10);
		if (digit >= base || *value > HTTP_REPLY_MAX)
			return false;
		*value = *value * base + digit;
	}
	return *used > 0;
}

/* One chunk at *at: its content's place and size; *at moves behind it. False: not whole, or bad
 * (*error). */
static bool take_chunk(const char *bytes, size_t size, size_t *at, size_t *chunk_size, int *error)
{
	size_t used;
	const char *eol = memchr(bytes + *at, '\n', size - *at);
	if (!eol)
		return false;
	size_t begin = (size_t)(eol - bytes) + 1;
	if (!take_number(bytes + *at, begin - *at, 16, chunk_size, &used)) {
		*error = -EBADMSG;
		return false;
	}
	if (size - begin < *chunk_size + 2)
		return false;
	if (memcmp(bytes + begin + *chunk_size, "\r\n", 2) != 0) {
		*error = -EBADMSG;
		return false;
	}
	*at = begin + *chunk_size + 2;
	return true;
}

/* RFC 9112 7.1, without trailers: nobody we ask sends any. */
static bool parse_chunks(char *bytes, size_t size, struct http_view *view, int *error)
{
	size_t chunk, at = view->head_size;
	do {
		if (!take_chunk(bytes, size, &at, &chunk, error))
			return false;
	} while (chunk > 0);
	char *to = bytes + view->head_size;
	at = view->head_size;
	while (take_chunk(bytes, size, &at, &chunk, error) && chunk > 0) {
		memmove(to, bytes + at - 2 - chunk, chunk);
		to += chunk;
	}
	view->body_size = (size_t)(to - bytes) - view->head_size;
	return true;
}

static bool parse_body(char *bytes, size_t size, bool has_ended, struct http_view *view, int *error)
{
	size_t len, used, head = view->head_size, wanted;
	const char *length = find_header(bytes, head, "content-length", &len);
	if (view->status == 204 || view->status == 304)
		return true;
	if (header_is(bytes, head, "transfer-encoding", "chunked"))
		return parse_chunks(bytes, size, view, error);
	if (!length) {
		view->may_keep = false;
		view->body_size = size - head;
		return has_ended;
	}
	if (!take_number(length, len, 10, &wanted, &used) || used != len) {
		*error = -EBADMSG;
		return false;
	}
	view->body_size = wanted;
	return size - head >= wanted;
}

bool http_reply_parse(char *bytes, size_t size, bool has_ended, struct http_view *view, int *error)
{
	int minor;
	char start[16];
	*error = 0;
	*view = (struct http_view){0};
	char *empty = memmem(bytes, size, EMPTY_LINE, strlen(EMPTY_LINE));
	if (!empty) {
		*error = has_ended ? -EBADMSG : 0;
		return false;
	}
	view->head_size = (size_t)(empty - bytes) + strlen(EMPTY_LINE);
	snprintf(start, sizeof(start), "%.*s", (int)sizeof(start) - 1, bytes);
	if (sscanf(start, "HTTP/1.%1d %3d", &minor, &view->status) != 2 || view->status < 200) {
		*error = -EBADMSG;
		return false;
	}
	view->may_keep = minor == 1 && !header_is(bytes, view->head_size, "connection", "close");
	bool is_whole = parse_body(bytes, size, has_ended, view, error);
	if (!is_whole && has_ended && *error == 0)
		*error = -EBADMSG;
	return is_whole;
}

bool http_reply_header(const struct http_reply *reply, const char *name, char *out, size_t room)
{
	size_t len;
	const char *value = find_header(reply->text, strlen(reply->text), name, &len);
	if (!value || len >= room)
		return false;
	memcpy(out, value, len);
	out[len] = '\0';
	return true;
}

void http_reply_free(struct http_reply *reply)
{
	free(reply->text);
	*reply = (struct http_reply){0};
}
