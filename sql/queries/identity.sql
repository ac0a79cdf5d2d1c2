-- Passwords, second factors, mailed tokens (account.md).

-- password_get :one
-- in:  user_id u64
-- out: hash str(255), changed_at_us i64
SELECT hash, changed_at_us FROM password WHERE user_id = ?;

-- password_put :exec
-- in:  user_id u64, hash str(255), changed_at_us i64
INSERT INTO password (user_id, hash, changed_at_us) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE hash = VALUES(hash), changed_at_us = VALUES(changed_at_us);

-- password_rehash :exec
-- The same password with newer parameters; nothing when it was changed meanwhile.
-- in:  hash str(255), user_id u64, old_hash str(255)
UPDATE password SET hash = ? WHERE user_id = ? AND hash = ?;

-- password_erase :exec
-- in:  user_id u64
DELETE FROM password WHERE user_id = ?;

-- credential_by_email :one
-- All that a sign-in with a password looks at, in one read.
-- in:  email str(254)
-- out: user_id u64, public_id str(28), display_name str(80)?, hash str(255)?, email_verified_at_us i64?,
--      delete_after_us i64?, suspended_at_us i64?, mfa_since_us i64?
SELECT u.user_id, u.public_id, u.display_name, p.hash, u.email_verified_at_us, u.delete_after_us, u.suspended_at_us,
	u.mfa_since_us
FROM users u LEFT JOIN password p ON p.user_id = u.user_id WHERE u.email = ? AND u.deleted_at_us IS NULL;

-- second_factor_erase :exec
-- in:  user_id u64
DELETE FROM second_factor WHERE user_id = ?;

-- recovery_code_erase :exec
-- in:  user_id u64
DELETE FROM recovery_code WHERE user_id = ?;

-- email_token_erase :exec
-- in:  user_id u64
DELETE FROM email_token WHERE user_id = ?;

-- device_login_erase :exec
-- Whatever this user has decided about devices and was not picked up yet.
-- in:  user_id u64
DELETE FROM device_login WHERE user_id = ?;

-- ide_login_erase :exec
-- in:  user_id u64
DELETE FROM ide_login WHERE user_id = ?;

-- account_facts :one
-- What the export says of an account, in one read.
-- in:  user_id u64
-- out: email_verified_at_us i64?, delete_after_us i64?, plan str(32), overage_enabled bool, period_start_at_us i64?,
--      renews_at_us i64?, cancel_at_period_end bool, password_changed_at_us i64?, mfa_enabled_at_us i64?
SELECT u.email_verified_at_us, u.delete_after_us, u.plan, u.overage_enabled, u.period_start_at_us, u.renews_at_us,
	u.cancel_at_period_end, p.changed_at_us AS password_changed_at_us, f.enabled_at_us AS mfa_enabled_at_us
FROM users u LEFT JOIN password p ON p.user_id = u.user_id LEFT JOIN second_factor f ON f.user_id = u.user_id
WHERE u.user_id = ?;

-- deletion_lock :one
-- Locks a user; what a deletion has to know.
-- in:  user_id u64
-- out: email str(254)?, delete_after_us i64?, deleted_at_us i64?
SELECT email, delete_after_us, deleted_at_us FROM users WHERE user_id = ? FOR UPDATE;

-- deletion_set :exec
-- in:  delete_after_us i64?, user_id u64
UPDATE users SET delete_after_us = ? WHERE user_id = ?;

-- deletion_due :many
-- Accounts whose time of grace is over, after an id.
-- in:  now_us i64, user_id u64
-- out: user_id u64
SELECT user_id FROM users FORCE INDEX (delete_after_us) WHERE delete_after_us <= ? AND user_id > ? ORDER BY user_id LIMIT 100;

-- email_token_prune :exec
-- in:  before_us i64
DELETE FROM email_token WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;

-- device_login_prune :exec
-- in:  before_us i64
DELETE FROM device_login WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;

-- ide_login_prune :exec
-- in:  before_us i64
DELETE FROM ide_login WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;

-- web_session_page :many
-- All before an id, live or not, newest first, for the export.
-- in:  user_id u64, web_session_id u64
-- out: web_session_id u64, public_id str(28), ip str(45), user_agent str(200)?, auth_at_us i64, last_seen_at_us i64,
--      expires_at_us i64
SELECT web_session_id, public_id, ip, user_agent, auth_at_us, last_seen_at_us, expires_at_us
FROM web_session FORCE INDEX (user_id) WHERE user_id = ? AND web_session_id < ? ORDER BY web_session_id DESC LIMIT 1000;

-- ide_token_page :many
-- All before an id, live or not, newest first, for the export.
-- in:  user_id u64, ide_token_id u64
-- out: ide_token_id u64, public_id str(28), name str(80)?, created_at_us i64, last_used_at_us i64, expires_at_us i64
SELECT ide_token_id, public_id, name, created_at_us, last_used_at_us, expires_at_us
FROM ide_token FORCE INDEX (user_id) WHERE user_id = ? AND ide_token_id < ? ORDER BY ide_token_id DESC LIMIT 1000;

-- user_by_public_id :one
-- in:  public_id str(28)
-- out: user_id u64
SELECT user_id FROM users WHERE public_id = ?;
