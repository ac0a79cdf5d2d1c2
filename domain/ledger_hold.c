/* Holds: what a call may cost is reserved before it begins, what it did cost is charged after. */
#include "ledger_book.h"

#include <string.h>

#include "../fcgi/core/str.h"

static i64 smaller(i64 a, i64 b)
{
	return a < b ? a : b;
}

struct payment book_split(const struct book *book, i64 amount, i64 own_overage)
{
	const struct account *overage = book->fund[FUND_OVERAGE];
	i64 room = book_headroom(overage), face = 0;
	struct payment p = {.from = {0}};

	for (size_t i = 0; i < FUND_OVERAGE; i++) {
		p.from[i] = smaller(amount, book_headroom(book->fund[i]));
		amount -= p.from[i];
	}
	if (!overage->may_spend)
		room = smaller(room, own_overage);
	/* Rounded down to the face value that fits, then up to its charge, which thus fits too. */
	money_scale_down(room, FULL_PERCENT, MARKED_UP_PERCENT, &face);
	face = smaller(amount, face);
	money_scale_up(face, MARKED_UP_PERCENT, FULL_PERCENT, &p.from[FUND_OVERAGE]);
	p.left = amount - face;
	return p;
}

int book_reserve(struct book *book, const i64 amount[FUND_MAX], int sign)
{
	for (size_t i = 0; i < FUND_MAX; i++) {
		struct account *account = book->fund[i];
		if (amount[i] == 0)
			continue;
		if (!money_add(account->reserved, sign * amount[i], &account->reserved) ||
			account->reserved < 0)
			return fail_cause(book->db->fail, E_INTERNAL,
				"account %llu reserves less than its holds",
				(unsigned long long)account->account_id);
		account->is_dirty = true;
	}
	return 0;
}

struct holding {
	const struct ledger_hold *in;
	const char *id;
};

static int hold_apply(struct db *db, void *arg)
{
	const struct holding *h = arg;
	struct book book;

	TRY(book_open(&book, db, h->in->user_id, h->in->now_us));
	TRY(book_expire(&book));
	struct payment p = book_split(&book, h->in->amount, 0);
	if (p.left > 0)
		return fail(db->fail, E_INSUFFICIENT_BALANCE, NULL);
	TRY(book_reserve(&book, p.from, 1));
	TRY(sql_hold_insert(db,
		&(struct hold_insert_in){
			.public_id = h->id,
			.user_id = h->in->user_id,
			.held_topup = p.from[FUND_TOPUP],
			.held_allowance = p.from[FUND_ALLOWANCE],
			.held_overage = p.from[FUND_OVERAGE],
			.reference_kind = h->in->reference_kind,
			.reference_id = h->in->reference_id,
			.request_id = h->in->request_id,
			.deadline_at_us = h->in->deadline_at_us,
			.created_at_us = h->in->now_us,
		},
		NULL));
	return book_close(&book);
}

int ledger_hold(struct db *db, const struct ledger_hold *in, const char **ret_id)
{
	struct holding h = {in, public_id(db->arena, "hold_")};

	if (in->amount <= 0)
		return fail(db->fail, E_BAD_REQUEST, "The amount must be more than nothing.");
	TRY(db_tx(db, hold_apply, &h));
	*ret_id = h.id;
	return 0;
}

int ledger_hold_note(struct db *db, u64 user_id, const char *hold_id, i64 cost)
{
	if (cost < 0)
		return fail(db->fail, E_BAD_REQUEST, "A cost cannot be negative.");
	return sql_hold_note(db, cost, hold_id, user_id, NULL);
}

/* One hold that ends, in its transaction. */
struct ending {
	u64 user_id;
	const char *hold_id;
	i64 cost, now_us;
	bool is_sweep, is_void, was_open;
	struct ledger_receipt *ret;
};

static int find(struct book *book, const char *hold_id, struct hold_get_row *ret)
{
	int rc = sql_hold_get(book->db, hold_id, book->user_id, ret);

	if (rc == SQL_NONE)
		return fail(book->db->fail, E_NOT_FOUND, "This user has no such hold.");
	return rc;
}

static int unreserve(struct book *book, const struct hold_get_row *hold)
{
	const i64 held[] = {
		[FUND_TOPUP] = hold->held_topup,
		[FUND_ALLOWANCE] = hold->held_allowance,
		[FUND_OVERAGE] = hold->held_overage,
	};

	return book_reserve(book, held, -1);
}

