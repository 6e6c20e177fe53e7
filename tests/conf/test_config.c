/* gateway.yaml: defaults, every kind of fault with its line, dump and reload. */
#include "tests/cunit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/config.h"
#include "conf/log.h"

#define SAMPLE TEST_FOLDER "/../../conf/gateway.yaml"

/* Parses; what was told goes to *told (malloc'ed). */
static int parse(const char *text, size_t size, char **told, struct gateway_config *config)
{
	size_t n;
	FILE *errors = open_memstream(told, &n);
	int rc = config_parse("g.yaml", text, size, errors, config);
	fclose(errors);
	return rc;
}

static int parse_text(const char *text, char **told, struct gateway_config *config)
{
	return parse(text, strlen(text), told, config);
}

static char *dump_text(const struct gateway_config *config)
{
	char *text;
	size_t n;
	FILE *file = open_memstream(&text, &n);
	config_dump(config, file);
	fclose(file);
	return text;
}

static void check_defaults(const struct gateway_config *config)
{
	CU_ASSERT(config->node.name[0] != '\0');
	CU_ASSERT_STRING_EQUAL(config->node.audience, "nn5g");
	CU_ASSERT_EQUAL(config->node.workers, 1);
	CU_ASSERT_EQUAL(config->node.memory_mb, 512);
	CU_ASSERT_EQUAL(config->node.packets, 32767);
	CU_ASSERT_EQUAL(config->node.port_mbps, 0);
	CU_ASSERT_EQUAL(config_control_mode(config), CONTROL_EMBEDDED);
	CU_ASSERT_PTR_NULL(config->admin.group);
	CU_ASSERT_PTR_NULL(config->control.program);
	CU_ASSERT_STRING_EQUAL(config->http.address, "127.0.0.1");
	CU_ASSERT_EQUAL(config->http.port, 8080);
	CU_ASSERT_STRING_EQUAL(config->https.address, "::");
	CU_ASSERT_EQUAL(config->https.port, 8443);
	CU_ASSERT_PTR_NULL(config->https.certificate);
	CU_ASSERT_PTR_NULL(config->https.key);
	CU_ASSERT_EQUAL_FATAL(config->media.n_listen, 2);
	CU_ASSERT_STRING_EQUAL(config->media.listen[0], "0.0.0.0");
	CU_ASSERT_STRING_EQUAL(config->media.listen[1], "::");
	CU_ASSERT_EQUAL(config->media.port, 8443);
	CU_ASSERT_EQUAL(config->media.n_public_addresses, 0);
	CU_ASSERT_FALSE(config->media.only_public);
	CU_ASSERT_EQUAL(config->media.socket_buffer_kb, 4096);
	CU_ASSERT_EQUAL(config->media.retransmit_ms, 1000);
	CU_ASSERT_STRING_EQUAL(config->media.crypto_gcm, "crypto_aesni_gcm");
	CU_ASSERT_STRING_EQUAL(config->media.crypto_cm, "crypto_aesni_mb");
	CU_ASSERT_EQUAL(config_port_mode(config), PORT_MODE_SOCKET);
	CU_ASSERT_PTR_NULL(config->port.interface);
	CU_ASSERT_PTR_NULL(config->port.pci);
	CU_ASSERT_EQUAL(config_hugepages(config), HUGEPAGES_AUTO);
	CU_ASSERT_EQUAL(config->qos.dscp.voice, 46);
	CU_ASSERT_EQUAL(config->qos.dscp.bulk, 10);
	CU_ASSERT_EQUAL(config->ice.n_servers, 0);
	CU_ASSERT_EQUAL(config->ice.consent_s, 30);
	CU_ASSERT_EQUAL(config->ice.connect_s, 20);
	CU_ASSERT_EQUAL(config->limits.sessions, 4096);
	CU_ASSERT_EQUAL(config->limits.sessions_per_stream, 1024);
	CU_ASSERT_EQUAL(config->limits.body_kb, 256);
	CU_ASSERT_EQUAL(config->limits.connections, 4096);
	CU_ASSERT_EQUAL(config->limits.handshakes_half_open, 256);
	CU_ASSERT_EQUAL(config->limits.handshakes_per_second, 5000);
	CU_ASSERT_EQUAL(config->limits.request_s, 10);
	CU_ASSERT_EQUAL(config->limits.socket_idle_s, 30);
	CU_ASSERT_EQUAL(config->limits.token_bytes, 8192);
	CU_ASSERT_STRING_EQUAL(config->log.level, "info");
	CU_ASSERT_EQUAL(config->log.n_levels, 0);
}

