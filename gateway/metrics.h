/* /metrics: the Prometheus text format, from tables of descriptors. Control thread. */
#pragma once

#include <stddef.h>

struct node;

/* The page, malloc'ed; NULL: no memory. */
char *metrics_render(struct node *node, size_t *size);
