/* What a verdict is called where operators read it. */
#include "qos/frame.h"

const char *const frame_verdict_names[FRAME_VERDICTS] = {
	[FRAME_OURS] = "ours",
	[FRAME_LINK_GROUP] = "link_group",
	[FRAME_NOT_IP] = "not_ip",
	[FRAME_OTHER_ADDRESS] = "other_address",
	[FRAME_NOT_UDP] = "not_udp",
	[FRAME_EXTENSIONS] = "extensions",
	[FRAME_LATE_FRAGMENT] = "late_fragment",
	[FRAME_OTHER_PORT] = "other_port",
	[FRAME_TRUNCATED] = "truncated",
	[FRAME_BAD_HEADER] = "bad_header",
	[FRAME_BAD_LENGTH] = "bad_length",
	[FRAME_FRAGMENT] = "fragment",
	[FRAME_IP_CHECKSUM] = "ip_checksum",
	[FRAME_NO_CHECKSUM] = "no_checksum",
	[FRAME_UDP_CHECKSUM] = "udp_checksum",
	[FRAME_BAD_SOURCE] = "bad_source",
};
