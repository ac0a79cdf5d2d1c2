-- Passwords, second factors, browser sessions, mailed tokens, device and IDE logins, and who did what.

-- An address that nobody has proved yet (a sign-up) signs nobody in and joins nothing; whoever proves it takes the row over.
ALTER TABLE users
	ADD COLUMN email_verified_at_us BIGINT NULL AFTER email,
	ADD COLUMN mfa_since_us BIGINT NULL COMMENT 'second factor asked for since; credentials proved before are pending',
	ADD COLUMN delete_after_us BIGINT NULL COMMENT 'deletion asked for: when it is carried out',
	ADD COLUMN signed_up_at_us BIGINT NULL COMMENT 'last sign-up, while the address waits for its proof; then NULL',
	ADD KEY (delete_after_us),
	ADD KEY (signed_up_at_us);
UPDATE users SET email_verified_at_us = created_at_us WHERE email IS NOT NULL;

CREATE TABLE password (
	user_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
	hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'PHC string, or bcrypt of an import',
	changed_at_us BIGINT NOT NULL,
	CONSTRAINT password_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE second_factor (
	user_id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
	secret VARBINARY(96) NOT NULL COMMENT 'sealed with [server] encryption_key, bound to the user',
	last_step BIGINT NOT NULL COMMENT 'the time step of the last accepted code; none at or before it is accepted',
	recovery_salt BINARY(16) NOT NULL,
	enabled_at_us BIGINT NOT NULL,
	CONSTRAINT second_factor_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE recovery_code (
	recovery_code_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	user_id BIGINT UNSIGNED NOT NULL,
	code_hash BINARY(32) NOT NULL COMMENT 'Argon2id with the recovery_salt of the second factor',
	consumed_at_us BIGINT NULL,
	created_at_us BIGINT NOT NULL,
	UNIQUE KEY (user_id, code_hash),
	CONSTRAINT recovery_code_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A browser that signed in with a password (account.md section 2). Only the SHA-256 of its cookie is kept.
CREATE TABLE web_session (
	web_session_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(28) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_id BIGINT UNSIGNED NOT NULL,
	token_hash BINARY(32) NOT NULL,
	auth_at_us BIGINT NOT NULL COMMENT 'when the password was proved; whole milliseconds',
	last_seen_at_us BIGINT NOT NULL,
	expires_at_us BIGINT NOT NULL,
	ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_agent VARCHAR(200) NULL,
	UNIQUE KEY (token_hash),
	UNIQUE KEY (public_id),
	KEY (user_id, last_seen_at_us),
	KEY (expires_at_us),
	CONSTRAINT web_session_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What a mailed link carries: proves an address, or sets a new password. Used once; kept a while, so that a second use is
-- told apart from a wrong one.
CREATE TABLE email_token (
	token_hash BINARY(32) NOT NULL PRIMARY KEY,
	purpose ENUM('verify', 'reset') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_id BIGINT UNSIGNED NOT NULL,
	password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'of the sign-up that asked: it counts once the address is proved',
	display_name VARCHAR(80) NULL COMMENT 'of the same sign-up',
	ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	created_at_us BIGINT NOT NULL,
	expires_at_us BIGINT NOT NULL,
	consumed_at_us BIGINT NULL,
	KEY (user_id, purpose),
	KEY (expires_at_us),
	CONSTRAINT email_token_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A device that waits for somebody at a browser (gateway.md section 7, RFC 8628).
CREATE TABLE device_login (
	device_login_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	device_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of device_code',
	user_code CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'in use until the row is pruned, so that a second decision is told apart from a wrong code',
	state ENUM('pending', 'approved', 'denied', 'consumed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	platform VARCHAR(64) NULL,
	version VARCHAR(64) NULL,
	ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_agent VARCHAR(200) NULL,
	user_id BIGINT UNSIGNED NULL COMMENT 'who decided',
	ide_token_id BIGINT UNSIGNED NULL COMMENT 'what was handed out, while a repeat may still replace it',
	interval_s INT UNSIGNED NOT NULL,
	hasty_polls INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'in a row',
	polled_at_us BIGINT NULL,
	decided_at_us BIGINT NULL,
	consumed_at_us BIGINT NULL,
	created_at_us BIGINT NOT NULL,
	expires_at_us BIGINT NOT NULL,
	UNIQUE KEY (device_hash),
	UNIQUE KEY (user_code),
	KEY (user_id),
	KEY (expires_at_us),
	CONSTRAINT device_login_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- An IDE that waits for its approval in a browser (gateway.md section 7).
CREATE TABLE ide_login (
	code_hash BINARY(32) NOT NULL PRIMARY KEY,
	state ENUM('pending', 'approved', 'denied', 'consumed') CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	challenge VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'PKCE S256',
	redirect_uri VARCHAR(500) NULL,
	platform VARCHAR(64) NULL,
	version VARCHAR(64) NULL,
	ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_agent VARCHAR(200) NULL,
	user_id BIGINT UNSIGNED NULL COMMENT 'who decided',
	decided_at_us BIGINT NULL,
	created_at_us BIGINT NOT NULL,
	expires_at_us BIGINT NOT NULL,
	KEY (user_id),
	KEY (expires_at_us),
	CONSTRAINT ide_login_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- When a credential proved its second factor; NULL: it has not.
ALTER TABLE session ADD COLUMN mfa_at_us BIGINT NULL;
ALTER TABLE ide_token ADD COLUMN mfa_at_us BIGINT NULL;
ALTER TABLE handoff ADD COLUMN session_id BIGINT UNSIGNED NULL COMMENT 'the session of the browser: what it proves counts for the IDE';

-- Every security event. It outlives the account, without a name.
CREATE TABLE audit_event (
	audit_event_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	user_id BIGINT UNSIGNED NULL,
	event VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	detail VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL COMMENT 'a word or a public id; never a secret or an address',
	ip VARCHAR(45) CHARACTER SET ascii COLLATE ascii_bin NULL,
	user_agent VARCHAR(200) NULL,
	request_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NULL,
	at_us BIGINT NOT NULL,
	KEY (user_id, audit_event_id),
	KEY (at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
