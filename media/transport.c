#include "media/transport.h"

#include <errno.h>
#include <stdlib.h>

#include "media/plane.h"
#include "media/worker.h"

struct transport *transport_create(struct plane *plane, unsigned int n_tracks,
				   unsigned int n_subscriptions)
{
	struct transport *transport = aligned_alloc(64, sizeof(*transport));
	if (!transport)
		return NULL;
	memset(transport, 0, sizeof(*transport));
	atomic_init(&transport->home, TRANSPORT_UNHOMED);
	transport->plane = plane;
	transport->pipe = scheduler_default_pipe(plane_scheduler(plane));
	transport->selected = -1;
	transport->nack_due_ns = UINT64_MAX;
	meter_init(&transport->meter);
	transport->n_tracks = n_tracks;
	transport->n_subscriptions = n_subscriptions;
	transport->tracks = calloc(n_tracks, sizeof(*transport->tracks));
	size_t bytes = n_subscriptions * sizeof(*transport->subscriptions);
	transport->subscriptions = aligned_alloc(64, bytes);
	if (!transport->tracks || !transport->subscriptions ||
	    (n_subscriptions > 0 && pacer_init(&transport->pacer))) {
		transport_destroy(transport);
		return NULL;
	}
	memset(transport->subscriptions, 0, bytes);
	for (unsigned int i = 0; i < n_tracks; i++)
		transport->tracks[i].transport = transport;
	for (unsigned int i = 0; i < n_subscriptions; i++)
		transport->subscriptions[i].transport = transport;
	return transport;
}

int transport_add_twcc(struct transport *transport)
{
	transport->twcc = malloc(sizeof(*transport->twcc));
	if (!transport->twcc)
		return -ENOMEM;
	twcc_init(transport->twcc);
	return 0;
}

int transport_set_keys(struct transport *transport, const struct srtp_keys *keys)
{
	int rc = nn_srtp_create(keys, true, &transport->srtp_in);
	if (rc == 0)
		rc = srtp_sender_create(transport->plane->devices, keys,
					transport_sources_max(transport), &transport->sender);
	return rc;
}

void transport_destroy(struct transport *transport)
{
	if (!transport)
		return;
	nn_srtp_destroy(transport->srtp_in);
	srtp_sender_destroy(transport->sender);
	pacer_fini(&transport->pacer);
	free(transport->twcc);
	free(transport->tracks);
	free(transport->subscriptions);
	free(transport);
}
