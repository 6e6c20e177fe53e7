/* The node's HTTPS certificate: chain and key out of PEM files, shown to every new TLS connection.
 * The only file of the room that knows OpenSSL. Control thread. */
#pragma once

struct certificate;

/* Reads a chain (leaf first) and its key. -ENOENT when a file is not there, -EINVAL when one cannot
 * be read as PEM or the key is another certificate's; logged with the file's name. */
int certificate_load(const char *certificate_file, const char *key_file, struct certificate **out);
/* Connections that were set up with it live on. Takes NULL. */
void certificate_destroy(struct certificate *certificate);
/* Makes an SSL_CTX (passed as the TLS library's owner has it) show whatever `*slot` holds when a
 * handshake begins, and refuse everything below TLS 1.2. A handshake fails while `*slot` is NULL.
 * Both are borrowed for the context's life. */
int certificate_attach(void *ssl_ctx, struct certificate *const *slot);
