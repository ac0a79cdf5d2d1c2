-- The outbox: rows written with their cause, delivered by turnpike-jobs.

-- outbox_insert :insert
-- in:  public_id str(28), kind str(32), payload text, next_at_us i64, created_at_us i64
INSERT INTO outbox (public_id, kind, payload, next_at_us, created_at_us) VALUES (?, ?, ?, ?, ?);

-- outbox_lock_due :one
-- One row that is due and that nobody else is working on.
-- in:  now_us i64
-- out: outbox_id u64, public_id str(28), kind str(32), payload text, attempts i64, created_at_us i64
SELECT outbox_id, public_id, kind, payload, attempts, created_at_us FROM outbox
WHERE state = 'pending' AND next_at_us <= ? ORDER BY next_at_us LIMIT 1 FOR UPDATE SKIP LOCKED;

-- outbox_lease :exec
-- Counts the attempt and hides the row until the lease ends.
-- in:  next_at_us i64, outbox_id u64
UPDATE outbox SET attempts = attempts + 1, next_at_us = ? WHERE outbox_id = ?;

-- outbox_done :exec
-- in:  done_at_us i64, outbox_id u64
UPDATE outbox SET state = 'done', payload = '', last_error = NULL, done_at_us = ? WHERE outbox_id = ?;

-- outbox_retry :exec
-- in:  next_at_us i64, last_error str(500), outbox_id u64
UPDATE outbox SET next_at_us = ?, last_error = ? WHERE outbox_id = ?;

-- outbox_kill :exec
-- in:  last_error str(500), outbox_id u64
UPDATE outbox SET state = 'dead', last_error = ? WHERE outbox_id = ?;

-- outbox_counts :one scan
-- in:  now_us i64
-- out: pending i64, dead i64, oldest_at_us i64
SELECT CAST(COALESCE(SUM(state = 'pending'), 0) AS SIGNED) AS pending,
	CAST(COALESCE(SUM(state = 'dead'), 0) AS SIGNED) AS dead,
	CAST(COALESCE(MIN(IF(state = 'pending', created_at_us, NULL)), ?, 0) AS SIGNED) AS oldest_at_us
FROM outbox WHERE state IN ('pending', 'dead');

-- outbox_list :many
-- in:  state str(8), n i64
-- out: public_id str(28), kind str(32), state str(7), attempts i64, next_at_us i64, last_error str(500)?, created_at_us i64
SELECT public_id, kind, state, attempts, next_at_us, last_error, created_at_us FROM outbox
WHERE state = ? ORDER BY next_at_us LIMIT ?;

-- outbox_revive :exec
-- A dead row gets another chance.
-- in:  next_at_us i64, public_id str(28)
UPDATE outbox SET state = 'pending', attempts = 0, next_at_us = ? WHERE public_id = ? AND state = 'dead';

-- outbox_prune :exec
-- in:  before_us i64
DELETE FROM outbox WHERE state = 'done' AND next_at_us < ? ORDER BY next_at_us LIMIT 1000;
