/* nn5gctl against a control socket this test serves: the program as operators run it, from the
 * first tenant to the export, with what it prints. */
#include "tests/conf/operator_fixture.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include "conf/rpc.h"
#include "conf/usage.h"

extern char **environ;

static char program[PATH_MAX];
static struct rpc_listener *listener;

static struct {
	bool is_done;
	int code;
	char out[65536], err[16384];
} result;

static void on_call(void *context, struct rpc_call *call, const char *method, json_t *params)
{
	(void)context;
	rpc_table_dispatch(&operator_table, &fixture.operators, call, method, params);
}

/* The context is where the connection is kept, to be ended with it. */
static void on_close(void *context, const char *why)
{
	struct rpc **connection = context;
	(void)why;
	rpc_destroy(*connection);
	g_free(connection);
}

static void on_accept(void *context, int fd, pid_t pid, uid_t uid)
{
	struct rpc **connection = g_new0(struct rpc *, 1);
	const struct rpc_config config = {
		.on_call = on_call, .on_close = on_close, .context = connection};
	(void)context;
	(void)pid;
	(void)uid;
	*connection = rpc_create(fd, &config);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*connection);
}

static int socket_start(void)
{
	char self[PATH_MAX] = "";
	if (operator_fixture_start() || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 ||
	    chdir(fixture.folder) || mkdir("state", 0700))
		return 1;
	snprintf(program, sizeof(program), "%.4000s/../nn5gctl", dirname(self));
	unsetenv("NN5G_CONTROL_SOCKET");
	const struct rpc_listener_config config = {.path = "state/control.sock",
						   .on_accept = on_accept};
	return rpc_listen(&config, &listener);
}

static int socket_stop(void)
{
	rpc_listener_destroy(listener);
	return chdir("/") || operator_fixture_stop();
}

static void on_exit_of_child(GPid pid, int status, void *context)
{
	(void)pid;
	(void)context;
	result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	result.is_done = true;
}

