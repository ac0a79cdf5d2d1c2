-- Work that outlives a request, and answers that must not be given twice.

CREATE TABLE outbox (
	outbox_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(28) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'stable over retries',
	kind VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	payload MEDIUMTEXT NOT NULL COMMENT 'JSON; emptied after delivery',
	state ENUM('pending', 'done', 'dead') NOT NULL DEFAULT 'pending',
	attempts INT UNSIGNED NOT NULL DEFAULT 0,
	next_at_us BIGINT NOT NULL,
	last_error VARCHAR(500) NULL,
	created_at_us BIGINT NOT NULL,
	done_at_us BIGINT NULL,
	UNIQUE KEY (public_id),
	KEY (state, next_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE idempotency (
	idem_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	scope_hash BINARY(32) NOT NULL COMMENT 'SHA-256 of account, method, path and key',
	fingerprint BINARY(32) NOT NULL COMMENT 'SHA-256 of the raw body',
	status SMALLINT UNSIGNED NULL COMMENT 'NULL: still running',
	body MEDIUMTEXT NULL,
	lease_until_us BIGINT NOT NULL,
	created_at_us BIGINT NOT NULL,
	UNIQUE KEY (scope_hash),
	KEY (created_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
