/* The HTTPS side of the server, with certificates made here. */
#include "tests/gateway/server_client.h"

#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static struct {
	char *folder, *certificate, *key;
	SSL_CTX *client;
} tls;

static EVP_PKEY *make_key(bool is_rsa)
{
	return is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
}

/* Writes a self-signed certificate for `name`, and its key. */
static void write_certificate(const char *name, bool is_rsa)
{
	EVP_PKEY *key = make_key(is_rsa);
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
				   0);
	X509_set_issuer_name(certificate, subject);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	FILE *f = fopen(tls.certificate, "w");
	PEM_write_X509(f, certificate);
	fclose(f);
	f = fopen(tls.key, "w");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static int set_up(void)
{
	tls.folder = g_dir_make_tmp("nn5g-XXXXXX", NULL);
	tls.certificate = g_build_filename(tls.folder, "certificate.pem", NULL);
	tls.key = g_build_filename(tls.folder, "key.pem", NULL);
	tls.client = SSL_CTX_new(TLS_client_method());
	return tls.folder && tls.client ? 0 : 1;
}

static int tear_down(void)
{
	g_unlink(tls.certificate);
	g_unlink(tls.key);
	g_rmdir(tls.folder);
	g_free(tls.certificate);
	g_free(tls.key);
	g_free(tls.folder);
	SSL_CTX_free(tls.client);
	return forget_all();
}

static struct server_config tls_config(void)
{
	struct server_config config = test_config();
	config.https_address = "::";
	config.certificate_file = tls.certificate;
	config.key_file = tls.key;
	return config;
}

static void begin_tls(void)
{
	struct server_config config = tls_config();
	write_certificate("first", false);
	begin_with(&config);
	CU_ASSERT_NOT_EQUAL(server_https_port(server), 0);
}

static void open_tls(struct client *client)
{
	client_open(client, "127.0.0.1", server_https_port(server), tls.client);
}

/* Is a new connection shown the certificate of that name? */
static bool shows(const char *name)
{
	char text[64] = "";
	struct client client;
	open_tls(&client);
	TURN_UNTIL(client.is_connected || client.is_eof);
	X509 *certificate = client.is_connected ? SSL_get1_peer_certificate(client.ssl) : NULL;
	if (certificate)
		X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text,
					  sizeof(text));
	X509_free(certificate);
	client_close(&client);
	return strcmp(text, name) == 0;
}

static struct http_deferral *later;

static void on_gone(void *context)
{
	(void)context;
	later = NULL;
}

static void defer(void *context, const struct http_request *request, struct http_response *response)
{
	if (strcmp(request->path, "/later") == 0)
		later = http_defer(request, on_gone, NULL);
	else
		route(context, request, response);
}

static gboolean on_later(gpointer data)
{
	*(bool *)data = true;
	return G_SOURCE_REMOVE;
}

/* What OpenSSL has read and lws has not must wait as well, and cost nothing. */
static void answers_may_come_later_over_tls(void)
{
	struct client client;
	struct server_config config = tls_config();
	struct http_response response = {0};
	bool is_over = false;
	unsigned int turns = 0;
	config.on_request = defer;
	write_certificate("first", false);
	begin_with(&config);
	open_tls(&client);
	CU_ASSERT(client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST
				       "\r\n"));
	TURN_UNTIL(later);
	CU_ASSERT(client_send(&client, "GET /3 HTTP/1.1\r\n" HOST "\r\n"));
	g_timeout_add_seconds(1, on_later, &is_over);
	while (!is_over) {
		g_main_context_iteration(NULL, TRUE);
		turns++;
	}
	CU_ASSERT(turns < 200);
	CU_ASSERT_EQUAL(seen.n_requests, 0);
	http_text(&response, 200, "text/plain", "done");
	http_deferral_answer(later, &response);
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	CU_ASSERT_STRING_EQUAL(seen.path, "/3");
	CU_ASSERT(client_send(&client, "GET /later HTTP/1.1\r\n" HOST "\r\n"));
	later = NULL;
	TURN_UNTIL(later);
	client_close(&client);
	TURN_UNTIL(!later);
	CU_ASSERT_EQUAL(server_counters(server)->deferred_gone, 1);
	end();
}

static void requests_come_over_tls(void)
{
	static const char *const ips[] = {"127.0.0.1", "::1"};
	begin_tls();
	for (size_t i = 0; i < G_N_ELEMENTS(ips); i++) {
		struct client client;
		client_open(&client, ips[i], server_https_port(server), tls.client);
		SSL_set_tlsext_host_name(client.ssl, "localhost");
		CU_ASSERT_EQUAL(client_ask(&client, "GET /a HTTP/1.1\r\n" HOST "\r\n"), 200);
		CU_ASSERT(seen.is_tls);
		CU_ASSERT_STRING_EQUAL(seen.peer, ips[i]);
		CU_ASSERT_EQUAL(client_ask(&client, "POST /echo HTTP/1.1\r\n" HOST
						    "Content-Length: 5\r\n\r\nhello"),
				200);
		CU_ASSERT_STRING_EQUAL(seen.body->str, "hello");
		CU_ASSERT_EQUAL(client_ask(&client, "GET / HTTP/1.1\r\n" HOST HOST "\r\n"), 400);
		TURN_UNTIL(client.is_eof);
		CU_ASSERT(client.is_eof);
		client_close(&client);
	}
	CU_ASSERT_EQUAL(ask(server, "GET /a HTTP/1.1\r\n" HOST "\r\n"), 200);
	CU_ASSERT_FALSE(seen.is_tls);
	end();
}

