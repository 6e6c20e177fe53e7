/* What the server does when there is too much, or it takes too long, over real sockets on loopback.
 */
#include <sys/resource.h>

#include "tests/gateway/server_client.h"

static double cpu_seconds(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
	       (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

static gboolean on_later(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

/* CPU time that the loop takes in two seconds. */
static double cost_of_two_seconds(void)
{
	bool is_over = false;
	double before = cpu_seconds();
	g_timeout_add_seconds(2, on_later, &is_over);
	TURN_UNTIL(is_over);
	return cpu_seconds() - before;
}

static void slow_readers_get_all(void)
{
	struct client client;
	begin();
	open_client(&client);
	client_pause(&client);
	CU_ASSERT(client_send(&client, "GET /large HTTP/1.1\r\n" HOST "\r\n"));
	TURN_UNTIL(seen.n_requests == 1);
	CU_ASSERT(cost_of_two_seconds() < 0.2);
	client_resume(&client);
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	CU_ASSERT_EQUAL(client_ask(&client, "GET /2 HTTP/1.1\r\n" HOST "\r\n"), 200);
	CU_ASSERT_STRING_EQUAL(seen.path, "/2");
	client_close(&client);
	end();
}

/* The loop would spin on what they send. */
static void slow_readers_that_send_on_are_closed(void)
{
	struct client client;
	begin();
	open_client(&client);
	client_pause(&client);
	CU_ASSERT(client_send(&client, "GET /large HTTP/1.1\r\n" HOST "\r\n"));
	TURN_UNTIL(seen.n_requests == 1);
	CU_ASSERT(client_send(&client, "GET /2 HTTP/1.1\r\n" HOST "\r\n"));
	TURN_UNTIL(server_counters(server)->connections_open == 0);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 0);
	CU_ASSERT_EQUAL(server_counters(server)->timeouts, 1);
	CU_ASSERT(cost_of_two_seconds() < 0.2);
	client_close(&client);
	end();
}

/* The refused connection stays for a second; what its client sends on must not be looked at. */
static void lingering_costs_nothing(void)
{
	struct client client;
	char *more = g_strnfill(100000, 'm');
	begin();
	open_client(&client);
	CU_ASSERT_EQUAL(client_ask(&client, "POST / HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n"),
			400);
	CU_ASSERT(client_send(&client, more));
	CU_ASSERT(cost_of_two_seconds() < 0.2);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 0);
	client_close(&client);
	end();
	g_free(more);
}

static void slow_requests_time_out(void)
{
	static const char *const beginnings[] = {
		"",
		"GET / HTTP/1.1\r\nHos",
		"POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nab",
	};
	struct server_config config = test_config();
	struct client clients[G_N_ELEMENTS(beginnings)];
	config.request_timeout_s = 1;
	begin_with(&config);
	for (size_t i = 0; i < G_N_ELEMENTS(beginnings); i++) {
		open_client(&clients[i]);
		CU_ASSERT(client_send(&clients[i], beginnings[i]));
	}
	for (size_t i = 0; i < G_N_ELEMENTS(beginnings); i++) {
		CU_ASSERT_EQUAL(client_take(&clients[i], true, NULL), 408);
		TURN_UNTIL(clients[i].is_eof);
		CU_ASSERT(clients[i].is_eof);
		client_close(&clients[i]);
	}
	CU_ASSERT_EQUAL(server_counters(server)->timeouts, G_N_ELEMENTS(beginnings));
	TURN_UNTIL(server_counters(server)->connections_open == 0);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 0);
	end();
}

static void connections_have_a_cap(void)
{
	struct client clients[9];
	begin();
	for (int i = 0; i < 8; i++) {
		open_client(&clients[i]);
		CU_ASSERT_EQUAL(client_ask(&clients[i], "GET / HTTP/1.1\r\n" HOST "\r\n"), 200);
	}
	open_client(&clients[8]);
	CU_ASSERT_EQUAL(client_take(&clients[8], true, NULL), 503);
	TURN_UNTIL(clients[8].is_eof);
	CU_ASSERT(clients[8].is_eof);
	CU_ASSERT_EQUAL(server_counters(server)->refused_connections, 1);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 8);
	client_close(&clients[8]);
	client_close(&clients[0]);
	TURN_UNTIL(server_counters(server)->connections_open == 7);
	CU_ASSERT_EQUAL(ask(server, "GET / HTTP/1.1\r\n" HOST "\r\n"), 200);
	for (int i = 1; i < 8; i++)
		client_close(&clients[i]);
	end();
}