static void empty_files_are_all_defaults(void)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"# only a comment\n",
		"---\n",
		"--- ~\n...\n",
		"{}",
		"http:\nice: ~\n",
		"http:\n  # port: 1\nlog:\n",
		"\xef\xbb\xbf# byte order mark\n",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *told;
		struct gateway_config config = {0};
		CU_ASSERT_EQUAL_FATAL(parse_text(texts[i], &told, &config), 0);
		CU_ASSERT_STRING_EQUAL(told, "");
		check_defaults(&config);
		config_free(&config);
		free(told);
	}
	struct gateway_config config;
	CU_ASSERT_EQUAL_FATAL(config_load(NULL, stderr, &config), 0);
	check_defaults(&config);
	config_free(&config);
}

static const char full_text[] =
	"node: { name: edge-1.fra, audience: edge, workers: 4, memory_mb: 1024, packets: 65535,\n"
	"  state: /var/lib/edge, port_mbps: 10000 }\n"
	"admin: { socket: run/admin.sock, group: operators }\n"
	"control: { mode: external, store: 'sqlite:fleet.db', program: /opt/nn5g-control }\n"
	"http:\n  address: 0.0.0.0\n  port: 0\n"
	"https:\n  address: 192.0.2.1\n  port: 443\n  certificate: tls/cert.pem\n  key: "
	"/etc/key.pem\n"
	"media:\n  listen: [192.0.2.1, \"2001:db8::1\"]\n  port: 3478\n"
	"  public_addresses:\n    - 198.51.100.7\n  only_public: true\n"
	"  socket_buffer_kb: 64\n  retransmit_ms: 5000\n"
	"  crypto_gcm: crypto_openssl\n  crypto_cm: off\n"
	"port: { mode: pci, interface: nn5g0, pci: '0000:03:00.1', hugepages: 'on' }\n"
	"qos:\n  dscp: { control: 1, voice: 2, interactive_data: 3, interactive_video: 4, video: "
	"5,\n"
	"          retransmission: 0, bulk: 63 }\n"
	"ice:\n  servers:\n    - url: stun:stun.example.com:3478\n"
	"    - url: turns:turn.example.com:5349?transport=tcp\n      username: 'o\"brien\\'\n"
	"      credential: s3cret\n  consent_s: 5\n  connect_s: 300\n"
	"limits:\n  sessions: 1\n  sessions_per_stream: 2\n  body_kb: 3\n  connections: 4\n"
	"  handshakes_half_open: 5\n  handshakes_per_second: 6\n  request_s: 7\n  socket_idle_s: "
	"8\n"
	"  token_bytes: 900\n"
	"log:\n  level: warn\n  levels:\n    - { module: ice, level: debug }\n"
	"    - { module: dtls, level: error }\n"
	"tenants: t.yaml\n";

