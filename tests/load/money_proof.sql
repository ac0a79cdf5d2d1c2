-- What must hold after a storm of calls (tests/load/money_proof): each query finds what is wrong, so no row is a pass. In
-- the schema `proof`: seen has a row for each call as its client saw it, served one for each request that reached an
-- upstream; served.receipt is what the gateway called it.

-- every request that an upstream served belongs to a call in the books
SELECT s.id, s.receipt, s.model FROM proof.served s LEFT JOIN ai_call c ON c.public_id = s.receipt WHERE c.call_id IS NULL;

-- tokens that an upstream reported are billed to the token, or the call says why not
SELECT s.id, c.public_id, c.status, s.input, s.output, c.input_tokens, c.output_tokens
FROM proof.served s JOIN ai_call c ON c.public_id = s.receipt
WHERE s.usage_sent AND c.reason IS NULL AND (c.status <> 'ok' OR c.is_estimated OR s.output <> c.output_tokens
	OR s.input <> c.input_tokens + c.cached_tokens + c.cache_write_tokens OR s.cached <> c.cached_tokens
	OR s.cache_write <> c.cache_write_tokens OR s.reasoning <> c.reasoning_tokens);

-- what is billed as reported was reported, by one request
SELECT c.public_id, c.status, c.attempts, c.input_tokens, c.output_tokens, COUNT(s.id),
	(SELECT GROUP_CONCAT(CONCAT_WS(' ', t.id, t.dialect, t.state, t.usage_sent, t.input, t.output)) FROM proof.served t
		WHERE t.receipt = c.public_id) AS all_served
FROM ai_call c LEFT JOIN proof.served s
	ON s.receipt = c.public_id AND s.usage_sent AND s.output = c.output_tokens
	AND s.input = c.input_tokens + c.cached_tokens + c.cache_write_tokens
WHERE c.cost_micro > 0 AND NOT c.is_estimated GROUP BY c.call_id HAVING COUNT(s.id) <> 1;

-- a call that is not billed as reported has a reason
SELECT public_id, status FROM ai_call WHERE reason IS NULL AND (status <> 'ok' OR is_estimated);

-- nothing is charged for a call that was refunded, and what is delivered is not free
SELECT public_id, status, cost_micro, first_token_us FROM ai_call
WHERE (status = 'refunded' AND cost_micro <> 0) OR (status <> 'refunded' AND first_token_us IS NOT NULL AND cost_micro = 0);

-- a call costs its tokens at its prices, rounded up once
SELECT public_id, cost_micro FROM ai_call
WHERE cost_micro <> CEILING((CAST(input_tokens AS DECIMAL(40)) * price_input + cached_tokens * price_cached
	+ (cache_write_tokens - cache_write_1h_tokens) * price_cache_write + cache_write_1h_tokens * price_cache_write_1h
	+ (output_tokens - reasoning_tokens) * price_output + reasoning_tokens * price_reasoning) * multiplier
	/ 1000000000000);

-- no call is in the books that was not made, or was refused
SELECT c.public_id, c.request_id, s.status FROM ai_call c LEFT JOIN proof.seen s ON s.request_id = c.request_id
WHERE s.number IS NULL OR s.status IN (400, 401, 402, 403, 404);

-- every call that its client saw admitted is in the books, as the client's
SELECT s.request_id, s.receipt FROM proof.seen s
	LEFT JOIN ai_call c ON c.public_id = s.receipt AND c.request_id = s.request_id AND c.hold_id = s.hold
WHERE s.receipt IS NOT NULL AND c.call_id IS NULL;

-- each call is billed once
SELECT request_id, COUNT(*) FROM ai_call GROUP BY request_id HAVING COUNT(*) > 1;

-- no upstream was asked more often than the call says
SELECT c.public_id, c.attempts, COUNT(*) FROM ai_call c JOIN proof.served s ON s.receipt = c.public_id
GROUP BY c.call_id HAVING COUNT(*) > c.attempts;

-- a client that got the whole answer has the usage and the price of its receipt
SELECT s.request_id, s.cost, c.cost_micro, s.input, s.output, c.output_tokens, c.status
FROM proof.seen s JOIN ai_call c ON c.public_id = s.receipt
WHERE s.is_done AND NOT (c.status = 'ok' AND s.cost <=> c.cost_micro AND s.output <=> c.output_tokens
	AND s.input <=> c.input_tokens + c.cached_tokens + c.cache_write_tokens);

-- whatever price a client was told is the one it was charged
SELECT s.request_id, s.is_done, s.cost, c.cost_micro, c.status FROM proof.seen s JOIN ai_call c ON c.public_id = s.receipt
WHERE s.cost IS NOT NULL AND s.cost <> c.cost_micro;

