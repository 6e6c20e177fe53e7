/* gateway.yaml: every key is one row of the table in config.c (type, default, range, unit, text,
 * reloadable or not), which feeds the parser, --help, --dump-config and the documentation. Control
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_ADDRESSES_MAX    16
#define CONFIG_ICE_SERVERS_MAX  8
#define CONFIG_MODULES_MAX      32
#define CONFIG_DRIVER_BYTES_MAX 63 /* of a DPDK driver's name */
#define CONFIG_SOCKET_BYTES_MAX                                                                    \
	107 /* of a Unix socket's path: sockaddr_un.sun_path without its NUL */

/* Who feeds this node with tenants and quota. */
enum control_mode {
	CONTROL_EMBEDDED, /* an nn5g-control of our own, as a child */
	CONTROL_EXTERNAL, /* an nn5g-control that somebody else starts */
	CONTROL_NONE      /* tenants.yaml; nothing is accounted */
};

/* How packets reach the network; qos/port.h has the kinds in this order. */
enum port_mode { PORT_MODE_SOCKET, PORT_MODE_AF_XDP, PORT_MODE_AF_PACKET, PORT_MODE_PCI };

enum hugepages { HUGEPAGES_AUTO, HUGEPAGES_ON, HUGEPAGES_OFF };

struct config_ice_server {
	char *url;                   /* stun:host:port, turn:host:port?transport=udp, turns:... */
	char *username, *credential; /* NULL for stun */
	unsigned int line;           /* of gateway.yaml, for messages */
};

struct config_log_level {
	char *module, *level;
};

/* Strings and lists are owned by the struct (config_free). File names are absolute. */
struct gateway_config {
	bool is_profiled; /* --profile; no key */
	struct {
		char *name;             /* default: the host name */
		char *audience;         /* expected `aud` of tokens; default "nn5g" */
		unsigned int workers;   /* default 1 */
		unsigned int memory_mb; /* DPDK memory */
		unsigned int packets;   /* packet buffers */
		bool real_time;         /* workers, before all else on the machine */
		char *state;            /* folder of sockets, journal, store and keys */
		unsigned int port_mbps; /* of the link; slices guarantee no more together;
					   0: not known */
	} node;
	struct {
		char *socket; /* path, at most CONFIG_SOCKET_BYTES_MAX */
		char *group;  /* whose members may connect; NULL: only our own user */
	} admin;
	struct {
		char *mode;    /* config_control_mode() */
		char *store;   /* URL, for embedded; never with a password */
		char *program; /* NULL: nn5g-control beside us, else in PATH */
	} control;
	struct {
		char *address; /* default 127.0.0.1 */
		uint16_t port; /* default 8080 */
	} http;
	struct {
		char *address;           /* default :: */
		uint16_t port;           /* default 8443 */
		char *certificate, *key; /* NULL: HTTPS is off; both or none are set */
	} https;
	struct {
		char *listen[CONFIG_ADDRESSES_MAX]; /* IPs; default 0.0.0.0 and :: */
		unsigned int n_listen;
		uint16_t port; /* default 8443 */
		/* 1:1 NAT: offered as candidates beside (or instead of) our own */
		char *public_addresses[CONFIG_ADDRESSES_MAX];
		unsigned int n_public_addresses;
		bool only_public; /* offer only the public ones; never true without any */
		unsigned int only_public_line; /* of gateway.yaml, for messages */
		unsigned int socket_buffer_kb;
		unsigned int batch_wait_us;   /* 0: packets are taken as they come */
		unsigned int retransmit_ms;   /* how long a packet can be asked for again */
		char *crypto_gcm, *crypto_cm; /* DPDK's drivers, or "off" */
	} media;
	struct {
		char *mode;             /* config_port_mode() */
		char *interface;        /* NULL only with PORT_MODE_SOCKET */
		char *pci;              /* never NULL with PORT_MODE_PCI */
		char *hugepages;        /* config_hugepages() */
		unsigned int mode_line; /* of gateway.yaml, for messages */
	} port;
	struct {
		struct { /* 0..63, of packets within their committed rate */
			unsigned int control, voice, interactive_data, interactive_video;
			unsigned int video, retransmission, bulk;
		} dscp;
	} qos;
	struct {
		struct config_ice_server servers[CONFIG_ICE_SERVERS_MAX];
		unsigned int n_servers;
		unsigned int consent_s; /* 30 */
		unsigned int connect_s; /* a session that never connects ends after this */
	} ice;
	struct {
		unsigned int sessions, sessions_per_stream, body_kb, connections;
		unsigned int handshakes_half_open, handshakes_per_second;
		unsigned int request_s, socket_idle_s, token_bytes;
	} limits;
	struct {
		char *level; /* of all modules */
		struct config_log_level levels[CONFIG_MODULES_MAX];
		unsigned int n_levels;
	} log;
	/* Path of tenants.yaml; default "tenants.yaml" beside gateway.yaml if that exists, else
	 * NULL. */
	char *tenants;
};

/* Reads `path` (NULL: defaults only; an empty file is all defaults). On a fault writes
 * "FILE:LINE: KEY: found ..., expected ..." lines to `errors` and returns -EINVAL (-ENOENT etc.
 * when it can't be read); then *out is unchanged. */
int config_load(const char *path, FILE *errors, struct gateway_config *out);
/* Same, from memory; `name` stands for the file in messages and for its folder in relative paths.
 */
int config_parse(const char *name, const char *text, size_t size, FILE *errors,
		 struct gateway_config *out);
void config_free(struct gateway_config *config);
/* Effective configuration as YAML with each key's text as a comment; loads back to the same values.
 * Secrets are shown as "***". */
void config_dump(const struct gateway_config *config, FILE *out);
/* The key table for --help, and as Markdown. */
void config_help(FILE *out);
void config_reference(FILE *out);
/* Takes over from `fresh` what can change without a restart (by swapping, so `fresh` is still to be
 * freed), and names what cannot in `report`, one line each. Returns the number of the latter. */
unsigned int config_reload(struct gateway_config *running, struct gateway_config *fresh,
			   FILE *report);
enum control_mode config_control_mode(const struct gateway_config *config);
enum port_mode config_port_mode(const struct gateway_config *config);
enum hugepages config_hugepages(const struct gateway_config *config);
/* Sets the log's levels to what `log` says. */
void config_log_apply(const struct gateway_config *config);
