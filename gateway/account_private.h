/* Between account*.c, and for their tests: the book, what it knows of a tenant, a session's account
 * and its purses. Control thread. */
#pragma once

#include <sys/queue.h>

#include "gateway/account.h"
#include "gateway/session.h"
#include "slices/quota.h"
#include "slices/tenant.h"

#ifndef TAILQ_FOREACH_SAFE /* BSD's; glibc has it not */
#define TAILQ_FOREACH_SAFE(var, head, field, next)                                                 \
	for ((var) = TAILQ_FIRST(head); (var) && ((next) = TAILQ_NEXT(var, field), true);          \
	     (var) = (next))
#endif

#define ACCOUNT_KINDS_ALL     ((1u << METER_KINDS) - 1)
#define ACCOUNT_RESERVE_MS    1000 /* of voice, beside live video: for the moment that ends */
#define ACCOUNT_RISE_MS       1000 /* least stream that is worth rising again for */
#define ACCOUNT_RISE_NS       10000000000ull /* between tries of the fallen */
#define ACCOUNT_ASK_AGAIN_NS  1000000000ull  /* after an answer that held nothing */
#define ACCOUNT_CHECKPOINT_NS 5000000000ull
#define ACCOUNT_RECORD_MS_MAX 3600000 /* then a partial record is closed */
#define ACCOUNT_WAITERS_MAX   4096
#define ACCOUNT_ANSWER_NS     5000000000ull /* without an answer control is away */
#define ACCOUNT_ALONE_NS      2000000000ull /* between tries when the control plane says no */

/* A usage record that is open, and what pays for it. */
struct account_record {
	bool is_open;
	bool draws[ACCOUNTS]; /* limited when it was opened: its use is settled there */
	int64_t base_ms;      /* of its kind, in records before it */
	int64_t written_ms;   /* journaled last */
	struct usage_record usage;
};

/* One kind of a session's stream. Credit is lent in ms and counts on from what the meter has used;
 * the money behind it is what the whole of it would cost, rounded up, so that the record's cost,
 * rounded down, is always covered, however it is cut into chunks and records. */
struct purse {
	bool has_kind, is_unlimited;
	uint64_t credit_ns; /* the total ever given, as the meter has it or will */
	uint64_t told_ns;   /* what of it the meter was told last */
	int64_t lent[ACCOUNTS];
	bool is_low, is_out;   /* the meter said so and nothing could be lent yet */
	bool is_collecting;    /* its credit is being taken back, behind a barrier */
	enum account short_of; /* what it last fell short of; ACCOUNTS: nothing */
	struct account_record record;
};

struct account_session {
	TAILQ_ENTRY(account_session) of_book, of_tenant;
	struct account_book *book; /* parent */
	struct tenant *tenant;     /* borrowed */
	struct session *session;   /* parent; NULL until bound and after it was closed */
	bool is_publisher;
	bool is_billed;    /* its use is recorded, and paid for where that is limited */
	bool is_connected; /* its worker can be reached */
	bool is_paused;    /* held by control */
	uint8_t fallen;    /* bit per kind: lost on the ladder */
	uint8_t follows;   /* bit per kind: a publisher none of whose viewers has it */
	uint8_t held_told; /* to the worker */
	uint8_t reclaims;  /* collections that are still behind their barrier */
	enum account fallen_by[METER_KINDS];
	int64_t admission_micros;       /* lent for it */
	int64_t admission_price_micros; /* per interaction_unit */
	unsigned int admission_interactions;
	uint32_t sequence;               /* of the next record */
	uint64_t checkpoint_ns, rise_ns; /* next */
	struct purse purses[METER_KINDS];
};
TAILQ_HEAD(account_list, account_session);

/* What the book knows of a tenant's accounts; tenant->book_entry, owned by the book. The tenant's
 * table keeps a tenant as long as it has one. */
