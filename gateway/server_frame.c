#include "gateway/server_frame.h"

#include <libwebsockets.h>
#include <stdlib.h>

#include "gateway/server_connection.h"
#include "gateway/server_socket.h"
#include "gateway/server_wire.h"

int frame_take(struct connection *connection, void *bytes, size_t size)
{
	struct lws *wsi = connection->wire_link;
	struct socket_piece piece = {
		.bytes = bytes,
		.size = size,
		.is_binary = lws_frame_is_binary(wsi),
		.is_last = lws_is_final_fragment(wsi),
	};
	int code = socket_on_piece(connection->socket, &piece);
	if (code == 0)
		return 0;
	lws_close_reason(wsi, (enum lws_close_status)code, NULL, 0);
	return -1;
}

int frame_send(struct connection *connection)
{
	struct lws *wsi = connection->wire_link;
	struct socket_message *message;
	/* Not empty: lws would not tell of the empty answer. */
	uint8_t ping[WIRE_RESERVE_BYTES + 1] = {0};
	uint16_t code;
	int written = 0;
	switch (socket_next(connection->socket, &message, &code)) {
	case SOCKET_TURN_NOTHING:
		return 0;
	case SOCKET_TURN_CLOSE:
		lws_close_reason(wsi, (enum lws_close_status)code, NULL, 0);
		return -1;
	case SOCKET_TURN_PING:
		written = lws_write(wsi, ping + WIRE_RESERVE_BYTES, 1, LWS_WRITE_PING);
		break;
	case SOCKET_TURN_MESSAGE:
		written = lws_write(wsi, message->bytes + WIRE_RESERVE_BYTES, message->size_bytes,
				    LWS_WRITE_TEXT);
		free(message);
		break;
	}
	if (socket_has_more(connection->socket))
		lws_callback_on_writable(wsi);
	return written < 0 ? -1 : 0;
}
