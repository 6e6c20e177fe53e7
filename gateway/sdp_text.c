/* Lines and words of SDP. A body comes from anywhere: every length is checked here once, so that
 * the parsers above see clean, bounded spans only, and what they quote in a reason is printable. */
#include "gateway/sdp_text.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool span_equal(struct span span, const char *text)
{
	return strlen(text) == span.size && memcmp(span.at, text, span.size) == 0;
}

struct span span_until(struct span *rest, char end)
{
	struct span head = *rest;
	const char *hit = rest->size ? memchr(rest->at, end, rest->size) : NULL;
	if (!hit) {
		rest->at += rest->size;
		rest->size = 0;
		return head;
	}
	head.size = (size_t)(hit - head.at);
	rest->at = hit + 1;
	rest->size -= head.size + 1;
	return head;
}

struct span span_word(struct span *rest)
{
	while (rest->size && *rest->at == ' ') {
		rest->at++;
		rest->size--;
	}
	return span_until(rest, ' ');
}

bool span_number(struct span span, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;
	if (span.size == 0)
		return false;
	for (size_t i = 0; i < span.size; i++) {
		if (span.at[i] < '0' || span.at[i] > '9')
			return false;
		uint64_t digit = (uint64_t)(span.at[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*number = value;
	return true;
}

bool span_copy(struct span span, char *out, size_t room)
{
	out[0] = '\0';
	if (span.size >= room)
		return false;
	memcpy(out, span.at, span.size);
	out[span.size] = '\0';
	return true;
}

bool span_is_token(struct span span)
{
	for (size_t i = 0; i < span.size; i++) {
		unsigned char c = (unsigned char)span.at[i];
		if (c <= ' ' || c >= 0x7f || memchr("\"(),/:;<=>?@[\\]", c, 15))
			return false;
	}
	return span.size > 0;
}

bool span_is_ice(struct span span, size_t min)
{
	for (size_t i = 0; i < span.size; i++) {
		unsigned char c = (unsigned char)span.at[i];
		if (c >= 0x80 || (!isalnum(c) && c != '+' && c != '/'))
			return false;
	}
	return span.size >= min && span.size <= ICE_REMOTE_UFRAG_MAX;
}

const char *span_quote(struct span span, char out[SPAN_QUOTE_BYTES])
{
	size_t shown = span.size;
	const char *tail = "\"";
	if (shown > SPAN_QUOTE_BYTES - 6) {
		shown = SPAN_QUOTE_BYTES - 6;
		tail = "...\"";
	}
	out[0] = '"';
	for (size_t i = 0; i < shown; i++) {
		char c = span.at[i];
		out[1 + i] = c >= ' ' && c < 0x7f ? c : '?';
	}
	memcpy(out + 1 + shown, tail, strlen(tail) + 1);
	return out;
}

int sdp_fail(struct sdp_error *error, unsigned int line, int code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	error->line = line;
	(void)vsnprintf(error->reason, sizeof(error->reason), format, arguments);
	va_end(arguments);
	return code;
}

int sdp_reader_init(struct sdp_reader *reader, const char *text, size_t size,
		    struct sdp_error *error)
{
	*reader = (struct sdp_reader){.rest = {text, size}, .error = error};
	if (size == 0)
		return sdp_fail(error, 0, -EBADMSG, "the body is empty, expected SDP");
	if (size > SDP_BYTES_MAX)
		return sdp_fail(error, 0, -EBADMSG, "%zu bytes, expected at most %d", size,
				SDP_BYTES_MAX);
	return 0;
}

int sdp_expected(const struct sdp_reader *reader, const char *what, struct span found)
{
	char quote[SPAN_QUOTE_BYTES];
	return sdp_fail(reader->error, reader->line, -EBADMSG, "expected %s, found %s", what,
			span_quote(found, quote));
}

static bool is_blank(struct span span)
{
	for (size_t i = 0; i < span.size; i++)
		if (span.at[i] != '\r' && span.at[i] != '\n')
			return false;
	return true;
}

static int line_check(const struct sdp_reader *reader, struct span line)
{
	char quote[SPAN_QUOTE_BYTES];
	if (line.size > SDP_LINE_BYTES_MAX)
		return sdp_fail(reader->error, reader->line, -EBADMSG,
				"a line of %zu bytes, expected at most %d", line.size,
				SDP_LINE_BYTES_MAX);
	for (size_t i = 0; i < line.size; i++) {
		unsigned char c = (unsigned char)line.at[i];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return sdp_fail(reader->error, reader->line, -EBADMSG,
					"control character 0x%02x at column %zu", c, i + 1);
	}
	if (line.size < 2 || line.at[1] != '=' || !memchr("vosiuepcbtrzkam", line.at[0], 15))
		return sdp_fail(reader->error, reader->line, -EBADMSG,
				"%s is no line of SDP, expected one like a=...",
				span_quote(line, quote));
	return 0;
}

int sdp_reader_next(struct sdp_reader *reader, char *letter, struct span *value)
{
	if (is_blank(reader->rest))
		return 0;
	if (++reader->line > SDP_LINES_MAX)
		return sdp_fail(reader->error, reader->line, -EBADMSG, "more than %d lines",
				SDP_LINES_MAX);
	struct span line = span_until(&reader->rest, '\n');
	if (line.size && line.at[line.size - 1] == '\r')
		line.size--;
	int rc = line_check(reader, line);
	if (rc < 0)
		return rc;
	*letter = line.at[0];
	*value = (struct span){line.at + 2, line.size - 2};
	return 1;
}

void sdp_put(struct sdp_out *out, const char *format, ...)
{
	size_t left = out->used < out->room ? out->room - out->used : 0;
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(left ? out->text + out->used : NULL, left, format, arguments);
	va_end(arguments);
	out->used += n > 0 ? (size_t)n : 0;
}

void sdp_put_bytes(struct sdp_out *out, const char *bytes, size_t size)
{
	if (out->used < out->room && size < out->room - out->used) {
		memcpy(out->text + out->used, bytes, size);
		out->text[out->used + size] = '\0';
	}
	out->used += size;
}

static void put_own(struct sdp_out *out, const struct sdp_line *line, const struct sdp_local *local,
		    enum sdp_own own)
{
	switch (own) {
	case SDP_OWN_SESSION_ID:
		sdp_put(out, "%llu", (unsigned long long)local->session_id);
		break;
	case SDP_OWN_VERSION:
		sdp_put(out, "%u", (unsigned int)local->version);
		break;
	case SDP_OWN_UFRAG:
		sdp_put_bytes(out, local->ice_ufrag, strlen(local->ice_ufrag));
		break;
	case SDP_OWN_PWD:
		sdp_put_bytes(out, local->ice_pwd, strlen(local->ice_pwd));
		break;
	case SDP_OWN_CNAME:
		sdp_put_bytes(out, local->cname, strlen(local->cname));
		break;
	case SDP_OWN_SSRC:
		sdp_put(out, "%u", (unsigned int)line->ssrc);
		break;
	case SDP_OWN_RTX_SSRC:
		sdp_put(out, "%u", (unsigned int)line->rtx_ssrc);
		break;
	}
}

void sdp_put_own(struct sdp_out *out, const struct sdp_agreement *agreement,
		 const struct sdp_local *local, enum sdp_own own, unsigned int line)
{
	size_t at = out->used;
	put_own(out, &agreement->lines[line], local, own);
	if (!out->places)
		return;
	assert(out->places->n < SDP_OWN_MAX);
	out->places->places[out->places->n++] = (struct sdp_place){
		.at = (uint32_t)at,
		.bytes = (uint32_t)(out->used - at),
		.own = (uint8_t)own,
		.line = (uint8_t)line,
	};
}

void sdp_put_candidates(struct sdp_out *out, const struct sdp_local *local)
{
	for (unsigned int i = 0; i < local->n_candidates && i < SDP_CANDIDATES_MAX; i++) {
		const struct sdp_candidate *candidate = &local->candidates[i];
		char ip[ADDRESS_TEXT_MAX];
		address_format_ip(&candidate->address, ip);
		/* A zone index means something on this machine only. */
		ip[strcspn(ip, "%")] = '\0';
		sdp_put(out, "a=candidate:%u 1 udp %u %s %u typ host\r\n", i + 1,
			(unsigned int)candidate->priority, ip, candidate->address.port);
	}
	sdp_put(out, "a=end-of-candidates\r\n");
}

int sdp_out_bytes(const struct sdp_out *out)
{
	return out->used < out->room ? (int)out->used : -ENOSPC;
}
