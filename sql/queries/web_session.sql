-- Browsers that signed in with a password (account.md section 2).

-- web_session_caller :one
-- A cookie's session and its user in one indexed read.
-- in:  token_hash bytes(32)
-- out: web_session_id u64, session_public_id str(28), auth_at_us i64, last_seen_at_us i64, expires_at_us i64, user_id u64,
--      public_id str(28), email str(254)?, display_name str(80)?, created_at_us i64, email_verified_at_us i64?,
--      mfa_since_us i64?, delete_after_us i64?, suspended_at_us i64?
SELECT s.web_session_id, s.public_id AS session_public_id, s.auth_at_us, s.last_seen_at_us, s.expires_at_us, u.user_id,
	u.public_id, u.email, u.display_name, u.created_at_us, u.email_verified_at_us, u.mfa_since_us, u.delete_after_us,
	u.suspended_at_us
FROM web_session s JOIN users u ON u.user_id = s.user_id
WHERE s.token_hash = ? AND u.deleted_at_us IS NULL;

-- web_session_insert :insert
-- in:  public_id str(28), user_id u64, token_hash bytes(32), auth_at_us i64, last_seen_at_us i64, expires_at_us i64, ip str(45),
--      user_agent str(200)?
INSERT INTO web_session (public_id, user_id, token_hash, auth_at_us, last_seen_at_us, expires_at_us, ip, user_agent)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- web_session_touch :exec
-- Of many uses at a time, one is written down.
-- in:  last_seen_at_us i64, ip str(45), web_session_id u64, was_seen_at_us i64
UPDATE web_session SET last_seen_at_us = ?, ip = ? WHERE web_session_id = ? AND last_seen_at_us = ?;

-- web_session_revoke :exec
-- in:  public_id str(28), user_id u64
DELETE FROM web_session WHERE public_id = ? AND user_id = ?;

-- web_session_end :exec
-- in:  token_hash bytes(32)
DELETE FROM web_session WHERE token_hash = ?;

-- web_session_end_all :exec
-- in:  user_id u64
DELETE FROM web_session WHERE user_id = ?;

-- web_session_prune :exec
-- in:  now_us i64
DELETE FROM web_session WHERE expires_at_us < ? ORDER BY expires_at_us LIMIT 1000;
