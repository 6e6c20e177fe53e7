/* tenants.yaml into the store, declaratively: control_import.c says how. */
#pragma once

struct store;

struct control_import_counts {
	unsigned int created, changed, removed, refused; /* rows */
};

/* `source` names whose import it is (conf/store_import.h). 0, also when rows were refused (each is
 * logged); -EINVAL: the file is wrong (logged), nothing was changed; other negative errno: the
 * store. `counts` may be NULL. */
int control_import(struct store *store, const char *source, const char *path,
		   struct control_import_counts *counts);
