-- What `turnpike ledger verify` asks. What must agree is compared within one statement, which sees one
-- state of the books even while they are written; the chains are read by pages, after the accounts' heads.

-- verify_heads :many
-- in:  after_id u64, n i64
-- out: account_id u64, balance i64, reserved i64, floor i64?, n_entries u64, last_hash bytes(32)
SELECT account_id, balance, reserved, floor, n_entries, last_hash FROM ledger_account
WHERE account_id > ? ORDER BY account_id LIMIT ?;

-- verify_chain :many
-- The entries after one, up to an account, in the order of the chains.
-- in:  account_id u64, seq u64, account_id u64, last_id u64, n i64
-- out: account_id u64, seq u64, transfer_id u64, amount i64, balance_after i64, hash bytes(32)
SELECT account_id, seq, transfer_id, amount, balance_after, hash FROM ledger_entry
WHERE (account_id = ? AND seq > ?) OR (account_id > ? AND account_id <= ?) ORDER BY account_id, seq LIMIT ?;

-- verify_next_transfer :one
-- The first id after one that is that of a transfer or of an entry; 0: none. Ids may be far apart.
-- in:  after_id u64, after_id u64
-- out: transfer_id u64
SELECT CAST(COALESCE(MIN(transfer_id), 0) AS UNSIGNED) AS transfer_id
FROM ((SELECT transfer_id FROM ledger_transfer WHERE transfer_id > ? ORDER BY transfer_id LIMIT 1)
	UNION ALL (SELECT transfer_id FROM ledger_entry WHERE transfer_id > ? ORDER BY transfer_id LIMIT 1)) u;

-- verify_slice :one
-- Whether all is well with a range of ids: every transfer has two entries or more that sum to zero, and both tables know
-- the same ids, told by sums over them. Five times as fast as verify_transfers, which says what is wrong.
-- in:  after_id u64, last_id u64, after_id u64, last_id u64
-- out: is_right bool
SELECT t.n = e.n AND t.ids = e.ids AND t.mix = e.mix AND e.n_wrong = 0 AS is_right
FROM (SELECT COUNT(*) AS n, COALESCE(SUM(transfer_id), 0) AS ids, BIT_XOR(CRC32(transfer_id)) AS mix
	FROM ledger_transfer WHERE transfer_id > ? AND transfer_id <= ?) t,
	(SELECT COUNT(*) AS n, COALESCE(SUM(transfer_id), 0) AS ids, BIT_XOR(CRC32(transfer_id)) AS mix,
		COALESCE(SUM(n_legs < 2 OR total <> 0), 0) AS n_wrong
	FROM (SELECT transfer_id, COUNT(*) AS n_legs, SUM(amount) AS total FROM ledger_entry
		WHERE transfer_id > ? AND transfer_id <= ? GROUP BY transfer_id) g) e;

-- verify_transfers :many
-- Of a range of ids, the first transfer that is not one row with two entries or more that sum to zero.
-- in:  after_id u64, last_id u64, after_id u64, last_id u64
-- out: transfer_id u64, n_heads i64, n_legs i64, total i64
SELECT transfer_id, CAST(COALESCE(SUM(head), 0) AS SIGNED) AS n_heads,
	CAST(COALESCE(COUNT(*) - SUM(head), 0) AS SIGNED) AS n_legs, CAST(COALESCE(SUM(amount), 0) AS SIGNED) AS total
FROM (SELECT transfer_id, 1 AS head, 0 AS amount FROM ledger_transfer WHERE transfer_id > ? AND transfer_id <= ?
	UNION ALL
	SELECT transfer_id, 0 AS head, amount FROM ledger_entry WHERE transfer_id > ? AND transfer_id <= ?) u
GROUP BY transfer_id HAVING SUM(head) <> 1 OR COUNT(*) < 3 OR SUM(amount) <> 0 ORDER BY transfer_id LIMIT 1;

-- verify_assets :many scan
-- out: asset str(9), total str(60)
SELECT asset, COALESCE(CAST(SUM(balance) AS CHAR), '') AS total FROM ledger_account GROUP BY asset HAVING SUM(balance) <> 0;

-- verify_holds :many scan
-- Accounts whose reservation is not the sum of the open holds.
-- out: account_id u64, reserved i64, held i64
SELECT a.account_id, a.reserved, CAST(COALESCE(CASE a.kind WHEN 'topup' THEN h.topup
	WHEN 'allowance' THEN h.allowance WHEN 'overage' THEN h.overage END, 0) AS SIGNED) AS held