int book_charge(struct book *book, const struct payment *p, const struct ledger_cause *cause,
	u64 *ret_transfer_id)
{
	struct account *revenue, *uncollected = NULL;
	struct ledger_posted posted;
	i64 total = p->left;

	for (size_t i = 0; i < FUND_MAX; i++)
		if (!money_add(total, p->from[i], &total))
			return fail(book->db->fail, E_BAD_REQUEST, "The cost is too large.");
	TRY(book_house(book, "revenue", &revenue));
	struct leg leg[FUND_MAX + 2] = {{.account = revenue, .amount = total}};
	struct post post = {.reason = LEDGER_USAGE, .cause = cause, .leg = leg, .n_legs = 1};
	for (size_t i = 0; i < FUND_MAX; i++)
		leg[post.n_legs++] = (struct leg){.account = book->fund[i], .amount = -p->from[i]};
	if (p->left > 0) {
		TRY(book_house(book, "uncollected", &uncollected));
		leg[post.n_legs++] = (struct leg){.account = uncollected, .amount = -p->left};
	}
	TRY(book_post(book, &post, &posted));
	if (posted.is_replay)
		return fail_cause(book->db->fail, E_INTERNAL, "%s was charged before", cause->key);
	*ret_transfer_id = posted.transfer_id;
	return 0;
}

static struct ledger_receipt receipt_of(const struct hold_get_row *hold)
{
	return (struct ledger_receipt){
		.cost = hold->cost.value,
		.charged = {hold->charged_topup, hold->charged_allowance, hold->charged_overage},
		.uncollected = hold->uncollected,
		.transfer_id = hold->transfer_id,
	};
}

/* Charges what of the cost has not been charged, and closes the hold. */
static int settle(struct book *book, const struct ending *e, const struct hold_get_row *hold)
{
	struct ledger_receipt receipt = receipt_of(hold);
	i64 due = e->cost - receipt.cost;

	if (due > 0) {
		struct payment p = book_split(book, due, e->was_open ? hold->held_overage : 0);
		u64 transfer_id = 0;
		struct ledger_cause cause = {
			/* A hold that was closed without its full cost is charged the rest once. */
			.key = arena_printf(book->db->arena, "settle:%s%s", e->hold_id,
				str_equal(hold->state, "open") ? "" : ":late"),
			.reference_kind = "hold",
			.reference_id = e->hold_id,
			.request_id = hold->request_id,
		};
		TRY(book_charge(book, &p, &cause, &transfer_id));
		receipt.transfer_id = (struct opt_i64){true, (i64)transfer_id};
		receipt.cost = e->cost;
		/* No overflow: together they are at most both costs with their markup, of which
		 * the house's account has taken the sum. */
		for (size_t i = 0; i < FUND_MAX; i++)
			receipt.charged[i] += p.from[i];
		receipt.uncollected += p.left;
	}
	*e->ret = receipt;
	return sql_hold_close(book->db,
		&(struct hold_close_in){
			.state = e->is_sweep ? "swept" : "settled",
			.cost = {true, receipt.cost},
			.charged_topup = receipt.charged[FUND_TOPUP],
			.charged_allowance = receipt.charged[FUND_ALLOWANCE],
			.charged_overage = receipt.charged[FUND_OVERAGE],
			.uncollected = receipt.uncollected,
			.transfer_id = receipt.transfer_id,
			.closed_at_us = e->now_us,
			.hold_id = hold->hold_id,
		},
		NULL);
}

static int settle_apply(struct db *db, void *arg)
{
	struct ending *e = arg;
	struct hold_get_row hold;
	struct book book;

	TRY(book_open(&book, db, e->user_id, e->now_us));
	TRY(find(&book, e->hold_id, &hold));
	if (str_equal(hold.state, "settled")) {
		*e->ret = receipt_of(&hold);
		e->ret->is_replay = true;
		return e->cost == hold.cost.value ? 0
						  : fail(db->fail, E_IDEMPOTENCY_MISMATCH, NULL);
	}
	e->was_open = str_equal(hold.state, "open");
	if (e->was_open)
		TRY(unreserve(&book, &hold));
	TRY(settle(&book, e, &hold));
	return book_close(&book);
}

int ledger_settle(struct db *db, u64 user_id, const char *hold_id, i64 cost, i64 now_us,
	struct ledger_receipt *ret)
{
	struct ending e = {
		.user_id = user_id, .hold_id = hold_id, .cost = cost, .now_us = now_us, .ret = ret};

