/* The life of a peer: a check is repeated until one is answered, then the handshake begins over the
 * same socket, then its keys make two SRTP contexts. Checks go on as consent, with USE-CANDIDATE
 * each time, so that the gateway follows wherever the socket is. */
#include "bench/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <srtp2/srtp.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include "bench/srtp_out.h"

#define CHECK_RETRY_NS 50000000ull
#define CONSENT_NS     4000000000ull
#define DTLS_FIRST_US  50000
#define DTLS_LAST_US   3000000
#define MTU            1200
#define PRIORITY       (110u << 24 | 1u << 8 | 255)
#define TIE_BREAKER    1
#define KEYING_LABEL   "EXTRACTOR-dtls_srtp"

struct peer_certificate {
	SSL_CTX *context; /* of all peers: owns key and certificate */
	char fingerprint[3 * 32];
};

struct peer {
	enum peer_state state;
	int fd;
	StunAgent stun;
	char ufrag[9], pwd[25], username[160];
	struct answer answer;
	uint64_t check_due_ns;
	SSL *ssl;
	BIO *in, *out; /* memory, datagram by datagram; owned by ssl */
	struct srtp_out *send;
	srtp_t receive;
};

/* What it is worth is judged by its fingerprint, after the handshake: building and checking a chain
 * would only cost time. */
static int accept_any(X509_STORE_CTX *store, void *context)
{
	(void)store;
	(void)context;
	return 1;
}

static X509 *create_x509(EVP_PKEY *key)
{
	X509 *x509 = X509_new();
	if (!x509)
		return NULL;
	ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
	X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
	X509_set_pubkey(x509, key);
	X509_sign(x509, key, EVP_sha256());
	return x509;
}

/* Cheap for us and for whom we measure: nothing is remembered for a resumption, and the key shares
 * are P-256's. */
static SSL_CTX *create_context(EVP_PKEY *key, X509 *x509)
{
	SSL_CTX *context = SSL_CTX_new(DTLS_method());
	if (!context)
		return NULL;
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(context, accept_any, NULL);
	if (SSL_CTX_use_certificate(context, x509) != 1 ||
	    SSL_CTX_use_PrivateKey(context, key) != 1 ||
	    SSL_CTX_set1_groups_list(context, "P-256") != 1) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

static void write_fingerprint(const X509 *x509, char out[3 * 32])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	X509_digest(x509, EVP_sha256(), digest, &size);
	for (unsigned int i = 0; i < size; i++)
		snprintf(&out[3 * i], 4, "%02X%s", digest[i], i + 1 < size ? ":" : "");
}

struct peer_certificate *peer_certificate_create(void)
{
	struct peer_certificate *certificate = calloc(1, sizeof(*certificate));
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = key ? create_x509(key) : NULL;
	if (certificate && x509) {
		certificate->context = create_context(key, x509);
		write_fingerprint(x509, certificate->fingerprint);
	}
	X509_free(x509);
	EVP_PKEY_free(key);
	if (certificate && !certificate->context) {
		free(certificate);
		return NULL;
	}
	return certificate;
}

void peer_certificate_destroy(struct peer_certificate *certificate)
{
	if (!certificate)
		return;
	SSL_CTX_free(certificate->context);
	free(certificate);
}

const char *peer_certificate_fingerprint(const struct peer_certificate *certificate)
{
	return certificate->fingerprint;
}

static void random_text(char *out, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEF";
	unsigned char random[64];
	RAND_bytes(random, (int)len);
	for (size_t i = 0; i < len; i++)
		out[i] = letters[random[i] % 32];
	out[len] = '\0';
}

/* As browsers do it: what a server was not ready for is not missed for a second. */
static unsigned int next_timeout_us(SSL *ssl, unsigned int last_us)
{
	(void)ssl;
	if (last_us == 0)
		return DTLS_FIRST_US;
	return 2 * last_us < DTLS_LAST_US ? 2 * last_us : DTLS_LAST_US;
}

static int create_ssl(struct peer *peer, const struct peer_certificate *certificate,
		      const char *profiles)
{
	peer->ssl = SSL_new(certificate->context);
	if (!peer->ssl || SSL_set_tlsext_use_srtp(peer->ssl, profiles) != 0)
		return -EINVAL;
	peer->in = BIO_new(BIO_s_mem());
	peer->out = BIO_new(BIO_s_mem());
	if (!peer->in || !peer->out) {
		BIO_free(peer->in);
		BIO_free(peer->out);
		return -ENOMEM;
	}
	BIO_set_mem_eof_return(peer->in, -1);
	BIO_set_mem_eof_return(peer->out, -1);
	SSL_set_bio(peer->ssl, peer->in, peer->out);
	SSL_set_mtu(peer->ssl, MTU);
	DTLS_set_timer_cb(peer->ssl, next_timeout_us);
	return 0;
}

