/* The control socket, and a gateway's admin socket, as nn5gctl finds them, and one question asked
 * there. */
#include "conf/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/rpc.h"

const struct command_option ctl_common_options[CTL_OPTIONS] = {CTL_COMMON_OPTIONS};

/* A socket that is not named is looked for. */
struct door {
	const char *noun, *program, *option, *variable;
	const char *places[3];
};

static const struct door control_door = {
	.noun = "control",
	.program = "nn5g-control",
	.option = "--socket",
	.variable = "NN5G_CONTROL_SOCKET",
	.places = {"state/control.sock", "run/state/control.sock", "/var/lib/nn5g/control.sock"},
};

static const struct door admin_door = {
	.noun = "admin",
	.program = "nn5g-gateway",
	.option = "--admin",
	.variable = "NN5G_ADMIN_SOCKET",
	.places = {"state/admin.sock", "run/state/admin.sock", "/var/lib/nn5g/admin.sock"},
};

/* Exit code. */
static int socket_find(const struct command_line *line, const struct door *door, const char **path)
{
	const char *named = getenv(door->variable);
	const char *const *places = door->places;
	if (line->values[CTL_SOCKET] || (named && *named)) {
		*path = line->values[CTL_SOCKET] ? line->values[CTL_SOCKET] : named;
		return COMMAND_DONE;
	}
	for (size_t i = 0; i < sizeof(door->places) / sizeof(door->places[0]); i++) {
		if (access(places[i], F_OK) != 0)
			continue;
		*path = places[i];
		return COMMAND_DONE;
	}
	return ctl_fail("no %s socket: tried %s, %s and %s; is %s running? (%s or %s name another)",
			door->noun, places[0], places[1], places[2], door->program, door->option,
			door->variable);
}

static int failure_tell(const char *path, const struct door *door, int rc, const char *error_text)
{
	switch (rc) {
	case -EPROTO:
		return ctl_fail("%s", error_text ? error_text : "an answer that makes no sense");
	case -ENOENT:
	case -ECONNREFUSED:
		return ctl_fail("%s: %s; is %s running?", path, strerror(-rc), door->program);
	case -EACCES:
		return ctl_fail("%s: %s; only the owner, its group and root may", path,
				strerror(EACCES));
	default:
		return ctl_fail("%s: %s", path, strerror(-rc));
	}
}

static int ask(const struct command_line *line, const struct door *door, const char *method,
	       json_t *params, json_t **result)
{
	const char *path = "";
	struct rpc_refusal refusal = {0};
	int rc = socket_find(line, door, &path);
	if (rc || !params) {
		json_decref(params);
		return rc ? rc : ctl_fail("a text is not UTF-8");
	}
	rc = rpc_ask(path, method, params, CTL_TIMEOUT_MS, result, &refusal);
	if (rc)
		rc = failure_tell(path, door, rc, refusal.text);
	free(refusal.text);
	return rc;
}

int ctl_ask(const struct command_line *line, const char *method, struct json_t *params,
	    struct json_t **result)
{
	return ask(line, &control_door, method, params, result);
}

int ctl_ask_node(const struct command_line *line, const char *method, struct json_t *params,
		 struct json_t **result)
{
	return ask(line, &admin_door, method, params, result);
}

bool ctl_json(const struct command_line *line, const struct json_t *result)
{
	if (!line->values[CTL_JSON])
		return false;
	json_dumpf(result, stdout, JSON_INDENT(2));
	putchar('\n');
	return true;
}

int ctl_do(const struct command_line *line, const char *method, struct json_t *params,
	   const char *done)
{
	json_t *result;
	int rc = ctl_ask(line, method, params, &result);
	if (rc)
		return rc;
	if (!ctl_json(line, result))
		puts(done);
	json_decref(result);
	return COMMAND_DONE;
}
