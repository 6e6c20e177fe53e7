#include "conf/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/jwt.h"
#include "conf/schema.h"

#define KEY_BYTES_MAX 16384U

static void complain(const char *format, va_list args)
{
	fputs("nn5gctl: ", stderr);
	vfprintf(stderr, format, args);
	putc('\n', stderr);
}

int ctl_fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	complain(format, args);
	va_end(args);
	return COMMAND_FAILED;
}

int ctl_misuse(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	complain(format, args);
	va_end(args);
	return COMMAND_MISUSED;
}

int ctl_assign(const struct command_line *line, unsigned int first, enum assignment_row row,
	       struct json_t *patch)
{
	for (unsigned int i = first; i < line->n_words; i++) {
		char why[512] = "";
		FILE *errors = fmemopen(why, sizeof(why) - 1, "w");
		int rc = errors && patch ? assignment_parse(row, line->words[i], errors, patch)
					 : -ENOMEM;
		if (errors)
			fclose(errors);
		why[strcspn(why, "\n")] = '\0';
		if (rc == -EINVAL)
			return ctl_misuse("%s", why);
		if (rc)
			return ctl_fail("%s", strerror(-rc));
	}
	return patch ? COMMAND_DONE : ctl_fail("%s", strerror(ENOMEM));
}

bool ctl_is_word(const char *what, const char *value, size_t max)
{
	static const char characters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t n = strlen(value);
	if (n >= 1 && n <= max && strspn(value, characters) == n)
		return true;
	ctl_misuse("%s: found \"%s\", expected 1 to %zu letters, digits, _ and -", what, value,
		   max);
	return false;
}

bool ctl_integer(const char *what, const char *value, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	errno = 0;
	long long n = strtoll(value, &end, 10);
	bool is_number = value[strspn(value, "-0123456789")] == '\0' && *value && !*end;
	if (is_number && !errno && n >= min && n <= max) {
		*out = n;
		return true;
	}
	ctl_misuse("%s: found \"%s\", expected a number from %lld to %lld", what, value,
		   (long long)min, (long long)max);
	return false;
}

int64_t ctl_duration(const char *text, int64_t max)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 9)
		return -1;
	int64_t count = strtol(text, NULL, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].unit) != 0)
			continue;
		if (count < 1 || count > max / units[i].seconds)
			return -1;
		return count * units[i].seconds;
	}
	return -1;
}

static int input_read(size_t bytes_max, char **text, size_t *size)
{
	char *bytes = malloc(bytes_max + 1);
	if (!bytes)
		return -ENOMEM;
	size_t n = fread(bytes, 1, bytes_max, stdin);
	int rc = ferror(stdin) ? -EIO : n == bytes_max && getc(stdin) != EOF ? -EFBIG : 0;
	bytes[n] = '\0';
	if (rc) {
		explicit_bzero(bytes, n);
		free(bytes);
		return rc;
	}
	*text = bytes;
	*size = n;
	return 0;
}

int ctl_file_read(const char *path, size_t bytes_max, char **text, size_t *size)
{
	bool is_input = strcmp(path, "-") == 0;
	int rc = is_input ? input_read(bytes_max, text, size)
			  : schema_file_read(path, bytes_max, text, size);
	if (rc)
		return ctl_fail("%s: %s", is_input ? "standard input" : path, strerror(-rc));
	return COMMAND_DONE;
}

int ctl_file_create(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	size_t size = strlen(text);
	int rc = write(fd, text, size) == (ssize_t)size ? 0 : -EIO;
	if (rc == 0 && fsync(fd))
		rc = -errno;
	if (close(fd) && rc == 0)
		rc = -errno;
	if (rc)
		unlink(path);
	return rc;
}

int ctl_key_load(const char *path, const char *id, const char *algorithm, struct jwt_key **key)
{
	char *text;
	size_t size;
	int rc = ctl_file_read(path, KEY_BYTES_MAX, &text, &size);
	if (rc)
		return rc;
	enum jwt_algorithm kind = (enum jwt_algorithm)jwt_algorithm_by_name(algorithm);
	rc = jwt_key_import(id, kind, text, size, key);
	explicit_bzero(text, size);
	free(text);
	if (rc)
		return ctl_fail("%s: found no key for %s, expected PEM or a JWK", path, algorithm);
	return COMMAND_DONE;
}

int ctl_key_make(const char *path, const char *algorithm, char **public_pem)
{
	struct jwt_key *key;
	if (jwt_key_generate("", (enum jwt_algorithm)jwt_algorithm_by_name(algorithm), &key))
		return ctl_fail("the key could not be made");
	char *private_pem = jwt_key_export(key, true), *pem = jwt_key_export(key, false);
	int rc = private_pem && pem ? ctl_file_create(path, 0600, private_pem) : -ENOMEM;
	if (private_pem)
		explicit_bzero(private_pem, strlen(private_pem));
	free(private_pem);
	jwt_key_destroy(key);
	if (rc) {
		free(pem);
		return ctl_fail("%s: %s", path, strerror(-rc));
	}
	*public_pem = pem;
	return COMMAND_DONE;
}
