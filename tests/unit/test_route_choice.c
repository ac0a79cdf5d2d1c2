/* The choice of routes and keys: who is asked, who rests, who is tried again, with the time given
 * by hand. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain/route_choice.h"
#include "fcgi/core/clock.h"

#include <cmocka.h>

#define START_US S_TO_US(1000)

/* Two providers with two keys each, one key without a secret, and one provider that wants none. */
static const struct provider_key keys_a[] = {
	{.label = "a1", .secret = "s", .weight = 1, .identity = 11},
	{.label = "a2", .secret = "s", .weight = 3, .identity = 12},
	{.label = "lost", .secret = NULL, .weight = 9, .identity = 13},
};
static const struct provider_key keys_b[] = {
	{.label = "b1", .secret = "s", .weight = 1, .identity = 21},
	{.label = "b2", .secret = "s", .weight = 1, .max_concurrent = 1, .identity = 22},
};
static const struct provider provider_a = {.id = "a", .key = keys_a, .n_keys = 3, .identity = 1};
static const struct provider provider_b = {.id = "b", .key = keys_b, .n_keys = 2, .identity = 2};
static const struct provider provider_open = {
	.id = "open", .auth = PROVIDER_NO_AUTH, .identity = 3};
static const struct provider provider_lost = {
	.id = "lost", .key = &keys_a[2], .n_keys = 1, .identity = 4};

#define ROUTE(number, of, share, ...)                                                          \
	{                                                                                      \
		.provider = &provider_##of, .upstream_model = "m", .identity = 100 + (number), \
		.weight = (share), __VA_ARGS__                                                 \
	}
#define MODEL(...)                                                                \
	((const struct model){.route = (const struct model_route[]){__VA_ARGS__}, \
		.n_routes = sizeof((const struct model_route[]){__VA_ARGS__}) /   \
			    sizeof(struct model_route)})

static int forget(void **state)
{
	(void)state;
	choice_forget();
	return 0;
}

static void test_shares(void **state)
{
	const struct model model = MODEL(ROUTE(0, a, 1), ROUTE(1, b, 2), ROUTE(2, open, 5));
	size_t one_by_one[3] = {0}, at_once[3] = {0}, a2 = 0;
	static struct choice open[80];

	(void)state;
	for (int i = 0; i < 800; i++) {
		struct choice c = {.n_tried = 0};
		assert_true(choice_next_at(&c, &model, START_US));
		one_by_one[c.route->identity - 100]++;
		a2 += c.key == &keys_a[1];
		choice_done_at(&c, CHOICE_GOOD, 0, START_US);
	}
	for (size_t i = 0; i < 80; i++) {
		assert_true(choice_next_at(&open[i], &model, START_US));
		at_once[open[i].route->identity - 100]++;
	}
	for (size_t i = 0; i < 3; i++) {
		const size_t shares[] = {1, 2, 5};
		assert_int_equal(one_by_one[i], 100 * shares[i]);
		assert_int_equal(at_once[i], 10 * shares[i]);
	}
	assert_int_equal(a2, 75); /* of the hundred that went to provider a */
}

static void test_least_busy(void **state)
{
	const struct model model = MODEL(ROUTE(0, a, 1), ROUTE(1, open, 1));
	const struct model only_first = MODEL(ROUTE(0, a, 1));
	struct choice long_one[3] = {{0}}, c[3] = {{0}};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_true(choice_next_at(&long_one[i], &only_first, START_US));
	for (size_t i = 0; i < 3; i++) {
		assert_true(choice_next_at(&c[i], &model, START_US));
		assert_int_equal(c[i].route->identity, 101);
	}
	/* Ended calls count no more, and a second end of the same call does nothing. */
	for (size_t i = 0; i < 3; i++) {
		choice_done_at(&long_one[i], CHOICE_GOOD, 0, START_US);
		choice_done_at(&long_one[i], CHOICE_GOOD, 0, START_US);
	}
	for (size_t i = 0; i < 3; i++) {
		struct choice next = {.n_tried = 0};
		assert_true(choice_next_at(&next, &model, START_US));
		assert_int_equal(next.route->identity, 100);
	}
}

