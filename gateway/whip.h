/* WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep) resources: POST makes a session, PATCH trickles,
 * restarts ICE or answers a counter-offer, DELETE ends it. Control thread. */
#pragma once

#include "gateway/server.h"
#include "gateway/session.h"

struct node;

/* /whip/{tenant}/{stream} and /whep/{tenant}/{stream} */
void whip_on_endpoint(struct node *node, enum session_role role, const char *tenant,
		      const char *stream, const struct http_request *request,
		      struct http_response *response);
/* /session/{id} */
void whip_on_session(struct node *node, const char *id, const struct http_request *request,
		     struct http_response *response);
/* What a browser may do across origins; added to every response of these resources. */
void whip_add_cors(const struct http_request *request, struct http_response *response);
