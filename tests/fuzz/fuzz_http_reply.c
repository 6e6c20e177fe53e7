/* A server's reply as the bench's client gets it: in two reads, then to the end, then its SDP. */
#include <stdlib.h>
#include <string.h>

#include "bench/http.h"
#include "bench/signalling.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_body(char *text, const struct http_view *view)
{
	char value[32];
	struct answer answer;
	text[view->head_size - 1] = '\0';
	text[view->head_size + view->body_size] = '\0';
	struct http_reply reply = {.text = text};
	if (http_reply_header(&reply, "location", value, sizeof(value)))
		EXPECT(strlen(value) < sizeof(value));
	if (signalling_read_answer(text + view->head_size, &answer) == 0)
		EXPECT(answer.ufrag[0] == '\0' || answer.address_len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_view view, early;
	int error;
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	if (!http_reply_parse(text, size / 2, false, &early, &error))
		EXPECT(memcmp(text, data, size) == 0);
	memcpy(text, data, size);
	if (http_reply_parse(text, size, true, &view, &error)) {
		EXPECT(error == 0 && view.status >= 200);
		EXPECT(view.head_size >= 4 && view.head_size + view.body_size <= size);
		read_body(text, &view);
	} else {
		EXPECT(error < 0);
	}
	free(text);
	return 0;
}