/* Scripts: routes and keys that are expected, and what becomes of the call.
 *   A B O       the route of that provider is chosen
 *   -           nothing is found
 *   g f l r o u the outcome: good, failed, limited, refused, overloaded, unknown
 *   L V         limited or overloaded, and the vendor says: for 7 s
 *   ;           the call is over: the next step is another call
 *   1 to 9      so many seconds pass */
static const struct {
	const char *name;
	const char *routes; /* a provider each, positions 0, 0 ... or with '>' the next position */
	const char *script;
} scripts[] = {
	{"positions in order", "O>A", "Og;Og;Og"},
	{"another position when the first fails", "O>A", "OfAg;OfAg"},
	{"each route once, then no more", "O>A>B", "OfAfBf-"},
	{"three attempts at most", "O>A>B>X", "OfAfBf-"},
	{"the only route twice", "O", "OfOf-;OfOf-"},
	{"the only route twice, of those that failed", "O>A", "OoAfAf-"},
	{"the breaker opens", "O", "OfOf-;OfOf-;Of-;-;4-;1Of-;-;5Og;Og"},
	{"a good answer in between", "O", "OfOf-;OfOf-;Og;OfOf-;OfOf-;Of-;-"},
	{"what says nothing closes no breaker", "O", "OfOf-;OfOf-;OuOf-;-"},
	{"a route whose breaker is open is passed over", "O>A",
		"OfAg;OfAg;OfAg;OfAg;OfAg;Ag;Ag;5Og;Og"},
	{"a limited key rests, the other serves", "A", "AlAg;Ag;Ag;Ag;9999Ag"},
	{"both keys limited: the next provider", "A>O", "AlAlOg;Og;Og;9995Ag"},
	{"nobody else, and nobody said how long", "O", "Ol-;Og;Og"},
	{"nobody else, but the vendor said", "O", "OL-;-;6-;1Og"},
	{"a refused key is out of use", "O>A", "OrAg;Ag;999999999999999999999999999999999Ag;3Og"},
	{"nobody else, and the key is refused", "O", "Or-;-;99999999999999999999-"},
	{"an overloaded route rests", "O>A", "OoAg;Ag;1OoAg;1Ag;1OoAg;3Ag;1Og;OoAg;1Og"},
	{"an overloaded route, nobody else", "O", "Oo-;Oo-;Og"},
	{"an overloaded route that said how long", "O>A", "OVAg;6Ag;1Og"},
	{"a provider without a readable key", "X>O", "Og;OfOf-"},
	{"nothing at all", "X", "-"},
};

static const struct provider *provider_of(char name)
{
	return name == 'A'   ? &provider_a
	       : name == 'B' ? &provider_b
	       : name == 'O' ? &provider_open
			     : &provider_lost;
}

static struct model model_of(const char *routes, struct model_route *room)
{
	struct model model = {.route = room};

	for (i64 position = 0; *routes != '\0'; routes++) {
		if (*routes == '>') {
			position++;
			continue;
		}
		room[model.n_routes] = (struct model_route){.provider = provider_of(*routes),
			.upstream_model = "m",
			.weight = 1,
			.position = position,
			.identity = 100 + model.n_routes};
		model.n_routes++;
	}
	return model;
}

