/* Owners are asked one after the other: DPDK's memory and large tables for the pages that are
 * there, sessions and streams for the blocks they were given. What nobody says is the rest: the
 * allocator's free blocks, the libraries' own, stacks, the journal, the log, the SSLs of handshakes
 * that are under way. */
#include "gateway/memory.h"

#include <inttypes.h>
#include <malloc.h>

#include <jansson.h>

#include "gateway/metrics_control.h"
#include "gateway/node.h"
#include "gateway/server.h"
#include "gateway/session.h"
#include "media/dtls.h"
#include "media/memory.h"
#include "media/plane.h"
#include "media/srtp.h"
#include "qos/memory.h"

const char *const memory_owner_names[MEMORY_OWNERS] = {
	[MEMORY_PACKETS] = "packets",
	[MEMORY_CRYPTO] = "crypto",
	[MEMORY_DPDK] = "dpdk",
	[MEMORY_TABLES] = "tables",
	[MEMORY_TRANSPORTS] = "transports",
	[MEMORY_DTLS] = "dtls",
	[MEMORY_SRTP_IN] = "srtp_in",
	[MEMORY_SRTP_OUT] = "srtp_out",
	[MEMORY_SESSIONS] = "sessions",
	[MEMORY_ACCOUNTS] = "accounts",
	[MEMORY_FEEDS] = "feeds",
	[MEMORY_HTTP] = "http",
	[MEMORY_FILES] = "files",
	[MEMORY_REST] = "rest",
};

static const char *const owner_texts[MEMORY_OWNERS] = {
	[MEMORY_PACKETS] = "packet buffers, those kept for retransmission too",
	[MEMORY_CRYPTO] = "sessions and operations of the crypto devices",
	[MEMORY_DPDK] = "scheduler, flow hashes, mailboxes and the rest of DPDK's memory",
	[MEMORY_TABLES] = "flows, viewers and directory, room for all sessions",
	[MEMORY_TRANSPORTS] = "tracks, subscriptions, pacers of sessions",
	[MEMORY_DTLS] = "established associations",
	[MEMORY_SRTP_IN] = "libsrtp2's contexts for what sessions send us",
	[MEMORY_SRTP_OUT] = "senders, or libsrtp2's contexts where no device does the work",
	[MEMORY_SESSIONS] = "sessions as control knows them, and their credentials",
	[MEMORY_ACCOUNTS] = "metering and what sessions were lent of quotas",
	[MEMORY_FEEDS] = "lanes and histories of tracks",
	[MEMORY_HTTP] = "connections and their requests",
	[MEMORY_FILES] = "code and data of the program and its libraries",
	[MEMORY_REST] = "free blocks, libraries, stacks, journal, log",
};

static uint64_t block_bytes(const void *block)
{
	return block ? malloc_usable_size((void *)(uintptr_t)block) + sizeof(size_t) : 0;
}

/* Each stream once: with its publisher, or its first viewer. */
static bool stands_for_stream(const struct session *session)
{
	const struct stream *stream = session->stream;
	if (!stream)
		return false;
	return stream->publisher ? stream->publisher == session
				 : TAILQ_FIRST(&stream->viewers) == session;
}

static void add_session(void *context, const struct session *session)
{
	struct memory_report *report = context;
	const struct transport *transport = session->transport;
	report->sessions++;
	report->bytes[MEMORY_SESSIONS] += block_bytes(session) + block_bytes(session->entry) +
					  block_bytes(session->previous_entry) +
					  block_bytes(session->proposal);
	report->bytes[MEMORY_ACCOUNTS] += block_bytes(session->account);
	if (transport)
		report->bytes[MEMORY_TRANSPORTS] += memory_transport_bytes(transport);
	if (transport && session->state != SESSION_GENESIS) {
		report->bytes[MEMORY_DTLS] += dtls_bytes() + sizeof(size_t);
		report->bytes[MEMORY_SRTP_OUT] += memory_sender_bytes(transport);
	}
	for (unsigned int i = 0; stands_for_stream(session) && i < session->stream->n_feeds; i++)
		report->bytes[MEMORY_FEEDS] += block_bytes(session->stream->feeds[i]);
}

