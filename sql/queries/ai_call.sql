-- Calls of hosted models.

-- ai_calls_insert :exec
-- All calls of one settlement at once: an array of arrays, whose items are the columns below in their order.
-- in:  user_id u64, transfer_id u64?, settled_at_us i64, calls str(4000000)
INSERT INTO ai_call (user_id, transfer_id, settled_at_us, public_id, request_id, endpoint, mode, model, provider,
	upstream_model, key_label, hold_id, status, reason, is_estimated, attempts, input_tokens, cached_tokens, cache_write_tokens,
	cache_write_1h_tokens, output_tokens, reasoning_tokens, catalog_id, price_input, price_cached,
	price_cache_write, price_cache_write_1h, price_output, price_reasoning, multiplier, estimate_micro, cost_micro,
	started_at_us, latency_us, first_token_us)
SELECT s.user_id, IF(c.cost > 0, s.transfer_id, NULL), s.settled_at_us, c.id, c.request_id, c.endpoint, c.mode,
	c.model, c.provider, c.upstream_model, c.key_label, c.hold, c.status, c.reason, c.is_estimated, c.attempts,
	c.input, c.cached, c.cache_write, c.cache_write_1h, c.output, c.reasoning, c.catalog, c.p_input, c.p_cached,
	c.p_cache_write, c.p_cache_write_1h, c.p_output, c.p_reasoning, c.multiplier, c.estimate, c.cost, c.started_at,
	c.latency, c.first_token
FROM (SELECT ? AS user_id, ? AS transfer_id, ? AS settled_at_us) s JOIN JSON_TABLE(?, '$[*]' COLUMNS (
	id VARCHAR(29) PATH '$[0]', request_id VARCHAR(128) PATH '$[1]', endpoint VARCHAR(16) PATH '$[2]',
	mode VARCHAR(8) PATH '$[3]', model VARCHAR(100) PATH '$[4]', provider VARCHAR(64) PATH '$[5]',
	upstream_model VARCHAR(100) PATH '$[6]', key_label VARCHAR(64) PATH '$[7]', hold VARCHAR(29) PATH '$[8]',
	status VARCHAR(8) PATH '$[9]', reason VARCHAR(190) PATH '$[10]', is_estimated BOOL PATH '$[11]',
	attempts INT PATH '$[12]', input BIGINT PATH '$[13]', cached BIGINT PATH '$[14]',
	cache_write BIGINT PATH '$[15]', cache_write_1h BIGINT PATH '$[16]', output BIGINT PATH '$[17]',
	reasoning BIGINT PATH '$[18]', catalog BIGINT PATH '$[19]', p_input BIGINT PATH '$[20]',
	p_cached BIGINT PATH '$[21]', p_cache_write BIGINT PATH '$[22]', p_cache_write_1h BIGINT PATH '$[23]',
	p_output BIGINT PATH '$[24]', p_reasoning BIGINT PATH '$[25]', multiplier BIGINT PATH '$[26]',
	estimate BIGINT PATH '$[27]', cost BIGINT PATH '$[28]', started_at BIGINT PATH '$[29]',
	latency BIGINT PATH '$[30]', first_token BIGINT PATH '$[31]')) c;

-- ai_call_exists :one
-- in:  public_id str(29)
-- out: call_id u64
SELECT call_id FROM ai_call WHERE public_id = ?;

-- ai_usage_day_cost :one
-- in:  user_id u64, day i64
-- out: cost_micro i64
SELECT CAST(COALESCE(SUM(cost_micro), 0) AS SIGNED) AS cost_micro FROM ai_usage_day WHERE user_id = ? AND day = ?;

-- ai_usage_day_add :exec
-- in:  user_id u64, day i64, model str(100), requests i64, input_tokens i64, output_tokens i64, cost_micro i64
INSERT INTO ai_usage_day (user_id, day, model, requests, input_tokens, output_tokens, cost_micro)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON DUPLICATE KEY UPDATE requests = requests + VALUES(requests), input_tokens = input_tokens + VALUES(input_tokens),
	output_tokens = output_tokens + VALUES(output_tokens), cost_micro = cost_micro + VALUES(cost_micro);
