/* Sessions from genesis to their last free(). A terminated session disappears from the table at
 * once; its transport goes back the way it came: out of the directory, closed by the handshake
 * thread and its home worker, and freed behind a barrier, when no message and no packet can refer
 * to it any more. */
#include "gateway/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "conf/clock.h"
#include "conf/log.h"
#include "conf/random.h"
#include "gateway/account.h"
#include "gateway/admin.h"
#include "gateway/events.h"
#include "gateway/gates.h"
#include "gateway/node.h"
#include "gateway/server.h"
#include "gateway/slicing.h"
#include "media/plane.h"
#include "slices/slice.h"

#define RESTART_OVERLAP_NS                                                                         \
	30000000000ull /* credentials of before an ICE restart stay valid: the consent time */
#define FIRST_EPOCH 1
#define FREE_MS     5
#define ALL_KINDS   ((1u << METER_KINDS) - 1)

const char *const session_role_names[SESSION_ROLES] = {
	[SESSION_PUBLISHER] = "publisher",
	[SESSION_VIEWER] = "viewer",
};

const char *const session_state_names[SESSION_STATES] = {
	[SESSION_GENESIS] = "genesis",
	[SESSION_ACTIVE] = "active",
	[SESSION_PAUSED] = "paused",
	[SESSION_TERMINATED] = "terminated",
};

const char *const session_reason_names[REASON_REASONS] = {
	[REASON_NONE] = "NONE",
	[REASON_USER_EXIT] = "USER_EXIT",
	[REASON_COST_LIMIT] = "COST_LIMIT",
	[REASON_OPERATOR] = "OPERATOR",
	[REASON_DRAINED] = "DRAINED",
	[REASON_EXPIRED] = "EXPIRED",
	[REASON_LOST] = "LOST",
	[REASON_REPLACED] = "REPLACED",
	[REASON_ERROR] = "ERROR",
};

struct session_table {
	struct node *node; /* parent */
	struct plane *plane;
	struct ingress *ingress; /* owned */
	GHashTable *by_id;       /* id -> session; not the terminated ones */
	unsigned int n_sessions;
	struct session_list closed; /* by the media plane; to be freed behind a barrier */
	guint free_timer;           /* while there are any */
	struct session_counters counters;
};

struct session_table *session_table_create(struct node *node)
{
	struct session_table *table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->node = node;
	table->plane = node->plane;
	table->ingress = ingress_create(node->plane);
	if (!table->ingress) {
		free(table);
		return NULL;
	}
	table->by_id = g_hash_table_new(g_str_hash, g_str_equal);
	TAILQ_INIT(&table->closed);
	return table;
}

void session_table_destroy(struct session_table *table)
{
	if (!table)
		return;
	if (table->free_timer)
		g_source_remove(table->free_timer);
	g_hash_table_destroy(table->by_id);
	ingress_destroy(table->ingress);
	free(table);
}

struct ingress *session_ingress(const struct session_table *table)
{
	return table->ingress;
}

unsigned int session_count(const struct session_table *table)
{
	return table->n_sessions;
}

const struct session_counters *session_counters(const struct session_table *table)
{
	return &table->counters;
}

struct session *session_find(struct session_table *table, const char *id)
{
	return g_hash_table_lookup(table->by_id, id);
}

void session_each(struct session_table *table,
		  void (*each)(void *context, const struct session *session), void *context)
{
	GHashTableIter iter;
	gpointer session;
	g_hash_table_iter_init(&iter, table->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &session))
		each(context, session);
}

static void set_state(struct session *session, enum session_state state)
{
	struct session_counters *counters = &session->table->counters;
	counters->open[session->role][session->state]--;
	session->state = state;
	counters->open[session->role][state]++;
}

/* To the log, to whoever watches, and to the control plane. */
static void tell_state(struct session *session)
{
	struct admin *admin = session->table->node->admin;
	log_info(LOG_SESSION, "session state",
		 "\"session\":\"%.8s\",\"tenant\":\"%s\",\"stream\":\"%s\",\"role\":\"%s\","
		 "\"state\":\"%s\",\"reason\":\"%s\"",
		 session->id, session->tenant->id, log_escape(session->stream->key),
		 session_role_names[session->role], session_state_names[session->state],
		 session_reason_names[session->reason]);
	events_state(session);
	if (admin)
		admin_claim(admin, session);
}

