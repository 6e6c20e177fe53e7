/* A request's head out of libwebsockets, checked for what it would have hidden. */
#pragma once

#include "gateway/server_http.h"

struct lws;

/* The head that `wsi` has parsed; head->text is the caller's (http_head_fini). -EINVAL: no request
 * line at all; -ENOMEM. */
int head_read(struct lws *wsi, struct http_head *head);
