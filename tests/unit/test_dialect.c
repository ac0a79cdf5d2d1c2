/* The record of a failure (the first one wins), the table of errors, and how the product family
 * speaks of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/str.h"
#include "fcgi/http/dialect.h"
#include "fcgi/http/json.h"

#include <cmocka.h>
#undef fail /* cmocka's; ours has arguments */

static struct arena arena = {.ceiling_bytes = 1024 * 1024};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 1; i < E_MAX; i++) {
		const struct error_info *e = &error_table[i];
		print_message("  %s\n", e->name);
		assert_true(e->status >= 400 && e->status <= 599);
		assert_int_equal(strspn(e->code, "abcdefghijklmnopqrstuvwxyz_"), strlen(e->code));
		assert_true(strlen(e->code) > 0);
		assert_int_equal(e->text[strlen(e->text) - 1], '.');
		for (size_t j = 1; j < i; j++) {
			assert_string_not_equal(e->name, error_table[j].name);
			/* One code never stands for two statuses. */
			if (str_equal(e->code, error_table[j].code))
				assert_int_equal(e->status, error_table[j].status);
		}
	}
}

static void test_the_first_failure_wins(void **state)
{
	struct fail f = {.arena = &arena};

	(void)state;
	assert_int_equal(fail(&f, E_NOT_FOUND, "no %s %d", "x", 7), E_NOT_FOUND);
	assert_int_equal(fail(&f, E_CONFLICT, "later"), E_CONFLICT);
	assert_int_equal(fail_cause(&f, E_INTERNAL, "later"), E_INTERNAL);
	assert_int_equal(fail_later(&f, E_RATE_LIMITED, 9), E_RATE_LIMITED);
	assert_int_equal(f.code, E_NOT_FOUND);
	assert_string_equal(f.detail, "no x 7");
	assert_null(f.cause);
	assert_int_equal(f.retry_after_s, 0);
	fail_clear(&f);
	assert_int_equal(f.code, E_OK);
	assert_null(f.detail);
	assert_ptr_equal(f.arena, &arena);
	fail_cause(&f, E_INTERNAL, "errno %d", 5);
	assert_string_equal(f.cause, "errno 5");
	assert_null(f.detail);
	arena_reset(&arena);
}

static void test_lists_are_bounded(void **state)
{
	struct fail f = {.arena = &arena};

	(void)state;
	for (int i = 0; i < 2 * FAULTS_MAX; i++)
		fail_fault(&f, "x", "required");
	for (int i = 0; i < 2 * FAULTS_MAX; i++)
		fail_fault_limit(&f, "x", "min", 1);
	for (int i = 0; i < 2 * FAIL_EXTRAS_MAX; i++) {
		fail_decimal(&f, "n", i, 0);
		fail_text(&f, "t", "x");
	}
	assert_int_equal(f.n_fault, FAULTS_MAX);
	assert_int_equal(f.n_extra, FAIL_EXTRAS_MAX);
}

static void make_plain(struct fail *f)
{
	fail(f, E_NOT_FOUND, NULL);
}

static void make_detail(struct fail *f)
{
	fail(f, E_CONFLICT, "A \"quoted\" word\nand a line.");
}

static void make_cause(struct fail *f)
{
	fail_cause(f, E_INTERNAL, "password is hunter2");
}

static void make_later(struct fail *f)
{
	fail_later(f, E_RATE_LIMITED, 12);
}

static void make_at_once(struct fail *f)
{
	fail_later(f, E_RATE_LIMITED, -5);
}

static void make_overloaded(struct fail *f)
{
	fail_cause(f, E_UPSTREAM_OVERLOADED, "429 of somebody");
}

static void make_timeout(struct fail *f)
{
	fail(f, E_TIMEOUT, NULL);
}

static void make_extras(struct fail *f)
{
	fail_decimal(f, "balance_cents", -150, 0);
	fail_text(f, "plan", "pro\"");
	fail(f, E_INSUFFICIENT_BALANCE, NULL);
}

static void make_faults(struct fail *f)
{
	fail_fault(f, "email", "required");
	fail_fault_limit(f, "n", "max", 1000);
	fail_fault(f, "", "object");
	fail(f, E_INVALID_FIELD, NULL);
}

static const struct {
	const char *name;
	void (*make)(struct fail *f);
	const char *text;
} cases[] = {
	{"plain", make_plain,
		"{\"error\":\"not_found\",\"message\":\"There is nothing at this address.\"}\n"},
	{"detail", make_detail,
		"{\"error\":\"conflict\",\"message\":\"A \\\"quoted\\\" word\\nand a line.\"}\n"},
	{"a cause stays inside", make_cause,
		"{\"error\":\"internal\",\"message\":\"Something went wrong here. The request id "
		"helps to find it.\"}\n"},
	{"later", make_later,
		"{\"error\":\"rate_limited\",\"message\":\"Too many requests. Retry after the time "
		"in Retry-After.\",\"retry_after\":12}\n"},
	{"never less than a second", make_at_once,
		"{\"error\":\"rate_limited\",\"message\":\"Too many requests. Retry after the time "
		"in Retry-After.\",\"retry_after\":1}\n"},
	{"extras", make_extras,
		"{\"error\":\"insufficient_balance\",\"message\":\"The balance is too low. Top up, "
		"or use your own key.\",\"balance_cents\":-150,\"plan\":\"pro\\\"\"}\n"},
	{"faults", make_faults,
		"{\"error\":\"bad_request\",\"message\":\"A field is missing or invalid. email: "
		"required; n: max 1000; body: object\",\"faults\":[{\"field\":\"email\",\"rule\":"
		"\"required\"},{\"field\":\"n\",\"rule\":\"max\",\"limit\":1000},{\"field\":\"\","
		"\"rule\":\"object\"}]}\n"},
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fail f = {.arena = &arena};
		struct buf out;
		print_message("  %s\n", cases[i].name);
		buf_init(&out, &arena, 0);
		cases[i].make(&f);
		dialect_product.render(&f, &(struct dialect_form){0}, &out);
		assert_string_equal(out.data, cases[i].text);
		assert_null(json_check(&arena, out.data, out.length));
		arena_reset(&arena);
	}
}

