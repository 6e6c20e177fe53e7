/* The standardized 5QI values, 3GPP TS 23.501 table 5.7.4-1, as data. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum five_qi_resource { RESOURCE_GBR, RESOURCE_NON_GBR, RESOURCE_DELAY_CRITICAL_GBR };

struct five_qi {
	unsigned int value;
	enum five_qi_resource resource;
	unsigned int priority;      /* default priority level, smaller is more urgent */
	unsigned int delay_ms;      /* packet delay budget */
	unsigned int loss_exponent; /* packet error rate 1e-N */
	bool is_interactive;        /* a person waits for the answer: video is interactive video */
	const char *services;       /* example services, as the table names them */
};

/* NULL: no standardized value. */
const struct five_qi *five_qi_find(unsigned int value);
/* All rows in ascending order; *n of them. */
const struct five_qi *five_qi_rows(unsigned int *n);
