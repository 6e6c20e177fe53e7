/* The table of gateway.yaml: what every key may be. */
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "conf/config_schema.h"
#include "conf/log.h"

#define FILE_BYTES_MAX (1U << 20)

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

const char *config_check_name(const char *value)
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

const char *const config_control_modes[] = {
	[CONTROL_EMBEDDED] = "embedded",
	[CONTROL_EXTERNAL] = "external",
	[CONTROL_NONE] = "none",
	NULL,
};

bool config_store_is_sqlite(const char *url)
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
	return config_store_is_sqlite(value) ? NULL
					     : "sqlite:FILE or postgresql://USER@HOST/DATABASE";
}

const char *const config_port_modes[] = {
	[PORT_MODE_SOCKET] = "socket",
	[PORT_MODE_AF_XDP] = "af_xdp",
	[PORT_MODE_AF_PACKET] = "af_packet",
	[PORT_MODE_PCI] = "pci",
	NULL,
};

const char *const config_hugepages_choices[] = {
	[HUGEPAGES_AUTO] = "auto",
	[HUGEPAGES_ON] = "on",
	[HUGEPAGES_OFF] = "off",
	NULL,
};

/* As the kernel takes them, and none that a path or a list of device arguments would read
 * otherwise. */
static const char *check_interface(const char *value)
{
	bool is_good = strlen(value) < IFNAMSIZ &&
		       strspn(value, NAME_CHARACTERS) == strlen(value) && strcmp(value, ".") != 0 &&
		       strcmp(value, "..") != 0;
	return is_good ? NULL : "the name of a network interface, like eth0";
}

