/* The listening side of a Unix socket: who may take its path, and who may connect. Taking over a
 * stale path is done under a lock on its folder, so that two programs started at once never unlink
 * each other's. */
#include "conf/rpc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib-unix.h>

#include "conf/log.h"

#define BACKLOG      64
#define GROUPS_MAX   1024
#define ACCEPT_MAX   16  /* a turn of the loop */
#define EXHAUSTED_MS 100 /* pause when descriptors ran out */

struct rpc_listener {
	struct rpc_listener_config config;
	char path[RPC_PATH_BYTES_MAX + 1];
	bool has_group;
	gid_t group;
	int fd;
	struct stat made; /* the path as bound: only that is unlinked */
	GMainContext *loop;
	GSource *source;
	uint64_t refused;
};

static void on_incoming_watch(struct rpc_listener *listener);

static int address_set(const char *path, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	size_t size = strlen(path);
	if (size > RPC_PATH_BYTES_MAX) {
		log_error(LOG_ADMIN, "the socket's path is too long",
			  "\"path\":\"%s\",\"bytes\":%zu,\"expected\":\"at most %d bytes\"",
			  log_escape(path), size, RPC_PATH_BYTES_MAX);
		return -ENAMETOOLONG;
	}
	memcpy(address->sun_path, path, size + 1);
	return 0;
}

