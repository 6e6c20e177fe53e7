/* What a Janus says: its JSON, and whatever SDP is in it, read and answered. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/peers/janus_message.h"
#include "bench/peers/janus_sdp.h"
#include "tests/fuzz/input.h"

#define MESSAGES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer_sdp(const char *sdp)
{
	char *text = NULL;
	size_t size;
	struct answer answer;
	struct offer ours = {.ufrag = "uuuu", .pwd = "pppp", .fingerprint = "AA:BB"};
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return;
	int rc = janus_sdp_answer(sdp, &ours, out);
	fclose(out);
	EXPECT(rc == 0 || rc == -EBADMSG);
	EXPECT(rc != 0 || strstr(text, "a=recvonly"));
	free(text);
	signalling_read_answer(sdp, &answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct janus_message messages[MESSAGES];
	int n = janus_message_read((const char *)data, size, messages, MESSAGES);
	EXPECT(n <= MESSAGES);
	for (int i = 0; i < n; i++) {
		EXPECT(messages[i].kind <= JANUS_ERROR);
		EXPECT(strlen(messages[i].transaction) < sizeof(messages[i].transaction));
		if (messages[i].sdp)
			answer_sdp(messages[i].sdp);
		janus_message_free(&messages[i]);
	}
	return 0;
}
