-- What is sold. A version is never changed: a new one with a later effective time takes over.

CREATE TABLE catalog (
	catalog_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	checksum BINARY(32) NOT NULL,
	effective_at_us BIGINT NOT NULL,
	loaded_at_us BIGINT NOT NULL,
	KEY (effective_at_us)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE catalog_plan (
	catalog_id BIGINT UNSIGNED NOT NULL,
	position INT UNSIGNED NOT NULL,
	plan_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	name VARCHAR(64) NOT NULL,
	is_listed BOOL NOT NULL,
	price_cents BIGINT NOT NULL,
	founding_price_cents BIGINT NULL,
	billing_interval VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	plan_rank INT UNSIGNED NOT NULL,
	allowance_micro BIGINT NOT NULL COMMENT 'included credit for a period',
	daily_turns INT UNSIGNED NULL COMMENT 'NULL: unlimited',
	features TEXT NOT NULL COMMENT 'JSON array of text',
	PRIMARY KEY (catalog_id, plan_id),
	CONSTRAINT catalog_plan_catalog FOREIGN KEY (catalog_id) REFERENCES catalog (catalog_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE catalog_topup (
	catalog_id BIGINT UNSIGNED NOT NULL,
	position INT UNSIGNED NOT NULL,
	topup_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	price_cents BIGINT NOT NULL,
	credits_cents BIGINT NOT NULL,
	PRIMARY KEY (catalog_id, topup_id),
	CONSTRAINT catalog_topup_catalog FOREIGN KEY (catalog_id) REFERENCES catalog (catalog_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Founding places: held + consumed never pass total (product.md 5.4).
CREATE TABLE founding_counter (
	counter_id INT UNSIGNED NOT NULL PRIMARY KEY,
	total BIGINT NOT NULL,
	consumed BIGINT NOT NULL,
	held BIGINT NOT NULL,
	CONSTRAINT founding_not_oversold CHECK (consumed >= 0 AND held >= 0 AND consumed + held <= total)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

INSERT INTO founding_counter (counter_id, total, consumed, held) VALUES (1, 1000, 0, 0);

CREATE TABLE orders (
	order_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	public_id VARCHAR(28) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	user_id BIGINT UNSIGNED NOT NULL,
	kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	amount_cents BIGINT NOT NULL,
	currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'usd',
	status VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	invoice_url VARCHAR(500) NULL,
	created_at_us BIGINT NOT NULL,
	UNIQUE KEY (public_id),
	KEY (user_id, created_at_us),
	CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
