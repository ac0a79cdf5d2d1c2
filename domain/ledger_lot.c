/* Credit by lot: which is spent first, and which has expired. */
#include "ledger_book.h"

int lots_burn(struct book *book, const struct leg *leg, i64 amount)
{
	struct lot_open_row *lot;
	size_t n;

	TRY(sql_lot_open(book->db, leg->account->account_id, &lot, &n));
	for (size_t i = 0; i < n && amount > 0; i++) {
		if (leg->lot_id != 0 && lot[i].lot_id != leg->lot_id)
			continue;
		i64 take = lot[i].remaining < amount ? lot[i].remaining : amount;
		TRY(sql_lot_set(book->db, lot[i].remaining - take, lot[i].lot_id, NULL));
		amount -= take;
	}
	if (amount > 0)
		return fail_cause(book->db->fail, E_INTERNAL,
			"the lots of account %llu hold less than its balance",
			(unsigned long long)leg->account->account_id);
	return 0;
}

int lots_add(struct book *book, const struct leg *leg, const char *source, u64 transfer_id)
{
	struct opt_i64 *first = &leg->account->expires_at_us;

	if (leg->expires_at_us.has && (!first->has || leg->expires_at_us.value < first->value))
		*first = leg->expires_at_us;
	return sql_lot_insert(book->db,
		&(struct lot_insert_in){
			.user_id = leg->account->owner_id,
			.account_id = leg->account->account_id,
			.transfer_id = transfer_id,
			.source = source,
			.amount = leg->amount,
			.remaining = leg->amount,
			.expires_at_us = leg->expires_at_us,
			.created_at_us = book->now_us,
		},
		NULL);
}

static int expire_lot(struct book *book, struct account *from, const struct lot_open_row *lot,
	i64 amount, const struct ledger_cause *why)
{
	struct arena *a = book->db->arena;
	unsigned long long id = lot->lot_id;
	struct ledger_cause cause = {
		/* A lot may go in parts, but each part leaves less of it. */
		.key = arena_printf(a, "expire:%llu:%lld", id, (long long)lot->remaining),
		.reference_kind = "lot",
		.reference_id = arena_printf(a, "%llu", id),
		.request_id = why != NULL ? why->request_id : NULL,
		.note = why != NULL
				? arena_printf(a, "%s %s", why->reference_kind, why->reference_id)
				: NULL,
	};
	struct account *house;
	struct ledger_posted posted;

	TRY(book_house(book, "expired", &house));
	struct leg leg[] = {{.account = from, .amount = -amount, .lot_id = lot->lot_id},
		{.account = house, .amount = amount}};
	struct post post = {
		.reason = "expire", .cause = &cause, .leg = leg, .n_legs = ARRAY_LEN(leg)};
	return book_post(book, &post, &posted);
}

int book_expire_fund(struct book *book, struct account *account, const struct ledger_cause *why)
{
	struct opt_i64 next = {false, 0};
	struct lot_open_row *lot;
	size_t n;

	TRY(sql_lot_open(book->db, account->account_id, &lot, &n));
	for (size_t i = 0; i < n; i++) {
		i64 room = book_headroom(account), left = lot[i].remaining;
		if (!lot[i].expires_at_us.has)
			continue;
		if (lot[i].expires_at_us.value <= book->now_us && room > 0) {
			i64 take = left < room ? left : room;
			TRY(expire_lot(book, account, &lot[i], take, why));
			left -= take;
		}
		if (left > 0 && (!next.has || lot[i].expires_at_us.value < next.value))
			next = lot[i].expires_at_us;
	}
	account->expires_at_us = next;
	account->is_dirty = true;
	return 0;
}

int book_expire(struct book *book)
{
	for (size_t i = 0; i < FUND_MAX; i++) {
		struct account *account = book->fund[i];
		if (account->expires_at_us.has && account->expires_at_us.value <= book->now_us)
			TRY(book_expire_fund(book, account, NULL));
	}
	return 0;
}