/* Otherwise the waiting connection would make the loop spin until somebody closes a file. */
static void running_out_of_descriptors_drops(void)
{
	struct rlimit before, few;
	struct client client;
	int taken[64], n = 0;
	begin();
	open_client(&client);
	getrlimit(RLIMIT_NOFILE, &before);
	few = before;
	few.rlim_cur = G_N_ELEMENTS(taken);
	setrlimit(RLIMIT_NOFILE, &few);
	while ((taken[n] = dup(client.fd)) >= 0)
		n++;
	TURN_UNTIL(client.is_eof);
	CU_ASSERT(client.is_eof);
	CU_ASSERT_EQUAL(server_counters(server)->connections, 0);
	while (n > 0)
		close(taken[--n]);
	setrlimit(RLIMIT_NOFILE, &before);
	client_close(&client);
	CU_ASSERT_EQUAL(ask(server, "GET / HTTP/1.1\r\n" HOST "\r\n"), 200);
	end();
}

static void head_past_the_limit_closes(void)
{
	struct client client;
	char *field = g_strnfill(20000, 'f');
	begin();
	open_client(&client);
	client_send(&client, "GET / HTTP/1.1\r\n" HOST "Accept: ");
	client_send(&client, field);
	TURN_UNTIL(client.is_eof);
	CU_ASSERT(client.is_eof);
	CU_ASSERT_EQUAL(seen.n_requests, 0);
	client_close(&client);
	end();
	g_free(field);
}

static void both_loopbacks_share_the_port(void)
{
	struct client client;
	begin();
	CU_ASSERT_NOT_EQUAL(server_http_port(server), 0);
	CU_ASSERT_EQUAL(server_https_port(server), 0);
	client_open(&client, "::1", server_http_port(server), NULL);
	CU_ASSERT_EQUAL(client_ask(&client, "GET / HTTP/1.1\r\n" HOST "\r\n"), 200);
	CU_ASSERT_STRING_EQUAL(seen.peer, "::1");
	client_close(&client);
	end();
}

static void taken_port_is_an_error(void)
{
	struct server_config config = test_config();
	struct server *second = NULL;
	begin();
	config.http_port = server_http_port(server);
	CU_ASSERT_EQUAL(server_start(&config, &second), -EADDRINUSE);
	CU_ASSERT_PTR_NULL(second);
	config.http_address = "not an address";
	CU_ASSERT_EQUAL(server_start(&config, &second), -EINVAL);
	config.http_address = "192.0.2.1";
	CU_ASSERT_EQUAL(server_start(&config, &second), -EADDRNOTAVAIL);
	end();
}

static void many_short_requests_pass(void)
{
	begin();
	int64_t start = g_get_monotonic_time();
	for (int i = 0; i < 300; i++)
		CU_ASSERT_EQUAL(ask(server, "POST /created HTTP/1.1\r\n" HOST
					    "Content-Length: 2\r\n\r\nhi"),
				201);
	CU_ASSERT(g_get_monotonic_time() - start < G_USEC_PER_SEC);
	CU_ASSERT_EQUAL(server_counters(server)->requests, 300);
	TURN_UNTIL(server_counters(server)->connections_open == 0);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 0);
	end();
}

static void server_stops_in_the_middle_of_things(void)
{
	struct client clients[3];
	begin();
	for (int i = 0; i < 3; i++)
		open_client(&clients[i]);
	client_pause(&clients[0]);
	client_send(&clients[0], "GET /large HTTP/1.1\r\n" HOST "\r\n");
	client_send(&clients[1], "POST / HTTP/1.1\r\n" HOST "Content-Length: 9\r\n\r\nab");
	client_send(&clients[2], "POST / HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\nab");
	TURN_UNTIL(server_counters(server)->requests == 3);
	end();
	for (int i = 0; i < 3; i++)
		client_close(&clients[i]);
	begin();
	CU_ASSERT_EQUAL(ask(server, "GET / HTTP/1.1\r\n" HOST "\r\n"), 200);
	end();
}

static CU_TestInfo tests[] = {
	{"slow_readers_get_all", slow_readers_get_all},
	{"slow_readers_that_send_on_are_closed", slow_readers_that_send_on_are_closed},
	{"lingering_costs_nothing", lingering_costs_nothing},
	{"slow_requests_time_out", slow_requests_time_out},
	{"connections_have_a_cap", connections_have_a_cap},
	{"running_out_of_descriptors_drops", running_out_of_descriptors_drops},
	{"head_past_the_limit_closes", head_past_the_limit_closes},
	{"both_loopbacks_share_the_port", both_loopbacks_share_the_port},
	{"taken_port_is_an_error", taken_port_is_an_error},
	{"many_short_requests_pass", many_short_requests_pass},
	{"server_stops_in_the_middle_of_things", server_stops_in_the_middle_of_things},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("server_limits", tests, NULL, forget_all)
