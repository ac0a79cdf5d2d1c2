-- The models that the gateway sells: effective-dated, as parts of a catalog version (0003). Prices are whole
-- micro-dollars per million tokens, multipliers millionths. A key's secret stays in its file.

-- What the gateway calls a plan; its price, its credits and its features are the plan's own.
CREATE TABLE catalog_tier (
	catalog_id BIGINT UNSIGNED NOT NULL,
	position INT UNSIGNED NOT NULL,
	tier_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	plan_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	description VARCHAR(500) NOT NULL,
	yearly_price_cents BIGINT NULL,
	credits_per_request BIGINT NULL COMMENT 'NULL: no limit',
	credits_per_day BIGINT NULL COMMENT 'NULL: no limit',
	max_concurrent INT UNSIGNED NULL COMMENT 'calls of one account at a time; NULL: no limit',
	is_active BOOL NOT NULL,
	PRIMARY KEY (catalog_id, tier_id),
	CONSTRAINT catalog_tier_plan FOREIGN KEY (catalog_id, plan_id) REFERENCES catalog_plan (catalog_id, plan_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE catalog_pack (
	catalog_id BIGINT UNSIGNED NOT NULL,
	position INT UNSIGNED NOT NULL,
	pack_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	name VARCHAR(64) NOT NULL,
	credits BIGINT NOT NULL COMMENT 'thousandths of a dollar',
	price_cents BIGINT NOT NULL,
	is_active BOOL NOT NULL,
	PRIMARY KEY (catalog_id, pack_id),
	CONSTRAINT catalog_pack_catalog FOREIGN KEY (catalog_id) REFERENCES catalog (catalog_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE catalog_provider (
	catalog_id BIGINT UNSIGNED NOT NULL,
	position INT UNSIGNED NOT NULL,
	provider_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	name VARCHAR(64) NOT NULL,
	dialect VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	auth VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	base_url VARCHAR(500) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	path VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'NULL: as the dialect has it',
	api_version VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
	connect_ms INT UNSIGNED NULL COMMENT 'NULL: as the mode of the call says',
	max_completion_tokens BOOL NOT NULL COMMENT 'the name that it wants for max_tokens',
	stream_usage BOOL NOT NULL COMMENT 'takes stream_options.include_usage',
	PRIMARY KEY (catalog_id, provider_id),
	CONSTRAINT catalog_provider_catalog FOREIGN KEY (catalog_id) REFERENCES catalog (catalog_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE catalog_key (
	catalog_id BIGINT UNSIGNED NOT NULL,
	provider_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	label VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	position INT UNSIGNED NOT NULL,
	secret_file VARCHAR(500) NOT NULL COMMENT 'only named here',
	weight INT UNSIGNED NOT NULL,
	max_concurrent INT UNSIGNED NULL,
	PRIMARY KEY (catalog_id, provider_id, label),
	CONSTRAINT catalog_key_provider FOREIGN KEY (catalog_id, provider_id)
		REFERENCES catalog_provider (catalog_id, provider_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE catalog_model (
	catalog_id BIGINT UNSIGNED NOT NULL,
	position INT UNSIGNED NOT NULL,
	model_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	name VARCHAR(64) NOT NULL,
	owned_by VARCHAR(64) NOT NULL COMMENT 'the provider that people are shown',
	tier VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	capabilities VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'JSON array of text',
	context_window BIGINT NOT NULL,
	max_output_tokens BIGINT NOT NULL,
	default_max_output BIGINT NOT NULL,
	input_price BIGINT NOT NULL,
	cached_input_price BIGINT NOT NULL,
	cache_write_price BIGINT NOT NULL,
	output_price BIGINT NOT NULL,
	reasoning_price BIGINT NOT NULL,
	multiplier BIGINT NOT NULL,
	requires_tier VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
	sampling VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'temperature and the like: pass or drop',
	allows_reasoning BOOL NOT NULL COMMENT 'reasoning_effort goes to the provider',
	fim_template VARCHAR(500) NULL,
	is_deprecated BOOL NOT NULL,
	is_enabled BOOL NOT NULL,
	created_at_us BIGINT NOT NULL,
	PRIMARY KEY (catalog_id, model_id),
	CONSTRAINT catalog_model_catalog FOREIGN KEY (catalog_id) REFERENCES catalog (catalog_id),
	CONSTRAINT catalog_model_tier FOREIGN KEY (catalog_id, requires_tier) REFERENCES catalog_tier (catalog_id, tier_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE catalog_model_alias (
	catalog_id BIGINT UNSIGNED NOT NULL,
	alias VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	model_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	position INT UNSIGNED NOT NULL,
	PRIMARY KEY (catalog_id, alias),
	CONSTRAINT catalog_model_alias_model FOREIGN KEY (catalog_id, model_id) REFERENCES catalog_model (catalog_id, model_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Where a model is served. Routes of one position share the calls by weight, later ones are for when these fail.
CREATE TABLE catalog_route (
	catalog_id BIGINT UNSIGNED NOT NULL,
	model_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	route_no INT UNSIGNED NOT NULL,
	position INT UNSIGNED NOT NULL,
	provider_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	key_label VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'NULL: any key of the provider',
	upstream_model VARCHAR(200) NOT NULL,
	weight INT UNSIGNED NOT NULL,
	max_concurrent INT UNSIGNED NULL,
	requests_per_minute INT UNSIGNED NULL,
	input_price BIGINT NULL COMMENT 'NULL here and below: as the model',
	cached_input_price BIGINT NULL,
	cache_write_price BIGINT NULL,
	output_price BIGINT NULL,
	reasoning_price BIGINT NULL,
	multiplier BIGINT NULL,
	PRIMARY KEY (catalog_id, model_id, route_no),
	CONSTRAINT catalog_route_model FOREIGN KEY (catalog_id, model_id) REFERENCES catalog_model (catalog_id, model_id),
	CONSTRAINT catalog_route_provider FOREIGN KEY (catalog_id, provider_id)
		REFERENCES catalog_provider (catalog_id, provider_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
