/* Who waits for an event is in a list under his transaction before he asks, so that an event that
 * overtakes its acknowledgement finds him. The poll thread ends with its connection. */
#include "bench/peers/janus_client.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/http.h"

#define PLUGIN       "janus.plugin.videoroom"
#define EVENTS       64
#define PATIENCE_S   10
#define POLL_MS      60000 /* Janus says something after 30 s */
#define TOLD_MAX     5     /* errors that are told; more of them would be the same */
#define PATH_ROOM    96
#define TRANSACTION  "t%u"
#define SESSION_PATH "/janus/%llu"

struct waiter {
	struct waiter *next;
	const char *transaction;
	struct janus_message message;
	bool is_answered;
	pthread_cond_t answered;
};

struct janus_client {
	struct http_client *http, *poll_http;
	uint64_t session;
	pthread_t thread;
	bool has_thread;
	atomic_uint transactions, errors;
	pthread_mutex_t lock; /* of the waiters */
	struct waiter *waiters;
};

static void tell(struct janus_client *client, const char *what, const char *why, int code)
{
	if (atomic_fetch_add(&client->errors, 1) < TOLD_MAX)
		fprintf(stderr, "nn5g-bench: janus: %s: %s (%d)\n", what, why, code);
}

/* POSTs `json`, whose reference is taken. 0 with the one message of the reply. */
static int post(struct janus_client *client, const char *path, json_t *json,
		struct janus_message *message)
{
	struct http_reply reply = {0};
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct http_request request = {
		.method = "POST", .path = path, .type = "application/json", .body = text};
	int rc = text ? http_exchange(client->http, &request, &reply) : -ENOMEM;
	if (rc == 0 && janus_message_read(reply.body, reply.body_size, message, 1) != 1)
		rc = -EBADMSG;
	if (rc == 0 && message->kind == JANUS_ERROR) {
		tell(client, "refused", message->error, message->error_code);
		janus_message_free(message);
		rc = -EPROTO;
	}
	http_reply_free(&reply);
	free(text);
	json_decref(json);
	return rc;
}

static void next_transaction(struct janus_client *client, char out[32])
{
	snprintf(out, 32, TRANSACTION, atomic_fetch_add(&client->transactions, 1));
}

/* A request without a body of its own; *id is what it created. */
static int command(struct janus_client *client, const char *path, json_t *json, uint64_t *id)
{
	struct janus_message message;
	char transaction[32];
	next_transaction(client, transaction);
	json_object_set_new(json, "transaction", json_string(transaction));
	int rc = post(client, path, json, &message);
	if (rc)
		return rc;
	if (id)
		*id = message.id;
	janus_message_free(&message);
	return id && *id == 0 ? -EBADMSG : 0;
}

static void hand_over(struct janus_client *client, struct janus_message *message)
{
	struct waiter *waiter;
	pthread_mutex_lock(&client->lock);
	for (waiter = client->waiters; waiter; waiter = waiter->next) {
		if (strcmp(waiter->transaction, message->transaction) == 0 && !waiter->is_answered)
			break;
	}
	if (waiter && (message->kind == JANUS_EVENT || message->kind == JANUS_ERROR)) {
		waiter->message = *message;
		waiter->is_answered = true;
		pthread_cond_signal(&waiter->answered);
		message->sdp = NULL;
	}
	pthread_mutex_unlock(&client->lock);
	janus_message_free(message);
}

static void *poll_events(void *argument)
{
	struct janus_client *client = argument;
	char path[PATH_ROOM];
	struct http_request request = {.method = "GET", .path = path, .patience_ms = POLL_MS};
	snprintf(path, sizeof(path), SESSION_PATH "?maxev=%d", (unsigned long long)client->session,
		 EVENTS);
	struct http_reply reply;
	while (http_exchange(client->poll_http, &request, &reply) == 0) {
		struct janus_message messages[EVENTS];
		int n = janus_message_read(reply.body, reply.body_size, messages, EVENTS);
		for (int i = 0; i < n; i++)
			hand_over(client, &messages[i]);
		http_reply_free(&reply);
	}
	return NULL;
}

