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

-- signup_insert :insert unique
-- An address that somebody claims. SQL_CONFLICT when it has just been taken.
-- in:  public_id str(28), email str(254), created_at_us i64, signed_up_at_us i64
INSERT INTO users (public_id, email, created_at_us, signed_up_at_us) VALUES (?, ?, ?, ?);

-- signup_renew :exec
-- It was claimed once more; nothing where no sign-up waits.
-- in:  signed_up_at_us i64, user_id u64
UPDATE users SET signed_up_at_us = ? WHERE user_id = ? AND signed_up_at_us IS NOT NULL;

-- signup_stale :many
-- Claims that nobody proved in time.
-- in:  before_us i64
-- out: user_id u64
SELECT user_id FROM users WHERE signed_up_at_us < ? ORDER BY signed_up_at_us LIMIT 100;

-- signup_lock_stale :one
-- None where it was proved or renewed meanwhile.
-- in:  user_id u64, before_us i64
-- out: user_id u64
SELECT user_id FROM users WHERE user_id = ? AND signed_up_at_us < ? FOR UPDATE;

-- signup_delete :exec
-- Nothing where the operator has given it something.
-- in:  user_id u64
DELETE FROM users WHERE user_id = ?
	AND NOT EXISTS (SELECT 1 FROM credit_lot l WHERE l.user_id = users.user_id)
	AND NOT EXISTS (SELECT 1 FROM ide_token t WHERE t.user_id = users.user_id);

-- signup_keep :exec
-- in:  user_id u64
UPDATE users SET signed_up_at_us = NULL WHERE user_id = ?;

-- email_token_insert :exec
-- in:  token_hash bytes(32), purpose str(6), user_id u64, password_hash str(255)?, display_name str(80)?, ip str(45),
--      created_at_us i64, expires_at_us i64
INSERT INTO email_token (token_hash, purpose, user_id, password_hash, display_name, ip, created_at_us, expires_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- email_token_get :one
-- in:  token_hash bytes(32), purpose str(6)
-- out: user_id u64, password_hash str(255)?, display_name str(80)?, expires_at_us i64, consumed_at_us i64?
SELECT user_id, password_hash, display_name, expires_at_us, consumed_at_us FROM email_token
WHERE token_hash = ? AND purpose = ?;

-- email_token_claim :exec
-- One of many at the same time gets it.
-- in:  consumed_at_us i64, token_hash bytes(32), purpose str(6), now_us i64
UPDATE email_token SET consumed_at_us = ?, password_hash = NULL
WHERE token_hash = ? AND purpose = ? AND consumed_at_us IS NULL AND expires_at_us > ?;

-- email_token_consume_all :exec
-- Every open one of a user, whatever it is for.
-- in:  consumed_at_us i64, user_id u64
UPDATE email_token SET consumed_at_us = ?, password_hash = NULL WHERE user_id = ? AND consumed_at_us IS NULL;

-- email_token_waiting :many
-- Open ones, live or not, newest first.
-- in:  user_id u64, purpose str(6)
-- out: token_hash bytes(32), password_hash str(255)?, display_name str(80)?, expires_at_us i64
SELECT token_hash, password_hash, display_name, expires_at_us FROM email_token
WHERE user_id = ? AND purpose = ? AND consumed_at_us IS NULL ORDER BY created_at_us DESC LIMIT 100;

-- email_token_retire :exec
-- It has expired before its time, since newer ones are there.
-- in:  now_us i64, token_hash bytes(32)
UPDATE email_token SET expires_at_us = LEAST(expires_at_us, ?), password_hash = NULL WHERE token_hash = ?;

-- email_token_retire_all :exec
-- in:  now_us i64, user_id u64, purpose str(6)
UPDATE email_token SET expires_at_us = LEAST(expires_at_us, ?), password_hash = NULL
WHERE user_id = ? AND purpose = ? AND consumed_at_us IS NULL;

-- email_token_prune :exec
-- in:  before_us i64
DELETE FROM email_token WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;

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