/* Every error, with everything that can be said, is JSON; so is the schema of them. */
static void test_all_are_json(void **state)
{
	(void)state;
	for (size_t i = 1; i < E_MAX; i++) {
		struct fail f = {.arena = &arena};
		struct buf out;
		buf_init(&out, &arena, 0);
		make_extras(&f);
		make_faults(&f);
		f.code = (enum error)i;
		f.retry_after_s = 3;
		dialect_product.render(&f, &(struct dialect_form){0}, &out);
		assert_null(json_check(&arena, out.data, out.length));
		arena_reset(&arena);
	}
	assert_null(json_check(&arena, dialect_product.openapi, strlen(dialect_product.openapi)));
	arena_reset(&arena);
}

/* Statuses that Anthropic's clients know otherwise; every error has the type of its status. */
static const struct {
	const char *name;
	void (*make)(struct fail *f);
	int status;
	const char *text;
} messages[] = {
	{"plain", make_plain, 404,
		"{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":"
		"\"There is nothing at this address.\"},\"request_id\":\"req_1\"}"},
	{"faults", make_faults, 400,
		"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
		"\"A field is missing or invalid. email: required; n: max 1000; body: object\"},"
		"\"request_id\":\"req_1\"}"},
	{"no money", make_extras, 402,
		"{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"The "
		"balance is too low. Top up, or use your own key.\"},\"request_id\":\"req_1\"}"},
	{"overloaded", make_overloaded, 529,
		"{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"A "
		"service that this needs is overloaded. Retry shortly.\"},\"request_id\":"
		"\"req_1\"}"},
	{"too late", make_timeout, 504,
		"{\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\"message\":\"The "
		"answer did not come in time.\"},\"request_id\":\"req_1\"}"},
};

static void test_messages(void **state)
{
	static const struct dialect_form form = {.request_id = "req_1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
		struct fail f = {.arena = &arena};
		struct buf b;
		print_message("  %s\n", messages[i].name);
		buf_init(&b, &arena, 0);
		messages[i].make(&f);
		dialect_messages.render(&f, &form, &b);
		assert_string_equal(b.data, messages[i].text);
		assert_int_equal(dialect_status(&dialect_messages, f.code), messages[i].status);
		assert_int_equal(
			dialect_status(&dialect_product, f.code), error_table[f.code].status);
		arena_reset(&arena);
	}
}

static void make_unauthorized(struct fail *f)
{
	fail(f, E_UNAUTHORIZED, NULL);
}

static void make_nested(struct fail *f)
{
	fail_fault(f, "events[2].name", "required");
	fail_fault(f, "email", "required");
	fail(f, E_INVALID_FIELD, NULL);
}

static void make_large(struct fail *f)
{
	fail(f, E_PAYLOAD_TOO_LARGE, NULL);
}

/* The account family's: a category, for people a message, and the first field at fault. */
static const struct {
	const char *name;
	void (*make)(struct fail *f);
	const char *text;
} account[] = {
	{"plain", make_plain,
		"{\"category\":\"not_found\",\"message\":\"There is nothing at this address.\"}\n"},
	{"a bare 401", make_unauthorized, "{\"category\":\"unauthorized\"}\n"},
	{"the member of the body", make_nested,
		"{\"category\":\"validation\",\"message\":\"A field is missing or invalid. "
		"events[2].name: required; email: required\",\"field\":\"events\"}\n"},
	{"too large", make_large,
		"{\"category\":\"too_large\",\"message\":\"The body is too large.\"}\n"},
	{"a cause stays inside", make_cause,
		"{\"category\":\"server\",\"message\":\"Something went wrong here. The request id "
		"helps to find it.\"}\n"},
	{"too late", make_timeout,
		"{\"category\":\"timeout\",\"message\":\"The answer did not come in time.\"}\n"},
	{"later", make_later,
		"{\"category\":\"rate_limited\",\"message\":\"Too many requests. Retry after the "
		"time in Retry-After.\"}\n"},
};

static void test_account(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(account); i++) {
		struct fail f = {.arena = &arena};
		struct buf b;
		print_message("  %s\n", account[i].name);
		buf_init(&b, &arena, 0);
		account[i].make(&f);
		dialect_account.render(&f, &(struct dialect_form){0}, &b);
		assert_string_equal(b.data, account[i].text);
		assert_null(json_check(&arena, b.data, b.length));
		arena_reset(&arena);
	}
	assert_null(json_check(&arena, dialect_account.openapi, strlen(dialect_account.openapi)));
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_the_first_failure_wins),
		cmocka_unit_test(test_lists_are_bounded),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_all_are_json),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_account),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
