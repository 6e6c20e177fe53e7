/* What the SDP tests share: the captured descriptions of sdp/, and our side of an answer. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "gateway/sdp.h"
#include "tests/cunit.h"

#define FIXTURE_FINGERPRINT                                                                        \
	"A0:99:71:06:9B:9A:2C:5A:46:A7:96:2F:1C:CC:6C:C9:7D:2B:39:E3:BE:72:C4:43:08:C5:5F:C5:11:"  \
	"18:30:D3"

static struct sdp_error fixture_error;
static char fixture_text[SDP_BYTES_MAX + 1];

/* Reads sdp/NAME.sdp into fixture_text; its size. */
static inline size_t fixture_read(const char *name)
{
	char path[512];
	snprintf(path, sizeof(path), TEST_FOLDER "/sdp/%s.sdp", name);
	FILE *file = fopen(path, "rb");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	size_t size = fread(fixture_text, 1, sizeof(fixture_text) - 1, file);
	fclose(file);
	fixture_text[size] = '\0';
	return size;
}

static inline void fixture_parse(const char *name, struct sdp_session *session)
{
	size_t size = fixture_read(name);
	int rc = sdp_parse(fixture_text, size, session, &fixture_error);
	if (rc != 0)
		printf("\n%s, line %u: %s\n", name, fixture_error.line, fixture_error.reason);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
}

/* One IPv4 and one IPv6 candidate. */
static inline struct sdp_local fixture_local(bool publish)
{
	static struct sdp_candidate candidates[2] = {{.priority = 1694498815},
						     {.priority = 1694498559}};
	CU_ASSERT_EQUAL(address_parse_ip(&candidates[0].address, "192.0.2.1", 8443), 0);
	CU_ASSERT_EQUAL(address_parse_ip(&candidates[1].address, "2001:db8::1", 8443), 0);
	return (struct sdp_local){
		.session_id = 4711,
		.version = 1,
		.ice_ufrag = "abcdEFGH1234",
		.ice_pwd = "abcdefghijklmnopqrstuvwxyz+/0123",
		.fingerprint = FIXTURE_FINGERPRINT,
		.setup = SDP_PASSIVE,
		.candidates = candidates,
		.n_candidates = 2,
		.publish = publish,
		.cname = "node",
	};
}

/* Writes, then reads back what was written as a peer would: a lite one is refused, so that line,
 * which must be there, is taken out first. */
static inline void fixture_write_and_parse(const struct sdp_agreement *agreement,
					   const struct sdp_local *local, struct sdp_session *back)
{
	static const char lite[] = "a=ice-lite\r\n";
	int size = sdp_write(agreement, local, fixture_text, sizeof(fixture_text));
	CU_ASSERT_FATAL(size > 0);
	CU_ASSERT_EQUAL_FATAL(strlen(fixture_text), (size_t)size);
	char *line = strstr(fixture_text, lite);
	CU_ASSERT_PTR_NOT_NULL_FATAL(line);
	memmove(line, line + strlen(lite), strlen(line + strlen(lite)) + 1);
	int rc = sdp_parse(fixture_text, strlen(fixture_text), back, &fixture_error);
	if (rc != 0)
		printf("\nline %u: %s\n%s\n", fixture_error.line, fixture_error.reason,
		       fixture_text);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
}