static void large_bodies_come_over_tls(void)
{
	struct client client;
	char *body = g_strnfill(100000, 'b');
	begin_tls();
	open_tls(&client);
	CU_ASSERT(client_send(&client,
			      "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n"));
	CU_ASSERT(client_send(&client, body));
	CU_ASSERT_EQUAL(client_take(&client, true, NULL), 200);
	CU_ASSERT_EQUAL(seen.body->len, 100000);
	CU_ASSERT_EQUAL(client_ask(&client, "GET /large HTTP/1.1\r\n" HOST "\r\n"), 200);
	CU_ASSERT_EQUAL(client_ask(&client, "GET /a HTTP/1.1\r\n" HOST "\r\n"), 200);
	client_close(&client);
	end();
	g_free(body);
}

static void old_versions_are_refused(void)
{
	static const struct {
		int version;
		bool is_spoken;
	} rows[] = {{TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};
	begin_tls();
	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct client client;
		SSL_CTX *context = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_security_level(context, 0);
		SSL_CTX_set_min_proto_version(context, rows[i].version);
		SSL_CTX_set_max_proto_version(context, rows[i].version);
		client_open(&client, "127.0.0.1", server_https_port(server), context);
		TURN_UNTIL(client.is_connected || client.is_eof);
		CU_ASSERT_EQUAL(client.is_connected, rows[i].is_spoken);
		client_close(&client);
		SSL_CTX_free(context);
	}
	TURN_UNTIL(server_counters(server)->connections_open == 0);
	CU_ASSERT_EQUAL(server_counters(server)->connections_open, 0);
	end();
}

static void http_1_1_is_agreed(void)
{
	static const unsigned char protocols[] = "\x02h2\x08http/1.1";
	const unsigned char *agreed = NULL;
	unsigned int size = 0;
	struct client client;
	begin_tls();
	SSL_CTX_set_alpn_protos(tls.client, protocols, sizeof(protocols) - 1);
	open_tls(&client);
	CU_ASSERT_EQUAL(client_ask(&client, "GET /a HTTP/1.1\r\n" HOST "\r\n"), 200);
	SSL_get0_alpn_selected(client.ssl, &agreed, &size);
	CU_ASSERT(size == 8 && memcmp(agreed, "http/1.1", 8) == 0);
	client_close(&client);
	SSL_CTX_set_alpn_protos(tls.client, NULL, 0);
	end();
}

static void sockets_come_over_tls(void)
{
	struct client client;
	begin_tls();
	open_tls(&client);
	CU_ASSERT(client_send(&client, "GET /ws/greet HTTP/1.1\r\n" HOST
				       "Connection: Upgrade\r\nUpgrade: websocket\r\n"
				       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
				       "Sec-WebSocket-Version: 13\r\n\r\n"));
	CU_ASSERT_EQUAL(client_take(&client, false, NULL), 101);
	TURN_UNTIL(client.in->len >= 14);
	CU_ASSERT_EQUAL(client.in->len, 14);
	CU_ASSERT(memcmp(client.in->str, "\x81\x03one\x81\x03two\x88\x02\x03\xe8", 14) == 0);
	client_close(&client);
	TURN_UNTIL(seen.n_closed == 1);
	CU_ASSERT_EQUAL(seen.n_closed, 1);
	end();
}

static void missing_certificate_is_no_error(void)
{
	struct server_config config = tls_config();
	g_unlink(tls.certificate);
	begin_with(&config);
	CU_ASSERT_EQUAL(server_https_port(server), 0);
	CU_ASSERT_EQUAL(server_reload_certificate(server), -ENOENT);
	CU_ASSERT_EQUAL(ask(server, "GET /a HTTP/1.1\r\n" HOST "\r\n"), 200);
	write_certificate("late", false);
	CU_ASSERT_EQUAL(server_reload_certificate(server), 0);
	CU_ASSERT_NOT_EQUAL(server_https_port(server), 0);
	CU_ASSERT(shows("late"));
	end();
	config.certificate_file = "";
	begin_with(&config);
	CU_ASSERT_EQUAL(server_reload_certificate(server), 0);
	CU_ASSERT_EQUAL(server_https_port(server), 0);
	end();
}

