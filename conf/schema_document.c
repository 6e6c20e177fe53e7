/* The document, once its syntax is known to be plain, is walked along the schema's rows, and a
 * checked and complete copy of it is built. A fault is told and the walk goes on, so that one run
 * shows all faults; no copy is written if there was one. Memory running out is noted and ends the
 * work at the end, not at each step. */
#include "conf/schema_document.h"

#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "conf/schema_fault.h"
#include "conf/schema_syntax.h"
#include "conf/schema_value.h"

#define ROWS_MAX 64 /* of one mapping */

struct reader {
	struct schema_faults faults;
	char *folder; /* absolute, of the file; owned */
	bool is_out_of_memory;
	yaml_document_t in, out;
};

/* The rows of one mapping; `skip` bytes of their paths name the mapping itself. */
struct slice {
	const struct schema_row *rows;
	size_t n, skip;
};

static size_t line_of(const yaml_node_t *node)
{
	return node->start_mark.line + 1;
}

static const char *text_of(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

static struct schema_value value_of(const yaml_node_t *node)
{
	static const char *const nothings[] = {"", "~", "null", "Null", "NULL"};
	if (node->type == YAML_SEQUENCE_NODE)
		return (struct schema_value){.kind = SCHEMA_IS_LIST};
	if (node->type == YAML_MAPPING_NODE)
		return (struct schema_value){.kind = SCHEMA_IS_KEYS};
	struct schema_value value = {
		.kind = SCHEMA_IS_SCALAR,
		.text = text_of(node),
		.bytes = node->data.scalar.length,
		.is_plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
	};
	for (size_t i = 0; value.is_plain && i < sizeof(nothings) / sizeof(nothings[0]); i++)
		if (strcmp(value.text, nothings[i]) == 0)
			value.kind = SCHEMA_IS_NOTHING;
	return value;
}

/* Tells that `node` is not what was expected there; `row` may be NULL. */
static void misfit(struct reader *r, const struct schema_row *row, const yaml_node_t *node,
		   const char *expected)
{
	char phrase[SCHEMA_PHRASE_SIZE];
	const struct schema_value value = value_of(node);
	schema_fault(&r->faults, line_of(node), expected, "%s",
		     schema_value_describe(row, &value, phrase));
}

/* The value of a key of a mapping of the document read, or NULL. */
static yaml_node_t *value_find(struct reader *r, const yaml_node_t *mapping, const char *name,
			       size_t len)
{
	if (!mapping)
		return NULL;
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	     pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&r->in, pair->key);
		if (key->type == YAML_SCALAR_NODE && key->data.scalar.length == len &&
		    memcmp(key->data.scalar.value, name, len) == 0)
			return yaml_document_get_node(&r->in, pair->value);
	}
	return NULL;
}

