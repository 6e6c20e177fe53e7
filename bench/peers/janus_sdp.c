/* Line by line: what describes a medium is kept, what describes its sender is replaced. */
#include "bench/peers/janus_sdp.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char *const kept[] = {"a=mid:", "a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"};
static const char *const extensions[] = {
	"urn:ietf:params:rtp-hdrext:sdes:mid",
	"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
};

struct line {
	const char *text;
	int len;
};

static bool begins(const struct line *line, const char *with)
{
	return (size_t)line->len >= strlen(with) && strncmp(line->text, with, strlen(with)) == 0;
}

static bool ends(const struct line *line, const char *with)
{
	size_t len = strlen(with);
	return (size_t)line->len >= len && strncmp(line->text + line->len - len, with, len) == 0;
}

static bool is_kept(const struct line *line)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (begins(line, kept[i]))
			return true;
	}
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		if (begins(line, "a=extmap:") && ends(line, extensions[i]))
			return true;
	}
	return false;
}

/* Takes the next line of *text; false at the end. */
static bool next_line(const char **text, struct line *line)
{
	if (**text == '\0')
		return false;
	line->text = *text;
	line->len = (int)strcspn(*text, "\r\n");
	*text += line->len;
	*text += strspn(*text, "\r\n");
	return true;
}

static void write_medium(const struct line *line, const struct offer *ours, FILE *out)
{
	fprintf(out,
		"%.*s\r\nc=IN IP4 0.0.0.0\r\na=recvonly\r\na=rtcp-mux\r\na=ice-ufrag:%s\r\n"
		"a=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:active\r\n%s",
		line->len, line->text, ours->ufrag, ours->pwd, ours->fingerprint,
		ours->candidates ? ours->candidates : "");
}

int janus_sdp_answer(const char *theirs, const struct offer *ours, FILE *out)
{
	struct line line;
	unsigned int media = 0;
	fputs("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", out);
	while (next_line(&theirs, &line)) {
		if (begins(&line, "m=")) {
			write_medium(&line, ours, out);
			media++;
		} else if (media > 0 ? is_kept(&line) : begins(&line, "a=group:BUNDLE")) {
			fprintf(out, "%.*s\r\n", line.len, line.text);
		}
	}
	return media > 0 ? 0 : -EBADMSG;
}
