/* THREADED. Methods, headers and resources of those who are let in, as RFC 9725 and the WHEP draft
 * say. Who is let in is test_gates.c's. */
#include "tests/gateway/admission_fixture.h"

static void nothing_published_is_409_with_retry_after(void)
{
	struct ask asked = play_as("demo", "/whep/demo/empty");
	struct http_response response = ask(&asked);
	CU_ASSERT_EQUAL(response.status, 409);
	CU_ASSERT_PTR_NOT_NULL(header(&response, "retry-after"));
	clear(&response);
}

static void options_say_what_is_taken(void)
{
	struct ask asked = {.method = HTTP_OPTIONS, .path = "/whip/demo/live"};
	struct http_response response = ask(&asked);
	CU_ASSERT_EQUAL(response.status, 204);
	CU_ASSERT_STRING_EQUAL(header(&response, "accept-post"), "application/sdp");
	CU_ASSERT_STRING_EQUAL(header(&response, "access-control-allow-origin"), "*");
	CU_ASSERT_PTR_NOT_NULL(
		strstr(header(&response, "access-control-allow-headers"), "Authorization"));
	clear(&response);
	asked.method = HTTP_GET;
	CU_ASSERT_EQUAL(status_of(&asked), 405);
	asked.path = "/session/0123";
	CU_ASSERT_EQUAL(status_of(&asked), 405);
	asked.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&asked), 404);
	asked.path = "/nothing/of/that/kind";
	CU_ASSERT_EQUAL(status_of(&asked), 404);
}

static void ice_servers_are_told(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/links");
	struct http_response response = ask(&asked);
	bool stun = false, turn = false;
	for (unsigned int i = 0; i < response.n_headers; i++) {
		const char *value = response.headers[i].value;
		stun |= strcmp(value, "<stun:stun.example.net>; rel=\"ice-server\"") == 0;
		turn |= strcmp(value,
			       "<turn:turn.example.net>; rel=\"ice-server\"; username=\"u\"; "
			       "credential=\"c\"; credential-type=\"password\"") == 0;
	}
	CU_ASSERT_TRUE(stun && turn);
	CU_ASSERT_EQUAL_FATAL(response.status, 201);
	end(strdup(header(&response, "location")));
	clear(&response);
}

#define RESTART "a=ice-ufrag:freshone\r\na=ice-pwd:0123456789abcdef0123456789\r\n"

static void patch_trickles_and_restarts(void)
{
	struct ask asked = publish_as("demo", "/whip/demo/patched");
	struct http_response response = ask(&asked);
	CU_ASSERT_EQUAL_FATAL(response.status, 201);
	char *path = strdup(header(&response, "location"));
	char *etag = strdup(header(&response, "etag"));
	clear(&response);

	asked.method = HTTP_PATCH;
	asked.path = path;
	CU_ASSERT_EQUAL(status_of(&asked), 422);
	asked.content_type = "text/plain";
	CU_ASSERT_EQUAL(status_of(&asked), 415);
	asked.body = "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n";
	asked.content_type = "application/trickle-ice-sdpfrag";
	CU_ASSERT_EQUAL(status_of(&asked), 428);
	asked.if_match = "\"other\"";
	CU_ASSERT_EQUAL(status_of(&asked), 412);
	asked.if_match = etag;
	CU_ASSERT_EQUAL(status_of(&asked), 204);
	asked.body = RESTART;
	CU_ASSERT_EQUAL(status_of(&asked), 412);
	asked.if_match = "*";
	response = ask(&asked);
	CU_ASSERT_EQUAL(response.status, 200);
	CU_ASSERT_STRING_EQUAL(response.content_type, "application/trickle-ice-sdpfrag");
	CU_ASSERT_PTR_NOT_NULL(strstr(response.body, "a=ice-ufrag:"));
	CU_ASSERT_STRING_NOT_EQUAL(header(&response, "etag"), etag);
	clear(&response);
	/* The old entity tag is gone with the old credentials. */
	asked.if_match = etag;
	asked.body = "a=end-of-candidates\r\n";
	CU_ASSERT_EQUAL(status_of(&asked), 412);
	/* The session may outlast its token. */
	asked.claims.expires_at = (int64_t)time(NULL) - 1;
	asked.if_match = "*";
	CU_ASSERT_EQUAL(status_of(&asked), 204);
	/* Neither a stranger nor another tenant may touch the session. */
	asked.method = HTTP_DELETE;
	asked.key = NULL;
	CU_ASSERT_EQUAL(status_of(&asked), 401);
	asked.key = other_key;
	asked.claims = claims_of("other");
	CU_ASSERT_EQUAL(status_of(&asked), 403);
	free(etag);
	end(path);
}

static void a_viewer_without_the_codec_gets_a_counter_offer(void)
{
	struct ask publish = publish_as("demo", "/whip/demo/h264");
	publish.body = read_offer("chromium_publish_h264.sdp");
	char *publisher = expect_created(&publish);
	struct ask play = play_as("demo", "/whep/demo/h264");
	play.body = read_offer("firefox_play.sdp");
	struct http_response response = ask(&play);
	CU_ASSERT_EQUAL(response.status, 406);
	CU_ASSERT_STRING_EQUAL(response.content_type, "application/sdp");
	CU_ASSERT_PTR_NOT_NULL_FATAL(header(&response, "location"));
	CU_ASSERT_PTR_NOT_NULL(strstr(response.body, "a=setup:actpass"));
	char *path = strdup(header(&response, "location"));
	clear(&response);
	struct ask patch = play_as("demo", path);
	patch.method = HTTP_PATCH;
	patch.body = "v=0\r\n";
	CU_ASSERT_EQUAL(status_of(&patch), 400);
	end(path);
	end(publisher);
	free((char *)(uintptr_t)publish.body);
	free((char *)(uintptr_t)play.body);
}

static void a_second_publisher_replaces_the_first(void)
{
	struct ask publish = publish_as("demo", "/whip/demo/again");
	struct ask play = play_as("demo", "/whep/demo/again");
	char *first = expect_created(&publish);
	char *viewer = expect_created(&play);
	char *second = expect_created(&publish);
	struct ask gone = publish_as("demo", first);
	gone.method = HTTP_DELETE;
	CU_ASSERT_EQUAL(status_of(&gone), 404);
	free(first);
	CU_ASSERT_PTR_NOT_NULL(session_find(node->sessions, viewer + strlen("/session/")));
	end(second);
	CU_ASSERT_PTR_NOT_NULL(session_find(node->sessions, viewer + strlen("/session/")));
	end(viewer);
}

static CU_TestInfo tests[] = {
	{"nothing_published_is_409_with_retry_after", nothing_published_is_409_with_retry_after},
	{"options_say_what_is_taken", options_say_what_is_taken},
	{"ice_servers_are_told", ice_servers_are_told},
	{"patch_trickles_and_restarts", patch_trickles_and_restarts},
	{"a_viewer_without_the_codec_gets_a_counter_offer",
	 a_viewer_without_the_codec_gets_a_counter_offer},
	{"a_second_publisher_replaces_the_first", a_second_publisher_replaces_the_first},
	CU_TEST_INFO_NULL,
};

static int start(void)
{
	return start_with("tenants:\n" TENANT("demo", "") TENANT_OTHER);
}

TEST_MAIN_WITH("admission", tests, start, stop)
