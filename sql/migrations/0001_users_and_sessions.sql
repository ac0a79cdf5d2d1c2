-- People, the ways in that they have, and the devices that are signed in.
-- All times are microseconds since 1970 UTC (_at_us); money is micro-dollars (_micro) or cents (_cents).

CREATE TABLE users (
	user_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(28) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	email VARCHAR(254) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'normalised; NULL after deletion',
	display_name VARCHAR(64) NULL,
	plan VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'free',
	founding BOOL NOT NULL DEFAULT FALSE,
	overage_enabled BOOL NOT NULL DEFAULT FALSE,
	allowance_micro BIGINT NOT NULL DEFAULT 0 COMMENT 'face-value credit left this period',
	topup_micro BIGINT NOT NULL DEFAULT 0 COMMENT 'unexpired top-ups',
	seats INT UNSIGNED NULL,
	period_start_at_us BIGINT NULL,
	renews_at_us BIGINT NULL,
	cancel_at_period_end BOOL NOT NULL DEFAULT FALSE,
	created_at_us BIGINT NOT NULL,
	deleted_at_us BIGINT NULL,
	UNIQUE KEY (public_id),
	UNIQUE KEY (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- An identity at an OAuth provider. (provider, subject) is stable; its e-mail may change.
CREATE TABLE identity (
	identity_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	user_id BIGINT UNSIGNED NOT NULL,
	provider VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	subject VARCHAR(190) NOT NULL,
	created_at_us BIGINT NOT NULL,
	UNIQUE KEY (provider, subject),
	KEY (user_id),
	CONSTRAINT identity_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A signed-in device. Only the SHA-256 of its token is kept.
CREATE TABLE session (
	session_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(29) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_id BIGINT UNSIGNED NOT NULL,
	token_hash BINARY(32) NOT NULL,
	device VARCHAR(64) NULL,
	device_name VARCHAR(80) NULL,
	user_agent VARCHAR(200) NULL,
	ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	created_at_us BIGINT NOT NULL,
	last_seen_at_us BIGINT NOT NULL,
	expires_at_us BIGINT NOT NULL,
	UNIQUE KEY (token_hash),
	UNIQUE KEY (public_id),
	KEY (user_id, last_seen_at_us),
	KEY (expires_at_us),
	CONSTRAINT session_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The one live code of an e-mail address; a newer one replaces it.
CREATE TABLE sign_in_code (
	email VARCHAR(254) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	code_mac BINARY(32) NOT NULL COMMENT 'HMAC-SHA-256(config_key, email, code)',
	tries_left TINYINT NOT NULL,
	is_ide BOOL NOT NULL,
	challenge VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'PKCE S256 for the hand-off',
	expires_at_us BIGINT NOT NULL,
	KEY (expires_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A sign-in that is handed over to the IDE or the web page; read once.
CREATE TABLE handoff (
	handoff_hash BINARY(32) NOT NULL PRIMARY KEY,
	user_id BIGINT UNSIGNED NOT NULL,
	challenge VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
	expires_at_us BIGINT NOT NULL,
	KEY (expires_at_us),
	KEY (user_id),
	CONSTRAINT handoff_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- An OAuth sign-in under way, found by the nonce of its signed state; read once.
CREATE TABLE oauth_attempt (
	nonce_hash BINARY(32) NOT NULL PRIMARY KEY,
	provider VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	verifier VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'ours towards the provider',
	is_ide BOOL NOT NULL,
	challenge VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
	expires_at_us BIGINT NOT NULL,
	KEY (expires_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