static void renew_etag(struct session *session)
{
	snprintf(session->etag, sizeof(session->etag), "\"%u-%08x\"", ++session->etag_version,
		 (unsigned int)random_u32());
}

/* Fills `out` with `size` - 1 random hex digits (an even number). */
static void draw_hex(char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[SESSION_ID_BYTES / 2];
	size_t n = (size - 1) / 2;
	random_fill(random, n);
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[random[i] >> 4];
		out[2 * i + 1] = digits[random[i] & 15];
	}
	out[2 * n] = '\0';
}

/* The last of a session. */
static void free_session(void *context)
{
	struct session *session = context;
	struct directory *directory = session->table->plane->directory;
	account_close(session->account);
	if (session->slice)
		slice_release(session->slice, session->slice_bps);
	transport_destroy(session->transport);
	ingress_detach(session);
	if (session->entry)
		directory_release(directory, session->entry);
	if (session->previous_entry)
		directory_release(directory, session->previous_entry);
	stream_release(session->stream);
	session->table->counters.open[session->role][session->state]--;
	session->table->n_sessions--;
	session->tenant->n_sessions--;
	free(session->proposal);
	free(session);
}

static void free_sessions(void *context)
{
	struct session_list *closed = context;
	struct session *session;
	while ((session = TAILQ_FIRST(closed))) {
		TAILQ_REMOVE(closed, session, link);
		free_session(session);
	}
	free(closed);
}

static gboolean on_free_time(gpointer context)
{
	struct session_table *table = context;
	struct session_list *closed = malloc(sizeof(*closed));
	if (!closed)
		return G_SOURCE_CONTINUE;
	TAILQ_INIT(closed);
	TAILQ_CONCAT(closed, &table->closed, link);
	if (plane_barrier(table->plane, free_sessions, closed)) {
		TAILQ_CONCAT(&table->closed, closed, link);
		free(closed);
		return G_SOURCE_CONTINUE;
	}
	table->free_timer = 0;
	return G_SOURCE_REMOVE;
}

/* A barrier wakes every thread: those that end within a moment share one. */
static void free_soon(struct session *session)
{
	struct session_table *table = session->table;
	TAILQ_INSERT_TAIL(&table->closed, session, link);
	if (!table->free_timer)
		table->free_timer = g_timeout_add(FREE_MS, on_free_time, table);
}

int session_create(struct session_table *table, enum session_role role, struct tenant *tenant,
		   struct stream *stream, struct session **out)
{
	struct session *session = calloc(1, sizeof(*session));
	if (!session) {
		stream_release(stream);
		return -ENOMEM;
	}
	session->table = table;
	session->role = role;
	session->tenant = tenant;
	session->stream = stream;
	session->epoch = FIRST_EPOCH;
	session->created_ns = clock_ns();
	table->counters.open[role][SESSION_GENESIS]++;
	table->n_sessions++;
	tenant->n_sessions++;
	draw_hex(session->id, sizeof(session->id));
	draw_hex(session->cname, sizeof(session->cname));
	int rc = directory_add(table->plane->directory, NULL, &session->entry);
	if (rc == 0 && role == SESSION_PUBLISHER)
		rc = ingress_attach(table->ingress, session);
	if (rc) {
		free_session(session);
		return rc;
	}
	renew_etag(session);
	table->counters.created[role]++;
	g_hash_table_insert(table->by_id, session->id, session);
	*out = session;
	return 0;
}

static void attach_publisher(struct session *session)
{
	struct stream *stream = session->stream;
	struct session *viewer;
	if (stream->publisher)
		session_terminate(stream->publisher, REASON_REPLACED);
	stream->publisher = session;
	TAILQ_FOREACH (viewer, &stream->viewers, link)
		events_stream(viewer, true);
}

static void detach_publisher(struct session *session)
{
	struct session *viewer;
	session->stream->publisher = NULL;
	TAILQ_FOREACH (viewer, &session->stream->viewers, link)
		events_stream(viewer, false);
}

static void detach(struct session *session)
{
	if (!session->is_attached)
		return;
	session->is_attached = false;
	if (session->role == SESSION_PUBLISHER) {
		detach_publisher(session);
		return;
	}
	TAILQ_REMOVE(&session->stream->viewers, session, link);
	session->stream->n_viewers--;
	account_on_viewers(session->stream);
}

