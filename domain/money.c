/* Checked integers: what overflows is refused, never wrapped. */
#include "money.h"

enum { MICRO_PER_HUNDREDTH = MICRO_PER_CREDIT / 100 };

bool money_add(i64 a, i64 b, i64 *ret)
{
	i64 sum;

	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*ret = sum;
	return true;
}

bool money_subtract(i64 a, i64 b, i64 *ret)
{
	i64 difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return false;
	*ret = difference;
	return true;
}

bool money_multiply(i64 a, i64 b, i64 *ret)
{
	i64 product;

	if (__builtin_mul_overflow(a, b, &product))
		return false;
	*ret = product;
	return true;
}

/* C truncates: a remainder has the sign of a. With by > 0 no quotient overflows, and one with a
 * remainder can be moved by one. */
bool money_divide_up(i64 a, i64 by, i64 *ret)
{
	if (by <= 0)
		return false;
	*ret = a / by + (a % by > 0);
	return true;
}

bool money_divide_down(i64 a, i64 by, i64 *ret)
{
	if (by <= 0)
		return false;
	*ret = a / by - (a % by < 0);
	return true;
}

/* a * times / by as whole * times + rest * times / by, where whole and rest are a / by: the first
 * product overflows only if the result does, or nearly. */
static bool scale(i64 a, i64 times, i64 by, bool (*divide)(i64, i64, i64 *), i64 *ret)
{
	i64 whole, part;

	return by > 0 && money_multiply(a / by, times, &whole) &&
	       money_multiply(a % by, times, &part) && divide(part, by, &part) &&
	       money_add(whole, part, ret);
}

bool money_scale_up(i64 a, i64 times, i64 by, i64 *ret)
{
	return scale(a, times, by, money_divide_up, ret);
}

bool money_scale_down(i64 a, i64 times, i64 by, i64 *ret)
{
	return scale(a, times, by, money_divide_down, ret);
}

bool money_of_tokens(i64 n_tokens, i64 price_micro, i64 *ret)
{
	return n_tokens >= 0 && price_micro >= 0 &&
	       money_scale_up(n_tokens, price_micro, TOKENS_PER_PRICE, ret);
}

bool money_of_cents(i64 cents, i64 *ret_micro)
{
	return money_multiply(cents, MICRO_PER_CENT, ret_micro);
}

i64 money_credit_cents(i64 micro)
{
	i64 cents = 0;

	money_divide_down(micro, MICRO_PER_CENT, &cents);
	return cents;
}

i64 money_charge_cents(i64 micro)
{
	i64 cents = 0;

	money_divide_up(micro, MICRO_PER_CENT, &cents);
	return cents;
}

i64 money_credit_hundredths(i64 micro)
{
	i64 hundredths = 0;

	money_divide_down(micro, MICRO_PER_HUNDREDTH, &hundredths);
	return hundredths;
}

i64 money_charge_hundredths(i64 micro)
{
	i64 hundredths = 0;

	money_divide_up(micro, MICRO_PER_HUNDREDTH, &hundredths);
	return hundredths;
}
