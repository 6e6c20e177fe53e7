/* gateway.yaml read along its table (config_schema.c): the few rules that no single row can say,
 * and the defaults that only the machine knows. */
#include "conf/config.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/config_schema.h"
#include "conf/log.h"
#include "conf/sql.h"

static char *path_in(const char *folder, const char *prefix, const char *name)
{
	char *path;
	return asprintf(&path, "%s%s/%s", prefix, folder, name) < 0 ? NULL : path;
}

static int name_default(struct gateway_config *config)
{
	if (config->node.name)
		return 0;
	char host[CONFIG_NAME_BYTES_MAX + 1] = "";
	if (gethostname(host, sizeof(host) - 1) || host[0] == '\0' || config_check_name(host))
		strcpy(host, "node");
	config->node.name = strdup(host);
	return config->node.name ? 0 : -ENOMEM;
}

/* `folder` is that of the file; a relative one is made absolute, for what is there need not be. */
static int state_defaults(struct gateway_config *config, const char *folder, bool is_file)
{
	/* What systemd made for us (StateDirectory=), when it made one. */
	const char *made = getenv("STATE_DIRECTORY");
	if (!config->node.state && made && made[0] == '/' && !strchr(made, ':'))
		config->node.state = strdup(made);
	if (!config->node.state)
		config->node.state = path_in(folder, "", is_file ? "state" : "nn5g-state");
	if (config->node.state && !config->admin.socket)
		config->admin.socket = path_in(config->node.state, "", "admin.sock");
	if (config->node.state && !config->control.store)
		config->control.store = path_in(config->node.state, "sqlite:", "store.db");
	if (!config->node.state || !config->admin.socket || !config->control.store)
		return -ENOMEM;
	const char *file = config->control.store + strlen("sqlite:");
	if (!config_store_is_sqlite(config->control.store) || file[0] == '/')
		return 0;
	char *store = path_in(folder, "sqlite:", file);
	if (!store)
		return -ENOMEM;
	free(config->control.store);
	config->control.store = store;
	return 0;
}

/* Defaults that only the machine knows. */
static int machine_defaults(struct gateway_config *config, const char *name, bool is_file)
{
	char *copy = strdup(name), *folder = copy ? realpath(dirname(copy), NULL) : NULL;
	int rc = copy ? 0 : -ENOMEM;
	if (rc == 0 && !folder)
		rc = -errno;
	if (rc == 0)
		rc = name_default(config);
	if (rc == 0)
		rc = state_defaults(config, folder, is_file);
	char *tenants = rc == 0 && !config->tenants ? path_in(folder, "", "tenants.yaml") : NULL;
	if (tenants)
		config->tenants = realpath(tenants, NULL); /* NULL: there is none */
	free(tenants);
	free(folder);
	free(copy);
	return rc;
}

static int check_socket_path(const char *name, const char *key, const char *path, FILE *errors)
{
	if (strlen(path) <= CONFIG_SOCKET_BYTES_MAX)
		return 0;
	fprintf(errors, "%s: %s: found \"%s\", expected at most %u bytes: it is a Unix socket\n",
		name, key, path, CONFIG_SOCKET_BYTES_MAX);
	return -EINVAL;
}

/* What depends on defaults too. The store's URL goes onto nn5g-control's command line. */
static int state_check(const struct gateway_config *config, const char *name, FILE *errors)
{
	int rc = check_socket_path(name, "admin.socket", config->admin.socket, errors);
	char *control = path_in(config->node.state, "", "control.sock");
	if (!control)
		return -ENOMEM;
	if (config_control_mode(config) == CONTROL_EMBEDDED &&
	    check_socket_path(name, "node.state", control, errors))
		rc = -EINVAL;
	free(control);
	if (sql_url_has_password(config->control.store)) {
		fprintf(errors,
			"%s: control.store: found a password, expected none: it belongs into "
			"PGPASSFILE\n",
			name);
		rc = -EINVAL;
	}
	return rc;
}