void session_publish(struct session *session, struct transport *transport)
{
	session->transport = transport;
	transport->session = session;
	transport->pipe = slicing_pipe(session->tenant);
	snprintf(transport->cname, sizeof(transport->cname), "%s", session->cname);
	session->entry->transport = transport;
	ingress_bind(session);
	if (session->account)
		account_bind(session->account, session);
	if (session->role == SESSION_PUBLISHER) {
		attach_publisher(session);
	} else {
		TAILQ_INSERT_TAIL(&session->stream->viewers, session, link);
		session->stream->n_viewers++;
	}
	session->is_attached = true;
	session->is_published = true;
	account_on_viewers(session->stream);
	tell_state(session);
	plane_publish(session->table->plane, session->entry);
}

void session_terminate(struct session *session, enum session_reason reason)
{
	struct plane *plane = session->table->plane;
	session->reason = reason;
	/* The media stops now, whatever the goodbyes take. */
	if (session->is_published)
		plane_silence(plane, session->transport);
	set_state(session, SESSION_TERMINATED);
	session->table->counters.terminated[reason]++;
	g_hash_table_remove(session->table->by_id, session->id);
	tell_state(session);
	memset(session->sockets, 0, sizeof(session->sockets));
	detach(session);
	if (!session->is_published) {
		free_session(session);
		return;
	}
	directory_withdraw(plane->directory, session->entry);
	if (session->previous_entry)
		directory_withdraw(plane->directory, session->previous_entry);
	plane_close(plane, session->transport);
}

void session_terminate_all(struct session_table *table, enum session_reason reason)
{
	GList *sessions = g_hash_table_get_values(table->by_id);
	for (GList *at = sessions; at; at = at->next)
		session_terminate(at->data, reason);
	g_list_free(sessions);
}

void session_terminate_viewers(struct stream *stream, enum session_reason reason)
{
	struct session *viewer;
	while ((viewer = TAILQ_FIRST(&stream->viewers)))
		session_terminate(viewer, reason);
}

/* An entry and the table it goes back to, behind a barrier. */
struct retired_entry {
	struct directory *directory;
	struct directory_entry *entry;
};

static void release_entry(void *context)
{
	struct retired_entry *retired = context;
	directory_release(retired->directory, retired->entry);
	free(retired);
}

static void retire_previous(struct session *session)
{
	struct plane *plane = session->table->plane;
	struct retired_entry *retired = malloc(sizeof(*retired));
	if (!session->previous_entry || !retired) {
		free(retired);
		return;
	}
	*retired = (struct retired_entry){plane->directory, session->previous_entry};
	directory_withdraw(plane->directory, session->previous_entry);
	if (plane_barrier(plane, release_entry, retired))
		free(retired);
	else
		session->previous_entry = NULL;
}

int session_restart_ice(struct session *session, const char *remote_ufrag)
{
	struct directory *directory = session->table->plane->directory;
	struct directory_entry *entry;
	retire_previous(session);
	if (session->previous_entry)
		return -ENOMEM;
	int rc = directory_add(directory, session->transport, &entry);
	if (rc)
		return rc;
	snprintf(entry->remote_ufrag, sizeof(entry->remote_ufrag), "%s", remote_ufrag);
	session->previous_entry = session->entry;
	session->previous_until_ns = clock_ns() + RESTART_OVERLAP_NS;
	session->entry = entry;
	renew_etag(session);
	plane_publish(session->table->plane, entry);
	return 0;
}

static void on_connected(struct session *session)
{
	ingress_on_home(session->table->ingress, session);
	if (session->state != SESSION_GENESIS)
		return;
	account_on_connected(session->account);
	set_state(session, session->paused_by ? SESSION_PAUSED : SESSION_ACTIVE);
	if (session->paused_by && !session->account)
		plane_set_held(session->table->plane, session->transport, ALL_KINDS);
	tell_state(session);
}

static void hold(struct session *session, bool is_held)
{
	if (session->account)
		account_hold(session->account, is_held);
	else if (session->state != SESSION_GENESIS)
		plane_set_held(session->table->plane, session->transport, is_held ? ALL_KINDS : 0);
}

int session_pause(struct session *session, enum session_pause by)
{
	if (session->paused_by & by)
		return -EALREADY;
	bool was_paused = session->paused_by != 0;
	session->paused_by |= (uint8_t)by;
	if (was_paused)
		return 0;
	hold(session, true);
	if (session->state == SESSION_ACTIVE) {
		set_state(session, SESSION_PAUSED);
		tell_state(session);
	}
	return 0;
}

