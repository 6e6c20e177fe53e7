/* What the files of the server share: the server itself. Control thread. */
#pragma once

#include <glib.h>

#include "gateway/listener.h"
#include "gateway/server_connection.h"

struct certificate;

struct server {
	struct server_config config; /* strings are copies of our own */
	struct server_counters counters;
	struct connection_list connections;
	struct listener *http[2], *https; /* owned; http[1] is ::1 beside 127.0.0.1 */
	struct wire *http_wire, *https_wire;
	struct certificate *certificate; /* owned; NULL = HTTPS is not served */
	guint tick;
};
