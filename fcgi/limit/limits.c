/* The table of limits and its overrides. */
#include "limits.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "../core/str.h"

enum {
	COUNT_MAX_SLIDING = 1000, /* what window_hit() takes */
	COUNT_MAX = 1000000,
	WINDOW_MAX_S = 86400,
	VALUE_MAX = 40,
	IPV4_BYTES = 4,
	IPV6_PREFIX_BYTES = 7, /* /56 */
};

struct limit_row limit_table[LIMIT_MAX] = {
#define L(id, name_, key_, count_, window_s_, kind_, where_, text_) \
	[LIMIT_##id] = {.name = name_,                              \
		.key = LIMIT_KEY_##key_,                            \
		.count = count_,                                    \
		.window_s = window_s_,                              \
		.kind = LIMIT_##kind_,                              \
		.where = LIMIT_AT_##where_,                         \
		.text = text_},
#include "limits.def"
#undef L
};

bool limit_in_worker(const struct limit_row *row)
{
	return row->where == LIMIT_AT_WORKER || row->where == LIMIT_AT_BOTH;
}

static bool refuse(const char **ret_why, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool refuse(const char **ret_why, const char *format, ...)
{
	static _Thread_local char why[160];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	*ret_why = why;
	return false;
}

static struct limit_row *row_named(const char *name)
{
	for (size_t i = 0; i < LIMIT_MAX; i++)
		if (limit_table[i].where != LIMIT_AT_NOWHERE &&
			str_equal(limit_table[i].name, name))
			return &limit_table[i];
	return NULL;
}

static bool refuse_name(const char *name, const char **ret_why)
{
	const char *names[LIMIT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < LIMIT_MAX; i++)
		if (limit_table[i].where != LIMIT_AT_NOWHERE)
			names[n++] = limit_table[i].name;
	const char *nearest = str_nearest(name, names, n);
	if (nearest == NULL)
		return refuse(ret_why, "no limit has this name");
	return refuse(ret_why, "no limit has this name; the nearest is `%s`", nearest);
}

/* "COUNT/SECONDS", blanks around the slash allowed. */
static bool parse(const char *value, i64 *ret_count, i64 *ret_window_s)
{
	char text[VALUE_MAX];
	const char *slash = strchr(value, '/');

	if (slash == NULL || strlen(value) >= sizeof(text))
		return false;
	size_t n = (size_t)(slash - value);
	memcpy(text, value, n);
	while (n > 0 && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	slash++;
	return str_to_i64(text, ret_count) && str_to_i64(slash + strspn(slash, " "), ret_window_s);
}

bool limit_override(const char *name, const char *value, void *arg, const char **ret_why)
{
	struct limit_row *row = row_named(name);
	i64 count, window_s;

	(void)arg; /* the table is the program's own */
	if (row == NULL)
		return refuse_name(name, ret_why);
	if (!parse(value, &count, &window_s))
		return refuse(ret_why, "not COUNT/SECONDS, such as %lld/%lld",
			(long long)row->count, (long long)row->window_s);
	bool is_log = limit_in_worker(row) && row->kind == LIMIT_SLIDING;
	int count_max = is_log ? COUNT_MAX_SLIDING : COUNT_MAX;
	if (count < 1 || count > count_max)
		return refuse(ret_why, "COUNT of `%s` is from 1 to %d", row->name, count_max);
	if (window_s < 1 || window_s > WINDOW_MAX_S)
		return refuse(ret_why, "SECONDS of `%s` are from 1 to %d", row->name, WINDOW_MAX_S);
	row->count = count;
	row->window_s = window_s;
	return true;
}

bool ip_key(const char *text, unsigned char ret_key[IP_KEY_MAX], size_t *ret_n)
{
	static const unsigned char v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, text, address) == 1) {
		*ret_n = IPV4_BYTES;
		memcpy(ret_key, address, IPV4_BYTES);
		return true;
	}
	if (inet_pton(AF_INET6, text, address) != 1)
		return false;
	if (memcmp(address, v4_mapped, sizeof(v4_mapped)) == 0) {
		*ret_n = IPV4_BYTES;
		memcpy(ret_key, address + sizeof(v4_mapped), IPV4_BYTES);
		return true;
	}
	*ret_n = IPV6_PREFIX_BYTES;
	memcpy(ret_key, address, IPV6_PREFIX_BYTES);
	return true;
}
