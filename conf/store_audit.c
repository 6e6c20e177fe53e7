/* One table of columns, for both ways. */
#include "conf/store_audit.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

enum form { TEXT, NUMBER, NUMBER_32, UNIT, KIND, HASH };

#define IN_ROW(FIELD)   offsetof(struct ledger_row, FIELD), sizeof(((struct ledger_row *)0)->FIELD)
#define IN_USAGE(FIELD) IN_ROW(usage.FIELD)

/* As STORE_AUDIT_COLUMNS names them. */
static const struct {
	size_t offset, size;
	enum form form;
} columns_of_row[] = {
	{IN_USAGE(id), TEXT},
	{IN_USAGE(tenant), TEXT},
	{IN_ROW(sequence), NUMBER},
	{IN_USAGE(session), TEXT},
	{IN_USAGE(epoch), NUMBER_32},
	{IN_USAGE(sequence), NUMBER_32},
	{IN_USAGE(unit), UNIT},
	{IN_USAGE(kind), KIND},
	{IN_USAGE(quantity_ms), NUMBER},
	{IN_USAGE(price_micros), NUMBER},
	{IN_USAGE(cost_micros), NUMBER},
	{IN_ROW(creator_micros), NUMBER},
	{IN_ROW(platform_micros), NUMBER},
	{IN_USAGE(split), TEXT},
	{IN_USAGE(provider_id), TEXT},
	{IN_USAGE(stream), TEXT},
	{IN_USAGE(slice), TEXT},
	{IN_USAGE(node), TEXT},
	{IN_USAGE(boot), TEXT},
	{IN_USAGE(opened_at_ms), NUMBER},
	{IN_USAGE(closed_at_ms), NUMBER},
	{IN_ROW(previous), HASH},
	{IN_ROW(hash), HASH},
};
static_assert(sizeof(columns_of_row) / sizeof(columns_of_row[0]) == STORE_AUDIT_N, "one row each");

static struct sql_value value_of(const void *field, enum form form)
{
	switch (form) {
	case TEXT:
		return sql_text(field);
	case NUMBER:
		return sql_integer(*(const int64_t *)field);
	case NUMBER_32:
		return sql_integer(*(const uint32_t *)field);
	case UNIT:
		return sql_text(usage_unit_names[*(const enum usage_unit *)field]);
	case KIND:
		return sql_text(usage_kind_names[*(const enum usage_kind *)field]);
	default:
		return sql_blob(field, MERKLE_BYTES);
	}
}

void store_audit_write(const struct ledger_row *row, struct sql_value out[STORE_AUDIT_N])
{
	for (size_t i = 0; i < STORE_AUDIT_N; i++)
		out[i] = value_of((const char *)row + columns_of_row[i].offset,
				  columns_of_row[i].form);
}

static bool read_text(const struct sql_value *column, char *field, size_t size)
{
	if (column->type != SQL_TEXT || column->bytes >= size ||
	    strlen(column->text) != column->bytes)
		return false;
	memcpy(field, column->text, column->bytes + 1);
	return true;
}

static bool read_name(const struct sql_value *column, const char *const *names, unsigned int n,
		      unsigned int *out)
{
	for (*out = 0; column->type == SQL_TEXT && *out < n; ++*out)
		if (strlen(names[*out]) == column->bytes &&
		    memcmp(column->text, names[*out], column->bytes) == 0)
			return true;
	*out = n;
	return false;
}

bool store_hash_read(const struct sql_value *column, struct merkle_hash *out)
{
	bool is_hash = column->type == SQL_BLOB && column->bytes == MERKLE_BYTES;
	if (is_hash)
		memcpy(out->bytes, column->text, MERKLE_BYTES);
	else
		memset(out->bytes, 0, MERKLE_BYTES);
	return is_hash;
}

static bool read_column(const struct sql_value *column, void *field, size_t size, enum form form)
{
	unsigned int named;
	bool is_good;
	switch (form) {
	case TEXT:
		return read_text(column, field, size);
	case NUMBER:
		*(int64_t *)field = column->integer;
		return column->type == SQL_INTEGER;
	case NUMBER_32:
		*(uint32_t *)field = (uint32_t)column->integer;
		return column->type == SQL_INTEGER && column->integer >= 0 &&
		       column->integer <= UINT32_MAX;
	case UNIT:
		is_good = read_name(column, usage_unit_names, USAGE_UNITS, &named);
		*(enum usage_unit *)field = (enum usage_unit)named;
		return is_good;
	case KIND:
		is_good = read_name(column, usage_kind_names, USAGE_KINDS, &named);
		*(enum usage_kind *)field = (enum usage_kind)named;
		return is_good;
	default:
		return store_hash_read(column, field);
	}
}

void store_audit_read(const struct sql_value columns[STORE_AUDIT_N], struct ledger_row *out)
{
	bool is_good = true;
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < STORE_AUDIT_N; i++)
		if (!read_column(&columns[i], (char *)out + columns_of_row[i].offset,
				 columns_of_row[i].size, columns_of_row[i].form))
			is_good = false;
	if (!is_good)
		memset(&out->hash, 0, sizeof(out->hash));
}
