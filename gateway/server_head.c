#include "gateway/server_head.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

static const enum lws_token_indexes field_tokens[HTTP_FIELDS] = {
	[HTTP_AUTHORIZATION] = WSI_TOKEN_HTTP_AUTHORIZATION,
	[HTTP_CONTENT_TYPE] = WSI_TOKEN_HTTP_CONTENT_TYPE,
	[HTTP_ACCEPT] = WSI_TOKEN_HTTP_ACCEPT,
	[HTTP_IF_MATCH] = WSI_TOKEN_HTTP_IF_MATCH,
	[HTTP_ORIGIN] = WSI_TOKEN_ORIGIN,
	[HTTP_HOST] = WSI_TOKEN_HOST,
	[HTTP_CONNECTION] = WSI_TOKEN_CONNECTION,
	[HTTP_CONTENT_LENGTH] = WSI_TOKEN_HTTP_CONTENT_LENGTH,
	[HTTP_TRANSFER_ENCODING] = WSI_TOKEN_HTTP_TRANSFER_ENCODING,
	[HTTP_EXPECT] = WSI_TOKEN_HTTP_EXPECT,
	[HTTP_UPGRADE] = WSI_TOKEN_UPGRADE,
	[HTTP_SOCKET_VERSION] = WSI_TOKEN_VERSION,
	[HTTP_SOCKET_KEY] = WSI_TOKEN_KEY,
	[HTTP_SOCKET_PROTOCOL] = WSI_TOKEN_PROTOCOL,
};

static const enum lws_token_indexes method_tokens[HTTP_METHODS] = {
	[HTTP_GET] = WSI_TOKEN_GET_URI,         [HTTP_HEAD] = WSI_TOKEN_HEAD_URI,
	[HTTP_POST] = WSI_TOKEN_POST_URI,       [HTTP_PUT] = WSI_TOKEN_PUT_URI,
	[HTTP_PATCH] = WSI_TOKEN_PATCH_URI,     [HTTP_DELETE] = WSI_TOKEN_DELETE_URI,
	[HTTP_OPTIONS] = WSI_TOKEN_OPTIONS_URI,
};

/* Copies a field behind `*at` and moves that on. Repeated fields come joined by a comma. */
static const char *copy_field(struct lws *wsi, enum lws_token_indexes token, char **at,
			      bool *is_damaged)
{
	char *text = *at;
	int length = lws_hdr_total_length(wsi, token);
	if (length <= 0 || lws_hdr_copy(wsi, text, length + 1, token) != length)
		text[length = 0] = '\0';
	if (strlen(text) != (size_t)length)
		*is_damaged = true;
	*at += length + 1;
	return text;
}

/* The query's parts, which lws took apart at "&" and percent-decoded, with "&" between again. */
static const char *copy_query(struct lws *wsi, char **at, bool *is_damaged)
{
	char *text = *at, *end = text;
	int total = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS), length;
	for (int i = 0; end - text < total; i++) {
		length = lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i);
		if (lws_hdr_copy_fragment(wsi, end, length + 1, WSI_TOKEN_HTTP_URI_ARGS, i) < 0)
			break;
		if (strlen(end) != (size_t)length)
			*is_damaged = true;
		end += length;
		if (end - text < total)
			*end++ = '&';
	}
	*end = '\0';
	*at = end + 1;
	/* What lws makes of an empty one. */
	if (strcmp(text, "/") == 0)
		*text = '\0';
	return text;
}

/* lws decodes the path while it reads. It cuts it at "&" and ";", and a decoded NUL is stored but
 * not counted; both show in what stands behind the path: its NUL and then the rest of the request
 * line. */
static bool is_path_whole(struct lws *wsi, enum lws_token_indexes method, const char *query,
			  const char *version)
{
	char *path;
	int length;
	size_t at;
	if (lws_http_get_uri_and_method(wsi, &path, &length) < 0 ||
	    lws_hdr_fragment_length(wsi, method, 0) != length)
		return false;
	at = (size_t)length;
	if (path[at] != '\0')
		return false;
	/* lws leaves a byte out in front of a query, and makes "/" of an empty one. */
	return path[at + 1] == version[0] || path[at + 2] == (query[0] ? query[0] : '/');
}

/* A space before the colon makes another field of it for lws, but not for everybody. */
static bool has_ambiguous_length(struct lws *wsi)
{
	static const char *const names[] = {"content-length :", "content-length\t:",
					    "transfer-encoding :", "transfer-encoding\t:"};
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		if (lws_hdr_custom_length(wsi, names[i], (int)strlen(names[i])) >= 0)
			return true;
	return false;
}

int head_read(struct lws *wsi, struct http_head *head)
{
	int n_methods = 0;
	size_t room = 0;
	*head = (struct http_head){0};
	for (int i = 0; i < HTTP_METHODS; i++) {
		if (lws_hdr_total_length(wsi, method_tokens[i]) == 0)
			continue;
		head->method = (enum http_method)i;
		n_methods++;
	}
	enum lws_token_indexes method = method_tokens[head->method];
	room += (size_t)lws_hdr_total_length(wsi, method) +
		(size_t)lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) +
		(size_t)lws_hdr_total_length(wsi, WSI_TOKEN_HTTP) + 3;
	for (int i = 0; i < HTTP_FIELDS; i++)
		room += (size_t)lws_hdr_total_length(wsi, field_tokens[i]) + 1;
	head->text = n_methods > 0 ? malloc(room) : NULL;
	if (!head->text)
		return n_methods > 0 ? -ENOMEM : -EINVAL;
	char *at = head->text;
	head->is_damaged = n_methods > 1 || has_ambiguous_length(wsi);
	head->path = copy_field(wsi, method, &at, &head->is_damaged);
	head->query = copy_query(wsi, &at, &head->is_damaged);
	head->version = copy_field(wsi, WSI_TOKEN_HTTP, &at, &head->is_damaged);
	if (!is_path_whole(wsi, method, head->query, head->version))
		head->is_damaged = true;
	for (int i = 0; i < HTTP_FIELDS; i++)
		head->fields[i] = copy_field(wsi, field_tokens[i], &at, &head->is_damaged);
	return 0;
}
