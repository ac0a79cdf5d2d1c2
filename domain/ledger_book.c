/* Locking accounts, posting transfers on them, and their lots. */
#include "ledger_book.h"

#include <string.h>

#include "../fcgi/core/str.h"

enum { KEY_MAX = 255, NOTE_MAX = 500, REFERENCE_MAX = 190, REQUEST_ID_MAX = 64, WORD_MAX = 16 };

const char *const ledger_fund_names[FUND_MAX] = {
	[FUND_TOPUP] = "topup",
	[FUND_ALLOWANCE] = "allowance",
	[FUND_OVERAGE] = "overage",
};

static struct sha256 hash_of(const struct sql_bytes *bytes)
{
	struct sha256 hash = {{0}};

	if (bytes->length == sizeof(hash))
		memcpy(&hash, bytes->data, sizeof(hash));
	return hash;
}

static struct sql_bytes bytes_of(const struct sha256 *hash)
{
	return (struct sql_bytes){hash->byte, sizeof(hash->byte)};
}

static enum fund fund_of(const char *kind)
{
	for (size_t i = 0; i < FUND_MAX; i++)
		if (str_equal(kind, ledger_fund_names[i]))
			return (enum fund)i;
	return FUND_MAX;
}

/* Whether what is in it is kept by lot. */
static bool has_lots(const struct account *account)
{
	return account->fund == FUND_TOPUP || account->fund == FUND_ALLOWANCE;
}

static int add_account(
	struct book *book, const struct ledger_account_row *row, struct account **ret)
{
	bool is_house = str_equal(row->owner_kind, "house"), is_sat = str_equal(row->asset, "sat");

	if (book->n_accounts == BOOK_ACCOUNTS_MAX)
		return fail_cause(book->db->fail, E_INTERNAL, "too many accounts in a transfer");
	*ret = &book->account[book->n_accounts++];
	**ret = (struct account){
		.account_id = row->account_id,
		.owner_id = row->owner_id,
		.n_entries = row->n_entries,
		.is_house = is_house,
		.is_sat = is_sat,
		.may_spend = true,
		.fund = is_house || is_sat ? FUND_MAX : fund_of(row->kind),
		.balance = row->balance,
		.reserved = row->reserved,
		.floor = row->floor,
		.expires_at_us = row->expires_at_us,
		.last_hash = hash_of(&row->last_hash),
	};
	return 0;
}

static int lock_user(struct book *book, bool *ret_has_accounts)
{
	struct ledger_user_lock_row *row;
	size_t n;

	TRY(sql_ledger_user_lock(book->db, book->user_id, &row, &n));
	if (n == 0)
		return fail(book->db->fail, E_NOT_FOUND, "There is no such user.");
	*ret_has_accounts = row[0].account_id != 0;
	book->used_at_us = row[0].used_at_us;
	book->used = row[0].used_micro;
	book->used_overage = row[0].used_overage_micro;
	for (size_t i = 0; *ret_has_accounts && i < n; i++) {
		struct account *account;
		TRY(add_account(book,
			&(struct ledger_account_row){
				.account_id = row[i].account_id,
				.owner_kind = row[i].owner_kind,
				.owner_id = row[i].owner_id,
				.asset = row[i].asset,
				.kind = row[i].kind,
				.balance = row[i].balance,
				.reserved = row[i].reserved,
				.floor = row[i].floor,
				.expires_at_us = row[i].expires_at_us,
				.n_entries = row[i].n_entries,
				.last_hash = row[i].last_hash,
			},
			&account));
		account->may_spend = row[i].may_spend;
		if (account->fund < FUND_MAX)
			book->fund[account->fund] = account;
	}
	return 0;
}

int book_open(struct book *book, struct db *db, u64 user_id, i64 now_us)
{
	bool has_accounts;

	*book = (struct book){.db = db, .user_id = user_id, .now_us = now_us};
	TRY(lock_user(book, &has_accounts));
	if (!has_accounts) {
		i64 floor = -(i64)OVERAGE_CEILING_CENTS * MICRO_PER_CENT;
		TRY(sql_ledger_user_open(db, user_id, floor, NULL));
		TRY(lock_user(book, &has_accounts));
	}
	for (size_t i = 0; i < FUND_MAX; i++)
		if (book->fund[i] == NULL)
			return fail_cause(db->fail, E_INTERNAL, "user %llu has no account %s",
				(unsigned long long)user_id, ledger_fund_names[i]);
	return 0;
}

