/* Three sources: the workers' counters (media/counter.h is their table), the ports' and the
 * handshake thread's, and what control itself counts. A metric that is one number is one row of
 * `rows`. */
#include "gateway/metrics.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#include "gateway/gates.h"
#include "gateway/memory.h"
#include "gateway/metrics_control.h"
#include "gateway/metrics_slices.h"
#include "gateway/node.h"
#include "gateway/profile_report.h"
#include "gateway/server.h"
#include "gateway/session.h"
#include "gateway/stream.h"
#include "media/plane.h"

static double uptime_s(struct node *node)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9 - (double)node->started_ns / 1e9;
}

static uint64_t port_sum(struct node *node, size_t offset)
{
	uint64_t sum = 0;
	for (unsigned int i = 0; i < plane_port_queues(node->plane); i++) {
		const char *counters = (const char *)port_counters(node->plane->port, i);
		sum += __atomic_load_n((const uint64_t *)(counters + offset), __ATOMIC_RELAXED);
	}
	return sum;
}

#define PORT_ROW(field)                                                                            \
	static double field(struct node *node)                                                     \
	{                                                                                          \
		return (double)port_sum(node, offsetof(struct port_counters, field));              \
	}
PORT_ROW(rx_packets)
PORT_ROW(rx_bytes)
PORT_ROW(tx_packets)
PORT_ROW(tx_bytes)
PORT_ROW(rx_no_buffer)
PORT_ROW(rx_truncated)
PORT_ROW(tx_would_block)
PORT_ROW(tx_error)

#define SERVER_ROW(field)                                                                          \
	static double http_##field(struct node *node)                                              \
	{                                                                                          \
		return (double)server_counters(node->server)->field;                               \
	}
SERVER_ROW(requests)
SERVER_ROW(connections)
SERVER_ROW(connections_open)
SERVER_ROW(bodies_too_large)
SERVER_ROW(refused_connections)
SERVER_ROW(timeouts)
SERVER_ROW(deferred)
SERVER_ROW(deferred_gone)
SERVER_ROW(sockets_open)
SERVER_ROW(sockets_opened)
SERVER_ROW(sockets_idle_closed)
SERVER_ROW(socket_overflows)

static double streams(struct node *node)
{
	return stream_count(node->streams);
}

static double in_line(struct node *node)
{
	return handshake_in_line(node->plane->handshake);
}

static double half_open(struct node *node)
{
	return handshake_half_open(node->plane->handshake);
}

static double packets_free(struct node *node)
{
	return rte_mempool_avail_count(node->plane->pool);
}

static const struct {
	const char *name, *help;
	enum metric_type type;
	double (*get)(struct node *node);
} rows[] = {
	{"uptime_seconds", "Time since start", GAUGE, uptime_s},
	{"rx_packets_total", "Datagrams received", COUNTER, rx_packets},
	{"rx_bytes_total", "UDP payload bytes received", COUNTER, rx_bytes},
	{"tx_packets_total", "Datagrams sent", COUNTER, tx_packets},
	{"tx_bytes_total", "UDP payload bytes sent", COUNTER, tx_bytes},
	{"rx_no_buffer_total", "Receive bursts that found the packet pool empty", COUNTER,
	 rx_no_buffer},
	{"rx_truncated_total", "Datagrams larger than we take", COUNTER, rx_truncated},
	{"tx_would_block_total", "Datagrams dropped: socket buffer full", COUNTER, tx_would_block},
	{"tx_errors_total", "Datagrams the network refused", COUNTER, tx_error},
	{"packet_buffers_free", "Packet buffers in the pool", GAUGE, packets_free},
	{"streams", "Streams that have a publisher or viewers", GAUGE, streams},
	{"dtls_handshakes_in_line", "DTLS handshakes that wait to begin", GAUGE, in_line},
	{"dtls_handshakes_half_open", "DTLS handshakes under way", GAUGE, half_open},
	{"http_requests_total", "HTTP requests", COUNTER, http_requests},
	{"http_connections_total", "HTTP connections accepted", COUNTER, http_connections},
	{"http_connections_open", "HTTP connections", GAUGE, http_connections_open},
	{"http_bodies_too_large_total", "Requests refused with 413", COUNTER,
	 http_bodies_too_large},
	{"http_connections_refused_total", "Connections over the cap", COUNTER,
	 http_refused_connections},
	{"http_timeouts_total", "Requests that did not arrive in time", COUNTER, http_timeouts},
	{"http_deferred_total", "Requests whose answer had to wait", COUNTER, http_deferred},
	{"http_deferred_gone_total", "Requests whose client left while the answer had to wait",
	 COUNTER, http_deferred_gone},
	{"websockets_open", "Event sockets", GAUGE, http_sockets_open},
	{"websockets_opened_total", "Event sockets accepted", COUNTER, http_sockets_opened},
	{"websockets_idle_closed_total", "Event sockets closed for silence", COUNTER,
	 http_sockets_idle_closed},
	{"websockets_overflowed_total", "Event sockets closed: peer reads too slowly", COUNTER,
	 http_socket_overflows},
};

