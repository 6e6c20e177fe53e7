/* Loading: the checked and complete document goes through libcyaml, whose own schema is made from
 * the rows for the occasion, into the caller's struct. Nothing libcyaml could complain of is left
 * by then; if it does complain, that is said with its own words rather than lost. */
#include "conf/schema.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cyaml/cyaml.h>

#include "conf/schema_document.h"

#define FIELDS_MAX 256 /* of all mappings of one schema, with an end mark each */

/* libcyaml's form of a schema: a pool, since its parts point at each other. */
struct cyaml_pool {
	cyaml_schema_field_t fields[FIELDS_MAX];
	cyaml_schema_value_t items[FIELDS_MAX];
	char keys[FIELDS_MAX][32];
	size_t n_fields, n_items, n_keys;
};

static cyaml_schema_value_t mapping_value(const cyaml_schema_field_t *fields, size_t size)
{
	return (cyaml_schema_value_t){
		.type = CYAML_MAPPING,
		.data_size = (uint32_t)size,
		.mapping = {.fields = fields},
	};
}

static cyaml_schema_value_t text_value(void)
{
	return (cyaml_schema_value_t){
		.type = CYAML_STRING,
		.flags = CYAML_FLAG_POINTER,
		.data_size = sizeof(char),
		.string = {.max = UINT32_MAX},
	};
}

static const cyaml_schema_field_t *
fields_make(struct cyaml_pool *pool, const struct schema_row *rows, size_t n, size_t skip);

static cyaml_schema_value_t list_value(struct cyaml_pool *pool, const struct schema_row *row)
{
	assert(pool->n_items < FIELDS_MAX);
	cyaml_schema_value_t *item = &pool->items[pool->n_items++];
	size_t size = sizeof(char *);
	if (row->type == SCHEMA_ROWS) {
		size = row->item->struct_size;
		*item = mapping_value(fields_make(pool, row->item->rows, row->item->n_rows, 0),
				      size);
	} else {
		*item = text_value();
	}
	return (cyaml_schema_value_t){
		.type = CYAML_SEQUENCE,
		.flags = row->is_allocated ? CYAML_FLAG_POINTER : CYAML_FLAG_DEFAULT,
		.data_size = (uint32_t)size,
		.sequence = {.entry = item, .max = (uint32_t)row->max},
	};
}

static cyaml_schema_value_t row_value(struct cyaml_pool *pool, const struct schema_row *row)
{
	switch (row->type) {
	case SCHEMA_NUMBER:
	case SCHEMA_LINE:
		return (cyaml_schema_value_t){.type = CYAML_UINT, .data_size = (uint32_t)row->size};
	case SCHEMA_BOOL:
		return (cyaml_schema_value_t){.type = CYAML_BOOL, .data_size = (uint32_t)row->size};
	case SCHEMA_TEXTS:
	case SCHEMA_ROWS:
		return list_value(pool, row);
	default:
		return text_value();
	}
}

static size_t section_length(const struct schema_row *rows, size_t n, size_t skip, size_t len)
{
	size_t run = 1;
	while (run < n && strncmp(rows[run].path + skip, rows[0].path + skip, len + 1) == 0)
		run++;
	return run;
}

/* The fields of one mapping. Sections are mappings within the same struct, so their offset is 0. */
static const cyaml_schema_field_t *fields_make(struct cyaml_pool *pool,
					       const struct schema_row *rows, size_t n, size_t skip)
{
	assert(pool->n_fields + n + 1 <= FIELDS_MAX);
	cyaml_schema_field_t *fields = &pool->fields[pool->n_fields];
	pool->n_fields += n + 1;
	size_t used = 0;
	for (size_t i = 0; i < n; used++) {
		cyaml_schema_field_t *field = &fields[used];
		const char *name = rows[i].path + skip;
		size_t len = strcspn(name, ".");
		char *key = pool->keys[pool->n_keys++];
		snprintf(key, sizeof(pool->keys[0]), "%.*s", (int)len, name);
		field->key = key;
		if (name[len] == '.') {
			size_t run = section_length(&rows[i], n - i, skip, len);
			field->value =
				mapping_value(fields_make(pool, &rows[i], run, skip + len + 1), 1);
			i += run;
			continue;
		}
		field->value = row_value(pool, &rows[i]);
		field->value.flags |= CYAML_FLAG_OPTIONAL;
		field->data_offset = (uint32_t)rows[i].offset;
		field->count_offset = (uint32_t)rows[i].count_offset;
		field->count_size = sizeof(unsigned int);
		i++;
	}
	return fields;
}

