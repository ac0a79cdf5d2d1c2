-- Statements over the sample schema that sql-gate must refuse; what it says is in `expected`.

-- wrong_table :one
-- out: item_id u64
SELECT item_id FROM items LIMIT 1;

-- wrong_name :one
-- in: item_id u64
-- out: id u64
SELECT item_id FROM item WHERE item_id = ?;

-- wrong_count :one
-- in: item_id u64
-- out: item_id u64
SELECT item_id, name FROM item WHERE item_id = ?;

-- wrong_types :one
-- in: item_id u64
-- out: item_id i64, name text, size double, ratio i64, hash str(32), note str(10), is_open str(1)
SELECT item_id, name, size, ratio, hash, note, is_open FROM item WHERE item_id = ?;

-- wrong_null :one
-- in: item_id u64
-- out: name str(64)?, tag str(300)
SELECT name, tag FROM item WHERE item_id = ?;

-- outer_null :one
-- in: item_id u64
-- out: name str(64)
SELECT b.name FROM item a LEFT JOIN item b ON b.item_id = a.size WHERE a.item_id = ?;

-- wrong_length :one
-- in: item_id u64
-- out: name str(65), hash bytes(16)?
SELECT name, hash FROM item WHERE item_id = ?;

-- decimal_sum :one scan
-- out: total i64?
SELECT SUM(size) AS total FROM item;

-- returning_names :one
-- in: item_id u64
-- out: item_id u64, title str(64)
DELETE FROM item WHERE item_id = ? RETURNING item_id, name;

-- scan_column :many
-- in: tag str(300)?
-- out: item_id u64
SELECT item_id FROM item WHERE tag = ?;

-- scan_range :many
-- in: size i64
-- out: item_id u64
SELECT item_id FROM item WHERE size < ?;

-- scan_optional :many
-- in: item_id u64?, item_id u64?
-- out: name str(64)
SELECT name FROM item WHERE ? IS NULL OR item_id = ?;

-- scan_update :exec
-- in: tag str(300)?
UPDATE item SET size = 1 WHERE tag = ?;

-- scan_join :many
-- in: item_id u64
-- out: name str(64)
SELECT b.name FROM item a JOIN item b ON b.size = a.item_id WHERE a.item_id = ?;

-- fine_range :many
-- in: item_id u64, rows i64
-- out: name str(64)
SELECT name FROM item WHERE item_id > ? ORDER BY item_id LIMIT ?;

-- fine_page :many
-- in: rows i64
-- out: name str(64)
SELECT name FROM item ORDER BY item_id DESC LIMIT ?;

-- fine_json :many
-- in: ids text
-- out: name str(64)
SELECT i.name FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) j
JOIN item i ON i.item_id = j.id;
