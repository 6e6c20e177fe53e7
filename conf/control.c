/* The control plane's loop and life: the store comes and goes, the node comes and goes, and each
 * time both are there, what differs between them is made equal (control_look). Nothing here waits
 * for either: what is away is tried again with a growing pause, and calls that need it are answered
 * with RPC_UNAVAILABLE. */
#include "conf/control_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib-unix.h>
#include <jansson.h>

#include "conf/control_import.h"
#include "conf/ledger.h"
#include "conf/log.h"
#include "conf/secret.h"
#include "conf/sql.h"

#define LOOK_DELAY_MS  20  /* several changes at once are one look */
#define SQLITE_POLL_MS 100 /* PRAGMA data_version: microseconds */
#define TICK_MS        1000
#define SIGN_TICKS     60
#define PAUSE_MIN_MS   50
#define PAUSE_MAX_MS   2000

int64_t control_now_ms(void)
{
	return g_get_real_time() / 1000;
}

static void source_set(GSource **source, GSource *fresh, GSourceFunc turn, void *context)
{
	if (*source) {
		g_source_destroy(*source);
		g_source_unref(*source);
	}
	*source = fresh;
	if (!fresh)
		return;
	g_source_set_callback(fresh, turn, context, NULL);
	g_source_attach(fresh, g_main_context_get_thread_default());
}

void control_timer_set(GSource **source, unsigned int ms, GSourceFunc turn, void *context)
{
	source_set(source, turn ? g_timeout_source_new(ms) : NULL, turn, context);
}

unsigned int control_pause_grow(unsigned int *pause_ms)
{
	unsigned int pause = *pause_ms ? *pause_ms : PAUSE_MIN_MS;
	*pause_ms = MIN(pause * 2, PAUSE_MAX_MS);
	return pause;
}

/* --- The store -------------------------------------------------------------------------------- */

static gboolean on_store_retry(gpointer user);

static gboolean on_store_poll(gpointer user)
{
	struct control *control = user;
	if (sql_changed(store_sql(control->store)))
		control_look_soon(control);
	if (!sql_is_up(store_sql(control->store)))
		control_store_did(control, -ENOTCONN, "the store is watched");
	return G_SOURCE_CONTINUE;
}

static gboolean on_store_readable(gint fd, GIOCondition condition, gpointer user)
{
	(void)fd;
	(void)condition;
	return on_store_poll(user);
}

static void store_watch(struct control *control)
{
	int fd = sql_fd(store_sql(control->store));
	if (fd < 0)
		control_timer_set(&control->store_watch, SQLITE_POLL_MS, on_store_poll, control);
	else
		source_set(&control->store_watch,
			   g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR),
			   G_SOURCE_FUNC(on_store_readable), control);
}

static void store_arrived(struct control *control)
{
	control->store_is_up = true;
	control->store_pause_ms = 0;
	control->operators.store = control->store;
	store_watch(control);
	log_info(LOG_STORE, "the store is there", NULL);
	if (control->is_presented)
		control_store_did(control, control_quota_resume(control->quota), "grants");
	control_look_soon(control);
}

/* What time will not mend. */
static bool is_hopeless(const struct control *control, int rc)
{
	if (rc == -EPROTO || rc == -EPROTONOSUPPORT || rc == -EINVAL)
		return true;
	return g_str_has_prefix(control->config.store, "sqlite:") &&
	       (rc == -EACCES || rc == -ENOENT || rc == -EROFS || rc == -EISDIR);
}

static void store_try(struct control *control)
{
	int rc = control->store ? store_reconnect(control->store)
				: store_open(control->config.store, &control->store);
	control_timer_set(&control->store_retry, 0, NULL, NULL);
	if (rc == 0) {
		store_arrived(control);
	} else if (is_hopeless(control, rc)) {
		log_error(LOG_STORE, "the store cannot be used", "\"error\":\"%s\"", strerror(-rc));
		control_stop(control, rc);
	} else {
		control_timer_set(&control->store_retry,
				  control_pause_grow(&control->store_pause_ms), on_store_retry,
				  control);
	}
}

static gboolean on_store_retry(gpointer user)
{
	store_try(user);
	return G_SOURCE_REMOVE;
}

struct store *control_store(struct control *control)
{
	return control->store_is_up ? control->store : NULL;
}

bool control_store_did(struct control *control, int rc, const char *what)
{
	if (rc == 0)
		return true;
	log_error(LOG_STORE, "the store did not do it", "\"what\":\"%s\",\"error\":\"%s\"", what,
		  strerror(-rc));
	if (!control->store_is_up || sql_is_up(store_sql(control->store)))
		return false;
	control->store_is_up = false;
	control_timer_set(&control->store_watch, 0, NULL, NULL);
	control_timer_set(&control->store_retry, control_pause_grow(&control->store_pause_ms),
			  on_store_retry, control);
	log_warn(LOG_STORE, "the store is away", NULL);
	return false;
}

/* --- Looking ---------------------------------------------------------------------------------- */

bool control_is_whole(const struct control *control)
{
	return control->store_is_up && control->is_presented;
}