static void tell_cyaml(cyaml_log_t level, void *context, const char *format, va_list args)
{
	(void)level;
	vfprintf(context, format, args);
}

static int complete_load(const struct schema *schema, const char *text, size_t size, FILE *errors,
			 void *out)
{
	struct cyaml_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	cyaml_schema_value_t top = mapping_value(fields_make(pool, schema->rows, schema->n_rows, 0),
						 schema->struct_size);
	top.flags = CYAML_FLAG_POINTER;
	const cyaml_config_t config = {
		.log_fn = tell_cyaml,
		.log_ctx = errors,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
	};
	void *data = NULL;
	cyaml_err_t rc = cyaml_load_data((const uint8_t *)text, size, &config, &top, &data, NULL);
	if (rc == CYAML_OK) {
		memcpy(out, data, schema->struct_size);
		free(data); /* what it points at is now *out's */
	}
	free(pool);
	return rc == CYAML_OK ? 0 : rc == CYAML_ERR_OOM ? -ENOMEM : -EINVAL;
}

int schema_parse(const struct schema *schema, const char *name, const char *text, size_t size,
		 FILE *errors, void *out)
{
	if (size > schema->file_bytes_max) {
		fprintf(errors, "%s:1: found %zu bytes, expected at most %zu\n", name, size,
			schema->file_bytes_max);
		return -EINVAL;
	}
	char *complete = NULL;
	int rc = schema_document_complete(schema, name, text, size, errors, &complete);
	if (rc == 0)
		rc = complete_load(schema, complete, strlen(complete), errors, out);
	if (complete)
		explicit_bzero(complete, strlen(complete));
	free(complete);
	return rc;
}

int schema_file_read(const char *path, size_t bytes_max, char **text, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	struct stat status;
	char *bytes = NULL;
	size_t used = 0;
	int rc = fstat(fd, &status) ? -errno : 0;
	if (rc == 0 && !S_ISREG(status.st_mode))
		rc = S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	if (rc == 0 && (uintmax_t)status.st_size > bytes_max)
		rc = -EFBIG;
	if (rc == 0 && !(bytes = malloc(bytes_max + 1)))
		rc = -ENOMEM;
	while (rc == 0) {
		ssize_t n = read(fd, bytes + used, bytes_max + 1 - used);
		if (n <= 0) {
			rc = n < 0 ? -errno : 0;
			break;
		}
		used += (size_t)n;
		if (used > bytes_max)
			rc = -EFBIG;
	}
	close(fd);
	if (rc) {
		free(bytes);
		return rc;
	}
	bytes[used] = '\0';
	*text = bytes;
	*size = used;
	return 0;
}

int schema_load(const struct schema *schema, const char *path, FILE *errors, void *out)
{
	char *text;
	size_t size;
	int rc = schema_file_read(path, schema->file_bytes_max, &text, &size);
	if (rc) {
		fprintf(errors, "%s: %s\n", path, strerror(-rc));
		return rc;
	}
	rc = schema_parse(schema, path, text, size, errors, out);
	explicit_bzero(text, size);
	free(text);
	return rc;
}

static void list_free(const struct schema_row *row, void *data)
{
	char *member = (char *)data + row->offset;
	char *items = member;
	if (row->is_allocated)
		memcpy(&items, member, sizeof(items));
	unsigned int n;
	memcpy(&n, (char *)data + row->count_offset, sizeof(n));
	for (unsigned int i = 0; i < n; i++) {
		if (row->type == SCHEMA_ROWS)
			schema_free(row->item, items + i * row->item->struct_size);
		else
			free(((char **)(void *)items)[i]);
	}
	if (row->is_allocated)
		free(items);
	memset(member, 0, row->size);
	memset((char *)data + row->count_offset, 0, sizeof(n));
}

void schema_free(const struct schema *schema, void *data)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];
		char **text = (char **)(void *)((char *)data + row->offset);
		switch (row->type) {
		case SCHEMA_TEXTS:
		case SCHEMA_ROWS:
			list_free(row, data);
			break;
		case SCHEMA_NUMBER:
		case SCHEMA_BOOL:
		case SCHEMA_LINE:
			break;
		default:
			if (*text && row->is_secret)
				explicit_bzero(*text, strlen(*text));
			free(*text);
			*text = NULL;
		}
	}
}
