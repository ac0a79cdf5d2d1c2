-- The users table. Lock order of all transactions: users, session, the rest by name; ids ascending.

-- user_by_email :one
-- The user that a verified e-mail address signs in.
-- in:  email str(254)
-- out: user_id u64, email_verified_at_us i64?
SELECT user_id, email_verified_at_us FROM users WHERE email = ?;

-- user_insert :insert unique
-- A new user. SQL_CONFLICT when the address has just been taken.
-- in:  public_id str(28), email str(254), email_verified_at_us i64?, display_name str(80)?, created_at_us i64
INSERT INTO users (public_id, email, email_verified_at_us, display_name, created_at_us) VALUES (?, ?, ?, ?, ?);

-- user_verify :exec
-- The address has been proved.
-- in:  email_verified_at_us i64, user_id u64
UPDATE users SET email_verified_at_us = ?, signed_up_at_us = NULL WHERE user_id = ? AND email_verified_at_us IS NULL;

-- user_set_mfa :exec
-- in:  mfa_since_us i64?, user_id u64
UPDATE users SET mfa_since_us = ? WHERE user_id = ?;

-- user_lock :one
-- Locks a user for the rest of the transaction.
-- in:  user_id u64
-- out: email str(254)?, plan str(32), renews_at_us i64?, suspended_at_us i64?
SELECT email, plan, renews_at_us, suspended_at_us FROM users WHERE user_id = ? FOR UPDATE;

-- user_update :exec
-- Changes what a user may change; a NULL leaves the value.
-- in:  display_name str(80)?, overage_enabled bool?, user_id u64
UPDATE users SET display_name = COALESCE(?, display_name), overage_enabled = COALESCE(?, overage_enabled)
WHERE user_id = ?;

-- user_erase :exec
-- Forgets the person; orders keep pointing at the row.
-- in:  deleted_at_us i64, user_id u64
UPDATE users SET email = NULL, email_verified_at_us = NULL, signed_up_at_us = NULL, display_name = NULL, mfa_since_us = NULL, delete_after_us = NULL, plan = 'free', overage_enabled = FALSE, deleted_at_us = ?
WHERE user_id = ?;

-- identity_find :one
-- Whose identity this is.
-- in:  provider str(16), subject str(190)
-- out: user_id u64
SELECT user_id FROM identity WHERE provider = ? AND subject = ?;

-- identity_insert :insert unique
-- in:  user_id u64, provider str(16), subject str(190), created_at_us i64
INSERT INTO identity (user_id, provider, subject, created_at_us) VALUES (?, ?, ?, ?);

-- identity_page :many
-- Those after an id, for the export.
-- in:  user_id u64, identity_id u64
-- out: identity_id u64, provider str(16), subject str(190), created_at_us i64
SELECT identity_id, provider, subject, created_at_us FROM identity WHERE user_id = ? AND identity_id > ?
ORDER BY identity_id LIMIT 1000;

-- identity_erase :exec
-- in:  user_id u64
DELETE FROM identity WHERE user_id = ?;
