-- The gateway's callers, and what they report.

-- ide_token_caller :one
-- A token and its user in one indexed read.
-- in:  token_hash bytes(32)
-- out: ide_token_id u64, expires_at_us i64, last_used_at_us i64, user_id u64, public_id str(28), email str(254)?,
--      display_name str(80)?, plan str(32), created_at_us i64, suspended_at_us i64?,
--      mfa_since_us i64?, mfa_at_us i64?
SELECT t.ide_token_id, t.expires_at_us, t.last_used_at_us, u.user_id, u.public_id, u.email, u.display_name, u.plan,
	u.created_at_us, u.suspended_at_us, u.mfa_since_us, t.mfa_at_us
FROM ide_token t JOIN users u ON u.user_id = t.user_id
WHERE t.token_hash = ? AND u.deleted_at_us IS NULL;

-- ide_token_insert :insert
-- in:  public_id str(28), user_id u64, token_hash bytes(32), name str(80)?, created_at_us i64, last_used_at_us i64,
--      expires_at_us i64, mfa_at_us i64?
INSERT INTO ide_token (public_id, user_id, token_hash, name, created_at_us, last_used_at_us, expires_at_us, mfa_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- ide_token_slide :exec
-- in:  last_used_at_us i64, expires_at_us i64, ide_token_id u64
UPDATE ide_token SET last_used_at_us = ?, expires_at_us = ? WHERE ide_token_id = ?;

-- ide_token_list :many
-- The live tokens of a user, the last used first.
-- in:  user_id u64, now_us i64
-- out: public_id str(28), name str(80)?, created_at_us i64, last_used_at_us i64, expires_at_us i64
SELECT public_id, name, created_at_us, last_used_at_us, expires_at_us
FROM ide_token WHERE user_id = ? AND expires_at_us > ?
ORDER BY last_used_at_us DESC, ide_token_id DESC LIMIT 200;

-- ide_token_page :many
-- All before an id, live or not, newest first, for the export.
-- in:  user_id u64, ide_token_id u64
-- out: ide_token_id u64, public_id str(28), name str(80)?, created_at_us i64, last_used_at_us i64, expires_at_us i64
SELECT ide_token_id, public_id, name, created_at_us, last_used_at_us, expires_at_us
FROM ide_token FORCE INDEX (user_id) WHERE user_id = ? AND ide_token_id < ? ORDER BY ide_token_id DESC LIMIT 1000;

-- ide_token_revoke :exec
-- in:  token_hash bytes(32)
DELETE FROM ide_token WHERE token_hash = ?;

-- ide_token_revoke_id :exec
-- in:  public_id str(28)
DELETE FROM ide_token WHERE public_id = ?;

-- ide_token_erase :exec
-- in:  user_id u64
DELETE FROM ide_token WHERE user_id = ?;

-- ide_token_prune :exec
-- in:  now_us i64
DELETE FROM ide_token WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;

-- supabase_caller :one
-- A person of a Supabase project with their user, where there is one.
-- in:  subject_hash bytes(32)
-- out: closed_at_us i64?, claimed_email str(254)?, user_id u64?, public_id str(28)?, email str(254)?,
--      display_name str(80)?, plan str(32)?, created_at_us i64?, suspended_at_us i64?, mfa_since_us i64?
SELECT i.closed_at_us, i.email AS claimed_email, u.user_id, u.public_id, u.email, u.display_name, u.plan, u.created_at_us,
	u.suspended_at_us, u.mfa_since_us
FROM supabase_identity i LEFT JOIN users u ON u.user_id = i.user_id AND u.deleted_at_us IS NULL
WHERE i.subject_hash = ?;

-- supabase_identity_insert :insert unique
-- SQL_CONFLICT when another request was first.
-- in:  subject_hash bytes(32), user_id u64, email str(254)?, created_at_us i64
INSERT INTO supabase_identity (subject_hash, user_id, email, created_at_us) VALUES (?, ?, ?, ?);

-- supabase_identity_reopen :exec
-- A fresh account for somebody whose former one was deleted.
-- in:  user_id u64, email str(254)?, subject_hash bytes(32)
UPDATE supabase_identity SET user_id = ?, email = ? WHERE subject_hash = ? AND user_id IS NULL;

-- supabase_identity_note_email :exec
-- in:  email str(254)?, subject_hash bytes(32)
UPDATE supabase_identity SET email = ? WHERE subject_hash = ?;

-- supabase_identity_close :exec
-- in:  closed_at_us i64, user_id u64
UPDATE supabase_identity SET user_id = NULL, email = NULL, closed_at_us = ? WHERE user_id = ?;

-- user_insert_nameless :insert
-- A user without an e-mail address.
-- in:  public_id str(28), created_at_us i64
INSERT INTO users (public_id, created_at_us) VALUES (?, ?);

-- user_prove_email :exec unique
-- An address that has been proved to belong to a user without one. SQL_CONFLICT when somebody has it.
-- in:  email str(254), email_verified_at_us i64, user_id u64
UPDATE users SET email = ?, email_verified_at_us = ? WHERE user_id = ? AND email IS NULL AND deleted_at_us IS NULL;

-- user_suspend :exec
-- in:  suspended_at_us i64?, user_id u64
UPDATE users SET suspended_at_us = ? WHERE user_id = ?;

-- telemetry_insert :exec
-- All events of a report, as a JSON array of {"name", "at_us", "props"}; props are JSON text.
-- in:  user_id u64?, received_at_us i64, events text
INSERT INTO telemetry (user_id, received_at_us, name, at_us, props)
SELECT ?, ?, e.name, e.at_us, e.props
FROM JSON_TABLE(?, '$[*]' COLUMNS (name VARCHAR(64) PATH '$.name', at_us BIGINT PATH '$.at_us',
	props TEXT PATH '$.props')) e;

-- telemetry_page :many
-- Before an id, newest first, for the export: few at a time, since a row may have 4 KiB.
-- in:  user_id u64, telemetry_id u64
-- out: telemetry_id u64, name str(64), at_us i64?, props text?, received_at_us i64
SELECT telemetry_id, name, at_us, props, received_at_us
FROM telemetry FORCE INDEX (user_id) WHERE user_id = ? AND telemetry_id < ? ORDER BY telemetry_id DESC LIMIT 200;

-- telemetry_forget_user :exec
-- in:  user_id u64
UPDATE telemetry SET user_id = NULL WHERE user_id = ?;

-- telemetry_prune :exec
-- in:  received_at_us i64
DELETE FROM telemetry WHERE received_at_us < ? ORDER BY received_at_us LIMIT 1000;

-- feedback_insert :insert
-- in:  public_id str(28), user_id u64?, message str(4000), category str(32)?, rating i64?, request_id str(128)?,
--      app_version str(40)?, received_at_us i64
INSERT INTO feedback (public_id, user_id, message, category, rating, request_id, app_version, received_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- feedback_page :many
-- Before an id, newest first, for the export: few at a time, since a row may have 16 KiB.
-- in:  user_id u64, feedback_id u64
-- out: feedback_id u64, public_id str(28), message str(4000), category str(32)?, rating i64?, request_id str(128)?,
--      app_version str(40)?, received_at_us i64
SELECT feedback_id, public_id, message, category, rating, request_id, app_version, received_at_us
FROM feedback FORCE INDEX (user_id) WHERE user_id = ? AND feedback_id < ? ORDER BY feedback_id DESC LIMIT 100;

-- feedback_erase :exec
-- in:  user_id u64
DELETE FROM feedback WHERE user_id = ?;

-- feedback_prune :exec
-- in:  received_at_us i64
DELETE FROM feedback WHERE received_at_us < ? ORDER BY received_at_us LIMIT 1000;
