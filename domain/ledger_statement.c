/* What a user is shown of their credit: a row for each change, and one for all that the calls of a
 * day took, which is added up in the user's own row until the day is over. */
#include "ledger_book.h"

#include "usage.h"

/* The row of a day that is over. */
static int end_day(struct book *book, u64 user_id)
{
	i64 today_us = usage_day_start_us(usage_day(book->now_us));
	bool is_known = user_id == book->user_id;
	u64 n = 0;

	if (is_known && (!book->used_at_us.has || book->used_at_us.value >= today_us))
		return 0;
	TRY(sql_statement_day(book->db, user_id, today_us, &n));
	if (n > 0)
		TRY(sql_statement_day_over(book->db, user_id, NULL));
	if (is_known) {
		book->used_at_us.has = false;
		book->used = book->used_overage = 0;
	}
	return 0;
}

int statement_add(struct book *book, const struct leg *leg, u64 transfer_id)
{
	u64 user_id = leg->account->owner_id;

	TRY(end_day(book, user_id));
	TRY(sql_statement_add(book->db,
		&(struct statement_add_in){
			.transfer_id = transfer_id,
			.amount = leg->amount,
			.at_us = book->now_us,
			.user_id = user_id,
		},
		NULL));
	return sql_statement_next(book->db, user_id, NULL);
}

/* Only a book of one user charges calls. */
int statement_use(struct book *book, const struct leg *leg)
{
	i64 *sum = leg->account->fund == FUND_OVERAGE ? &book->used_overage : &book->used;

	TRY(end_day(book, book->user_id));
	if (!money_subtract(*sum, leg->amount, sum))
		return fail(book->db->fail, E_BAD_REQUEST, "The amount is too large.");
	if (!book->used_at_us.has || book->used_at_us.value < book->now_us)
		book->used_at_us = (struct opt_i64){true, book->now_us};
	return 0;
}
