-- Second factors (account.md section 5).

-- factor_user_lock :one
-- Locks a user for the rest of the transaction, with what a change of the second factor looks at.
-- in:  user_id u64
-- out: email str(254)?, mfa_since_us i64?, suspended_at_us i64?
SELECT email, mfa_since_us, suspended_at_us FROM users WHERE user_id = ? AND deleted_at_us IS NULL FOR UPDATE;

-- factor_web_session :one
-- Whether a browser's session is still there.
-- in:  web_session_id u64, user_id u64
-- out: web_session_id u64
SELECT web_session_id FROM web_session WHERE web_session_id = ? AND user_id = ?;

-- factor_session :one
-- in:  session_id u64, user_id u64
-- out: session_id u64
SELECT session_id FROM session WHERE session_id = ? AND user_id = ?;

-- factor_get :one
-- in:  user_id u64
-- out: secret bytes(96), last_step i64, recovery_salt bytes(16)
SELECT secret, last_step, recovery_salt FROM second_factor WHERE user_id = ?;

-- factor_since :one
-- in:  user_id u64
-- out: mfa_since_us i64?
SELECT mfa_since_us FROM users WHERE user_id = ?;

-- factor_put :exec
-- A new secret; it ends the one before.
-- in:  user_id u64, secret bytes(96), last_step i64, recovery_salt bytes(16), enabled_at_us i64
REPLACE INTO second_factor (user_id, secret, last_step, recovery_salt, enabled_at_us) VALUES (?, ?, ?, ?, ?);

-- factor_take_step :exec
-- Uses up the time step of a code and all before; nothing when it was used already.
-- in:  last_step i64, user_id u64, step i64
UPDATE second_factor SET last_step = ? WHERE user_id = ? AND last_step < ?;

-- factor_reseal :exec
-- in:  secret bytes(96), user_id u64
UPDATE second_factor SET secret = ? WHERE user_id = ?;

-- recovery_code_insert :exec
-- in:  user_id u64, code_hash bytes(32), created_at_us i64
INSERT INTO recovery_code (user_id, code_hash, created_at_us) VALUES (?, ?, ?);

-- recovery_code_claim :exec
-- Uses a code up; nothing when there is none, or it was used already.
-- in:  consumed_at_us i64, user_id u64, code_hash bytes(32)
UPDATE recovery_code SET consumed_at_us = ? WHERE user_id = ? AND code_hash = ? AND consumed_at_us IS NULL;

-- recovery_code_count :one
-- Those not used yet.
-- in:  user_id u64
-- out: n i64
SELECT COUNT(*) AS n FROM recovery_code WHERE user_id = ? AND consumed_at_us IS NULL;

-- factor_status :one
-- in:  user_id u64
-- out: n_codes i64, has_password bool
SELECT COALESCE((SELECT COUNT(*) FROM recovery_code c WHERE c.user_id = u.user_id AND c.consumed_at_us IS NULL), 0) AS n_codes,
	EXISTS (SELECT 1 FROM password p WHERE p.user_id = u.user_id) AS has_password
FROM users u WHERE u.user_id = ?;

-- session_end_unproved :exec
-- Those that have not proved the second factor since it is asked for.
-- in:  user_id u64, mfa_since_us i64
DELETE FROM session WHERE user_id = ? AND (mfa_at_us IS NULL OR mfa_at_us < ?);

-- ide_token_end_unproved :exec
-- in:  user_id u64, mfa_since_us i64
DELETE FROM ide_token WHERE user_id = ? AND (mfa_at_us IS NULL OR mfa_at_us < ?);

-- web_session_end_others :exec
-- in:  user_id u64, web_session_id u64
DELETE FROM web_session WHERE user_id = ? AND web_session_id <> ?;