int book_account(struct book *book, u64 account_id, struct account **ret)
{
	struct ledger_account_row row;
	int rc = sql_ledger_account_lock(book->db, account_id, &row);

	if (rc == SQL_NONE)
		return fail(book->db->fail, E_NOT_FOUND, "There is no such account.");
	TRY(rc);
	return add_account(book, &row, ret);
}

int book_house(struct book *book, const char *kind, struct account **ret)
{
	struct ledger_account_row row;
	int rc = sql_ledger_house_lock(
		book->db, book->user_id % HOUSE_SHARDS, "usd_micro", kind, &row);

	if (rc == SQL_NONE)
		return fail_cause(book->db->fail, E_INTERNAL, "the house has no account %s", kind);
	TRY(rc);
	for (size_t i = 0; i < book->n_accounts; i++)
		if (book->account[i].account_id == row.account_id) {
			*ret = &book->account[i];
			return 0;
		}
	return add_account(book, &row, ret);
}

i64 book_headroom(const struct account *account)
{
	i64 free;

	if (!account->floor.has || !money_subtract(account->balance, account->reserved, &free) ||
		!money_subtract(free, account->floor.value, &free))
		return INT64_MAX;
	return free > 0 ? free : 0;
}

static int post_leg(
	struct book *book, const struct leg *leg, const struct post *post, u64 transfer_id)
{
	struct account *account = leg->account;
	i64 balance, take;

	if (!money_add(account->balance, leg->amount, &balance) ||
		!money_subtract(0, leg->amount, &take))
		return fail(book->db->fail, E_BAD_REQUEST, "The amount is too large.");
	if (take > 0 && take > book_headroom(account))
		return fail(book->db->fail, E_INSUFFICIENT_BALANCE, NULL);
	account->balance = balance;
	account->n_entries++;
	account->last_hash = ledger_hash(&account->last_hash, account->account_id,
		account->n_entries, transfer_id, leg->amount, balance);
	account->is_dirty = account->is_moved = true;
	TRY(sql_ledger_entry_insert(book->db,
		&(struct ledger_entry_insert_in){
			.account_id = account->account_id,
			.seq = account->n_entries,
			.transfer_id = transfer_id,
			.amount = leg->amount,
			.balance_after = balance,
			.hash = bytes_of(&account->last_hash),
		},
		NULL));
	if (account->owner_id == book->user_id && !account->is_house &&
		str_equal(post->reason, LEDGER_USAGE))
		TRY(statement_use(book, leg));
	else if (has_lots(account))
		TRY(statement_add(book, leg, transfer_id));
	if (!has_lots(account))
		return 0;
	return take > 0 ? lots_burn(book, leg, take)
			: lots_add(book, leg, post->reason, transfer_id);
}

/* Two legs or more, no account twice, one asset, sum zero. */
static int check_legs(struct book *book, const struct post *post)
{
	i64 sum = 0;

	for (size_t i = 0; i < post->n_legs; i++) {
		const struct leg *leg = &post->leg[i];
		if (!money_add(sum, leg->amount, &sum))
			return fail(book->db->fail, E_BAD_REQUEST, "The amount is too large.");
		if (leg->account->is_sat != post->leg[0].account->is_sat)
			return fail(book->db->fail, E_BAD_REQUEST, "A transfer is of one asset.");
		for (size_t k = 0; k < i; k++)
			if (post->leg[k].account == leg->account)
				return fail(book->db->fail, E_BAD_REQUEST,
					"A transfer needs two different accounts.");
	}
	if (post->n_legs < 2 || sum != 0)
		return fail_cause(book->db->fail, E_BAD_REQUEST,
			"%zu legs with the sum %lld are no transfer", post->n_legs, (long long)sum);
	return 0;
}

static bool fits(const char *text, size_t max)
{
	return text == NULL || (utf8_valid(text, strlen(text)) && utf8_count(text) <= max);
}

static bool is_cause(const struct ledger_cause *c)
{
	return c->key != NULL && c->key[0] != '\0' && fits(c->key, KEY_MAX) &&
	       c->reference_kind != NULL && fits(c->reference_kind, WORD_MAX) &&
	       c->reference_id != NULL && fits(c->reference_id, REFERENCE_MAX) &&
	       fits(c->request_id, REQUEST_ID_MAX) && fits(c->note, NOTE_MAX);
}

static struct sha256 fingerprint_of(const struct post *post)
{
	struct {
		char reason[WORD_MAX];
		u64 leg[LEDGER_LEGS_MAX][2];
	} content = {.reason = ""};

