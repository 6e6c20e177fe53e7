/* A method is called with what its row allows, or not at all. */
#include "tests/cunit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "conf/rpc.h"
#include "conf/rpc_table.h"

static unsigned int n_handled;

static void on_put(void *context, struct rpc_call *call, json_t *params)
{
	CU_ASSERT_PTR_EQUAL(context, &n_handled);
	n_handled++;
	rpc_answer(call, json_incref(params));
}

static const struct rpc_field fields[] = {
	{"id", RPC_TEXT, true, 1, 8, "whose"},
	{"note", RPC_TEXT, false, 0, 0, "anything"},
	{"amount", RPC_INTEGER, false, 0, 0, "how much"},
	{"level", RPC_INTEGER, false, -5, 5, "where"},
	{"drain", RPC_BOOLEAN, false, 0, 0, "whether"},
	{"row", RPC_OBJECT, false, 0, 0, "what"},
	{"rows", RPC_LIST, false, 0, 0, "all"},
};
static const struct rpc_method methods[] = {
	{"thing.put", "Puts a thing.", "The thing.", fields, sizeof(fields) / sizeof(fields[0]),
	 on_put},
	{"help", "Lists all.", "The table.", NULL, 0, on_put},
};
static const struct rpc_table table = {"test socket", methods, 2};

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	(void)context;
	rpc_table_dispatch(&table, &n_handled, call, method, params);
}

static void on_close(void *context, const char *why)
{
	(void)context;
	(void)why;
}

/* Asks over a socketpair; the answer's line, borrowed. */
static const char *ask(const char *method, const char *params)
{
	static char answer[4096];
	const struct rpc_config config = {.on_call = on_call, .on_close = on_close};
	int fds[2];
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	struct rpc *rpc = rpc_create(fds[0], &config);
	dprintf(fds[1], "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}\n", method,
		params);
	while (g_main_context_iteration(NULL, FALSE))
		;
	ssize_t n = recv(fds[1], answer, sizeof(answer) - 1, MSG_DONTWAIT);
	answer[n > 0 ? n : 0] = '\0';
	rpc_destroy(rpc);
	close(fds[1]);
	return answer;
}

static void parameters_are_checked_by_name_type_and_range(void)
{
	static const struct {
		const char *params, *answer; /* NULL: taken */
	} rows[] = {
		{"{\"id\":\"a\"}", NULL},
		{"{\"id\":\"12345678\",\"amount\":9223372036854775807,\"level\":-5}", NULL},
		{"{\"id\":\"a\",\"drain\":false,\"row\":{},\"rows\":[],\"note\":\"\"}", NULL},
		{"{}", "thing.put: id: is missing, expected text of 1 to 8 bytes"},
		{"{\"id\":\"\"}", "id: found something else, expected text of 1 to 8 bytes"},
		{"{\"id\":\"123456789\"}", "id: found"},
		{"{\"id\":1}", "id: found"},
		{"{\"id\":null}", "id: found"},
		{"{\"id\":\"a\",\"amount\":-1}",
		 "amount: found something else, expected integer from 0"},
		{"{\"id\":\"a\",\"amount\":1.0}", "amount: found"},
		{"{\"id\":\"a\",\"level\":6}",
		 "level: found something else, expected integer -5 to 5"},
		{"{\"id\":\"a\",\"drain\":1}", "drain: found something else, expected boolean"},
		{"{\"id\":\"a\",\"row\":[]}", "row: found something else, expected object"},
		{"{\"id\":\"a\",\"rows\":{}}", "rows: found something else, expected list"},
		{"{\"id\":\"a\",\"hue\":1}", "thing.put: hue: no such parameter"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n_handled = 0;
		const char *answer = ask("thing.put", rows[i].params);
		CU_ASSERT_EQUAL(n_handled, rows[i].answer == NULL);
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, rows[i].answer ? "-32602" : "\"result\""));
		CU_ASSERT_PTR_NOT_NULL(strstr(answer, rows[i].answer ? rows[i].answer : "\"id\""));
	}
}

static void unknown_method_is_refused(void)
{
	const char *answer = ask("thing.get", "{}");
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "-32601"));
	CU_ASSERT_PTR_NOT_NULL(strstr(answer, "thing.get: no such method"));
}

static char *written(void (*write)(const struct rpc_table *, FILE *))
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	write(&table, out);
	fclose(out);
	return text;
}

static void every_row_is_in_help_reference_and_description(void)
{
	char *help = written(rpc_table_help), *reference = written(rpc_table_reference);
	json_t *description = rpc_table_describe(&table);
	char *described = json_dumps(description, 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		CU_ASSERT_PTR_NOT_NULL(strstr(help, fields[i].name));
		CU_ASSERT_PTR_NOT_NULL(strstr(described, fields[i].name));
		CU_ASSERT_PTR_NOT_NULL(strstr(reference, fields[i].text));
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(help, "id (text of 1 to 8 bytes): whose"));
	CU_ASSERT_PTR_NOT_NULL(strstr(help, "amount (integer from 0, optional): how much"));
	CU_ASSERT_PTR_NOT_NULL(strstr(reference, "### `thing.put`\n\nPuts a thing.\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(reference, "| `level` | integer -5 to 5 | no | where |\n"));
	CU_ASSERT_EQUAL(json_array_size(json_object_get(description, "methods")), 2);
	json_decref(description);
	free(described);
	free(reference);
	free(help);
}

static CU_TestInfo tests[] = {
	{"parameters_are_checked_by_name_type_and_range",
	 parameters_are_checked_by_name_type_and_range},
	{"unknown_method_is_refused", unknown_method_is_refused},
	{"every_row_is_in_help_reference_and_description",
	 every_row_is_in_help_reference_and_description},
	CU_TEST_INFO_NULL,
};

TEST_MAIN("rpc_table", tests)
