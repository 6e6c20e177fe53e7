/* What the rows say to people: the effective values as YAML, the help, the reference, and which
 * values a reload cannot change. */
#include "conf/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conf/schema_value.h"

#define COMMENT_COLUMNS 90

/* Double-quoted YAML; texts hold no control characters (schema_value.c), but blocks may. */
static void text_write(const char *text, FILE *out)
{
	putc('"', out);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if ((unsigned char)*c < 0x20)
			fprintf(out, "\\x%02x", (unsigned int)*c);
		else
			putc(*c, out);
	}
	putc('"', out);
}

static const char *text_at(const struct schema_row *row, const void *data)
{
	const char *text;
	memcpy(&text, (const char *)data + row->offset, sizeof(text));
	return text;
}

static uintmax_t number_at(const struct schema_row *row, const void *data)
{
	const char *member = (const char *)data + row->offset;
	uint16_t narrow;
	unsigned int wide;
	uint64_t widest;
	switch (row->size) {
	case sizeof(narrow):
		memcpy(&narrow, member, sizeof(narrow));
		return narrow;
	case sizeof(widest):
		memcpy(&widest, member, sizeof(widest));
		return widest;
	default:
		memcpy(&wide, member, sizeof(wide));
		return wide;
	}
}

static const char *items_at(const struct schema_row *row, const void *data, unsigned int *n)
{
	const char *member = (const char *)data + row->offset;
	const char *items = member;
	if (row->is_allocated)
		memcpy(&items, member, sizeof(items));
	memcpy(n, (const char *)data + row->count_offset, sizeof(*n));
	return items;
}

/* True if the row has a value at all. */
static bool is_set(const struct schema_row *row, const void *data)
{
	switch (row->type) {
	case SCHEMA_LINE:
		return false;
	case SCHEMA_NUMBER:
	case SCHEMA_BOOL:
	case SCHEMA_TEXTS:
	case SCHEMA_ROWS:
		return true;
	default:
		return text_at(row, data) != NULL;
	}
}

static void rows_write(const struct schema_row *row, const void *data, FILE *out);

/* The value in one line. */
static void value_write(const struct schema_row *row, const void *data, FILE *out)
{
	unsigned int n;
	const char *items;
	switch (row->type) {
	case SCHEMA_NUMBER:
		fprintf(out, "%ju", number_at(row, data));
		break;
	case SCHEMA_BOOL:
		fputs(*((const bool *)data + row->offset) ? "true" : "false", out);
		break;
	case SCHEMA_TEXTS:
		items = items_at(row, data, &n);
		putc('[', out);
		for (unsigned int i = 0; i < n; i++) {
			const char *text;
			memcpy(&text, items + i * sizeof(text), sizeof(text));
			fputs(i ? ", " : "", out);
			text_write(text, out);
		}
		putc(']', out);
		break;
	case SCHEMA_ROWS:
		rows_write(row, data, out);
		break;
	default:
		text_write(row->is_secret ? "***" : text_at(row, data), out);
	}
}

static size_t section_of(const struct schema_row *row)
{
	const char *dot = strchr(row->path, '.');
	return dot ? (size_t)(dot - row->path) : 0;
}

/* One item of a list, its sections as mappings of their own. */
static void item_write(const struct schema *schema, const void *item, FILE *out)
{
	const char *section = "", *separator = "{ ";
	size_t len = 0;
	for (size_t k = 0; k < schema->n_rows; k++) {
		const struct schema_row *row = &schema->rows[k];
		if (!is_set(row, item))
			continue;
		size_t wanted = section_of(row);
		bool is_same = wanted == len && strncmp(row->path, section, len) == 0;
		fprintf(out, "%s%s", !is_same && len ? " }" : "", separator);
		if (!is_same && wanted)
			fprintf(out, "%.*s: { ", (int)wanted, row->path);
		section = row->path;
		len = wanted;
		fprintf(out, "%s: ", row->path + (len ? len + 1 : 0));
		value_write(row, item, out);
		separator = ", ";
	}
	fputs(len ? " } }" : " }", out);
}

static void rows_write(const struct schema_row *row, const void *data, FILE *out)
{
	unsigned int n;
	const char *items = items_at(row, data, &n);
	putc('[', out);
	for (unsigned int i = 0; i < n; i++) {
		fputs(i ? ", " : " ", out);
		item_write(row->item, items + i * row->item->struct_size, out);
	}
	fputs(n ? " ]" : "]", out);
}

