/* A burst through the crypto devices: each job is numbered (packet index, SRTCP index), laid out
 * and given an operation; the device runs them; what it made is closed with lengths and trailers.
 *
 * Where the bytes go. AES-GCM reads the payload from the source and writes it behind the header of
 * the packet; the driver wants one offset for both buffers, so the packet's data offset is moved
 * for as long as it works. AES-CM goes in place, behind a copy: the driver's cipher-then-hash
 * copies the source's header over the packet's, and each viewer has its own (a copy of 1,200 bytes
 * is a tenth of what the transform takes). Its HMAC covers the rollover counter (RFC 3711 4.2),
 * which stands behind the payload until the tag takes its place. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "media/rtp.h"
#include "media/srtp_sender.h"
#include "media/wire.h"

#define INDEX_MAX      ((1ull << 48) - 1)
#define SEQUENCE_HALF  0x8000u
#define RTP_BYTES_MIN  12
#define ROLLOVER_BYTES 4

static struct sender_source *source_of(struct srtp_sender *sender, uint32_t ssrc)
{
	for (unsigned int i = 0; i < sender->n_sources; i++)
		if (sender->sources[i].ssrc == ssrc)
			return &sender->sources[i];
	if (sender->n_sources == sender->sources_max)
		return NULL;
	struct sender_source *source = &sender->sources[sender->n_sources++];
	source->ssrc = ssrc;
	return source;
}

/* Before the first half turn there was no rollover: a number is what it says. */
static int64_t index_of(const struct sender_source *source, uint16_t sequence)
{
	if (!source->has_rtp || source->highest <= SEQUENCE_HALF)
		return sequence;
	return rtp_unwrap((int64_t)source->highest, sequence);
}

/* Takes the packet's index, which must never have been used: with it the same key stream would
 * cover two payloads. */
static int take_index(struct sender_source *source, uint16_t sequence, uint64_t *index)
{
	int64_t guess = index_of(source, sequence);
	if (guess < 0)
		return -EALREADY;
	uint64_t taken = (uint64_t)guess;
	if (taken > INDEX_MAX)
		return -EKEYEXPIRED;
	if (!source->has_rtp) {
		source->has_rtp = true;
		source->highest = taken;
	} else if (taken > source->highest) {
		uint64_t forget = RTE_MIN(taken - source->highest, (uint64_t)SRTP_WINDOW_PACKETS);
		for (uint64_t i = taken - forget + 1; i < taken; i++)
			source->used[i / 64 % RTE_DIM(source->used)] &= ~(1ull << (i % 64));
		source->highest = taken;
	} else if (source->highest - taken >= SRTP_WINDOW_PACKETS ||
		   source->used[taken / 64 % RTE_DIM(source->used)] & 1ull << (taken % 64)) {
		return -EALREADY;
	}
	source->used[taken / 64 % RTE_DIM(source->used)] |= 1ull << (taken % 64);
	*index = taken;
	return 0;
}

/* Of AES-GCM 12 bytes (RFC 7714 8.1 with a 48-bit index, 9.1 with one of 31 bits):
 *
 *     | 0 (2) | SSRC (4) | index (6) |              all of it XOR the salt
 *
 * of AES-CM 16 (RFC 3711 4.1.1), two bytes further on. */
static void write_iv(const struct srtp_sender *sender, struct rte_crypto_op *op, bool is_rtcp,
		     uint32_t ssrc, uint64_t index)
{
	uint8_t bytes[SRTP_IV_BYTES] = {0};
	uint8_t *at = bytes + (sender->suite == SUITE_GCM ? 2 : 4);
	uint64_t word[2], salt[2];
	wire_write32(at, ssrc);
	wire_write32(at + 4, (uint32_t)(index >> 16));
	wire_write16(at + 8, (uint16_t)index);
	memcpy(word, bytes, sizeof(word));
	memcpy(salt, sender->salts[is_rtcp ? PROTOCOL_RTCP : PROTOCOL_RTP], sizeof(salt));
	word[0] ^= salt[0];
	word[1] ^= salt[1];
	memcpy(rte_crypto_op_ctod_offset(op, uint8_t *, SRTP_IV_OFFSET), word, sizeof(word));
}

