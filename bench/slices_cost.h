/* What is timed by slices_cost.c: one turn of each takes a burst in and out again. One thread; EAL
 * has been started. */
#pragma once

#include <stdint.h>

#define COST_BURST 32

struct cost_scheduler; /* ours: one slice, no limits */
struct cost_rte_sched; /* the library alone: one port, one subport */
struct cost_policers;

/* Negative errno. All destroys take NULL. */
int cost_scheduler_create(unsigned int n_pipes, struct cost_scheduler **out);
void cost_scheduler_destroy(struct cost_scheduler *cost);
void cost_scheduler_set_bytes(struct cost_scheduler *cost, uint16_t bytes);
void cost_scheduler_turn(void *cost);

int cost_rte_sched_create(unsigned int n_pipes, struct cost_rte_sched **out);
void cost_rte_sched_destroy(struct cost_rte_sched *cost);
void cost_rte_sched_set_bytes(struct cost_rte_sched *cost, uint16_t bytes);
void cost_rte_sched_turn(void *cost);

int cost_policers_create(unsigned int n, struct cost_policers **out);
void cost_policers_destroy(struct cost_policers *cost);
void cost_policers_turn(void *cost);
