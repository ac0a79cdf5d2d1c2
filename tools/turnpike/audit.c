/* turnpike audit: the record of security events, for operators. */
#include "../../domain/audit.h"
#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "gen/sql.h"
#include "turnpike.h"

enum {
	LIMIT_DEFAULT = 50,
	LIMIT_MAX_ROWS = 100000,
	PAGE_ROWS = 1000, /* the LIMIT of audit_after */
	LATE_S = 10,	  /* a transaction may show an event so long after one with a higher id */
	LOOK_EVERY_MS = 500,
};

struct question {
	u64 user_id; /* 0: everybody */
	const char *event;
	i64 since_us, limit;
	bool as_json;
};

static void put_json(struct buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(b, ",\"%s\":", name);
	buf_json(b, value);
}

static void print_json(struct command_context *c, const struct audit_event_row *row)
{
	struct buf b;

	buf_init(&b, &c->arena, 256);
	buf_printf(&b, "{\"at\":\"%s\"", clock_iso8601_ms(&c->arena, row->at_us));
	put_json(&b, "event", row->event);
	put_json(&b, "user", row->public_id);
	put_json(&b, "detail", row->detail);
	put_json(&b, "ip", row->ip);
	put_json(&b, "requestId", row->request_id);
	put_json(&b, "userAgent", row->user_agent);
	printf("%s}\n", b.data);
}

static const char *or_dash(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : "-";
}

/* Who sent a user agent chose its bytes: none of them reaches the terminal as a command. */
static const char *printable(struct arena *a, const char *text)
{
	char *copy = arena_printf(a, "%s", or_dash(text));

	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
	return copy;
}

static void print_row(
	struct command_context *c, const struct question *q, const struct audit_event_row *row)
{
	if (q->as_json) {
		print_json(c, row);
		return;
	}
	printf("%-24s  %-20s  %-28s  %-28s  %-15s  %-32s  %s\n",
		clock_iso8601_ms(&c->arena, row->at_us), row->event, or_dash(row->public_id),
		or_dash(row->detail), or_dash(row->ip), or_dash(row->request_id),
		printable(&c->arena, row->user_agent));
}

static bool fits(const struct question *q, const struct audit_event_row *row)
{
	return (q->user_id == 0 || (row->user_id.has && (u64)row->user_id.value == q->user_id)) &&
	       (q->event == NULL || str_equal(q->event, row->event)) && row->at_us >= q->since_us;
}

/* Oldest first, like a log; none behind the id `last`. */
static int list(struct command_context *c, const struct question *q, u64 last)
{
	struct audit_event_row *row;
	size_t n;
	struct audit_of_user_in of_user = {q->user_id, q->since_us, q->event, q->limit};
	int rc = q->user_id != 0
			 ? sql_audit_of_user(&c->db, &of_user, &row, &n)
			 : sql_audit_recent(&c->db, q->since_us, q->event, q->limit, &row, &n);

	if (rc != 0)
		return command_failed(c, "The events could not be read");
	while (n-- > 0)
		if (row[n].audit_event_id <= last)
			print_row(c, q, &row[n]);
	return EXIT_FINE;
}

/* What was seen behind `after` at the last look: an event may show up late, before these. */
struct seen {
	u64 after, id[PAGE_ROWS];
	size_t n;
};

static bool was_seen(const struct seen *seen, u64 id)
{
	for (size_t i = 0; i < seen->n; i++)
		if (seen->id[i] == id)
			return true;
	return false;
}

static void remember(struct seen *seen, const struct audit_event_row *row, size_t n)
{
	i64 settled_us = clock_now_us() - S_TO_US(LATE_S);
	size_t first = 0;

	/* A full page has to give way to what comes after it. */
	while (first < n && (n == PAGE_ROWS || row[first].at_us < settled_us))
		seen->after = row[first++].audit_event_id;
	seen->n = 0;
	for (size_t i = first; i < n; i++)
		seen->id[seen->n++] = row[i].audit_event_id;
}

static int look(struct command_context *c, const struct question *q, struct seen *seen)
{
	struct audit_event_row *row;
	size_t n;

	if (sql_audit_after(&c->db, seen->after, &row, &n) != 0)
		return command_failed(c, "The events could not be read");
	for (size_t i = 0; i < n; i++)
		if (!was_seen(seen, row[i].audit_event_id) && fits(q, &row[i]))
			print_row(c, q, &row[i]);
	remember(seen, row, n);
	fflush(stdout);
	return EXIT_FINE;
}

/* Until somebody stops it. */
static int follow(struct command_context *c, const struct question *q, u64 last)
{
	struct seen seen = {.after = last};

	for (;;) {
		struct arena_mark mark = arena_mark(&c->arena);
		int status = look(c, q, &seen);
		if (status != EXIT_FINE || ferror(stdout))
			return status;
		arena_rewind(&c->arena, mark);
		clock_sleep_us(LOOK_EVERY_MS * US_PER_MS);
	}
}

static bool event_exists(const char *name)
{
	for (size_t i = 0; i < AUDIT_MAX; i++)
		if (str_equal(audit_table[i].name, name))
			return true;
	fprintf(stderr, "There is no event %s. There are:\n", name);
	for (size_t i = 0; i < AUDIT_MAX; i++)
		fprintf(stderr, "  %-20s  %s\n", audit_table[i].name, audit_table[i].text);
	return false;
}

int command_audit(struct command_context *c, int argc, char **argv)
{
	const char *who = argument(argc, argv, "--user", NULL);
	const char *since = argument(argc, argv, "--since", NULL);
	const char *limit = argument(argc, argv, "--limit", NULL);
	struct question q = {.event = argument(argc, argv, "--event", NULL),
		.limit = LIMIT_DEFAULT,
		.as_json = has_flag(argc, argv, "--json")};
	struct audit_last_row last;
	i64 since_s = 0;

	if ((since != NULL && !read_time(since, &since_s)) ||
		(limit != NULL &&
			(!str_to_i64(limit, &q.limit) || q.limit < 0 || q.limit > LIMIT_MAX_ROWS)))
		return command_usage(c);
	if (q.event != NULL && !event_exists(q.event))
		return EXIT_USAGE;
	q.since_us = S_TO_US(since_s);
	int status = who != NULL ? command_find_user(c, who, &q.user_id) : EXIT_FINE;
	if (status != EXIT_FINE)
		return status;
	if (sql_audit_last(&c->db, &last) != 0)
		return command_failed(c, "The events could not be read");
	status = list(c, &q, (u64)last.audit_event_id);
	if (status != EXIT_FINE || !has_flag(argc, argv, "--follow"))
		return status;
	return follow(c, &q, (u64)last.audit_event_id);
}
