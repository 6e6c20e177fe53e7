#include "media/directory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "qos/memory.h"

struct directory {
	uint32_t capacity, n_free;
	uint32_t *free_slots; /* a stack; control only */
	_Atomic(struct directory_entry *) *entries;
};

struct directory *directory_create(uint32_t capacity)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	if (!directory)
		return NULL;
	directory->capacity = capacity;
	directory->free_slots = calloc(capacity, sizeof(*directory->free_slots));
	directory->entries = calloc(capacity, sizeof(*directory->entries));
	if (!directory->free_slots || !directory->entries) {
		directory_destroy(directory);
		return NULL;
	}
	for (uint32_t i = 0; i < capacity; i++)
		directory->free_slots[i] = capacity - 1 - i;
	directory->n_free = capacity;
	return directory;
}

void directory_destroy(struct directory *directory)
{
	if (!directory)
		return;
	free(directory->free_slots);
	free(directory->entries);
	free(directory);
}

size_t directory_resident(const struct directory *directory)
{
	return memory_resident(directory->free_slots,
			       directory->capacity * sizeof(*directory->free_slots)) +
	       memory_resident(directory->entries,
			       directory->capacity * sizeof(*directory->entries));
}

uint32_t directory_capacity(const struct directory *directory)
{
	return directory->capacity;
}

int directory_add(struct directory *directory, struct transport *transport,
		  struct directory_entry **out)
{
	if (directory->n_free == 0)
		return -ENOSPC;
	struct directory_entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->slot = directory->free_slots[--directory->n_free];
	entry->transport = transport;
	ice_credentials_make(&entry->local, entry->slot);
	*out = entry;
	return 0;
}

void directory_publish(struct directory *directory, struct directory_entry *entry)
{
	atomic_store_explicit(&directory->entries[entry->slot], entry, memory_order_release);
}

void directory_withdraw(struct directory *directory, struct directory_entry *entry)
{
	atomic_store_explicit(&directory->entries[entry->slot], NULL, memory_order_release);
}

void directory_release(struct directory *directory, struct directory_entry *entry)
{
	directory->free_slots[directory->n_free++] = entry->slot;
	free(entry);
}

const struct directory_entry *directory_find(const struct directory *directory, const char *ufrag,
					     size_t len)
{
	int32_t slot = ice_slot_of(ufrag, len);
	if (slot < 0 || (uint32_t)slot >= directory->capacity)
		return NULL;
	const struct directory_entry *entry =
		atomic_load_explicit(&directory->entries[slot], memory_order_acquire);
	if (!entry || strlen(entry->local.ufrag) != len || memcmp(entry->local.ufrag, ufrag, len))
		return NULL;
	return entry;
}