static void every_key_is_taken(void)
{
	char *told, folder[4096], path[5000];
	struct gateway_config config = {0};
	CU_ASSERT_EQUAL_FATAL(parse_text(full_text, &told, &config), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(folder, sizeof(folder)));
	CU_ASSERT_STRING_EQUAL(config.node.name, "edge-1.fra");
	CU_ASSERT_STRING_EQUAL(config.node.audience, "edge");
	CU_ASSERT(config.node.workers == 4 && config.node.memory_mb == 1024);
	CU_ASSERT(config.node.packets == 65535 && config.http.port == 0);
	CU_ASSERT_STRING_EQUAL(config.node.state, "/var/lib/edge");
	CU_ASSERT_EQUAL(config.node.port_mbps, 10000);
	snprintf(path, sizeof(path), "%s/run/admin.sock", folder);
	CU_ASSERT_STRING_EQUAL(config.admin.socket, path);
	CU_ASSERT_STRING_EQUAL(config.admin.group, "operators");
	CU_ASSERT_EQUAL(config_control_mode(&config), CONTROL_EXTERNAL);
	snprintf(path, sizeof(path), "sqlite:%s/fleet.db", folder);
	CU_ASSERT_STRING_EQUAL(config.control.store, path);
	CU_ASSERT_STRING_EQUAL(config.control.program, "/opt/nn5g-control");
	CU_ASSERT_STRING_EQUAL(config.http.address, "0.0.0.0");
	CU_ASSERT_STRING_EQUAL(config.https.address, "192.0.2.1");
	CU_ASSERT_EQUAL(config.https.port, 443);
	snprintf(path, sizeof(path), "%s/tls/cert.pem", folder);
	CU_ASSERT_STRING_EQUAL(config.https.certificate, path);
	CU_ASSERT_STRING_EQUAL(config.https.key, "/etc/key.pem");
	CU_ASSERT_EQUAL_FATAL(config.media.n_listen, 2);
	CU_ASSERT_STRING_EQUAL(config.media.listen[1], "2001:db8::1");
	CU_ASSERT_EQUAL_FATAL(config.media.n_public_addresses, 1);
	CU_ASSERT_STRING_EQUAL(config.media.public_addresses[0], "198.51.100.7");
	CU_ASSERT_TRUE(config.media.only_public);
	CU_ASSERT(config.media.socket_buffer_kb == 64 && config.media.retransmit_ms == 5000);
	CU_ASSERT_STRING_EQUAL(config.media.crypto_gcm, "crypto_openssl");
	CU_ASSERT_STRING_EQUAL(config.media.crypto_cm, "off");
	CU_ASSERT_EQUAL(config_port_mode(&config), PORT_MODE_PCI);
	CU_ASSERT_STRING_EQUAL(config.port.interface, "nn5g0");
	CU_ASSERT_STRING_EQUAL(config.port.pci, "0000:03:00.1");
	CU_ASSERT_EQUAL(config_hugepages(&config), HUGEPAGES_ON);
	CU_ASSERT(config.qos.dscp.control == 1 && config.qos.dscp.voice == 2);
	CU_ASSERT(config.qos.dscp.interactive_data == 3 && config.qos.dscp.interactive_video == 4);
	CU_ASSERT(config.qos.dscp.video == 5 && config.qos.dscp.retransmission == 0);
	CU_ASSERT_EQUAL(config.qos.dscp.bulk, 63);
	CU_ASSERT_EQUAL_FATAL(config.ice.n_servers, 2);
	CU_ASSERT_PTR_NULL(config.ice.servers[0].username);
	CU_ASSERT_STRING_EQUAL(config.ice.servers[1].username, "o\"brien\\");
	CU_ASSERT_STRING_EQUAL(config.ice.servers[1].credential, "s3cret");
	CU_ASSERT(config.ice.consent_s == 5 && config.ice.connect_s == 300);
	CU_ASSERT(config.limits.sessions == 1 && config.limits.sessions_per_stream == 2);
	CU_ASSERT(config.limits.body_kb == 3 && config.limits.connections == 4);
	CU_ASSERT(config.limits.handshakes_half_open == 5);
	CU_ASSERT(config.limits.handshakes_per_second == 6 && config.limits.request_s == 7);
	CU_ASSERT(config.limits.socket_idle_s == 8 && config.limits.token_bytes == 900);
	CU_ASSERT_STRING_EQUAL(config.log.level, "warn");
	CU_ASSERT_EQUAL_FATAL(config.log.n_levels, 2);
	CU_ASSERT_STRING_EQUAL(config.log.levels[1].module, "dtls");
	snprintf(path, sizeof(path), "%s/t.yaml", folder);
	CU_ASSERT_STRING_EQUAL(config.tenants, path);
	config_free(&config);
	free(told);
}

