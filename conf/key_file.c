#include "conf/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/log.h"

static int failed(const char *path, const char *what, int error)
{
	log_error(LOG_STORE, "key file", "\"path\":\"%s\",\"step\":\"%s\",\"error\":\"%s\"",
		  log_escape(path), what, strerror(error));
	return -error;
}

int key_file_refuse(const char *path)
{
	log_error(LOG_STORE, "key file is open to others; chmod 600 it", "\"path\":\"%s\"",
		  log_escape(path));
	return -EACCES;
}

int key_file_read(const char *path, void *out, size_t bytes_max, bool *is_private)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : failed(path, "open", errno);
	struct stat status;
	int rc = fstat(fd, &status) ? failed(path, "stat", errno) : 0;
	if (rc == 0 && !S_ISREG(status.st_mode))
		rc = failed(path, "open", EINVAL);
	size_t size = 0;
	while (rc == 0) {
		ssize_t n = size < bytes_max ? read(fd, (char *)out + size, bytes_max - size)
					     : read(fd, &(char){0}, 1);
		if (n == 0)
			break;
		if (n < 0)
			rc = errno == EINTR ? 0 : failed(path, "read", errno);
		else if (size == bytes_max)
			rc = failed(path, "read", EFBIG);
		else
			size += (size_t)n;
	}
	close(fd);
	if (rc)
		return rc;
	*is_private = (status.st_mode & (S_IRWXG | S_IRWXO)) == 0;
	return (int)size;
}

static int bytes_write(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);
		if (n < 0 && errno != EINTR)
			return -errno;
		bytes += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) ? -errno : 0;
}

/* So that the new name outlives a power cut. */
static void folder_sync(const char *path)
{
	char copy[PATH_MAX];
	snprintf(copy, sizeof(copy), "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int key_file_make(const char *path, const void *bytes, size_t size)
{
	char draft[PATH_MAX];
	int n = snprintf(draft, sizeof(draft), "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof(draft))
		return failed(path, "make", ENAMETOOLONG);
	int fd = mkostemp(draft, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return failed(path, "make", errno);
	int rc = bytes_write(fd, bytes, size);
	if (close(fd) && rc == 0)
		rc = -errno;
	/* A link never replaces what is there. */
	if (rc == 0 && link(draft, path))
		rc = -errno;
	unlink(draft);
	if (rc == 0)
		folder_sync(path);
	else if (rc != -EEXIST)
		failed(path, "make", -rc);
	return rc;
}
