/* The methods one side of a socket answers, as a const table: it checks the parameters, calls the
 * function, and is the reference. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_t;
struct rpc_call;

enum rpc_type { RPC_TEXT, RPC_INTEGER, RPC_BOOLEAN, RPC_OBJECT, RPC_LIST };

struct rpc_field {
	const char *name;
	enum rpc_type type;
	bool is_required;
	int64_t min,
		max; /* of an integer (0, 0: not negative), or of a text's bytes (max 0: 255) */
	const char *text;
};

struct rpc_method {
	const char *name;
	const char *text;   /* a sentence or two */
	const char *result; /* what the answer holds */
	const struct rpc_field *fields;
	size_t n_fields;
	/* Answers `call`, now or later. `params` is borrowed and has passed the fields. */
	void (*handle)(void *context, struct rpc_call *call, struct json_t *params);
};

struct rpc_table {
	const char *title;
	const struct rpc_method *methods;
	size_t n_methods;
};

/* Fails unknown methods, and missing, unknown, ill-typed or out-of-range parameters by name; else
 * calls the method. */
void rpc_table_dispatch(const struct rpc_table *table, void *context, struct rpc_call *call,
			const char *method, struct json_t *params);
/* Plain text; Markdown; and as the result of a `help` method. */
void rpc_table_help(const struct rpc_table *table, FILE *out);
void rpc_table_reference(const struct rpc_table *table, FILE *out);
struct json_t *rpc_table_describe(const struct rpc_table *table);
