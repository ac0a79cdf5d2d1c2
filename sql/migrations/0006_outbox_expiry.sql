-- A mail is of no use after some time, or once a newer one says the same better; and it is found by whom it is for when
-- that person leaves.

ALTER TABLE outbox
	ADD COLUMN topic VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL
		COMMENT 'a newer row on it to the same recipient replaces those not sent yet' AFTER kind,
	ADD COLUMN recipient_hash BINARY(32) NULL
		COMMENT 'SHA-256 of the address; emptied with the payload' AFTER payload,
	ADD COLUMN expires_at_us BIGINT NULL COMMENT 'not sent after; NULL: never' AFTER next_at_us,
	ADD KEY (recipient_hash);
