/* Key files: read whole, refused when others may read them, made once and complete. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Reads at most `bytes_max` bytes into `out`; returns how many, and whether only the owner may read
 * or write the file. -EFBIG: more bytes; other negative errno. Logged, but for -ENOENT. */
int key_file_read(const char *path, void *out, size_t bytes_max, bool *is_private);
/* Logs that a secret key lies open to others, and how to mend it. -EACCES. */
int key_file_refuse(const char *path);
/* Mode 0600, synced, and there at once with all its bytes or not at all. -EEXIST: another process
 * was faster, and its file stays. Negative errno, logged. */
int key_file_make(const char *path, const void *bytes, size_t size);
