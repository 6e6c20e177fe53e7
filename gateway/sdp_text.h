/* The text beneath SDP: spans of a body that is not ours, its lines, the reason a body is refused,
 * and a writer that remembers having run out of room. Nothing is copied or allocated. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/sdp.h"

/* Part of a body; borrowed, not terminated. */
struct span {
	const char *at;
	size_t size;
};

bool span_equal(struct span span, const char *text);
/* Takes what precedes `end` (or all) off *rest; `end` itself is dropped. */
struct span span_until(struct span *rest, char end);
/* Takes the next word off *rest; words are parted by spaces. Empty when none is left. */
struct span span_word(struct span *rest);
/* Decimal digits only, at most `max`. */
bool span_number(struct span span, uint64_t max, uint64_t *number);
/* Copies and terminates; false, with out[0] = 0, when it does not fit. */
bool span_copy(struct span span, char *out, size_t room);
/* One or more of RFC 8866's token-char. */
bool span_is_token(struct span span);
/* RFC 8839 5.4: letters, digits, '+' and '/', `min` to 256 of them. */
bool span_is_ice(struct span span, size_t min);

#define SPAN_QUOTE_BYTES 44
/* A printable beginning of the span in quotes, for a reason. Returns `out`. */
const char *span_quote(struct span span, char out[SPAN_QUOTE_BYTES]);

/* Notes why a body is refused. Returns `code`. */
int sdp_fail(struct sdp_error *error, unsigned int line, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Reads "x=value" lines. */
struct sdp_reader {
	struct span rest;
	unsigned int line; /* of the line last read, 1-based */
	struct sdp_error *error;
};

/* -EBADMSG when the body is empty or larger than SDP_BYTES_MAX. */
int sdp_reader_init(struct sdp_reader *reader, const char *text, size_t size,
		    struct sdp_error *error);
/* "expected <what>, found <found>" at the line last read. Returns -EBADMSG. */
int sdp_expected(const struct sdp_reader *reader, const char *what, struct span found);
/* 1 and the line's letter and value; 0 at the end; -EBADMSG for a line that is not SDP's, holds a
 * control character, or is past the caps. */
int sdp_reader_next(struct sdp_reader *reader, char *letter, struct span *value);

/* What stands in a description that is a session's own. */
enum sdp_own {
	SDP_OWN_SESSION_ID,
	SDP_OWN_VERSION,
	SDP_OWN_UFRAG,
	SDP_OWN_PWD,
	SDP_OWN_CNAME,
	SDP_OWN_SSRC, /* of a line */
	SDP_OWN_RTX_SSRC,
};

#define SDP_OWN_MAX (2 + 8 * SDP_MEDIA_MAX) /* in one description */

/* Where such text stands. */
struct sdp_place {
	uint32_t at, bytes;
	uint8_t own, line; /* enum sdp_own; index */
};

struct sdp_places {
	struct sdp_place places[SDP_OWN_MAX];
	unsigned int n;
};

/* Writes text; `used` keeps counting when the room is used up, and sdp_out_bytes tells. */
struct sdp_out {
	char *text;
	size_t room, used;
	struct sdp_places *places; /* where sdp_put_own notes what it writes; may be NULL */
};

void sdp_put(struct sdp_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sdp_put_bytes(struct sdp_out *out, const char *bytes, size_t size);
/* The text of `own` in a description of `agreement`. */
void sdp_put_own(struct sdp_out *out, const struct sdp_agreement *agreement,
		 const struct sdp_local *local, enum sdp_own own, unsigned int line);
/* a=candidate lines of `local` (RFC 8839 5.1) and a=end-of-candidates: a lite agent has no more. */
void sdp_put_candidates(struct sdp_out *out, const struct sdp_local *local);
/* The description, to its last line. */
void sdp_put_description(struct sdp_out *out, const struct sdp_agreement *agreement,
			 const struct sdp_local *local);
/* Bytes without NUL, or -ENOSPC. */
int sdp_out_bytes(const struct sdp_out *out);
