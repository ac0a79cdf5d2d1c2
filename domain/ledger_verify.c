/* Chains are read in pages beside the accounts' heads; the rest are sums of one statement each. */
#include "ledger_verify.h"

#include <stdarg.h>
#include <string.h>

#include "ledger_book.h"

enum { PAGE_HEADS = 1000, PAGE_ENTRIES = 10000, SLICE_TRANSFERS = 50000 };

#define ULL(x) ((unsigned long long)(x))
#define LL(x) ((long long)(x))

/* The reading of one page of accounts. Their heads are read before their entries and no entry is
 * ever taken away, so what a head counts must be there, however much is being written. */
struct walk {
	struct db *db;
	struct ledger_proof *proof;
	struct verify_heads_row *head;
	size_t n_heads, i_head;
	/* What the entries of head[i_head] come to so far. */
	u64 n_entries;
	i64 balance;
	struct sha256 hash;
	/* An account that had more entries than its head when looked at again. */
	u64 newer_id, newer_n;
};

__attribute__((format(printf, 2, 3))) static void found(struct walk *w, const char *format, ...)
{
	va_list args;

	if (w->proof->fault != NULL)
		return;
	va_start(args, format);
	w->proof->fault = arena_vprintf(w->db->arena, format, args);
	va_end(args);
}

static bool same_hash(const struct sql_bytes *stored, const struct sha256 *hash)
{
	return stored->length == sizeof(*hash) && equal_ct(stored->data, hash, sizeof(*hash));
}

/* All entries of the account have been seen: do they end where its row says? */
static void close_account(struct walk *w)
{
	const struct verify_heads_row *head = &w->head[w->i_head++];
	u64 id = head->account_id;
	i64 free;

	if (w->n_entries != head->n_entries)
		found(w, "ledger_account %llu: n_entries is %llu, but there are %llu", ULL(id),
			ULL(head->n_entries), ULL(w->n_entries));
	if (w->balance != head->balance)
		found(w, "ledger_account %llu: balance is %lld, but its entries sum to %lld",
			ULL(id), LL(head->balance), LL(w->balance));
	if (!same_hash(&head->last_hash, &w->hash))
		found(w, "ledger_account %llu: last_hash is not that of its last entry", ULL(id));
	if (head->reserved < 0 ||
		(head->floor.has && (!money_subtract(head->balance, head->reserved, &free) ||
					    free < head->floor.value)))
		found(w, "ledger_account %llu: balance %lld less reserved %lld is below its floor",
			ULL(id), LL(head->balance), LL(head->reserved));
	w->proof->n_accounts++;
	w->n_entries = 0;
	w->balance = 0;
	memset(&w->hash, 0, sizeof(w->hash));
}

/* An entry that its account's head did not count: is it newer than the head? */
static int check_newer(struct walk *w, const struct verify_chain_row *entry)
{
	struct ledger_account_row account;

	if (w->newer_id != entry->account_id || entry->seq > w->newer_n) {
		int rc = sql_ledger_account_get(w->db, entry->account_id, &account);
		if (rc != 0 && rc != SQL_NONE)
			return rc;
		w->newer_id = entry->account_id;
		w->newer_n = rc == 0 ? account.n_entries : 0;
	}
	if (entry->seq > w->newer_n)
		found(w, "ledger_entry %llu.%llu: its account does not count it",
			ULL(entry->account_id), ULL(entry->seq));
	return 0;
}

static int take_entry(struct walk *w, const struct verify_chain_row *entry)
{
	unsigned long long id = entry->account_id, seq = entry->seq;

	while (w->i_head < w->n_heads && w->head[w->i_head].account_id < entry->account_id)
		close_account(w);
	if (w->i_head == w->n_heads || w->head[w->i_head].account_id != entry->account_id ||
		entry->seq > w->head[w->i_head].n_entries)
		return check_newer(w, entry);
	if (entry->seq != w->n_entries + 1)
		found(w, "ledger_entry %llu.%llu: the entry before it is missing", id, seq);
	if (!money_add(w->balance, entry->amount, &w->balance) ||
		w->balance != entry->balance_after)
		found(w, "ledger_entry %llu.%llu: balance_after is %lld, expected %lld", id, seq,
			LL(entry->balance_after), LL(w->balance));
	w->n_entries = entry->seq;
	w->hash = ledger_hash(&w->hash, entry->account_id, entry->seq, entry->transfer_id,
		entry->amount, entry->balance_after);
	if (!same_hash(&entry->hash, &w->hash))
		found(w, "ledger_entry %llu.%llu: its hash does not follow from what it says", id,
			seq);
	w->proof->n_entries++;
	return 0;
}

/* All entries of accounts after after_id up to last_id. */
static int walk_entries(struct walk *w, u64 after_id, u64 last_id)
{
	struct verify_chain_in in = {
		.account_id = after_id, .seq = UINT64_MAX, .last_id = last_id, .n = PAGE_ENTRIES};
	struct verify_chain_row *entry;
	size_t n;

	do {
		struct arena_mark mark = arena_mark(w->db->arena);
		TRY(sql_verify_chain(w->db, &in, &entry, &n));
		for (size_t i = 0; i < n && w->proof->fault == NULL; i++)
			TRY(take_entry(w, &entry[i]));
		if (n > 0) {
			in.account_id = entry[n - 1].account_id;
			in.seq = entry[n - 1].seq;
		}
		if (w->proof->fault != NULL) /* which lives in the arena */
			return 0;
		arena_rewind(w->db->arena, mark);
	} while (n == PAGE_ENTRIES);
	while (w->i_head < w->n_heads)
		close_account(w);
	return 0;
}