/* 100 bytes. */
#define LONG_NAME                                                                                  \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                                       \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Text of a file, and a part of what must be told of it. */
static const struct {
	const char *text, *told;
} faults[] = {
	{"nod:\n  workers: 1\n",
	 "g.yaml:1: found unknown key \"nod\", expected one of node admin "},
	{"node:\n  workers: 1\n  wokers: 2\n", "g.yaml:3: node: found unknown key \"wokers\""},
	{"ice:\n  servers:\n    - url: stun:a\n      uri: x\n",
	 "g.yaml:4: ice.servers[0]: found unk"},
	{"ice:\n  servers:\n    - line: 3\n      url: stun:a\n",
	 "g.yaml:3: ice.servers[0]: found unk"},
	{"? [a, b]\n: 1\n", "g.yaml:1: found unknown key a list"},
	{"node:\n  workers: 17\n",
	 "g.yaml:2: node.workers: found \"17\", expected a number from 1 to 16"},
	{"node:\n  workers: 0\n", "g.yaml:2: node.workers: found \"0\", expected a number from 1"},
	{"node:\n  workers: -1\n", "node.workers: found \"-1\", expected"},
	{"node:\n  workers: 1.5\n", "node.workers: found \"1.5\", expected"},
	{"node:\n  workers: 0x4\n", "node.workers: found \"0x4\", expected"},
	{"node:\n  workers: 04\n", "node.workers: found \"04\", expected"},
	{"node:\n  workers: \"4\"\n", "node.workers: found \"4\", expected"},
	{"node:\n  workers: 4294967297\n", "node.workers: found \"4294967297\", expected"},
	{"node:\n  workers: 99999999999999999999\n", "expected a number from 1 to 16"},
	{"node:\n  workers:\n", "g.yaml:2: node.workers: found nothing, expected a number"},
	{"node:\n  workers: [1]\n", "node.workers: found a list, expected a number"},
	{"node:\n  workers: {a: 1}\n", "node.workers: found keys, expected a number"},
	{"node:\n  name: []\n", "node.name: found a list, expected a text of 1 to 64 bytes"},
	{"node:\n  name: \"\"\n", "node.name: found \"\", expected a text of 1 to 64 bytes"},
	{"node:\n  name: a b\n", "node.name: found \"a b\", expected letters"},
	{"node:\n  audience: \"a\\0b\"\n", "node.audience: found a text with control characters"},
	{"node:\n  audience: \"a\\nb\"\n", "node.audience: found a text with control characters"},
	{"node:\n  audience: \"a\\Lb\"\n", "node.audience: found a text with control characters"},
	{"node: 5\n", "g.yaml:1: node: found \"5\", expected keys"},
	{"node: [workers]\n", "g.yaml:1: node: found a list, expected keys"},
	{"5\n", "g.yaml:1: found \"5\", expected keys"},
	{"- node\n", "g.yaml:1: found a list, expected keys"},
	{"node:\n  state: /" LONG_NAME "\n",
	 "g.yaml: admin.socket: found \"/" LONG_NAME "/admin.sock\", expected at most 107 bytes"},
	{"node:\n  state: /" LONG_NAME "\nadmin:\n  socket: /a\n",
	 "g.yaml: node.state: found \"/" LONG_NAME "/control.sock\", expected at most 107"},
	{"admin:\n  group: a/b\n", "g.yaml:2: admin.group: found \"a/b\", expected letters"},
	{"control:\n  mode: remote\n",
	 "g.yaml:2: control.mode: found \"remote\", expected one of embedded external none"},
	{"control:\n  store: mysql://a\n",
	 "control.store: found \"mysql://a\", expected sqlite:FILE or postgresql://"},
	{"control:\n  store: 'sqlite:'\n", "control.store: found \"sqlite:\", expected"},
	{"control:\n  store: postgresql://me:hidden@db/nn5g\n",
	 "g.yaml: control.store: found a password, expected none"},
	{"control:\n  store: postgresql://db/nn5g?password=hidden\n",
	 "g.yaml: control.store: found a password, expected none"},
	{"http:\n  address: localhost\n",
	 "http.address: found \"localhost\", expected an IPv4 or IPv6"},
	{"http:\n  port: 65536\n", "http.port: found \"65536\", expected a number from 0 to 65535"},
	{"https:\n  certificate: c.pem\n", "g.yaml:2: https.certificate: found this key alone, "
					   "expected https.key beside it"},
	{"https:\n  key: c.pem\n", "g.yaml:2: https.key: found this key alone"},
	{"media:\n  listen: []\n", "media.listen: found 0 of them, expected a list of 1 to 16"},
	{"media:\n  listen: 0.0.0.0\n", "media.listen: found \"0.0.0.0\", expected a list"},
	{"media:\n  listen:\n    - ::\n    - eth0\n",
	 "g.yaml:4: media.listen[1]: found \"eth0\", exp"},
	{"media:\n  listen: [~]\n", "media.listen[0]: found nothing, expected a text"},
	{"media:\n  listen: [a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a]\n", "found 17 of them"},
	{"media:\n  only_public: yes\n",
	 "media.only_public: found \"yes\", expected true or false"},
	{"media:\n  port: 1\n  only_public: true\n",
	 "g.yaml:3: media.only_public: found true, expect"},
	{"ice:\n  servers:\n    - username: u\n      credential: p\n",
	 "g.yaml:3: ice.servers[0].url: "
	 "found nothing, expected"},
	{"ice:\n  servers:\n    - url: http://a\n",
	 "ice.servers[0].url: found \"http://a\", expected stun"},
	{"ice:\n  servers:\n    - url: stun:a>b\n", "ice.servers[0].url: found"},
	{"ice:\n  servers:\n    - url: 'stun:'\n", "ice.servers[0].url: found"},
	{"ice:\n  servers:\n    - url: turn:a\n",
	 "g.yaml:3: ice.servers[0]: found turn alone, expected "
	 "username and credential"},
	{"ice:\n  servers:\n    - {url: stun:a, username: u, credential: c}\n",
	 "g.yaml:3: ice.serv"},
	{"ice:\n  servers:\n    - {url: turn:a, username: u}\n",
	 "servers[0].username: found this key"},
	{"ice:\n  servers: [stun:a]\n", "ice.servers[0]: found \"stun:a\", expected keys"},
	{"log:\n  level: loud\n",
	 "g.yaml:2: log.level: found \"loud\", expected one of debug info"},
	{"log:\n  levels:\n    - {module: kitchen, level: info}\n",
	 "expected one of node config server"},
	{"log:\n  levels:\n    - {module: ice, level: info}\n    - {module: ice, level: warn}\n",
	 "g.yaml:4: log.levels[1].module: found \"ice\" again (line 3 has it), expected each only "
	 "once"},
	{"node:\n  workers: 1\n  workers: 2\n",
	 "g.yaml:3: node.workers: found the key again (line 2 "
	 "has it), expected it only once"},
	{"node:\n  workers: 1\nnode:\n  workers: 2\n",
	 "g.yaml:3: node: found the key again (line 1"},
	{"a: &a [x]\n", "g.yaml:1: found an anchor, expected plain"},
	{"node: *a\n", "g.yaml:1: found an alias, expected plain"},
	{"node: !!map {}\n", "g.yaml:1: found a tag, expected plain"},
	{"--- {}\n--- {}\n", "g.yaml:2: found a second document"},
	{"[[[[[[[[[[[[1]]]]]]]]]]]]\n", "g.yaml:1: found deeper nesting"},
	{"node:\n  workers: 1\n   x: 2\n", "g.yaml:3: found bad syntax ("},
	{"node: [\n", "found bad syntax ("},
	{"node:\n\tworkers: 1\n", "g.yaml:2: found bad syntax ("},
	{"node:\n  name: a\xff\n", "g.yaml:2: found bad syntax ("},
	{"node:\n  name: a\x01\n", "g.yaml:2: found bad syntax ("},
	{"\"node", "found bad syntax ("},
};

