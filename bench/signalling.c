/* Requests ask for the connection's end, so a reply is all there is to read. An answer is searched
 * for the few lines a peer needs; what is missing makes it a bad one. */
#include "bench/signalling.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define REPLY_SECONDS 10

int signalling_parse_url(const char *url, struct signalling_target *target)
{
	if (sscanf(url, "http://[%63[^]]]:%7[0-9]", target->host, target->port) == 2)
		return 0;
	return sscanf(url, "http://%63[^:/]:%7[0-9]", target->host, target->port) == 2 ? 0
										       : -EINVAL;
}

static int connect_to(const struct signalling_target *target)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	if (getaddrinfo(target->host, target->port, &hints, &found))
		return -EHOSTUNREACH;
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval patience = {.tv_sec = REPLY_SECONDS};
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	int rc = fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) ? -errno : 0;
	freeaddrinfo(found);
	if (rc && fd >= 0)
		close(fd);
	return rc ? rc : fd;
}

/* Sends a request that asks to close, reads until it is closed. Bytes read, NUL-terminated; or
 * negative errno. */
static ssize_t exchange(const struct signalling_target *target, const char *request, size_t size,
			char *reply)
{
	int fd = connect_to(target);
	if (fd < 0)
		return fd;
	size_t n = 0;
	ssize_t got = send(fd, request, size, MSG_NOSIGNAL) == (ssize_t)size ? 1 : -1;
	while (got > 0 && n < SIGNALLING_TEXT_MAX - 1) {
		got = recv(fd, reply + n, SIGNALLING_TEXT_MAX - 1 - n, 0);
		n += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	reply[n] = '\0';
	return got < 0 ? -EIO : (ssize_t)n;
}

/* Copies what follows `key` up to the end of the line. */
static bool take(const char *text, const char *key, char *out, size_t room)
{
	const char *at = strcasestr(text, key);
	if (!at)
		return false;
	at += strlen(key);
	snprintf(out, room, "%.*s", (int)strcspn(at, "\r\n"), at);
	return true;
}

static bool take_candidate(const char *text, struct answer *answer)
{
	char line[256], ip[64], port[8];
	if (!take(text, "a=candidate:", line, sizeof(line)) ||
	    sscanf(line, "%*s %*s %*s %*s %63s %7s", ip, port) != 2)
		return false;
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *found;
	if (getaddrinfo(ip, port, &hints, &found))
		return false;
	memcpy(&answer->address, found->ai_addr, found->ai_addrlen);
	answer->address_len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static uint32_t ssrc_after(const char *text, const char *section)
{
	char line[128];
	const char *at = strstr(text, section);
	if (!at || !take(at, "a=ssrc:", line, sizeof(line)))
		return 0;
	return (uint32_t)strtoul(line, NULL, 10);
}

static int read_answer(const char *reply, struct answer *answer)
{
	*answer = (struct answer){0};
	if (!take(reply, "\nlocation: ", answer->location, sizeof(answer->location)) ||
	    !take(reply, "a=ice-ufrag:", answer->ufrag, sizeof(answer->ufrag)) ||
	    !take(reply, "a=ice-pwd:", answer->pwd, sizeof(answer->pwd)) ||
	    !take(reply, "a=fingerprint:sha-256 ", answer->fingerprint,
		  sizeof(answer->fingerprint)) ||
	    !take_candidate(reply, answer))
		return -EBADMSG;
	answer->is_dtls_active = strstr(reply, "a=setup:active") != NULL;
	answer->video_ssrc = ssrc_after(reply, "m=video");
	answer->audio_ssrc = ssrc_after(reply, "m=audio");
	return 0;
}

static int write_line(FILE *out, const struct offer *offer, const char *mid, const char *media,
		      const char *formats)
{
	return fprintf(out,
		       "m=%s\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n"
		       "a=fingerprint:sha-256 %s\r\na=setup:actpass\r\na=mid:%s\r\n"
		       "a=extmap:%d urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
		       "a=extmap:%d http://www.ietf.org/id/"
		       "draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
		       "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n%s",
		       media, offer->ufrag, offer->pwd, offer->fingerprint, mid, SIGNALLING_MID_ID,
		       SIGNALLING_TRANSPORT_CC_ID, offer->publish ? "sendonly" : "recvonly",
		       formats);
}

static void write_offer(FILE *out, const struct offer *offer)
{
	fprintf(out,
		"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0%s\r\n"
		"a=extmap-allow-mixed\r\n",
		offer->audio ? " 1" : "");
	write_line(out, offer, "0", "video 9 UDP/TLS/RTP/SAVPF 96 97",
		   "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"
		   "a=rtcp-fb:96 transport-cc\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
	if (offer->publish)
		fprintf(out,
			"a=ssrc-group:FID %u %u\r\na=ssrc:%u cname:bench\r\na=ssrc:%u "
			"cname:bench\r\n",
			offer->video_ssrc, offer->rtx_ssrc, offer->video_ssrc, offer->rtx_ssrc);
	if (!offer->audio)
		return;
	write_line(out, offer, "1", "audio 9 UDP/TLS/RTP/SAVPF 111",
		   "a=rtpmap:111 opus/48000/2\r\n");
	if (offer->publish)
		fprintf(out, "a=ssrc:%u cname:bench\r\n", offer->audio_ssrc);
}

static int status_of(const char *reply)
{
	int status = 0;
	return sscanf(reply, "HTTP/1.1 %d", &status) == 1 ? status : -EBADMSG;
}

/* One request; 0 when the status is `wanted`, and then *reply (malloc'ed, else NULL) is the whole
 * reply. */
static int ask(const struct signalling_target *target, const char *method, const char *path,
	       const char *body, int wanted, char **reply)
{
	char *text = NULL;
	bool is_ipv6 = strchr(target->host, ':') != NULL;
	*reply = malloc(SIGNALLING_TEXT_MAX);
	if (!*reply || asprintf(&text,
				"%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nAuthorization: Bearer %s\r\n"
				"Content-Type: application/sdp\r\nContent-Length: %zu\r\n"
				"Connection: close\r\n\r\n%s",
				method, path, is_ipv6 ? "[" : "", target->host, is_ipv6 ? "]" : "",
				target->port, target->token, strlen(body), body) < 0)
		text = NULL;
	ssize_t n = text && *reply ? exchange(target, text, strlen(text), *reply) : -ENOMEM;
	int status = n < 0 ? (int)n : status_of(*reply);
	free(text);
	if (status == wanted)
		return 0;
	free(*reply);
	*reply = NULL;
	return status;
}

int signalling_post(const struct signalling_target *target, const char *path,
		    const struct offer *offer, struct answer *answer)
{
	char *body = NULL, *reply;
	size_t size;
	FILE *out = open_memstream(&body, &size);
	if (!out)
		return -ENOMEM;
	write_offer(out, offer);
	fclose(out);
	int rc = ask(target, "POST", path, body, 201, &reply);
	if (rc == 0)
		rc = read_answer(reply, answer);
	free(reply);
	free(body);
	return rc;
}

int signalling_delete(const struct signalling_target *target, const char *location)
{
	char *reply;
	int rc = ask(target, "DELETE", location, "", 200, &reply);
	free(reply);
	return rc;
}
