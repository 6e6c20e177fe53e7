/* The table of gateway.yaml, and the few rules that no single row can say. */
#include "conf/config.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/log.h"
#include "conf/schema.h"
#include "conf/sql.h"

#define FILE_BYTES_MAX (1U << 20)
#define NAME_BYTES_MAX 64

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

static const char *check_name(const char *value)
{
	return strspn(value, NAME_CHARACTERS) == strlen(value) ? NULL : "letters, digits, . _ -";
}

static const char *check_address(const char *value)
{
	struct in6_addr address;
	if (inet_pton(AF_INET, value, &address) == 1 || inet_pton(AF_INET6, value, &address) == 1)
		return NULL;
	return "an IPv4 or IPv6 address";
}

/* RFC 7064 and 7065; the characters are those of a Link header's target, so it can go there as is.
 */
static const char *check_ice_url(const char *value)
{
	static const char *const schemes[] = {"stun:", "stuns:", "turn:", "turns:"};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t n = strlen(schemes[i]);
		if (strncmp(value, schemes[i], n) == 0 && value[n] != '\0' &&
		    strspn(value + n, NAME_CHARACTERS ":[]%?=") == strlen(value + n))
			return NULL;
	}
	return "stun:HOST:PORT, turn:HOST:PORT?transport=udp or turns:HOST:PORT";
}

static const char *const level_names[] = {"debug", "info", "warn", "error", NULL};
static_assert(sizeof(level_names) / sizeof(level_names[0]) == LOG_LEVELS + 1, "one name per level");

static const char *check_module(const char *value)
{
	static char expected[256];
	if (log_module_by_name(value) >= 0)
		return NULL;
	size_t used = (size_t)snprintf(expected, sizeof(expected), "one of");
	for (int i = 0; i < LOG_MODULES; i++)
		used += (size_t)snprintf(expected + used, sizeof(expected) - used, " %s",
					 log_module_name((enum log_module)i));
	return expected;
}

static const char *const mode_names[] = {
	[CONTROL_EMBEDDED] = "embedded",
	[CONTROL_EXTERNAL] = "external",
	[CONTROL_NONE] = "none",
	NULL,
};

static bool is_sqlite(const char *url)
{
	return strncmp(url, "sqlite:", strlen("sqlite:")) == 0 && url[strlen("sqlite:")] != '\0';
}

static const char *check_store(const char *value)
{
	static const char *const schemes[] = {"postgresql://", "postgres://"};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(value, schemes[i], strlen(schemes[i])) == 0)
			return NULL;
	}
	return is_sqlite(value) ? NULL : "sqlite:FILE or postgresql://USER@HOST/DATABASE";
}

#define SERVER_AT(member) SCHEMA_AT(struct config_ice_server, member)
static const struct schema_row server_rows[] = {
	{.path = "line", .type = SCHEMA_LINE, SERVER_AT(line)},
	{.path = "url",
	 .type = SCHEMA_TEXT,
	 .is_required = true,
	 .check = check_ice_url,
	 .text = "stun:, turn: or turns: address of the server",
	 SERVER_AT(url)},
	{.path = "username",
	 .type = SCHEMA_TEXT,
	 .needs = "credential",
	 .text = "for turn",
	 SERVER_AT(username)},
	{.path = "credential",
	 .type = SCHEMA_TEXT,
	 .is_secret = true,
	 .needs = "username",
	 .text = "for turn",
	 SERVER_AT(credential)},
};
static const struct schema server_schema = {
	.rows = server_rows,
	.n_rows = sizeof(server_rows) / sizeof(server_rows[0]),
	.struct_size = sizeof(struct config_ice_server),
};

#define LEVEL_AT(member) SCHEMA_AT(struct config_log_level, member)
static const struct schema_row level_rows[] = {
	{.path = "module",
	 .type = SCHEMA_TEXT,
	 .is_required = true,
	 .is_unique = true,
	 .check = check_module,
	 .text = "name of the module",
	 LEVEL_AT(module)},
	{.path = "level",
	 .type = SCHEMA_CHOICE,
	 .is_required = true,
	 .choices = level_names,
	 .text = "least level it writes",
	 LEVEL_AT(level)},
};
static const struct schema level_schema = {
	.rows = level_rows,
	.n_rows = sizeof(level_rows) / sizeof(level_rows[0]),
	.struct_size = sizeof(struct config_log_level),
};