static void read_back(FILE *file, char *text, size_t size)
{
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

/* Runs the program with the words of `line` and its standard files, while the socket is served. */
static void run_on(const char *line, int in, int out, int err)
{
	char words[1024], *argv[40] = {program};
	int argc = 1;
	posix_spawn_file_actions_t actions;
	pid_t pid;
	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok(words, " "); word && argc < 39; word = strtok(NULL, " "))
		argv[argc++] = word;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	CU_ASSERT_EQUAL_FATAL(posix_spawn(&pid, program, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	result.is_done = false;
	g_child_watch_add(pid, on_exit_of_child, NULL);
	while (!result.is_done)
		g_main_context_iteration(NULL, TRUE);
}

static void run_with(const char *line, const char *input)
{
	FILE *in = tmpfile(), *out = tmpfile(), *err = tmpfile();
	fputs(input, in);
	rewind(in);
	run_on(line, fileno(in), fileno(out), fileno(err));
	fclose(in);
	read_back(out, result.out, sizeof(result.out));
	read_back(err, result.err, sizeof(result.err));
}

/* With a terminal as standard output. */
static void run_on_terminal(const char *line)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	CU_ASSERT_FATAL(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	CU_ASSERT_FATAL(slave >= 0);
	run_on(line, slave, slave, slave);
	ssize_t n = read(master, result.out, sizeof(result.out) - 1);
	result.out[n > 0 ? n : 0] = '\0';
	close(slave);
	close(master);
}

static void expect(const char *line, int code, const char *in_out, const char *in_err)
{
	run_with(line, "");
	if (result.code != code || !strstr(result.out, in_out) || !strstr(result.err, in_err)) {
		printf("\n%s: %d\nout: %serr: %s", line, result.code, result.out, result.err);
		CU_FAIL("other words");
	}
}

/* The result of a command with --json; the caller's. */
static json_t *json_of(const char *line)
{
	run_with(line, "");
	CU_ASSERT_EQUAL(result.code, 0);
	CU_ASSERT_STRING_EQUAL(result.err, "");
	json_t *object = json_loads(result.out, 0, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	return object;
}

static void tenant_is_made_with_a_key_in_one_step(void)
{
	struct stat status;
	expect("tenant create acme --plan gold budget.monthly=1.00 prices.interaction=0.01", 0,
	       "tenant acme created; its private key, of id k1, is in acme.pem\n", "");
	CU_ASSERT_EQUAL(stat("acme.pem", &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
	expect("key list acme", 0, "k1   EdDSA", "");
	expect("token --key acme.pem --key-id k1 --tenant acme", 0, ".", "");
	/* What fails leaves no key behind. */
	expect("tenant create b --plan platinum", 1, "", "nn5gctl: plan: there is no platinum\n");
	CU_ASSERT_NOT_EQUAL(access("b.pem", F_OK), 0);
	expect("tenant create acme --plan gold --no-key", 1, "", "there is one already");
	expect("tenant create acme --plan gold", 1, "", "acme.pem: File exists");
	CU_ASSERT_EQUAL(access("acme.pem", F_OK), 0);
	expect("tenant create fat --no-key slice=gold slice_bps=501M", 1, "",
	       "slice gold: found a share of 501000000 bit/s, expected at most the 480000000");
}

static void tables_are_for_people(void)
{
	expect("tenant list", 0,
	       "TENANT  NAME  STANDING  PLAN  SLICE      SHARE  SESSIONS\n"
	       "acme    -     active    gold  gold   20 Mbit/s         0\n",
	       "");
	CU_ASSERT_PTR_NULL(strchr(result.out, '\033'));
	expect("tenant show acme", 0, "share     20 Mbit/s\n", "");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "budget.monthly                  1.00"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "budget.video                    unlimited"));
	expect("plan list", 0, "silver  silver   5 Mbit/s   0.02  0.005      50.00", "");
	expect("slice list", 0, "gold      1  000003  500 Mbit/s  20 Mbit/s", "");
	expect("budget acme", 0, "credit        1.00         0.00", "");
	expect("session list", 0, "SESSION  NODE", "");
	expect("node list", 0, "NODE  STATE", "");
	expect("events", 0, "tenant.create", "");
	expect("usage acme", 0, "total", "");
}

static void colours_are_for_terminals_that_want_them(void)
{
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	run_on_terminal("tenant list");
	CU_ASSERT_EQUAL(result.code, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "\033[1mTENANT\033[0m"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "\033[32mactive\033[0m"));
	setenv("NO_COLOR", "1", 1);
	run_on_terminal("tenant list");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.out, "active"));
	CU_ASSERT_PTR_NULL(strchr(result.out, '\033'));
	unsetenv("NO_COLOR");
	setenv("TERM", "dumb", 1);
	run_on_terminal("tenant list");
	CU_ASSERT_PTR_NULL(strchr(result.out, '\033'));
}

static void json_is_for_programs(void)
{
	json_t *object = json_of("tenant show acme --json");
	const json_t *tenant = json_object_get(object, "tenant");
	int64_t monthly = 0;
	CU_ASSERT_EQUAL(json_unpack((json_t *)(uintptr_t)tenant, "{s:{s:{s:I}}}", "policy",
				    "budget", "monthly_micros", &monthly),
			0);
	CU_ASSERT_EQUAL(monthly, 1000000);
	json_decref(object);
	object = json_of("tenant set acme sessions_max=7 --json");
	CU_ASSERT_TRUE(json_is_object(object));
	json_decref(object);
}