/* Words of `text`, each line begun with `start`. */
static void wrapped_write(const char *start, const char *text, FILE *out)
{
	size_t column = 0;
	while (*text) {
		size_t n = strcspn(text, " ");
		if (column && column + n + 1 > COMMENT_COLUMNS) {
			putc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s", column ? " " : start, (int)n, text);
		text += n + strspn(text + n, " ");
	}
	putc('\n', out);
}

static const char *default_of(const struct schema_row *row)
{
	if (row->fallback_text)
		return row->fallback_text;
	if (!row->fallback)
		return row->is_required ? "must be given" : "none";
	return row->fallback[0] ? row->fallback : "empty";
}

/* "a number from 1 to 16, in seconds" */
static void range_write(const struct schema_row *row, FILE *out)
{
	char phrase[SCHEMA_PHRASE_SIZE];
	switch (row->type) {
	case SCHEMA_TEXT:
		fputs("text", out);
		break;
	case SCHEMA_PATH:
		fputs("file", out);
		break;
	case SCHEMA_TEXTS:
	case SCHEMA_ROWS:
		fprintf(out, "list of up to %" PRIu64, row->max);
		break;
	case SCHEMA_NUMBER:
		fprintf(out, "%" PRIu64 " to %" PRIu64, row->min, row->max);
		break;
	default:
		fputs(schema_row_expectation(row, phrase), out);
	}
	if (row->unit)
		fprintf(out, " %s", row->unit);
}

/* The heads of those sections of a row that the row before it is not in. Returns how deep the row's
 * own key stands; *name is that key. */
static int heads_write(const char *before, const struct schema_row *row, const char **name,
		       FILE *out)
{
	int depth = 0;
	*name = row->path;
	for (const char *dot; (dot = strchr(*name, '.')); depth++) {
		if (strncmp(before, row->path, (size_t)(dot + 1 - row->path)) != 0)
			fprintf(out, "%*s%.*s:\n", 2 * depth, "", (int)(dot - *name), *name);
		*name = dot + 1;
	}
	return depth;
}

void schema_dump(const struct schema *schema, const void *data, FILE *out)
{
	const char *before = "", *name;
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];
		if (row->type == SCHEMA_LINE)
			continue;
		int indent = 2 * heads_write(before, row, &name, out);
		char start[16];
		snprintf(start, sizeof(start), "%*s# ", indent, "");
		fputs(start, out);
		range_write(row, out);
		putc('\n', out);
		wrapped_write(start, row->text, out);
		fprintf(out, "%*s%s%s:", indent, "", is_set(row, data) ? "" : "# ", name);
		if (is_set(row, data)) {
			putc(' ', out);
			value_write(row, data, out);
		}
		putc('\n', out);
		before = row->path;
	}
}

void schema_help(const struct schema *schema, FILE *out)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];
		if (row->type == SCHEMA_LINE)
			continue;
		fprintf(out, "  %s (", row->path);
		range_write(row, out);
		fprintf(out, "; default %s%s)\n", default_of(row),
			row->is_reloadable ? "; reloadable" : "");
		wrapped_write("      ", row->text, out);
		for (size_t k = 0; row->item && k < row->item->n_rows; k++) {
			const struct schema_row *member = &row->item->rows[k];
			if (member->type == SCHEMA_LINE)
				continue;
			fprintf(out, "      - %s: %s\n", member->path, member->text);
		}
	}
}

static void reference_row(const char *prefix, const struct schema_row *row, bool is_reloadable,
			  FILE *out)
{
	fprintf(out, "| `%s%s` | ", prefix, row->path);
	range_write(row, out);
	fprintf(out, " | %s | %s | %s |\n", default_of(row), is_reloadable ? "yes" : "no",
		row->text);
}

void schema_reference(const struct schema *schema, FILE *out)
{
	fputs("| key | value | default | reload | meaning |\n|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];
		if (row->type == SCHEMA_LINE)
			continue;
		reference_row("", row, row->is_reloadable, out);
		char prefix[64];
		snprintf(prefix, sizeof(prefix), "%s[].", row->path);
		for (size_t k = 0; row->item && k < row->item->n_rows; k++)
			if (row->item->rows[k].type != SCHEMA_LINE)
				reference_row(prefix, &row->item->rows[k], row->is_reloadable, out);
	}
}

/* The value as text, malloc'ed, or NULL without memory. */
static char *value_text(const struct schema_row *row, const void *data)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);
	if (!file)
		return NULL;
	if (is_set(row, data))
		value_write(row, data, file);
	else
		fputs("none", file);
	fclose(file);
	return text;
}

static void member_swap(char *a, char *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char kept = a[i];
		a[i] = b[i];
		b[i] = kept;
	}
}

unsigned int schema_reload(const struct schema *schema, void *running, void *fresh, FILE *report)
{
	unsigned int n_kept = 0;
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];
		bool is_list = row->type == SCHEMA_TEXTS || row->type == SCHEMA_ROWS;
		if (row->is_reloadable) {
			member_swap((char *)running + row->offset, (char *)fresh + row->offset,
				    row->size);
			if (is_list)
				member_swap((char *)running + row->count_offset,
					    (char *)fresh + row->count_offset,
					    sizeof(unsigned int));
			continue;
		}
		char *now = value_text(row, running), *then = value_text(row, fresh);
		if (now && then && strcmp(now, then) != 0) {
			fprintf(report, "%s: stays %s, %s needs a restart\n", row->path, now, then);
			n_kept++;
		}
		free(now);
		free(then);
	}
	return n_kept;
}