static int scalar_new(struct reader *r, const char *text)
{
	int id = yaml_document_add_scalar(&r->out, NULL, (const yaml_char_t *)text,
					  (int)strlen(text), YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	r->is_out_of_memory |= id == 0;
	return id;
}

static int list_new(struct reader *r)
{
	int id = yaml_document_add_sequence(&r->out, NULL, YAML_FLOW_SEQUENCE_STYLE);
	r->is_out_of_memory |= id == 0;
	return id;
}

static int mapping_new(struct reader *r)
{
	int id = yaml_document_add_mapping(&r->out, NULL, YAML_BLOCK_MAPPING_STYLE);
	r->is_out_of_memory |= id == 0;
	return id;
}

static void item_put(struct reader *r, int list, int item)
{
	if (!r->is_out_of_memory && !yaml_document_append_sequence_item(&r->out, list, item))
		r->is_out_of_memory = true;
}

static void value_put(struct reader *r, int mapping, const char *name, size_t len, int value)
{
	int key = yaml_document_add_scalar(&r->out, NULL, (const yaml_char_t *)name, (int)len,
					   YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	if (!key || r->is_out_of_memory ||
	    !yaml_document_append_mapping_pair(&r->out, mapping, key, value))
		r->is_out_of_memory = true;
}

/* Tells what is wrong with one value; false if anything is. */
static bool scalar_check(struct reader *r, const struct schema_row *row, const yaml_node_t *node)
{
	char phrase[SCHEMA_PHRASE_SIZE];
	const struct schema_value value = value_of(node);
	const char *expected = schema_value_check(row, &value, phrase);
	if (expected)
		misfit(r, row, node, expected);
	return !expected;
}

static int path_new(struct reader *r, const char *text)
{
	if (text[0] == '/')
		return scalar_new(r, text);
	char path[PATH_MAX + SCHEMA_TEXT_MAX + 2];
	snprintf(path, sizeof(path), "%s/%s", r->folder, text);
	return scalar_new(r, path);
}

static bool list_check(struct reader *r, const struct schema_row *row, const yaml_node_t *node)
{
	char expected[SCHEMA_PHRASE_SIZE];
	if (node->type != YAML_SEQUENCE_NODE) {
		misfit(r, row, node, schema_row_expectation(row, expected));
		return false;
	}
	size_t n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (n < row->min || n > row->max) {
		schema_fault(&r->faults, line_of(node), schema_row_expectation(row, expected),
			     "%zu of them", n);
		return false;
	}
	return true;
}

static int texts_copy(struct reader *r, const struct schema_row *row, const yaml_node_t *node)
{
	int list = list_new(r);
	if (!list_check(r, row, node))
		return list;
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		size_t old = schema_path_push_index(
			&r->faults, (size_t)(item - node->data.sequence.items.start));
		const yaml_node_t *value = yaml_document_get_node(&r->in, *item);
		if (scalar_check(r, row, value))
			item_put(r, list, scalar_new(r, text_of(value)));
		schema_path_pop(&r->faults, old);
	}
	return list;
}

/* The default as a new value: its words if it is a list. */
static int fallback_new(struct reader *r, const struct schema_row *row)
{
	if (row->type == SCHEMA_PATH)
		return path_new(r, row->fallback);
	if (row->type != SCHEMA_TEXTS && row->type != SCHEMA_ROWS)
		return scalar_new(r, row->fallback);
	int list = list_new(r);
	for (const char *word = row->fallback; *word; word += strspn(word, " ")) {
		char text[SCHEMA_TEXT_MAX + 1];
		size_t n = strcspn(word, " ");
		snprintf(text, sizeof(text), "%.*s", (int)n, word);
		item_put(r, list, scalar_new(r, text));
		word += n;
	}
	return list;
}

struct unique_text {
	const char *text;
	size_t line, index;
};

static int compare_texts(const void *left, const void *right)
{
	const struct unique_text *a = left, *b = right;
	int order = strcmp(a->text, b->text);
	return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* No two items of the list may have the same text under `row`'s key. */
static void unique_check(struct reader *r, const struct schema_row *row, const yaml_node_t *list)
{
	yaml_node_item_t *items = list->data.sequence.items.start;
	size_t n = (size_t)(list->data.sequence.items.top - items), used = 0;
	struct unique_text *texts = calloc(n + 1, sizeof(*texts));
	if (!texts) {
		r->is_out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const yaml_node_t *item = yaml_document_get_node(&r->in, items[i]);
		const yaml_node_t *value = NULL;
		if (item->type == YAML_MAPPING_NODE)
			value = value_find(r, item, row->path, strlen(row->path));
		if (value && value->type == YAML_SCALAR_NODE)
			texts[used++] = (struct unique_text){text_of(value), line_of(value), i};
	}
	qsort(texts, used, sizeof(*texts), compare_texts);
	for (size_t i = 1; i < used; i++) {
		if (strcmp(texts[i].text, texts[i - 1].text) != 0)
			continue;
		size_t old = schema_path_push_index(&r->faults, texts[i].index);
		schema_path_push(&r->faults, row->path, strlen(row->path));
		schema_fault(&r->faults, texts[i].line, "each only once",
			     "\"%.60s\" again (line %zu has it)", texts[i].text, texts[i - 1].line);
		schema_path_pop(&r->faults, old);
	}
	free(texts);
}

static void mapping_copy(struct reader *r, const struct slice *slice, const yaml_node_t *from,
			 int to);

static int rows_copy(struct reader *r, const struct schema_row *row, const yaml_node_t *node)
{
	int list = list_new(r);
	if (!list_check(r, row, node))
		return list;
	const struct slice slice = {row->item->rows, row->item->n_rows, 0};
	for (yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		size_t old = schema_path_push_index(
			&r->faults, (size_t)(item - node->data.sequence.items.start));
		const yaml_node_t *from = yaml_document_get_node(&r->in, *item);
		int to = mapping_new(r);
		if (from->type == YAML_MAPPING_NODE)
			mapping_copy(r, &slice, from, to);
		else
			misfit(r, NULL, from, "keys");
		item_put(r, list, to);
		schema_path_pop(&r->faults, old);
	}
	for (size_t i = 0; i < slice.n; i++)
		if (slice.rows[i].is_unique)
			unique_check(r, &slice.rows[i], node);
	return list;
}

/* 0: there was a fault. */
static int value_copy(struct reader *r, const struct schema_row *row, const yaml_node_t *node)
{
	if (row->type == SCHEMA_TEXTS)
		return texts_copy(r, row, node);
	if (row->type == SCHEMA_ROWS)
		return rows_copy(r, row, node);
	if (!scalar_check(r, row, node))
		return 0;
	return row->type == SCHEMA_PATH ? path_new(r, text_of(node)) : scalar_new(r, text_of(node));
}

static int line_new(struct reader *r, const struct schema_row *row, const char *name,
		    const yaml_node_t *from)
{
	char text[24];
	const yaml_node_t *node = from;
	if (row->needs) {
		const char *key = row->needs + (name - row->path);
		node = value_find(r, from, key, strlen(key));
	}
	snprintf(text, sizeof(text), "%zu", node ? line_of(node) : 0);
	return scalar_new(r, text);
}

static void row_copy(struct reader *r, const struct schema_row *row, const char *name,
		     const yaml_node_t *from, int to)
{
	char text[SCHEMA_PHRASE_SIZE];
	size_t len = strlen(name);
	if (row->type == SCHEMA_LINE) {
		value_put(r, to, name, len, line_new(r, row, name, from));
		return;
	}
	size_t old = schema_path_push(&r->faults, name, len);
	const yaml_node_t *node = value_find(r, from, name, len);
	if (!node && row->is_required)
		schema_fault(&r->faults, from ? line_of(from) : 1,
			     schema_row_expectation(row, text), "nothing");
	else if (!node && row->fallback)
		value_put(r, to, name, len, fallback_new(r, row));
	if (node && row->needs) {
		const char *needed = row->needs + (name - row->path);
		snprintf(text, sizeof(text), "%s beside it", row->needs);
		if (!value_find(r, from, needed, strlen(needed)))
			schema_fault(&r->faults, line_of(node), text, "this key alone");
	}
	int value = node ? value_copy(r, row, node) : 0;
	if (value)
		value_put(r, to, name, len, value);
	schema_path_pop(&r->faults, old);
}

/* How many rows from `i` on belong to the section whose name has `len` bytes. */
static size_t section_rows(const struct slice *slice, size_t i, size_t len)
{
	size_t n = 1;
	while (i + n < slice->n && strncmp(slice->rows[i + n].path + slice->skip,
					   slice->rows[i].path + slice->skip, len + 1) == 0)
		n++;
	return n;
}

static void section_copy(struct reader *r, const struct slice *section, const char *name,
			 size_t len, const yaml_node_t *from, int to)
{
	const yaml_node_t *node = value_find(r, from, name, len);
	size_t old = schema_path_push(&r->faults, name, len);
	if (node && value_of(node).kind == SCHEMA_IS_NOTHING)
		node = NULL;
	if (node && node->type != YAML_MAPPING_NODE) {
		misfit(r, NULL, node, "keys");
		node = NULL;
	}
	int copy = mapping_new(r);
	mapping_copy(r, section, node, copy);
	value_put(r, to, name, len, copy);
	schema_path_pop(&r->faults, old);
}

/* Index of the first row that key `name` stands for, itself or as its section; -1: none does. */
static int row_index(const struct slice *slice, const char *name, size_t len)
{
	for (size_t i = 0; i < slice->n; i++) {
		const char *known = slice->rows[i].path + slice->skip;
		if (slice->rows[i].type != SCHEMA_LINE && strcspn(known, ".") == len &&
		    memcmp(known, name, len) == 0)
			return (int)i;
	}
	return -1;
}

static void unknown_key(struct reader *r, const struct slice *slice, const yaml_node_t *key)
{
	char found[SCHEMA_PHRASE_SIZE], known[SCHEMA_PHRASE_SIZE] = "one of";
	size_t used = strlen(known);
	for (size_t i = 0; i < slice->n; i++) {
		const char *name = slice->rows[i].path + slice->skip;
		size_t len = strcspn(name, ".");
		if (row_index(slice, name, len) == (int)i && used + len + 2 < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, " %.*s",
						 (int)len, name);
	}
	const struct schema_value value = value_of(key);
	schema_fault(&r->faults, line_of(key), known, "unknown key %s",
		     schema_value_describe(NULL, &value, found));
}

static void keys_check(struct reader *r, const struct slice *slice, const yaml_node_t *mapping)
{
	size_t first[ROWS_MAX] = {0};
	assert(slice->n <= ROWS_MAX);
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	     pair < mapping->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&r->in, pair->key);
		int i = -1;
		if (key->type == YAML_SCALAR_NODE)
			i = row_index(slice, text_of(key), key->data.scalar.length);
		if (i < 0) {
			unknown_key(r, slice, key);
		} else if (first[i]) {
			size_t old =
				schema_path_push(&r->faults, text_of(key), key->data.scalar.length);
			schema_fault(&r->faults, line_of(key), "it only once",
				     "the key again (line %zu has it)", first[i]);
			schema_path_pop(&r->faults, old);
		} else {
			first[i] = line_of(key);
		}
	}
}

