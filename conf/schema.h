/* A YAML file as a const table: one row per key says path, type, range, default, unit and meaning.
 * The table feeds the checks (with line numbers), the loader, the dump, --help and the reference.
 * Control thread; nothing here keeps state. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SCHEMA_TEXT_MAX 1023 /* bytes of a text that has no limit of its own */

enum schema_type {
	SCHEMA_TEXT,   /* char *: one line of text */
	SCHEMA_BLOCK,  /* char *: text of any number of lines */
	SCHEMA_PATH,   /* char *: a file, relative to the folder of the YAML file; made absolute */
	SCHEMA_CHOICE, /* char *: one of `choices` */
	SCHEMA_NUMBER, /* integer of `size` bytes, min..max, none below 0; up to INT64_MAX fits
			* int64_t
			*/
	SCHEMA_BOOL,   /* bool */
	SCHEMA_TEXTS,  /* char *[]: a list of texts, min..max of them */
	SCHEMA_ROWS,   /* struct[]: a list of mappings described by `item`, min..max of them */
	SCHEMA_LINE,   /* unsigned int: the line the mapping begins on, or that of the key `needs`
			  names,   0 if that is not there; not a key of the file */
};

struct schema_row {
	/* "key", "section.key", or with sections in sections; rows of a section stand together. In
	 * the rows of a list there is one level of sections at most. */
	const char *path;
	enum schema_type type;
	bool is_required, is_secret, is_reloadable;
	bool is_unique;    /* TEXT in the rows of a list: no two rows have the same */
	bool is_allocated; /* TEXTS, ROWS: the member is a pointer to the list, else the list itself
			    */
	size_t offset, size, count_offset; /* of the member in the struct, see SCHEMA_AT */
	/* Of a number, of a list's length, or of a text's length (0 = SCHEMA_TEXT_MAX). */
	uint64_t min, max;
	/* As written in YAML; the items of a list separated by a blank, "" for the empty list.
	 * NULL: stays absent. */
	const char *fallback;
	const char *fallback_text; /* what to call the default where there is none to show */
	const char *unit, *text;
	const char *const *choices; /* NULL-terminated */
	const char *needs;          /* path of a key that must be set if this one is */
	const struct schema *item;
	/* Of each text: NULL if good, else what was expected. */
	const char *(*check)(const char *value);
};

struct schema {
	const struct schema_row *rows;
	size_t n_rows;
	size_t struct_size;
	size_t file_bytes_max; /* top level only */
};

#define SCHEMA_AT(type, member)                                                                    \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define SCHEMA_LIST_AT(type, member, count)                                                        \
	.offset = offsetof(type, member), .size = sizeof(((type *)0)->member),                     \
	.count_offset = offsetof(type, count)

/* Reads a file into `out` (schema->struct_size bytes), whose strings and lists are then owned by
 * it: schema_free. Faults go to `errors` as "FILE:LINE: KEY: found ..., expected ...", all there
 * are up to a cap. -EINVAL for a fault, or the errno of reading; then *out is unchanged. */
int schema_load(const struct schema *schema, const char *path, FILE *errors, void *out);
/* Same, from memory; `name` stands for the file. */
int schema_parse(const struct schema *schema, const char *name, const char *text, size_t size,
		 FILE *errors, void *out);
void schema_free(const struct schema *schema, void *data);

/* For schema_row.check: part of URLs and file names. */
const char *schema_check_id(const char *value);

/* Reads a regular file of at most `bytes_max` bytes; malloc'ed and NUL-terminated. Negative errno.
 */
int schema_file_read(const char *path, size_t bytes_max, char **text, size_t *size);

/* `data` as YAML, each key with its text as a comment; loads back to the same values, but secrets
 * are shown as "***". */
void schema_dump(const struct schema *schema, const void *data, FILE *out);
/* Plain text for a terminal, and Markdown. */
void schema_help(const struct schema *schema, FILE *out);
void schema_reference(const struct schema *schema, FILE *out);

/* Takes over from `fresh` what can change without a restart: swaps the members of reloadable rows.
 * Names each other row that differs in `report`, one line each, and returns their number. */
unsigned int schema_reload(const struct schema *schema, void *running, void *fresh, FILE *report);
