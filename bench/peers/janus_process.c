/* The folder with the configuration is gone as soon as Janus has read it, and what it says goes to
 * memory: however the harness ends, nothing is left behind. Plug-ins are chosen by links in that
 * folder, so that whatever else is installed stays out. */
#include "bench/peers/janus_process.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/peers/janus_network.h"

#define START_NS   10000000000ull
#define LOOK_NS    20000000ull
#define STOP_NS    5000000000ull
#define LOG_MAX    2048
#define PLACE_MAX  40
#define PLUGIN     "plugins/libjanus_videoroom.so"
#define TRANSPORT  "transports/libjanus_http.so"
#define LIBRARIES  "/usr/lib/*/janus/"
#define HOW_TO_GET "install Debian's package janus (conf/deps test does)"

struct janus_process {
	struct janus_network network;
	char folder[64], port[8];
	int log_fd;
	pid_t pid;
};

/* In this order they are made, and in the reverse order removed. */
static const char *const folders[] = {"plugins", "transports", "none"};
static const char *const files[] = {
	"janus.jcfg", "janus.transport.http.jcfg", "janus.plugin.videoroom.jcfg", PLUGIN, TRANSPORT,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void path_of(const struct janus_process *process, const char *name, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/%s", process->folder, name);
}

static int write_file(const struct janus_process *process, const char *name, const char *format,
		      ...)
{
	char path[PATH_MAX];
	va_list arguments;
	path_of(process, name, path);
	FILE *out = fopen(path, "we");
	if (!out)
		return -errno;
	va_start(arguments, format);
	int n = vfprintf(out, format, arguments);
	va_end(arguments);
	return fclose(out) || n < 0 ? -EIO : 0;
}

static int write_configuration(const struct janus_process *process)
{
	const char *at = process->folder;
	int rc = write_file(process, files[0],
			    "general: {\n"
			    "  configs_folder = \"%s\"\n  plugins_folder = \"%s/plugins\"\n"
			    "  transports_folder = \"%s/transports\"\n"
			    "  events_folder = \"%s/none\"\n  loggers_folder = \"%s/none\"\n"
			    "  debug_level = 2\n  debug_colors = false\n  session_timeout = 0\n}\n"
			    "media: { rtp_port_range = \"10000-60000\" }\n"
			    "nat: { ice_lite = true\n  ice_enforce_list = \"%s\" }\n",
			    at, at, at, at, at, process->network.address);
	if (rc == 0)
		rc = write_file(process, files[1],
				"general: {\n  json = \"compact\"\n  base_path = \"/janus\"\n"
				"  http = true\n  port = %s\n  ip = \"127.0.0.1\"\n"
				"  https = false\n}\nadmin: { admin_http = false }\n",
				process->port);
	return rc ? rc : write_file(process, files[2], "general: { events = false }\n");
}

static int link_library(const struct janus_process *process, const char *name)
{
	char path[PATH_MAX];
	glob_t found;
	snprintf(path, sizeof(path), LIBRARIES "%s", name);
	if (glob(path, 0, NULL, &found)) {
		fprintf(stderr, "nn5g-bench: there is no %s: " HOW_TO_GET "\n", path);
		return -ENOENT;
	}
	path_of(process, name, path);
	int rc = symlink(found.gl_pathv[0], path) ? -errno : 0;
	globfree(&found);
	return rc;
}

static int make_folder(struct janus_process *process)
{
	char path[PATH_MAX];
	const char *place = getenv("TMPDIR");
	if (!place || strlen(place) > PLACE_MAX)
		place = "/tmp";
	snprintf(process->folder, sizeof(process->folder), "%s/nn5g-janus-XXXXXX", place);
	if (!mkdtemp(process->folder)) {
		int rc = -errno;
		fprintf(stderr, "nn5g-bench: %s: %s\n", process->folder, strerror(-rc));
		process->folder[0] = '\0';
		return rc;
	}
	for (size_t i = 0; i < COUNT(folders); i++) {
		path_of(process, folders[i], path);
		if (mkdir(path, 0700))
			return -errno;
	}
	int rc = link_library(process, PLUGIN);
	if (rc == 0)
		rc = link_library(process, TRANSPORT);
	return rc ? rc : write_configuration(process);
}

static void remove_folder(struct janus_process *process)
{
	char path[PATH_MAX];
	if (!process->folder[0])
		return;
	for (size_t i = 0; i < COUNT(files); i++) {
		path_of(process, files[i], path);
		unlink(path);
	}
	for (size_t i = COUNT(folders); i > 0; i--) {
		path_of(process, folders[i - 1], path);
		rmdir(path);
	}
	rmdir(process->folder);
	process->folder[0] = '\0';
}

/* Janus cannot choose a port itself; nobody else is likely to take this one meanwhile. */
static int find_port(struct janus_process *process)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = bind(fd, (struct sockaddr *)&address, len) ||
				 getsockname(fd, (struct sockaddr *)&address, &len)
			 ? -errno
			 : 0;
	close(fd);
	snprintf(process->port, sizeof(process->port), "%u", ntohs(address.sin_port));
	return rc;
}