/* Copies the mapping `from` (NULL: all defaults) along the rows into the new mapping `to`. */
static void mapping_copy(struct reader *r, const struct slice *slice, const yaml_node_t *from,
			 int to)
{
	if (from)
		keys_check(r, slice, from);
	for (size_t i = 0; i < slice->n;) {
		const char *name = slice->rows[i].path + slice->skip;
		size_t len = strcspn(name, ".");
		if (name[len] == '\0') {
			row_copy(r, &slice->rows[i++], name, from, to);
			continue;
		}
		struct slice section = {&slice->rows[i], section_rows(slice, i, len),
					slice->skip + len + 1};
		section_copy(r, &section, name, len, from, to);
		i += section.n;
	}
}

/* Loads the document; its root mapping, or NULL for an empty one, goes to *root. */
static int document_read(struct reader *r, const char *text, size_t size, const yaml_node_t **root)
{
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	int is_read = yaml_parser_load(&parser, &r->in);
	yaml_parser_delete(&parser);
	if (!is_read)
		return -ENOMEM; /* the syntax was checked before */
	const yaml_node_t *node = yaml_document_get_root_node(&r->in);
	if (node && value_of(node).kind == SCHEMA_IS_NOTHING)
		node = NULL;
	if (node && node->type != YAML_MAPPING_NODE) {
		misfit(r, NULL, node, "keys");
		node = NULL;
	}
	*root = node;
	return 0;
}

