-- What the gateway shows of an account: credit, its statement, calls.

-- credits_get :one
-- All that is shown of a user's credit; allowance_amount: what the last period brought.
-- in:  user_id u64
-- out: topup i64, topup_reserved i64, allowance i64, allowance_reserved i64, overage i64, overage_floor i64?,
--      overage_enabled bool, allowance_amount i64?, allowance_ends_at_us i64?, renews_at_us i64?
SELECT COALESCE(t.balance, 0) AS topup, COALESCE(t.reserved, 0) AS topup_reserved, COALESCE(a.balance, 0) AS allowance,
	COALESCE(a.reserved, 0) AS allowance_reserved, COALESCE(o.balance, 0) AS overage, o.floor AS overage_floor,
	u.overage_enabled, l.amount AS allowance_amount, l.expires_at_us AS allowance_ends_at_us, u.renews_at_us
FROM users u
LEFT JOIN ledger_account t ON t.owner_kind = 'user' AND t.owner_id = u.user_id AND t.asset = 'usd_micro' AND t.kind = 'topup'
LEFT JOIN ledger_account a ON a.owner_kind = 'user' AND a.owner_id = u.user_id AND a.asset = 'usd_micro'
	AND a.kind = 'allowance'
LEFT JOIN ledger_account o ON o.owner_kind = 'user' AND o.owner_id = u.user_id AND o.asset = 'usd_micro'
	AND o.kind = 'overage'
LEFT JOIN credit_lot l ON l.lot_id = (SELECT k.lot_id FROM credit_lot k WHERE k.user_id = u.user_id AND k.source = 'allowance'
	ORDER BY k.lot_id DESC LIMIT 1)
WHERE u.user_id = ?;

-- statement_page :many
-- The rows of a statement before a seq, the newest first, each beside what the user has now, what the newer rows add up
-- to, and what calls took on the day that is not over; seq is NULL where there is no row at all.
-- in:  before_seq u64, user_id u64, before_seq u64, n i64, user_id u64
-- out: credit i64, newer i64, statement_rows u64, used_at_us i64?, used_micro i64, used_overage_micro i64, seq u64?,
--      amount i64?, overage i64?, at_us i64?, reason str(16)?, order_cents i64?, order_currency str(3)?
SELECT u.topup_micro + u.allowance_micro AS credit,
	COALESCE((SELECT CAST(SUM(n.amount) AS SIGNED) FROM credit_statement n WHERE n.user_id = u.user_id AND n.seq >= ?), 0) AS newer,
	u.statement_rows, u.used_at_us, u.used_micro, u.used_overage_micro, s.seq, s.amount, s.overage, s.at_us, t.reason,
	o.amount_cents AS order_cents, o.currency AS order_currency
FROM users u
LEFT JOIN (SELECT seq, transfer_id, amount, overage, at_us FROM credit_statement WHERE user_id = ? AND seq < ?
	ORDER BY seq DESC LIMIT ?) s ON TRUE
LEFT JOIN ledger_transfer t ON t.transfer_id = s.transfer_id
LEFT JOIN orders o ON t.reference_kind = 'order' AND o.public_id = CONVERT(t.reference_id USING ascii) COLLATE ascii_bin
	AND o.user_id = u.user_id
WHERE u.user_id = ? ORDER BY s.seq DESC;

-- call_usage_models :many
-- in:  user_id u64, first_day i64, last_day i64
-- out: model str(100), requests i64, input_tokens i64, output_tokens i64, cost_micro i64
SELECT model, CAST(COALESCE(SUM(requests), 0) AS SIGNED) AS requests,
	CAST(COALESCE(SUM(input_tokens), 0) AS SIGNED) AS input_tokens,
	CAST(COALESCE(SUM(output_tokens), 0) AS SIGNED) AS output_tokens,
	CAST(COALESCE(SUM(cost_micro), 0) AS SIGNED) AS cost_micro
FROM ai_usage_day WHERE user_id = ? AND day BETWEEN ? AND ? GROUP BY model ORDER BY cost_micro DESC, model;

-- call_usage_days :many
-- in:  user_id u64, first_day i64, last_day i64
-- out: day i64, requests i64, cost_micro i64
SELECT CAST(day AS SIGNED) AS day, CAST(COALESCE(SUM(requests), 0) AS SIGNED) AS requests,
	CAST(COALESCE(SUM(cost_micro), 0) AS SIGNED) AS cost_micro
FROM ai_usage_day WHERE user_id = ? AND day BETWEEN ? AND ? GROUP BY day ORDER BY day;

-- call_count :one
-- in:  user_id u64
-- out: n i64
SELECT CAST(COALESCE(SUM(requests), 0) AS SIGNED) AS n FROM ai_usage_day WHERE user_id = ?;

-- call_place :one
-- in:  public_id str(29), user_id u64
-- out: call_id u64
SELECT call_id FROM ai_call WHERE public_id = ? AND user_id = ?;

