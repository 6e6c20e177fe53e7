/* Our own gateway, reached as any client reaches it. Past the kernel it lives in a cell: a
 * namespace of its own behind a veth pair, where its port has the one end as its NIC. HTTP is for
 * loopback only, so its sockets are made in there, too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/cell.h"
#include "bench/http.h"
#include "bench/node.h"
#include "bench/subject_kind.h"

#define WHIP_PATH "/whip/" NODE_TENANT "/{stream}"
#define WHEP_PATH "/whep/" NODE_TENANT "/{stream}"

struct subject_gateway {
	struct subject subject;
	struct cell *cell; /* NULL: on loopback */
	struct node *node;
	struct http_client *client;
	struct signalling_target target;
};

static struct subject_gateway *of(struct subject *subject)
{
	return (struct subject_gateway *)subject;
}

/* What is done in the cell, or here without one. */
struct errand {
	struct node_config config;
	struct node *node;
	int family, type;
};

static int start_node(void *context)
{
	struct errand *errand = context;
	return node_start(&errand->config, &errand->node);
}

static int stop_node(void *context)
{
	return node_stop(context);
}

static int make_socket(void *context)
{
	const struct errand *errand = context;
	int fd = socket(errand->family, errand->type, 0);
	return fd < 0 ? -errno : fd;
}

static int make_socket_in_cell(void *context, int family, int type)
{
	struct errand errand = {.family = family, .type = type};
	return cell_call(context, make_socket, &errand);
}

static int run(struct subject_gateway *gateway, int (*call)(void *context), void *context)
{
	return gateway->cell ? cell_call(gateway->cell, call, context) : call(context);
}

static void gateway_close(struct subject *subject)
{
	struct subject_gateway *gateway = of(subject);
	http_client_destroy(gateway->client);
	run(gateway, stop_node, gateway->node);
	cell_close(gateway->cell);
	free(gateway);
}

static int start(struct subject_gateway *gateway, const struct subject_config *config)
{
	char port[64];
	struct errand errand = {.config = {.workers = config->workers,
					   .sessions = config->sessions,
					   .media = config->media}};
	if (gateway->cell) {
		snprintf(port, sizeof(port), "port: {mode: %s, interface: %s}\n",
			 bench_mode_names[config->mode], CELL_INTERFACE);
		errand.config.listen = cell_address(gateway->cell);
		errand.config.more = port;
	}
	int rc = run(gateway, start_node, &errand);
	gateway->node = rc ? NULL : errand.node;
	return rc;
}

static int set_target(struct subject_gateway *gateway)
{
	struct signalling_target *target = &gateway->target;
	*target = (struct signalling_target){.host = "127.0.0.1",
					     .token = node_token(gateway->node, 0)};
	snprintf(target->port, sizeof(target->port), "%s", node_port(gateway->node));
	gateway->client = http_client_create(target->host, target->port);
	if (!gateway->client)
		return -ENOMEM;
	if (gateway->cell)
		http_client_set_socket(gateway->client, make_socket_in_cell, gateway->cell);
	target->client = gateway->client;
	return 0;
}

static int gateway_open(const struct subject_config *config, struct subject **out)
{
	int rc = 0;
	/* net_af_xdp opens combined queues, and the kernel's veth has one such. */
	if (config->mode == BENCH_AF_XDP && config->workers > 1) {
		fputs("nn5g-bench: af_xdp on a veth pair is for one worker\n", stderr);
		return -EOPNOTSUPP;
	}
	struct subject_gateway *gateway = calloc(1, sizeof(*gateway));
	if (!gateway)
		return -ENOMEM;
	gateway->subject.kind = &subject_nn5g;
	if (config->mode != BENCH_SOCKET)
		rc = cell_open(config->workers ? config->workers : 1, &gateway->cell);
	if (rc == 0)
		rc = start(gateway, config);
	if (rc == 0)
		rc = set_target(gateway);
	if (rc) {
		gateway_close(&gateway->subject);
		return rc;
	}
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

static int gateway_play_begin(struct subject *subject, const char *stream,
			      const struct offer *offer, struct signalling_call *call)
{
	return subject_post_begin(&of(subject)->target, WHEP_PATH, stream, offer, call);
}

static int gateway_leave_begin(struct subject *subject, const struct answer *answer,
			       struct signalling_call *call)
{
	return signalling_delete_begin(&of(subject)->target, answer->location, call);
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
	.play_begin = gateway_play_begin,
	.leave_begin = gateway_leave_begin,
	.pids = gateway_pids,
};
