/* A path is taken when it is free or stale, never from a program that lives; who connects is known;
 * and a question from a program without a loop finds its answer. THREADED. */
#include "tests/cunit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib.h>
#include <jansson.h>

#include "conf/rpc.h"

static char folder[64], path[128];
static struct rpc *server;
static unsigned int n_accepted;

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	(void)context;
	if (strcmp(method, "echo") == 0) {
		rpc_notify(server, "noise", NULL);
		rpc_answer(call, json_incref(params));
	} else {
		rpc_fail(call, RPC_NOT_FOUND, "no %s", method);
	}
}

static void on_close(void *context, const char *why)
{
	(void)context;
	(void)why;
	rpc_destroy(server);
	server = NULL;
}

static void on_accept(void *context, int fd, pid_t pid, uid_t uid)
{
	const struct rpc_config config = {.on_call = on_call, .on_close = on_close};
	CU_ASSERT_PTR_EQUAL(context, folder);
	CU_ASSERT_EQUAL(pid, getpid());
	CU_ASSERT_EQUAL(uid, geteuid());
	n_accepted++;
	rpc_destroy(server);
	server = rpc_create(fd, &config);
}

static struct rpc_listener_config config(const char *group)
{
	return (struct rpc_listener_config){
		.path = path, .group = group, .on_accept = on_accept, .context = folder};
}

