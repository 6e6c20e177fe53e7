#include "bench/peers/janus_message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static const struct {
	const char *word;
	enum janus_kind kind;
} kinds[] = {
	{"ack", JANUS_ACK},
	{"success", JANUS_SUCCESS},
	{"event", JANUS_EVENT},
	{"error", JANUS_ERROR},
};

static enum janus_kind kind_of(const char *word)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].word, word) == 0)
			return kinds[i].kind;
	}
	return JANUS_OTHER;
}

/* json_object_get() and the like take what is not there, and give nothing. */
static void take_error(const json_t *code, const json_t *reason, struct janus_message *message)
{
	if (!json_is_integer(code))
		return;
	message->kind = JANUS_ERROR;
	message->error_code = (int)json_integer_value(code);
	snprintf(message->error, sizeof(message->error), "%s",
		 json_is_string(reason) ? json_string_value(reason) : "no reason given");
}

static int take_message(const json_t *json, struct janus_message *message)
{
	const char *word = json_string_value(json_object_get(json, "janus"));
	const char *transaction = json_string_value(json_object_get(json, "transaction"));
	const json_t *error = json_object_get(json, "error");
	const json_t *plugin = json_object_get(json_object_get(json, "plugindata"), "data");
	const char *sdp = json_string_value(json_object_get(json_object_get(json, "jsep"), "sdp"));
	if (!word)
		return -EBADMSG;
	*message = (struct janus_message){.kind = kind_of(word)};
	snprintf(message->transaction, sizeof(message->transaction), "%s",
		 transaction ? transaction : "");
	message->id =
		(uint64_t)json_integer_value(json_object_get(json_object_get(json, "data"), "id"));
	take_error(json_object_get(error, "code"), json_object_get(error, "reason"), message);
	take_error(json_object_get(plugin, "error_code"), json_object_get(plugin, "error"),
		   message);
	if (sdp && !(message->sdp = strdup(sdp)))
		return -ENOMEM;
	return 0;
}

int janus_message_read(const char *text, size_t size, struct janus_message *messages,
		       unsigned int max)
{
	unsigned int n = 0;
	json_t *json = json_loadb(text, size, 0, NULL);
	int rc = json ? 0 : -EBADMSG;
	if (json_is_array(json)) {
		for (size_t i = 0; rc == 0 && i < json_array_size(json) && n < max; i++) {
			rc = take_message(json_array_get(json, i), &messages[n]);
			n += rc == 0;
		}
	} else if (rc == 0 && max > 0) {
		rc = take_message(json, messages);
		n += rc == 0;
	}
	json_decref(json);
	while (rc && n > 0)
		janus_message_free(&messages[--n]);
	return rc ? rc : (int)n;
}

void janus_message_free(struct janus_message *message)
{
	free(message->sdp);
	message->sdp = NULL;
}