/* A port that is not the kernel's has to know its NIC. */
static int port_check(const struct gateway_config *config, const char *name, FILE *errors)
{
	enum port_mode mode = config_port_mode(config);
	int rc = 0;
	if (mode != PORT_MODE_SOCKET && !config->port.interface) {
		fprintf(errors,
			"%s:%u: port.interface: found nothing, expected %s, as port.mode is %s\n",
			name, config->port.mode_line,
			mode == PORT_MODE_PCI ? "a name for the tap" : "the interface of a NIC",
			config->port.mode);
		rc = -EINVAL;
	}
	if (mode == PORT_MODE_PCI && !config->port.pci) {
		fprintf(errors,
			"%s:%u: port.pci: found nothing, expected the address of a NIC, as "
			"port.mode is pci\n",
			name, config->port.mode_line);
		rc = -EINVAL;
	}
	return rc;
}

static int rules_check(const struct gateway_config *config, const char *name, FILE *errors)
{
	int rc = port_check(config, name, errors);
	for (unsigned int i = 0; i < config->ice.n_servers; i++) {
		const struct config_ice_server *server = &config->ice.servers[i];
		bool is_turn = strncmp(server->url, "turn", 4) == 0;
		if (is_turn == (server->username != NULL))
			continue;
		fprintf(errors, "%s:%u: ice.servers[%u]: found %s, expected %s\n", name,
			server->line, i, is_turn ? "turn alone" : "stun with username",
			is_turn ? "username and credential" : "none");
		rc = -EINVAL;
	}
	if (config->media.only_public && config->media.n_public_addresses == 0) {
		fprintf(errors,
			"%s:%u: media.only_public: found true, expected addresses beside it\n",
			name, config->media.only_public_line);
		rc = -EINVAL;
	}
	return rc;
}

static int config_finish(struct gateway_config *config, const char *name, bool is_file,
			 FILE *errors, struct gateway_config *out)
{
	int rc = rules_check(config, name, errors);
	if (rc == 0)
		rc = machine_defaults(config, name, is_file);
	if (rc == 0)
		rc = state_check(config, name, errors);
	if (rc) {
		config_free(config);
		return rc;
	}
	*out = *config;
	return 0;
}

static int parse(const char *name, bool is_file, const char *text, size_t size, FILE *errors,
		 struct gateway_config *out)
{
	struct gateway_config config = {0};
	int rc = schema_parse(&config_schema, name, text, size, errors, &config);
	return rc ? rc : config_finish(&config, name, is_file, errors, out);
}

int config_parse(const char *name, const char *text, size_t size, FILE *errors,
		 struct gateway_config *out)
{
	return parse(name, true, text, size, errors, out);
}

int config_load(const char *path, FILE *errors, struct gateway_config *out)
{
	if (!path)
		return parse("gateway.yaml", false, "", 0, errors, out);
	struct gateway_config config = {0};
	int rc = schema_load(&config_schema, path, errors, &config);
	return rc ? rc : config_finish(&config, path, true, errors, out);
}

void config_free(struct gateway_config *config)
{
	schema_free(&config_schema, config);
}

void config_dump(const struct gateway_config *config, FILE *out)
{
	schema_dump(&config_schema, config, out);
}

void config_help(FILE *out)
{
	schema_help(&config_schema, out);
}

void config_reference(FILE *out)
{
	schema_reference(&config_schema, out);
}

unsigned int config_reload(struct gateway_config *running, struct gateway_config *fresh,
			   FILE *report)
{
	return schema_reload(&config_schema, running, fresh, report);
}

/* Of a name that the table has let pass. */
static unsigned int choice_of(const char *const *choices, const char *name)
{
	unsigned int i = 0;
	while (strcmp(name, choices[i]) != 0)
		i++;
	return i;
}

enum control_mode config_control_mode(const struct gateway_config *config)
{
	return (enum control_mode)choice_of(config_control_modes, config->control.mode);
}

enum port_mode config_port_mode(const struct gateway_config *config)
{
	return (enum port_mode)choice_of(config_port_modes, config->port.mode);
}

enum hugepages config_hugepages(const struct gateway_config *config)
{
	return (enum hugepages)choice_of(config_hugepages_choices, config->port.hugepages);
}

void config_log_apply(const struct gateway_config *config)
{
	int level = log_level_by_name(config->log.level);
	for (int i = 0; i < LOG_MODULES; i++)
		log_set_level((enum log_module)i, (enum log_level)level);
	for (unsigned int i = 0; i < config->log.n_levels; i++) {
		int module = log_module_by_name(config->log.levels[i].module);
		level = log_level_by_name(config->log.levels[i].level);
		log_set_level((enum log_module)module, (enum log_level)level);
	}
}
