/* POST /usage/{tenant}/authorize, /commit and /cancel: gateway/usage.h for backends that have the
 * tenant's token (scope `usage`) rather than the admin socket. Control thread. */
#pragma once

#include "gateway/server.h"

struct node;

void usage_http_on_request(struct node *node, const char *tenant, const char *action,
			   const struct http_request *request, struct http_response *response);