int janus_client_create(const char *port, struct janus_client **out)
{
	struct janus_client *client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	pthread_mutex_init(&client->lock, NULL);
	client->http = http_client_create("127.0.0.1", port);
	client->poll_http = http_client_create("127.0.0.1", port);
	int rc = client->http && client->poll_http
			 ? command(client, "/janus", json_pack("{s:s}", "janus", "create"),
				   &client->session)
			 : -ENOMEM;
	if (rc == 0)
		rc = -pthread_create(&client->thread, NULL, poll_events, client);
	client->has_thread = rc == 0 && client->session;
	if (rc) {
		janus_client_destroy(client);
		return rc;
	}
	*out = client;
	return 0;
}

void janus_client_destroy(struct janus_client *client)
{
	if (!client)
		return;
	if (client->has_thread)
		pthread_join(client->thread, NULL);
	http_client_destroy(client->poll_http);
	http_client_destroy(client->http);
	pthread_mutex_destroy(&client->lock);
	free(client);
}

int janus_client_attach(struct janus_client *client, uint64_t *handle)
{
	char path[PATH_ROOM];
	snprintf(path, sizeof(path), SESSION_PATH, (unsigned long long)client->session);
	return command(client, path, json_pack("{s:s,s:s}", "janus", "attach", "plugin", PLUGIN),
		       handle);
}

static void write_handle_path(const struct janus_client *client, uint64_t handle,
			      char out[PATH_ROOM])
{
	snprintf(out, PATH_ROOM, SESSION_PATH "/%llu", (unsigned long long)client->session,
		 (unsigned long long)handle);
}

int janus_client_detach(struct janus_client *client, uint64_t handle)
{
	char path[PATH_ROOM];
	write_handle_path(client, handle, path);
	return command(client, path, json_pack("{s:s}", "janus", "detach"), NULL);
}

static void wait_in_line(struct janus_client *client, struct waiter *waiter)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&waiter->answered, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_lock(&client->lock);
	waiter->next = client->waiters;
	client->waiters = waiter;
	pthread_mutex_unlock(&client->lock);
}

/* Waits for the event (or not: `is_wanted`) and leaves the line. */
static int await_event(struct janus_client *client, struct waiter *waiter, bool is_wanted)
{
	struct timespec until;
	int rc = 0;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&client->lock);
	while (is_wanted && !waiter->is_answered && rc == 0)
		rc = pthread_cond_timedwait(&waiter->answered, &client->lock, &until);
	struct waiter **at = &client->waiters;
	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	pthread_mutex_unlock(&client->lock);
	pthread_cond_destroy(&waiter->answered);
	return is_wanted && !waiter->is_answered ? -ETIMEDOUT : 0;
}

/* "message" around the body, with an SDP beside it if there is one. */
static json_t *wrap(const struct janus_request *request, const char *transaction)
{
	json_t *json = json_pack("{s:s,s:s,s:o}", "janus", "message", "transaction", transaction,
				 "body", request->body);
	if (json && request->sdp)
		json_object_set_new(json, "jsep",
				    json_pack("{s:s,s:s,s:b}", "type", request->type, "sdp",
					      request->sdp, "trickle", 0));
	return json;
}

static int refused(struct janus_client *client, const struct janus_request *request,
		   const struct janus_message *message)
{
	if (request->not_yet && message->error_code == request->not_yet)
		return -EAGAIN;
	tell(client, "the room refused", message->error, message->error_code);
	return -EPROTO;
}

int janus_client_ask(struct janus_client *client, const struct janus_request *request)
{
	char path[PATH_ROOM], transaction[32];
	struct janus_message reply = {0};
	struct waiter waiter = {.transaction = transaction};
	next_transaction(client, transaction);
	write_handle_path(client, request->handle, path);
	wait_in_line(client, &waiter);
	int rc = post(client, path, wrap(request, transaction), &reply);
	bool is_wanted = rc == 0 && reply.kind == JANUS_ACK && request->event;
	int waited = await_event(client, &waiter, is_wanted);
	janus_message_free(&reply);
	if (rc == 0)
		rc = waited;
	if (rc == 0 && waiter.is_answered && waiter.message.kind == JANUS_ERROR)
		rc = refused(client, request, &waiter.message);
	if (rc == 0 && request->event)
		*request->event = waiter.message;
	else
		janus_message_free(&waiter.message);
	return rc;
}
