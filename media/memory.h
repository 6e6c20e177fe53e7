/* What the sessions and tables of the media plane take, as far as they are ours: sizes as the
 * allocator gave them. Control thread. */
#pragma once

#include <stddef.h>

struct plane;
struct transport;

/* The transport with its tracks, subscriptions, pacer and feedback; what its keys made is not in
 * it. */
size_t memory_transport_bytes(const struct transport *transport);
/* The senders of a connected transport; of DPDK's memory its sessions in the crypto devices come
 * on top. */
size_t memory_sender_bytes(const struct transport *transport);
/* What is in memory of the tables that are made for as many sessions as there may be: flows,
 * viewers, the directory. */
size_t memory_tables_resident(const struct plane *plane);