void metrics_head(GString *out, const char *name, const char *help, enum metric_type type)
{
	static const char *const types[] = {
		[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
	g_string_append_printf(out, "# HELP nn5g_%s %s\n# TYPE nn5g_%s %s\n", name, help, name,
			       types[type]);
}

static void render_rows(struct node *node, GString *out)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		metrics_head(out, rows[i].name, rows[i].help, rows[i].type);
		g_string_append_printf(out, "nn5g_%s %.17g\n", rows[i].name, rows[i].get(node));
	}
}

static void render_worker_counters(struct node *node, GString *out)
{
	const char *previous = "";
	for (unsigned int i = 0; i < COUNTERS; i++) {
		const struct counter_row *row = &counter_rows[i];
		unsigned long long value = plane_counter(node->plane, (enum counter)i);
		if (strcmp(previous, row->metric) != 0)
			metrics_head(out, row->metric, row->help, COUNTER);
		previous = row->metric;
		if (row->label)
			g_string_append_printf(out, "nn5g_%s{reason=\"%s\"} %llu\n", row->metric,
					       row->label, value);
		else
			g_string_append_printf(out, "nn5g_%s %llu\n", row->metric, value);
	}
	metrics_head(out, "worker_busy_seconds_total", "Time a worker was not waiting", COUNTER);
	for (unsigned int i = 0; i < node->plane->n_workers; i++)
		g_string_append_printf(
			out, "nn5g_worker_busy_seconds_total{worker=\"%u\"} %.9f\n", i,
			(double)atomic_load_explicit(&node->plane->workers[i]->busy_ns,
						     memory_order_relaxed) /
				1e9);
	metrics_head(out, "egress_busy_seconds_total",
		     "Time the thread that sends for several workers was not waiting", COUNTER);
	g_string_append_printf(
		out, "nn5g_egress_busy_seconds_total %.9f\n",
		(double)atomic_load_explicit(&node->plane->egress->busy_ns, memory_order_relaxed) /
			1e9);
}

static void render_metered(struct node *node, GString *out)
{
	static const char *const kinds[METER_KINDS] = {
		[METER_VIDEO] = "video", [METER_VOICE] = "voice"};
	metrics_head(out, "metered_seconds_total", "Stream time charged to sessions, by kind",
		     COUNTER);
	for (unsigned int kind = 0; kind < METER_KINDS; kind++)
		g_string_append_printf(
			out, "nn5g_metered_seconds_total{kind=\"%s\"} %.9f\n", kinds[kind],
			(double)plane_metered_ns(node->plane, (enum meter_kind)kind) / 1e9);
}

static void render_handshakes(struct node *node, GString *out)
{
	metrics_head(out, "dtls_handshakes_total", "DTLS handshakes, by result", COUNTER);
	for (unsigned int i = 0; i < HANDSHAKE_COUNTERS; i++)
		g_string_append_printf(out, "nn5g_dtls_handshakes_total{result=\"%s\"} %llu\n",
				       handshake_counter_names[i],
				       (unsigned long long)handshake_counter(
					       node->plane->handshake, (enum handshake_counter)i));
}

static void render_sessions(struct node *node, GString *out)
{
	const struct session_counters *counters = session_counters(node->sessions);
	metrics_head(out, "sessions", "Sessions, by role and state", GAUGE);
	for (unsigned int role = 0; role < SESSION_ROLES; role++) {
		for (unsigned int state = 0; state < SESSION_STATES; state++)
			g_string_append_printf(out, "nn5g_sessions{role=\"%s\",state=\"%s\"} %u\n",
					       session_role_names[role], session_state_names[state],
					       counters->open[role][state]);
	}
	metrics_head(out, "sessions_created_total", "Sessions created, by role", COUNTER);
	for (unsigned int role = 0; role < SESSION_ROLES; role++)
		g_string_append_printf(out, "nn5g_sessions_created_total{role=\"%s\"} %llu\n",
				       session_role_names[role],
				       (unsigned long long)counters->created[role]);
	metrics_head(out, "sessions_terminated_total", "Sessions terminated, by reason", COUNTER);
	for (unsigned int reason = 1; reason < REASON_REASONS; reason++)
		g_string_append_printf(out, "nn5g_sessions_terminated_total{reason=\"%s\"} %llu\n",
				       session_reason_names[reason],
				       (unsigned long long)counters->terminated[reason]);
}