static void faults_are_told_with_their_line(void)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char *told;
		struct gateway_config config, kept;
		memset(&config, 0x5a, sizeof(config));
		kept = config;
		CU_ASSERT_EQUAL(parse_text(faults[i].text, &told, &config), -EINVAL);
		CU_ASSERT_EQUAL(memcmp(&config, &kept, sizeof(config)), 0);
		if (!strstr(told, faults[i].told)) {
			printf("\n%s-> %s", faults[i].text, told);
			CU_FAIL("not told");
		}
		free(told);
	}
}

static void all_faults_are_told_at_once(void)
{
	char *told;
	struct gateway_config config;
	CU_ASSERT_EQUAL(
		parse_text("node:\n  workers: 0\nhttp:\n  port: x\nfoo: 1\n", &told, &config),
		-EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "g.yaml:2: node.workers"));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "g.yaml:4: http.port"));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "g.yaml:5: found unknown key"));
	free(told);

	char many[4096] = "";
	for (int i = 0; i < 100; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "k%d: 1\n", i);
	CU_ASSERT_EQUAL(parse_text(many, &told, &config), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "g.yaml:20: "));
	CU_ASSERT_PTR_NULL(strstr(told, "g.yaml:21: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "and 80 more faults"));
	free(told);
}

static void secrets_are_not_told(void)
{
	char *told;
	struct gateway_config config = {0};
	CU_ASSERT_EQUAL(parse_text("ice:\n  servers:\n    - {url: turn:a, username: u, "
				   "credential: \"hid\\x01den\"}\n",
				   &told, &config),
			-EINVAL);
	CU_ASSERT_PTR_NULL(strstr(told, "hid"));
	free(told);
	CU_ASSERT_EQUAL_FATAL(parse_text(full_text, &told, &config), 0);
	char *dump = dump_text(&config);
	CU_ASSERT_PTR_NULL(strstr(dump, "s3cret"));
	CU_ASSERT_PTR_NOT_NULL(strstr(dump, "credential: \"***\""));
	free(dump);
	config_free(&config);
	free(told);
}

/* Aliases that multiply, keys without end, lists without end: refused before they cost anything. */
static void bombs_are_refused(void)
{
	static const char laughs[] =
		"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		"c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]\n";
	char *told;
	struct gateway_config config;
	CU_ASSERT_EQUAL(parse_text(laughs, &told, &config), -EINVAL);
	free(told);
	static const char *const units[] = {"[",  "{a: ", "- ",     "a: 1\n",
					    "? ", "'",    "node: ", "&a ",
					    "!",  "#",    "\n",     "node:\n  workers: 1\n"};
	const size_t size = 1U << 20;
	char *text = malloc(size + 1);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i]);
		for (size_t at = 0; at < size; at++)
			text[at] = units[i][at % n];
		int rc = parse(text, size, &told, &config);
		CU_ASSERT(rc == -EINVAL || rc == 0);
		if (rc == 0)
			config_free(&config);
		CU_ASSERT(strlen(told) < 20000);
		free(told);
	}
	memset(text, '#', size + 1);
	CU_ASSERT_EQUAL(parse(text, size + 1, &told, &config), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "expected at most 1048576"));
	free(told);
	free(text);
}

