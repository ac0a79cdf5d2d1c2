-- Idempotency-Key: see fcgi/http/idem.c.

-- idem_claim :insert unique
-- in:  scope_hash bytes(32), fingerprint bytes(32), lease_until_us i64, created_at_us i64
INSERT INTO idempotency (scope_hash, fingerprint, lease_until_us, created_at_us) VALUES (?, ?, ?, ?);

-- idem_find :one
-- in:  scope_hash bytes(32)
-- out: idem_id u64, fingerprint bytes(32), status i64?, body text?, lease_until_us i64
SELECT idem_id, fingerprint, status, body, lease_until_us FROM idempotency WHERE scope_hash = ?;

-- idem_reclaim :exec
-- Takes over a claim whose lease has run out; affects a row for one of several that try.
-- in:  lease_until_us i64, idem_id u64, now_us i64
UPDATE idempotency SET lease_until_us = ? WHERE idem_id = ? AND status IS NULL AND lease_until_us < ?;

-- idem_store :exec
-- in:  status i64, body text, idem_id u64
UPDATE idempotency SET status = ?, body = ? WHERE idem_id = ? AND status IS NULL;

-- idem_drop :exec
-- in:  idem_id u64
DELETE FROM idempotency WHERE idem_id = ? AND status IS NULL;

-- idem_prune :exec
-- in:  before_us i64
DELETE FROM idempotency WHERE created_at_us < ? ORDER BY created_at_us LIMIT 1000;
