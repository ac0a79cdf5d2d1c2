/* What calls of models cost. Exact: products of tokens and prices are summed in 128 bits and
 * rounded up once. */
#include "models.h"

enum { BYTES_PER_TOKEN = 3, TOKENS_PER_IMAGE = 1600 };
#define PRICE_SCALE ((__int128)1000000 * MODEL_MULTIPLIER_ONE) /* per million, in millionths */

/* *sum += tokens x price; false when one is negative or it does not fit. */
static bool add_tokens(__int128 *sum, i64 tokens, i64 price)
{
	return tokens >= 0 && price >= 0 &&
	       !__builtin_add_overflow(*sum, (__int128)tokens * price, sum);
}

/* sum x multiplier / 10^12, rounded up. */
static int charge(__int128 sum, i64 multiplier, i64 *ret_micro)
{
	__int128 scaled;

	if (multiplier < 0 || __builtin_mul_overflow(sum, (__int128)multiplier, &scaled))
		return -1;
	__int128 micro = scaled / PRICE_SCALE + (scaled % PRICE_SCALE != 0 ? 1 : 0);
	if (micro > INT64_MAX)
		return -1;
	*ret_micro = (i64)micro;
	return 0;
}

int model_cost(const struct model_price *price, const struct token_counts *tokens, i64 *ret_micro)
{
	i64 reasoning = tokens->reasoning < tokens->output ? tokens->reasoning : tokens->output;
	__int128 sum = 0;

	if (tokens->reasoning < 0 || tokens->output < 0)
		return -1;
	if (!add_tokens(&sum, tokens->input, price->input) ||
		!add_tokens(&sum, tokens->cached, price->cached_input) ||
		!add_tokens(&sum, tokens->cache_write, price->cache_write) ||
		!add_tokens(&sum, tokens->output - reasoning, price->output) ||
		!add_tokens(&sum, reasoning, price->reasoning))
		return -1;
	return charge(sum, price->multiplier, ret_micro);
}

int model_estimate(
	const struct model *model, i64 input_bytes, i64 n_images, i64 max_tokens, i64 *ret_micro)
{
	const struct model_price *price = &model->price_limit;
	i64 output_price = price->output > price->reasoning ? price->output : price->reasoning;
	i64 input = input_bytes / BYTES_PER_TOKEN + (input_bytes % BYTES_PER_TOKEN != 0 ? 1 : 0);
	__int128 sum = 0;

	if (input_bytes < 0 || !add_tokens(&sum, input, price->input) ||
		!add_tokens(&sum, n_images, (i64)TOKENS_PER_IMAGE * price->input) ||
		!add_tokens(&sum, max_tokens, output_price))
		return -1;
	return charge(sum, price->multiplier, ret_micro);
}
