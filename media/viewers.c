#include "media/viewers.h"

#include <stdlib.h>

#include "media/viewers_private.h"

struct viewers *viewers_create(unsigned int worker, unsigned int capacity)
{
	struct viewers *viewers =
		calloc(1, sizeof(*viewers) + capacity * sizeof(viewers->places[0]));
	if (!viewers)
		return NULL;
	viewers->worker = worker;
	viewers->capacity = capacity;
	/* The lowest number is taken first. */
	for (unsigned int i = 0; i < capacity; i++)
		viewers->places[i].next_free = i + 1;
	return viewers;
}

void viewers_destroy(struct viewers *viewers)
{
	free(viewers);
}
