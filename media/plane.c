/* Starts and stops what handles packets: one list up, the same list down. Threads run on EAL
 * lcores: 1 is the handshake thread, 2.. are the workers, the one after them is the egress thread
 * if there are several; lcore 0 is control and calls everything here. */
#include "media/plane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "media/srtp.h"
#include "qos/eal.h"

/* Control may be waiting for a worker, so a worker must never wait for control: there is room for
 * every message of every session that must arrive, also in the quarter of the mailbox that the
 * others leave free. They are six: connected, refused, closed, its barrier, and of each media kind
 * that its credit ran out; it cannot run out again before control, which empties its mailbox first,
 * has given more. */
#define CONTROL_MESSAGES_PER_SESSION 24
#define CONTROL_MAILBOX_MIN          4096u

static int create_parts(struct plane *plane)
{
	int rc = packet_pool_create(PLANE_POOL_NAME, plane->config.packets, &plane->pool);
	if (rc)
		return rc;
	plane->config.port.pool = plane->pool;
	plane->config.port.has_send_queue = plane->n_workers > 1;
	rc = port_open(&plane->config.port, &plane->port);
	if (rc)
		return rc;
	rc = dtls_identity_create(&plane->identity);
	if (rc)
		return rc;
	plane->directory = directory_create(plane->config.sessions_max * 2);
	if (!plane->directory)
		return -ENOMEM;
	unsigned int messages = plane->config.sessions_max * CONTROL_MESSAGES_PER_SESSION;
	rc = mailbox_create(rte_align32pow2(RTE_MAX(messages, CONTROL_MAILBOX_MIN)),
			    &plane->control);
	if (rc)
		return rc;
	rc = handshake_create(plane, &plane->handshake);
	if (rc == 0)
		rc = egress_create(plane, &plane->egress);
	struct srtp_devices_config devices = {
		.n_queues = plane->n_workers,
		.senders_max = plane->config.sessions_max,
		.gcm_driver = plane->config.crypto_gcm,
		.cm_driver = plane->config.crypto_cm,
	};
	if (rc == 0)
		rc = srtp_devices_start(&devices, &plane->devices);
	for (unsigned int i = 0; rc == 0 && i < plane->n_workers; i++)
		rc = worker_create(plane, i, &plane->workers[i]);
	return rc;
}

void plane_destroy(struct plane *plane)
{
	if (!plane)
		return;
	for (unsigned int i = 0; i < plane->n_workers; i++) {
		worker_destroy(plane->workers[i]);
		plane->workers[i] = NULL;
	}
	srtp_devices_stop(plane->devices);
	egress_destroy(plane->egress);
	handshake_destroy(plane->handshake);
	mailbox_destroy(plane->control);
	directory_destroy(plane->directory);
	dtls_identity_destroy(plane->identity);
	port_close(plane->port);
	packet_pool_destroy(plane->pool);
	nn_srtp_stop();
	free(plane);
}

static unsigned int egress_lcore(const struct plane *plane)
{
	return EAL_LCORE_WORKER_FIRST + plane->n_workers;
}

int plane_create(const struct plane_config *config, struct plane **out)
{
	struct plane *plane = calloc(1, sizeof(*plane));
	if (!plane)
		return -ENOMEM;
	plane->config = *config;
	plane->n_workers = config->port.n_queues;
	atomic_init(&plane->consent_ns, config->consent_ns);
	int rc = nn_srtp_start();
	if (rc == 0)
		rc = create_parts(plane);
	if (rc) {
		log_error(LOG_WORKER, "the media plane does not start", "\"error\":\"%s\"",
			  strerror(-rc));
		plane_destroy(plane);
		return rc;
	}
	*out = plane;
	return 0;
}

int plane_start(const struct plane_config *config, struct plane **out)
{
	struct plane *plane;
	int rc = plane_create(config, &plane);
	if (rc)
		return rc;
	eal_lcore_start(EAL_LCORE_HANDSHAKE, handshake_run, plane->handshake);
	if (plane->egress->has_thread)
		eal_lcore_start(egress_lcore(plane), egress_run, plane->egress);
	for (unsigned int i = 0; i < plane->n_workers; i++)
		eal_lcore_start(EAL_LCORE_WORKER_FIRST + i, worker_run, plane->workers[i]);
	*out = plane;
	return 0;
}

static void post_barrier(struct plane *plane)
{
	struct message message = {.type = MESSAGE_BARRIER, .barrier = plane->barrier};
	atomic_init(&plane->barrier->left, plane->n_workers + 1);
	mailbox_post_wait(handshake_mailbox(plane->handshake), &message);
	for (unsigned int i = 0; i < plane->n_workers; i++)
		mailbox_post_wait(plane->workers[i]->mailbox, &message);
}

/* Makes a barrier's calls, which may ask for barriers again. */
static void end_barrier(struct barrier *barrier)
{
	struct barrier_call *call;
	while ((call = TAILQ_FIRST(&barrier->calls))) {
		TAILQ_REMOVE(&barrier->calls, call, link);
		call->done(call->context);
		free(call);
	}
	free(barrier);
}

/* The next is posted before the calls are made: there is no need to wait for them. */
static void on_barrier_done(struct plane *plane)
{
	struct barrier *passed = plane->barrier;
	plane->barrier = plane->barrier_next;
	plane->barrier_next = NULL;
	if (plane->barrier && !plane->has_stopped)
		post_barrier(plane);
	end_barrier(passed);
}

