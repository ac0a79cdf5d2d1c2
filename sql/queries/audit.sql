-- Security events.

-- audit_insert :insert
-- in:  user_id i64?, event str(32), detail str(64)?, ip str(45)?, user_agent str(200)?, request_id str(128)?, at_us i64
INSERT INTO audit_event (user_id, event, detail, ip, user_agent, request_id, at_us) VALUES (?, ?, ?, ?, ?, ?, ?);

-- audit_page :many
-- Those of a user before an id, newest first: for the export and the operator.
-- in:  user_id u64, audit_event_id u64
-- out: audit_event_id u64, event str(32), detail str(64)?, ip str(45)?, user_agent str(200)?, request_id str(128)?, at_us i64
SELECT audit_event_id, event, detail, ip, user_agent, request_id, at_us FROM audit_event
WHERE user_id = ? AND audit_event_id < ? ORDER BY audit_event_id DESC LIMIT 1000;

-- audit_recent :many
-- The newest of all users after an id.
-- in:  audit_event_id u64
-- out: audit_event_id u64, user_id u64?, event str(32), detail str(64)?, ip str(45)?, user_agent str(200)?,
--      request_id str(128)?, at_us i64
SELECT audit_event_id, user_id, event, detail, ip, user_agent, request_id, at_us FROM audit_event
WHERE audit_event_id > ? ORDER BY audit_event_id LIMIT 1000;

-- audit_forget_user :exec
-- What happened stays; who it was does not.
-- in:  user_id u64
UPDATE audit_event SET user_id = NULL, ip = NULL, user_agent = NULL WHERE user_id = ?;

-- audit_prune :exec
-- in:  before_us i64
DELETE FROM audit_event WHERE at_us < ? ORDER BY at_us LIMIT 5000;