static void dump_loads_back(void)
{
	static const char *const texts[] = {"", full_text};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *told, *told_again;
		struct gateway_config config = {0}, again = {0};
		CU_ASSERT_EQUAL_FATAL(parse_text(texts[i], &told, &config), 0);
		char *dump = dump_text(&config);
		CU_ASSERT_EQUAL_FATAL(parse_text(dump, &told_again, &again), 0);
		char *dump_again = dump_text(&again);
		CU_ASSERT_STRING_EQUAL(dump, dump_again);
		CU_ASSERT_EQUAL(config.limits.token_bytes, again.limits.token_bytes);
		CU_ASSERT_EQUAL(config_reload(&config, &again, stderr), 0);
		free(dump);
		free(dump_again);
		config_free(&config);
		config_free(&again);
		free(told);
		free(told_again);
	}
}

static void files_are_read(void)
{
	struct gateway_config config;
	char *told;
	size_t n;
	FILE *errors = open_memstream(&told, &n);
	CU_ASSERT_EQUAL(config_load("/nonexistent/g.yaml", errors, &config), -ENOENT);
	CU_ASSERT_EQUAL(config_load("/", errors, &config), -EISDIR);
	CU_ASSERT_EQUAL(config_load("/dev/zero", errors, &config), -EINVAL);
	fclose(errors);
	CU_ASSERT_PTR_NOT_NULL(strstr(told, "/nonexistent/g.yaml: No such file"));
	free(told);
}