static int folder_make(void)
{
	strcpy(folder, "/tmp/nn5g-rpc-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	return 0;
}

static int folder_remove(void)
{
	unlink(path);
	return rmdir(folder);
}

static int listen_at(const char *group, struct rpc_listener **listener)
{
	const struct rpc_listener_config how = config(group);
	return rpc_listen(&how, listener);
}

static mode_t mode_of(const char *file)
{
	struct stat there;
	return lstat(file, &there) ? 0 : there.st_mode & 07777;
}

static void free_path_is_taken_and_given_back(void)
{
	struct rpc_listener *listener;
	mode_t before = umask(0);
	CU_ASSERT_EQUAL_FATAL(listen_at(NULL, &listener), 0);
	umask(before);
	CU_ASSERT_EQUAL(mode_of(path), 0600);
	int fd = rpc_connect(path);
	CU_ASSERT(fd >= 0);
	while (n_accepted == 0)
		g_main_context_iteration(NULL, TRUE);
	CU_ASSERT_EQUAL(rpc_listener_refused(listener), 0);
	close(fd);
	while (server)
		g_main_context_iteration(NULL, TRUE);
	rpc_listener_destroy(listener);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	CU_ASSERT_EQUAL(rpc_connect(path), -ENOENT);
}

static void live_path_is_left_alone(void)
{
	struct rpc_listener *first, *second = NULL;
	CU_ASSERT_EQUAL_FATAL(listen_at(NULL, &first), 0);
	CU_ASSERT_EQUAL(listen_at(NULL, &second), -EADDRINUSE);
	CU_ASSERT_PTR_NULL(second);
	int fd = rpc_connect(path);
	CU_ASSERT(fd >= 0);
	close(fd);
	rpc_listener_destroy(first);
}

static void stale_path_is_replaced(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct rpc_listener *listener;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(address.sun_path, path);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	CU_ASSERT_EQUAL_FATAL(listen_at(NULL, &listener), 0);
	rpc_listener_destroy(listener);
}

static void file_that_is_no_socket_is_left_alone(void)
{
	struct rpc_listener *listener;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	CU_ASSERT_EQUAL(listen_at(NULL, &listener), -EADDRINUSE);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

static void path_too_long_is_refused(void)
{
	struct rpc_listener *listener;
	struct rpc_listener_config how = config(NULL);
	char text[256];
	memset(text, 'a', sizeof(text));
	text[108] = '\0';
	how.path = text;
	CU_ASSERT_EQUAL(rpc_listen(&how, &listener), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(rpc_connect(text), -ENAMETOOLONG);
	text[107] = '\0';
	CU_ASSERT_EQUAL(rpc_connect(text), -ENOENT);
}

static void another_listeners_path_is_not_unlinked(void)
{
	struct rpc_listener *first, *second;
	CU_ASSERT_EQUAL_FATAL(listen_at(NULL, &first), 0);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL_FATAL(listen_at(NULL, &second), 0);
	rpc_listener_destroy(first);
	CU_ASSERT_EQUAL(access(path, F_OK), 0);
	rpc_listener_destroy(second);
}

static void group_opens_the_mode(void)
{
	struct rpc_listener *listener;
	CU_ASSERT_EQUAL(listen_at("no-such-group-here", &listener), -ENOENT);
	char name[64];
	snprintf(name, sizeof(name), "%s", geteuid() == 0 ? "root" : "");
	if (!name[0])
		return; /* only root may give its sockets to a group it chose */
	CU_ASSERT_EQUAL_FATAL(listen_at(name, &listener), 0);
	CU_ASSERT_EQUAL(mode_of(path), 0660);
	rpc_listener_destroy(listener);
}

/* --- rpc_ask ---------------------------------------------------------------------------------- */

struct question {
	const char *method;
	json_t *params, *result;
	struct rpc_refusal refusal;
	int rc, timeout_ms;
	_Atomic bool is_done;
};

static void *question_ask(void *context)
{
	struct question *question = context;
	question->rc = rpc_ask(path, question->method, question->params, question->timeout_ms,
			       &question->result, &question->refusal);
	question->is_done = true;
	g_main_context_wakeup(NULL);
	return NULL;
}

static void ask(struct question *question)
{
	pthread_t thread;
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, question_ask, question), 0);
	while (!question->is_done)
		g_main_context_iteration(NULL, TRUE);
	pthread_join(thread, NULL);
	while (server)
		g_main_context_iteration(NULL, TRUE);
}

static void question_finds_its_answer(void)
{
	struct rpc_listener *listener;
	CU_ASSERT_EQUAL_FATAL(listen_at(NULL, &listener), 0);
	char *text = malloc(3 << 20);
	memset(text, 'x', 3 << 20);
	struct question question = {.method = "echo", .timeout_ms = 20000};
	question.params = json_pack("{s:o}", "t", json_stringn(text, 3 << 20));
	ask(&question);
	CU_ASSERT_EQUAL_FATAL(question.rc, 0);
	CU_ASSERT_EQUAL(json_string_length(json_object_get(question.result, "t")), 3 << 20);
	json_decref(question.result);
	free(text);

	question = (struct question){.method = "what", .timeout_ms = 20000};
	ask(&question);
	CU_ASSERT_EQUAL(question.rc, -EPROTO);
	CU_ASSERT_EQUAL(question.refusal.code, RPC_NOT_FOUND);
	CU_ASSERT_STRING_EQUAL(question.refusal.text, "no what");
	free(question.refusal.text);
	rpc_listener_destroy(listener);

	question = (struct question){.method = "echo"};
	question_ask(&question);
	CU_ASSERT_EQUAL(question.rc, -ENOENT);
}

static void question_gives_up_in_time(void)
{
	struct rpc_listener *listener;
	CU_ASSERT_EQUAL_FATAL(listen_at(NULL, &listener), 0);
	/* The loop does not run, so nobody answers. */
	struct question question = {.method = "echo", .timeout_ms = 1};
	question_ask(&question);
	CU_ASSERT_EQUAL(question.rc, -ETIMEDOUT);
	rpc_listener_destroy(listener);
}

static CU_TestInfo tests[] = {
	{"free_path_is_taken_and_given_back", free_path_is_taken_and_given_back},
	{"live_path_is_left_alone", live_path_is_left_alone},
	{"stale_path_is_replaced", stale_path_is_replaced},
	{"file_that_is_no_socket_is_left_alone", file_that_is_no_socket_is_left_alone},
	{"path_too_long_is_refused", path_too_long_is_refused},
	{"another_listeners_path_is_not_unlinked", another_listeners_path_is_not_unlinked},
	{"group_opens_the_mode", group_opens_the_mode},
	{"question_finds_its_answer", question_finds_its_answer},
	{"question_gives_up_in_time", question_gives_up_in_time},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("rpc_listener", tests, folder_make, folder_remove)