FROM ledger_account a LEFT JOIN (SELECT user_id, SUM(held_topup) AS topup, SUM(held_allowance) AS allowance,
		SUM(held_overage) AS overage FROM hold WHERE state = 'open' GROUP BY user_id) h
	ON a.owner_kind = 'user' AND a.asset = 'usd_micro' AND h.user_id = a.owner_id
HAVING reserved <> held ORDER BY a.account_id LIMIT 1;

-- verify_stray_hold :many scan
-- Open holds of users without accounts.
-- out: public_id str(29)
SELECT h.public_id FROM hold h WHERE h.state = 'open' AND NOT EXISTS (SELECT 1 FROM ledger_account a
	WHERE a.owner_kind = 'user' AND a.owner_id = h.user_id AND a.asset = 'usd_micro' AND a.kind = 'topup') LIMIT 1;

-- verify_lots :many scan
-- Accounts whose lots are not the balance.
-- out: account_id u64, balance i64, in_lots i64
SELECT a.account_id, a.balance, CAST(COALESCE(l.remaining, 0) AS SIGNED) AS in_lots
FROM ledger_account a LEFT JOIN (SELECT account_id, SUM(remaining) AS remaining FROM credit_lot GROUP BY account_id) l
	ON l.account_id = a.account_id
WHERE (a.owner_kind = 'user' AND a.kind IN ('topup', 'allowance')) OR l.account_id IS NOT NULL
HAVING balance <> in_lots ORDER BY a.account_id LIMIT 1;

-- verify_lot :many scan
-- Lots that hold less than nothing or more than they began with, or expire before their account says so.
-- out: lot_id u64
SELECT l.lot_id FROM credit_lot l JOIN ledger_account a ON a.account_id = l.account_id
WHERE l.remaining < 0 OR l.remaining > l.amount OR a.owner_kind <> 'user' OR a.owner_id <> l.user_id
	OR (l.remaining > 0 AND l.expires_at_us < COALESCE(a.expires_at_us, 9223372036854775807))
ORDER BY l.lot_id LIMIT 1;

-- verify_view :many scan
-- Users whose two columns are not their balances.
-- out: user_id u64, topup_micro i64, allowance_micro i64, topup i64, allowance i64
SELECT u.user_id, u.topup_micro, u.allowance_micro, COALESCE(t.balance, 0) AS topup, COALESCE(a.balance, 0) AS allowance
FROM users u
LEFT JOIN ledger_account t ON t.owner_kind = 'user' AND t.owner_id = u.user_id AND t.asset = 'usd_micro' AND t.kind = 'topup'
LEFT JOIN ledger_account a ON a.owner_kind = 'user' AND a.owner_id = u.user_id AND a.asset = 'usd_micro'
	AND a.kind = 'allowance'
WHERE u.topup_micro <> COALESCE(t.balance, 0) OR u.allowance_micro <> COALESCE(a.balance, 0)
ORDER BY u.user_id LIMIT 1;

-- verify_statement :many scan
-- Users whose statement does not add up to their credit.
-- out: user_id u64, stated i64, credit i64
SELECT u.user_id, CAST(COALESCE(s.amount, 0) - u.used_micro AS SIGNED) AS stated, u.topup_micro + u.allowance_micro AS credit
FROM users u LEFT JOIN (SELECT user_id, SUM(amount) AS amount FROM credit_statement GROUP BY user_id) s
	ON s.user_id = u.user_id
HAVING stated <> credit ORDER BY u.user_id LIMIT 1;

-- verify_call_holds :many scan
-- Leases that were charged another sum than their calls have cost, or calls of no lease.
-- out: hold_id str(29), charged i64, called i64
SELECT hold_id, CAST(COALESCE(SUM(charged), 0) AS SIGNED) AS charged, CAST(COALESCE(SUM(called), 0) AS SIGNED) AS called
FROM (SELECT public_id AS hold_id, COALESCE(cost, 0) AS charged, 0 AS called FROM hold WHERE reference_kind = 'lease'
	UNION ALL
	SELECT hold_id, 0 AS charged, SUM(cost_micro) AS called FROM ai_call GROUP BY hold_id) u
GROUP BY hold_id HAVING SUM(charged) <> SUM(called) ORDER BY hold_id LIMIT 1;

-- verify_call :many scan
-- Calls whose cost no transfer has charged to their hold.
-- out: public_id str(29), cost_micro i64, transfer_id u64?
SELECT c.public_id, c.cost_micro, c.transfer_id
FROM ai_call c LEFT JOIN ledger_transfer t ON t.transfer_id = c.transfer_id
WHERE c.cost_micro < 0 OR (c.cost_micro > 0 AND
	(t.reference_kind = 'calls' AND t.reference_id = c.hold_id) IS NOT TRUE)
ORDER BY c.call_id LIMIT 1;