struct account_entry {
	TAILQ_ENTRY(account_entry) link;
	struct tenant *tenant; /* borrowed */
	struct account_list sessions;
	unsigned int n_sessions;
	int64_t price_micros[METER_KINDS];
	char split[16];
	struct {
		bool is_asked;     /* quota.request is in flight */
		bool is_exhausted; /* the last answer held nothing */
		uint64_t asked_ns, ask_from_ns;
		int64_t recalled; /* still wanted by a recall, whose answer waits */
		void (*returned)(void *context, int64_t returned_total);
		void *returned_context;
	} accounts[ACCOUNTS];
};

struct account_waiter;
struct account_question;

/* At least `wanted` more, and up to `comfort` if there is plenty. */
struct account_wish {
	struct tenant *tenant;
	enum account account;
	int64_t wanted, comfort;
};

/* What the accounts do to the rest of the node. Tests put their own in place. */
struct account_reach {
	void (*set_credit)(struct session *session, enum meter_kind kind, uint64_t credit_ns);
	void (*set_held)(struct session *session, uint8_t held);
	/* Runs `done` later, when the session's worker has seen all that was said before. */
	int (*barrier)(struct session *session, void (*done)(void *context), void *context);
	void (*terminate)(struct session *session, enum session_reason reason);
	/* False: no control plane. Else account_answered comes later. */
	bool (*ask)(struct account_book *book, const struct account_wish *wish);
	bool (*has_control)(struct account_book *book);
	uint64_t (*now_ns)(void);
	int64_t (*utc_ms)(void);
};

struct account_book {
	struct node *node;
	struct account_reach reach;
	struct journal *journal; /* NULL: nothing is limited or written down */
	bool is_alone;           /* the control plane does not answer */
	uint64_t try_control_ns; /* it is connected and cannot answer: next try */
	uint64_t ticked_ns;
	TAILQ_HEAD(, account_entry) entries;
	struct account_list sessions;
	TAILQ_HEAD(account_waiters, account_waiter) waiters, woken;
	unsigned int n_waiters;
	TAILQ_HEAD(, account_question) questions; /* in flight */
};

extern const struct account_reach account_reach_node; /* the real one; account_reach.c */
/* Questions that are in flight get no answer any more. */
void account_reach_stop(struct account_book *book);

static inline enum account account_of_kind(enum meter_kind kind)
{
	return kind == METER_VIDEO ? ACCOUNT_VIDEO : ACCOUNT_VOICE;
}
static inline uint8_t account_kind_bit(enum meter_kind kind)
{
	return (uint8_t)(1u << kind);
}
enum meter_kind account_kind_of(enum codec codec);
uint64_t account_used_ns(const struct account_session *account, enum meter_kind kind);
/* Its session is not being taken apart: worker and browser may be told something. */
bool account_is_live(const struct account_session *account);
/* Voice, and the session's video was not lost: it carries the voice. */
bool account_has_live_video(const struct account_session *account, enum meter_kind kind);
/* Is a session like this one recorded, and paid for, by the tenant's policy as it is now? */
bool account_bills(const struct account_session *account);
/* The first credit of a kind. False: none is to be had. */
bool account_lend_kind(struct account_session *account, enum meter_kind kind, int64_t ms);
/* Prices, limits or who is billed have changed: the records of its sessions are of the new ones. */
void account_follow(struct account_entry *entry);
/* Gives back a purse no meter has counted on. */
void account_empty(struct account_session *account, enum meter_kind kind);
/* Out of all lists; freed once no barrier will come back to it. */
void account_leave(struct account_session *account);
void account_free(struct account_session *account);

/* --- account_purse.c: lending and settling, pure but for the quotas --- */
/* Is this kind paid for from a limit of this account? */
bool purse_draws_on(const struct account_entry *entry, enum meter_kind kind, enum account account);
/* Decides whether the tenant's limits touch this kind at all. */
bool purse_is_limited(const struct account_entry *entry, enum meter_kind kind);
/* Lends up to `want_ms` more; returns how much, and in purse->short_of what it fell short of. */
int64_t purse_lend(struct account_entry *entry, struct purse *purse, enum meter_kind kind,
		   int64_t want_ms);
