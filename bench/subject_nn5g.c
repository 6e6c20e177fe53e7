/* Our own gateway, reached as any client reaches it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/node.h"
#include "bench/subject_kind.h"

#define WHIP_PATH "/whip/" NODE_TENANT "/{stream}"
#define WHEP_PATH "/whep/" NODE_TENANT "/{stream}"

struct subject_gateway {
	struct subject subject;
	struct node *node;
	struct signalling_target target;
};

static struct subject_gateway *of(struct subject *subject)
{
	return (struct subject_gateway *)subject;
}

static void gateway_close(struct subject *subject)
{
	node_stop(of(subject)->node);
	free(subject);
}

static int gateway_open(const struct subject_config *config, struct subject **out)
{
	if (config->mode != BENCH_SOCKET) {
		fprintf(stderr, "nn5g-bench: a gateway of our own cannot be measured with %s yet\n",
			bench_mode_names[config->mode]);
		return -EOPNOTSUPP;
	}
	struct subject_gateway *gateway = calloc(1, sizeof(*gateway));
	if (!gateway)
		return -ENOMEM;
	struct node_config node = {
		.workers = config->workers, .sessions = config->sessions, .media = config->media};
	gateway->subject.kind = &subject_nn5g;
	int rc = node_start(&node, &gateway->node);
	if (rc) {
		gateway_close(&gateway->subject);
		return rc;
	}
	struct signalling_target *target = &gateway->target;
	*target = (struct signalling_target){.host = "127.0.0.1",
					     .token = node_token(gateway->node, 0)};
	snprintf(target->port, sizeof(target->port), "%s", node_port(gateway->node));
	*out = &gateway->subject;
	return 0;
}

static int gateway_publish(struct subject *subject, const char *stream, const struct offer *offer,
			   struct answer *answer)
{
	return subject_post(&of(subject)->target, WHIP_PATH, stream, offer, answer);
}

static int gateway_play(struct subject *subject, const char *stream, const struct offer *offer,
			struct answer *answer)
{
	return subject_post(&of(subject)->target, WHEP_PATH, stream, offer, answer);
}

static void gateway_leave(struct subject *subject, const struct answer *answer)
{
	signalling_delete(&of(subject)->target, answer->location);
}

static int gateway_pids(const struct subject *subject, pid_t *pids, int max)
{
	const struct subject_gateway *gateway = (const struct subject_gateway *)subject;
	if (max < 1)
		return 0;
	pids[0] = node_pid(gateway->node);
	return 1;
}

const struct subject_kind subject_nn5g = {
	.name = "nn5g",
	.open = gateway_open,
	.close = gateway_close,
	.publish = gateway_publish,
	.play = gateway_play,
	.leave = gateway_leave,
	.pids = gateway_pids,
};
