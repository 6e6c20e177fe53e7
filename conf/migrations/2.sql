-- Migration 2: money.
--
--   grants         what a node's boot holds of an account: totals that only grow
--   recalls        wishes: a node wants more than is available, others are to give back
--   meters         what was used, by calendar month and in total
--   ledgers        where each tenant's chain of rows ends
--   audit_logs     the rows; append-only
--   ledger_heads   signed tree heads; append-only
--   ledger_keys    public keys they were signed with
--
-- Append-only is meant against mistakes: whoever may drop triggers can still tamper, and is found
-- by `nn5gctl ledger verify`.

CREATE TABLE grants (
	tenant TEXT NOT NULL REFERENCES tenants (id),
	node TEXT NOT NULL,
	boot TEXT NOT NULL,
	account TEXT NOT NULL CHECK (account IN ('credit', 'video', 'voice')),
	granted BIGINT NOT NULL DEFAULT 0,
	settled BIGINT NOT NULL DEFAULT 0 CHECK (settled >= 0), -- used, and given back
	returned BIGINT NOT NULL DEFAULT 0 CHECK (returned >= 0),
	changed_at BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, account, node, boot),
	CHECK (granted >= settled)
);
CREATE INDEX grants_by_node ON grants (node, boot);

CREATE TABLE recalls (
	tenant TEXT NOT NULL REFERENCES tenants (id),
	account TEXT NOT NULL CHECK (account IN ('credit', 'video', 'voice')),
	node TEXT NOT NULL, -- who wishes
	amount BIGINT NOT NULL CHECK (amount > 0),
	at BIGINT NOT NULL,
	PRIMARY KEY (tenant, account, node)
);

CREATE TABLE meters (
	tenant TEXT NOT NULL REFERENCES tenants (id),
	account TEXT NOT NULL CHECK (account IN ('credit', 'video', 'voice')),
	period TEXT NOT NULL, -- 2026-11, or total
	used BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (tenant, account, period)
);

CREATE TABLE ledgers (
	tenant TEXT PRIMARY KEY REFERENCES tenants (id),
	size BIGINT NOT NULL DEFAULT 0,
	last_hash $BLOB, -- NULL: empty
	head_size BIGINT NOT NULL DEFAULT 0, -- of the newest head, and the edge of its tree
	head_edge $BLOB
);

CREATE TABLE audit_logs (
	id TEXT NOT NULL UNIQUE,
	tenant TEXT NOT NULL REFERENCES tenants (id),
	sequence BIGINT NOT NULL, -- in the tenant's ledger
	session TEXT NOT NULL,
	epoch BIGINT NOT NULL,
	part BIGINT NOT NULL, -- the record's sequence in its session
	unit TEXT NOT NULL,
	kind TEXT NOT NULL,
	quantity_ms BIGINT NOT NULL,
	price_micros BIGINT NOT NULL,
	cost_micros BIGINT NOT NULL,
	creator_micros BIGINT NOT NULL,
	platform_micros BIGINT NOT NULL,
	split TEXT NOT NULL,
	provider_id TEXT NOT NULL,
	stream TEXT NOT NULL,
	slice TEXT NOT NULL,
	node TEXT NOT NULL,
	boot TEXT NOT NULL,
	opened_at BIGINT NOT NULL,
	closed_at BIGINT NOT NULL,
	previous_hash $BLOB NOT NULL CHECK (length(previous_hash) = 32),
	hash $BLOB NOT NULL CHECK (length(hash) = 32),
	PRIMARY KEY (tenant, sequence)
);
CREATE INDEX audit_logs_by_time ON audit_logs (tenant, closed_at);

CREATE TABLE ledger_heads (
	tenant TEXT NOT NULL REFERENCES tenants (id),
	size BIGINT NOT NULL,
	root $BLOB NOT NULL CHECK (length(root) = 32),
	signed_at BIGINT NOT NULL,
	key_id TEXT NOT NULL,
	signature $BLOB NOT NULL,
	PRIMARY KEY (tenant, size)
);

CREATE TABLE ledger_keys (
	id TEXT PRIMARY KEY,
	public_key TEXT NOT NULL
);
