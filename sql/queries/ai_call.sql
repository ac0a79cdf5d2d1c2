-- Calls of hosted models.

-- ai_calls_insert :exec
-- All calls of one settlement at once.
-- in:  user_id u64, transfer_id u64?, settled_at_us i64, calls str(4000000)
INSERT INTO ai_call (user_id, transfer_id, settled_at_us, public_id, request_id, endpoint, mode, model, provider,
	upstream_model, key_label, status, reason, is_estimated, attempts, input_tokens, cached_tokens, cache_write_tokens,
	cache_write_1h_tokens, output_tokens, reasoning_tokens, catalog_id, price_input, price_cached, price_cache_write,
	price_cache_write_1h, price_output, price_reasoning, multiplier, estimate_micro, cost_micro, hold_id, started_at_us, first_token_us, latency_us)
SELECT s.user_id, IF(c.cost > 0, s.transfer_id, NULL), s.settled_at_us, c.id, c.request_id, c.endpoint, c.mode, c.model,
	c.provider, c.upstream_model, c.key_label, c.status, c.reason, c.is_estimated, c.attempts, c.input, c.cached,
	c.cache_write, c.cache_write_1h, c.output, c.reasoning, c.catalog, c.p_input, c.p_cached, c.p_cache_write,
	c.p_cache_write_1h, c.p_output, c.p_reasoning,
	c.multiplier, c.estimate, c.cost, c.hold, c.started_at, c.first_token, c.latency
FROM (SELECT ? AS user_id, ? AS transfer_id, ? AS settled_at_us) s JOIN JSON_TABLE(?, '$[*]' COLUMNS (
	id VARCHAR(29) PATH '$.id', request_id VARCHAR(128) PATH '$.request_id', endpoint VARCHAR(16) PATH '$.endpoint',
	mode VARCHAR(8) PATH '$.mode', model VARCHAR(100) PATH '$.model', provider VARCHAR(64) PATH '$.provider',
	upstream_model VARCHAR(100) PATH '$.upstream_model', key_label VARCHAR(64) PATH '$.key_label',
	status VARCHAR(8) PATH '$.status', reason VARCHAR(190) PATH '$.reason', is_estimated BOOL PATH '$.is_estimated',
	attempts INT PATH '$.attempts', input BIGINT PATH '$.input', cached BIGINT PATH '$.cached',
	cache_write BIGINT PATH '$.cache_write', cache_write_1h BIGINT PATH '$.cache_write_1h', output BIGINT PATH '$.output', reasoning BIGINT PATH '$.reasoning',
	catalog BIGINT PATH '$.catalog', p_input BIGINT PATH '$.p_input', p_cached BIGINT PATH '$.p_cached',
	p_cache_write BIGINT PATH '$.p_cache_write', p_cache_write_1h BIGINT PATH '$.p_cache_write_1h', p_output BIGINT PATH '$.p_output',
	p_reasoning BIGINT PATH '$.p_reasoning', multiplier BIGINT PATH '$.multiplier', estimate BIGINT PATH '$.estimate',
	cost BIGINT PATH '$.cost', hold VARCHAR(29) PATH '$.hold', started_at BIGINT PATH '$.started_at',
	first_token BIGINT PATH '$.first_token', latency BIGINT PATH '$.latency')) c;

-- ai_call_exists :one
-- in:  public_id str(29)
-- out: call_id u64
SELECT call_id FROM ai_call WHERE public_id = ?;

-- ai_usage_day_add :exec
-- in:  user_id u64, day i64, model str(100), requests i64, input_tokens i64, output_tokens i64, cost_micro i64
INSERT INTO ai_usage_day (user_id, day, model, requests, input_tokens, output_tokens, cost_micro)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON DUPLICATE KEY UPDATE requests = requests + VALUES(requests), input_tokens = input_tokens + VALUES(input_tokens),
	output_tokens = output_tokens + VALUES(output_tokens), cost_micro = cost_micro + VALUES(cost_micro);
