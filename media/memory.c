#include "media/memory.h"

#include <malloc.h>

#include "media/plane.h"
#include "media/srtp_burst.h"
#include "media/transport.h"
#include "media/viewers.h"
#include "media/worker.h"
#include "qos/memory.h"

/* What malloc keeps beside each block. */
#define BLOCK_BYTES sizeof(size_t)

static size_t block_bytes(const void *block)
{
	return block ? malloc_usable_size((void *)(uintptr_t)block) + BLOCK_BYTES : 0;
}

size_t memory_transport_bytes(const struct transport *transport)
{
	return block_bytes(transport) + block_bytes(transport->tracks) +
	       block_bytes(transport->subscriptions) + block_bytes(transport->twcc) +
	       block_bytes(transport->pacer.queue);
}

size_t memory_sender_bytes(const struct transport *transport)
{
	return srtp_sender_bytes(transport_sources_max(transport)) + BLOCK_BYTES;
}

static size_t table_resident(const void *table)
{
	return table ? memory_resident(table, malloc_usable_size((void *)(uintptr_t)table)) : 0;
}

size_t memory_tables_resident(const struct plane *plane)
{
	size_t bytes = directory_resident(plane->directory);
	for (unsigned int i = 0; i < plane->n_workers; i++) {
		const struct worker *worker = plane->workers[i];
		bytes += table_resident(worker->flow_entries) + table_resident(worker->n_foreign) +
			 table_resident(worker->viewers);
	}
	return bytes;
}
