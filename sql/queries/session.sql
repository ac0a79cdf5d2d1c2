-- Signed-in devices.

-- session_caller :one
-- A token's session and its user in one indexed read: the hottest query there is.
-- in:  token_hash bytes(32)
-- out: session_id u64, session_public_id str(29), expires_at_us i64, last_seen_at_us i64, user_id u64, public_id str(28),
--      email str(254)?, display_name str(80)?, plan str(32), founding bool, overage_enabled bool,
--      allowance_micro i64, topup_micro i64, seats i64?, period_start_at_us i64?, renews_at_us i64?,
--      cancel_at_period_end bool, created_at_us i64, suspended_at_us i64?, mfa_since_us i64?, mfa_at_us i64?,
--      session_created_at_us i64
SELECT s.session_id, s.public_id AS session_public_id, s.expires_at_us, s.last_seen_at_us, u.user_id, u.public_id,
	u.email, u.display_name, u.plan, u.founding, u.overage_enabled, u.allowance_micro, u.topup_micro, u.seats,
	u.period_start_at_us, u.renews_at_us, u.cancel_at_period_end, u.created_at_us, u.suspended_at_us,
	u.mfa_since_us, s.mfa_at_us, s.created_at_us AS session_created_at_us
FROM session s JOIN users u ON u.user_id = s.user_id
WHERE s.token_hash = ? AND u.deleted_at_us IS NULL;

-- session_insert :insert
-- in:  public_id str(29), user_id u64, token_hash bytes(32), device str(64)?, device_name str(80)?, user_agent str(200)?,
--      ip str(45), created_at_us i64, last_seen_at_us i64, expires_at_us i64, mfa_at_us i64?
INSERT INTO session (public_id, user_id, token_hash, device, device_name, user_agent, ip, created_at_us,
	last_seen_at_us, expires_at_us, mfa_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- session_prove_mfa :exec
-- in:  mfa_at_us i64, session_id u64
UPDATE session SET mfa_at_us = ? WHERE session_id = ?;

-- session_slide :exec
-- Pushes the expiry of a session that is in use.
-- in:  last_seen_at_us i64, expires_at_us i64, ip str(45), session_id u64
UPDATE session SET last_seen_at_us = ?, expires_at_us = ?, ip = ? WHERE session_id = ?;

-- session_list :many
-- The live sessions of a user, the most recent first.
-- in:  user_id u64, now_us i64
-- out: session_id u64, public_id str(29), device str(64)?, device_name str(80)?, ip str(45), last_seen_at_us i64,
--      created_at_us i64, expires_at_us i64
SELECT session_id, public_id, device, device_name, ip, last_seen_at_us, created_at_us, expires_at_us
FROM session WHERE user_id = ? AND expires_at_us > ?
ORDER BY last_seen_at_us DESC, session_id DESC LIMIT 200;

-- session_page :many
-- All before an id, live or not, newest first, for the export.
-- in:  user_id u64, session_id u64
-- out: session_id u64, public_id str(29), device str(64)?, device_name str(80)?, user_agent str(200)?, ip str(45),
--      last_seen_at_us i64, created_at_us i64, expires_at_us i64
SELECT session_id, public_id, device, device_name, user_agent, ip, last_seen_at_us, created_at_us, expires_at_us
FROM session FORCE INDEX (user_id) WHERE user_id = ? AND session_id < ? ORDER BY session_id DESC LIMIT 1000;

-- session_revoke :exec
-- in:  public_id str(29), user_id u64
DELETE FROM session WHERE public_id = ? AND user_id = ?;

-- session_end :exec
-- in:  session_id u64
DELETE FROM session WHERE session_id = ?;

-- session_end_others :exec
-- in:  user_id u64, session_id u64
DELETE FROM session WHERE user_id = ? AND session_id <> ?;

-- session_end_all :exec
-- in:  user_id u64
DELETE FROM session WHERE user_id = ?;

-- session_prune :exec
-- in:  now_us i64
DELETE FROM session WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;