/* Sockets and store lie in a folder beside the file, or where it is started without one. */
static void check_state(const struct gateway_config *config, const char *folder, const char *name)
{
	char path[5000];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	CU_ASSERT_STRING_EQUAL(config->node.state, path);
	snprintf(path, sizeof(path), "%s/%s/admin.sock", folder, name);
	CU_ASSERT_STRING_EQUAL(config->admin.socket, path);
	snprintf(path, sizeof(path), "sqlite:%s/%s/store.db", folder, name);
	CU_ASSERT_STRING_EQUAL(config->control.store, path);
}

static void state_default_is_what_systemd_made(void)
{
	char *told;
	struct gateway_config config = {0};
	setenv("STATE_DIRECTORY", "/var/lib/nn5g", 1);
	CU_ASSERT_EQUAL_FATAL(parse_text("", &told, &config), 0);
	check_state(&config, "/var/lib", "nn5g");
	config_free(&config);
	free(told);
	/* Two of them are for somebody else. */
	setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b", 1);
	CU_ASSERT_EQUAL_FATAL(parse_text("node: {state: /s}\n", &told, &config), 0);
	check_state(&config, "", "s");
	unsetenv("STATE_DIRECTORY");
	config_free(&config);
	free(told);
}

static void state_default_without_a_file_is_here(void)
{
	char folder[4096];
	struct gateway_config config = {0};
	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(folder, sizeof(folder)));
	CU_ASSERT_EQUAL_FATAL(config_load(NULL, stderr, &config), 0);
	check_state(&config, folder, "nn5g-state");
	config_free(&config);
}

/* tenants.yaml beside the file is found, and only if it is there. */
static void tenants_default_is_beside_the_file(void)
{
	char folder[] = "/tmp/test_config.XXXXXX", path[64], tenants[64];
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/gateway.yaml", folder);
	snprintf(tenants, sizeof(tenants), "%s/tenants.yaml", folder);
	fclose(fopen(path, "w"));
	struct gateway_config config = {0};
	CU_ASSERT_EQUAL_FATAL(config_load(path, stderr, &config), 0);
	CU_ASSERT_PTR_NULL(config.tenants);
	check_state(&config, folder, "state");
	config_free(&config);
	fclose(fopen(tenants, "w"));
	CU_ASSERT_EQUAL_FATAL(config_load(path, stderr, &config), 0);
	CU_ASSERT_STRING_EQUAL(config.tenants, tenants);
	config_free(&config);
	unlink(path);
	unlink(tenants);
	rmdir(folder);
}