/* DOMAIN:BUS:DEVICE.FUNCTION in hexadecimal digits, as lspci -D prints it. */
static const char *check_pci(const char *value)
{
	static const char shape[] = "hhhh:hh:hh.h";
	bool is_good = strlen(value) == strlen(shape);
	for (size_t i = 0; is_good && shape[i]; i++)
		is_good = shape[i] == 'h' ? isxdigit((unsigned char)value[i]) != 0
					  : value[i] == shape[i];
	return is_good ? NULL : "the PCI address of a NIC, like 0000:03:00.0";
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
	 .max = CONFIG_NAME_BYTES_MAX,
	 .check = config_check_name,
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
	{.path = "node.real_time",
	 .type = SCHEMA_BOOL,
	 .fallback = "false",
	 .text = "Workers go before everything else on the machine (SCHED_FIFO), where this "
		 "process may: for a node that shares its processors with other load. Without it "
		 "they take short turns, with more weight where this process may.",
	 AT(node.real_time)},
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
	 .text = "Bandwidth of the link, as it counts on the wire: nothing is sent faster, and "
		 "slices guarantee no more together; 0: not known, any.",
	 AT(node.port_mbps)},

	{.path = "admin.socket",
	 .type = SCHEMA_PATH,
	 .fallback_text = "admin.sock in node.state",
	 .text = "Where the control plane and nn5gctl reach this node: a Unix socket.",
	 AT(admin.socket)},
	{.path = "admin.group",
	 .type = SCHEMA_TEXT,
	 .max = 32,
	 .check = config_check_name,
	 .fallback_text = "none",
	 .text = "The group whose members may use it, beside the gateway's own user and root.",
	 AT(admin.group)},

	{.path = "control.mode",
	 .type = SCHEMA_CHOICE,
	 .choices = config_control_modes,
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
	{NUMBER("media.batch_wait_us", 0, 20000, "200"), .unit = "us",
	 .text = "How long packets may gather at a worker when they come fast: when at least two "
		 "are to be expected within it, so at 10000 a second and more by default. It saves "
		 "processor time and adds up to as much latency; packets that come more slowly "
		 "never wait. 0: none ever does. 10000 makes runs of a stream of 250 packets a "
		 "second to each of its viewers, at a third less time: for audiences to whom 10 ms "
		 "do not matter.",
	 AT(media.batch_wait_us)},
	{NUMBER("media.retransmit_ms", 100, 5000, "1000"), .unit = "ms",
	 .text = "How long a sent packet can be asked for again.", AT(media.retransmit_ms)},
	{.path = "media.crypto_gcm",
	 .type = SCHEMA_TEXT,
	 .max = CONFIG_DRIVER_BYTES_MAX,
	 .fallback = "crypto_aesni_gcm",
	 .text = "DPDK's driver that encrypts SRTP with AES-GCM, for example crypto_openssl or "
		 "crypto_armv8. off, or one that is not there: libsrtp2 does it, packet by packet.",
	 AT(media.crypto_gcm)},
	{.path = "media.crypto_cm",
	 .type = SCHEMA_TEXT,
	 .max = CONFIG_DRIVER_BYTES_MAX,
	 .fallback = "crypto_aesni_mb",
	 .text = "Likewise, with AES-CM and HMAC-SHA1.",
	 AT(media.crypto_cm)},

	{.path = "port.mode",
	 .type = SCHEMA_CHOICE,
	 .choices = config_port_modes,
	 .fallback = "socket",
	 .text = "How packets reach the network. socket: the kernel's UDP sockets, no privileges; "
		 "af_xdp: past the kernel, on a NIC shared with it; af_packet: the same where XDP "
		 "is not to be had; pci: a NIC of our own, bound to vfio-pci.",
	 AT(port.mode)},
	{.path = "port.mode_line", .type = SCHEMA_LINE, .needs = "port.mode", AT(port.mode_line)},
	{.path = "port.interface",
	 .type = SCHEMA_TEXT,
	 .check = check_interface,
	 .text = "The NIC, by its interface, of af_xdp and af_packet; of pci the name of the tap "
		 "that what is not ours goes to the kernel through. socket has no use for it.",
	 AT(port.interface)},
	{.path = "port.pci",
	 .type = SCHEMA_TEXT,
	 .check = check_pci,
	 .text = "The NIC of pci, by its address, as `lspci -D` prints it.",
	 AT(port.pci)},
	{.path = "port.hugepages",
	 .type = SCHEMA_CHOICE,
	 .choices = config_hugepages_choices,
	 .fallback = "auto",
	 .text = "Memory for packets in huge pages: auto takes them where there are enough, on "
		 "does not start without.",
	 AT(port.hugepages)},

	{NUMBER("qos.dscp.control", 0, 63, "46"), .unit = "DSCP",
	 .text = "Mark of STUN, DTLS and RTCP.", AT(qos.dscp.control)},
	{NUMBER("qos.dscp.voice", 0, 63, "46"), .unit = "DSCP", .text = "Mark of voice.",
	 AT(qos.dscp.voice)},
	{NUMBER("qos.dscp.interactive_data", 0, 63, "18"), .unit = "DSCP",
	 .text = "Mark of data channels.", AT(qos.dscp.interactive_data)},
	{NUMBER("qos.dscp.interactive_video", 0, 63, "34"), .unit = "DSCP",
	 .text = "Mark of video that somebody answers. Of AF classes a packet over its committed "
		 "rate gets the next drop precedence: AF42 where this is AF41.",
	 AT(qos.dscp.interactive_video)},
	{NUMBER("qos.dscp.video", 0, 63, "26"), .unit = "DSCP", .text = "Mark of streamed video.",
	 AT(qos.dscp.video)},
	{NUMBER("qos.dscp.retransmission", 0, 63, "28"), .unit = "DSCP",
	 .text = "Mark of packets sent again.", AT(qos.dscp.retransmission)},
	{NUMBER("qos.dscp.bulk", 0, 63, "10"), .unit = "DSCP", .text = "Mark of everything else.",
	 AT(qos.dscp.bulk)},

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
	 .is_reloadable = true,
	 .text = "DTLS handshakes under way at once; the others wait in line.",
	 AT(limits.handshakes_half_open)},
	{NUMBER("limits.handshakes_per_second", 1, 100000, "5000"), .unit = "handshakes",
	 .is_reloadable = true,
	 .text = "DTLS handshakes begun in a second; the others wait for the next.",
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

const struct schema config_schema = {
	.rows = rows,
	.n_rows = sizeof(rows) / sizeof(rows[0]),
	.struct_size = sizeof(struct gateway_config),
	.file_bytes_max = FILE_BYTES_MAX,
};