int rpc_connect(const char *path)
{
	struct sockaddr_un address;
	int rc = address_set(path, &address);
	if (rc)
		return rc;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* --- Who may connect -------------------------------------------------------------------------- */

static int group_find(const char *name, gid_t *gid)
{
	char text[16384];
	struct group row, *found;
	int rc = getgrnam_r(name, &row, text, sizeof(text), &found);
	if (rc || !found)
		return rc ? -rc : -ENOENT;
	*gid = found->gr_gid;
	return 0;
}

/* By the group database; only asked for peers that are neither root nor us. */
static bool is_member(const struct ucred *peer, gid_t group)
{
	char text[16384];
	struct passwd row, *found;
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;
	if (peer->gid == group)
		return true;
	if (getpwuid_r(peer->uid, &row, text, sizeof(text), &found) || !found ||
	    getgrouplist(found->pw_name, peer->gid, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static bool is_welcome(const struct rpc_listener *listener, const struct ucred *peer)
{
	return peer->uid == 0 || peer->uid == geteuid() ||
	       (listener->has_group && is_member(peer, listener->group));
}

static void peer_take(struct rpc_listener *listener, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    is_welcome(listener, &peer)) {
		listener->config.on_accept(listener->config.context, fd, peer.pid, peer.uid);
		return;
	}
	listener->refused++;
	log_warn(LOG_ADMIN, "a peer was refused for its credentials",
		 "\"path\":\"%s\",\"pid\":%d,\"uid\":%u,\"gid\":%u", log_escape(listener->path),
		 (int)peer.pid, (unsigned int)peer.uid, (unsigned int)peer.gid);
	close(fd);
}

/* --- The loop's side -------------------------------------------------------------------------- */

static void source_set(struct rpc_listener *listener, GSource *source, GSourceFunc turn)
{
	if (listener->source) {
		g_source_destroy(listener->source);
		g_source_unref(listener->source);
	}
	listener->source = source;
	if (!source)
		return;
	g_source_set_callback(source, turn, listener, NULL);
	g_source_attach(source, listener->loop);
}

static gboolean on_rested(gpointer user)
{
	on_incoming_watch(user);
	return G_SOURCE_REMOVE;
}

static gboolean on_incoming(gint fd, GIOCondition condition, gpointer user)
{
	struct rpc_listener *listener = user;
	(void)condition;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (peer >= 0) {
			peer_take(listener, peer);
			continue;
		}
		if (errno == EINTR || errno == ECONNABORTED)
			continue;
		if (errno == EAGAIN)
			break;
		log_error(LOG_ADMIN, "a connection could not be taken",
			  "\"path\":\"%s\",\"error\":\"%s\"", log_escape(listener->path),
			  strerror(errno));
		source_set(listener, g_timeout_source_new(EXHAUSTED_MS), on_rested);
		break;
	}
	return G_SOURCE_CONTINUE;
}

static void on_incoming_watch(struct rpc_listener *listener)
{
	source_set(listener, g_unix_fd_source_new(listener->fd, G_IO_IN),
		   G_SOURCE_FUNC(on_incoming));
}

/* --- Taking the path -------------------------------------------------------------------------- */

/* -EADDRINUSE unless what is there is a socket nobody listens on. */
static int stale_remove(const char *path)
{
	struct stat there;
	if (lstat(path, &there))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(there.st_mode))
		return -EADDRINUSE;
	int fd = rpc_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd != -ECONNREFUSED)
		return fd == -ENOENT ? 0 : -EADDRINUSE;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

static int path_bind(struct rpc_listener *listener)
{
	struct sockaddr_un address;
	int rc = address_set(listener->path, &address);
	if (rc)
		return rc;
	/* The socket's own mode is what bind gives the path; others never see a wider one. */
	if (fchmod(listener->fd, 0600))
		return -errno;
	rc = stale_remove(listener->path);
	if (rc)
		return rc;
	if (bind(listener->fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	if (lstat(listener->path, &listener->made))
		return -errno;
	if (listener->has_group &&
	    (chown(listener->path, (uid_t)-1, listener->group) || chmod(listener->path, 0660)))
		rc = -errno;
	else if (listen(listener->fd, BACKLOG))
		rc = -errno;
	if (rc)
		unlink(listener->path);
	return rc;
}

static int path_take(struct rpc_listener *listener)
{
	char copy[sizeof(listener->path)];
	memcpy(copy, listener->path, sizeof(copy));
	int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	int rc = flock(folder, LOCK_EX) ? -errno : path_bind(listener);
	close(folder);
	return rc;
}

/* --- Life ------------------------------------------------------------------------------------- */

static int listener_open(struct rpc_listener *listener)
{
	struct sockaddr_un address;
	int rc = address_set(listener->config.path, &address);
	if (rc)
		return rc;
	strcpy(listener->path, address.sun_path);
	if (listener->config.group) {
		rc = group_find(listener->config.group, &listener->group);
		if (rc) {
			log_error(LOG_ADMIN, "the socket's group is not known", "\"group\":\"%s\"",
				  log_escape(listener->config.group));
			return rc;
		}
		listener->has_group = true;
	}
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = listener->fd < 0 ? -errno : path_take(listener);
	if (rc)
		log_error(LOG_ADMIN, "the socket could not be opened",
			  "\"path\":\"%s\",\"error\":\"%s\"", log_escape(listener->path),
			  rc == -EADDRINUSE ? "another program listens on it, or it is no socket"
					    : strerror(-rc));
	return rc;
}

int rpc_listen(const struct rpc_listener_config *config, struct rpc_listener **out)
{
	struct rpc_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	listener->config = *config;
	listener->fd = -1;
	int rc = listener_open(listener);
	if (rc) {
		if (listener->fd >= 0)
			close(listener->fd);
		free(listener);
		return rc;
	}
	listener->loop = g_main_context_ref_thread_default();
	on_incoming_watch(listener);
	*out = listener;
	return 0;
}

void rpc_listener_destroy(struct rpc_listener *listener)
{
	struct stat there;
	if (!listener)
		return;
	source_set(listener, NULL, NULL);
	g_main_context_unref(listener->loop);
	if (lstat(listener->path, &there) == 0 && there.st_ino == listener->made.st_ino &&
	    there.st_dev == listener->made.st_dev)
		unlink(listener->path);
	close(listener->fd);
	free(listener);
}

uint64_t rpc_listener_refused(const struct rpc_listener *listener)
{
	return listener->refused;
}