static void end_attempt(struct choice *c, char how, i64 now_us)
{
	static const struct {
		char letter;
		enum choice_outcome outcome;
		i64 retry_after_s;
	} ends[] = {{'g', CHOICE_GOOD, 0}, {'f', CHOICE_FAILED, 0}, {'l', CHOICE_LIMITED, 0},
		{'r', CHOICE_REFUSED, 0}, {'o', CHOICE_OVERLOADED, 0}, {'u', CHOICE_UNKNOWN, 0},
		{'L', CHOICE_LIMITED, 7}, {'V', CHOICE_OVERLOADED, 7}};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (ends[i].letter == how)
			choice_done_at(c, ends[i].outcome, ends[i].retry_after_s, now_us);
}

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		struct model_route room[4];
		struct model model = model_of(scripts[i].routes, room);
		struct choice c = {.n_tried = 0};
		i64 now_us = START_US;
		choice_forget();
		print_message(
			"  %s: %s %s\n", scripts[i].name, scripts[i].routes, scripts[i].script);
		for (const char *p = scripts[i].script; *p != '\0'; p++) {
			if (*p == ';') {
				c = (struct choice){.n_tried = 0};
			} else if (*p >= '1' && *p <= '9') {
				now_us += S_TO_US(*p - '0');
			} else if (strchr("ABO-", *p) != NULL) {
				bool found = choice_next_at(&c, &model, now_us);
				assert_int_equal(found, *p != '-');
				if (found)
					assert_ptr_equal(c.route->provider, provider_of(*p));
				else
					assert_true(c.retry_after_s >= 1);
			} else {
				end_attempt(&c, *p, now_us);
			}
		}
	}
}

static void test_retry_after(void **state)
{
	static const struct {
		enum choice_outcome outcome;
		i64 said_s, want_s;
	} cases[] = {
		{CHOICE_LIMITED, 7, 7},
		{CHOICE_LIMITED, 86400, CHOICE_REST_MAX_S},
		{CHOICE_REFUSED, 0, CHOICE_KEY_OFF_S},
		{CHOICE_OVERLOADED, 3, 3},
		{CHOICE_LIMITED, 1, 1},
	};
	const struct model model = MODEL(ROUTE(0, open, 1));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct choice c = {.n_tried = 0};
		choice_forget();
		assert_true(choice_next_at(&c, &model, START_US));
		choice_done_at(&c, cases[i].outcome, cases[i].said_s, START_US);
		c = (struct choice){.n_tried = 0};
		assert_false(choice_next_at(&c, &model, START_US));
		assert_int_equal(c.retry_after_s, cases[i].want_s);
		i64 ready_us = START_US + S_TO_US(cases[i].want_s);
		assert_false(choice_next_at(&c, &model, ready_us - 1));
		assert_int_equal(c.retry_after_s, 1);
		assert_true(choice_next_at(&c, &model, ready_us));
	}
}

static void test_bounds(void **state)
{
	const struct model model = MODEL(ROUTE(0, b, 1, .max_concurrent = 3),
		ROUTE(1, open, 1, .requests_per_minute = 2, .position = 1));
	struct choice c[6] = {{0}};
	size_t b2 = 0;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_true(choice_next_at(&c[i], &model, START_US));
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(c[i].route->identity, i < 3 ? 100 : 101);
		b2 += c[i].key == &keys_b[1];
	}
	assert_int_equal(b2, 1); /* it may serve one at a time */
	assert_false(choice_next_at(&c[5], &model, START_US));
	assert_int_equal(c[5].retry_after_s, 1);
	choice_done_at(
		&c[4], CHOICE_GOOD, 0, START_US); /* the minute's two are used up all the same */
	assert_false(choice_next_at(&c[5], &model, START_US + S_TO_US(59)));
	assert_true(choice_next_at(&c[5], &model, START_US + S_TO_US(60)));
	assert_int_equal(c[5].route->identity, 101);
}