static int walk_accounts(struct db *db, struct ledger_proof *proof)
{
	u64 after_id = 0, last_id;

	do {
		struct arena_mark mark = arena_mark(db->arena);
		struct walk w = {.db = db, .proof = proof};
		TRY(sql_verify_heads(db, after_id, PAGE_HEADS, &w.head, &w.n_heads));
		bool is_last = w.n_heads < PAGE_HEADS;
		last_id = is_last ? UINT64_MAX : w.head[w.n_heads - 1].account_id;
		TRY(walk_entries(&w, after_id, last_id));
		if (proof->fault != NULL)
			return 0;
		arena_rewind(db->arena, mark);
		after_id = last_id;
	} while (last_id != UINT64_MAX);
	return 0;
}

static int check_transfers(struct walk *w)
{
	struct verify_next_transfer_row next;
	struct verify_slice_row slice;
	struct verify_transfers_row *row;
	size_t n = 0;

	for (u64 done_id = 0; n == 0;) {
		struct arena_mark mark = arena_mark(w->db->arena);
		TRY(sql_verify_next_transfer(w->db, done_id, &next));
		if (next.transfer_id == 0)
			return 0;
		u64 first_id = next.transfer_id - 1;
		done_id = first_id < UINT64_MAX - SLICE_TRANSFERS ? first_id + SLICE_TRANSFERS
								  : UINT64_MAX;
		TRY(sql_verify_slice(w->db, first_id, done_id, &slice));
		if (!slice.is_right)
			TRY(sql_verify_transfers(w->db, first_id, done_id, &row, &n));
		if (n == 0)
			arena_rewind(w->db->arena, mark);
	}
	found(w, "ledger_transfer %llu: %s%lld entries, which sum to %lld", ULL(row->transfer_id),
		row->n_heads != 1 ? "it is missing, but has " : "", LL(row->n_legs),
		LL(row->total));
	return 0;
}

static int check_assets(struct walk *w)
{
	struct verify_assets_row *asset;
	size_t n;

	TRY(sql_verify_assets(w->db, &asset, &n));
	if (n > 0)
		found(w, "ledger_account: all balances in %s sum to %s", asset->asset,
			asset->total);
	return 0;
}

static int check_holds(struct walk *w)
{
	struct verify_stray_hold_row *stray;
	struct verify_holds_row *account;
	size_t n;

	TRY(sql_verify_holds(w->db, &account, &n));
	if (n > 0)
		found(w, "ledger_account %llu: reserved is %lld, but its open holds sum to %lld",
			ULL(account->account_id), LL(account->reserved), LL(account->held));
	TRY(sql_verify_stray_hold(w->db, &stray, &n));
	if (n > 0)
		found(w, "hold %s: its user has no accounts", stray->public_id);
	return 0;
}

static int check_lots(struct walk *w)
{
	struct verify_lots_row *account;
	struct verify_lot_row *lot;
	size_t n;

	TRY(sql_verify_lots(w->db, &account, &n));
	if (n > 0)
		found(w, "ledger_account %llu: balance is %lld, but its lots hold %lld",
			ULL(account->account_id), LL(account->balance), LL(account->in_lots));
	TRY(sql_verify_lot(w->db, &lot, &n));
	if (n > 0)
		found(w, "credit_lot %llu: what is left, its account or its expiry is wrong",
			ULL(lot->lot_id));
	return 0;
}

static int check_views(struct walk *w)
{
	struct verify_view_row *user;
	size_t n;

	TRY(sql_verify_view(w->db, &user, &n));
	if (n > 0)
		found(w,
			"users %llu: topup_micro %lld and allowance_micro %lld, but the balances "
			"are %lld and %lld",
			ULL(user->user_id), LL(user->topup_micro), LL(user->allowance_micro),
			LL(user->topup), LL(user->allowance));
	return 0;
}

static int check_statements(struct walk *w)
{
	struct verify_statement_row *user;
	size_t n;

	TRY(sql_verify_statement(w->db, &user, &n));
	if (n > 0)
		found(w, "users %llu: the statement adds up to %lld, but the credit is %lld",
			ULL(user->user_id), LL(user->stated), LL(user->credit));
	return 0;
}

static int check_calls(struct walk *w)
{
	struct verify_call_holds_row *hold;
	struct verify_call_row *call;
	size_t n;

	TRY(sql_verify_call_holds(w->db, &hold, &n));
	if (n > 0)
		found(w, "hold %s: cost is %lld, but its calls cost %lld", hold->hold_id,
			LL(hold->charged), LL(hold->called));
	TRY(sql_verify_call(w->db, &call, &n));
	if (n > 0)
		found(w, "ai_call %s: no transfer has charged its cost of %lld to its hold",
			call->public_id, LL(call->cost_micro));
	return 0;
}

int ledger_verify(struct db *db, struct ledger_proof *ret)
{
	static int (*const check[])(struct walk * w) = {check_transfers, check_assets, check_holds,
		check_lots, check_views, check_statements, check_calls};
	struct walk w = {.db = db, .proof = ret};

	*ret = (struct ledger_proof){0};
	TRY(walk_accounts(db, ret));
	for (size_t i = 0; i < ARRAY_LEN(check) && ret->fault == NULL; i++)
		TRY(check[i](&w));
	return 0;
}
