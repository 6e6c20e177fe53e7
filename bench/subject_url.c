/* Any WHIP/WHEP server that runs already. */
#include <errno.h>
#include <stdlib.h>

#include "bench/http.h"
#include "bench/subject_kind.h"

struct subject_server {
	struct subject subject;
	const struct subject_config *config; /* borrowed */
	struct http_client *client;
	struct signalling_target target;
};

static const struct signalling_target *target_of(const struct subject *subject)
{
	return &((const struct subject_server *)subject)->target;
}

static const struct subject_config *config_of(const struct subject *subject)
{
	return ((const struct subject_server *)subject)->config;
}

static int server_open(const struct subject_config *config, struct subject **out)
{
	if (!config->target || !config->whip_path || !config->whep_path)
		return -EINVAL;
	struct subject_server *server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->subject.kind = &subject_url;
	server->config = config;
	server->target = *config->target;
	server->client = http_client_create(server->target.host, server->target.port);
	if (!server->client) {
		free(server);
		return -ENOMEM;
	}
	server->target.client = server->client;
	*out = &server->subject;
	return 0;
}

static void server_close(struct subject *subject)
{
	struct subject_server *server = (struct subject_server *)subject;
	http_client_destroy(server->client);
	free(server);
}

static int server_publish(struct subject *subject, const char *stream, const struct offer *offer,
			  struct answer *answer)
{
	const struct subject_config *config = config_of(subject);
	return subject_post(target_of(subject), config->whip_path, stream, offer, answer);
}

static int server_play(struct subject *subject, const char *stream, const struct offer *offer,
		       struct answer *answer)
{
	const struct subject_config *config = config_of(subject);
	return subject_post(target_of(subject), config->whep_path, stream, offer, answer);
}

static void server_leave(struct subject *subject, const struct answer *answer)
{
	signalling_delete(target_of(subject), answer->location);
}

static int server_play_begin(struct subject *subject, const char *stream, const struct offer *offer,
			     struct signalling_call *call)
{
	const struct subject_config *config = config_of(subject);
	return subject_post_begin(target_of(subject), config->whep_path, stream, offer, call);
}

static int server_leave_begin(struct subject *subject, const struct answer *answer,
			      struct signalling_call *call)
{
	return signalling_delete_begin(target_of(subject), answer->location, call);
}

static int server_pids(const struct subject *subject, pid_t *pids, int max)
{
	if (max < 1 || config_of(subject)->pid == 0)
		return 0;
	pids[0] = config_of(subject)->pid;
	return 1;
}

const struct subject_kind subject_url = {
	.name = "url",
	.open = server_open,
	.close = server_close,
	.publish = server_publish,
	.play = server_play,
	.leave = server_leave,
	.play_begin = server_play_begin,
	.leave_begin = server_leave_begin,
	.pids = server_pids,
};