static void import_once(struct control *control)
{
	if (!control->is_import_wanted || !control_store(control))
		return;
	control->is_import_wanted = false;
	int rc = control_import(control->store, ledger_key_id(control->ledger_key),
				control->config.import, NULL);
	/* A wrong file is not read again until it is told to be; a store that went away is. */
	if (rc != -EINVAL && !control_store_did(control, rc, "import"))
		control->is_import_wanted = !control->store_is_up;
}

void control_look(struct control *control)
{
	control_timer_set(&control->look_soon, 0, NULL, NULL);
	import_once(control);
	control_node_present(control);
	if (control_is_whole(control))
		control_feed_look(control->feed);
	if (control_is_whole(control))
		control_quota_look(control->quota);
	if (control_is_whole(control))
		control_usage_look(control->usage);
}

static gboolean on_look(gpointer user)
{
	control_look(user);
	return G_SOURCE_REMOVE;
}

void control_look_soon(struct control *control)
{
	if (!control->look_soon)
		control_timer_set(&control->look_soon, LOOK_DELAY_MS, on_look, control);
}

static void on_operator_change(void *context)
{
	struct control *control = context;
	control_timer_set(&control->look_soon, 0, on_look, control);
}

static gboolean on_tick(gpointer user)
{
	struct control *control = user;
	control->ticks++;
	control_look(control);
	control_node_beat(control);
	if (control->ticks % SIGN_TICKS == 0)
		control_usage_sign(control);
	return G_SOURCE_CONTINUE;
}

/* --- Life ------------------------------------------------------------------------------------- */

static gboolean on_lifeline(gint fd, GIOCondition condition, gpointer user)
{
	char drop[64];
	(void)condition;
	if (read(fd, drop, sizeof(drop)) > 0)
		return G_SOURCE_CONTINUE;
	log_info(LOG_ADMIN, "standard input ended: the gateway is gone", NULL);
	control_stop(user, 0);
	return G_SOURCE_REMOVE;
}

static int folder_make(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	int rc = -errno;
	log_error(LOG_STORE, "the state folder cannot be made", "\"path\":\"%s\",\"error\":\"%s\"",
		  log_escape(path), strerror(-rc));
	return rc;
}

static int keys_load(struct control *control)
{
	char *ledger = g_build_filename(control->config.state, "ledger.key.pem", NULL);
	char *secret = g_build_filename(control->config.state, "secret.key", NULL);
	int rc = ledger_key_load(ledger, true, &control->ledger_key);
	if (rc == 0)
		rc = secret_key_load(secret, true, &control->secret_key);
	g_free(ledger);
	g_free(secret);
	return rc;
}

static int control_open(struct control *control)
{
	int rc = folder_make(control->config.state);
	if (rc == 0)
		rc = keys_load(control);
	if (rc)
		return rc;
	control->operators = (struct operator){
		.url = control->config.store,
		.state = control->config.state,
		.secret_key = control->secret_key,
		.ledger_key = control->ledger_key,
		.node = control->node_id,
		.on_change = on_operator_change,
		.context = control,
	};
	rc = control_socket_create(control, &control->socket);
	if (rc)
		return rc;
	if (control->config.is_embedded)
		source_set(&control->lifeline,
			   g_unix_fd_source_new(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR),
			   G_SOURCE_FUNC(on_lifeline), control);
	control_timer_set(&control->tick, TICK_MS, on_tick, control);
	store_try(control);
	control_node_start(control);
	return 0;
}

int control_start(const struct control_config *config, struct control **out)
{
	struct control *control = calloc(1, sizeof(*control));
	if (!control)
		return -ENOMEM;
	control->config = *config;
	control->is_import_wanted = config->import != NULL;
	control->loop = g_main_loop_new(g_main_context_get_thread_default(), FALSE);
	control->feed = control_feed_create(control);
	control->quota = control_quota_create(control);
	control->usage = control_usage_create(control);
	int rc = control_open(control);
	if (rc) {
		control_destroy(control);
		return rc;
	}
	*out = control;
	return 0;
}

int control_run(struct control *control)
{
	if (!control->is_stopping)
		g_main_loop_run(control->loop);
	return control->result;
}

void control_stop(struct control *control, int result)
{
	control->is_stopping = true;
	control->result = result;
	g_main_loop_quit(control->loop);
}

void control_destroy(struct control *control)
{
	if (!control)
		return;
	operator_stop(&control->operators);
	control_socket_destroy(control->socket);
	control_node_stop(control);
	control_usage_sign(control);
	GSource **sources[] = {&control->store_watch, &control->store_retry, &control->look_soon,
			       &control->tick, &control->lifeline};
	for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
		control_timer_set(sources[i], 0, NULL, NULL);
	control_usage_destroy(control->usage);
	control_quota_destroy(control->quota);
	control_feed_destroy(control->feed);
	store_close(control->store);
	secret_key_destroy(control->secret_key);
	ledger_key_destroy(control->ledger_key);
	g_main_loop_unref(control->loop);
	free(control);
}

void control_reload(struct control *control)
{
	control->is_import_wanted = control->config.import != NULL;
	control_look_soon(control);
}

bool control_is_fed(const struct control *control)
{
	return control_is_whole(control) && control_feed_is_done(control->feed);
}
