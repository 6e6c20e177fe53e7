/* nn5g-control as a child: a shell script stands for it and tells over a FIFO what it sees. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib.h>

#include "gateway/control_child.h"
#include "gateway/node.h"
#include "tests/cunit.h"

#define PATIENCE_S 20
#define LEAKING_FD 77 /* nobody marked it close-on-exec */

static char folder[] = "/tmp/nn5g-child-XXXXXX";
static char program[64], told_path[64];
static char text[4096]; /* what it told and nobody took yet */
static int told;
static struct node node;

/* Lives until its standard input ends. */
static const char script[] = "#!/bin/sh\n"
			     "exec 3>>\"$(dirname \"$0\")/told\"\n"
			     "exec 4<&0\n"
			     "trap 'echo hup >&3' HUP\n"
			     "trap 'echo term >&3; exit 0' TERM\n"
			     "[ \"$STUBBORN\" ] && trap '' TERM\n"
			     "echo \"pid $$\" >&3\n"
			     "echo \"fds $(ls /proc/$$/fd | tr '\\n' ' ')\" >&3\n"
			     "for argument; do echo \"argument $argument\" >&3; done\n"
			     "echo ready >&3\n"
			     "cat <&4 &\n"
			     "while kill -0 $! 2>/dev/null; do wait $!; done\n"
			     "echo orphan >&3\n";

static int set_up(void)
{
	if (!mkdtemp(folder))
		return 1;
	snprintf(program, sizeof(program), "%s/control", folder);
	snprintf(told_path, sizeof(told_path), "%s/told", folder);
	FILE *file = fopen(program, "w");
	if (!file || fputs(script, file) < 0 || fclose(file) || chmod(program, 0700) ||
	    mkfifo(told_path, 0600))
		return 1;
	told = open(told_path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	char yaml[256];
	int n = snprintf(yaml, sizeof(yaml),
			 "node: {state: %s}\n"
			 "control: {program: %s, store: 'sqlite:/s.db'}\n"
			 "tenants: /t.yaml\n",
			 folder, program);
	return told < 0 || config_parse("g.yaml", yaml, (size_t)n, stderr, &node.config) ? 1 : 0;
}

static int tear_down(void)
{
	config_free(&node.config);
	close(told);
	unlink(program);
	unlink(told_path);
	return rmdir(folder);
}

static gboolean on_told(gint fd, GIOCondition condition, gpointer context)
{
	(void)condition;
	(void)context;
	size_t used = strlen(text);
	ssize_t n = read(fd, text + used, sizeof(text) - 1 - used);
	if (n > 0)
		text[used + (size_t)n] = '\0';
	return G_SOURCE_CONTINUE;
}

static gboolean on_alarm(gpointer context)
{
	fprintf(stderr, "'%s' was not told for %d s, but: %s\n", (const char *)context, PATIENCE_S,
		text);
	abort();
}

/* Turns the loop until a line that begins with `word` was told; its rest. All before it is taken.
 */
static const char *wait_for(const char *word)
{
	static char rest[512];
	char *at, *end;
	guint source = g_unix_fd_add(told, G_IO_IN, on_told, NULL);
	guint alarm_source = g_timeout_add_seconds(PATIENCE_S, on_alarm, (gpointer)(uintptr_t)word);
	while (!(at = strstr(text, word)) || !(end = strchr(at, '\n')))
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(source);
	g_source_remove(alarm_source);
	at += strlen(word);
	snprintf(rest, sizeof(rest), "%.*s", (int)(end - at), at);
	memmove(text, end + 1, strlen(end + 1) + 1);
	return rest;
}

static struct control_child *start(void)
{
	struct control_child *child = NULL;
	text[0] = '\0';
	CU_ASSERT_EQUAL_FATAL(control_child_start(&node, &child), 0);
	return child;
}

static void it_gets_its_arguments_and_nothing_else(void)
{
	char sock[128];
	snprintf(sock, sizeof(sock), "%s/control.sock", folder);
	const char *const expected[] = {
		"--admin",    node.config.admin.socket,
		"--store",    "sqlite:/s.db",
		"--socket",   sock,
		"--state",    folder,
		"--embedded", "--import",
		"/t.yaml",
	};
	CU_ASSERT_EQUAL(dup2(STDERR_FILENO, LEAKING_FD), LEAKING_FD);
	struct control_child *child = start();
	close(LEAKING_FD);
	CU_ASSERT_PTR_NULL(strstr(wait_for("fds "), "77"));
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		CU_ASSERT_STRING_EQUAL(wait_for("argument "), expected[i]);
	wait_for("ready");
	control_child_stop(child);
	wait_for("term");
}

static void one_that_dies_is_started_again(void)
{
	struct control_child *child = start();
	for (unsigned int i = 0; i < 3; i++) {
		pid_t pid = atoi(wait_for("pid "));
		wait_for("ready");
		CU_ASSERT_EQUAL(control_child_ends(child), i);
		CU_ASSERT_FATAL(pid > 1);
		kill(pid, SIGKILL);
	}
	pid_t pid = atoi(wait_for("pid "));
	wait_for("ready");
	control_child_stop(child);
	wait_for("term");
	CU_ASSERT_EQUAL(kill(pid, 0), -1);
}

static void a_reload_is_passed_on(void)
{
	struct control_child *child = start();
	wait_for("ready");
	control_child_reload(child);
	wait_for("hup");
	control_child_stop(child);
	wait_for("term");
}

static void one_that_does_not_end_is_killed(void)
{
	setenv("STUBBORN", "1", 1);
	struct control_child *child = start();
	pid_t pid = atoi(wait_for("pid "));
	wait_for("ready");
	unsetenv("STUBBORN");
	control_child_stop(child);
	CU_ASSERT_EQUAL(kill(pid, 0), -1);
	CU_ASSERT_EQUAL(errno, ESRCH);
}

static void no_program_is_told(void)
{
	struct control_child *child = NULL;
	char *kept = node.config.control.program;
	node.config.control.program = (char *)(uintptr_t) "/nonexistent/nn5g-control";
	CU_ASSERT_EQUAL(control_child_start(&node, &child), -ENOENT);
	node.config.control.program = kept;
	CU_ASSERT_PTR_NULL(child);
	/* One that cannot be run is no program either. */
	chmod(program, 0600);
	if (geteuid() != 0)
		CU_ASSERT_EQUAL(control_child_start(&node, &child), -ENOENT);
	chmod(program, 0700);
	control_child_stop(NULL);
}

#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
static CU_TestInfo tests[] = {
	ROW(it_gets_its_arguments_and_nothing_else),
	ROW(one_that_dies_is_started_again),
	ROW(a_reload_is_passed_on),
	ROW(one_that_does_not_end_is_killed),
	ROW(no_program_is_told),
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("control_child", tests, set_up, tear_down)