/* How a job lies in memory while the device works on it. */
struct layout {
	uint16_t header_bytes, payload_bytes;
	uint16_t data_off; /* the packet's own */
	bool is_moved;
};

static int check(const struct srtp_job *job, struct layout *layout)
{
	const struct rte_mbuf *packet = job->packet;
	unsigned int header = job->is_rtcp ? SRTCP_HEADER_BYTES : job->header_bytes;
	unsigned int payload = job->source ? job->payload_bytes : 0;
	assert(packet->nb_segs == 1);
	assert(!job->source || (!job->is_rtcp && packet->data_len == header));
	if (!job->source && packet->data_len >= header)
		payload = packet->data_len - header;
	if (header < (job->is_rtcp ? SRTCP_HEADER_BYTES : RTP_BYTES_MIN) ||
	    packet->data_len < header || header + payload > PACKET_BYTES_MAX)
		return -EBADMSG;
	unsigned int trailer = srtp_sender_trailer_bytes(job->sender, job->is_rtcp);
	unsigned int room = (job->source ? payload : 0) + trailer;
	if (rte_pktmbuf_tailroom(packet) < room)
		return -ENOSPC;
	*layout = (struct layout){(uint16_t)header, (uint16_t)payload, packet->data_off, false};
	return 0;
}

static void lay_out_gcm(struct srtp_job *job, struct rte_crypto_op *op, struct layout *layout,
			uint8_t *aad)
{
	struct rte_mbuf *packet = job->packet;
	struct rte_crypto_sym_op *sym = op->sym;
	uint8_t *header = rte_pktmbuf_mtod(packet, uint8_t *);
	uint8_t *payload = header + layout->header_bytes;
	sym->aead.aad.data = aad ? aad : header;
	sym->aead.digest.data = payload + layout->payload_bytes;
	sym->aead.data.length = layout->payload_bytes;
	unsigned int position = layout->data_off + layout->header_bytes;
	if (job->source && position >= job->source_offset) {
		layout->is_moved = true;
		packet->data_off = (uint16_t)(position - job->source_offset);
		sym->m_src = (struct rte_mbuf *)job->source;
		sym->m_dst = packet;
		sym->aead.data.offset = job->source_offset;
		return;
	}
	if (job->source)
		memcpy(payload, rte_pktmbuf_mtod_offset(job->source, uint8_t *, job->source_offset),
		       layout->payload_bytes);
	packet->data_len = (uint16_t)(layout->header_bytes + layout->payload_bytes);
	sym->m_src = packet;
	sym->m_dst = NULL;
	sym->aead.data.offset = layout->header_bytes;
}

/* `covered`: the word behind the payload that the HMAC covers too, of which RTCP sends what RTP
 * only reckons with. */
static void lay_out_cm(struct srtp_job *job, struct rte_crypto_op *op, struct layout *layout,
		       uint32_t covered)
{
	struct rte_mbuf *packet = job->packet;
	struct rte_crypto_sym_op *sym = op->sym;
	uint8_t *payload = rte_pktmbuf_mtod_offset(packet, uint8_t *, layout->header_bytes);
	uint8_t *end = payload + layout->payload_bytes;
	if (job->source)
		memcpy(payload, rte_pktmbuf_mtod_offset(job->source, uint8_t *, job->source_offset),
		       layout->payload_bytes);
	wire_write32(end, covered);
	packet->data_len =
		(uint16_t)(layout->header_bytes + layout->payload_bytes + ROLLOVER_BYTES);
	sym->m_src = packet;
	sym->m_dst = NULL;
	sym->cipher.data.offset = layout->header_bytes;
	sym->cipher.data.length = layout->payload_bytes;
	sym->auth.data.offset = 0;
	sym->auth.data.length = packet->data_len;
	sym->auth.digest.data = job->is_rtcp ? end + SRTCP_INDEX_BYTES : end;
}