void plane_dispatch(struct plane *plane,
		    void (*on_message)(void *context, const struct message *message), void *context)
{
	struct message messages[64];
	unsigned int n;
	mailbox_awake(plane->control);
	while ((n = mailbox_take(plane->control, messages, 64)) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			if (messages[i].type == MESSAGE_BARRIER_DONE)
				on_barrier_done(plane);
			else
				on_message(context, &messages[i]);
		}
	}
}

static void pass_over(void *context, const struct message *message)
{
	(void)context;
	(void)message;
}

void plane_stop(struct plane *plane)
{
	if (!plane)
		return;
	struct message stop = {.type = MESSAGE_STOP};
	mailbox_post_wait(handshake_mailbox(plane->handshake), &stop);
	eal_lcore_join(EAL_LCORE_HANDSHAKE);
	for (unsigned int i = 0; i < plane->n_workers; i++) {
		mailbox_post_wait(plane->workers[i]->mailbox, &stop);
		eal_lcore_join(EAL_LCORE_WORKER_FIRST + i);
	}
	if (plane->egress->has_thread) {
		mailbox_post_wait(plane->egress->mailbox, &stop);
		eal_lcore_join(egress_lcore(plane));
	}
	/* Every thread has passed the barriers there were; what they free is still waiting. */
	plane->has_stopped = true;
	plane_dispatch(plane, pass_over, NULL);
	while (plane->barrier)
		on_barrier_done(plane);
	plane_destroy(plane);
}

struct scheduler *plane_scheduler(const struct plane *plane)
{
	return plane->egress->scheduler;
}

void plane_tick(struct plane *plane)
{
	scheduler_collect(plane->egress->scheduler);
	port_check_link(plane->port);
}

void plane_publish(struct plane *plane, struct directory_entry *entry)
{
	directory_publish(plane->directory, entry);
}

void plane_close(struct plane *plane, struct transport *transport)
{
	mailbox_post_wait(handshake_mailbox(plane->handshake),
			  &(struct message){.type = MESSAGE_CLOSE, .transport = transport});
}

static bool post_home(struct plane *plane, struct transport *transport,
		      const struct message *message)
{
	int home = atomic_load_explicit(&transport->home, memory_order_acquire);
	if (home < 0)
		return false;
	mailbox_post_wait(plane->workers[home]->mailbox, message);
	return true;
}

bool plane_set_credit(struct plane *plane, struct transport *transport, enum meter_kind kind,
		      uint64_t credit_ns)
{
	return post_home(plane, transport,
			 &(struct message){.type = MESSAGE_CREDIT,
					   .transport = transport,
					   .word = kind,
					   .a = credit_ns});
}

bool plane_set_held(struct plane *plane, struct transport *transport, uint8_t held)
{
	return post_home(
		plane, transport,
		&(struct message){.type = MESSAGE_HOLD, .transport = transport, .word = held});
}

void plane_silence(struct plane *plane, struct transport *transport)
{
	int home = atomic_load_explicit(&transport->home, memory_order_acquire);
	if (home >= 0)
		mailbox_put_wait(plane->workers[home]->mailbox,
				 &(struct message){.type = MESSAGE_HOLD,
						   .transport = transport,
						   .word = (1u << METER_KINDS) - 1});
}

static struct barrier *create_barrier(void)
{
	struct barrier *barrier = malloc(sizeof(*barrier));
	if (barrier)
		TAILQ_INIT(&barrier->calls);
	return barrier;
}

int plane_barrier(struct plane *plane, void (*done)(void *context), void *context)
{
	bool is_first = !plane->barrier;
	struct barrier **barrier = is_first ? &plane->barrier : &plane->barrier_next;
	struct barrier_call *call = malloc(sizeof(*call));
	/* One that is there is believed to have been posted: none is made without its call. */
	if (call && !*barrier)
		*barrier = create_barrier();
	if (!call || !*barrier) {
		free(call);
		return -ENOMEM;
	}
	*call = (struct barrier_call){.done = done, .context = context};
	TAILQ_INSERT_TAIL(&(*barrier)->calls, call, link);
	if (is_first)
		post_barrier(plane);
	return 0;
}

void barrier_pass(struct plane *plane, struct barrier *barrier)
{
	if (atomic_fetch_sub(&barrier->left, 1) == 1)
		egress_pass(plane->egress, barrier);
}

int plane_fd(const struct plane *plane)
{
	return mailbox_fd(plane->control);
}

bool plane_sleep(struct plane *plane)
{
	return mailbox_sleep(plane->control);
}

uint64_t plane_metered_ns(const struct plane *plane, enum meter_kind kind)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < plane->n_workers; i++)
		sum += atomic_load_explicit(&plane->workers[i]->metered_ns[kind],
					    memory_order_relaxed);
	return sum;
}

uint64_t plane_counter(const struct plane *plane, enum counter counter)
{
	uint64_t sum = counter_read(&plane->egress->counters, counter);
	for (unsigned int i = 0; i < plane->n_workers; i++)
		sum += counter_read(&plane->workers[i]->counters, counter);
	return sum;
}

struct profile_figures plane_profile(const struct plane *plane, enum profile_stage stage)
{
	struct profile_figures figures = {0};
	profile_read(&plane->egress->profile, stage, &figures);
	for (unsigned int i = 0; i < plane->n_workers; i++)
		profile_read(&plane->workers[i]->profile, stage, &figures);
	return figures;
}
