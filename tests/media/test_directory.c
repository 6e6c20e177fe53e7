#include "media/directory.h"

#include <errno.h>
#include <string.h>

#include "tests/cunit.h"

static const struct directory_entry *find(const struct directory *directory, const char *ufrag)
{
	return directory_find(directory, ufrag, strlen(ufrag));
}

static void an_entry_is_found_while_it_is_published(void)
{
	struct directory *directory = directory_create(4);
	struct directory_entry *entry;
	CU_ASSERT_EQUAL_FATAL(directory_add(directory, NULL, &entry), 0);
	CU_ASSERT_PTR_NULL(find(directory, entry->local.ufrag));
	directory_publish(directory, entry);
	CU_ASSERT_PTR_EQUAL(find(directory, entry->local.ufrag), entry);
	directory_withdraw(directory, entry);
	CU_ASSERT_PTR_NULL(find(directory, entry->local.ufrag));
	directory_release(directory, entry);
	directory_destroy(directory);
}

static void a_ufrag_of_the_same_slot_is_not_enough(void)
{
	struct directory *directory = directory_create(4);
	struct directory_entry *entry;
	char ufrag[ICE_UFRAG_BYTES];
	CU_ASSERT_EQUAL_FATAL(directory_add(directory, NULL, &entry), 0);
	directory_publish(directory, entry);
	memcpy(ufrag, entry->local.ufrag, sizeof(ufrag));
	ufrag[ICE_UFRAG_BYTES - 5] ^= 1;
	CU_ASSERT_PTR_NULL(find(directory, ufrag));
	CU_ASSERT_PTR_NULL(directory_find(directory, entry->local.ufrag, 4));
	CU_ASSERT_PTR_NULL(find(directory, "////abcdefgh"));
	CU_ASSERT_PTR_NULL(find(directory, ""));
	directory_release(directory, entry);
	directory_destroy(directory);
}

static void a_full_directory_says_so_and_slots_come_back(void)
{
	struct directory *directory = directory_create(3);
	struct directory_entry *entries[3], *more;
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(directory_add(directory, NULL, &entries[i]), 0);
	CU_ASSERT_EQUAL(directory_add(directory, NULL, &more), -ENOSPC);
	directory_release(directory, entries[1]);
	CU_ASSERT_EQUAL_FATAL(directory_add(directory, NULL, &more), 0);
	directory_release(directory, more);
	directory_release(directory, entries[0]);
	directory_release(directory, entries[2]);
	directory_destroy(directory);
}

static CU_TestInfo tests[] = {
	{"an_entry_is_found_while_it_is_published", an_entry_is_found_while_it_is_published},
	{"a_ufrag_of_the_same_slot_is_not_enough", a_ufrag_of_the_same_slot_is_not_enough},
	{"a_full_directory_says_so_and_slots_come_back",
	 a_full_directory_says_so_and_slots_come_back},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("directory", tests)
