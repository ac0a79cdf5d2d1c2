-- Money: accounts in double entry, credit by lot, and what is held for calls under way. Amounts are
-- integers of the account's asset (usd_micro: 1e-6 USD); positive is what the owner has.
-- domain/ledger.h says what each table promises; `turnpike ledger verify` proves it. users.topup_micro and
-- allowance_micro are a copy for the look-up of a token, which every call makes and which two more tables would make
-- twice as long: only the ledger writes them, in the transaction that moves the balance.

CREATE TABLE ledger_account (
	account_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	owner_kind ENUM('user', 'house') NOT NULL,
	owner_id BIGINT UNSIGNED NOT NULL COMMENT 'user_id; of the house: which of the 16 shards',
	asset ENUM('usd_micro', 'sat') NOT NULL,
	kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	balance BIGINT NOT NULL DEFAULT 0 COMMENT 'the sum of its entries',
	reserved BIGINT NOT NULL DEFAULT 0 COMMENT 'the sum of its open holds',
	floor BIGINT NULL COMMENT 'balance - reserved never goes below; NULL: unbounded',
	expires_at_us BIGINT NULL COMMENT 'no lot of it with something left expires before',
	n_entries BIGINT UNSIGNED NOT NULL DEFAULT 0,
	last_hash BINARY(32) NOT NULL DEFAULT 0x0000000000000000000000000000000000000000000000000000000000000000
		COMMENT 'hash of its newest entry',
	UNIQUE KEY (owner_kind, owner_id, asset, kind),
	KEY (expires_at_us),
	CONSTRAINT ledger_account_floor CHECK (reserved >= 0 AND (floor IS NULL OR balance - reserved >= floor))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Why money moved, once for each key.
CREATE TABLE ledger_transfer (
	transfer_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	key_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of the idempotency key',
	fingerprint BINARY(32) NOT NULL COMMENT 'SHA-256 of what was asked for under that key',
	reason VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	reference_kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
		COMMENT 'what caused it: operator, hold, lot, order, webhook',
	reference_id VARCHAR(190) NOT NULL,
	request_id VARCHAR(64) NULL,
	note VARCHAR(500) NULL,
	created_at_us BIGINT NOT NULL,
	UNIQUE KEY (key_hash),
	KEY (reference_kind, reference_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Append-only; the hash covers the account's entry before it (domain/ledger_hash.c).
CREATE TABLE ledger_entry (
	account_id BIGINT UNSIGNED NOT NULL,
	seq BIGINT UNSIGNED NOT NULL COMMENT '1, 2, 3 ... within the account',
	transfer_id BIGINT UNSIGNED NOT NULL,
	amount BIGINT NOT NULL,
	balance_after BIGINT NOT NULL,
	hash BINARY(32) NOT NULL,
	PRIMARY KEY (account_id, seq),
	KEY (transfer_id, amount),
	CONSTRAINT ledger_entry_account FOREIGN KEY (account_id) REFERENCES ledger_account (account_id),
	CONSTRAINT ledger_entry_transfer FOREIGN KEY (transfer_id) REFERENCES ledger_transfer (transfer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry FOR EACH ROW
	SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'ledger_entry is append-only';

CREATE TRIGGER ledger_entry_no_delete BEFORE DELETE ON ledger_entry FOR EACH ROW
	SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'ledger_entry is append-only';

CREATE TRIGGER ledger_transfer_no_update BEFORE UPDATE ON ledger_transfer FOR EACH ROW
	SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'ledger_transfer is append-only';

CREATE TRIGGER ledger_transfer_no_delete BEFORE DELETE ON ledger_transfer FOR EACH ROW
	SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'ledger_transfer is append-only';

-- Credit that came at once and expires at once; what is left of all lots is the account's balance.
CREATE TABLE credit_lot (
	lot_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	user_id BIGINT UNSIGNED NOT NULL,
	account_id BIGINT UNSIGNED NOT NULL,
	transfer_id BIGINT UNSIGNED NOT NULL COMMENT 'that brought it',
	source VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	amount BIGINT NOT NULL,
	remaining BIGINT NOT NULL,
	expires_at_us BIGINT NULL COMMENT 'NULL: never',
	created_at_us BIGINT NOT NULL,
	KEY (account_id, remaining),
	KEY (user_id),
	CONSTRAINT credit_lot_left CHECK (remaining >= 0 AND remaining <= amount),
	CONSTRAINT credit_lot_user FOREIGN KEY (user_id) REFERENCES users (user_id),
	CONSTRAINT credit_lot_account FOREIGN KEY (account_id) REFERENCES ledger_account (account_id),
	CONSTRAINT credit_lot_transfer FOREIGN KEY (transfer_id) REFERENCES ledger_transfer (transfer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What a call under way may cost at most, by fund; and afterwards what it did cost.
CREATE TABLE hold (
	hold_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(29) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_id BIGINT UNSIGNED NOT NULL,
	state ENUM('open', 'settled', 'released', 'swept') NOT NULL DEFAULT 'open'
		COMMENT 'swept: settled by the sweeper at seen_cost',
	held_topup BIGINT NOT NULL,
	held_allowance BIGINT NOT NULL,
	held_overage BIGINT NOT NULL COMMENT 'with the markup',
	seen_cost BIGINT NOT NULL DEFAULT 0 COMMENT 'what was delivered so far costs this: settled by the sweeper',
	cost BIGINT NULL COMMENT 'real cost, without markup; NULL: nothing was charged',
	charged_topup BIGINT NOT NULL DEFAULT 0,
	charged_allowance BIGINT NOT NULL DEFAULT 0,
	charged_overage BIGINT NOT NULL DEFAULT 0 COMMENT 'with the markup',
	uncollected BIGINT NOT NULL DEFAULT 0 COMMENT 'of the cost; no fund could pay it',
	transfer_id BIGINT UNSIGNED NULL COMMENT 'that charged it last; NULL: nothing to charge',
	reference_kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	reference_id VARCHAR(190) NOT NULL,
	request_id VARCHAR(64) NULL,
	deadline_at_us BIGINT NOT NULL,
	created_at_us BIGINT NOT NULL,
	closed_at_us BIGINT NULL,
	UNIQUE KEY (public_id),
	KEY (state, deadline_at_us),
	KEY (user_id, state),
	CONSTRAINT hold_user FOREIGN KEY (user_id) REFERENCES users (user_id),
	CONSTRAINT hold_transfer FOREIGN KEY (transfer_id) REFERENCES ledger_transfer (transfer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The other side of what users have, 16 of each kind so that none is a row that everybody waits for.
INSERT INTO ledger_account (owner_kind, owner_id, asset, kind)
SELECT 'house', shard.seq, 'usd_micro', kind.name
FROM seq_0_to_15 shard JOIN JSON_TABLE(
	'["adjustments", "allowances", "expired", "grants", "purchases", "receivable", "revenue", "uncollected"]',
	'$[*]' COLUMNS (name VARCHAR(16) PATH '$')) kind
ORDER BY kind.name, shard.seq;
