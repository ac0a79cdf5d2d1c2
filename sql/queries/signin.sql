-- Codes, hand-offs and OAuth attempts: everything that is used once.

-- code_put :exec
-- The newest code of an address; it kills the older one.
-- in:  email str(254), code_mac bytes(32), tries_left i64, is_ide bool, challenge str(64)?, expires_at_us i64
REPLACE INTO sign_in_code (email, code_mac, tries_left, is_ide, challenge, expires_at_us)
VALUES (?, ?, ?, ?, ?, ?);

-- code_lock :one
-- in:  email str(254)
-- out: code_mac bytes(32), tries_left i64, is_ide bool, challenge str(64)?, expires_at_us i64
SELECT code_mac, tries_left, is_ide, challenge, expires_at_us FROM sign_in_code WHERE email = ? FOR UPDATE;

-- code_take_try :exec
-- in:  email str(254)
UPDATE sign_in_code SET tries_left = tries_left - 1 WHERE email = ?;

-- code_delete :exec
-- in:  email str(254)
DELETE FROM sign_in_code WHERE email = ?;

-- code_prune :exec
-- in:  now_us i64
DELETE FROM sign_in_code WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;

-- handoff_insert :exec
-- in:  handoff_hash bytes(32), user_id u64, challenge str(64)?, session_id u64?, expires_at_us i64
INSERT INTO handoff (handoff_hash, user_id, challenge, session_id, expires_at_us) VALUES (?, ?, ?, ?, ?);

-- handoff_lock :one
-- in:  handoff_hash bytes(32)
-- out: user_id u64, challenge str(64)?, session_id u64?, live_session_id u64?, expires_at_us i64, signed_in_at_us i64?, mfa_at_us i64?
SELECT h.user_id, h.challenge, h.session_id, s.session_id AS live_session_id, h.expires_at_us,
	s.created_at_us AS signed_in_at_us, s.mfa_at_us
FROM handoff h LEFT JOIN session s ON s.session_id = h.session_id WHERE h.handoff_hash = ? FOR UPDATE;

-- handoff_delete :exec
-- in:  handoff_hash bytes(32)
DELETE FROM handoff WHERE handoff_hash = ?;

-- handoff_erase :exec
-- in:  user_id u64
DELETE FROM handoff WHERE user_id = ?;

-- handoff_prune :exec
-- in:  now_us i64
DELETE FROM handoff WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;

-- oauth_put :exec
-- in:  nonce_hash bytes(32), provider str(16), verifier str(64), is_ide bool, challenge str(64)?, expires_at_us i64
INSERT INTO oauth_attempt (nonce_hash, provider, verifier, is_ide, challenge, expires_at_us)
VALUES (?, ?, ?, ?, ?, ?);

-- oauth_lock :one
-- in:  nonce_hash bytes(32)
-- out: provider str(16), verifier str(64), is_ide bool, challenge str(64)?, expires_at_us i64
SELECT provider, verifier, is_ide, challenge, expires_at_us FROM oauth_attempt WHERE nonce_hash = ? FOR UPDATE;

-- oauth_delete :exec
-- in:  nonce_hash bytes(32)
DELETE FROM oauth_attempt WHERE nonce_hash = ?;

-- oauth_prune :exec
-- in:  now_us i64
DELETE FROM oauth_attempt WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;
