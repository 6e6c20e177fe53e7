/* What the mathematics of a mutual DTLS 1.2 handshake with P-256 costs each side on this machine:
 * signs once, verifies once, makes a key, derives a secret. By OpenSSL's EVP with all made before
 * that can be, as `openssl speed ecdsap256 ecdhp256` measures it: nothing of a handshake can be
 * quicker. So deriving is without checking the other's key first. */
#pragma once

struct bound {
	double sign_us, verify_us, keygen_us, derive_us;
	double per_second; /* 1 / (sign + verify + keygen + derive): with a core for each side */
};

/* Takes about a second, on the calling thread. -EIO when OpenSSL refuses. */
int bound_measure(struct bound *bound);
