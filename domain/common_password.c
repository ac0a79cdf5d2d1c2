/* Takes a password apart into words, sequences, rows of keys and single characters, such that the
 * parts cost as little as possible to guess. */
#include "common_password.h"

#include <stddef.h>
#include <string.h>

#include "../fcgi/core/types.h"

/* Tenths of bits. Three words of the list are just enough, two with a year or four digits are not.
 */
enum {
	ENOUGH = 250,
	GLUE_WORD = 50, /* you, my, the: few, and everywhere */
	WORD = 85,
	WHOLE_WORD = 130, /* long ones, which people take as they are */
	RUN = 50,	  /* aaaa */
	SEQUENCE = 50,	  /* 1234, dcba */
	WALK = 60,	  /* qwer, 1qaz, 147: keys side by side */
	YEAR = 60,
	DIGIT = 33,
	LETTER = 47,
	SEPARATOR = 30, /* those that stand between words */
	OTHER = 50,
	VIEW = 30, /* seeing through a way of hiding the same */
	PART_MIN = 3,
	LENGTH_MAX = 64, /* what is longer and no repetition is not common */
};

struct word {
	const char *text;
	int cost;
};

static const struct word words[] = {
#define GLUE(text) {text, GLUE_WORD},
#define W(text) {text, WORD},
#define WHOLE(text) {text, WHOLE_WORD},
#include "common_words.def"
#undef GLUE
#undef W
#undef WHOLE
};

struct text {
	char c[LENGTH_MAX];
	size_t n;
};

/* Neighbours on a keyboard, row below row, each shifted by half a key; and on a number block. */
static const char *const keyboard[] = {
	"`1234567890-=", " qwertyuiop[]\\", " asdfghjkl;'", " zxcvbnm,./"};
static const char *const azerty[] = {" 1234567890", " azertyuiop", " qsdfghjklm", " wxcvbn"};
static const char *const number_block[] = {"789", "456", "123", "0"};

static bool find_key(const char *const *rows, size_t n_rows, char c, int *ret_row, int *ret_column)
{
	for (size_t row = 0; row < n_rows; row++) {
		const char *at = c != ' ' && c != '\0' ? strchr(rows[row], c) : NULL;
		if (at == NULL)
			continue;
		*ret_row = (int)row;
		*ret_column = (int)(at - rows[row]);
		return true;
	}
	return false;
}

static int distance(int a, int b)
{
	return a < b ? b - a : a - b;
}

static bool side_by_side(const char *const *rows, size_t n_rows, char a, char b)
{
	int row_a, row_b, column_a, column_b;

	return a != b && find_key(rows, n_rows, a, &row_a, &column_a) &&
	       find_key(rows, n_rows, b, &row_b, &column_b) && distance(row_a, row_b) <= 1 &&
	       distance(column_a, column_b) <= 1;
}

static bool is_step(char a, char b)
{
	return side_by_side(keyboard, ARRAY_LEN(keyboard), a, b) ||
	       side_by_side(azerty, ARRAY_LEN(azerty), a, b) ||
	       side_by_side(number_block, ARRAY_LEN(number_block), a, b);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

/* After 9 comes 0, so that 7890 is one sequence; before it, 0987. */
static bool follows(char a, char b, int by)
{
	if (is_digit(a) && is_digit(b))
		return (a - '0' + by + 10) % 10 == b - '0';
	return is_letter(a) && is_letter(b) && a + by == b;
}

static bool always(char a, char b, int by)
{
	(void)by;
	return a == b;
}

static bool walks(char a, char b, int by)
{
	(void)by;
	return is_step(a, b);
}

static bool looks_like(char c, char letter)
{
	static const char *const leet[26] = {['a' - 'a'] = "@4",
		['b' - 'a'] = "8",
		['e' - 'a'] = "3",
		['g' - 'a'] = "9",
		['i' - 'a'] = "1!",
		['l' - 'a'] = "1!",
		['o' - 'a'] = "0",
		['s' - 'a'] = "5$",
		['t' - 'a'] = "7+"};
	const char *others = is_letter(letter) ? leet[letter - 'a'] : NULL;

	return c == letter || (others != NULL && strchr(others, c) != NULL);
}

static bool starts_with_word(const char *p, size_t n, const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (i == n || !looks_like(p[i], word[i]))
			return false;
	return true;
}

static int character_cost(char c)
{
	if (is_digit(c))
		return DIGIT;
	if (is_letter(c))
		return LETTER;
	return strchr(" -_.,!?@#*+", c) != NULL ? SEPARATOR : OTHER;
}

/* least[i]: what the first i characters cost. */
static void offer(int *least, size_t from, size_t length, int cost)
{
	if (least[from] + cost < least[from + length])
		least[from + length] = least[from] + cost;
}

typedef bool step_fn(char a, char b, int by);

static void offer_steps(
	const struct text *t, int *least, size_t from, step_fn *step, int by, size_t min, int cost)
{
	size_t end = from + 1;

	while (end < t->n && step(t->c[end - 1], t->c[end], by)) {
		end++;
		if (end - from >= min)
			offer(least, from, end - from, cost);
	}
}

static void offer_words(const struct text *t, int *least, size_t from)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t length = strlen(words[i].text);
		if (starts_with_word(t->c + from, t->n - from, words[i].text, length))
			offer(least, from, length, words[i].cost);
	}
}

