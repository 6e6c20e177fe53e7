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
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <srtp2/srtp.h>
#include <stun/stunagent.h>
#include <stun/usages/ice.h>

#include "bench/peer_private.h"
#include "bench/srtp_out.h"

#define CHECK_RETRY_NS 50000000ull
#define CONSENT_NS     4000000000ull
#define PRIORITY       (110u << 24 | 1u << 8 | 255)
#define TIE_BREAKER    1
#define UFRAG_LETTERS  8
#define PWD_LETTERS    24
#define MASTER_MAX     (32 + 14)
#define KEYING_LABEL   "EXTRACTOR-dtls_srtp"

struct peer {
	enum peer_state state;
	int fd;
	StunAgent stun;
	char ufrag[UFRAG_LETTERS + 1], pwd[PWD_LETTERS + 1], username[160];
	struct answer answer;
	uint64_t check_due_ns;      /* 0: there was none yet */
	StunTransactionId check_id; /* of the last */
	struct peer_tls *tls;       /* borrowed */
	SSL *ssl;
	BIO *in, *out;         /* memory, datagram by datagram; owned by ssl */
	unsigned long profile; /* once connected, as the keys */
	uint8_t send_master[MASTER_MAX], receive_master[MASTER_MAX];
	/* Each made with its first packet: many only listen, some do not even hear. */
	struct srtp_out *send;
	srtp_t receive;
};

static void write_text(const unsigned char *random, char *out, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEF";
	for (size_t i = 0; i < len; i++)
		out[i] = letters[random[i] % 32];
	out[len] = '\0';
}

static void make_credentials(struct peer *peer)
{
	unsigned char random[UFRAG_LETTERS + PWD_LETTERS];
	RAND_bytes(random, sizeof(random));
	write_text(random, peer->ufrag, UFRAG_LETTERS);
	write_text(random + UFRAG_LETTERS, peer->pwd, PWD_LETTERS);
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
	make_credentials(peer);
	stun_agent_init(&peer->stun, known, STUN_COMPATIBILITY_RFC5389,
			STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
	peer->tls = certificate->tls;
	peer->ssl = peer_tls_take(peer->tls, profiles);
	if (!peer->ssl) {
		peer_destroy(peer);
		return NULL;
	}
	peer->in = SSL_get_rbio(peer->ssl);
	peer->out = SSL_get_wbio(peer->ssl);
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
	if (peer->state == PEER_CONNECTED)
		peer_tls_give(peer->tls, peer->ssl);
	else
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
	if (peer->check_due_ns)
		stun_agent_forget_transaction(&peer->stun, peer->check_id);
	size_t size = stun_usage_ice_conncheck_create(
		&peer->stun, &message, bytes, sizeof(bytes), (const uint8_t *)peer->username,
		strlen(peer->username), (const uint8_t *)peer->answer.pwd, strlen(peer->answer.pwd),
		true, true, PRIORITY, TIE_BREAKER, NULL, STUN_USAGE_ICE_COMPATIBILITY_RFC5245);
	stun_message_id(&message, peer->check_id);
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

static srtp_profile_t profile_of(unsigned long id)
{
	switch (id) {
	case SRTP_AEAD_AES_256_GCM:
		return srtp_profile_aead_aes_256_gcm;
	case SRTP_AEAD_AES_128_GCM:
		return srtp_profile_aead_aes_128_gcm;
	default:
		return srtp_profile_aes128_cm_sha1_80;
	}
}

static bool create_receive(struct peer *peer)
{
	srtp_profile_t profile = profile_of(peer->profile);
	srtp_policy_t policy = {.ssrc = {.type = ssrc_any_inbound},
				.key = peer->receive_master,
				.window_size = 1024};
	srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
	srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
	return srtp_create(&peer->receive, &policy) == srtp_err_status_ok;
}

/* RFC 5764 4.2: client key, server key, client salt, server salt. */
static int take_keys(struct peer *peer)
{
	const SRTP_PROTECTION_PROFILE *selected = SSL_get_selected_srtp_profile(peer->ssl);
	uint8_t material[2 * MASTER_MAX], client[MASTER_MAX], server[MASTER_MAX];
	bool is_client = !peer->answer.is_dtls_active;
	if (!selected)
		return -EPROTO;
	srtp_profile_t profile = profile_of(selected->id);
	size_t key = srtp_profile_get_master_key_length(profile);
	size_t salt = srtp_profile_get_master_salt_length(profile);
	if (SSL_export_keying_material(peer->ssl, material, 2 * (key + salt), KEYING_LABEL,
				       strlen(KEYING_LABEL), NULL, 0, 0) != 1)
		return -EPROTO;
	memcpy(client, material, key);
	memcpy(client + key, material + 2 * key, salt);
	memcpy(server, material + key, key);
	memcpy(server + key, material + 2 * key + salt, salt);
	peer->profile = selected->id;
	memcpy(peer->send_master, is_client ? client : server, key + salt);
	memcpy(peer->receive_master, is_client ? server : client, key + salt);
	return 0;
}

/* The gateway's certificate must be the one its answer named. */
static bool is_answered_certificate(const struct peer *peer)
{
	char text[PEER_FINGERPRINT_TEXT];
	X509 *x509 = SSL_get1_peer_certificate(peer->ssl);
	if (!x509)
		return false;
	peer_fingerprint_write(x509, peer_tls_digest(peer->tls), text);
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
			if (size > 0 && size + record > PEER_MTU)
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
	if (!peer->receive && !create_receive(peer))
		return false;
	srtp_err_status_t status = is_rtcp ? srtp_unprotect_rtcp(peer->receive, bytes, &len)
					   : srtp_unprotect(peer->receive, bytes, &len);
	*size = (size_t)len;
	return status == srtp_err_status_ok;
}

static bool protect(struct peer *peer, uint8_t *bytes, size_t *size, bool is_rtcp)
{
	if (!peer->send)
		peer->send = srtp_out_create(peer->profile, peer->send_master);
	if (!peer->send)
		return false;
	return is_rtcp ? srtp_out_rtcp(peer->send, bytes, size)
		       : srtp_out_rtp(peer->send, bytes, size);
}

bool peer_send(struct peer *peer, uint8_t *bytes, size_t size, bool is_rtcp)
{
	bool is_ready = peer->answer.is_plain || protect(peer, bytes, &size, is_rtcp);
	return is_ready && send(peer->fd, bytes, size, 0) == (ssize_t)size;
}
