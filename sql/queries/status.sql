-- Incidents, probes and pins: the status page.

-- incident_insert :insert
-- in:  public_id str(28), title str(200), component str(32), severity str(16), status str(16), started_at_us i64,
--      updated_at_us i64
INSERT INTO incident (public_id, title, component, severity, status, started_at_us, updated_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- incident_find :one
-- in:  public_id str(28)
-- out: incident_id u64, status str(16)
SELECT incident_id, status FROM incident WHERE public_id = ? FOR UPDATE;

-- incident_set :exec
-- in:  status str(16), updated_at_us i64, resolved_at_us i64?, incident_id u64
UPDATE incident SET status = ?, updated_at_us = ?, resolved_at_us = ? WHERE incident_id = ?;

-- incident_update_insert :exec
-- in:  incident_id u64, status str(16), body str(2000), at_us i64
INSERT INTO incident_update (incident_id, status, body, at_us) VALUES (?, ?, ?, ?);

-- incident_list :many scan
-- Open ones and those resolved after a time, newest first.
-- in:  resolved_after_us i64
-- out: incident_id u64, public_id str(28), title str(200), component str(32), severity str(16), status str(16),
--      started_at_us i64, updated_at_us i64, resolved_at_us i64?
SELECT incident_id, public_id, title, component, severity, status, started_at_us, updated_at_us, resolved_at_us
FROM incident WHERE resolved_at_us IS NULL OR resolved_at_us > ?
ORDER BY started_at_us DESC, incident_id DESC LIMIT 20;

-- incident_updates :many
-- in:  incident_id u64
-- out: at_us i64, status str(16), body str(2000)
SELECT at_us, status, body FROM incident_update WHERE incident_id = ? ORDER BY update_id LIMIT 200;

-- probe_insert :exec
-- in:  component str(32), is_ok bool, at_us i64
INSERT INTO component_probe (component, is_ok, at_us) VALUES (?, ?, ?);

-- probe_recent :many
-- The last calls of one component.
-- in:  component str(32), since_us i64
-- out: is_ok bool
SELECT is_ok FROM component_probe WHERE component = ? AND at_us >= ? ORDER BY at_us DESC LIMIT 20;

-- probe_prune :exec scan
-- in:  before_us i64
DELETE FROM component_probe WHERE at_us < ? LIMIT 1000;

-- pin_set :exec
-- in:  component str(32), state str(16)
REPLACE INTO component_pin (component, state) VALUES (?, ?);

-- pin_clear :exec
-- in:  component str(32)
DELETE FROM component_pin WHERE component = ?;

-- pin_list :many scan
-- out: component str(32), state str(16)
SELECT component, state FROM component_pin;
