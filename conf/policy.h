/* What a tenant may do and what it costs: prices, budget, rate, ladder, access. One table of rows
 * (policy.c) feeds the YAML of tenants.yaml, the JSON of the store and the admin socket, and the
 * documentation. Money is micros (1e-6 of the currency), never floating point. Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define POLICY_UNLIMITED    INT64_MAX
#define POLICY_DOMAINS_MAX  32
#define POLICY_ROUTES_MAX   64
#define POLICY_TIMEZONE_UTC "UTC"

struct json_t;

/* What is counted against a budget; grants are made in these. */
enum account {
	ACCOUNT_CREDIT, /* micros */
	ACCOUNT_VIDEO,  /* ms of stream */
	ACCOUNT_VOICE,  /* ms of stream */
	ACCOUNTS
};
extern const char *const account_names[ACCOUNTS]; /* "credit", "video", "voice" */

enum policy_outage { OUTAGE_DENY, OUTAGE_CONTINUE_BOUNDED };
enum policy_rung { RUNG_VOICE, RUNG_TEXT, RUNG_DENY }; /* what a session falls to */
enum policy_consent { CONSENT_GRANTED, CONSENT_PENDING, CONSENT_REVOKED };
enum policy_billed { BILLED_PLAY, BILLED_PUBLISH, BILLED_BOTH };
enum policy_split { SPLIT_PLATFORM, SPLIT_IMVU, SPLIT_MINI_PLATFORM }; /* 0/100, 55/45, 80/20 */
enum policy_access { ACCESS_PUBLIC, ACCESS_PRIVATE, ACCESS_RESTRICTED };

/* Who may play or publish a stream beyond holding a token of the tenant: public any; private a
 * token that names this very stream; restricted such a token whose `sub` is the route's subject. */
struct policy_route {
	char *stream;  /* a name, or a beginning followed by '*' */
	char *access;  /* public, private, restricted */
	char *subject; /* of restricted ones; NULL else */
};

/* Texts and lists are owned (policy_free). Choices are kept as texts by the schema and read through
 * the functions below. */
struct policy {
	struct {
		int64_t video_micros, voice_micros; /* per minute_unit: 60 s of stream */
		int64_t token_micros;               /* per token_unit: 1,000 tokens */
		int64_t interaction_micros;         /* per interaction_unit: one turn */
		unsigned int session_interactions;  /* interaction_units a billed session costs when
						       it is admitted */
	} prices;
	struct {
		bool prepaid;           /* what was topped up is all there is */
		int64_t monthly_micros; /* hard limit of a calendar month; POLICY_UNLIMITED */
		int64_t video_minutes, voice_minutes; /* of a calendar month; POLICY_UNLIMITED */
		char *timezone;                       /* of the calendar: an IANA name */
		char *outage;          /* control plane away and nothing in hand: deny,
					  continue_bounded */
		int64_t outage_micros; /* the bound of continue_bounded, per node and outage */
	} budget;
	struct {
		unsigned int requests;  /* 0 = any number */
		unsigned int period_ms; /* `requests` in this time */
		unsigned int burst;     /* at once, on top of a steady stream */
		unsigned int queue;     /* requests that may wait */
		unsigned int delay_ms;  /* longest wait; what would wait longer is refused */
	} rate;
	struct {
		char *video_out;  /* voice, deny */
		char *voice_out;  /* text, deny */
		char *credit_out; /* deny, text */
	} ladder;
	struct {
		char **domains; /* hosts, or ".example.org" with all below; none: any */
		unsigned int n_domains;
		struct policy_route *routes; /* the first that fits; none: public */
		unsigned int n_routes;
		char *consent; /* granted, pending, revoked */
	} access;
	struct { /* wire rates; 0 = unlimited, a peak of 0 = twice the committed rate */
		int64_t ingress_bps, ingress_peak_bps;                 /* of all its publishers */
		int64_t session_ingress_bps, session_ingress_peak_bps; /* of each */
		unsigned int burst_ms; /* what may come at once, at the committed and peak rate */
		int64_t egress_bps;    /* what it is sent at most; 0: what its slice gives */
	} bandwidth;
	char *billed;                     /* play, publish, both */
	char *split;                      /* platform, imvu, mini_platform */
	unsigned int sessions_max;        /* 0 = the node's limit */
	unsigned int session_seconds_max; /* 0 = any length */
	int64_t session_bps;              /* guaranteed bandwidth a session takes of its slice */
};

/* All defaults. -ENOMEM. */
int policy_init(struct policy *policy);
/* Reads a JSON object of rows by section ({"prices": {"video_micros": 20000}, ...}); what is absent
 * has its default. Faults go to `errors` like schema_parse's. -EINVAL, -ENOMEM. */
int policy_read(const struct json_t *object, const char *name, FILE *errors, struct policy *out);
/* The whole policy as JSON, or NULL: no memory. What is unlimited is left out. */
struct json_t *policy_write(const struct policy *policy);
void policy_free(struct policy *policy);

enum policy_outage policy_outage(const struct policy *policy);
/* What a session falls to when `account` runs out. */
enum policy_rung policy_rung(const struct policy *policy, enum account account);
enum policy_consent policy_consent(const struct policy *policy);
enum policy_billed policy_billed(const struct policy *policy);
enum policy_split policy_split(const char *name);
/* The route of a stream: public when none fits; *subject is borrowed, NULL when there is none. */
enum policy_access policy_route_find(const struct policy *policy, const char *stream,
				     const char **subject);
