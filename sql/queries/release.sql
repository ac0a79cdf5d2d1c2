-- IDE builds. Every change also raises the snapshot version, so that workers read the table anew.

-- release_version :one
-- out: version u64
SELECT version FROM snapshot_version WHERE name = 'ide_release';

-- release_changed :exec
UPDATE snapshot_version SET version = version + 1 WHERE name = 'ide_release';

-- release_insert :insert unique
-- in:  platform str(32), quality str(16), commit_id str(64), name str(100), product_version str(64), url str(1000),
--      size_bytes u64, sha256 bytes(32), sha512 bytes(64), rollout_percent i64, min_os str(32)?, notes text?,
--      published_at_us i64
INSERT INTO ide_release (platform, quality, commit_id, name, product_version, url, size_bytes, sha256, sha512,
	rollout_percent, min_os, notes, published_at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- release_all :many scan
-- Newest first.
-- out: release_id u64, platform str(32), quality str(16), commit_id str(64), name str(100), product_version str(64),
--      url str(1000), size_bytes u64, sha256 bytes(32), sha512 bytes(64), rollout_percent i64, min_os str(32)?, notes text?,
--      is_paused bool, published_at_us i64
SELECT release_id, platform, quality, commit_id, name, product_version, url, size_bytes, sha256, sha512,
	rollout_percent, min_os, notes, is_paused, published_at_us
FROM ide_release ORDER BY published_at_us DESC, release_id DESC;

-- release_pause :exec
-- in:  is_paused bool, platform str(32), quality str(16), commit_id str(64)
UPDATE ide_release SET is_paused = ? WHERE platform = ? AND quality = ? AND commit_id = ?;

-- release_rollout :exec
-- in:  rollout_percent i64, platform str(32), quality str(16), commit_id str(64)
UPDATE ide_release SET rollout_percent = ? WHERE platform = ? AND quality = ? AND commit_id = ?;