-- a client that got a whole answer has a receipt
SELECT request_id, kind FROM proof.seen WHERE is_done AND (receipt IS NULL OR cost IS NULL OR input IS NULL);

-- the calls of a settlement cost what it moved
SELECT t.transfer_id, e.amount, SUM(c.cost_micro) FROM ledger_transfer t
	JOIN ledger_entry e ON e.transfer_id = t.transfer_id AND e.amount > 0
	JOIN ledger_account a ON a.account_id = e.account_id AND a.kind = 'revenue'
	LEFT JOIN ai_call c ON c.transfer_id = t.transfer_id
WHERE t.reason = 'usage' GROUP BY t.transfer_id, e.amount HAVING e.amount <> COALESCE(SUM(c.cost_micro), 0);

-- each call that costs anything is in a settlement, and together they are what left the accounts
SELECT * FROM (SELECT (SELECT COALESCE(SUM(cost_micro), 0) FROM ai_call) AS cost,
	(SELECT COALESCE(SUM(cost_micro), 0) FROM ai_call WHERE transfer_id IS NOT NULL) AS settled,
	(SELECT -COALESCE(SUM(e.amount), 0) FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.transfer_id
		WHERE t.reason = 'usage' AND e.amount < 0) AS paid) sums
WHERE cost <> settled OR cost <> paid;

-- what no fund could pay is at most what calls cost beyond their estimate
SELECT c.user_id, u.uncollected, SUM(GREATEST(c.cost_micro - c.estimate_micro, 0)) AS beyond FROM ai_call c
	JOIN (SELECT user_id, SUM(uncollected) AS uncollected FROM hold GROUP BY user_id) u ON u.user_id = c.user_id
GROUP BY c.user_id, u.uncollected HAVING u.uncollected > beyond;

-- what was granted less what was spent is what is left, of each user
SELECT a.owner_id, SUM(a.balance), m.granted, m.spent FROM ledger_account a JOIN (
	SELECT b.owner_id, SUM(IF(t.reason <> 'usage', e.amount, 0)) AS granted, -SUM(IF(t.reason = 'usage', e.amount, 0)) AS spent
	FROM ledger_account b JOIN ledger_entry e ON e.account_id = b.account_id
		JOIN ledger_transfer t ON t.transfer_id = e.transfer_id
	WHERE b.owner_kind = 'user' GROUP BY b.owner_id) m ON m.owner_id = a.owner_id
WHERE a.owner_kind = 'user' GROUP BY a.owner_id, m.granted, m.spent
HAVING SUM(a.balance) <> m.granted - m.spent OR m.spent > m.granted;

-- a balance is the sum of its entries
SELECT a.account_id, a.balance, SUM(e.amount) FROM ledger_account a LEFT JOIN ledger_entry e ON e.account_id = a.account_id
GROUP BY a.account_id, a.balance HAVING a.balance <> COALESCE(SUM(e.amount), 0);

-- no hold is open, nothing is reserved, nobody is in debt
SELECT public_id, user_id, held_topup FROM hold WHERE state = 'open'
UNION ALL SELECT account_id, owner_id, balance FROM ledger_account WHERE reserved <> 0 OR (owner_kind = 'user' AND balance < 0);

-- no hold was taken from a living process by the sweeper
SELECT public_id, user_id, state FROM hold WHERE state = 'swept';

-- the sums of the day are those of the calls
SELECT * FROM (
	SELECT user_id, started_at_us DIV 86400000000 AS day, model, COUNT(*) AS requests,
		SUM(input_tokens + cached_tokens + cache_write_tokens) AS input_tokens, SUM(output_tokens) AS output_tokens,
		SUM(cost_micro) AS cost_micro
	FROM ai_call GROUP BY 1, 2, 3
	UNION ALL SELECT user_id, day, model, requests, input_tokens, output_tokens, cost_micro FROM ai_usage_day) both_sums
GROUP BY user_id, day, model, requests, input_tokens, output_tokens, cost_micro HAVING COUNT(*) <> 2;

-- and so are those that the product shows
SELECT * FROM (
	SELECT user_id, started_at_us DIV 86400000000 AS day, model, SUM(cost_micro) AS cost_micro FROM ai_call
	GROUP BY 1, 2, 3 HAVING SUM(cost_micro) > 0
	UNION ALL SELECT user_id, day, model, SUM(cost_micro) FROM usage_day GROUP BY 1, 2, 3) both_sums
GROUP BY user_id, day, model, cost_micro HAVING COUNT(*) <> 2;

-- no client was left without an answer, or with one that is none
SELECT request_id, kind, outcome FROM proof.seen WHERE outcome IN ('late', 'malformed');
