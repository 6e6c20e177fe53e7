/* An answer is searched for the few lines a peer needs; what is missing makes it a bad one. */
#include "bench/signalling.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/http.h"

int signalling_parse_url(const char *url, struct signalling_target *target)
{
	if (sscanf(url, "http://[%63[^]]]:%7[0-9]", target->host, target->port) == 2)
		return 0;
	return sscanf(url, "http://%63[^:/]:%7[0-9]", target->host, target->port) == 2 ? 0
										       : -EINVAL;
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

int signalling_read_answer(const char *sdp, struct answer *answer)
{
	*answer = (struct answer){0};
	if (!take(sdp, "a=ice-ufrag:", answer->ufrag, sizeof(answer->ufrag)) ||
	    !take(sdp, "a=ice-pwd:", answer->pwd, sizeof(answer->pwd)) ||
	    !take(sdp, "a=fingerprint:sha-256 ", answer->fingerprint,
		  sizeof(answer->fingerprint)) ||
	    !take_candidate(sdp, answer))
		return -EBADMSG;
	answer->is_dtls_active = strstr(sdp, "a=setup:active") != NULL;
	answer->video_ssrc = ssrc_after(sdp, "m=video");
	answer->audio_ssrc = ssrc_after(sdp, "m=audio");
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
		       "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n%s%s",
		       media, offer->ufrag, offer->pwd, offer->fingerprint, mid, SIGNALLING_MID_ID,
		       SIGNALLING_TRANSPORT_CC_ID, offer->publish ? "sendonly" : "recvonly",
		       offer->candidates ? offer->candidates : "", formats);
}

void signalling_write_offer(FILE *out, const struct offer *offer)
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

/* RFC 3986 5.2, as far as servers make use of it. */
bool signalling_locate(const char *path, const char *location, char *out, size_t room)
{
	const char *scheme = strstr(location, "://");
	const char *slash = strrchr(path, '/');
	int n;
	if (scheme)
		location = strchr(scheme + strlen("://"), '/');
	if (!location || location[0] == '\0')
		return false;
	if (location[0] == '/' || !slash)
		n = snprintf(out, room, "%s", location);
	else
		n = snprintf(out, room, "%.*s%s", (int)(slash - path) + 1, path, location);
	return (size_t)n < room;
}

/* 0 with a reply, or a negative errno. */
static int ask(const struct signalling_target *target, const struct http_request *request,
	       struct http_reply *reply)
{
	struct http_client *own =
		target->client ? NULL : http_client_create(target->host, target->port);
	struct http_client *client = own ? own : target->client;
	int rc = client ? http_exchange(client, request, reply) : -ENOMEM;
	http_client_destroy(own);
	return rc;
}

static const char *token_of(const struct signalling_target *target)
{
	return target->token && target->token[0] ? target->token : NULL;
}

static int read_reply(const char *path, const struct http_reply *reply, struct answer *answer)
{
	char location[sizeof(answer->location)];
	struct answer found;
	if (reply->status != 201)
		return reply->status;
	int rc = signalling_read_answer(reply->body, &found);
	if (rc)
		return rc;
	if (!http_reply_header(reply, "location", location, sizeof(location)) ||
	    !signalling_locate(path, location, found.location, sizeof(found.location)))
		return -EBADMSG;
	*answer = found;
	return 0;
}

/* The offer as SDP, malloc'ed. NULL: no memory. */
static char *make_body(const struct offer *offer)
{
	char *body = NULL;
	size_t size;
	FILE *out = open_memstream(&body, &size);
	if (!out)
		return NULL;
	signalling_write_offer(out, offer);
	if (fclose(out) == 0)
		return body;
	free(body);
	return NULL;
}

static struct http_request post_of(const struct signalling_target *target, const char *path,
				   const char *body)
{
	return (struct http_request){.method = "POST",
				     .path = path,
				     .type = "application/sdp",
				     .body = body,
				     .token = token_of(target)};
}

static struct http_request delete_of(const struct signalling_target *target, const char *location)
{
	return (struct http_request){
		.method = "DELETE", .path = location, .token = token_of(target)};
}

static int read_deleted(const struct http_reply *reply)
{
	return reply->status / 100 == 2 ? 0 : reply->status;
}

int signalling_post(const struct signalling_target *target, const char *path,
		    const struct offer *offer, struct answer *answer)
{
	char *body = make_body(offer);
	struct http_request request = post_of(target, path, body);
	struct http_reply reply = {0};
	int rc = body ? ask(target, &request, &reply) : -ENOMEM;
	if (rc == 0)
		rc = read_reply(path, &reply, answer);
	http_reply_free(&reply);
	free(body);
	return rc;
}

int signalling_delete(const struct signalling_target *target, const char *location)
{
	struct http_request request = delete_of(target, location);
	struct http_reply reply = {0};
	int rc = ask(target, &request, &reply);
	if (rc == 0)
		rc = read_deleted(&reply);
	http_reply_free(&reply);
	return rc;
}

int signalling_post_begin(const struct signalling_target *target, const char *path,
			  const struct offer *offer, struct signalling_call *call)
{
	int n = snprintf(call->path, sizeof(call->path), "%s", path);
	call->http = NULL;
	if ((size_t)n >= sizeof(call->path))
		return -ENAMETOOLONG;
	char *body = make_body(offer);
	struct http_request request = post_of(target, path, body);
	int rc = body ? http_begin(target->client, &request, &call->http) : -ENOMEM;
	free(body);
	return rc;
}

int signalling_delete_begin(const struct signalling_target *target, const char *location,
			    struct signalling_call *call)
{
	struct http_request request = delete_of(target, location);
	call->http = NULL;
	return http_begin(target->client, &request, &call->http);
}

int signalling_call_fd(const struct signalling_call *call)
{
	return http_call_fd(call->http);
}

static int advance(struct signalling_call *call, struct http_reply *reply)
{
	int rc = http_call_advance(call->http, reply);
	if (rc != -EAGAIN)
		call->http = NULL;
	return rc;
}

int signalling_post_advance(struct signalling_call *call, struct answer *answer)
{
	struct http_reply reply = {0};
	int rc = advance(call, &reply);
	if (rc == 0)
		rc = read_reply(call->path, &reply, answer);
	http_reply_free(&reply);
	return rc;
}

int signalling_delete_advance(struct signalling_call *call)
{
	struct http_reply reply = {0};
	int rc = advance(call, &reply);
	if (rc == 0)
		rc = read_deleted(&reply);
	http_reply_free(&reply);
	return rc;
}

void signalling_call_cancel(struct signalling_call *call)
{
	http_call_cancel(call->http);
	call->http = NULL;
}
