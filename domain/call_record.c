/* What a call cost. */
#include "call_record.h"

const char *const call_endpoint_names[] = {"chat", "completions", "messages"};
const char *const call_status_names[] = {"ok", "aborted", "cut", "refunded", "crashed"};

enum { UNITS_PER_TOKEN = 4, TOKENS_PER_IMAGE = 1600 };

/* Of bytes of input and characters of output. */
static i64 tokens_of(i64 n)
{
	return (n + UNITS_PER_TOKEN - 1) / UNITS_PER_TOKEN;
}

void call_estimate_missing(struct call_record *r, bool has_input, bool has_output)
{
	if (!has_input)
		r->tokens.input = tokens_of(r->input_bytes) + TOKENS_PER_IMAGE * r->n_images;
	if (!has_output) {
		i64 output = tokens_of(r->relayed_chars);
		r->tokens.output = output > r->tokens.output ? output : r->tokens.output;
	}
	r->is_estimated = r->is_estimated || !has_input || !has_output;
}

bool call_usage_is_credible(const struct call_record *r, i64 context_window, i64 max_tokens)
{
	const struct token_counts *t = &r->tokens;
	i64 input_max = 2 * context_window, output_max = max_tokens + max_tokens / 8 + 64;

	return t->input <= input_max && t->cached <= input_max && t->cache_write <= input_max &&
	       t->input + t->cached + t->cache_write <= input_max && t->output <= output_max;
}

int call_price(struct call_record *r)
{
	if (model_cost(&r->price, &r->tokens, &r->cost) == 0)
		return 0;
	r->cost = r->estimate;
	r->is_estimated = true;
	return -1;
}