static void reload_takes_what_it_can_and_names_the_rest(void)
{
	static const char text[] =
		"node:\n  workers: 2\nhttp:\n  port: 9\nmedia:\n  listen: [192.0.2.1]\n"
		"  public_addresses: [198.51.100.7]\n  only_public: true\n"
		"ice:\n  servers: [{url: stun:a}]\n  consent_s: 9\nlimits:\n  sessions: 7\n  "
		"body_kb: 1\n"
		"log:\n  level: error\n  levels: [{module: ice, level: debug}]\ntenants: "
		"new.yaml\n";
	char *told, *report;
	size_t n;
	struct gateway_config running, fresh;
	CU_ASSERT_EQUAL_FATAL(parse_text("", &told, &running), 0);
	free(told);
	CU_ASSERT_EQUAL_FATAL(parse_text(text, &told, &fresh), 0);
	FILE *file = open_memstream(&report, &n);
	CU_ASSERT_EQUAL(config_reload(&running, &fresh, file), 4);
	fclose(file);
	CU_ASSERT_PTR_NOT_NULL(strstr(report, "node.workers: stays 1, 2 needs a restart\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(report, "http.port: stays 8080, 9 needs a restart\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(report, "media.listen: stays [\"0.0.0.0\", \"::\"], "));
	CU_ASSERT_PTR_NOT_NULL(strstr(report, "limits.body_kb: stays 256, 1 needs"));
	config_free(&fresh);
	CU_ASSERT(running.node.workers == 1 && running.limits.body_kb == 256);
	CU_ASSERT(running.limits.sessions == 7 && running.ice.consent_s == 9);
	CU_ASSERT_EQUAL_FATAL(running.ice.n_servers, 1);
	CU_ASSERT_STRING_EQUAL(running.ice.servers[0].url, "stun:a");
	CU_ASSERT(running.media.only_public && running.media.n_public_addresses == 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(running.tenants, "/new.yaml"));

	config_log_apply(&running);
	CU_ASSERT_TRUE(log_enabled(LOG_ICE, LOG_DEBUG));
	CU_ASSERT_FALSE(log_enabled(LOG_DTLS, LOG_WARN));
	config_free(&running);
	free(report);
	free(told);
}

/* Each key of the table stands in the help, in the reference, and in the sample of conf/. */
static void table_feeds_help_reference_and_sample(void)
{
	char *help, *reference;
	size_t n;
	FILE *file = open_memstream(&help, &n);
	config_help(file);
	fclose(file);
	file = open_memstream(&reference, &n);
	config_reference(file);
	fclose(file);
	file = fopen(SAMPLE, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	static char sample[65536];
	sample[fread(sample, 1, sizeof(sample) - 1, file)] = '\0';
	fclose(file);
	unsigned int n_keys = 0;
	for (const char *at = strstr(reference, "\n| `"); at; at = strstr(at + 1, "\n| `")) {
		char key[64], entry[80];
		snprintf(key, sizeof(key), "%.*s", (int)strcspn(at + 4, "`"), at + 4);
		const char *name = strrchr(key, '.') ? strrchr(key, '.') + 1 : key;
		CU_ASSERT_PTR_NOT_NULL(strstr(help, name));
		snprintf(entry, sizeof(entry), "%s:", name);
		CU_ASSERT_PTR_NOT_NULL(strstr(sample, entry));
		CU_ASSERT_PTR_NULL(strstr(key, "line"));
		n_keys++;
	}
	CU_ASSERT_EQUAL(n_keys, 59);
	struct gateway_config config;
	CU_ASSERT_EQUAL_FATAL(config_load(SAMPLE, stderr, &config), 0);
	check_defaults(&config);
	config_free(&config);
	free(help);
	free(reference);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(empty_files_are_all_defaults),
	ROW(every_key_is_taken),
	ROW(faults_are_told_with_their_line),
	ROW(all_faults_are_told_at_once),
	ROW(secrets_are_not_told),
	ROW(bombs_are_refused),
	ROW(dump_loads_back),
	ROW(files_are_read),
	ROW(state_default_is_what_systemd_made),
	ROW(state_default_without_a_file_is_here),
	ROW(tenants_default_is_beside_the_file),
	ROW(reload_takes_what_it_can_and_names_the_rest),
	ROW(table_feeds_help_reference_and_sample),
	CU_TEST_INFO_NULL,
};

TEST_MAIN("config", tests)
