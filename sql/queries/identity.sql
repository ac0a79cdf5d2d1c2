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