struct peer *peer_create(const struct peer_certificate *certificate, const char *profiles)
{
	static uint16_t known[] = {STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS,
				   STUN_ATTRIBUTE_MESSAGE_INTEGRITY,
				   STUN_ATTRIBUTE_USERNAME,
				   STUN_ATTRIBUTE_ERROR_CODE,
				   STUN_ATTRIBUTE_PRIORITY,
				   STUN_ATTRIBUTE_USE_CANDIDATE,
				   0};
	struct peer *peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	peer->fd = -1;
	random_text(peer->ufrag, sizeof(peer->ufrag) - 1);
	random_text(peer->pwd, sizeof(peer->pwd) - 1);
	stun_agent_init(&peer->stun, known, STUN_COMPATIBILITY_RFC5389,
			STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	if (create_ssl(peer, certificate, profiles)) {
		peer_destroy(peer);
		return NULL;
	}
	return peer;
}

void peer_destroy(struct peer *peer)
{
	if (!peer)
		return;
	if (peer->fd >= 0)
		close(peer->fd);
	srtp_out_destroy(peer->send);
	if (peer->receive)
		srtp_dealloc(peer->receive);
	SSL_free(peer->ssl);
	free(peer);
}

const char *peer_ufrag(const struct peer *peer)
{
	return peer->ufrag;
}

const char *peer_pwd(const struct peer *peer)
{
	return peer->pwd;
}

int peer_fd(const struct peer *peer)
{
	return peer->fd;
}

enum peer_state peer_state(const struct peer *peer)
{
	return peer->state;
}

static void send_check(struct peer *peer, uint64_t now_ns)
{
	uint8_t bytes[512];
	StunMessage message;
	/* Earlier checks may go unanswered; the agent remembers a fixed number of them. */
	for (unsigned int i = 0; i < STUN_AGENT_MAX_SAVED_IDS; i++)
		peer->stun.sent_ids[i].valid = false;
	size_t size = stun_usage_ice_conncheck_create(
		&peer->stun, &message, bytes, sizeof(bytes), (const uint8_t *)peer->username,
		strlen(peer->username), (const uint8_t *)peer->answer.pwd, strlen(peer->answer.pwd),
		true, true, PRIORITY, TIE_BREAKER, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
	if (size > 0)
		send(peer->fd, bytes, size, 0);
	peer->check_due_ns = now_ns + (peer->state == PEER_CHECKING ? CHECK_RETRY_NS : CONSENT_NS);
}

static int open_socket(const struct answer *answer)
{
	int buffer = 1 << 20;
	int fd = socket(answer->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (connect(fd, (const struct sockaddr *)&answer->address, answer->address_len)) {
		int rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int peer_connect(struct peer *peer, const struct answer *answer, uint64_t now_ns)
{
	peer->answer = *answer;
	snprintf(peer->username, sizeof(peer->username), "%s:%s", answer->ufrag, peer->ufrag);
	if (answer->is_dtls_active)
		SSL_set_accept_state(peer->ssl);
	else
		SSL_set_connect_state(peer->ssl);
	return peer_move(peer, now_ns);
}

int peer_move(struct peer *peer, uint64_t now_ns)
{
	int fd = open_socket(&peer->answer);
	if (fd < 0)
		return fd;
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = fd;
	if (peer->answer.is_plain)
		peer->state = PEER_CONNECTED;
	else
		send_check(peer, now_ns);
	return 0;
}

static srtp_profile_t profile_of(const SRTP_PROTECTION_PROFILE *selected)
{
	switch (selected->id) {
	case SRTP_AEAD_AES_256_GCM:
		return srtp_profile_aead_aes_256_gcm;
	case SRTP_AEAD_AES_128_GCM:
		return srtp_profile_aead_aes_128_gcm;
	default:
		return srtp_profile_aes128_cm_sha1_80;
	}
}

static int create_receive(srtp_profile_t profile, uint8_t *key, srtp_t *out)
{
	srtp_policy_t policy = {
		.ssrc = {.type = ssrc_any_inbound}, .key = key, .window_size = 1024};
	srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
	srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
	return srtp_create(out, &policy) == srtp_err_status_ok ? 0 : -EINVAL;
}

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
static int take_keys(struct peer *peer)
{
	const SRTP_PROTECTION_PROFILE *selected = SSL_get_selected_srtp_profile(peer->ssl);
	uint8_t material[2 * (32 + 14)], client[32 + 14], server[32 + 14];
	bool is_client = !peer->answer.is_dtls_active;
	if (!selected)
		return -EPROTO;
	srtp_profile_t profile = profile_of(selected);
	size_t key = srtp_profile_get_master_key_length(profile);
	size_t salt = srtp_profile_get_master_salt_length(profile);
	if (SSL_export_keying_material(peer->ssl, material, 2 * (key + salt), KEYING_LABEL,
				       strlen(KEYING_LABEL), NULL, 0, 0) != 1)
		return -EPROTO;
	memcpy(client, material, key);
	memcpy(client + key, material + 2 * key, salt);
	memcpy(server, material + key, key);
	memcpy(server + key, material + 2 * key + salt, salt);
	peer->send = srtp_out_create(selected->id, is_client ? client : server);
	return peer->send ? create_receive(profile, is_client ? server : client, &peer->receive)
			  : -ENOMEM;
}

/* The gateway's certificate must be the one its answer named. */
static bool is_answered_certificate(struct peer *peer)
{
	char text[3 * 32];
	X509 *x509 = SSL_get1_peer_certificate(peer->ssl);
	if (!x509)
		return false;
	write_fingerprint(x509, text);
	X509_free(x509);
	return strcasecmp(text, peer->answer.fingerprint) == 0;
}

/* Sends what the handshake wrote: whole records, as many as fit a datagram. */
static void flush_dtls(struct peer *peer)
{
	char *records;
	long left = BIO_get_mem_data(peer->out, &records);
	while (left >= 13) {
		long size = 0;
		while (size + 13 <= left) {
			long record = 13 + ((uint8_t)records[size + 11] << 8 |
					    (uint8_t)records[size + 12]);
			if (size > 0 && size + record > MTU)
				break;
			size += record;
		}
		send(peer->fd, records, (size_t)size, 0);
		records += size;
		left -= size;
	}
	(void)BIO_reset(peer->out);
}

static void advance_handshake(struct peer *peer)
{
	int rc = SSL_do_handshake(peer->ssl);
	flush_dtls(peer);
	if (rc == 1)
		peer->state = is_answered_certificate(peer) && take_keys(peer) == 0 ? PEER_CONNECTED
										    : PEER_FAILED;
	else if (SSL_get_error(peer->ssl, rc) != SSL_ERROR_WANT_READ)
		peer->state = PEER_FAILED;
}

void peer_leave(struct peer *peer)
{
	if (peer->state != PEER_CONNECTED || peer->answer.is_plain)
		return;
	SSL_shutdown(peer->ssl);
	flush_dtls(peer);
}

void peer_tick(struct peer *peer, uint64_t now_ns)
{
	if (peer->answer.is_plain)
		return;
	if (peer->state != PEER_FAILED && now_ns >= peer->check_due_ns)
		send_check(peer, now_ns);
	if (peer->state == PEER_HANDSHAKING && DTLSv1_handle_timeout(peer->ssl) > 0)
		flush_dtls(peer);
}

/* A request has a username that begins with ours; a response has none. */
static bool find_password(StunAgent *agent, StunMessage *message, uint8_t *username,
			  uint16_t username_len, uint8_t **password, size_t *password_len,
			  void *context)
{
	struct peer *peer = context;
	(void)agent;
	(void)message;
	*password = (uint8_t *)(username && username_len > 0 ? peer->pwd : peer->answer.pwd);
	*password_len = strlen((const char *)*password);
	return true;
}

/* Some servers check, too, even those that call themselves ICE-lite. */
static void answer_check(struct peer *peer, StunMessage *request)
{
	StunMessage reply;
	uint8_t bytes[512];
	size_t size = sizeof(bytes);
	bool is_controlling = true;
	if (stun_usage_ice_conncheck_create_reply(
		    &peer->stun, request, &reply, bytes, &size, &peer->answer.address,
		    peer->answer.address_len, &is_controlling, TIE_BREAKER,
		    STUN_USAGE_ICE_COMPATIBILITY_RFC5245) == STUN_USAGE_ICE_RETURN_SUCCESS)
		send(peer->fd, bytes, size, 0);
}

static void on_stun(struct peer *peer, const uint8_t *bytes, size_t size)
{
	StunMessage message;
	if (stun_agent_validate(&peer->stun, &message, bytes, size, find_password, peer) !=
	    STUN_VALIDATION_SUCCESS)
		return;
	if (stun_message_get_class(&message) == STUN_REQUEST) {
		answer_check(peer, &message);
	} else if (stun_message_get_class(&message) == STUN_RESPONSE &&
		   peer->state == PEER_CHECKING) {
		peer->state = PEER_HANDSHAKING;
		advance_handshake(peer);
	}
}

bool peer_on_datagram(struct peer *peer, uint8_t *bytes, size_t size, uint64_t now_ns)
{
	(void)now_ns;
	if (size == 0)
		return false;
	if (bytes[0] >= 128 && bytes[0] <= 191)
		return peer->state == PEER_CONNECTED;
	if (bytes[0] < 4) {
		on_stun(peer, bytes, size);
	} else if (bytes[0] >= 20 && bytes[0] <= 63) {
		BIO_write(peer->in, bytes, (int)size);
		if (peer->state == PEER_HANDSHAKING)
			advance_handshake(peer);
	}
	return false;
}

bool peer_unprotect(struct peer *peer, uint8_t *bytes, size_t *size, bool is_rtcp)
{
	int len = (int)*size;
	if (peer->answer.is_plain)
		return true;
	srtp_err_status_t status = is_rtcp ? srtp_unprotect_rtcp(peer->receive, bytes, &len)
					   : srtp_unprotect(peer->receive, bytes, &len);
	*size = (size_t)len;
	return status == srtp_err_status_ok;
}

bool peer_send(struct peer *peer, uint8_t *bytes, size_t size, bool is_rtcp)
{
	bool is_ready = peer->answer.is_plain || (is_rtcp ? srtp_out_rtcp(peer->send, bytes, &size)
							  : srtp_out_rtp(peer->send, bytes, &size));
	return is_ready && send(peer->fd, bytes, size, 0) == (ssize_t)size;
}
