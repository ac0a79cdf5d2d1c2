-- Devices and IDEs that wait for somebody at a browser, and what a person sees of all credentials (gateway.md section 7).

-- device_login_insert :insert unique
-- SQL_CONFLICT: another login has this user code.
-- in:  device_hash bytes(32), user_code str(8), platform str(64)?, version str(64)?, ip str(45), user_agent str(200)?,
--      interval_s i64, created_at_us i64, expires_at_us i64
INSERT INTO device_login (device_hash, user_code, state, platform, version, ip, user_agent, interval_s, created_at_us,
	expires_at_us)
VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?);

-- device_login_decider :one
-- Whose row of users is to be locked before the login.
-- in:  device_hash bytes(32)
-- out: user_id u64?
SELECT user_id FROM device_login WHERE device_hash = ?;

-- device_login_lock :one
-- in:  device_hash bytes(32)
-- out: device_login_id u64, state str(8), platform str(64)?, version str(64)?, user_id u64?, ide_token_id u64?,
--      interval_s i64, hasty_polls i64, polled_at_us i64?, decided_at_us i64?, consumed_at_us i64?, expires_at_us i64
SELECT device_login_id, state, platform, version, user_id, ide_token_id, interval_s, hasty_polls, polled_at_us,
	decided_at_us, consumed_at_us, expires_at_us
FROM device_login WHERE device_hash = ? FOR UPDATE;

-- device_login_polled :exec
-- in:  interval_s i64, hasty_polls i64, polled_at_us i64, device_login_id u64
UPDATE device_login SET interval_s = ?, hasty_polls = ?, polled_at_us = ? WHERE device_login_id = ?;

-- device_login_consume :exec
-- in:  ide_token_id u64?, consumed_at_us i64, device_login_id u64
UPDATE device_login SET state = 'consumed', ide_token_id = ?, consumed_at_us = ? WHERE device_login_id = ?;

-- device_login_show :one
-- row: login_view
-- in:  user_code str(8)
-- out: state str(8), platform str(64)?, version str(64)?, redirect_uri str(500)?, ip str(45), created_at_us i64,
--      expires_at_us i64
SELECT state, platform, version, CAST(NULL AS CHAR(500)) AS redirect_uri, ip, created_at_us, expires_at_us FROM device_login WHERE user_code = ?;

-- device_login_code_lock :one
-- in:  user_code str(8)
-- out: device_login_id u64, state str(8), expires_at_us i64
SELECT device_login_id, state, expires_at_us FROM device_login WHERE user_code = ? FOR UPDATE;

-- device_login_decide :exec
-- in:  state str(8), user_id u64, decided_at_us i64, device_login_id u64
UPDATE device_login SET state = ?, user_id = ?, decided_at_us = ? WHERE device_login_id = ?;

-- ide_login_insert :exec
-- in:  code_hash bytes(32), challenge str(64)?, redirect_uri str(500)?, platform str(64)?, version str(64)?, ip str(45),
--      user_agent str(200)?, created_at_us i64, expires_at_us i64
INSERT INTO ide_login (code_hash, state, challenge, redirect_uri, platform, version, ip, user_agent, created_at_us,
	expires_at_us)
VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?);

-- ide_login_decider :one
-- in:  code_hash bytes(32)
-- out: user_id u64?
SELECT user_id FROM ide_login WHERE code_hash = ?;

-- ide_login_lock :one
-- in:  code_hash bytes(32)
-- out: state str(8), challenge str(64)?, redirect_uri str(500)?, platform str(64)?, version str(64)?, user_id u64?,
--      decided_at_us i64?, expires_at_us i64
SELECT state, challenge, redirect_uri, platform, version, user_id, decided_at_us, expires_at_us
FROM ide_login WHERE code_hash = ? FOR UPDATE;

-- ide_login_show :one
-- row: login_view
-- in:  code_hash bytes(32)
-- out: state str(8), platform str(64)?, version str(64)?, redirect_uri str(500)?, ip str(45), created_at_us i64,
--      expires_at_us i64
SELECT state, platform, version, redirect_uri, ip, created_at_us, expires_at_us FROM ide_login WHERE code_hash = ?;

