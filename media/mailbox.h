/* How threads talk: a bounded ring of small typed messages, copied by value, with a wake-up for a
 * reader that sleeps. Any number of writers, one reader. Messages from one thread arrive in the
 * order it posted them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct transport;
struct feed;
struct barrier;
struct policing;
struct rte_mbuf;

enum message_type {
	/* to a worker */
	MESSAGE_PACKET,     /* packet: a datagram for a session homed there; ownership moves */
	MESSAGE_FEED,       /* packet: one reference of a feed's packet */
	MESSAGE_FEED_CLOCK, /* feed; word: RTP timestamp; a: NTP time; b: arrival ns; epoch
			       (media/feed.h) */
	MESSAGE_KEYFRAME,   /* feed: its publisher shall send a key frame */
	MESSAGE_SEND,       /* transport, packet: a DTLS datagram to send on the selected pair */
	MESSAGE_KEYS,       /* transport: its SRTP contexts are ready */
	MESSAGE_CREDIT,   /* transport; word: enum meter_kind; a: credit in ns, the total ever given
			   */
	MESSAGE_HOLD,     /* transport; word: bits of the kinds that must not pass from now on */
	MESSAGE_POLICING, /* policing; a, b: committed and peak rate of this worker's lane; word:
			     burst in ms */
	MESSAGE_POLICING_SESSION, /* transport; likewise, of its own */
	MESSAGE_LOSS, /* a: the viewer whose packet was dropped on its way out (media/viewers.h) */
	/* to the scheduler's owner */
	MESSAGE_LOOK, /* control changed slices or pipes */
	/* to the handshake thread */
	MESSAGE_DTLS,       /* transport, packet: a DTLS datagram; ownership moves */
	MESSAGE_DTLS_START, /* transport: an address is validated; an active side may begin */
	/* to both, in this order: handshake thread, then home worker */
	MESSAGE_CLOSE, /* transport */
	/* to control */
	MESSAGE_ICE_CONNECTED,
	MESSAGE_CONNECTED,        /* transport: keys are in force */
	MESSAGE_HANDSHAKE_FAILED, /* transport; a: const char *, the reason */
	MESSAGE_PEER_CLOSED,      /* transport: close_notify or BYE */
	MESSAGE_CONSENT_EXPIRED,
	MESSAGE_CREDIT_LOW, /* transport; word: enum meter_kind; a: used ns */
	MESSAGE_CREDIT_OUT, /* likewise: the kind's last packet has passed */
	MESSAGE_CLOSED, /* transport: no worker and no handshake refers to it any more, but for what
			   a barrier flushes */
	MESSAGE_BARRIER_DONE, /* barrier */
	/* to all */
	MESSAGE_BARRIER, /* barrier: acknowledge */
	MESSAGE_STOP,
};

struct message {
	uint32_t type; /* enum message_type */
	uint32_t word;
	union {
		struct transport *transport;
		struct feed *feed;
		struct barrier *barrier;
		struct policing *policing;
	};
	union {
		struct rte_mbuf *packet;
		uint64_t a;
		const char *reason;
	};
	uint64_t b;
	uint32_t epoch;
};

struct mailbox;

/* `size` is a power of two. Control thread. -ENOMEM and other negative errno. */
int mailbox_create(unsigned int size, struct mailbox **out);
void mailbox_destroy(struct mailbox *mailbox);

/* Posts a copy and wakes the reader if it sleeps. False when full: nothing was taken over. Never
 * waits for another writer. Any thread. */
bool mailbox_post(struct mailbox *mailbox, const struct message *message);
/* As mailbox_post, but leaves 1/4 of the ring to messages that must not be lost. For packets, and
 * for whatever else comes as often as a peer likes. */
bool mailbox_post_packet(struct mailbox *mailbox, const struct message *message);
/* The same without waking: mailbox_wake follows when the last of several is in. */
bool mailbox_put_packet(struct mailbox *mailbox, const struct message *message);
/* mailbox_post without waking. */
bool mailbox_put(struct mailbox *mailbox, const struct message *message);
/* Posts even when it must wait for the reader: never towards a thread that may be waiting for you.
 * Control waits for the handshake thread and workers, the handshake thread for workers. Workers use
 * it towards control alone, whose mailbox has room for all they may have to say (plane.c). */
void mailbox_post_wait(struct mailbox *mailbox, const struct message *message);
/* The same, but unless it must wait, nobody is woken. */
void mailbox_put_wait(struct mailbox *mailbox, const struct message *message);

/* Wakes the reader if it sleeps, for news that it finds elsewhere (and looks for between
 * mailbox_sleep and mailbox_wait). Any thread, when the news can be seen. */
void mailbox_wake(struct mailbox *mailbox);

/* Reader's side. Takes up to `max` messages. */
unsigned int mailbox_take(struct mailbox *mailbox, struct message *messages, unsigned int max);
/* Announces that the reader is about to wait on mailbox_fd(). False: something has come in, do not
 * wait. */
bool mailbox_sleep(struct mailbox *mailbox);
/* Waits until something comes in, `fd` (-1: none) polls readable, or it is due_ns of clock_ns()
 * (UINT64_MAX: for good). Between mailbox_sleep and mailbox_awake. */
void mailbox_wait(struct mailbox *mailbox, int fd, uint64_t due_ns);
/* Ends what mailbox_sleep announced and drains the descriptor. */
void mailbox_awake(struct mailbox *mailbox);
int mailbox_fd(const struct mailbox *mailbox);
