/* Keys and tokens are nn5gctl's; that the gateway is ready, its log says. */
#include "bench/node.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"

#define TEXT_MAX       8192
#define PLACE_MAX      40
#define SESSIONS_SPARE 64
#define START_NS       20000000000ull
#define LOOK_NS        20000000ull
#define STARTED        "\"message\":\"started\""
#define HTTP_PORT      "\"http_port\":"

extern char **environ;

struct node {
	char folder[64], port[8];
	char gateway[PATH_MAX], ctl[PATH_MAX];
	char tokens[NODE_TENANTS_MAX][TEXT_MAX];
	pid_t pid;
};

/* What the environment names, else what lies beside this program. */
static void find_program(const char *variable, const char *name, char out[PATH_MAX])
{
	char own[PATH_MAX] = "";
	const char *named = getenv(variable);
	ssize_t n = readlink("/proc/self/exe", own, sizeof(own) - 1);
	if (named || n < 0)
		snprintf(out, PATH_MAX, "%s", named ? named : name);
	else
		snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX - 64, dirname(own), name);
}

/* Starts a program whose stdout (or stderr) goes to `fd`. */
static int spawn(char *const argv[], int target, int fd, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fd, target);
	int rc = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc)
		fprintf(stderr, "nn5g-bench: %s: %s\n", argv[0], strerror(rc));
	return -rc;
}

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) != pid) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* Runs nn5gctl and takes what it prints. */
static int capture(char *const argv[], char text[TEXT_MAX])
{
	int ends[2];
	pid_t pid;
	size_t n = 0;
	ssize_t got = 1;
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	int rc = spawn(argv, STDOUT_FILENO, ends[1], &pid);
	close(ends[1]);
	while (rc == 0 && n < TEXT_MAX - 1 && got > 0) {
		got = read(ends[0], text + n, TEXT_MAX - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	close(ends[0]);
	text[n] = '\0';
	return rc ? rc : wait_for(pid);
}

/* A key of the tenant's and a token signed with it. `entry` is its entry in tenants.yaml. */
static int make_tenant(struct node *node, unsigned int index, const char *id, char entry[TEXT_MAX])
{
	char key[128];
	snprintf(key, sizeof(key), "%s/%s.pem", node->folder, id);
	char *const generate[] = {node->ctl,  "key",      "generate", "--tenant", (char *)id,
				  "--key-id", (char *)id, "--out",    key,        NULL};
	char *const token[] = {node->ctl,  "token",        "--key",    key,        "--key-id",
			       (char *)id, "--tenant",     (char *)id, "--stream", "*",
			       "--scope",  "publish play", "--ttl",    "1h",       NULL};
	int rc = capture(generate, entry);
	if (rc == 0)
		rc = capture(token, node->tokens[index]);
	node->tokens[index][strcspn(node->tokens[index], "\r\n")] = '\0';
	return rc;
}

static FILE *create_file(const struct node *node, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", node->folder, name);
	return fopen(path, "we");
}

/* nn5gctl prints "tenants:" and the entry's first line, its id; the slice goes behind that. */
static int write_tenant(struct node *node, unsigned int index, const struct node_slice *slice,
			FILE *out)
{
	char entry[TEXT_MAX];
	const char *name = slice ? slice->id : NODE_TENANT;
	int rc = make_tenant(node, index, name, entry);
	if (rc)
		return rc;
	char *id = strstr(entry, "  - id:");
	char *rest = id ? strchr(id, '\n') : NULL;
	if (!rest)
		return -EBADMSG;
	fprintf(out, "  - id: %s\n", name);
	if (slice)
		fprintf(out, "    slice: %s\n", slice->id);
	fputs(rest + 1, out);
	return 0;
}

static void write_slice(const struct node_slice *slice, unsigned int number, FILE *out)
{
	fprintf(out,
		"  - id: %s\n    sst: 1\n    sd: \"%06x\"\n    guaranteed_bps: %lld\n"
		"    max_bps: %lld\n    five_qi: %u\n",
		slice->id, number, (long long)slice->guaranteed_bps, (long long)slice->max_bps,
		slice->five_qi);
}

static int write_tenants(struct node *node, const struct node_config *config)
{
	FILE *out = create_file(node, "tenants.yaml");
	int rc = out ? 0 : -errno;
	if (rc)
		return rc;
	fputs("tenants:\n", out);
	if (config->n_slices == 0)
		rc = write_tenant(node, 0, NULL, out);
	for (unsigned int i = 0; rc == 0 && i < config->n_slices; i++)
		rc = write_tenant(node, i, &config->slices[i], out);
	if (config->n_slices)
		fputs("slices:\n", out);
	for (unsigned int i = 0; i < config->n_slices; i++)
		write_slice(&config->slices[i], i + 1, out);
	fclose(out);
	return rc;
}

/* Caps that protect a node are not what is measured. */
static void write_limits(const struct node_config *config, FILE *out)
{
	unsigned int sessions = config->sessions + SESSIONS_SPARE;
	fprintf(out,
		"limits: {sessions: %u, sessions_per_stream: %u, connections: %u, "
		"handshakes_half_open: %u, handshakes_per_second: 100000}\n",
		sessions, sessions, sessions, sessions);
}

static int write_config(const struct node *node, const struct node_config *config)
{
	FILE *out = create_file(node, "gateway.yaml");
	if (!out)
		return -errno;
	fprintf(out,
		"http: {port: 0}\ncontrol: {mode: none}\ntenants: tenants.yaml\n"
		"media: {listen: [\"%s\"], port: 0%s%s}\n"
		"node: {port_mbps: %u, state: state, workers: %u",
		config->listen ? config->listen : "127.0.0.1", config->media ? ", " : "",
		config->media ? config->media : "", config->port_mbps,
		config->workers ? config->workers : 1);
	if (config->memory_mb)
		fprintf(out, ", memory_mb: %u", config->memory_mb);
	if (config->packets)
		fprintf(out, ", packets: %u", config->packets);
	fputs("}\n", out);
	if (config->sessions)
		write_limits(config, out);
	if (config->more)
		fputs(config->more, out);
	fclose(out);
	return 0;
}

/* A gateway does not outlive who measures it, however that ends. */
static int start_gateway(struct node *node)
{
	char config[128];
	FILE *log = create_file(node, "log");
	if (!log)
		return -errno;
	snprintf(config, sizeof(config), "%s/gateway.yaml", node->folder);
	char *const argv[] = {node->gateway, "--config", config, NULL};
	pid_t parent = getpid();
	node->pid = fork();
	if (node->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() == parent && dup2(fileno(log), STDERR_FILENO) >= 0)
			execvp(argv[0], argv);
		dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	int rc = node->pid < 0 ? -errno : 0;
	fclose(log);
	return rc;
}

static bool read_log(const struct node *node, char text[TEXT_MAX])
{
	char path[128];
	snprintf(path, sizeof(path), "%s/log", node->folder);
	FILE *log = fopen(path, "re");
	size_t n = log ? fread(text, 1, TEXT_MAX - 1, log) : 0;
	if (log)
		fclose(log);
	text[n] = '\0';
	return n > 0;
}

static int await_start(struct node *node)
{
	char log[TEXT_MAX] = "";
	uint64_t until_ns = clock_ns() + START_NS;
	while (clock_ns() < until_ns) {
		char *started = read_log(node, log) ? strstr(log, STARTED) : NULL;
		char *port = started ? strstr(started, HTTP_PORT) : NULL;
		if (port && strchr(port, '\n')) {
			snprintf(node->port, sizeof(node->port), "%d",
				 atoi(port + strlen(HTTP_PORT)));
			return 0;
		}
		if (waitpid(node->pid, NULL, WNOHANG) == node->pid) {
			node->pid = 0;
			break;
		}
		clock_sleep_until(clock_ns() + LOOK_NS);
	}
	fprintf(stderr, "nn5g-bench: the gateway does not start:\n%s", log);
	return -ETIMEDOUT;
}

int node_start(const struct node_config *config, struct node **out)
{
	struct node *node = calloc(1, sizeof(*node));
	if (!node)
		return -ENOMEM;
	const char *place = getenv("TMPDIR");
	find_program("NN5G_GATEWAY", "nn5g-gateway", node->gateway);
	find_program("NN5G_CTL", "nn5gctl", node->ctl);
	/* A node's sockets lie in there, and paths of sockets are short. */
	if (!place || strlen(place) > PLACE_MAX)
		place = "/tmp";
	snprintf(node->folder, sizeof(node->folder), "%s/nn5g-bench-XXXXXX", place);
	int rc = mkdtemp(node->folder) ? 0 : -errno;
	if (rc) {
		fprintf(stderr, "nn5g-bench: %s: %s\n", node->folder, strerror(-rc));
		node->folder[0] = '\0';
	}
	if (rc == 0)
		rc = write_tenants(node, config);
	if (rc == 0)
		rc = write_config(node, config);
	if (rc == 0)
		rc = start_gateway(node);
	if (rc == 0)
		rc = await_start(node);
	if (rc) {
		node_stop(node);
		return rc;
	}
	*out = node;
	return 0;
}

/* With its files; a gateway leaves one folder deep what it keeps. */
static void remove_folder(const char *folder)
{
	pid_t pid;
	char *const argv[] = {"rm", "-rf", "--", (char *)folder, NULL};
	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0)
		wait_for(pid);
}

int node_stop(struct node *node)
{
	int rc = 0;
	if (!node)
		return 0;
	if (node->pid > 0) {
		kill(node->pid, SIGTERM);
		rc = wait_for(node->pid);
	}
	if (rc) {
		char log[TEXT_MAX];
		read_log(node, log);
		fprintf(stderr, "nn5g-bench: the gateway ended badly:\n%s", log);
	}
	if (node->folder[0])
		remove_folder(node->folder);
	free(node);
	return rc;
}

const char *node_port(const struct node *node)
{
	return node->port;
}

const char *node_token(const struct node *node, unsigned int index)
{
	return node->tokens[index];
}

int node_pid(const struct node *node)
{
	return node->pid;
}