static void bad_certificate_is_an_error(void)
{
	struct server_config config = tls_config();
	struct server *never = NULL;
	write_certificate("first", false);
	g_file_set_contents(tls.certificate, "no PEM at all", -1, NULL);
	CU_ASSERT_EQUAL(server_start(&config, &never), -EINVAL);
	CU_ASSERT_PTR_NULL(never);
}

static void new_connections_see_the_new_certificate(void)
{
	struct client old;
	begin_tls();
	open_tls(&old);
	CU_ASSERT_EQUAL(client_ask(&old, "GET /a HTTP/1.1\r\n" HOST "\r\n"), 200);
	for (int i = 0; i < 2; i++) {
		write_certificate("second", i == 0);
		CU_ASSERT_EQUAL(server_reload_certificate(server), 0);
		CU_ASSERT(shows("second"));
		write_certificate("third", i == 1);
		CU_ASSERT_EQUAL(server_reload_certificate(server), 0);
		CU_ASSERT(shows("third"));
	}
	CU_ASSERT_EQUAL(client_ask(&old, "GET /a HTTP/1.1\r\n" HOST "\r\n"), 200);
	client_close(&old);
	end();
}

static void bad_certificates_change_nothing(void)
{
	char *key = NULL, *certificate = NULL;
	gsize size;
	begin_tls();
	g_file_get_contents(tls.key, &key, NULL, NULL);
	g_file_get_contents(tls.certificate, &certificate, &size, NULL);
	g_file_set_contents(tls.certificate, "no PEM at all", -1, NULL);
	CU_ASSERT_EQUAL(server_reload_certificate(server), -EINVAL);
	CU_ASSERT(shows("first"));
	/* The second of a chain is cut off. */
	char *chain = g_strdup_printf("%s%.*s", certificate, (int)size / 2, certificate);
	g_file_set_contents(tls.certificate, chain, -1, NULL);
	CU_ASSERT_EQUAL(server_reload_certificate(server), -EINVAL);
	write_certificate("another", false);
	g_file_set_contents(tls.key, key, -1, NULL);
	CU_ASSERT_EQUAL(server_reload_certificate(server), -EINVAL);
	CU_ASSERT(shows("first"));
	g_unlink(tls.key);
	CU_ASSERT_EQUAL(server_reload_certificate(server), -ENOENT);
	CU_ASSERT(shows("first"));
	end();
	g_free(chain);
	g_free(certificate);
	g_free(key);
}

static void plain_text_is_no_tls(void)
{
	struct client client;
	begin_tls();
	client_open(&client, "127.0.0.1", server_https_port(server), NULL);
	CU_ASSERT(client_send(&client, "GET /a HTTP/1.1\r\n" HOST "\r\n"));
	TURN_UNTIL(client.is_eof);
	CU_ASSERT(client.is_eof);
	CU_ASSERT_EQUAL(seen.n_requests, 0);
	client_close(&client);
	end();
}

static void slow_handshakes_time_out(void)
{
	struct server_config config = tls_config();
	struct client silent, idle;
	write_certificate("first", false);
	config.request_timeout_s = 1;
	begin_with(&config);
	client_open(&silent, "127.0.0.1", server_https_port(server), NULL);
	open_tls(&idle);
	TURN_UNTIL(silent.is_eof && idle.is_eof);
	CU_ASSERT(silent.is_eof && idle.is_eof && idle.is_connected);
	CU_ASSERT_EQUAL(server_counters(server)->timeouts, 2);
	client_close(&silent);
	client_close(&idle);
	end();
}

static void stopping_ends_tls_connections(void)
{
	struct client half, whole;
	begin_tls();
	open_tls(&whole);
	CU_ASSERT_EQUAL(client_ask(&whole, "GET /a HTTP/1.1\r\n" HOST "\r\n"), 200);
	open_tls(&half);
	g_main_context_iteration(NULL, FALSE);
	end();
	client_close(&half);
	client_close(&whole);
}

static CU_TestInfo tests[] = {
	{"requests_come_over_tls", requests_come_over_tls},
	{"answers_may_come_later_over_tls", answers_may_come_later_over_tls},
	{"large_bodies_come_over_tls", large_bodies_come_over_tls},
	{"old_versions_are_refused", old_versions_are_refused},
	{"http_1_1_is_agreed", http_1_1_is_agreed},
	{"sockets_come_over_tls", sockets_come_over_tls},
	{"missing_certificate_is_no_error", missing_certificate_is_no_error},
	{"bad_certificate_is_an_error", bad_certificate_is_an_error},
	{"new_connections_see_the_new_certificate", new_connections_see_the_new_certificate},
	{"bad_certificates_change_nothing", bad_certificates_change_nothing},
	{"plain_text_is_no_tls", plain_text_is_no_tls},
	{"slow_handshakes_time_out", slow_handshakes_time_out},
	{"stopping_ends_tls_connections", stopping_ends_tls_connections},
	CU_TEST_INFO_NULL,
};

TEST_MAIN_WITH("server_tls", tests, set_up, tear_down)
