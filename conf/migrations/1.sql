-- Migration 1: the catalogue. What an operator writes, and what nodes tell of themselves.
--
--   slices, plans, tenants, keys, secrets, top_ups   written by nn5gctl, an import, or by hand
--   nodes, sessions, events                          written by the control planes of nodes
--
-- Every change of a slice or tenant, of a tenant's keys and top-ups or of its plan, by whoever and
-- however, takes a fresh number from one counter as that row's revision: triggers do it. On
-- PostgreSQL they also NOTIFY nn5g, as do wishes of one control plane to another (a session that is
-- to end, a node that is to drain). Times are ms since the epoch; truth values are 0 and 1.
--
-- This file is for both databases; conf/migrations.cmake replaces $POLICY, $JSON, $BLOB, $SERIAL
-- and $NOW by what each calls them. What only one of them has is in 1.sqlite.sql, 1.postgres.sql.

CREATE TABLE slices (
	id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 63),
	sst BIGINT NOT NULL DEFAULT 1 CHECK (sst BETWEEN 0 AND 255),
	sd TEXT NOT NULL DEFAULT 'ffffff' CHECK (length(sd) = 6),
	guaranteed_bps BIGINT NOT NULL DEFAULT 0 CHECK (guaranteed_bps >= 0),
	max_bps BIGINT NOT NULL DEFAULT 0 CHECK (max_bps >= 0),
	latency_ms BIGINT NOT NULL DEFAULT 300 CHECK (latency_ms >= 0),
	five_qi BIGINT NOT NULL DEFAULT 9 CHECK (five_qi BETWEEN 1 AND 255),
	revision BIGINT NOT NULL DEFAULT 1,
	created_at BIGINT NOT NULL DEFAULT $NOW,
	changed_at BIGINT NOT NULL DEFAULT $NOW
);

CREATE TABLE plans (
	id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 63),
	slice TEXT REFERENCES slices (id),
	slice_bps BIGINT NOT NULL DEFAULT 0 CHECK (slice_bps >= 0),
	$POLICY,
	created_at BIGINT NOT NULL DEFAULT $NOW
);

CREATE TABLE tenants (
	id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 63),
	name TEXT NOT NULL DEFAULT '',
	plan TEXT REFERENCES plans (id),
	slice TEXT REFERENCES slices (id), -- NULL: the plan's
	slice_bps BIGINT NOT NULL DEFAULT 0 CHECK (slice_bps >= 0),
	issuer TEXT NOT NULL DEFAULT '', -- '': the id
	standing TEXT NOT NULL DEFAULT 'active'
		CHECK (standing IN ('active', 'paused', 'exited')),
	$POLICY, -- on top of the plan's, RFC 7396
	revision BIGINT NOT NULL DEFAULT 1,
	created_at BIGINT NOT NULL DEFAULT $NOW,
	changed_at BIGINT NOT NULL DEFAULT $NOW
);
CREATE INDEX tenants_by_plan ON tenants (plan);
CREATE INDEX tenants_by_slice ON tenants (slice);

CREATE TABLE keys (
	tenant TEXT NOT NULL REFERENCES tenants (id),
	id TEXT NOT NULL,
	algorithm TEXT NOT NULL CHECK (algorithm IN ('EdDSA', 'ES256', 'RS256')),
	public_key TEXT NOT NULL, -- PEM or JWK
	created_at BIGINT NOT NULL DEFAULT $NOW,
	PRIMARY KEY (tenant, id)
);

CREATE TABLE secrets (
	tenant TEXT NOT NULL REFERENCES tenants (id),
	name TEXT NOT NULL,
	sealed $BLOB NOT NULL, -- conf/secret.h
	created_at BIGINT NOT NULL DEFAULT $NOW,
	PRIMARY KEY (tenant, name)
);

CREATE TABLE top_ups (
	id $SERIAL,
	tenant TEXT NOT NULL REFERENCES tenants (id),
	account TEXT NOT NULL CHECK (account IN ('credit', 'video', 'voice')),
	amount BIGINT NOT NULL, -- micros, or ms of stream
	period TEXT NOT NULL CHECK (length(period) = 7), -- 2026-11, in the tenant's time zone
	key TEXT, -- idempotency
	created_at BIGINT NOT NULL DEFAULT $NOW,
	UNIQUE (tenant, key)
);
CREATE INDEX top_ups_by_account ON top_ups (tenant, account, period);

