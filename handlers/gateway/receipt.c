/* The receipt of a call: what was used, at which prices, and how it was paid. */
#include "../../domain/receipt.h"

#include "../../fcgi/core/clock.h"
#include "../../fcgi/http/request.h"
#include "gateway.h"

struct gateway_receipt_in {
	const char *activity_id;
};
SCHEMA(gateway_receipt_in, STR(gateway_receipt_in, activity_id, REQUIRED, PATH, .min = 1, .max = 64,
				   .error = E_NOT_FOUND));

struct receipt_route {
	const char *provider, *upstream_model, *key_label;
};
SCHEMA(receipt_route, STR(receipt_route, provider, REQUIRED),
	STR(receipt_route, upstream_model, REQUIRED, .json = "upstreamModel"),
	STR(receipt_route, key_label, REQUIRED, .json = "keyLabel"));

struct receipt_tokens {
	i64 input, cached, cache_write, cache_write_1h, output, reasoning;
};
SCHEMA(receipt_tokens, I64(receipt_tokens, input, REQUIRED, DOC("Neither from nor to a cache")),
	I64(receipt_tokens, cached, REQUIRED, .json = "cachedInput"),
	I64(receipt_tokens, cache_write, REQUIRED, .json = "cacheWrite"),
	I64(receipt_tokens, cache_write_1h, REQUIRED, .json = "cacheWriteHour",
		DOC("Of cacheWrite: kept for an hour")),
	I64(receipt_tokens, output, REQUIRED, DOC("Reasoning included")),
	I64(receipt_tokens, reasoning, REQUIRED));

/* US dollars for a million tokens. */
struct receipt_prices {
	i64 version, input, cached, cache_write, cache_write_1h, output, reasoning, multiplier;
	const char *effective_at;
};
SCHEMA(receipt_prices, I64(receipt_prices, version, REQUIRED, DOC("Of the catalog")),
	STR(receipt_prices, effective_at, REQUIRED, NULLABLE, .json = "effectiveAt",
		DOC("Since when the version is in force, ISO 8601")),
	USD_MICRO(receipt_prices, input, REQUIRED, .json = "inputPerMtok"),
	USD_MICRO(receipt_prices, cached, REQUIRED, .json = "cachedInputPerMtok"),
	USD_MICRO(receipt_prices, cache_write, REQUIRED, .json = "cacheWritePerMtok"),
	USD_MICRO(receipt_prices, cache_write_1h, REQUIRED, .json = "cacheWriteHourPerMtok"),
	USD_MICRO(receipt_prices, output, REQUIRED, .json = "outputPerMtok"),
	USD_MICRO(receipt_prices, reasoning, REQUIRED, .json = "reasoningPerMtok"),
	USD_MICRO(receipt_prices, multiplier, REQUIRED, DOC("Of all prices")));

struct receipt_hold {
	const char *id, *state;
	i64 estimate_micro, estimate;
};
SCHEMA(receipt_hold, STR(receipt_hold, id, REQUIRED),
	STR(receipt_hold, state, REQUIRED, NULLABLE, .values = "open|settled|released|swept",
		DOC("A hold serves many calls and stays open for the next ones")),
	I64(receipt_hold, estimate_micro, REQUIRED, .json = "estimateMicroUsd",
		DOC("What was reserved for this call")),
	HUNDREDTHS(receipt_hold, estimate, REQUIRED, .json = "estimateCredits"));

struct receipt_settlement {
	const char *transfer_id;
	i64 calls, topup, allowance, overage, uncollected;
};
SCHEMA(receipt_settlement, STR(receipt_settlement, transfer_id, REQUIRED, .json = "transferId"),
	I64(receipt_settlement, calls, REQUIRED, DOC("Calls that the transfer has charged")),
	I64(receipt_settlement, topup, REQUIRED, .json = "topupMicroUsd"),
	I64(receipt_settlement, allowance, REQUIRED, .json = "allowanceMicroUsd"),
	I64(receipt_settlement, overage, REQUIRED, .json = "overageMicroUsd",
		DOC("With the markup")),
	I64(receipt_settlement, uncollected, REQUIRED, .json = "uncollectedMicroUsd",
		DOC("Beyond all credit: nobody pays it")));

