-- The gateway's callers, and what they report.

ALTER TABLE users ADD COLUMN suspended_at_us BIGINT NULL COMMENT 'every credential is refused since';

-- A token of the IDE, made by an approved sign-in. Only its SHA-256 is kept; a use pushes the expiry forward.
CREATE TABLE ide_token (
	ide_token_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(28) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_id BIGINT UNSIGNED NOT NULL,
	token_hash BINARY(32) NOT NULL,
	name VARCHAR(80) NULL,
	created_at_us BIGINT NOT NULL,
	last_used_at_us BIGINT NOT NULL,
	expires_at_us BIGINT NOT NULL,
	UNIQUE KEY (token_hash),
	UNIQUE KEY (public_id),
	KEY (user_id),
	KEY (expires_at_us),
	CONSTRAINT ide_token_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A person at a Supabase project. The row outlives the account: tokens from before a deletion open no new one.
CREATE TABLE supabase_identity (
	subject_hash BINARY(32) NOT NULL PRIMARY KEY COMMENT 'SHA-256 of `sub`',
	user_id BIGINT UNSIGNED NULL COMMENT 'NULL: the account was deleted',
	email VARCHAR(254) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'as the token says; nobody is signed in by it',
	created_at_us BIGINT NOT NULL,
	closed_at_us BIGINT NULL COMMENT 'tokens issued until then are refused',
	KEY (user_id),
	CONSTRAINT supabase_identity_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE telemetry (
	telemetry_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	user_id BIGINT UNSIGNED NULL,
	name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	at_us BIGINT NULL COMMENT 'by the clock of the client',
	props TEXT NULL COMMENT 'JSON object',
	received_at_us BIGINT NOT NULL,
	KEY (user_id),
	KEY (received_at_us),
	CONSTRAINT telemetry_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE feedback (
	feedback_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(28) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_id BIGINT UNSIGNED NULL,
	message VARCHAR(4000) NOT NULL,
	category VARCHAR(32) NULL,
	rating TINYINT NULL,
	request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
	app_version VARCHAR(40) NULL,
	received_at_us BIGINT NOT NULL,
	UNIQUE KEY (public_id),
	KEY (user_id),
	KEY (received_at_us),
	CONSTRAINT feedback_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
