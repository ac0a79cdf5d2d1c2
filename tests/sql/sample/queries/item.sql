-- Statements of the sample schema: every type, every kind. They exist for the tests of fcgi/db.

-- item_add :insert unique
-- Adds an item; the name is unique.
-- in: name str(64), size i64?, serial u64, ratio double?, is_open bool, hash bytes(32)?, note text?,
--     tag str(300)?
INSERT INTO item (name, size, serial, ratio, is_open, hash, note, tag)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- item_get :one
-- row: item
-- in: item_id u64
-- out: item_id u64, name str(64), size i64?, serial u64, ratio double?, is_open bool,
--      was_open bool?, hash bytes(32)?, note text?, tag str(300)?
SELECT item_id, name, size, serial, ratio, is_open, was_open, hash, note, tag FROM item
WHERE item_id = ?;

-- item_find :one
-- row: item
-- in: name str(64)
-- out: item_id u64, name str(64), size i64?, serial u64, ratio double?, is_open bool,
--      was_open bool?, hash bytes(32)?, note text?, tag str(300)?
SELECT item_id, name, size, serial, ratio, is_open, was_open, hash, note, tag FROM item
WHERE name = ?;

-- item_list :many
-- Open or closed ones, or both when is_open is absent; by id, after the given one.
-- in: is_open bool?, is_open bool?, after_id u64, limit_rows i64
-- out: item_id u64, name str(64)
SELECT item_id, name FROM item
WHERE (? IS NULL OR is_open = ?) AND item_id > ? -- keyset
ORDER BY item_id LIMIT ?;

-- item_resize :exec
-- in: size i64?, item_id u64
UPDATE item SET size = ? WHERE item_id = ?;

-- item_lock :one
-- in: item_id u64
-- out: size i64?
SELECT size FROM item WHERE item_id = ? FOR UPDATE;

-- item_delete :exec
-- in: name str(64)
DELETE FROM item WHERE name = ?;

-- item_count :one scan
-- out: items i64
SELECT COUNT(*) AS items FROM item WHERE name <> 'what? "x" ;';

-- item_any :one scan
-- More than one row: what :one must refuse.
-- out: item_id u64
SELECT item_id FROM item ORDER BY item_id LIMIT 2;

-- item_take :one
-- A write that answers with a row.
-- in: item_id u64
-- out: item_id u64, name str(64)
DELETE FROM item WHERE item_id = ? RETURNING item_id, name;

-- nap :one
-- Takes a while.
-- in: seconds double
-- out: woken i64?
SELECT SLEEP(?) AS woken;

-- connection_id :one
-- out: id u64
SELECT CONNECTION_ID() AS id;

-- connection_kill :exec
-- in: id u64
KILL ?;

-- item_rename :exec
-- Without `unique`: a conflict is a bug.
-- in: name str(64), item_id u64
UPDATE item SET name = ? WHERE item_id = ?;

-- item_clear :exec scan
DELETE FROM item;

-- huge :one
-- A number that its type cannot hold.
-- out: n i64
SELECT CAST(18446744073709551615 AS UNSIGNED) AS n;