static void offer_year(const struct text *t, int *least, size_t from)
{
	const char *p = t->c + from;

	if (t->n - from >= 4 && is_digit(p[2]) && is_digit(p[3]) &&
		(memcmp(p, "19", 2) == 0 || memcmp(p, "20", 2) == 0))
		offer(least, from, 4, YEAR);
}

static int cost_of(const struct text *t)
{
	int least[LENGTH_MAX + 1] = {0};

	for (size_t i = 1; i <= t->n; i++)
		least[i] = least[i - 1] + character_cost(t->c[i - 1]);
	for (size_t i = 0; i < t->n; i++) {
		offer(least, i, 1, character_cost(t->c[i]));
		offer_steps(t, least, i, always, 0, 2, RUN);
		offer_steps(t, least, i, follows, 1, PART_MIN, SEQUENCE);
		offer_steps(t, least, i, follows, -1, PART_MIN, SEQUENCE);
		offer_steps(t, least, i, walks, 0, PART_MIN, WALK);
		offer_year(t, least, i);
		offer_words(t, least, i);
	}
	return least[t->n];
}

/* Ways of looking at a password: the parts of what they give are guessed instead. */

static struct text reversed(const struct text *t)
{
	struct text out = {.n = t->n};

	for (size_t i = 0; i < t->n; i++)
		out.c[i] = t->c[t->n - 1 - i];
	return out;
}

/* Every second character: 1q2w3e4r is 1234 and qwer. */
static struct text every_second(const struct text *t, size_t first)
{
	struct text out = {.n = 0};

	for (size_t i = first; i < t->n; i += 2)
		out.c[out.n++] = t->c[i];
	return out;
}

/* Each character once: 112233 is 123. */
static struct text without_runs(const struct text *t)
{
	struct text out = {.n = 0};

	for (size_t i = 0; i < t->n; i++)
		if (i == 0 || t->c[i] != t->c[i - 1])
			out.c[out.n++] = t->c[i];
	return out;
}

static int min_of(int a, int b)
{
	return a < b ? a : b;
}

static int least_cost(const struct text *t)
{
	struct text back = reversed(t), even = every_second(t, 0), odd = every_second(t, 1);
	struct text once = without_runs(t);
	int cost = min_of(cost_of(t), cost_of(&back) + VIEW);

	cost = min_of(cost, cost_of(&even) + cost_of(&odd) + VIEW);
	return 2 * once.n <= t->n ? min_of(cost, cost_of(&once) + VIEW) : cost;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The shortest start that, said again and again, gives the whole; all of it when there is none. */
static size_t period(const char *text, size_t n)
{
	for (size_t p = 1; 2 * p <= n; p++) {
		size_t i = p;
		while (i < n && lower(text[i]) == lower(text[i - p]))
			i++;
		if (i == n)
			return p;
	}
	return n;
}

int password_guess_tenths(const char *password)
{
	size_t n = strlen(password), unit = period(password, n);
	struct text t = {.n = unit};

	if (unit > LENGTH_MAX)
		return ENOUGH * 4;
	for (size_t i = 0; i < unit; i++)
		t.c[i] = lower(password[i]);
	return least_cost(&t) + (unit < n ? VIEW : 0);
}

bool password_is_common(const char *password)
{
	return password_guess_tenths(password) < ENOUGH;
}