static void add_dpdk(struct memory_report *report)
{
	uint64_t packets = memory_dpdk_resident(PLANE_POOL_NAME);
	uint64_t crypto = memory_dpdk_resident(SRTP_POOL_PREFIX);
	uint64_t all = memory_dpdk_resident(NULL);
	report->bytes[MEMORY_PACKETS] = packets;
	report->bytes[MEMORY_CRYPTO] = crypto;
	report->bytes[MEMORY_DPDK] = all > packets + crypto ? all - packets - crypto : 0;
}

void memory_note_start(struct node *node)
{
	struct memory_process process;
	if (memory_process_read(&process) == 0)
		node->start_bytes = process.resident;
}

int memory_measure(struct node *node, struct memory_report *out)
{
	struct memory_process process;
	int rc = memory_process_read(&process);
	if (rc)
		return rc;
	*out = (struct memory_report){.resident = process.resident, .at_start = node->start_bytes};
	add_dpdk(out);
	session_each(node->sessions, add_session, out);
	out->bytes[MEMORY_TABLES] = memory_tables_resident(node->plane);
	out->bytes[MEMORY_SRTP_IN] = nn_srtp_bytes(true);
	out->bytes[MEMORY_SRTP_OUT] += nn_srtp_bytes(false);
	out->bytes[MEMORY_HTTP] = server_bytes(node->server);
	out->bytes[MEMORY_FILES] = process.files;
	uint64_t known = 0;
	for (unsigned int i = 0; i < MEMORY_REST; i++)
		known += out->bytes[i];
	out->bytes[MEMORY_REST] = process.resident > known ? process.resident - known : 0;
	return 0;
}

uint64_t memory_session_bytes(const struct memory_report *report)
{
	if (report->sessions == 0 || report->resident < report->at_start)
		return 0;
	return (report->resident - report->at_start) / report->sessions;
}

/* Of what is there as often as there are sessions. */
static json_t *per_session(const struct memory_report *report, enum memory_owner owner)
{
	bool scales = owner >= MEMORY_TRANSPORTS && owner <= MEMORY_ACCOUNTS;
	if (!scales || report->sessions == 0)
		return json_null();
	return json_integer((json_int_t)(report->bytes[owner] / report->sessions));
}

json_t *memory_describe(struct node *node)
{
	struct memory_report report;
	if (memory_measure(node, &report))
		return NULL;
	json_t *owners = json_array();
	for (unsigned int i = 0; i < MEMORY_OWNERS; i++)
		json_array_append_new(
			owners, json_pack("{s:s, s:I, s:o, s:s}", "owner", memory_owner_names[i],
					  "bytes", (json_int_t)report.bytes[i], "session_bytes",
					  per_session(&report, (enum memory_owner)i), "text",
					  owner_texts[i]));
	struct mallinfo2 heap = mallinfo2();
	return json_pack("{s:s, s:I, s:I, s:i, s:I, s:{s:I, s:I}, s:o}", "node",
			 node->config.node.name, "resident_bytes", (json_int_t)report.resident,
			 "start_bytes", (json_int_t)report.at_start, "sessions",
			 (int)report.sessions, "session_bytes",
			 (json_int_t)memory_session_bytes(&report), "allocator", "used_bytes",
			 (json_int_t)(heap.uordblks + heap.hblkhd), "free_bytes",
			 (json_int_t)heap.fordblks, "owners", owners);
}

void metrics_render_memory(struct node *node, GString *out)
{
	struct memory_report report;
	if (memory_measure(node, &report))
		return;
	metrics_head(out, "memory_bytes", "Resident memory, by owner", GAUGE);
	for (unsigned int i = 0; i < MEMORY_OWNERS; i++)
		g_string_append_printf(out, "nn5g_memory_bytes{owner=\"%s\"} %" PRIu64 "\n",
				       memory_owner_names[i], report.bytes[i]);
	metrics_head(out, "memory_session_bytes",
		     "Resident memory since the start by session, 0 without sessions", GAUGE);
	g_string_append_printf(out, "nn5g_memory_session_bytes %" PRIu64 "\n",
			       memory_session_bytes(&report));
}
