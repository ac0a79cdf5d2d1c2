/* The directive's keys, and how they are read. */
#include "plan.h"

#include <stdio.h>
#include <string.h>

#include "fcgi/core/str.h"

enum { TOKENS_MAX = 1000000, BODY_MAX = 64 * 1024 * 1024, MS_MAX = 3600 * 1000 };

enum kind { NUMBER, NAME };

/* without: what a key means that stands there without a value; PLAN_NONE: it needs one. */
static const struct row {
	const char *key;
	enum kind kind;
	size_t offset;
	i64 max, without, initial;
	bool is_fault;
	const char *words; /* instead of numbers: 0 is the first, and so on */
} rows[] = {
	{"first_ms", NUMBER, offsetof(struct plan, first_ms), MS_MAX, PLAN_NONE, 0, false, NULL},
	{"rate", NUMBER, offsetof(struct plan, rate), 1000000, PLAN_NONE, 0, false, NULL},
	{"tokens", NUMBER, offsetof(struct plan, tokens), TOKENS_MAX, PLAN_NONE, 16, false, NULL},
	{"think", NUMBER, offsetof(struct plan, think), TOKENS_MAX, PLAN_NONE, 0, false, NULL},
	{"say", NUMBER, offsetof(struct plan, say), TOKENS_MAX, PLAN_NONE, 0, false, NULL},
	{"calls", NUMBER, offsetof(struct plan, calls), 100, PLAN_NONE, 1, false, NULL},
	{"burst", NUMBER, offsetof(struct plan, burst), 100000, PLAN_NONE, 1, false, NULL},
	{"no_limit", NUMBER, offsetof(struct plan, no_limit), 1, 1, 0, false, NULL},
	{"input", NUMBER, offsetof(struct plan, input), 1000000000, PLAN_NONE, PLAN_NONE, false,
		NULL},
	{"cached", NUMBER, offsetof(struct plan, cached), 1000000000, PLAN_NONE, 0, false, NULL},
	{"cache_write", NUMBER, offsetof(struct plan, cache_write), 1000000000, PLAN_NONE, 0, false,
		NULL},
	{"cache_write_1h", NUMBER, offsetof(struct plan, cache_write_1h), 1000000000, PLAN_NONE, 0,
		false, NULL},
	{"status", NUMBER, offsetof(struct plan, status), 599, PLAN_NONE, PLAN_NONE, true, NULL},
	{"retry_after", NUMBER, offsetof(struct plan, retry_after), 86400, PLAN_NONE, PLAN_NONE,
		true, NULL},
	{"reset_at", NUMBER, offsetof(struct plan, reset_at), BODY_MAX, PLAN_AT_ONCE, PLAN_NONE,
		true, NULL},
	{"cut_at", NUMBER, offsetof(struct plan, cut_at), BODY_MAX, PLAN_AT_ONCE, PLAN_NONE, true,
		NULL},
	{"end_at", NUMBER, offsetof(struct plan, end_at), BODY_MAX, PLAN_NONE, PLAN_NONE, true,
		NULL},
	{"hang_at", NUMBER, offsetof(struct plan, hang_at), BODY_MAX, PLAN_AT_ONCE, PLAN_NONE, true,
		NULL},
	{"hang", NUMBER, offsetof(struct plan, hang_at), 0, PLAN_AT_ONCE, PLAN_NONE, true, NULL},
	{"error_at", NUMBER, offsetof(struct plan, error_at), TOKENS_MAX, PLAN_NONE, PLAN_NONE,
		true, NULL},
	{"garbage", NUMBER, offsetof(struct plan, garbage), TOKENS_MAX, 0, PLAN_NONE, true, NULL},
	{"drip", NUMBER, offsetof(struct plan, drip_ms), MS_MAX, 1000, PLAN_NONE, true, NULL},
	{"line", NUMBER, offsetof(struct plan, line), BODY_MAX, PLAN_NONE, 0, true, NULL},
	{"gzip", NUMBER, offsetof(struct plan, gzip), 1, 1, 0, true, NULL},
	{"refuse", NUMBER, offsetof(struct plan, refuse), 1, 1, 0, true, NULL},
	{"usage", NUMBER, offsetof(struct plan, usage), 0, PLAN_NONE, USAGE_RIGHT, true,
		"right none wrong zero huge "},
	{"utf8", NUMBER, offsetof(struct plan, utf8), 0, UTF8_SPLIT, UTF8_OFF, true,
		"off split bad "},
	{"fail", NUMBER, offsetof(struct plan, fail), 1000000, PLAN_NONE, PLAN_NONE, true, NULL},
	{"tool", NAME, offsetof(struct plan, tool), 0, PLAN_NONE, 0, false, NULL},
	{"tag", NAME, offsetof(struct plan, tag), 0, PLAN_NONE, 0, false, NULL},
	{"only", NAME, offsetof(struct plan, only), 0, PLAN_NONE, 0, false, NULL},
};

