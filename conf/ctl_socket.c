/* The control socket as nn5gctl finds it, and one question asked there. */
#include "conf/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/rpc.h"

const struct command_option ctl_common_options[CTL_OPTIONS] = {CTL_COMMON_OPTIONS};

static const char *const places[] = {
	"state/control.sock",
	"run/state/control.sock",
	"/var/lib/nn5g/control.sock",
};

/* Exit code. */
static int socket_find(const struct command_line *line, const char **path)
{
	const char *named = getenv("NN5G_CONTROL_SOCKET");
	if (line->values[CTL_SOCKET] || (named && *named)) {
		*path = line->values[CTL_SOCKET] ? line->values[CTL_SOCKET] : named;
		return COMMAND_DONE;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (access(places[i], F_OK) != 0)
			continue;
		*path = places[i];
		return COMMAND_DONE;
	}
	return ctl_fail("no control socket: tried %s, %s and %s; is nn5g-control running? "
			"(--socket or NN5G_CONTROL_SOCKET name another)",
			places[0], places[1], places[2]);
}

static int failure_tell(const char *path, int rc, const char *error_text)
{
	switch (rc) {
	case -EPROTO:
		return ctl_fail("%s", error_text ? error_text : "an answer that makes no sense");
	case -ENOENT:
	case -ECONNREFUSED:
		return ctl_fail("%s: %s; is nn5g-control running?", path, strerror(-rc));
	case -EACCES:
		return ctl_fail("%s: %s; only the owner, its group and root may", path,
				strerror(EACCES));
	default:
		return ctl_fail("%s: %s", path, strerror(-rc));
	}
}

int ctl_ask(const struct command_line *line, const char *method, struct json_t *params,
	    struct json_t **result)
{
	const char *path = "";
	struct rpc_refusal refusal = {0};
	int rc = socket_find(line, &path);
	if (rc || !params) {
		json_decref(params);
		return rc ? rc : ctl_fail("a text is not UTF-8");
	}
	rc = rpc_ask(path, method, params, CTL_TIMEOUT_MS, result, &refusal);
	if (rc)
		rc = failure_tell(path, rc, refusal.text);
	free(refusal.text);
	return rc;
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
