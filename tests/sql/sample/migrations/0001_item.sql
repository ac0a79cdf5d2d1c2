-- The sample schema; one column of every type; with a comment that ends in a semicolon;
CREATE TABLE item (
	item_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	name VARCHAR(64) NOT NULL,
	size BIGINT NULL,
	serial BIGINT UNSIGNED NOT NULL DEFAULT 0, -- not a key; with a semicolon;
	ratio DOUBLE NULL,
	is_open TINYINT(1) NOT NULL DEFAULT 1,
	was_open TINYINT(1) NULL,
	hash BINARY(32) NULL,
	note LONGTEXT NULL,
	UNIQUE KEY item_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