/* Writes r->out as YAML and gives it up. */
static int document_write(struct reader *r, char **text)
{
	yaml_emitter_t emitter;
	size_t size;
	FILE *file = open_memstream(text, &size);
	int rc = -ENOMEM;
	if (!file || !yaml_emitter_initialize(&emitter)) {
		yaml_document_delete(&r->out);
		goto out;
	}
	yaml_emitter_set_output_file(&emitter, file);
	yaml_emitter_set_unicode(&emitter, 1);
	yaml_emitter_set_width(&emitter, -1);
	if (yaml_emitter_open(&emitter) && yaml_emitter_dump(&emitter, &r->out) &&
	    yaml_emitter_close(&emitter))
		rc = 0;
	yaml_emitter_delete(&emitter);
out:
	if (file)
		fclose(file);
	if (file && rc) {
		free(*text);
		*text = NULL;
	}
	return rc;
}

/* The absolute path of the folder a file is in, malloc'ed, or NULL. */
static char *folder_of(const char *name)
{
	char *copy = strdup(name);
	char *folder = copy ? realpath(dirname(copy), NULL) : NULL;
	free(copy);
	return folder ? folder : strdup(".");
}

int schema_document_complete(const struct schema *schema, const char *name, const char *text,
			     size_t size, FILE *errors, char **complete)
{
	struct reader r = {.faults = {.name = name, .errors = errors}, .folder = folder_of(name)};
	const struct slice slice = {schema->rows, schema->n_rows, 0};
	const yaml_node_t *root = NULL;
	int rc = r.folder ? schema_syntax_check(&r.faults, text, size) : -ENOMEM;
	if (rc)
		goto out;
	rc = document_read(&r, text, size, &root);
	if (rc)
		goto out;
	if (!yaml_document_initialize(&r.out, NULL, NULL, NULL, 1, 1)) {
		rc = -ENOMEM;
		goto out;
	}
	mapping_copy(&r, &slice, root, mapping_new(&r));
	rc = r.faults.n ? -EINVAL : r.is_out_of_memory ? -ENOMEM : 0;
	if (rc == 0)
		rc = document_write(&r, complete);
	else
		yaml_document_delete(&r.out);
out:
	schema_faults_end(&r.faults);
	yaml_document_delete(&r.in);
	free(r.folder);
	return rc;
}
