/* What Janus says over its HTTP API, as far as a client of its VideoRoom needs it. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum janus_kind {
	JANUS_OTHER, /* keepalive, webrtcup, media, ...: nothing to wait for */
	JANUS_ACK,   /* the answer comes as an event */
	JANUS_SUCCESS,
	JANUS_EVENT,
	JANUS_ERROR, /* Janus's own, or the plug-in's */
};

struct janus_message {
	enum janus_kind kind;
	char transaction[32]; /* of the request that it answers; "": of none */
	uint64_t id;          /* that was created; 0: none */
	int error_code;
	char error[160];
	char *sdp; /* of an event; owned, NULL: none */
};

/* Reads one message, or an array of them, as a long poll brings. How many were written (those that
 * have no room are left out), or -EBADMSG. */
int janus_message_read(const char *text, size_t size, struct janus_message *messages,
		       unsigned int max);
void janus_message_free(struct janus_message *message);