-- call_page :many
-- Calls before one, the newest first; those that are skipped are counted in the index alone.
-- in:  user_id u64, before_id u64, n i64, skip i64
-- out: call_id u64, public_id str(29), request_id str(128), endpoint str(16), mode str(8), model str(100), status str(8),
--      input_tokens i64, output_tokens i64, cost_micro i64, started_at_us i64, latency_us i64
SELECT c.call_id, c.public_id, c.request_id, c.endpoint, c.mode, c.model, c.status,
	c.input_tokens + c.cached_tokens + c.cache_write_tokens AS input_tokens, c.output_tokens, c.cost_micro,
	c.started_at_us, c.latency_us
FROM (SELECT call_id FROM ai_call WHERE user_id = ? AND call_id < ? ORDER BY call_id DESC LIMIT ? OFFSET ?) p
	JOIN ai_call c ON c.call_id = p.call_id
ORDER BY c.call_id DESC;

-- call_get :one
-- in:  public_id str(29), user_id u64
-- out: call_id u64, public_id str(29), request_id str(128), endpoint str(16), mode str(8), model str(100), provider str(64),
--      upstream_model str(100), key_label str(64), status str(8), reason str(190)?, is_estimated bool, attempts i64,
--      input_tokens i64, cached_tokens i64, cache_write_tokens i64, cache_write_1h_tokens i64, output_tokens i64,
--      reasoning_tokens i64, catalog_id u64, effective_at_us i64?, price_input i64, price_cached i64,
--      price_cache_write i64, price_cache_write_1h i64, price_output i64, price_reasoning i64, multiplier i64, estimate_micro i64, cost_micro i64, hold_id str(29), hold_state str(8)?,
--      transfer_id u64?, started_at_us i64, first_token_us i64?, latency_us i64, settled_at_us i64
SELECT c.call_id, c.public_id, c.request_id, c.endpoint, c.mode, c.model, c.provider, c.upstream_model, c.key_label,
	c.status, c.reason, c.is_estimated, CAST(c.attempts AS SIGNED) AS attempts, c.input_tokens, c.cached_tokens,
	c.cache_write_tokens, c.cache_write_1h_tokens, c.output_tokens, c.reasoning_tokens, c.catalog_id, k.effective_at_us,
	c.price_input, c.price_cached, c.price_cache_write, c.price_cache_write_1h, c.price_output, c.price_reasoning,
	c.multiplier, c.estimate_micro, c.cost_micro, c.hold_id, h.state AS hold_state, c.transfer_id, c.started_at_us, c.first_token_us, c.latency_us, c.settled_at_us
FROM ai_call c LEFT JOIN catalog k ON k.catalog_id = c.catalog_id LEFT JOIN hold h ON h.public_id = c.hold_id
WHERE c.public_id = ? AND c.user_id = ?;

-- call_share :one
-- How a call shares its transfer: the calls of it, what they cost, and what those before this one cost.
-- in:  call_id u64, transfer_id u64
-- out: n i64, cost_micro i64, before_micro i64
SELECT COUNT(*) AS n, CAST(COALESCE(SUM(cost_micro), 0) AS SIGNED) AS cost_micro,
	CAST(COALESCE(SUM(IF(call_id < ?, cost_micro, 0)), 0) AS SIGNED) AS before_micro
FROM ai_call WHERE transfer_id = ?;

-- call_by_transfer :many
-- The calls that a transfer charged.
-- in:  transfer_id u64
-- out: public_id str(29), request_id str(128), model str(100), provider str(64), status str(8), is_estimated bool,
--      input_tokens i64, output_tokens i64, cost_micro i64
SELECT public_id, request_id, model, provider, status, is_estimated,
	input_tokens + cached_tokens + cache_write_tokens AS input_tokens, output_tokens, cost_micro
FROM ai_call WHERE transfer_id = ? ORDER BY call_id;

-- call_export_page :many
-- Calls before an id, the newest first, for the export.
-- in:  user_id u64, call_id u64
-- out: call_id u64, public_id str(29), request_id str(128), endpoint str(16), mode str(8), model str(100), status str(8),
--      is_estimated bool, input_tokens i64, cached_tokens i64, cache_write_tokens i64, cache_write_1h_tokens i64,
--      output_tokens i64, reasoning_tokens i64, cost_micro i64, started_at_us i64, latency_us i64
SELECT call_id, public_id, request_id, endpoint, mode, model, status, is_estimated, input_tokens, cached_tokens,
	cache_write_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, cost_micro, started_at_us, latency_us
FROM ai_call WHERE user_id = ? AND call_id < ? ORDER BY call_id DESC LIMIT 1000;

-- call_day_page :many
-- Sums after a day and model, for the export.
-- in:  user_id u64, day i64, day i64, model str(100)
-- out: day i64, model str(100), requests i64, input_tokens i64, output_tokens i64, cost_micro i64
SELECT CAST(day AS SIGNED) AS day, model, requests, input_tokens, output_tokens, cost_micro FROM ai_usage_day
WHERE user_id = ? AND day >= ? AND (day > ? OR model > ?) ORDER BY day, model LIMIT 1000;

-- call_forget_user :exec
-- What is left of a deleted user's calls is what the books need.
-- in:  user_id u64
UPDATE ai_call SET request_id = '' WHERE user_id = ?;

-- call_day_erase :exec
-- in:  user_id u64
DELETE FROM ai_usage_day WHERE user_id = ?;