static void test_key_of_route(void **state)
{
	const struct model model = MODEL(ROUTE(0, a, 1, .key = &keys_a[0]));
	const struct model lost = MODEL(ROUTE(1, a, 1, .key = &keys_a[2]));

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct choice c = {.n_tried = 0};
		assert_true(choice_next_at(&c, &model, START_US));
		assert_ptr_equal(c.key, &keys_a[0]);
		choice_done_at(&c, CHOICE_GOOD, 0, START_US);
		assert_false(choice_next_at(&c, &lost, START_US));
	}
	/* A provider that wants no key has one that says nothing. */
	const struct model open = MODEL(ROUTE(2, open, 1));
	struct choice c = {.n_tried = 0};
	assert_true(choice_next_at(&c, &open, START_US));
	assert_string_equal(c.key->secret, "");
	assert_string_equal(c.key->label, "");
}

static void test_budget(void **state)
{
	const struct model model = MODEL(ROUTE(0, open, 1), ROUTE(1, a, 1), ROUTE(2, b, 1));
	i64 n_retries = 0, now_us = START_US;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct choice c = {.n_tried = 0};
		while (choice_next_at(&c, &model, now_us))
			choice_done_at(&c, CHOICE_UNKNOWN, 0, now_us);
		n_retries += (i64)c.n_tried - 1;
	}
	assert_in_range(n_retries, 1000 * CHOICE_RETRY_PERCENT / 100,
		1000 * CHOICE_RETRY_PERCENT / 100 + CHOICE_RETRIES_AT_ONCE);
	/* What calm times have saved is no licence for a storm. */
	for (int i = 0; i < 1000; i++) {
		struct choice c = {.n_tried = 0};
		assert_true(choice_next_at(&c, &model, now_us));
		choice_done_at(&c, CHOICE_GOOD, 0, now_us);
	}
	n_retries = 0;
	for (int i = 0; i < 20; i++) {
		struct choice c = {.n_tried = 0};
		while (choice_next_at(&c, &model, now_us))
			choice_done_at(&c, CHOICE_UNKNOWN, 0, now_us);
		n_retries += (i64)c.n_tried - 1;
	}
	assert_in_range(n_retries, CHOICE_RETRIES_AT_ONCE, CHOICE_RETRIES_AT_ONCE + 4);
}

static void test_until(void **state)
{
	const struct model model = MODEL(ROUTE(0, open, 1), ROUTE(1, a, 1));
	struct choice c = {.until_mono_us = START_US + 10};

	(void)state;
	assert_true(choice_next_at(&c, &model, START_US + 20)); /* the first one always */
	choice_done_at(&c, CHOICE_FAILED, 0, START_US + 20);
	assert_false(choice_next_at(&c, &model, START_US + 20));
	assert_true(choice_next_at(&c, &model, START_US + 9));
}

/* A call that was left without an end is ended by its next attempt. */
static void test_left_open(void **state)
{
	const struct model model =
		MODEL(ROUTE(0, open, 1, .max_concurrent = 1), ROUTE(1, a, 1, .position = 1));
	struct choice c = {.n_tried = 0}, other = {.n_tried = 0};

	(void)state;
	assert_true(choice_next_at(&c, &model, START_US));
	assert_int_equal(c.route->identity, 100);
	assert_true(choice_next_at(&c, &model, START_US));
	assert_int_equal(c.route->identity, 101);
	assert_true(choice_next_at(&other, &model, START_US));
	assert_int_equal(other.route->identity, 100);
}

/* The state belongs to identities: it outlives the catalog, and other identities. */
static void test_identities(void **state)
{
	struct model_route busy = ROUTE(0, open, 1, .max_concurrent = 1);
	struct choice c = {.n_tried = 0};

	(void)state;
	assert_true(choice_next_at(&c, &(struct model){.route = &busy, .n_routes = 1}, START_US));
	for (u64 i = 0; i < 20000; i++) {
		struct model_route route = ROUTE(1000 + i, open, 1);
		struct choice other = {.n_tried = 0};
		assert_true(choice_next_at(&other, &(struct model){.route = &route, .n_routes = 1},
			START_US + (i64)i));
		choice_done_at(&other, CHOICE_GOOD, 0, START_US + (i64)i);
	}
	struct model_route reloaded = ROUTE(0, open, 1, .max_concurrent = 1);
	const struct model model = {.route = &reloaded, .n_routes = 1};
	struct choice next = {.n_tried = 0};
	assert_false(choice_next_at(&next, &model, START_US + 20001));
	choice_done_at(&c, CHOICE_GOOD, 0, START_US + 20001);
	assert_true(choice_next_at(&next, &model, START_US + 20001));
}

