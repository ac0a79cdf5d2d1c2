-- The ledger. Lock order of every transaction that moves money: users, ascending; their rows of
-- ledger_account, ascending; house rows of ledger_account, ascending. Whoever changes a row that
-- belongs to a user (account, lot, hold) holds the lock on that user's row of users, so those need
-- no order among themselves; house rows come last, because everybody shares them.

-- ledger_user_lock :many
-- Locks a user and the accounts; account_id 0: there are none yet. may_spend is about the account's headroom.
-- in:  user_id u64
-- out: account_id u64, owner_kind str(5), owner_id u64, asset str(9), kind str(16), balance i64, reserved i64, floor i64?,
--      expires_at_us i64?, n_entries u64, last_hash bytes(32), may_spend bool, used_at_us i64?, used_micro i64,
--      used_overage_micro i64
SELECT CAST(COALESCE(a.account_id, 0) AS UNSIGNED) AS account_id, 'user' AS owner_kind, u.user_id AS owner_id,
	'usd_micro' AS asset, COALESCE(a.kind, '') AS kind, COALESCE(a.balance, 0) AS balance,
	COALESCE(a.reserved, 0) AS reserved, a.floor, a.expires_at_us, CAST(COALESCE(a.n_entries, 0) AS UNSIGNED) AS n_entries,
	COALESCE(a.last_hash, '') AS last_hash,
	(a.kind <> 'overage' OR u.overage_enabled) IS TRUE AS may_spend, u.used_at_us, u.used_micro, u.used_overage_micro
FROM users u LEFT JOIN ledger_account a ON a.owner_kind = 'user' AND a.owner_id = u.user_id AND a.asset = 'usd_micro'
WHERE u.user_id = ? FOR UPDATE;

-- ledger_user_open :exec
-- Makes a user's accounts, in the order of their kind, so that the order of the index is that of the ids.
-- in:  user_id u64, user_id u64, overage_floor i64, user_id u64
INSERT INTO ledger_account (owner_kind, owner_id, asset, kind, floor) VALUES
	('user', ?, 'usd_micro', 'allowance', 0), ('user', ?, 'usd_micro', 'overage', ?),
	('user', ?, 'usd_micro', 'topup', 0);

-- ledger_house_lock :one
-- row: ledger_account
-- in:  owner_id u64, asset str(9), kind str(16)
-- out: account_id u64, owner_kind str(5), owner_id u64, asset str(9), kind str(16), balance i64, reserved i64, floor i64?,
--      expires_at_us i64?, n_entries u64, last_hash bytes(32)
SELECT account_id, owner_kind, owner_id, asset, kind, balance, reserved, floor, expires_at_us, n_entries, last_hash
FROM ledger_account WHERE owner_kind = 'house' AND owner_id = ? AND asset = ? AND kind = ? FOR UPDATE;

-- ledger_account_get :one
-- row: ledger_account
-- in:  account_id u64
-- out: account_id u64, owner_kind str(5), owner_id u64, asset str(9), kind str(16), balance i64, reserved i64, floor i64?,
--      expires_at_us i64?, n_entries u64, last_hash bytes(32)
SELECT account_id, owner_kind, owner_id, asset, kind, balance, reserved, floor, expires_at_us, n_entries, last_hash
FROM ledger_account WHERE account_id = ?;

-- ledger_account_lock :one
-- row: ledger_account
-- in:  account_id u64
-- out: account_id u64, owner_kind str(5), owner_id u64, asset str(9), kind str(16), balance i64, reserved i64, floor i64?,
--      expires_at_us i64?, n_entries u64, last_hash bytes(32)
SELECT account_id, owner_kind, owner_id, asset, kind, balance, reserved, floor, expires_at_us, n_entries, last_hash
FROM ledger_account WHERE account_id = ? FOR UPDATE;

-- ledger_account_set :exec
-- in:  balance i64, reserved i64, floor i64?, expires_at_us i64?, n_entries u64, last_hash bytes(32), account_id u64
UPDATE ledger_account SET balance = ?, reserved = ?, floor = ?, expires_at_us = ?, n_entries = ?, last_hash = ?
WHERE account_id = ?;

-- ledger_view_set :exec
-- What users are shown; only the ledger writes it. A NULL leaves the value.
-- in:  topup_micro i64?, allowance_micro i64?, used_at_us i64?, used_micro i64?, used_overage_micro i64?, user_id u64
UPDATE users SET topup_micro = COALESCE(?, topup_micro), allowance_micro = COALESCE(?, allowance_micro),
	used_at_us = COALESCE(?, used_at_us), used_micro = COALESCE(?, used_micro),
	used_overage_micro = COALESCE(?, used_overage_micro)
