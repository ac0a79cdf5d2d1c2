-- Builds of the IDE, and what the status page tells.

CREATE TABLE ide_release (
	release_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	platform VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	quality VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	commit_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	name VARCHAR(100) NOT NULL,
	product_version VARCHAR(64) NOT NULL,
	url VARCHAR(1000) NOT NULL,
	size_bytes BIGINT UNSIGNED NOT NULL,
	sha256 BINARY(32) NOT NULL,
	sha512 BINARY(64) NOT NULL,
	rollout_percent TINYINT UNSIGNED NOT NULL,
	min_os VARCHAR(32) NULL,
	notes TEXT NULL,
	is_paused BOOL NOT NULL DEFAULT FALSE,
	published_at_us BIGINT NOT NULL,
	UNIQUE KEY (platform, quality, commit_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Raised by every change of a table that workers keep in memory.
CREATE TABLE snapshot_version (
	name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	version BIGINT UNSIGNED NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT INTO snapshot_version (name, version) VALUES ('ide_release', 1);

CREATE TABLE incident (
	incident_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(28) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	title VARCHAR(200) NOT NULL,
	component VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	severity VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	started_at_us BIGINT NOT NULL,
	updated_at_us BIGINT NOT NULL,
	resolved_at_us BIGINT NULL,
	UNIQUE KEY (public_id),
	KEY (started_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE incident_update (
	update_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	incident_id BIGINT UNSIGNED NOT NULL,
	status VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	body VARCHAR(2000) NOT NULL,
	at_us BIGINT NOT NULL,
	KEY (incident_id),
	CONSTRAINT incident_update_incident FOREIGN KEY (incident_id) REFERENCES incident (incident_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What turnpike-jobs and the workers saw of outside services, the last minutes of it.
CREATE TABLE component_probe (
	probe_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	component VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	is_ok BOOL NOT NULL,
	at_us BIGINT NOT NULL,
	KEY (component, at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- A state that the operator set by hand.
CREATE TABLE component_pin (
	component VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
	state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
