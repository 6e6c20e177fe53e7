/* OpenSSL's AES for libsrtp2 in place of that which it was built with. Debian's is built with NSS,
 * where each context takes 9 KB, a packet is an operation of a token, and finding the key is a walk
 * along a list that all sessions share. Everything else (numbers, replay, key derivation, what is
 * authenticated) stays libsrtp2's. */
#pragma once

/* After srtp_init, before any session is made. libsrtp2 first tries it on its own test vectors and
 * ours. -EIO: it is not what it should be, or OpenSSL has no such cipher. */
int srtp_cipher_install(void);
/* After the last session is gone. */
void srtp_cipher_remove(void);