#define AT(member)             SCHEMA_AT(struct gateway_config, member)
#define LIST_AT(member, count) SCHEMA_LIST_AT(struct gateway_config, member, count)
#define NUMBER(key, low, high, usual)                                                              \
	.path = key, .type = SCHEMA_NUMBER, .min = low, .max = high, .fallback = usual

static const struct schema_row rows[] = {
	{.path = "node.name",
	 .type = SCHEMA_TEXT,
	 .max = NAME_BYTES_MAX,
	 .check = check_name,
	 .fallback_text = "the host name",
	 .text = "What this node is called in logs and metrics.",
	 AT(node.name)},
	{.path = "node.audience",
	 .type = SCHEMA_TEXT,
	 .max = 127,
	 .fallback = "nn5g",
	 .text = "The audience (`aud`) that tokens for this node must name.",
	 AT(node.audience)},
	{NUMBER("node.workers", 1, 16, "1"), .unit = "threads",
	 .text = "Threads that move packets. Each needs a core when there is much to do.",
	 AT(node.workers)},
	{NUMBER("node.memory_mb", 64, 65536, "512"), .unit = "MiB",
	 .text = "Memory set aside for packets and tables.", AT(node.memory_mb)},
	{NUMBER("node.packets", 1023, 1048575, "32767"), .unit = "buffers",
	 .text = "Packet buffers. A power of two less one wastes no memory; each takes about "
		 "2.3 KiB of node.memory_mb.",
	 AT(node.packets)},
	{.path = "node.state",
	 .type = SCHEMA_PATH,
	 .fallback_text =
		 "$STATE_DIRECTORY, else state beside this file; without a file nn5g-state "
		 "where it is started",
	 .text = "The folder of sockets, journal, store and keys; made if it is not there, for its "
		 "owner alone.",
	 AT(node.state)},
	{NUMBER("node.port_mbps", 0, 400000, "0"), .unit = "Mbit/s",
	 .text = "Bandwidth of the network port: what all slices may guarantee together; 0: not "
		 "known, any.",
	 AT(node.port_mbps)},

	{.path = "admin.socket",
	 .type = SCHEMA_PATH,
	 .fallback_text = "admin.sock in node.state",
	 .text = "Where the control plane and nn5gctl reach this node: a Unix socket.",
	 AT(admin.socket)},
	{.path = "admin.group",
	 .type = SCHEMA_TEXT,
	 .max = 32,
	 .check = check_name,
	 .fallback_text = "none",
	 .text = "The group whose members may use it, beside the gateway's own user and root.",
	 AT(admin.group)},

	{.path = "control.mode",
	 .type = SCHEMA_CHOICE,
	 .choices = mode_names,
	 .fallback = "embedded",
	 .text = "Who feeds this node with tenants and quota. embedded: an nn5g-control that it "
		 "starts itself; external: one that is started beside it; none: the tenants file "
		 "alone, and nothing is accounted.",
	 AT(control.mode)},
	{.path = "control.store",
	 .type = SCHEMA_TEXT,
	 .check = check_store,
	 .fallback_text = "sqlite:store.db in node.state",
	 .text = "The store of the embedded nn5g-control: sqlite:FILE or "
		 "postgresql://USER@HOST/DATABASE. A password belongs into PGPASSFILE.",
	 AT(control.store)},
	{.path = "control.program",
	 .type = SCHEMA_PATH,
	 .fallback_text = "nn5g-control beside nn5g-gateway, else in PATH",
	 .text = "The nn5g-control to start.",
	 AT(control.program)},

	{.path = "http.address",
	 .type = SCHEMA_TEXT,
	 .check = check_address,
	 .fallback = "127.0.0.1",
	 .text = "Where plain HTTP is served. Tokens travel unprotected there: keep it on loopback "
		 "or "
		 "behind a proxy that ends TLS.",
	 AT(http.address)},
	{NUMBER("http.port", 0, 65535, "8080"), .unit = "TCP port",
	 .text = "Port of plain HTTP; 0 picks a free one.", AT(http.port)},

	{.path = "https.address",
	 .type = SCHEMA_TEXT,
	 .check = check_address,
	 .fallback = "::",
	 .text = "Where HTTPS and secure WebSockets are served, once a certificate is set; :: is "
		 "both "
		 "IPv6 and IPv4.",
	 AT(https.address)},
	{NUMBER("https.port", 0, 65535, "8443"), .unit = "TCP port",
	 .text = "Port of HTTPS; 0 picks a free one.", AT(https.port)},
	{.path = "https.certificate",
	 .type = SCHEMA_PATH,
	 .needs = "https.key",
	 .text = "Certificate chain, PEM. Without it HTTPS is off. Read again on SIGHUP.",
	 AT(https.certificate)},
	{.path = "https.key",
	 .type = SCHEMA_PATH,
	 .needs = "https.certificate",
	 .text = "Private key of the certificate, PEM. Read again on SIGHUP.",
	 AT(https.key)},

	{.path = "media.listen",
	 .type = SCHEMA_TEXTS,
	 .min = 1,
	 .max = CONFIG_ADDRESSES_MAX,
	 .check = check_address,
	 .fallback = "0.0.0.0 ::",
	 .unit = "addresses",
	 .text = "Addresses media is received on. 0.0.0.0 and :: stand for all of the machine's.",
	 LIST_AT(media.listen, media.n_listen)},
	{NUMBER("media.port", 0, 65535, "8443"), .unit = "UDP port",
	 .text = "The one port of all sessions' media; 0 picks a free one.", AT(media.port)},
	{.path = "media.public_addresses",
	 .type = SCHEMA_TEXTS,
	 .max = CONFIG_ADDRESSES_MAX,
	 .check = check_address,
	 .fallback = "",
	 .unit = "addresses",
	 .is_reloadable = true,
	 .text = "Addresses browsers reach this node at when it is behind 1:1 NAT; offered beside "
		 "its "
		 "own. The port must be the same outside.",
	 LIST_AT(media.public_addresses, media.n_public_addresses)},
	{.path = "media.only_public",
	 .type = SCHEMA_BOOL,
	 .fallback = "false",
	 .is_reloadable = true,
	 .text = "Offer media.public_addresses only, not the machine's own addresses.",
	 AT(media.only_public)},
	{.path = "media.only_public_line",
	 .type = SCHEMA_LINE,
	 .needs = "media.only_public",
	 .is_reloadable = true,
	 AT(media.only_public_line)},
	{NUMBER("media.socket_buffer_kb", 64, 262144, "4096"), .unit = "KiB",
	 .text = "Receive and send buffer asked of the kernel for each socket; net.core.rmem_max "
		 "and "
		 "wmem_max limit it.",
	 AT(media.socket_buffer_kb)},
	{NUMBER("media.retransmit_ms", 100, 5000, "1000"), .unit = "ms",
	 .text = "How long a sent packet can be asked for again.", AT(media.retransmit_ms)},

	{.path = "ice.servers",
	 .type = SCHEMA_ROWS,
	 .max = CONFIG_ICE_SERVERS_MAX,
	 .fallback = "",
	 .item = &server_schema,
	 .unit = "servers",
	 .is_reloadable = true,
	 .text = "STUN and TURN servers told to browsers in Link headers. This node needs none "
		 "itself.",
	 LIST_AT(ice.servers, ice.n_servers)},
	{NUMBER("ice.consent_s", 5, 300, "30"), .unit = "s", .is_reloadable = true,
	 .text = "A session whose browser is silent for this long is over (RFC 7675).",
	 AT(ice.consent_s)},
	{NUMBER("ice.connect_s", 1, 300, "20"), .unit = "s", .is_reloadable = true,
	 .text = "A session that is not connected after this is over.", AT(ice.connect_s)},

	{NUMBER("limits.sessions", 1, 65536, "4096"), .unit = "sessions", .is_reloadable = true,
	 .text = "Open sessions of all tenants; the next is refused with 503.",
	 AT(limits.sessions)},
	{NUMBER("limits.sessions_per_stream", 1, 65536, "1024"), .unit = "sessions",
	 .is_reloadable = true, .text = "Open sessions of one stream, its publisher among them.",
	 AT(limits.sessions_per_stream)},
	{NUMBER("limits.body_kb", 1, 4096, "256"), .unit = "KiB",
	 .text = "Largest body of an HTTP request; more is refused with 413.", AT(limits.body_kb)},
	{NUMBER("limits.connections", 1, 65536, "4096"), .unit = "connections",
	 .text = "Open HTTP and WebSocket connections.", AT(limits.connections)},
	{NUMBER("limits.handshakes_half_open", 1, 65536, "256"), .unit = "handshakes",
	 .is_reloadable = true, .text = "DTLS handshakes under way at once.",
	 AT(limits.handshakes_half_open)},
	{NUMBER("limits.handshakes_per_second", 1, 100000, "500"), .unit = "handshakes",
	 .is_reloadable = true, .text = "DTLS handshakes begun in a second.",
	 AT(limits.handshakes_per_second)},
	{NUMBER("limits.request_s", 1, 300, "10"), .unit = "s",
	 .text = "Time an HTTP request may take to arrive.", AT(limits.request_s)},
	{NUMBER("limits.socket_idle_s", 5, 3600, "30"), .unit = "s",
	 .text = "A WebSocket is pinged after this long, and closed when silent for as long again.",
	 AT(limits.socket_idle_s)},
	{NUMBER("limits.token_bytes", 256, 65536, "8192"), .unit = "bytes", .is_reloadable = true,
	 .text = "Longest token that is looked at.", AT(limits.token_bytes)},

	{.path = "log.level",
	 .type = SCHEMA_CHOICE,
	 .choices = level_names,
	 .fallback = "info",
	 .is_reloadable = true,
	 .text = "Least level written.",
	 AT(log.level)},
	{.path = "log.levels",
	 .type = SCHEMA_ROWS,
	 .max = CONFIG_MODULES_MAX,
	 .fallback = "",
	 .item = &level_schema,
	 .unit = "levels",
	 .is_reloadable = true,
	 .text = "Levels of single modules.",
	 LIST_AT(log.levels, log.n_levels)},

	{.path = "tenants",
	 .type = SCHEMA_PATH,
	 .is_reloadable = true,
	 .fallback_text = "tenants.yaml beside this file, if there is one",
	 .text = "The file that names the tenants and their token keys. Read again on SIGHUP.",
	 AT(tenants)},
};