/* The child: a socket and more per session, and an end with its parent. */
static void run_janus(const struct janus_process *process, pid_t parent)
{
	struct rlimit limit;
	char config[PATH_MAX];
	const char *named = getenv("NN5G_JANUS");
	path_of(process, files[0], config);
	char *const argv[] = {
		(char *)(named ? named : "janus"), "--config", config, "--configs-folder",
		(char *)process->folder,           NULL};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (getppid() == parent && dup2(process->log_fd, STDOUT_FILENO) >= 0 &&
	    dup2(process->log_fd, STDERR_FILENO) >= 0)
		execvp(argv[0], argv);
	dprintf(process->log_fd, "%s: %s; " HOW_TO_GET "\n", argv[0], strerror(errno));
	_exit(127);
}

static int start_janus(struct janus_process *process)
{
	pid_t parent = getpid();
	process->log_fd = memfd_create("janus log", MFD_CLOEXEC);
	if (process->log_fd < 0)
		return -errno;
	process->pid = fork();
	if (process->pid == 0)
		run_janus(process, parent);
	return process->pid < 0 ? -errno : 0;
}

static bool takes_connections(const struct janus_process *process)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)atoi(process->port)),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool takes = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	if (fd >= 0)
		close(fd);
	return takes;
}

static void tell_log(const struct janus_process *process, const char *what)
{
	char text[LOG_MAX + 1];
	off_t size = lseek(process->log_fd, 0, SEEK_END);
	ssize_t n = pread(process->log_fd, text, LOG_MAX, size > LOG_MAX ? size - LOG_MAX : 0);
	text[n > 0 ? n : 0] = '\0';
	fprintf(stderr, "nn5g-bench: %s:\n%s", what, text);
}

static int await_start(struct janus_process *process)
{
	uint64_t until_ns = clock_ns() + START_NS;
	while (clock_ns() < until_ns) {
		if (takes_connections(process))
			return 0;
		if (waitpid(process->pid, NULL, WNOHANG) == process->pid) {
			process->pid = 0;
			break;
		}
		clock_sleep_until(clock_ns() + LOOK_NS);
	}
	tell_log(process, "Janus does not start");
	return -ETIMEDOUT;
}

int janus_process_start(struct janus_process **out)
{
	struct janus_process *process = calloc(1, sizeof(*process));
	if (!process)
		return -ENOMEM;
	process->log_fd = -1;
	int rc = janus_network_open(&process->network);
	if (rc == 0)
		rc = find_port(process);
	if (rc == 0)
		rc = make_folder(process);
	if (rc == 0)
		rc = start_janus(process);
	if (rc == 0)
		rc = await_start(process);
	remove_folder(process);
	if (rc) {
		janus_process_stop(process);
		return rc;
	}
	*out = process;
	return 0;
}

/* It waits for its threads, and sometimes for ever. */
static void end_janus(const struct janus_process *process)
{
	uint64_t until_ns = clock_ns() + STOP_NS;
	int status = 0;
	kill(process->pid, SIGTERM);
	while (waitpid(process->pid, &status, WNOHANG) == 0) {
		if (clock_ns() > until_ns)
			kill(process->pid, SIGKILL);
		clock_sleep_until(clock_ns() + LOOK_NS);
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		tell_log(process, "Janus crashed");
}

void janus_process_stop(struct janus_process *process)
{
	if (!process)
		return;
	if (process->pid > 0)
		end_janus(process);
	remove_folder(process);
	if (process->log_fd >= 0)
		close(process->log_fd);
	janus_network_close(&process->network);
	free(process);
}

const char *janus_process_port(const struct janus_process *process)
{
	return process->port;
}

pid_t janus_process_pid(const struct janus_process *process)
{
	return process->pid;
}

const char *janus_process_address(const struct janus_process *process)
{
	return process->network.address;
}