WHERE user_id = ?;

-- statement_day :exec
-- A day's usage becomes a row of the statement, once the day is over. Under the lock on the user; then statement_day_over.
-- in:  user_id u64, today_us i64
INSERT INTO credit_statement (user_id, seq, amount, overage, at_us)
SELECT user_id, statement_rows + 1, -used_micro, used_overage_micro, used_at_us FROM users
WHERE user_id = ? AND used_at_us < ?;

-- statement_day_over :exec
-- in:  user_id u64
UPDATE users SET statement_rows = statement_rows + 1, used_at_us = NULL, used_micro = 0, used_overage_micro = 0
WHERE user_id = ?;

-- statement_add :exec
-- A change of credit. Under the lock on the user; then statement_next.
-- in:  transfer_id u64, amount i64, at_us i64, user_id u64
INSERT INTO credit_statement (user_id, seq, transfer_id, amount, at_us)
SELECT user_id, statement_rows + 1, ?, ?, ? FROM users WHERE user_id = ?;

-- statement_next :exec
-- in:  user_id u64
UPDATE users SET statement_rows = statement_rows + 1 WHERE user_id = ?;

-- ledger_balance :many
-- A user's accounts as they are.
-- in:  user_id u64
-- out: kind str(16), balance i64, reserved i64, floor i64?, may_spend bool
SELECT a.kind, a.balance, a.reserved, a.floor, a.kind <> 'overage' OR u.overage_enabled AS may_spend
FROM users u JOIN ledger_account a ON a.owner_kind = 'user' AND a.owner_id = u.user_id AND a.asset = 'usd_micro'
WHERE u.user_id = ?;