struct gateway_receipt {
	const char *id, *request_id, *created_at, *settled_at, *endpoint, *mode, *model, *status;
	const char *metering, *reason;
	struct receipt_route *route;
	struct receipt_tokens *tokens;
	struct receipt_prices *prices;
	struct receipt_hold *hold;
	struct receipt_settlement *settlement;
	i64 cost_micro, credits, retries, latency_ms;
	struct opt_i64 first_token_ms;
};
SCHEMA(gateway_receipt, STR(gateway_receipt, id, REQUIRED),
	STR(gateway_receipt, request_id, REQUIRED, .json = "requestId"),
	STR(gateway_receipt, created_at, REQUIRED, .json = "createdAt", DOC("ISO 8601")),
	STR(gateway_receipt, endpoint, REQUIRED, .values = "chat|completions|messages"),
	STR(gateway_receipt, mode, REQUIRED),
	STR(gateway_receipt, model, REQUIRED, DOC("That was served")),
	OBJECT(gateway_receipt, route, receipt_route, REQUIRED, NULLABLE,
		DOC("null: no provider was asked")),
	STR(gateway_receipt, status, REQUIRED, .values = "ok|aborted|cut|refunded|crashed"),
	STR(gateway_receipt, metering, REQUIRED, .values = "measured|estimated",
		DOC("measured: the provider has reported all of it")),
	STR(gateway_receipt, reason, REQUIRED, DOC("Why it costs what it costs")),
	OBJECT(gateway_receipt, tokens, receipt_tokens, REQUIRED),
	OBJECT(gateway_receipt, prices, receipt_prices, REQUIRED),
	I64(gateway_receipt, cost_micro, REQUIRED, .json = "costMicroUsd"),
	HUNDREDTHS(gateway_receipt, credits, REQUIRED, .json = "creditsUsed"),
	OBJECT(gateway_receipt, hold, receipt_hold, REQUIRED),
	OBJECT(gateway_receipt, settlement, receipt_settlement, REQUIRED, NULLABLE,
		DOC("null: there was nothing to charge")),
	STR(gateway_receipt, settled_at, REQUIRED, .json = "settledAt", DOC("ISO 8601")),
	I64(gateway_receipt, retries, REQUIRED, DOC("Further routes or tries after the first")),
	I64(gateway_receipt, latency_ms, REQUIRED, .json = "latencyMs"),
	OPT_I64(gateway_receipt, first_token_ms, REQUIRED, NULLABLE, .json = "firstTokenMs"));

static const char *reason_of(const struct call_get_row *c)
{
	if (c->reason != NULL)
		return c->reason;
	if (c->cost_micro == 0)
		return "nothing was used";
	return c->is_estimated ? "the provider did not report all of its usage"
			       : "what the provider reported, at these prices";
}

static struct receipt_route *route_of(struct arena *a, const struct call_get_row *c)
{
	struct receipt_route *route = arena_new(a, struct receipt_route);

	*route = (struct receipt_route){c->provider, c->upstream_model, c->key_label};
	return c->provider[0] != '\0' ? route : NULL;
}

static struct receipt_tokens *tokens_of(struct arena *a, const struct call_get_row *c)
{
	struct receipt_tokens *tokens = arena_new(a, struct receipt_tokens);

	*tokens = (struct receipt_tokens){c->input_tokens, c->cached_tokens, c->cache_write_tokens,
		c->cache_write_1h_tokens, c->output_tokens, c->reasoning_tokens};
	return tokens;
}

static struct receipt_prices *prices_of(struct arena *a, const struct call_get_row *c)
{
	struct receipt_prices *prices = arena_new(a, struct receipt_prices);

	*prices = (struct receipt_prices){
		.version = (i64)c->catalog_id,
		.effective_at = c->effective_at_us.has
					? clock_iso8601_ms(a, c->effective_at_us.value)
					: NULL,
		.input = c->price_input,
		.cached = c->price_cached,
		.cache_write = c->price_cache_write,
		.cache_write_1h = c->price_cache_write_1h,
		.output = c->price_output,
		.reasoning = c->price_reasoning,
		.multiplier = c->multiplier,
	};
	return prices;
}

static struct receipt_hold *hold_of(struct arena *a, const struct call_get_row *c)
{
	struct receipt_hold *hold = arena_new(a, struct receipt_hold);

	*hold = (struct receipt_hold){c->hold_id, c->hold_state, c->estimate_micro,
		money_charge_hundredths(c->estimate_micro)};
	return hold;
}

static struct receipt_settlement *settlement_of(struct arena *a, const struct receipt *receipt)
{
	struct receipt_settlement *settlement = arena_new(a, struct receipt_settlement);
	const struct charge *charge = &receipt->charge;
	struct opt_i64 transfer_id = receipt->call.transfer_id;

	if (!transfer_id.has)
		return NULL;
	*settlement = (struct receipt_settlement){
		.transfer_id = arena_printf(a, "%lld", (long long)transfer_id.value),
		.calls = receipt->n_calls,
		.topup = charge->fund[FUND_TOPUP],
		.allowance = charge->fund[FUND_ALLOWANCE],
		.overage = charge->fund[FUND_OVERAGE],
		.uncollected = charge->uncollected,
	};
	return settlement;
}

int gateway_receipt_get(struct req *r, const void *in_, void *out_)
{
	const struct gateway_receipt_in *in = in_;
	struct gateway_receipt *out = out_;
	struct receipt receipt;
	const struct call_get_row *c = &receipt.call;
	struct arena *a = r->arena;

	TRY(receipt_get(&r->db, r->caller.user_id, in->activity_id, &receipt));
	*out = (struct gateway_receipt){
		.id = c->public_id,
		.request_id = c->request_id,
		.created_at = clock_iso8601_ms(a, c->started_at_us),
		.settled_at = clock_iso8601_ms(a, c->settled_at_us),
		.endpoint = c->endpoint,
		.mode = c->mode,
		.model = c->model,
		.status = c->status,
		.metering = c->is_estimated ? "estimated" : "measured",
		.reason = reason_of(c),
		.route = route_of(a, c),
		.tokens = tokens_of(a, c),
		.prices = prices_of(a, c),
		.hold = hold_of(a, c),
		.settlement = settlement_of(a, &receipt),
		.cost_micro = c->cost_micro,
		.credits = money_charge_hundredths(c->cost_micro),
		.retries = c->attempts > 0 ? c->attempts - 1 : 0,
		.latency_ms = c->latency_us / US_PER_MS,
		.first_token_ms = {c->first_token_us.has, c->first_token_us.value / US_PER_MS},
	};
	return 0;
}
