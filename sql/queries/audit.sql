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
-- The newest of everybody since a time, newest first; event NULL: of all kinds.
-- row: audit_event
-- in:  since_us i64, event str(32)?, event str(32)?, n i64
-- out: audit_event_id u64, user_id u64?, public_id str(28)?, event str(32), detail str(64)?, ip str(45)?,
--      user_agent str(200)?, request_id str(128)?, at_us i64
SELECT a.audit_event_id, a.user_id, u.public_id, a.event, a.detail, a.ip, a.user_agent, a.request_id, a.at_us
FROM audit_event a LEFT JOIN users u ON u.user_id = a.user_id
WHERE a.at_us >= ? AND (? IS NULL OR a.event = ?) ORDER BY a.audit_event_id DESC LIMIT ?;

-- audit_of_user :many
-- The same of one user.
-- row: audit_event
-- in:  user_id u64, since_us i64, event str(32)?, event str(32)?, n i64
-- out: audit_event_id u64, user_id u64?, public_id str(28)?, event str(32), detail str(64)?, ip str(45)?,
--      user_agent str(200)?, request_id str(128)?, at_us i64
SELECT a.audit_event_id, a.user_id, u.public_id, a.event, a.detail, a.ip, a.user_agent, a.request_id, a.at_us
FROM audit_event a FORCE INDEX (user_id) LEFT JOIN users u ON u.user_id = a.user_id
WHERE a.user_id = ? AND a.at_us >= ? AND (? IS NULL OR a.event = ?) ORDER BY a.audit_event_id DESC LIMIT ?;

-- audit_after :many
-- Those of everybody after an id, in their order.
-- row: audit_event
-- in:  audit_event_id u64
-- out: audit_event_id u64, user_id u64?, public_id str(28)?, event str(32), detail str(64)?, ip str(45)?,
--      user_agent str(200)?, request_id str(128)?, at_us i64
SELECT a.audit_event_id, a.user_id, u.public_id, a.event, a.detail, a.ip, a.user_agent, a.request_id, a.at_us
FROM audit_event a LEFT JOIN users u ON u.user_id = a.user_id
WHERE a.audit_event_id > ? ORDER BY a.audit_event_id LIMIT 1000;

-- audit_last :one
-- out: audit_event_id i64
SELECT CAST(COALESCE(MAX(audit_event_id), 0) AS SIGNED) AS audit_event_id FROM audit_event;

-- audit_forget_user :exec
-- What happened stays; who it was does not.
-- in:  user_id u64
UPDATE audit_event SET user_id = NULL, ip = NULL, user_agent = NULL WHERE user_id = ?;

-- audit_prune :exec
-- in:  before_us i64
DELETE FROM audit_event WHERE at_us < ? ORDER BY at_us LIMIT 5000;
