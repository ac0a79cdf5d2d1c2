-- Reported usage, its daily sums, and turns against the daily cap.

-- usage_insert :insert unique
-- SQL_CONFLICT: this client_id is stored already.
-- in:  user_id u64, client_id str(64)?, at_us i64, model str(100), provider str(64), input_tokens i64, output_tokens i64,
--      cached_tokens i64, cache_write_tokens i64, cost_micro i64
INSERT INTO usage_event (user_id, client_id, at_us, model, provider, input_tokens, output_tokens, cached_tokens,
	cache_write_tokens, cost_micro)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- usage_day_add :exec
-- in:  user_id u64, day i64, provider str(64), model str(100), calls i64, cost_micro i64
INSERT INTO usage_day (user_id, day, provider, model, calls, cost_micro) VALUES (?, ?, ?, ?, ?, ?)
ON DUPLICATE KEY UPDATE calls = calls + VALUES(calls), cost_micro = cost_micro + VALUES(cost_micro);

-- usage_totals :one
-- in:  since_day i64, user_id u64
-- out: lifetime_micro i64, recent_micro i64
SELECT CAST(COALESCE(SUM(cost_micro), 0) AS SIGNED) AS lifetime_micro,
	CAST(COALESCE(SUM(IF(day >= ?, cost_micro, 0)), 0) AS SIGNED) AS recent_micro
FROM usage_day WHERE user_id = ?;

-- usage_last :one
-- in:  user_id u64
-- out: at_us i64, model str(100), provider str(64), input_tokens i64, output_tokens i64, cost_micro i64
SELECT at_us, model, provider, input_tokens, output_tokens, cost_micro FROM usage_event
WHERE user_id = ? ORDER BY at_us DESC, usage_id DESC LIMIT 1;

-- usage_by_provider :many
-- in:  user_id u64
-- out: provider str(64), cost_micro i64
SELECT provider, CAST(COALESCE(SUM(cost_micro), 0) AS SIGNED) AS cost_micro FROM usage_day WHERE user_id = ?
GROUP BY provider ORDER BY cost_micro DESC, provider LIMIT 50;

-- usage_top_models :many
-- in:  user_id u64
-- out: model str(100), provider str(64), cost_micro i64, calls i64
SELECT model, provider, CAST(COALESCE(SUM(cost_micro), 0) AS SIGNED) AS cost_micro, CAST(COALESCE(SUM(calls), 0) AS SIGNED) AS calls
FROM usage_day WHERE user_id = ? GROUP BY provider, model ORDER BY cost_micro DESC, model LIMIT 10;

-- usage_daily :many
-- in:  user_id u64, since_day i64
-- out: day i64, cost_micro i64
SELECT CAST(day AS SIGNED) AS day, CAST(COALESCE(SUM(cost_micro), 0) AS SIGNED) AS cost_micro FROM usage_day
WHERE user_id = ? AND day >= ? GROUP BY day ORDER BY day;

-- usage_page :many
-- Events before a place in the order of time, newest first, for the export.
-- in:  user_id u64, at_us i64, at_us i64, usage_id u64
-- out: usage_id u64, client_id str(64)?, at_us i64, model str(100), provider str(64), input_tokens i64, output_tokens i64,
--      cached_tokens i64, cache_write_tokens i64, cost_micro i64
SELECT usage_id, client_id, at_us, model, provider, input_tokens, output_tokens, cached_tokens, cache_write_tokens,
	cost_micro
FROM usage_event WHERE user_id = ? AND at_us <= ? AND (at_us < ? OR usage_id < ?)
ORDER BY at_us DESC, usage_id DESC LIMIT 1000;

-- usage_day_page :many
-- Sums after a day, provider and model, for the export.
-- in:  user_id u64, day i64, day i64, provider str(64), provider str(64), model str(100)
-- out: day i64, provider str(64), model str(100), calls i64, cost_micro i64
SELECT CAST(day AS SIGNED) AS day, provider, model, calls, cost_micro FROM usage_day
WHERE user_id = ? AND day >= ? AND (day > ? OR provider > ? OR (provider = ? AND model > ?))
ORDER BY day, provider, model LIMIT 1000;

-- turn_page :many
-- Turns after an id (NULL: from the first on), for the export.
-- in:  user_id u64, turn_id str(64)?, turn_id str(64)?
-- out: turn_id str(64), day i64
SELECT turn_id, CAST(day AS SIGNED) AS day FROM turn WHERE user_id = ? AND (? IS NULL OR turn_id > ?)
ORDER BY turn_id LIMIT 1000;

-- turn_count_list :many
-- in:  user_id u64
-- out: day i64, used i64
SELECT CAST(day AS SIGNED) AS day, used FROM turn_count WHERE user_id = ? ORDER BY day LIMIT 1000;

-- usage_erase_events :exec
-- in:  user_id u64
DELETE FROM usage_event WHERE user_id = ?;

-- usage_erase_days :exec
-- in:  user_id u64
DELETE FROM usage_day WHERE user_id = ?;

-- turn_erase :exec
-- in:  user_id u64
DELETE FROM turn WHERE user_id = ?;

-- turn_count_erase :exec
-- in:  user_id u64
DELETE FROM turn_count WHERE user_id = ?;

-- turn_insert :exec unique
-- in:  user_id u64, turn_id str(64), day i64
INSERT INTO turn (user_id, turn_id, day) VALUES (?, ?, ?);

-- turn_count_add :exec
-- in:  user_id u64, day i64, used i64
INSERT INTO turn_count (user_id, day, used) VALUES (?, ?, ?)
ON DUPLICATE KEY UPDATE used = used + VALUES(used);

-- turn_count_get :one
-- in:  user_id u64, day i64
-- out: used i64
SELECT used FROM turn_count WHERE user_id = ? AND day = ?;

-- turn_prune :exec
-- in:  before_day i64
DELETE FROM turn WHERE day < ? ORDER BY day LIMIT 1000;

-- turn_count_prune :exec
-- in:  before_day i64
DELETE FROM turn_count WHERE day < ? ORDER BY day LIMIT 1000;