/* The next SRTCP index, with the bit that says "encrypted". */
static int take_rtcp_index(struct sender_source *source, uint32_t *word)
{
	if (source->rtcp_index == SRTCP_INDEX_MAX)
		return -EKEYEXPIRED;
	*word = ++source->rtcp_index | 1u << 31;
	return 0;
}

static void prefetch(const void *bytes, unsigned int size)
{
	for (unsigned int i = 0; i < size; i += 64)
		__builtin_prefetch((const char *)bytes + i);
}

void srtp_sender_prefetch(const struct srtp_sender *sender)
{
	__builtin_prefetch(sender);
	prefetch(sender->sources, sizeof(sender->sources[0]));
}

/* The one it used last, mostly: packets of a track have headers of one length. */
static void *rtp_session(struct srtp_sender *sender, uint16_t header_bytes)
{
	if (!sender->last_session || sender->last_header_bytes != header_bytes) {
		sender->last_session = srtp_sender_rtp_session(sender, header_bytes);
		sender->last_header_bytes = header_bytes;
	}
	return sender->last_session;
}

static int prepare(struct srtp_queue *queue, struct srtp_job *job, unsigned int slot,
		   struct layout *layout)
{
	struct srtp_sender *sender = job->sender;
	struct rte_crypto_op *op = queue->ops[slot];
	int rc = check(job, layout);
	if (rc)
		return rc;
	const uint8_t *bytes = rte_pktmbuf_mtod(job->packet, const uint8_t *);
	uint32_t ssrc = wire_read32(bytes + (job->is_rtcp ? 4 : 8)), word = 0;
	uint64_t index = 0;
	void *session =
		job->is_rtcp ? sender->rtcp_session : rtp_session(sender, layout->header_bytes);
	struct sender_source *source = source_of(sender, ssrc);
	if (!source)
		return -ENOBUFS;
	if (!session)
		return job->is_rtcp ? -EIO : -EAGAIN;
	rc = job->is_rtcp ? take_rtcp_index(source, &word)
			  : take_index(source, wire_read16(bytes + 2), &index);
	if (rc)
		return rc;
	if (job->is_rtcp)
		index = word & SRTCP_INDEX_MAX;
	write_iv(sender, op, job->is_rtcp, ssrc, index);
	prefetch(session, queue->devices->of[sender->suite].session_bytes);
	op->status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
	op->sym->session = session;
	if (sender->suite == SUITE_CM) {
		lay_out_cm(job, op, layout, job->is_rtcp ? word : (uint32_t)(index >> 16));
	} else if (job->is_rtcp) {
		uint8_t *aad = queue->aad[slot];
		memcpy(aad, bytes, SRTCP_HEADER_BYTES);
		wire_write32(aad + SRTCP_HEADER_BYTES, word);
		lay_out_gcm(job, op, layout, aad);
	} else {
		lay_out_gcm(job, op, layout, NULL);
	}
	return 0;
}

static int finish(const struct srtp_queue *queue, struct srtp_job *job, unsigned int slot,
		  const struct layout *layout)
{
	struct rte_mbuf *packet = job->packet;
	const struct srtp_sender *sender = job->sender;
	packet->data_off = layout->data_off;
	unsigned int size = layout->header_bytes + (unsigned int)layout->payload_bytes;
	if (job->is_rtcp && sender->suite == SUITE_GCM)
		memcpy(rte_pktmbuf_mtod_offset(packet, uint8_t *, size + sender->tag_bytes),
		       queue->aad[slot] + SRTCP_HEADER_BYTES, SRTCP_INDEX_BYTES);
	size += srtp_sender_trailer_bytes(sender, job->is_rtcp);
	packet->data_len = (uint16_t)size;
	packet->pkt_len = size;
	return queue->ops[slot]->status == RTE_CRYPTO_OP_STATUS_SUCCESS ? 0 : -EIO;
}