	memcpy(content.reason, post->reason, strnlen(post->reason, WORD_MAX));
	for (size_t i = 0; i < post->n_legs && i < LEDGER_LEGS_MAX; i++) {
		content.leg[i][0] = post->leg[i].account->account_id;
		content.leg[i][1] = (u64)post->leg[i].amount;
	}
	return sha256(&content, sizeof(content));
}

static int insert_transfer(struct book *book, const struct post *post, struct ledger_posted *ret)
{
	const struct ledger_cause *cause = post->cause;
	struct sha256 key = sha256(cause->key, strlen(cause->key));
	struct sha256 print = post->fingerprint != NULL ? *post->fingerprint : fingerprint_of(post);
	struct ledger_transfer_by_key_row first;
	int rc = sql_ledger_transfer_insert(book->db,
		&(struct ledger_transfer_insert_in){
			.key_hash = bytes_of(&key),
			.fingerprint = bytes_of(&print),
			.reason = post->reason,
			.reference_kind = cause->reference_kind,
			.reference_id = cause->reference_id,
			.request_id = cause->request_id,
			.note = cause->note,
			.created_at_us = book->now_us,
		},
		&ret->transfer_id);

	ret->is_replay = rc == SQL_CONFLICT;
	if (rc != SQL_CONFLICT)
		return rc;
	TRY(sql_ledger_transfer_by_key(book->db, bytes_of(&key), &first));
	ret->transfer_id = first.transfer_id;
	struct sha256 then = hash_of(&first.fingerprint);
	return equal_ct(&then, &print, sizeof(print))
		       ? 0
		       : fail(book->db->fail, E_IDEMPOTENCY_MISMATCH, NULL);
}

int book_post(struct book *book, const struct post *post, struct ledger_posted *ret)
{
	struct post kept = *post;

	if (!is_cause(post->cause))
		return fail(book->db->fail, E_BAD_REQUEST,
			"The key, the reference or the note is missing or too long.");
	kept.n_legs = 0;
	for (size_t i = 0; i < post->n_legs; i++)
		if (post->leg[i].amount != 0)
			kept.leg[kept.n_legs++] = post->leg[i];
	TRY(check_legs(book, &kept));
	TRY(insert_transfer(book, &kept, ret));
	for (size_t i = 0; !ret->is_replay && i < kept.n_legs; i++)
		TRY(post_leg(book, &kept.leg[i], &kept, ret->transfer_id));
	return 0;
}

static int set_view(struct book *book, const struct account *account)
{
	bool has_used = book->used_at_us.has && account->owner_id == book->user_id;

	return sql_ledger_view_set(book->db,
		&(struct ledger_view_set_in){
			.topup_micro = {account->fund == FUND_TOPUP, account->balance},
			.allowance_micro = {account->fund == FUND_ALLOWANCE, account->balance},
			.used_at_us = book->used_at_us,
			.used_micro = {has_used, book->used},
			.used_overage_micro = {has_used, book->used_overage},
			.user_id = account->owner_id,
		},
		NULL);
}

int book_close(struct book *book)
{
	for (size_t i = 0; i < book->n_accounts; i++) {
		const struct account *account = &book->account[i];
		if (!account->is_dirty)
			continue;
		TRY(sql_ledger_account_set(book->db,
			&(struct ledger_account_set_in){
				.balance = account->balance,
				.reserved = account->reserved,
				.floor = account->floor,
				.expires_at_us = account->expires_at_us,
				.n_entries = account->n_entries,
				.last_hash = bytes_of(&account->last_hash),
				.account_id = account->account_id,
			},
			NULL));
		if (account->is_moved && account->fund != FUND_MAX)
			TRY(set_view(book, account));
	}
	return 0;
}

int ledger_balance_get(struct db *db, u64 user_id, struct ledger_balance *ret)
{
	struct ledger_balance_row *row;
	i64 face;
	size_t n;

	*ret = (struct ledger_balance){.spendable = 0};
	TRY(sql_ledger_balance(db, user_id, &row, &n));
	for (size_t i = 0; i < n; i++) {
		struct account account = {.balance = row[i].balance,
			.reserved = row[i].reserved,
			.floor = row[i].floor};
		for (size_t k = 0; k < FUND_MAX; k++) {
			if (!str_equal(row[i].kind, ledger_fund_names[k]))
				continue;
			ret->balance[k] = row[i].balance;
			ret->reserved[k] = row[i].reserved;
			face = row[i].may_spend ? book_headroom(&account) : 0;
			if (k == FUND_OVERAGE)
				money_scale_down(face, FULL_PERCENT, MARKED_UP_PERCENT, &face);
			if (!money_add(ret->spendable, face, &ret->spendable))
				ret->spendable = INT64_MAX;
		}
	}
	return 0;
}
