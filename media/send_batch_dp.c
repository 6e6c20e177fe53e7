#include "media/send_batch.h"

#include "media/transport.h"
#include "media/worker.h"

struct srtp_job *send_batch_add(struct worker *worker, struct transport *transport,
				enum traffic_class traffic_class)
{
	struct send_batch *batch = &worker->batch;
	if (batch->n == SRTP_BURST_MAX)
		send_batch_flush(worker);
	unsigned int i = batch->n++;
	batch->transports[i] = transport;
	batch->classes[i] = (uint8_t)traffic_class;
	batch->jobs[i] = (struct srtp_job){.sender = transport->sender};
	srtp_sender_prefetch(transport->sender);
	return &batch->jobs[i];
}

void send_batch_keep(struct worker *worker, struct rte_mbuf *source)
{
	struct send_batch *batch = &worker->batch;
	if (batch->n_sources == SEND_BATCH_SOURCES)
		send_batch_flush(worker);
	if (batch->n == 0)
		packet_free(source);
	else
		batch->sources[batch->n_sources++] = source;
}

static void pass_on(struct worker *worker, const struct srtp_job *job, struct transport *transport,
		    enum traffic_class traffic_class)
{
	if (job->result) {
		worker_drop(worker, job->packet, DROP_PROTECT);
		return;
	}
	stat_add(transport, STAT_TX_PACKETS, 1);
	stat_add(transport, STAT_TX_BYTES, rte_pktmbuf_data_len(job->packet));
	transport_send_as(worker, transport, job->packet, traffic_class);
}

void send_batch_flush(struct worker *worker)
{
	struct send_batch *batch = &worker->batch;
	if (batch->n == 0)
		return;
	enum profile_stage before = profile_enter(&worker->profile, PROFILE_PROTECT, batch->n);
	srtp_queue_protect(batch->queue, batch->jobs, batch->n);
	profile_leave(&worker->profile, before);
	for (unsigned int i = 0; i < batch->n; i++)
		pass_on(worker, &batch->jobs[i], batch->transports[i],
			(enum traffic_class)batch->classes[i]);
	for (unsigned int i = 0; i < batch->n_sources; i++)
		packet_free(batch->sources[i]);
	batch->n = batch->n_sources = 0;
}
