/* A viewer's number is worker, place in its table, and the place's generation:
 *
 *      63    56 55            32 31               0
 *     | worker |     place     |    generation    |
 */
#include "media/viewers.h"

#include "media/plane.h"
#include "media/subscription.h"
#include "media/viewers_private.h"
#include "media/worker.h"

static uint32_t place_of(uint64_t viewer)
{
	return (uint32_t)(viewer >> 32) & 0xffffffu;
}

uint64_t viewers_add(struct viewers *viewers, struct subscription *subscription)
{
	uint32_t i = viewers->first_free;
	if (i == viewers->capacity)
		return VIEWER_NONE;
	struct viewer_place *place = &viewers->places[i];
	viewers->first_free = place->next_free;
	place->subscription = subscription;
	if (++place->generation == 0)
		place->generation = 1;
	return (uint64_t)viewers->worker << 56 | (uint64_t)i << 32 | place->generation;
}

void viewers_remove(struct viewers *viewers, uint64_t viewer)
{
	uint32_t i = place_of(viewer);
	if (viewer == VIEWER_NONE)
		return;
	viewers->places[i].subscription = NULL;
	viewers->places[i].next_free = viewers->first_free;
	viewers->first_free = i;
}

void viewers_tell_loss(struct plane *plane, uint64_t viewer)
{
	if (viewer == VIEWER_NONE)
		return;
	struct worker *worker = plane->workers[viewer >> 56];
	atomic_uint *told = &worker->viewers->places[place_of(viewer)].told;
	uint32_t generation = (uint32_t)viewer;
	if (atomic_exchange_explicit(told, generation, memory_order_relaxed) == generation)
		return;
	if (!mailbox_post_packet(worker->mailbox,
				 &(struct message){.type = MESSAGE_LOSS, .a = viewer}))
		atomic_store_explicit(told, 0, memory_order_relaxed);
}

void viewers_on_loss(struct worker *worker, uint64_t viewer)
{
	struct viewer_place *place = &worker->viewers->places[place_of(viewer)];
	atomic_store_explicit(&place->told, 0, memory_order_relaxed);
	if (place->subscription && place->generation == (uint32_t)viewer)
		subscription_on_loss(worker, place->subscription);
}
