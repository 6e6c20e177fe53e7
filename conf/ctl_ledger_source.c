/* Stores, exports, keys and saved heads, as the ledger commands are told of them. */
#include "conf/ctl_ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "conf/ctl.h"
#include "conf/store.h"

#define FILE_BYTES_MAX 65536U

/* Where an embedded control plane keeps its store. */
static const char *const places[] = {
	"state/store.db",
	"run/state/store.db",
	"/var/lib/nn5g/store.db",
};

static const char *const urls[] = {
	"sqlite:state/store.db",
	"sqlite:run/state/store.db",
	"sqlite:/var/lib/nn5g/store.db",
};

static int store_find(const char **url)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (access(places[i], F_OK) != 0)
			continue;
		*url = urls[i];
		return COMMAND_DONE;
	}
	return ctl_misuse("no store: tried %s, %s and %s; --store or --export name another",
			  places[0], places[1], places[2]);
}

int ledger_source_open(const struct command_line *line, struct ledger_source *out)
{
	const char *url = line->values[LEDGER_STORE], *path = line->values[LEDGER_EXPORT];
	*out = (struct ledger_source){.name = path ? path : url};
	if (url && path)
		return ctl_misuse("--store and --export: expected one of them");
	if (path) {
		out->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
		return out->file ? COMMAND_DONE : ctl_fail("%s: %s", path, strerror(errno));
	}
	int rc = url ? COMMAND_DONE : store_find(&out->name);
	if (rc)
		return rc;
	rc = store_open_readonly(out->name, &out->store);
	if (rc)
		return ctl_fail("%s: the store cannot be read: %s", out->name, strerror(-rc));
	return COMMAND_DONE;
}

void ledger_source_close(struct ledger_source *source)
{
	store_close(source->store);
	if (source->file && source->file != stdin)
		fclose(source->file);
}

int ledger_source_read(struct ledger_source *source, const char *tenant,
		       const struct ledger_visitor *visitor)
{
	int rc = source->file ? ledger_read_export(source->file, visitor)
			      : ledger_read_store(source->store, tenant, visitor);
	if (rc)
		return ctl_fail("%s: %s", source->name,
				rc == -EINVAL ? "not an export" : strerror(-rc));
	return COMMAND_DONE;
}

bool ledger_keys_add(struct ledger_keys *keys, const char *pem)
{
	if (keys->n == CTL_LEDGER_KEYS_MAX || ledger_key_parse(pem, &keys->keys[keys->n]))
		return false;
	keys->n++;
	return true;
}

void ledger_keys_free(struct ledger_keys *keys)
{
	for (unsigned int i = 0; i < keys->n; i++)
		ledger_key_destroy(keys->keys[i]);
	keys->n = 0;
}

int ledger_keys_load(const char *path, struct ledger_keys *out)
{
	char *text;
	size_t size;
	int rc = ctl_file_read(path, FILE_BYTES_MAX, &text, &size);
	if (rc)
		return rc;
	const char *begin = text;
	while (rc == 0 && (begin = strstr(begin, "-----BEGIN "))) {
		if (!ledger_keys_add(out, begin))
			rc = ctl_fail("%s: expected at most %d Ed25519 keys in PEM", path,
				      CTL_LEDGER_KEYS_MAX);
		begin += strlen("-----BEGIN ");
	}
	if (rc == 0 && out->n == 0)
		rc = ctl_fail("%s: found no key, expected Ed25519 in PEM", path);
	explicit_bzero(text, size);
	free(text);
	return rc;
}

int ledger_json_load(const char *path, json_t **out)
{
	char *text;
	size_t size;
	json_error_t error;
	int rc = ctl_file_read(path, FILE_BYTES_MAX, &text, &size);
	if (rc)
		return rc;
	*out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	free(text);
	if (*out)
		return COMMAND_DONE;
	return ctl_fail("%s:%d: no JSON", path, error.line);
}

int ledger_head_load(const char *path, struct ledger_head *out)
{
	json_t *object;
	const char *why;
	int rc = ledger_json_load(path, &object);
	if (rc)
		return rc;
	if (ledger_head_read(object, out, &why))
		rc = ctl_fail("%s: not a head: %s", path, why);
	json_decref(object);
	return rc;
}