-- ledger_transfer_insert :insert unique
-- SQL_CONFLICT: this key has been used.
-- in:  key_hash bytes(32), fingerprint bytes(32), reason str(16), reference_kind str(16), reference_id str(190),
--      request_id str(64)?, note str(500)?, created_at_us i64
INSERT INTO ledger_transfer (key_hash, fingerprint, reason, reference_kind, reference_id, request_id, note,
	created_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- ledger_transfer_by_key :one
-- in:  key_hash bytes(32)
-- out: transfer_id u64, fingerprint bytes(32)
SELECT transfer_id, fingerprint FROM ledger_transfer WHERE key_hash = ?;

-- ledger_entry_insert :exec
-- in:  account_id u64, seq u64, transfer_id u64, amount i64, balance_after i64, hash bytes(32)
INSERT INTO ledger_entry (account_id, seq, transfer_id, amount, balance_after, hash) VALUES (?, ?, ?, ?, ?, ?);

-- lot_insert :insert
-- in:  user_id u64, account_id u64, transfer_id u64, source str(16), amount i64, remaining i64, expires_at_us i64?,
--      created_at_us i64
INSERT INTO credit_lot (user_id, account_id, transfer_id, source, amount, remaining, expires_at_us, created_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- lot_open :many
-- What is left of an account's lots, the oldest first. Under the lock on the user.
-- in:  account_id u64
-- out: lot_id u64, remaining i64, expires_at_us i64?
SELECT lot_id, remaining, expires_at_us FROM credit_lot WHERE account_id = ? AND remaining > 0 ORDER BY lot_id;

-- lot_set :exec
-- in:  remaining i64, lot_id u64
UPDATE credit_lot SET remaining = ? WHERE lot_id = ?;

-- lot_end :exec
-- What is left of an account's lots ends now, but for the one that a transfer brought.
-- in:  expires_at_us i64, account_id u64, transfer_id u64
UPDATE credit_lot SET expires_at_us = ? WHERE account_id = ? AND remaining > 0 AND transfer_id <> ?;

-- ledger_due :many
-- Users who may have credit that has expired.
-- in:  now_us i64
-- out: user_id u64
SELECT DISTINCT owner_id AS user_id FROM ledger_account
WHERE expires_at_us <= ? AND owner_kind = 'user' ORDER BY owner_id LIMIT 200;

-- hold_insert :exec
-- in:  public_id str(29), user_id u64, held_topup i64, held_allowance i64, held_overage i64, reference_kind str(16),
--      reference_id str(190), request_id str(64)?, deadline_at_us i64, created_at_us i64
INSERT INTO hold (public_id, user_id, held_topup, held_allowance, held_overage, reference_kind, reference_id, request_id,
	deadline_at_us, created_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- hold_get :one
-- Under the lock on the user, or to look at.
-- in:  public_id str(29), user_id u64
-- out: hold_id u64, state str(8), held_topup i64, held_allowance i64, held_overage i64, seen_cost i64, cost i64?,
--      charged_topup i64, charged_allowance i64, charged_overage i64, uncollected i64, transfer_id u64?,
--      reference_kind str(16), reference_id str(190), request_id str(64)?, deadline_at_us i64
SELECT hold_id, state, held_topup, held_allowance, held_overage, seen_cost, cost, charged_topup, charged_allowance,
	charged_overage, uncollected, transfer_id, reference_kind, reference_id, request_id, deadline_at_us
FROM hold WHERE public_id = ? AND user_id = ?;

-- hold_close :exec
-- in:  state str(8), cost i64?, charged_topup i64, charged_allowance i64, charged_overage i64, uncollected i64,
--      transfer_id u64?, closed_at_us i64, hold_id u64
UPDATE hold SET state = ?, cost = ?, charged_topup = ?, charged_allowance = ?, charged_overage = ?, uncollected = ?,
	transfer_id = ?, closed_at_us = ?
WHERE hold_id = ?;

-- hold_lease_set :exec
-- in:  state str(8), held_topup i64, held_allowance i64, held_overage i64, cost i64?, charged_topup i64,
--      charged_allowance i64, charged_overage i64, uncollected i64, transfer_id u64?, deadline_at_us i64,
--      closed_at_us i64?, public_id str(29)
UPDATE hold SET state = ?, held_topup = ?, held_allowance = ?, held_overage = ?, cost = ?, charged_topup = ?,
	charged_allowance = ?, charged_overage = ?, uncollected = ?, transfer_id = ?, deadline_at_us = ?, closed_at_us = ?
WHERE public_id = ?;

-- hold_note :exec
-- Affects no row once the hold is closed.
-- in:  seen_cost i64, public_id str(29), user_id u64
UPDATE hold SET seen_cost = ? WHERE public_id = ? AND user_id = ? AND state = 'open';

-- hold_overdue :many
-- in:  now_us i64
-- out: public_id str(29), user_id u64
SELECT public_id, user_id FROM hold WHERE state = 'open' AND deadline_at_us <= ? ORDER BY deadline_at_us LIMIT 200;

-- hold_refunded :one
-- What has been given back of a hold's cost. Under the lock on the user.
-- in:  public_id str(190), account_id u64
-- out: amount i64
SELECT CAST(COALESCE(SUM(e.amount), 0) AS SIGNED) AS amount
FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.transfer_id
WHERE t.reference_kind = 'hold' AND t.reference_id = ? AND t.reason = 'refund' AND e.account_id = ?;

-- ledger_statement :many
-- A user's entries before a time, the newest first, with their cause; of one account and seq when given.
-- in:  user_id u64, account_id u64?, account_id u64?, seq u64?, seq u64?, n i64
-- out: account_id u64, seq u64, kind str(16), amount i64, balance_after i64, transfer_id u64, reason str(16),
--      reference_kind str(16), reference_id str(190), request_id str(64)?, note str(500)?, created_at_us i64
SELECT e.account_id, e.seq, a.kind, e.amount, e.balance_after, e.transfer_id, t.reason, t.reference_kind,
	t.reference_id, t.request_id, t.note, t.created_at_us
FROM ledger_account a JOIN ledger_entry e ON e.account_id = a.account_id
	JOIN ledger_transfer t ON t.transfer_id = e.transfer_id
WHERE a.owner_kind = 'user' AND a.owner_id = ? AND (? IS NULL OR e.account_id = ?) AND (? IS NULL OR e.seq = ?)
ORDER BY e.transfer_id DESC, e.account_id LIMIT ?;

-- ledger_legs :many
-- All sides of a transfer.
-- in:  transfer_id u64
-- out: account_id u64, seq u64, owner_kind str(5), owner_id u64, kind str(16), amount i64, balance_after i64
SELECT e.account_id, e.seq, a.owner_kind, a.owner_id, a.kind, e.amount, e.balance_after
FROM ledger_entry e JOIN ledger_account a ON a.account_id = e.account_id
WHERE e.transfer_id = ? ORDER BY e.account_id;

-- ledger_lots :many
-- What is left of a user's lots, in the order in which they are spent.
-- in:  user_id u64
-- out: lot_id u64, kind str(16), source str(16), amount i64, remaining i64, expires_at_us i64?, created_at_us i64
SELECT l.lot_id, a.kind, l.source, l.amount, l.remaining, l.expires_at_us, l.created_at_us
FROM credit_lot l JOIN ledger_account a ON a.account_id = l.account_id
WHERE l.user_id = ? AND l.remaining > 0 ORDER BY a.kind DESC, l.lot_id LIMIT 200;
