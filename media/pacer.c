#include "media/pacer.h"

#include <errno.h>
#include <stdlib.h>

int pacer_init(struct pacer *pacer)
{
	*pacer = (struct pacer){.queue = malloc(sizeof(*pacer->queue))};
	return pacer->queue ? 0 : -ENOMEM;
}

void pacer_fini(struct pacer *pacer)
{
	free(pacer->queue);
}