-- ide_login_decide :exec
-- in:  state str(8), user_id u64, decided_at_us i64, code_hash bytes(32)
UPDATE ide_login SET state = ?, user_id = ?, decided_at_us = ? WHERE code_hash = ?;

-- ide_login_consume :exec
-- in:  code_hash bytes(32)
UPDATE ide_login SET state = 'consumed' WHERE code_hash = ?;

-- user_standing_lock :one
-- Locks a user for the rest of the transaction: whether they may have a new credential, and whose it is then.
-- in:  user_id u64
-- out: public_id str(28), email str(254)?, plan str(32), suspended_at_us i64?, deleted_at_us i64?, mfa_since_us i64?
SELECT public_id, email, plan, suspended_at_us, deleted_at_us, mfa_since_us FROM users WHERE user_id = ? FOR UPDATE;

-- session_is_there :one
-- in:  session_id u64, now_us i64
-- out: session_id u64
SELECT session_id FROM session WHERE session_id = ? AND expires_at_us > ?;

-- ide_token_owner :one
-- in:  token_hash bytes(32)
-- out: ide_token_id u64, user_id u64, public_id str(28)
SELECT ide_token_id, user_id, public_id FROM ide_token WHERE token_hash = ?;

-- ide_token_end :exec
-- in:  ide_token_id u64
DELETE FROM ide_token WHERE ide_token_id = ?;

-- ide_token_revoke_own :exec
-- in:  public_id str(28), user_id u64
DELETE FROM ide_token WHERE public_id = ? AND user_id = ?;

-- credential_list :many
-- All that opens an account, the newest first: at most 200 of each kind.
-- in:  user_id u64, now_us i64, user_id u64, now_us i64, web_seen_after_us i64, user_id u64, now_us i64
-- out: kind str(8), public_id str(29), name str(200)?, device str(64)?, ip str(45)?, created_at_us i64,
--      last_seen_at_us i64, expires_at_us i64
(SELECT 'session' AS kind, public_id, device_name AS name, device, ip, created_at_us, last_seen_at_us, expires_at_us
	FROM session WHERE user_id = ? AND expires_at_us > ? ORDER BY last_seen_at_us DESC LIMIT 200)
UNION ALL
(SELECT 'browser', public_id, user_agent, NULL, ip, auth_at_us, last_seen_at_us, expires_at_us
	FROM web_session WHERE user_id = ? AND expires_at_us > ? AND last_seen_at_us > ? ORDER BY last_seen_at_us DESC LIMIT 200)
UNION ALL
(SELECT 'ide', public_id, name, NULL, NULL, created_at_us, last_used_at_us, expires_at_us
	FROM ide_token WHERE user_id = ? AND expires_at_us > ? ORDER BY last_used_at_us DESC LIMIT 200)
ORDER BY created_at_us DESC, public_id;

-- hold_open :many
-- What is reserved of a user's credit.
-- in:  user_id u64
-- out: public_id str(29)
SELECT public_id FROM hold WHERE user_id = ? AND state = 'open' LIMIT 1000;

-- subscription_get :one
-- in:  user_id u64
-- out: plan str(32), renews_at_us i64?, cancel_at_period_end bool
SELECT plan, renews_at_us, cancel_at_period_end FROM users WHERE user_id = ?;

-- consent_list :many
-- What a user has agreed to: ways in, and calls beyond the credit.
-- in:  user_id u64, user_id u64, user_id u64
-- out: kind str(8), name str(16), given_at_us i64?
(SELECT 'sign_in' AS kind, provider AS name, created_at_us AS given_at_us FROM identity WHERE user_id = ?
	ORDER BY identity_id LIMIT 100)
UNION ALL
(SELECT 'sign_in', 'supabase', created_at_us FROM supabase_identity WHERE user_id = ? LIMIT 100)
UNION ALL
(SELECT 'overage', 'overage', NULL FROM users WHERE user_id = ? AND overage_enabled);
