-- The outbox: rows written with their cause, delivered by turnpike-jobs.

-- outbox_insert :insert
-- in:  public_id str(28), kind str(32), topic str(32)?, payload text, recipient_hash bytes(32)?, next_at_us i64,
--      expires_at_us i64?, created_at_us i64
INSERT INTO outbox (public_id, kind, topic, payload, recipient_hash, next_at_us, expires_at_us, created_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- outbox_supersede :exec
-- What is not sent yet to a recipient on a topic never will be.
-- in:  done_at_us i64, recipient_hash bytes(32), topic str(32)
UPDATE outbox SET state = 'done', payload = '', recipient_hash = NULL, last_error = 'superseded', done_at_us = ?
WHERE recipient_hash = ? AND topic = ? AND state IN ('pending', 'dead');

-- outbox_erase :exec
-- in:  recipient_hash bytes(32)
DELETE FROM outbox WHERE recipient_hash = ?;

-- outbox_lock_due :one
-- One row that is due and that nobody else is working on.
-- in:  now_us i64
-- out: outbox_id u64, public_id str(28), kind str(32), payload text, attempts i64, last_error str(500)?,
--      expires_at_us i64?, created_at_us i64
SELECT outbox_id, public_id, kind, payload, attempts, last_error, expires_at_us, created_at_us FROM outbox
WHERE state = 'pending' AND next_at_us <= ? ORDER BY next_at_us LIMIT 1 FOR UPDATE SKIP LOCKED;

-- outbox_lease :exec
-- Counts the attempt and hides the row until the lease ends.
-- in:  next_at_us i64, outbox_id u64
UPDATE outbox SET attempts = attempts + 1, next_at_us = ? WHERE outbox_id = ?;

-- The outcome of a delivery: of a row that was superseded meanwhile, nothing is left to change.

-- outbox_done :exec
-- in:  done_at_us i64, outbox_id u64
UPDATE outbox SET state = 'done', payload = '', recipient_hash = NULL, last_error = NULL, done_at_us = ?
WHERE outbox_id = ? AND state = 'pending';

-- outbox_retry :exec
-- in:  next_at_us i64, last_error str(500), outbox_id u64
UPDATE outbox SET next_at_us = ?, last_error = ? WHERE outbox_id = ? AND state = 'pending';

-- outbox_kill :exec
-- What it says is kept for outbox_revive, until outbox_forget or outbox_prune.
-- in:  next_at_us i64, last_error str(500), outbox_id u64
UPDATE outbox SET state = 'dead', next_at_us = ?, last_error = ? WHERE outbox_id = ? AND state = 'pending';

-- outbox_forget :exec
-- Dead rows that cannot be revived any more keep only why they died.
-- in:  now_us i64
UPDATE outbox SET payload = '', recipient_hash = NULL
WHERE state = 'dead' AND expires_at_us <= ? AND payload <> '' LIMIT 1000;

-- outbox_counts :one scan
-- in:  now_us i64
-- out: pending i64, dead i64, oldest_at_us i64
SELECT CAST(COALESCE(SUM(state = 'pending'), 0) AS SIGNED) AS pending,
	CAST(COALESCE(SUM(state = 'dead'), 0) AS SIGNED) AS dead,
	CAST(COALESCE(MIN(IF(state = 'pending', created_at_us, NULL)), ?, 0) AS SIGNED) AS oldest_at_us
FROM outbox WHERE state IN ('pending', 'dead');

-- outbox_overdue :one
-- Rows that should have been taken before a time: nobody delivers.
-- in:  before_us i64
-- out: n i64
SELECT COUNT(*) AS n FROM outbox WHERE state = 'pending' AND next_at_us < ?;

-- outbox_list :many
-- in:  state str(8), n i64
-- out: public_id str(28), kind str(32), state str(7), attempts i64, next_at_us i64, last_error str(500)?, created_at_us i64
SELECT public_id, kind, state, attempts, next_at_us, last_error, created_at_us FROM outbox
WHERE state = ? ORDER BY next_at_us LIMIT ?;

-- outbox_revive :exec
-- A dead row gets another chance, unless its time is over.
-- in:  now_us i64, public_id str(28), now_us i64
UPDATE outbox SET state = 'pending', attempts = 0, next_at_us = ?
WHERE public_id = ? AND state = 'dead' AND (expires_at_us IS NULL OR expires_at_us > ?);

-- outbox_prune :exec
-- Rows of a final state, some time after they were last taken.
-- in:  state str(7), before_us i64
DELETE FROM outbox WHERE state = ? AND next_at_us < ? ORDER BY next_at_us LIMIT 1000;
