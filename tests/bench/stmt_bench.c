/* What stmt_one() costs beside the same prepared statement written by hand with bound buffers.
 *
 *	TURNPIKE_TEST_SOCKET=... stmt_bench [rounds]
 *
 * Both read one row by primary key, on the same connection: which processor the server's thread for
 * it sits on makes more difference (20 or 80 us) than anything here. They take turns, and the
 *median of the turns counts. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/core/clock.h"
#include "fcgi/db/conn.h"
#include "gen/sample.h"
#include "tests/db/support.h"

enum { TURNS = 41, TEXT_BYTES = 1024 };

static struct support s;
static const struct sql_stmt *get;

struct by_hand {
	MYSQL_STMT *handle;
	u64 in, numbers[10];
	char texts[10][TEXT_BYTES];
	unsigned long lengths[10];
	my_bool nulls[10];
};

static void check(bool ok)
{
	if (!ok) {
		fputs("a statement failed\n", stderr);
		exit(1);
	}
}

static void by_hand_prepare(struct by_hand *h)
{
	MYSQL_BIND in = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &h->in, .is_unsigned = 1};
	MYSQL_BIND out[10] = {0};
	struct db_conn *conn;

	check(conn_take(&s.db, false, &conn) == 0);
	h->handle = mysql_stmt_init(conn->mysql);
	check(mysql_stmt_prepare(h->handle, get->text, strlen(get->text)) == 0);
	for (size_t i = 0; i < get->n_out; i++) {
		bool is_text = get->out[i].type == SQL_STR || get->out[i].type == SQL_TEXT ||
			       get->out[i].type == SQL_BYTES;
		out[i].buffer_type = is_text			      ? MYSQL_TYPE_STRING
				     : get->out[i].type == SQL_DOUBLE ? MYSQL_TYPE_DOUBLE
								      : MYSQL_TYPE_LONGLONG;
		out[i].buffer = is_text ? (void *)h->texts[i] : &h->numbers[i];
		out[i].buffer_length = is_text ? TEXT_BYTES : 0;
		out[i].length = &h->lengths[i];
		out[i].is_null = &h->nulls[i];
	}
	check(mysql_stmt_bind_param(h->handle, &in) == 0);
	check(mysql_stmt_bind_result(h->handle, out) == 0);
	conn_give(conn); /* stays open, and is the only one */
}

static i64 time_by_hand(struct by_hand *h, u64 id, unsigned rounds)
{
	i64 from_us = clock_mono_us();

	for (unsigned i = 0; i < rounds; i++) {
		h->in = id;
		check(mysql_stmt_execute(h->handle) == 0);
		check(mysql_stmt_fetch(h->handle) == 0);
		check(mysql_stmt_fetch(h->handle) == MYSQL_NO_DATA);
	}
	return clock_mono_us() - from_us;
}

static i64 time_ours(u64 id, unsigned rounds)
{
	struct item_row row;
	i64 from_us = clock_mono_us();

	for (unsigned i = 0; i < rounds; i++) {
		check(sql_item_get(&s.db, id, &row) == 0);
		arena_reset(&s.arena);
	}
	return clock_mono_us() - from_us;
}

static int by_size(const void *a, const void *b)
{
	i64 x = *(const i64 *)a, y = *(const i64 *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static struct by_hand h;
	static char hash[32];
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 500;
	i64 hand_us[TURNS], ours_us[TURNS];
	u64 id;
	jmp_buf full;

	if (!support_database())
		return 77;
	support_open(&s, 1);
	for (size_t i = 0; i < sql_n_stmts; i++)
		if (strcmp(sql_stmts[i].name, "item_get") == 0)
			get = &sql_stmts[i];
	check(sql_item_add(&s.db,
		      &(struct item_add_in){.name = "ada",
			      .size = {true, 5},
			      .hash = {hash, 32},
			      .note = "A note of usual length, as people write them.",
			      .tag = "tag"},
		      &id) == 0);
	s.arena.on_full = &full; /* as in a request: with the guard in conn_guard() */
	if (setjmp(full) != 0)
		return 1;
	by_hand_prepare(&h);
	(void)time_by_hand(&h, id, rounds);
	(void)time_ours(id, rounds);
	for (unsigned i = 0; i < TURNS; i++) {
		hand_us[i] = time_by_hand(&h, id, rounds);
		ours_us[i] = time_ours(id, rounds);
	}
	qsort(hand_us, TURNS, sizeof(*hand_us), by_size);
	qsort(ours_us, TURNS, sizeof(*ours_us), by_size);
	double hand = (double)hand_us[TURNS / 2] / rounds,
	       ours = (double)ours_us[TURNS / 2] / rounds;
	printf("by hand %.2f us, stmt_one %.2f us, ratio %.3f\n", hand, ours, ours / hand);
	mysql_stmt_close(h.handle);
	support_close(&s);
	return 0;
}