/* In place, behind a copy. */
static int protect_by_library(struct srtp_job *job)
{
	struct rte_mbuf *packet = job->packet;
	struct nn_srtp *library = job->sender->library;
	struct layout layout;
	int rc = check(job, &layout);
	if (rc)
		return rc;
	if (job->source)
		memcpy(rte_pktmbuf_mtod_offset(packet, uint8_t *, layout.header_bytes),
		       rte_pktmbuf_mtod_offset(job->source, uint8_t *, job->source_offset),
		       layout.payload_bytes);
	packet->data_len = (uint16_t)(layout.header_bytes + layout.payload_bytes);
	packet->pkt_len = packet->data_len;
	if (job->is_rtcp)
		nn_srtcp_protect(library, &packet, 1, &rc);
	else
		nn_srtp_protect(library, &packet, 1, &rc);
	return rc;
}

/* Runs operations that were prepared. Synchronous drivers hand back in the dequeue what they were
 * given; one that works by itself is waited for. */
static void run(const struct srtp_queue *queue, enum srtp_suite suite, struct rte_crypto_op **ops,
		uint16_t n)
{
	struct rte_crypto_op *done[SRTP_BURST_MAX];
	uint8_t device = queue->devices->of[suite].id;
	uint16_t n_in = 0, n_out = 0;
	while (n_out < n) {
		if (n_in < n)
			n_in = (uint16_t)(n_in + rte_cryptodev_enqueue_burst(device, queue->index,
									     ops + n_in,
									     (uint16_t)(n - n_in)));
		n_out = (uint16_t)(n_out + rte_cryptodev_dequeue_burst(device, queue->index, done,
								       (uint16_t)(n_in - n_out)));
	}
}

/* Operations that were prepared, by suite. */
struct pending {
	struct rte_crypto_op *ops[SRTP_SUITES][SRTP_BURST_MAX];
	uint16_t n[SRTP_SUITES];
};

static void run_pending(const struct srtp_queue *queue, struct pending *pending)
{
	for (unsigned int suite = 0; suite < SRTP_SUITES; suite++) {
		if (pending->n[suite] > 0)
			run(queue, (enum srtp_suite)suite, pending->ops[suite], pending->n[suite]);
		pending->n[suite] = 0;
	}
}

/* A sender with packets of more lengths than it has sessions gives one back, which what is pending
 * may use. */
static int prepare_again(struct srtp_queue *queue, struct srtp_job *job, unsigned int slot,
			 struct layout *layout, struct pending *pending)
{
	run_pending(queue, pending);
	int rc = srtp_sender_drop_session(job->sender) ? prepare(queue, job, slot, layout) : -EIO;
	return rc == -EAGAIN ? -EIO : rc;
}

static unsigned int protect_chunk(struct srtp_queue *queue, struct srtp_job *jobs, unsigned int n)
{
	struct layout layouts[SRTP_BURST_MAX];
	struct pending pending;
	unsigned int done = 0;
	memset(pending.n, 0, sizeof(pending.n));
	for (unsigned int i = 0; i < n; i++) {
		const struct srtp_sender *sender = jobs[i].sender;
		if (sender->library) {
			jobs[i].result = protect_by_library(&jobs[i]);
			continue;
		}
		jobs[i].result = prepare(queue, &jobs[i], i, &layouts[i]);
		if (jobs[i].result == -EAGAIN)
			jobs[i].result = prepare_again(queue, &jobs[i], i, &layouts[i], &pending);
		if (jobs[i].result == 0)
			pending.ops[sender->suite][pending.n[sender->suite]++] = queue->ops[i];
	}
	run_pending(queue, &pending);
	for (unsigned int i = 0; i < n; i++) {
		if (jobs[i].result == 0 && !jobs[i].sender->library)
			jobs[i].result = finish(queue, &jobs[i], i, &layouts[i]);
		done += jobs[i].result == 0;
	}
	return done;
}

unsigned int srtp_queue_protect(struct srtp_queue *queue, struct srtp_job *jobs, unsigned int n)
{
	unsigned int done = 0;
	for (unsigned int i = 0; i < n; i += SRTP_BURST_MAX)
		done += protect_chunk(queue, jobs + i,
				      RTE_MIN(n - i, (unsigned int)SRTP_BURST_MAX));
	return done;
}
