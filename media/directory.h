/* Which session a connectivity check is for: slot number (from the local ufrag) -> credentials and
 * transport. Control publishes and withdraws entries; workers look up. An entry is immutable while
 * published; control frees it behind a barrier. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "media/ice.h"

struct transport;

struct directory_entry {
	struct ice_credentials local;
	char remote_ufrag[ICE_REMOTE_UFRAG_MAX + 1]; /* "" = not known yet: any */
	struct transport *transport;                 /* borrowed; outlives the entry */
	uint32_t slot;
};

struct directory;

/* Room for `capacity` entries (two per session: an ICE restart holds both for a while). */
struct directory *directory_create(uint32_t capacity);
void directory_destroy(struct directory *directory);
/* What of its table is in memory. Control thread. */
size_t directory_resident(const struct directory *directory);
/* Slots are 0 .. capacity - 1. Any thread. */
uint32_t directory_capacity(const struct directory *directory);

/* Control thread. Makes credentials for a free slot; nobody finds the entry yet. -ENOSPC, -ENOMEM.
 */
int directory_add(struct directory *directory, struct transport *transport,
		  struct directory_entry **out);
/* Control thread. From now on checks find the entry, and all that was written before. */
void directory_publish(struct directory *directory, struct directory_entry *entry);
/* Control thread. New checks do not find it any more. */
void directory_withdraw(struct directory *directory, struct directory_entry *entry);
/* Control thread, behind a barrier (or never published). Frees the entry; its slot may be used
 * again. */
void directory_release(struct directory *directory, struct directory_entry *entry);

/* Any worker. The entry whose local ufrag this is, or NULL. Valid until the worker's next message
 * round. */
const struct directory_entry *directory_find(const struct directory *directory, const char *ufrag,
					     size_t len);