	if (cost < 0)
		return fail(db->fail, E_BAD_REQUEST, "A cost cannot be negative.");
	return db_tx(db, settle_apply, &e);
}

/* Frees it; what a lease was charged stays written. */
static int release(struct book *book, const struct ending *e, const struct hold_get_row *hold)
{
	TRY(unreserve(book, hold));
	return sql_hold_close(book->db,
		&(struct hold_close_in){
			.state = hold->cost.has ? "settled" : "released",
			.cost = hold->cost,
			.charged_topup = hold->charged_topup,
			.charged_allowance = hold->charged_allowance,
			.charged_overage = hold->charged_overage,
			.uncollected = hold->uncollected,
			.transfer_id = hold->transfer_id,
			.closed_at_us = e->now_us,
			.hold_id = hold->hold_id,
		},
		NULL);
}

static int release_apply(struct db *db, void *arg)
{
	const struct ending *e = arg;
	struct hold_get_row hold;
	struct book book;

	TRY(book_open(&book, db, e->user_id, e->now_us));
	TRY(find(&book, e->hold_id, &hold));
	if (str_equal(hold.state, "released"))
		return 0;
	if (!str_equal(hold.state, "open"))
		return fail(db->fail, E_CONFLICT, "This hold has been settled.");
	TRY(release(&book, e, &hold));
	return book_close(&book);
}

int ledger_release(struct db *db, u64 user_id, const char *hold_id, i64 now_us)
{
	struct ending e = {.user_id = user_id, .hold_id = hold_id, .now_us = now_us};

	return db_tx(db, release_apply, &e);
}

/* The hold as it is now, which is not as it was when it was listed. */
static int sweep_hold_apply(struct db *db, void *arg)
{
	struct ending *e = arg;
	struct hold_get_row hold;
	struct book book;

	TRY(book_open(&book, db, e->user_id, e->now_us));
	TRY(find(&book, e->hold_id, &hold));
	e->was_open =
		str_equal(hold.state, "open") && (e->is_void || hold.deadline_at_us <= e->now_us);
	if (!e->was_open)
		return 0;
	e->cost = hold.seen_cost;
	if (hold.seen_cost == 0) {
		TRY(release(&book, e, &hold));
	} else {
		TRY(unreserve(&book, &hold));
		TRY(settle(&book, e, &hold));
	}
	return book_close(&book);
}

int ledger_void(struct db *db, u64 user_id, i64 now_us)
{
	struct ledger_receipt receipt;
	struct hold_open_row *hold;
	size_t n;

	TRY(sql_hold_open(db, user_id, &hold, &n));
	for (size_t i = 0; i < n; i++) {
		struct ending e = {.user_id = user_id,
			.hold_id = hold[i].public_id,
			.now_us = now_us,
			.is_sweep = true,
			.is_void = true,
			.ret = &receipt};
		TRY(db_tx(db, sweep_hold_apply, &e));
	}
	return 0;
}

static int sweep_expired_apply(struct db *db, void *arg)
{
	struct ending *e = arg;
	struct book book;

	TRY(book_open(&book, db, e->user_id, e->now_us));
	TRY(book_expire(&book));
	e->was_open = book.fund[FUND_TOPUP]->is_moved || book.fund[FUND_ALLOWANCE]->is_moved;
	return book_close(&book);
}

int ledger_sweep(struct db *db, i64 now_us, size_t *ret_n)
{
	struct ledger_receipt receipt;
	struct hold_overdue_row *hold;
	struct ledger_due_row *user;
	size_t n_holds, n_users;
	int first = 0;

	*ret_n = 0;
	TRY(sql_hold_overdue(db, now_us, &hold, &n_holds));
	TRY(sql_ledger_due(db, now_us, &user, &n_users));
	for (size_t i = 0; i < n_holds + n_users; i++) {
		bool is_hold = i < n_holds;
		struct ending e = {.user_id = is_hold ? hold[i].user_id : user[i - n_holds].user_id,
			.hold_id = is_hold ? hold[i].public_id : NULL,
			.now_us = now_us,
			.is_sweep = true,
			.ret = &receipt};
		int rc = db_tx(db, is_hold ? sweep_hold_apply : sweep_expired_apply, &e);
		/* One that cannot be closed does not keep the others open. */
		if (first == 0)
			first = rc;
		*ret_n += rc == 0 && e.was_open;
	}
	return first;
}
