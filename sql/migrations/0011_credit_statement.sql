-- What a user is shown of their credit: each change, and what the calls of each day took. Adding up a user's rows gives
-- the balance of the top-ups and the allowance together, less used_micro; `turnpike ledger verify` proves it.

ALTER TABLE users MODIFY display_name VARCHAR(80) NULL,
	ADD COLUMN statement_rows BIGINT UNSIGNED NOT NULL DEFAULT 0,
	ADD COLUMN used_at_us BIGINT NULL COMMENT 'of the last charge that is not in the statement yet: on a day that has not ended',
	ADD COLUMN used_micro BIGINT NOT NULL DEFAULT 0 COMMENT 'credit that calls took that day',
	ADD COLUMN used_overage_micro BIGINT NOT NULL DEFAULT 0 COMMENT 'what they took beyond it, with the markup';

CREATE TABLE credit_statement (
	user_id BIGINT UNSIGNED NOT NULL,
	seq BIGINT UNSIGNED NOT NULL COMMENT '1, 2, 3 ... of the user',
	transfer_id BIGINT UNSIGNED NULL COMMENT 'NULL: the calls of a day',
	amount BIGINT NOT NULL,
	overage BIGINT NOT NULL DEFAULT 0,
	at_us BIGINT NOT NULL,
	PRIMARY KEY (user_id, seq),
	CONSTRAINT credit_statement_user FOREIGN KEY (user_id) REFERENCES users (user_id),
	CONSTRAINT credit_statement_transfer FOREIGN KEY (transfer_id) REFERENCES ledger_transfer (transfer_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What was booked before: usage by its day, every other transfer by itself.
INSERT INTO credit_statement (user_id, seq, transfer_id, amount, overage, at_us)
SELECT user_id, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY last_id), IF(day IS NULL, last_id, NULL), amount, overage, at_us
FROM (SELECT a.owner_id AS user_id, IF(t.reason = 'usage', t.created_at_us DIV 86400000000, NULL) AS day,
		MAX(t.transfer_id) AS last_id, MAX(t.created_at_us) AS at_us,
		SUM(IF(a.kind = 'overage', 0, e.amount)) AS amount, SUM(IF(a.kind = 'overage', -e.amount, 0)) AS overage
	FROM ledger_account a JOIN ledger_entry e ON e.account_id = a.account_id
		JOIN ledger_transfer t ON t.transfer_id = e.transfer_id
	WHERE a.owner_kind = 'user' AND a.asset = 'usd_micro' AND (t.reason = 'usage' OR a.kind <> 'overage')
	GROUP BY a.owner_id, day, IF(t.reason = 'usage', 0, t.transfer_id)) s;

UPDATE users u SET statement_rows = (SELECT COUNT(*) FROM credit_statement s WHERE s.user_id = u.user_id);
