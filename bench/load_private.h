/* What load.c connects and load_measure.c counts. */
#pragma once

#include "bench/load.h"
#include "bench/pace.h"

#define LOAD_NAME_MAX 16

struct load_stream {
	char name[LOAD_NAME_MAX];
	struct publisher *publisher; /* owned */
	struct viewer_config viewer_config;
	struct publisher_sent begin;
	uint64_t begin_lost; /* as reported */
};

struct load {
	struct load_config config;
	struct peer_certificate *certificate;
	struct load_stream *streams;   /* owned, config.publishers of them */
	struct publisher **publishers; /* owned; those of the streams */
	struct pace *pace;
	struct viewer *viewers; /* owned, n_viewers of them: of stream i % publishers */
	unsigned int n_viewers, n_started;
	unsigned int *connecting; /* owned: viewers in epoll, by index */
	unsigned int n_connecting;
	int epoll_fd;
	uint64_t tick_ns, turn_ns, turn_due_ns;
	struct viewer_totals totals;
};

/* The stream that a viewer plays, by its index. */
static inline struct load_stream *load_stream_of(const struct load *load, unsigned int viewer)
{
	return &load->streams[viewer % load->config.publishers];
}

/* Takes what all viewers have got. */
void load_read_all(struct load *load, uint64_t now_ns);
