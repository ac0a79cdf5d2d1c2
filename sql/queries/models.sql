-- The parts of a catalog version that the gateway sells. What is not optional has been made explicit by the loader.

-- catalog_tier_insert :exec
-- in:  catalog_id u64, position i64, tier_id str(32), plan_id str(32), description str(500), yearly_price_cents i64?,
--      credits_per_request i64?, credits_per_day i64?, is_active bool
INSERT INTO catalog_tier (catalog_id, position, tier_id, plan_id, description, yearly_price_cents, credits_per_request,
	credits_per_day, is_active)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- catalog_pack_insert :exec
-- in:  catalog_id u64, position i64, pack_id str(32), name str(64), credits i64, price_cents i64, is_active bool
INSERT INTO catalog_pack (catalog_id, position, pack_id, name, credits, price_cents, is_active)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- catalog_provider_insert :exec
-- in:  catalog_id u64, position i64, provider_id str(32), name str(64), dialect str(16), auth str(16), base_url str(500),
--      path str(200)?, api_version str(32)?, connect_ms i64?, max_completion_tokens bool, stream_usage bool
INSERT INTO catalog_provider (catalog_id, position, provider_id, name, dialect, auth, base_url, path, api_version,
	connect_ms, max_completion_tokens, stream_usage)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- catalog_key_insert :exec
-- in:  catalog_id u64, provider_id str(32), label str(32), position i64, secret_file str(500), weight i64,
--      max_concurrent i64?
INSERT INTO catalog_key (catalog_id, provider_id, label, position, secret_file, weight, max_concurrent)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- catalog_model_insert :exec
-- in:  catalog_id u64, position i64, model_id str(100), name str(64), owned_by str(64), tier str(16),
--      capabilities str(200), context_window i64, max_output_tokens i64, default_max_output i64, input_price i64,
--      cached_input_price i64, cache_write_price i64,
--      cache_write_1h_price i64, output_price i64, reasoning_price i64, multiplier i64,
--      requires_tier str(32)?, sampling str(8), allows_reasoning bool, fim_template str(16)?, has_json_schema bool, has_prefill bool, is_deprecated bool,
--      is_enabled bool, created_at_us i64
INSERT INTO catalog_model (catalog_id, position, model_id, name, owned_by, tier, capabilities, context_window,
	max_output_tokens, default_max_output, input_price, cached_input_price, cache_write_price, cache_write_1h_price, output_price,
	reasoning_price, multiplier, requires_tier, sampling, allows_reasoning, fim_template, has_json_schema, has_prefill, is_deprecated, is_enabled,
	created_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- catalog_alias_insert :exec
-- in:  catalog_id u64, alias str(100), model_id str(100), position i64
INSERT INTO catalog_model_alias (catalog_id, alias, model_id, position) VALUES (?, ?, ?, ?);

-- catalog_route_insert :exec
-- in:  catalog_id u64, model_id str(100), route_no i64, position i64, provider_id str(32), key_label str(32)?,
--      upstream_model str(100), weight i64, max_concurrent i64?, requests_per_minute i64?, input_price i64?,
--      cached_input_price i64?, cache_write_price i64?, cache_write_1h_price i64?, output_price i64?, reasoning_price i64?, multiplier i64?
INSERT INTO catalog_route (catalog_id, model_id, route_no, position, provider_id, key_label, upstream_model, weight,
	max_concurrent, requests_per_minute, input_price, cached_input_price, cache_write_price, cache_write_1h_price, output_price,
	reasoning_price, multiplier)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- catalog_tiers :many
-- in:  catalog_id u64
-- out: tier_id str(32), plan_id str(32), description str(500), yearly_price_cents i64?, credits_per_request i64?,
--      credits_per_day i64?, is_active bool
SELECT tier_id, plan_id, description, yearly_price_cents, credits_per_request, credits_per_day, is_active
FROM catalog_tier WHERE catalog_id = ? ORDER BY position;

-- catalog_packs :many
-- in:  catalog_id u64
-- out: pack_id str(32), name str(64), credits i64, price_cents i64, is_active bool
SELECT pack_id, name, credits, price_cents, is_active FROM catalog_pack WHERE catalog_id = ? ORDER BY position;

-- catalog_providers :many
-- in:  catalog_id u64
-- out: provider_id str(32), name str(64), dialect str(16), auth str(16), base_url str(500), path str(200)?,
--      api_version str(32)?, connect_ms i64?, max_completion_tokens bool, stream_usage bool
SELECT provider_id, name, dialect, auth, base_url, path, api_version, connect_ms, max_completion_tokens, stream_usage
FROM catalog_provider WHERE catalog_id = ? ORDER BY position;

-- catalog_keys :many
-- All keys of a version, each provider's in order.
-- in:  catalog_id u64
-- out: provider_id str(32), label str(32), secret_file str(500), weight i64, max_concurrent i64?
SELECT provider_id, label, secret_file, weight, max_concurrent
FROM catalog_key WHERE catalog_id = ? ORDER BY provider_id, position;

-- catalog_models :many
-- in:  catalog_id u64
-- out: model_id str(100), name str(64), owned_by str(64), tier str(16), capabilities str(200), context_window i64,
--      max_output_tokens i64, default_max_output i64, input_price i64, cached_input_price i64, cache_write_price i64,
--      cache_write_1h_price i64, output_price i64, reasoning_price i64, multiplier i64, requires_tier str(32)?, sampling str(8),
--      allows_reasoning bool, fim_template str(16)?, has_json_schema bool, has_prefill bool, is_deprecated bool, is_enabled bool, created_at_us i64
SELECT model_id, name, owned_by, tier, capabilities, context_window, max_output_tokens, default_max_output, input_price,
	cached_input_price, cache_write_price, cache_write_1h_price, output_price, reasoning_price, multiplier, requires_tier, sampling,
	allows_reasoning, fim_template, has_json_schema, has_prefill, is_deprecated, is_enabled, created_at_us
FROM catalog_model WHERE catalog_id = ? ORDER BY position;

-- catalog_aliases :many
-- in:  catalog_id u64
-- out: model_id str(100), alias str(100)
SELECT model_id, alias FROM catalog_model_alias WHERE catalog_id = ? ORDER BY model_id, position;

-- catalog_routes :many
-- in:  catalog_id u64
-- out: model_id str(100), position i64, provider_id str(32), key_label str(32)?, upstream_model str(100), weight i64,
--      max_concurrent i64?, requests_per_minute i64?, input_price i64?, cached_input_price i64?, cache_write_price i64?,
--      cache_write_1h_price i64?, output_price i64?, reasoning_price i64?, multiplier i64?
SELECT model_id, position, provider_id, key_label, upstream_model, weight, max_concurrent, requests_per_minute,
	input_price, cached_input_price, cache_write_price, cache_write_1h_price, output_price, reasoning_price, multiplier
FROM catalog_route WHERE catalog_id = ? ORDER BY model_id, route_no;