CREATE TABLE nodes (
	id TEXT PRIMARY KEY,
	boot TEXT NOT NULL DEFAULT '',
	document $JSON NOT NULL DEFAULT '{}', -- what it told of itself
	is_draining BIGINT NOT NULL DEFAULT 0 CHECK (is_draining IN (0, 1)),
	seen_at BIGINT NOT NULL DEFAULT 0,
	created_at BIGINT NOT NULL DEFAULT $NOW
);

CREATE TABLE sessions (
	id TEXT PRIMARY KEY,
	node TEXT NOT NULL,
	tenant TEXT NOT NULL,
	stream TEXT NOT NULL DEFAULT '',
	role TEXT NOT NULL DEFAULT '',
	epoch BIGINT NOT NULL DEFAULT 0,
	state TEXT NOT NULL,
	reason TEXT NOT NULL DEFAULT '',
	provider_id TEXT NOT NULL DEFAULT '',
	wanted TEXT, -- the reason for which an operator wants it ended
	created_at BIGINT NOT NULL,
	changed_at BIGINT NOT NULL,
	ended_at BIGINT
);
CREATE INDEX sessions_by_tenant ON sessions (tenant, state);
CREATE INDEX sessions_by_node ON sessions (node, state);
CREATE INDEX sessions_by_end ON sessions (ended_at);

CREATE TABLE events (
	id $SERIAL,
	node TEXT NOT NULL,
	tenant TEXT NOT NULL DEFAULT '',
	at BIGINT NOT NULL,
	event $JSON NOT NULL
);
CREATE INDEX events_by_tenant ON events (tenant, id);

-- Built-in plans. Prices are micros of the currency: per minute of video and of voice, per 1,000
-- tokens, per turn.
--
--           video   voice  tokens  turn  a month                    sessions  share of its slice
--   free        0       0       0     0  60 min video, 300 voice    2         none
--   silver 20,000   5,000   2,000   500  50.00                      10        5 of 200 Mbit/s
--   gold   15,000   4,000   1,500   400  500.00                     20        20 of 500 Mbit/s

INSERT INTO slices (id, sst, sd, guaranteed_bps, max_bps, latency_ms, five_qi) VALUES
	('free', 1, '000001', 0, 50000000, 300, 9),
	('silver', 1, '000002', 200000000, 500000000, 100, 7),
	('gold', 1, '000003', 500000000, 0, 50, 3);

INSERT INTO plans (id, slice, slice_bps, policy) VALUES
	('free', 'free', 0, '{
		"budget": {"video_minutes": 60, "voice_minutes": 300},
		"rate": {"requests": 2, "period_ms": 1000, "burst": 5},
		"sessions_max": 2, "session_seconds_max": 3600}'),
	('silver', 'silver', 5000000, '{
		"prices": {"video_micros": 20000, "voice_micros": 5000, "token_micros": 2000,
			"interaction_micros": 500},
		"budget": {"monthly_micros": 50000000},
		"rate": {"requests": 20, "period_ms": 1000, "burst": 20, "queue": 20,
			"delay_ms": 1000},
		"sessions_max": 10, "session_bps": 500000}'),
	('gold', 'gold', 20000000, '{
		"prices": {"video_micros": 15000, "voice_micros": 4000, "token_micros": 1500,
			"interaction_micros": 400},
		"budget": {"monthly_micros": 500000000},
		"rate": {"requests": 50, "period_ms": 1000, "burst": 50, "queue": 50,
			"delay_ms": 1000},
		"sessions_max": 20, "session_bps": 1000000}');

-- What a control plane imported from its file, as it was then (conf/control_import.c).
CREATE TABLE imports (
	source TEXT NOT NULL, -- whose import: the id of the control plane's ledger key
	kind TEXT NOT NULL CHECK (kind IN ('tenant', 'slice')),
	id TEXT NOT NULL,
	document $JSON NOT NULL,
	PRIMARY KEY (source, kind, id)
);
