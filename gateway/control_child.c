/* posix_spawn, never fork: this process has worker threads and gigabytes of mappings. The child
 * gets a process group of its own, so that the terminal's Ctrl-C is for the gateway, which then
 * ends the child when nothing needs it any more; and a pipe as standard input, whose other end is
 * ours: it reads as ended once we are gone, however we went. */
#include "gateway/control_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "gateway/node.h"

#define PROGRAM          "nn5g-control"
#define STOP_PATIENCE_MS 5000
#define PAUSE_MIN_MS     100
#define PAUSE_MAX_MS     5000
#define STEADY_NS        10000000000ull /* alive for this long: the next end is a new story */
#define ARGUMENTS_MAX    16

extern char **environ;

struct control_child {
	struct node *node; /* parent */
	char *program;     /* owned */
	char *socket;      /* owned; the child's own */
	pid_t pid;         /* 0: not running */
	int lifeline;      /* our end of its standard input; -1: none */
	guint watch, restart;
	unsigned int pause_ms;
	uint64_t started_ns;
	uint64_t ends;
};

static char *beside_us(void)
{
	char *self = g_file_read_link("/proc/self/exe", NULL);
	char *folder = self ? g_path_get_dirname(self) : NULL;
	char *path = folder ? g_build_filename(folder, PROGRAM, NULL) : NULL;
	g_free(self);
	g_free(folder);
	if (path && access(path, X_OK) == 0)
		return path;
	g_free(path);
	return NULL;
}

/* NULL: there is none. */
static char *find_program(const char *configured)
{
	if (configured)
		return access(configured, X_OK) == 0 ? g_strdup(configured) : NULL;
	char *path = beside_us();
	return path ? path : g_find_program_in_path(PROGRAM);
}

static void close_lifeline(struct control_child *child)
{
	if (child->lifeline >= 0)
		close(child->lifeline);
	child->lifeline = -1;
}

static void fill_arguments(const struct control_child *child, const char **arguments)
{
	const struct gateway_config *config = &child->node->config;
	const char *const fixed[] = {
		child->program,        "--admin",   config->admin.socket, "--store",
		config->control.store, "--socket",  child->socket,        "--state",
		config->node.state,    "--embedded"};
	size_t n = sizeof(fixed) / sizeof(fixed[0]);
	memcpy(arguments, fixed, sizeof(fixed));
	if (config->admin.group) {
		arguments[n++] = "--group";
		arguments[n++] = config->admin.group;
	}
	if (config->tenants) {
		arguments[n++] = "--import";
		arguments[n++] = config->tenants;
	}
	arguments[n] = NULL;
}

/* Nothing of ours leaks into it but standard error; its signals are as new. Capabilities that the
 * port was given stay with us. */
static int spawn(struct control_child *child, int input)
{
	const char *arguments[ARGUMENTS_MAX];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	fill_arguments(child, arguments);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETPGROUP);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	int rc = posix_spawn(&child->pid, child->program, &actions, &attributes,
			     (char *const *)arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

static void on_exit_of(GPid pid, gint status, gpointer context);

static int run(struct control_child *child)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	child->lifeline = ends[1];
	child->started_ns = clock_ns();
	int rc = spawn(child, ends[0]);
	close(ends[0]);
	if (rc) {
		child->pid = 0;
		close_lifeline(child);
		log_error(LOG_ADMIN, "nn5g-control is not started",
			  "\"program\":\"%s\",\"error\":\"%s\"", log_escape(child->program),
			  strerror(-rc));
		return rc;
	}
	child->watch = g_child_watch_add(child->pid, on_exit_of, child);
	log_info(LOG_ADMIN, "nn5g-control is started", "\"program\":\"%s\",\"pid\":%d",
		 log_escape(child->program), child->pid);
	return 0;
}

static gboolean on_restart(gpointer context);

static void restart_later(struct control_child *child)
{
	child->restart = g_timeout_add(child->pause_ms, on_restart, child);
	child->pause_ms = MIN(child->pause_ms * 2, PAUSE_MAX_MS);
}

static gboolean on_restart(gpointer context)
{
	struct control_child *child = context;
	child->restart = 0;
	if (run(child))
		restart_later(child);
	return G_SOURCE_REMOVE;
}

static void on_exit_of(GPid pid, gint status, gpointer context)
{
	struct control_child *child = context;
	child->watch = 0;
	child->pid = 0;
	child->ends++;
	close_lifeline(child);
	if (clock_ns() - child->started_ns > STEADY_NS)
		child->pause_ms = PAUSE_MIN_MS;
	log_error(LOG_ADMIN, "nn5g-control ended by itself and is started again",
		  "\"pid\":%d,\"%s\":%d,\"pause_ms\":%u", pid,
		  WIFSIGNALED(status) ? "signal" : "status",
		  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), child->pause_ms);
	restart_later(child);
}

int control_child_start(struct node *node, struct control_child **out)
{
	const char *configured = node->config.control.program;
	struct control_child *child = calloc(1, sizeof(*child));
	if (!child)
		return -ENOMEM;
	*child = (struct control_child){.node = node, .lifeline = -1, .pause_ms = PAUSE_MIN_MS};
	child->socket = g_build_filename(node->config.node.state, "control.sock", NULL);
	child->program = find_program(configured);
	int rc = child->program ? run(child) : -ENOENT;
	if (!child->program)
		log_error(LOG_ADMIN, "there is no nn5g-control to start",
			  "\"looked_for\":\"%s\",\"expected\":\"control.program, or control.mode "
			  "external or none\"",
			  log_escape(configured ? configured
						: PROGRAM " beside this program and in PATH"));
	if (rc) {
		control_child_stop(child);
		return rc;
	}
	*out = child;
	return 0;
}

/* True once it is gone. */
static bool wait_for_end(pid_t pid, int patience_ms)
{
	int fd = pidfd_open(pid, 0);
	struct pollfd end = {.fd = fd, .events = POLLIN};
	int n = fd < 0 ? -1 : poll(&end, 1, patience_ms);
	if (fd >= 0)
		close(fd);
	return n == 1 && waitpid(pid, NULL, 0) == pid;
}

static void end(struct control_child *child)
{
	kill(child->pid, SIGTERM);
	if (wait_for_end(child->pid, STOP_PATIENCE_MS))
		return;
	log_error(LOG_ADMIN, "nn5g-control did not end and is killed", "\"pid\":%d", child->pid);
	kill(child->pid, SIGKILL);
	waitpid(child->pid, NULL, 0);
}

void control_child_stop(struct control_child *child)
{
	if (!child)
		return;
	if (child->watch)
		g_source_remove(child->watch);
	if (child->restart)
		g_source_remove(child->restart);
	if (child->pid)
		end(child);
	close_lifeline(child);
	g_free(child->program);
	g_free(child->socket);
	free(child);
}

void control_child_reload(struct control_child *child)
{
	if (child->pid)
		kill(child->pid, SIGHUP);
}

uint64_t control_child_ends(const struct control_child *child)
{
	return child->ends;
}