/* More calls at once than there are gauges: nobody is lost, nothing is corrupted. */
static void test_full_table(void **state)
{
	enum { CALLS = 5000 };
	struct model_route *route = calloc(CALLS, sizeof(*route));
	struct choice *c = calloc(CALLS, sizeof(*c));

	(void)state;
	for (u64 round = 0; round < 2; round++) {
		for (u64 i = 0; i < CALLS; i++) {
			route[i] = (struct model_route)ROUTE(i, open, 1);
			c[i] = (struct choice){.n_tried = 0};
			assert_true(choice_next_at(&c[i],
				&(struct model){.route = &route[i], .n_routes = 1}, START_US));
		}
		for (u64 i = 0; i < CALLS; i++)
			choice_done_at(&c[i], CHOICE_GOOD, 0, START_US);
	}
	free(route);
	free(c);
}

static struct {
	i64 busy[3], most[3], n[3];
} seen;

static void *many_calls(void *arg)
{
	const struct model *model = arg;

	for (int i = 0; i < 3000; i++) {
		struct choice c = {.n_tried = 0};
		while (choice_next(&c, model)) {
			size_t r = (size_t)(c.route->identity - 100);
			i64 busy = __atomic_add_fetch(&seen.busy[r], 1, __ATOMIC_SEQ_CST);
			i64 most = __atomic_load_n(&seen.most[r], __ATOMIC_SEQ_CST);
			while (busy > most &&
				!__atomic_compare_exchange_n(&seen.most[r], &most, busy, false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
				;
			__atomic_add_fetch(&seen.n[r], 1, __ATOMIC_SEQ_CST);
			if (i % 64 == 0)
				clock_sleep_us(100);
			__atomic_sub_fetch(&seen.busy[r], 1, __ATOMIC_SEQ_CST);
			bool is_good = i % 5 != 0;
			choice_done(&c, is_good ? CHOICE_GOOD : CHOICE_UNKNOWN, 0);
			if (is_good)
				break;
		}
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct model model = MODEL(ROUTE(0, open, 1, .max_concurrent = 2), ROUTE(1, a, 3),
		ROUTE(2, b, 1, .max_concurrent = 1, .position = 1));
	pthread_t thread[8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, many_calls, &model), 0);
	for (size_t i = 0; i < ARRAY_LEN(thread); i++)
		pthread_join(thread[i], NULL);
	assert_in_range(seen.most[0], 1, 2);
	assert_in_range(seen.most[2], 0, 1);
	assert_true(seen.n[0] + seen.n[1] >= 8 * 3000);
	/* All have left. */
	struct choice c[8] = {{0}};
	size_t n_first = 0;
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		assert_true(choice_next(&c[i], &model));
		n_first += c[i].route->identity == 100;
	}
	assert_int_equal(n_first, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_shares, forget),
		cmocka_unit_test_setup(test_least_busy, forget),
		cmocka_unit_test_setup(test_scripts, forget),
		cmocka_unit_test_setup(test_retry_after, forget),
		cmocka_unit_test_setup(test_bounds, forget),
		cmocka_unit_test_setup(test_key_of_route, forget),
		cmocka_unit_test_setup(test_budget, forget),
		cmocka_unit_test_setup(test_until, forget),
		cmocka_unit_test_setup(test_left_open, forget),
		cmocka_unit_test_setup(test_identities, forget),
		cmocka_unit_test_setup(test_full_table, forget),
		cmocka_unit_test_setup(test_threads, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
