/* A request is refused here as soon as two readers could understand it differently: whatever stands
 * in front of the gateway must never see another request boundary than we do. Text comes in
 * NUL-terminated; the reader of the connection has already said `is_damaged` when there were NULs.
 */
#include "gateway/server_http.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LENGTH_DIGITS_MAX 18
#define SOCKET_KEY_CHARS  24  /* 16 bytes in base64, RFC 6455 4.2.1 */
#define STATUS_LINE_MAX   320 /* status line and the fields that we add ourselves */

static const struct {
	int status;
	const char *text;
} reasons[] = {
	{100, "Continue"},
	{101, "Switching Protocols"},
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{402, "Payment Required"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{406, "Not Acceptable"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{415, "Unsupported Media Type"},
	{417, "Expectation Failed"},
	{422, "Unprocessable Content"},
	{426, "Upgrade Required"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *http_reason(int status)
{
	for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

void http_head_fini(struct http_head *head)
{
	free(head->text);
	*head = (struct http_head){0};
}

static bool has_control(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if ((*c < 0x20 && *c != '\t') || *c == 0x7f)
			return true;
	return false;
}

bool http_path_is_clean(const char *path)
{
	if (path[0] != '/' || has_control(path) || strchr(path, '\t') ||
	    !g_utf8_validate(path, -1, NULL))
		return false;
	for (const char *segment = path; segment; segment = strchr(segment + 1, '/')) {
		size_t dots = strspn(segment + 1, ".");
		char after = segment[1 + dots];
		if ((dots == 1 || dots == 2) && (after == '\0' || after == '/'))
			return false;
	}
	return true;
}

int http_length_parse(const char *text, size_t *bytes)
{
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > LENGTH_DIGITS_MAX || text[digits] != '\0')
		return -EINVAL;
	*bytes = strtoull(text, NULL, 10);
	return 0;
}

bool http_list_has(const char *list, const char *token)
{
	size_t size = strlen(token);
	while (*list) {
		list += strspn(list, " \t,");
		size_t length = strcspn(list, ",");
		size_t trimmed = length;
		while (trimmed > 0 && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
			trimmed--;
		if (trimmed == size && g_ascii_strncasecmp(list, token, size) == 0)
			return true;
		list += length;
	}
	return false;
}

static bool is_text_clean(const struct http_head *head)
{
	if (head->is_damaged || !http_path_is_clean(head->path) || has_control(head->query))
		return false;
	for (int i = 0; i < HTTP_FIELDS; i++)
		if (has_control(head->fields[i]))
			return false;
	return true;
}

static int version_check(const struct http_head *head)
{
	const char *host = head->fields[HTTP_HOST];
	bool is_1_1 = strcmp(head->version, "HTTP/1.1") == 0;
	if (!is_1_1 && strcmp(head->version, "HTTP/1.0") != 0)
		return strncmp(head->version, "HTTP/", 5) == 0 ? 505 : 400;
	/* Exactly one Host, RFC 9112 3.2; repeated fields arrive joined by a comma. */
	if (strpbrk(host, ", /") || (is_1_1 && host[0] == '\0'))
		return 400;
	return 0;
}

int http_head_check(const struct http_head *head, size_t body_bytes_max, struct http_plan *plan)
{
	const char *length = head->fields[HTTP_CONTENT_LENGTH];
	const char *expect = head->fields[HTTP_EXPECT];
	*plan = (struct http_plan){0};
	if (!is_text_clean(head))
		return 400;
	int status = version_check(head);
	if (status)
		return status;
	bool is_1_1 = strcmp(head->version, "HTTP/1.1") == 0;
	plan->keep_alive = is_1_1 && !http_list_has(head->fields[HTTP_CONNECTION], "close");
	if (length[0] && head->fields[HTTP_TRANSFER_ENCODING][0])
		return 400;
	if (head->fields[HTTP_TRANSFER_ENCODING][0])
		return 411;
	if (length[0] && http_length_parse(length, &plan->body_bytes))
		return 400;
	if (!length[0] &&
	    (head->method == HTTP_POST || head->method == HTTP_PUT || head->method == HTTP_PATCH))
		return 411;
	if (plan->body_bytes > body_bytes_max)
		return 413;
	if (expect[0] && g_ascii_strcasecmp(expect, "100-continue") != 0)
		return 417;
	plan->wants_continue = expect[0] && is_1_1 && plan->body_bytes > 0;
	return 0;
}

int http_upgrade_check(const struct http_head *head, const struct http_plan *plan,
		       const char *protocol)
{
	const char *protocols = head->fields[HTTP_SOCKET_PROTOCOL];
	if (head->method != HTTP_GET)
		return 405;
	if (g_ascii_strcasecmp(head->fields[HTTP_UPGRADE], "websocket") != 0 ||
	    !http_list_has(head->fields[HTTP_CONNECTION], "upgrade") || plan->body_bytes > 0 ||
	    head->fields[HTTP_HOST][0] == '\0' || strcmp(head->version, "HTTP/1.1") != 0)
		return 400;
	if (strcmp(head->fields[HTTP_SOCKET_VERSION], "13") != 0)
		return 426;
	if (strlen(head->fields[HTTP_SOCKET_KEY]) != SOCKET_KEY_CHARS ||
	    (protocols[0] && !http_list_has(protocols, protocol)))
		return 400;
	return 0;
}

void http_response_fini(struct http_response *response)
{
	free(response->body);
	for (unsigned int i = 0; i < response->n_headers; i++)
		free(response->headers[i].value);
	*response = (struct http_response){0};
}

int http_header(struct http_response *response, const char *name, const char *format, ...)
{
	if (response->n_headers == SERVER_HEADERS_MAX)
		return -ENOSPC;
	char *value;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&value, format, arguments);
	va_end(arguments);
	if (length < 0)
		return -ENOMEM;
	if (has_control(value)) {
		free(value);
		return -EINVAL;
	}
	response->headers[response->n_headers].name = name;
	response->headers[response->n_headers++].value = value;
	return 0;
}

/* Takes `body`; NULL means that memory ran out. */
static void set_body(struct http_response *response, int status, const char *content_type,
		     char *body, size_t size)
{
	free(response->body);
	response->status = body ? status : 500;
	response->content_type = body ? content_type : NULL;
	response->body = body;
	response->body_bytes = body ? size : 0;
}

void http_text(struct http_response *response, int status, const char *content_type,
	       const char *format, ...)
{
	char *body;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&body, format, arguments);
	va_end(arguments);
	set_body(response, status, content_type, length < 0 ? NULL : body,
		 length < 0 ? 0 : (size_t)length);
}

void http_bytes(struct http_response *response, int status, const char *content_type,
		const void *body, size_t size)
{
	char *copy = malloc(size + 1);
	if (copy) {
		if (size > 0)
			memcpy(copy, body, size);
		copy[size] = '\0';
	}
	set_body(response, status, content_type, copy, size);
}

static size_t write_head(char *to, size_t max, const struct http_response *response,
			 bool has_length, bool keep_alive)
{
	char date[40];
	struct tm utc;
	time_t now = time(NULL);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &utc));
	size_t at = (size_t)snprintf(to, max, "HTTP/1.1 %d %s\r\ndate: %s\r\n%s", response->status,
				     http_reason(response->status), date,
				     keep_alive ? "" : "connection: close\r\n");
	if (response->content_type && response->body_bytes > 0)
		at += (size_t)snprintf(to + at, max - at, "content-type: %s\r\n",
				       response->content_type);
	if (has_length)
		at += (size_t)snprintf(to + at, max - at, "content-length: %zu\r\n",
				       response->body_bytes);
	for (unsigned int i = 0; i < response->n_headers; i++)
		at += (size_t)snprintf(to + at, max - at, "%s: %s\r\n", response->headers[i].name,
				       response->headers[i].value);
	return at + (size_t)snprintf(to + at, max - at, "\r\n");
}

uint8_t *http_response_write(const struct http_response *response, enum http_method method,
			     bool keep_alive, size_t reserve, size_t *size)
{
	int status = response->status;
	bool has_length = status >= 200 && status != 204 && status != 304;
	size_t body = has_length && method != HTTP_HEAD ? response->body_bytes : 0;
	size_t max = STATUS_LINE_MAX;
	if (response->content_type)
		max += strlen(response->content_type);
	for (unsigned int i = 0; i < response->n_headers; i++)
		max += strlen(response->headers[i].name) + strlen(response->headers[i].value) + 4;
	uint8_t *block = malloc(reserve + max + body);
	if (!block)
		return NULL;
	size_t head = write_head((char *)block + reserve, max, response, has_length, keep_alive);
	if (body > 0)
		memcpy(block + reserve + head, response->body, body);
	*size = head + body;
	return block;
}
