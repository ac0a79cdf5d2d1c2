/* Arithmetic of money: 64-bit integers, checked, with the direction of rounding in the name.
 * Charges round up, credits round down. */
#ifndef TURNPIKE_MONEY_H
#define TURNPIKE_MONEY_H

#include "../fcgi/core/types.h"

enum { MICRO_PER_CENT = 10000, MICRO_PER_CREDIT = 1000, TOKENS_PER_PRICE = 1000000 };

/* Each is false, and leaves *ret alone, when the result does not fit. */
bool money_add(i64 a, i64 b, i64 *ret);
bool money_subtract(i64 a, i64 b, i64 *ret);
bool money_multiply(i64 a, i64 b, i64 *ret);
/* a / by, by > 0, towards plus or minus infinity. */
bool money_divide_up(i64 a, i64 by, i64 *ret);
bool money_divide_down(i64 a, i64 by, i64 *ret);
/* a * times / by, by > 0, exact before it is rounded: false only when the result does not fit, or
 * (by - 1) * times does not. */
bool money_scale_up(i64 a, i64 times, i64 by, i64 *ret);
bool money_scale_down(i64 a, i64 times, i64 by, i64 *ret);

/* What n tokens cost at a price in micro-dollars for a million; neither may be negative. */
bool money_of_tokens(i64 n_tokens, i64 price_micro, i64 *ret);
bool money_of_cents(i64 cents, i64 *ret_micro);
/* For people to look at: credit is shown rounded down, a charge rounded up. */
i64 money_credit_cents(i64 micro);
i64 money_charge_cents(i64 micro);
/* The same in hundredths of a credit, of which a thousand make a dollar. */
i64 money_credit_hundredths(i64 micro);
i64 money_charge_hundredths(i64 micro);

#endif
