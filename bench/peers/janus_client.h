/* One session of Janus's HTTP API, shared by all that the harness plays: requests on kept
 * connections, and a thread that waits for events and hands each to who asked for it. (A session
 * each, as browsers have, would cost Janus more.) */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "bench/peers/janus_message.h"

struct janus_client;

/* Of the Janus on this port of 127.0.0.1, once it answers: -ECONNREFUSED before that. Any error is
 * a negative errno. */
int janus_client_create(const char *port, struct janus_client **out);
/* Once Janus has ended: it leaves a long poll waiting that its session is over for. Nobody may be
 * asking. Takes NULL. */
void janus_client_destroy(struct janus_client *client);

/* All below: any thread, blocking up to 10 s. */

/* A handle of the VideoRoom. */
int janus_client_attach(struct janus_client *client, uint64_t *handle);
int janus_client_detach(struct janus_client *client, uint64_t handle);

struct janus_request {
	uint64_t handle;
	json_t *body;                /* its reference is taken */
	const char *type, *sdp;      /* "offer" or "answer"; NULL: none */
	struct janus_message *event; /* the event that answers; the caller's to free. NULL: the
				      * acknowledgement is enough */
	int not_yet;                 /* an error of the plug-in's that time mends; 0: none */
};

/* -EPROTO with a line on stderr when Janus or the plug-in refuses; -EAGAIN without one when it
 * refuses with `not_yet`; -ETIMEDOUT. */
int janus_client_ask(struct janus_client *client, const struct janus_request *request);