/* Round trips and losses of the sessions there are now. */
struct quality {
	double rtt_ms_sum, rtt_ms_max, fraction_lost_max;
	uint64_t lost, n_rtt;
};

static void add_quality(void *context, const struct session *session)
{
	struct quality *quality = context;
	if (!session->transport)
		return;
	const _Atomic uint64_t *stats = session->transport->stats;
	double rtt_ms =
		(double)atomic_load_explicit(&stats[STAT_RTT_US], memory_order_relaxed) / 1000.0;
	double fraction =
		(double)atomic_load_explicit(&stats[STAT_FRACTION_LOST_Q8], memory_order_relaxed) /
		256.0;
	quality->lost += atomic_load_explicit(&stats[STAT_LOST], memory_order_relaxed);
	quality->rtt_ms_sum += rtt_ms;
	quality->n_rtt += rtt_ms > 0;
	quality->rtt_ms_max = rtt_ms > quality->rtt_ms_max ? rtt_ms : quality->rtt_ms_max;
	quality->fraction_lost_max =
		fraction > quality->fraction_lost_max ? fraction : quality->fraction_lost_max;
}

static void render_quality(struct node *node, GString *out)
{
	struct quality quality = {0};
	session_each(node->sessions, add_quality, &quality);
	metrics_head(out, "session_rtt_mean_seconds",
		     "Mean round trip of the viewers that reported one", GAUGE);
	g_string_append_printf(out, "nn5g_session_rtt_mean_seconds %.6f\n",
			       quality.n_rtt ? quality.rtt_ms_sum / 1e3 / (double)quality.n_rtt
					     : 0.0);
	metrics_head(out, "session_rtt_max_seconds", "Longest round trip of a viewer", GAUGE);
	g_string_append_printf(out, "nn5g_session_rtt_max_seconds %.6f\n",
			       quality.rtt_ms_max / 1e3);
	metrics_head(out, "session_lost_packets", "Packets lost by the sessions there are now",
		     GAUGE);
	g_string_append_printf(out, "nn5g_session_lost_packets %llu\n",
			       (unsigned long long)quality.lost);
	metrics_head(out, "session_fraction_lost_max", "Worst loss in a viewer's last report",
		     GAUGE);
	g_string_append_printf(out, "nn5g_session_fraction_lost_max %.4f\n",
			       quality.fraction_lost_max);
}

static void render_denial(void *context, enum gate gate, const char *tenant, uint64_t denials)
{
	g_string_append_printf(
		context, "nn5g_gate_denials_total{gate=\"%u\",name=\"%s\",tenant=\"%s\"} %llu\n",
		(unsigned int)gate, gate_name(gate), tenant, (unsigned long long)denials);
}

static void render_responses(struct node *node, GString *out)
{
	const struct server_counters *counters = server_counters(node->server);
	metrics_head(out, "http_responses_total", "HTTP responses, by class", COUNTER);
	for (unsigned int class = 1; class < 6; class ++)
		g_string_append_printf(out, "nn5g_http_responses_total{class=\"%uxx\"} %llu\n",
				       class,
				       (unsigned long long)counters->responses_by_class[class]);
}

char *metrics_render(struct node *node, size_t *size)
{
	GString *out = g_string_sized_new(16384);
	metrics_head(out, "build_info", "Version of this gateway", GAUGE);
	g_string_append_printf(out, "nn5g_build_info{version=\"%s\"} 1\n", NN5G_VERSION);
	render_rows(node, out);
	render_worker_counters(node, out);
	profile_render(node, out);
	render_metered(node, out);
	render_handshakes(node, out);
	render_sessions(node, out);
	render_quality(node, out);
	metrics_head(out, "gate_denials_total", "Requests a gate denied, by gate and target tenant",
		     COUNTER);
	gate_counters_each(node->denials, render_denial, out);
	render_responses(node, out);
	metrics_render_control(node, out);
	metrics_render_slices(node, out);
	metrics_render_memory(node, out);
	*size = out->len;
	return g_string_free(out, FALSE);
}