/* Gives back what the credit above `used_ns` was lent for; the credit ends there. */
void purse_cut(struct account_entry *entry, struct purse *purse, enum meter_kind kind,
	       uint64_t used_ns);
/* The loan ends: of it `used_ms` and `cost_micros` are gone. */
void purse_settle(struct account_entry *entry, struct purse *purse, int64_t used_ms,
		  int64_t cost_micros);
/* Ms of the loan that `used_ns` has not touched. */
int64_t purse_unused_ms(const struct purse *purse, uint64_t used_ns);
/* The control plane has said there is no more for this kind. */
bool purse_is_scarce(const struct account_entry *entry, enum meter_kind kind);
/* Stream of this kind that could be lent to its sessions together. */
int64_t purse_lendable_ms(const struct account_entry *entry, enum meter_kind kind);
/* How much is lent at once: a chunk, or when no more is to be had a fair share of the rest. */
int64_t purse_chunk_ms(const struct account_entry *entry, enum meter_kind kind);
/* The amount of an account that a chunk of any kind takes. */
int64_t purse_chunk_amount(const struct account_entry *entry, enum account account);

/* --- account_record.c --- */
void record_open(struct account_session *account, enum meter_kind kind, int64_t opened_at_ms);
/* Journals what was used since, if anything. */
void record_checkpoint(struct account_session *account, enum meter_kind kind);
/* Closes it for good and settles its loan. What is left of the credit is without a loan then. */
void record_close(struct account_session *account, enum meter_kind kind, int64_t closed_at_ms);
/* One for the next hour, at another price, or none any more: what is left of the credit is lent
 * anew. */
void record_renew(struct account_session *account, enum meter_kind kind, int64_t at_ms);
/* The interaction_units of admission. */
void record_admission(struct account_session *account);

/* --- account_quota.c: the tenant's quotas and the control plane --- */
enum account_asked { ASKED, ASKED_IN_VAIN, ASKED_NOBODY };
struct account_entry *account_entry_of(struct account_book *book, struct tenant *tenant);
/* Prices and limits of the tenant's policy as it is now. */
void account_entry_read(struct account_book *book, struct account_entry *entry);
/* Wants `need` to be free. ASKED: something is on its way. */
enum account_asked account_ask(struct account_book *book, struct account_entry *entry,
			       enum account account, int64_t need);
/* The answer: whoever waits is served, or falls. */
void account_answered(struct account_book *book, struct tenant *tenant, enum account account,
		      int64_t granted_total, bool is_unlimited);
void account_unanswered(struct account_book *book, struct tenant *tenant, enum account account);
/* -EINPROGRESS, or -EAGAIN: too many wait. */
int account_wait(struct account_book *book, const struct account_request *request);
void account_quota_tick(struct account_book *book, uint64_t now_ns);
/* Forgets whoever waits and whatever was asked. */
void account_quota_stop(struct account_book *book);
/* Serves whoever waits for the account from what is free now. */
void account_distribute(struct account_book *book, struct account_entry *entry,
			enum account account);
/* --- account_recall.c --- */
/* Takes back what the kinds were lent and have not used, behind a barrier; whoever waits for it is
 * served then. Only from a session that is connected: a worker that is not known cannot be told to
 * spend no more of it. */
void account_collect(struct account_session *account, uint8_t kinds);
/* Collects what lies idle of an account: of sessions that are paused or have fallen, and the
 * reserve of voice beside live video. False: there is none. */
bool account_squeeze(struct account_entry *entry, enum account account);

/* Answers recalls that wait. */
void account_recall_stop(struct account_entry *entry);

/* --- account_ladder.c --- */
/* More for a purse that is low or out; out and none to come: it falls. */
void account_top_up(struct account_session *account, enum meter_kind kind);
void account_fall(struct account_session *account, enum meter_kind kind, enum account by);
void account_rise(struct account_session *account);
/* Of one that is held: asks again for what there was none of, so that it may be let go. */
void account_inquire(struct account_session *account);
/* Tells the worker what is held. */
void account_push_held(struct account_session *account);
void account_push_credit(struct account_session *account, enum meter_kind kind);
