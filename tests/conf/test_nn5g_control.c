/* The program itself beside a played node: how it starts, what it refuses, and how it ends. */
#include "tests/conf/control_fixture.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "conf/log.h"

extern char **environ;

static char program[PATH_MAX];
static struct played_node node;

/* One that runs: its log goes to a file, its standard input is a pipe whose other end is ours. */
static struct {
	pid_t pid;
	int input;
	FILE *log;
} running;

static int start(void)
{
	char self[PATH_MAX] = "";
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return -1;
	snprintf(program, sizeof(program), "%.4000s/../nn5g-control", dirname(self));
	log_set_level(LOG_STORE, LOG_WARN);
	log_set_level(LOG_ADMIN, LOG_WARN);
	return store_fixture_start();
}

static void spawn(char *const *argv)
{
	int ends[2];
	posix_spawn_file_actions_t actions;
	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
	running.log = tmpfile();
	running.input = ends[1];
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fileno(running.log), STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, fileno(running.log), STDERR_FILENO);
	CU_ASSERT_EQUAL_FATAL(posix_spawn(&running.pid, program, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[0]);
}

/* Waits for the end; the exit code, or minus the signal. */
static int end(void)
{
	int status;
	CU_ASSERT_EQUAL_FATAL(waitpid(running.pid, &status, 0), running.pid);
	if (running.input >= 0)
		close(running.input);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool log_has(const char *text)
{
	static char all[1 << 16];
	rewind(running.log);
	all[fread(all, 1, sizeof(all) - 1, running.log)] = '\0';
	return strstr(all, text) != NULL;
}

static int run(char *const *argv, const char *said)
{
	spawn(argv);
	int code = end();
	CU_ASSERT_TRUE(log_has(said));
	fclose(running.log);
	return code;
}

/* The program beside the node; `import` may be NULL. */
static void control_spawn(const char *import, bool is_embedded)
{
	char *argv[] = {program,    "--admin",      node.socket, "--store",   node.url,
			"--socket", node.operators, "--state",   node.folder, NULL,
			NULL,       NULL,           NULL};
	int n = 9;
	if (import) {
		argv[n++] = (char *)"--import";
		argv[n++] = (char *)(uintptr_t)import;
	}
	if (is_embedded)
		argv[n++] = (char *)"--embedded";
	spawn(argv);
}

static void node_start(enum sql_kind kind)
{
	played_init(&node, "edge", store_fixture_url(kind));
	played_listen(&node);
}

static void wrong_use_is_told(void)
{
	CU_ASSERT_EQUAL(run((char *[]){program, (char *)"--help", NULL}, "--store URL"), 0);
	CU_ASSERT_EQUAL(run((char *[]){program, (char *)"--version", NULL}, "nn5g-control "), 0);
	CU_ASSERT_EQUAL(run((char *[]){program, NULL}, "--admin must be given"), 2);
	CU_ASSERT_EQUAL(run((char *[]){program, (char *)"--colour", NULL}, "Try"), 2);
	CU_ASSERT_EQUAL(run((char *[]){program, (char *)"x", NULL}, "'x' is no option"), 2);
}

static void program_feeds_and_stops_when_told(enum sql_kind kind)
{
	struct stat there;
	char path[160];
	node_start(kind);
	control_spawn(NULL, false);
	PLAY_UNTIL(node.snapshots == 1, 10000);
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('acme')");
	PLAY_UNTIL(played_tenant(&node, "acme"), 1000);
	close(running.input); /* not embedded: of no concern */
	running.input = -1;
	played_sql(&node, "INSERT INTO tenants (id) VALUES ('beta')");
	PLAY_UNTIL(played_tenant(&node, "beta"), 1000);
	CU_ASSERT_EQUAL(kill(running.pid, SIGTERM), 0);
	CU_ASSERT_EQUAL(end(), 0);
	CU_ASSERT_EQUAL(access(node.operators, F_OK), -1);
	CU_ASSERT_EQUAL(stat(node.folder, &there), 0);
	CU_ASSERT_EQUAL(there.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/ledger.key.pem", node.folder);
	CU_ASSERT_EQUAL(stat(path, &there), 0);
	CU_ASSERT_EQUAL(there.st_mode & 07777, 0600);
	fclose(running.log);
	played_fini(&node);
}

static void embedded_program_ends_with_its_input(void)
{
	node_start(SQL_SQLITE);
	control_spawn(NULL, true);
	PLAY_UNTIL(node.snapshots == 1, 10000);
	close(running.input);
	running.input = -1;
	CU_ASSERT_EQUAL(end(), 0);
	CU_ASSERT_TRUE(log_has("the gateway is gone"));
	fclose(running.log);
	played_fini(&node);
}

/* Killed, and started again: same boot of the node, fed anew, the stale socket replaced. */
static void killed_program_is_replaced_by_the_next(void)
{
	node_start(SQL_SQLITE);
	control_spawn(NULL, false);
	PLAY_UNTIL(node.snapshots == 1, 10000);
	CU_ASSERT_EQUAL(kill(running.pid, SIGKILL), 0);
	CU_ASSERT_EQUAL(end(), -SIGKILL);
	fclose(running.log);
	CU_ASSERT_EQUAL(access(node.operators, F_OK), 0);
	control_spawn(NULL, false);
	PLAY_UNTIL(node.snapshots == 2, 10000);
	CU_ASSERT_EQUAL(kill(running.pid, SIGINT), 0);
	CU_ASSERT_EQUAL(end(), 0);
	fclose(running.log);
	played_fini(&node);
}

static void hangup_imports_again(void)
{
	char path[160];
	node_start(SQL_SQLITE);
	snprintf(path, sizeof(path), "%s/tenants.yaml", store_folder);
	FILE *file = fopen(path, "w");
	fputs("tenants:\n  - id: acme\n", file);
	fclose(file);
	control_spawn(path, false);
	PLAY_UNTIL(played_tenant(&node, "acme"), 10000);
	file = fopen(path, "w");
	fputs("tenants:\n  - id: acme\n    prices: {video_micros: 20000}\n", file);
	fclose(file);
	CU_ASSERT_EQUAL(kill(running.pid, SIGHUP), 0);
	PLAY_UNTIL(played_policy(&node, "acme", "prices", "video_micros") == 20000, 5000);
	CU_ASSERT_EQUAL(kill(running.pid, SIGTERM), 0);
	CU_ASSERT_EQUAL(end(), 0);
	CU_ASSERT_TRUE(log_has("tenant acme: prices.video_micros nothing -> 20000"));
	fclose(running.log);
	played_fini(&node);
}

static void program_that_can_never_work_ends(void)
{
	node_start(SQL_SQLITE);
	played_sql(&node, "INSERT INTO schema_version VALUES (1000, 'later')");
	control_spawn(NULL, false);
	CU_ASSERT_EQUAL(end(), 1);
	CU_ASSERT_TRUE(log_has("schema"));
	fclose(running.log);
	played_sql(&node, "DELETE FROM schema_version WHERE version = 1000");
	/* The operators' socket is somebody's. */
	struct rpc_listener *taken;
	const struct rpc_listener_config config = {
		.path = node.operators, .on_accept = played_on_accept, .context = &node};
	CU_ASSERT_EQUAL(rpc_listen(&config, &taken), 0);
	control_spawn(NULL, false);
	CU_ASSERT_EQUAL(end(), 1);
	CU_ASSERT_TRUE(log_has("another program listens on it"));
	fclose(running.log);
	rpc_listener_destroy(taken);
	snprintf(node.url, sizeof(node.url), "oracle:x");
	control_spawn(NULL, false);
	CU_ASSERT_EQUAL(end(), 1);
	fclose(running.log);
	played_fini(&node);
}

ON_BOTH(program_feeds_and_stops_when_told)

static CU_TestInfo tests[] = {
	{"wrong_use_is_told", wrong_use_is_told},
	ROWS_OF(program_feeds_and_stops_when_told),
	{"embedded_program_ends_with_its_input", embedded_program_ends_with_its_input},
	{"killed_program_is_replaced_by_the_next", killed_program_is_replaced_by_the_next},
	{"hangup_imports_again", hangup_imports_again},
	{"program_that_can_never_work_ends", program_that_can_never_work_ends},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("nn5g_control", tests, start, store_fixture_stop)
