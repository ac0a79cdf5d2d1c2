-- What the IDE reports about its turns: metadata only, never prompts, paths or repository names.

CREATE TABLE usage_event (
	usage_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	user_id BIGINT UNSIGNED NOT NULL,
	client_id VARCHAR(64) NULL COMMENT 'chosen by the client; the same one is stored once',
	at_us BIGINT NOT NULL,
	model VARCHAR(100) NOT NULL,
	provider VARCHAR(64) NOT NULL,
	input_tokens BIGINT NOT NULL,
	output_tokens BIGINT NOT NULL,
	cached_tokens BIGINT NOT NULL,
	cache_write_tokens BIGINT NOT NULL,
	cost_micro BIGINT NOT NULL,
	UNIQUE KEY (user_id, client_id),
	KEY (user_id, at_us),
	CONSTRAINT usage_event_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Sums per day, kept in the transaction that stores the events: the wallet reads only these.
CREATE TABLE usage_day (
	user_id BIGINT UNSIGNED NOT NULL,
	day INT UNSIGNED NOT NULL COMMENT 'days since 1970, UTC',
	provider VARCHAR(64) NOT NULL,
	model VARCHAR(100) NOT NULL,
	calls BIGINT NOT NULL,
	cost_micro BIGINT NOT NULL,
	PRIMARY KEY (user_id, day, provider, model),
	CONSTRAINT usage_day_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Turns taken today, against the plan's daily cap.
CREATE TABLE turn_count (
	user_id BIGINT UNSIGNED NOT NULL,
	day INT UNSIGNED NOT NULL,
	used BIGINT NOT NULL,
	PRIMARY KEY (user_id, day),
	KEY (day),
	CONSTRAINT turn_count_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE turn (
	user_id BIGINT UNSIGNED NOT NULL,
	turn_id VARCHAR(64) NOT NULL,
	day INT UNSIGNED NOT NULL,
	PRIMARY KEY (user_id, turn_id),
	KEY (day),
	CONSTRAINT turn_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