static const struct schema schema = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.struct_size = sizeof(struct gateway_config),
	.file_bytes_max = FILE_BYTES_MAX,
};

static char *path_in(const char *folder, const char *prefix, const char *name)
{
	char *path;
	return asprintf(&path, "%s%s/%s", prefix, folder, name) < 0 ? NULL : path;
}

static int name_default(struct gateway_config *config)
{
	if (config->node.name)
		return 0;
	char host[NAME_BYTES_MAX + 1] = "";
	if (gethostname(host, sizeof(host) - 1) || host[0] == '\0' || check_name(host))
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
	if (!is_sqlite(config->control.store) || file[0] == '/')
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

static int rules_check(const struct gateway_config *config, const char *name, FILE *errors)
{
	int rc = 0;
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
	int rc = schema_parse(&schema, name, text, size, errors, &config);
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
	int rc = schema_load(&schema, path, errors, &config);
	return rc ? rc : config_finish(&config, path, true, errors, out);
}

void config_free(struct gateway_config *config)
{
	schema_free(&schema, config);
}

void config_dump(const struct gateway_config *config, FILE *out)
{
	schema_dump(&schema, config, out);
}

void config_help(FILE *out)
{
	schema_help(&schema, out);
}

void config_reference(FILE *out)
{
	schema_reference(&schema, out);
}

unsigned int config_reload(struct gateway_config *running, struct gateway_config *fresh,
			   FILE *report)
{
	return schema_reload(&schema, running, fresh, report);
}

enum control_mode config_control_mode(const struct gateway_config *config)
{
	unsigned int mode = 0;
	while (strcmp(config->control.mode, mode_names[mode]) != 0)
		mode++;
	return (enum control_mode)mode;
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