static void let_go(struct session *session, enum session_pause by)
{
	session->paused_by &= (uint8_t)~by;
	if (session->paused_by)
		return;
	if (session->state == SESSION_PAUSED) {
		set_state(session, SESSION_ACTIVE);
		tell_state(session);
	}
	hold(session, false);
}

int session_resume(struct session *session, enum session_pause by)
{
	if (!(session->paused_by & by))
		return -EALREADY;
	int rc = gates_resume(session->table->node, session);
	if (rc)
		return rc;
	let_go(session, by);
	return 0;
}

/* A tenant that is active again may have been topped up meanwhile: its ladder, not the last answer
 * of the control plane, says what becomes of sessions that cannot pay. */
static void follow_standing(struct session *session)
{
	const struct tenant_config *config = session->tenant->config;
	if (!config || config->standing == TENANT_EXITED)
		session_terminate(session, REASON_USER_EXIT);
	else if (config->standing == TENANT_PAUSED)
		session_pause(session, PAUSE_TENANT);
	else if (session->paused_by & PAUSE_TENANT)
		let_go(session, PAUSE_TENANT);
}

void session_on_standing(struct session_table *table, const struct tenant *tenant)
{
	GList *sessions = g_hash_table_get_values(table->by_id);
	for (GList *at = sessions; at; at = at->next) {
		struct session *session = at->data;
		if (session->tenant == tenant && session->state != SESSION_TERMINATED)
			follow_standing(session);
	}
	g_list_free(sessions);
}

void session_on_policy(struct session_table *table, const struct tenant *tenant)
{
	GHashTableIter iter;
	gpointer session;
	ingress_on_tenant(table->ingress, tenant);
	g_hash_table_iter_init(&iter, table->by_id);
	while (g_hash_table_iter_next(&iter, NULL, &session)) {
		if (((struct session *)session)->tenant == tenant)
			ingress_on_policy(table->ingress, session);
	}
}

static void end_unless_ended(struct session *session, enum session_reason reason)
{
	if (session->state != SESSION_TERMINATED)
		session_terminate(session, reason);
}

void session_on_message(struct session_table *table, const struct message *message)
{
	struct session *session = message->transport->session;

	switch ((enum message_type)message->type) {
	case MESSAGE_ICE_CONNECTED:
		log_debug(LOG_ICE, "first valid check", "\"session\":\"%.8s\"", session->id);
		break;
	case MESSAGE_CONNECTED:
		on_connected(session);
		break;
	case MESSAGE_HANDSHAKE_FAILED:
		log_warn(LOG_DTLS, "handshake failed", "\"session\":\"%.8s\",\"cause\":\"%s\"",
			 session->id, message->reason);
		end_unless_ended(session, REASON_ERROR);
		break;
	case MESSAGE_PEER_CLOSED:
		end_unless_ended(session, REASON_USER_EXIT);
		break;
	case MESSAGE_CONSENT_EXPIRED:
		end_unless_ended(session, REASON_LOST);
		break;
	case MESSAGE_CREDIT_LOW:
	case MESSAGE_CREDIT_OUT:
		account_on_message(session, message);
		break;
	case MESSAGE_CLOSED:
		ingress_on_home(table->ingress, session);
		account_close(session->account);
		session->account = NULL;
		free_soon(session);
		break;
	default:
		log_error(LOG_SESSION, "message of no known type", "\"type\":%u", message->type);
	}
}

static void tick(struct session *session, uint64_t now_ns, uint64_t connect_ns)
{
	if (session->state == SESSION_GENESIS && now_ns - session->created_ns > connect_ns) {
		session_terminate(session, REASON_EXPIRED);
		return;
	}
	if (session->previous_entry && now_ns > session->previous_until_ns)
		retire_previous(session);
	if (session->state == SESSION_ACTIVE) {
		events_stats(session);
		ingress_tell(session, now_ns);
	}
}

void session_tick(struct session_table *table, uint64_t now_ns, uint64_t connect_ns)
{
	ingress_tick(table->ingress, now_ns);
	GList *sessions = g_hash_table_get_values(table->by_id);
	for (GList *at = sessions; at; at = at->next)
		tick(at->data, now_ns, connect_ns);
	g_list_free(sessions);
}
