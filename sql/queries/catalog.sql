-- What is sold. The version in force is the one with the latest effective time that has come.

-- catalog_current :one
-- in:  now_us i64
-- out: catalog_id u64, effective_at_us i64
SELECT catalog_id, effective_at_us FROM catalog WHERE effective_at_us <= ?
ORDER BY effective_at_us DESC, catalog_id DESC LIMIT 1;

-- catalog_newest :one
-- The version loaded last, whether it is in force or not.
-- out: catalog_id u64, checksum bytes(32), effective_at_us i64
SELECT catalog_id, checksum, effective_at_us FROM catalog ORDER BY catalog_id DESC LIMIT 1;

-- catalog_insert :insert
-- in:  checksum bytes(32), effective_at_us i64, loaded_at_us i64
INSERT INTO catalog (checksum, effective_at_us, loaded_at_us) VALUES (?, ?, ?);

-- catalog_plan_insert :exec
-- in:  catalog_id u64, position i64, plan_id str(32), name str(64), is_listed bool, price_cents i64,
--      founding_price_cents i64?, billing_interval str(8), plan_rank i64, allowance_micro i64, daily_turns i64?,
--      features text
INSERT INTO catalog_plan (catalog_id, position, plan_id, name, is_listed, price_cents, founding_price_cents,
	billing_interval, plan_rank, allowance_micro, daily_turns, features)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- catalog_topup_insert :exec
-- in:  catalog_id u64, position i64, topup_id str(32), price_cents i64, credits_cents i64
INSERT INTO catalog_topup (catalog_id, position, topup_id, price_cents, credits_cents) VALUES (?, ?, ?, ?, ?);

-- catalog_plans :many
-- in:  catalog_id u64
-- out: plan_id str(32), name str(64), is_listed bool, price_cents i64, founding_price_cents i64?, billing_interval str(8),
--      plan_rank i64, allowance_micro i64, daily_turns i64?, features text
SELECT plan_id, name, is_listed, price_cents, founding_price_cents, billing_interval, plan_rank, allowance_micro,
	daily_turns, features
FROM catalog_plan WHERE catalog_id = ? ORDER BY position;

-- catalog_topups :many
-- in:  catalog_id u64
-- out: topup_id str(32), price_cents i64, credits_cents i64
SELECT topup_id, price_cents, credits_cents FROM catalog_topup WHERE catalog_id = ? ORDER BY position;

-- plan_daily_turns :one
-- The daily cap of a plan in the catalog in force; NULL: unlimited.
-- in:  now_us i64, plan_id str(32)
-- out: daily_turns i64?
SELECT p.daily_turns FROM catalog_plan p
WHERE p.catalog_id = (SELECT c.catalog_id FROM catalog c WHERE c.effective_at_us <= ?
	ORDER BY c.effective_at_us DESC, c.catalog_id DESC LIMIT 1) AND p.plan_id = ?;

-- founding_get :one
-- out: total i64, consumed i64, held i64
SELECT total, consumed, held FROM founding_counter WHERE counter_id = 1;

-- order_list :many
-- Newest first, strictly before a time.
-- row: order
-- in:  user_id u64, before_us i64, n i64
-- out: order_id u64, public_id str(28), kind str(16), amount_cents i64, currency str(3), status str(20),
--      invoice_url str(500)?, created_at_us i64
SELECT order_id, public_id, kind, amount_cents, currency, status, invoice_url, created_at_us FROM orders
WHERE user_id = ? AND created_at_us < ? ORDER BY created_at_us DESC, order_id DESC LIMIT ?;

-- order_page :many
-- Those before a place in the order of time, newest first, for the export.
-- row: order
-- in:  user_id u64, created_at_us i64, created_at_us i64, order_id u64
-- out: order_id u64, public_id str(28), kind str(16), amount_cents i64, currency str(3), status str(20),
--      invoice_url str(500)?, created_at_us i64
SELECT order_id, public_id, kind, amount_cents, currency, status, invoice_url, created_at_us FROM orders
WHERE user_id = ? AND created_at_us <= ? AND (created_at_us < ? OR order_id < ?)
ORDER BY created_at_us DESC, order_id DESC LIMIT 1000;