/* They are echoed into JSON as they are. */
static const char name_characters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";

static i64 *number_of(struct plan *plan, const struct row *row)
{
	return (i64 *)(void *)((char *)plan + row->offset);
}

void plan_init(struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].kind == NUMBER)
			*number_of(plan, &rows[i]) = rows[i].initial;
}

void plan_drop_faults(struct plan *plan)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].is_fault)
			*number_of(plan, &rows[i]) = rows[i].initial;
}

/* Which word of "one two " it is, or PLAN_NONE. */
static i64 word_number(const char *words, const char *value)
{
	size_t length = strlen(value);

	for (i64 n = 0; *words != '\0'; n++, words += strcspn(words, " ") + 1)
		if (length > 0 && strncmp(words, value, length) == 0 && words[length] == ' ')
			return n;
	return PLAN_NONE;
}

static bool set(struct plan *plan, const struct row *row, const char *value)
{
	i64 n;

	if (row->kind == NAME) {
		if (value == NULL || value[0] == '\0' ||
			strspn(value, name_characters) != strlen(value))
			return false;
		snprintf((char *)plan + row->offset, PLAN_NAME_MAX, "%s", value);
		return strlen(value) < PLAN_NAME_MAX;
	}
	if (value == NULL)
		n = row->without;
	else if (row->words != NULL)
		n = word_number(row->words, value);
	else if (!str_to_i64(value, &n) || n < 0 || n > row->max)
		n = PLAN_NONE;
	if (strcmp(row->key, "status") == 0 && n < 300)
		n = PLAN_NONE;
	*number_of(plan, row) = n;
	return n != PLAN_NONE;
}

static bool set_word(struct plan *plan, char *word)
{
	char *equals = strchr(word, '=');

	if (equals != NULL)
		*equals = '\0';
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (str_equal(rows[i].key, word))
			return set(plan, &rows[i], equals != NULL ? equals + 1 : NULL);
	return false;
}

const char *plan_read(struct plan *plan, struct text text)
{
	static const char open[] = "[[sandbox:";
	static char complaint[200]; /* one thread */
	char copy[600], *rest = copy, *word;

	const char *found = text_find(text, open);
	if (found == NULL)
		return NULL;
	found += sizeof(open) - 1;
	const char *end =
		text_find((struct text){found, (size_t)(text.data + text.length - found)}, "]]");
	if (end == NULL || (size_t)(end - found) >= sizeof(copy))
		return "a [[sandbox: directive that does not end, or is too long";
	memcpy(copy, found, (size_t)(end - found));
	copy[end - found] = '\0';
	while ((word = strsep(&rest, " ,\t")) != NULL) {
		if (word[0] == '\0')
			continue;
		char shown[64];
		text_label((struct text){word, strlen(word)}, shown, sizeof(shown));
		if (!set_word(plan, word)) {
			snprintf(complaint, sizeof(complaint), "the sandbox directive has no '%s'",
				shown);
			return complaint;
		}
	}
	return NULL;
}