static void limits_change_by_path(void)
{
	expect("tenant set acme budget.monthly=2.5 rate.requests=50 name=Acme", 0, "changed\n", "");
	expect("tenant show acme", 0, "budget.monthly                  2.50", "");
	expect("tenant set acme budget.monthly=unlimited", 0, "changed\n", "");
	expect("budget acme", 0, "credit   unlimited", "");
	expect("tenant set acme budget.monthly=", 0, "changed\n", "");
	expect("budget acme", 0, "credit      500.00", "");
	expect("tenant set acme budget.monthly=1,00", 2, "", "expected money like 1.00");
	expect("tenant set acme budjet=1", 2, "", "budjet: no such path; see nn5gctl paths");
	expect("tenant set acme", 2, "", "PATH=VALUE: must be given");
	expect("tenant set acme ladder.video_out=fly", 1, "", "found \"fly\"");
	expect("tenant set nobody name=x", 1, "", "tenant: there is no nobody");
	expect("plan put bronze slice=silver slice_bps=1M prices.video=0.03", 0,
	       "plan bronze is set\n", "");
	expect("plan remove bronze", 0, "removed\n", "");
	expect("slice put s guaranteed=1M five_qi=7", 0, "slice s is set\n", "");
	expect("slice remove s", 0, "removed\n", "");
	expect("slice remove gold", 1, "", "slice gold: plans or tenants have it");
	expect("tenant pause acme", 0, "paused", "");
	expect("tenant list", 0, "paused", "");
	expect("tenant resume acme", 0, "active again", "");
}

static void money_comes_in_once_per_key(void)
{
	expect("top-up acme credit 1.5 --key i1", 0, "1.50", "");
	expect("top-up acme credit 1.5 --key i1", 0, "1.50", "nothing added: the key was used");
	expect("top-up acme video 90", 0, "video", "");
	expect("top-up acme credit 0", 2, "", "AMOUNT: found \"0\"");
	expect("top-up acme gold 1", 2, "", "found gold, expected credit, video or voice");
}

static void secrets_come_from_standard_input(void)
{
	uint8_t *sealed;
	size_t size;
	run_with("secret set acme openai", "hush\n");
	CU_ASSERT_EQUAL(result.code, 0);
	CU_ASSERT_EQUAL_FATAL(store_secret_get(fixture.store, "acme", "openai", &sealed, &size), 0);
	uint8_t *text;
	size_t text_size;
	CU_ASSERT_EQUAL_FATAL(
		secret_open(fixture.secret_key, "acme/openai", sealed, size, &text, &text_size), 0);
	CU_ASSERT(text_size == 4 && memcmp(text, "hush", 4) == 0);
	free(text);
	free(sealed);
	expect("secret set acme empty", 1, "", "the secret is empty");
	expect("secret list acme", 0, "openai", "");
	expect("secret remove acme openai", 0, "removed", "");
}

static void keys_are_added_and_taken_away(void)
{
	expect("key generate --tenant acme --key-id k2 --out k2.pem --algorithm ES256 --add", 0,
	       "key added\n", "");
	expect("key list acme", 0, "k2   ES256", "");
	expect("key remove acme k2", 0, "key removed", "");
	expect("key remove acme k2", 1, "", "there is no such key");
	expect("key add acme k2 k2.pem --algorithm ES256", 0, "key added\n", "");
	expect("key add nobody k2 k2.pem --algorithm ES256", 1, "", "there is no nobody");
}

static void sessions_and_nodes_are_the_fleets(void)
{
	json_t *claims = json_pack("[{s:s, s:s, s:s, s:i, s:s, s:I}]", "session", "s1", "tenant",
				   "acme", "stream", "a\033[31mb", "epoch", 0, "state", "active",
				   "at_ms", (json_int_t)1764000000000);
	CU_ASSERT_EQUAL(store_node_put(fixture.store, "edge-1", "b1", 1764000000000, NULL), 0);
	CU_ASSERT_EQUAL(store_sessions_put(fixture.store, "edge-1", claims), 0);
	json_decref(claims);
	/* What comes from afar does not steer the terminal. */
	expect("session list --tenant acme", 0, "a?[31mb", "");
	expect("session kill s1", 0, "sessions asked to end: 1\n", "");
	expect("session kill s9", 1, "", "there is no such session");
	expect("session kill", 2, "", "expected SESSION or --tenant");
	expect("node list", 0, "edge-1  silent", "");
	expect("node drain edge-1", 0, "draining", "");
	expect("node drain edge-9", 1, "", "there is no such node");
	expect("node remove edge-9", 1, "", "there is no such node");
	CU_ASSERT_EQUAL(store_node_put(fixture.store, "edge-2", "b1", 1764000000000, NULL), 0);
	expect("node remove edge-2", 0, "removed; what it was granted is free again\n", "");
	CU_ASSERT_EQUAL(
		store_node_put(fixture.store, "edge-2", "b1", g_get_real_time() / 1000, NULL), 0);
	expect("node remove edge-2", 1, "", "heard of within the last 60 s: stop it first");
}

/* Without a grant: acme's node settles what it was never lent. */
static void usage_make(void)
{
	struct usage_record record = {
		.tenant = "acme",
		.session = "s1",
		.unit = USAGE_MINUTE,
		.kind = USAGE_VIDEO,
		.quantity_ms = 60000,
		.price_micros = 15000,
		.cost_micros = 15000,
		.split = "platform",
		.provider_id = "whip:live",
		.node = "edge-1",
		.boot = "b1",
		.opened_at_ms = 1764000000000,
		.closed_at_ms = 1764000060000,
	};
	enum store_verdict verdict;
	usage_id(&record);
	CU_ASSERT_EQUAL(store_usage_commit(fixture.store, &record, 1, &verdict), 0);
	CU_ASSERT_EQUAL(verdict, STORE_COMMITTED);
	expect("usage acme --from 2025-11-01 --to 2025-12-01", 0,
	       "minute_unit  video  whip:live     1  0:01:00.000  0.015", "");
}

static void exit_says_what_it_waits_for(void)
{
	usage_make();
	expect("tenant exit acme --timeout 1s", 1, "",
	       "not settled after 1 s: 1 sessions. It has exited; ask again");
	json_t *claims =
		json_pack("[{s:s, s:s, s:i, s:s, s:I}]", "session", "s1", "tenant", "acme", "epoch",
			  0, "state", "terminated", "at_ms", (json_int_t)1764000001000);
	CU_ASSERT_EQUAL(store_sessions_put(fixture.store, "edge-1", claims), 0);
	json_decref(claims);
	expect("tenant exit acme --out acme.jsonl", 0, "exited and settled; export: acme.jsonl\n",
	       "");
	CU_ASSERT_EQUAL(access("acme.jsonl", R_OK), 0);
	expect("ledger verify --export acme.jsonl", 0, "tenant acme: 1 row, 1 head: sound\n", "");
	expect("tenant exit acme --out acme.jsonl", 1, "", "acme.jsonl: File exists");
	expect("tenant export acme --out acme.jsonl", 1, "", "acme.jsonl: File exists");
	expect("tenant export acme", 0, "exported; export: /tmp/", "");
	expect("tenant resume acme", 1, "", "tenant acme has exited");
}

static void place_of_the_socket_is_told(void)
{
	expect("tenant list --socket missing.sock", 1, "",
	       "missing.sock: No such file or directory; is nn5g-control running?");
	setenv("NN5G_CONTROL_SOCKET", "other.sock", 1);
	expect("tenant list", 1, "", "other.sock: No such file");
	unsetenv("NN5G_CONTROL_SOCKET");
	CU_ASSERT_EQUAL_FATAL(chdir("exports"), 0);
	expect("tenant list", 1, "",
	       "no control socket: tried state/control.sock, run/state/control.sock and "
	       "/var/lib/nn5g/control.sock");
	CU_ASSERT_EQUAL_FATAL(chdir(".."), 0);
}

static CU_TestInfo tests[] = {
	{"tenant_is_made_with_a_key_in_one_step", tenant_is_made_with_a_key_in_one_step},
	{"tables_are_for_people", tables_are_for_people},
	{"colours_are_for_terminals_that_want_them", colours_are_for_terminals_that_want_them},
	{"json_is_for_programs", json_is_for_programs},
	{"limits_change_by_path", limits_change_by_path},
	{"money_comes_in_once_per_key", money_comes_in_once_per_key},
	{"secrets_come_from_standard_input", secrets_come_from_standard_input},
	{"keys_are_added_and_taken_away", keys_are_added_and_taken_away},
	{"sessions_and_nodes_are_the_fleets", sessions_and_nodes_are_the_fleets},
	{"exit_says_what_it_waits_for", exit_says_what_it_waits_for},
	{"place_of_the_socket_is_told", place_of_the_socket_is_told},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("ctl", tests, socket_start, socket_stop)
