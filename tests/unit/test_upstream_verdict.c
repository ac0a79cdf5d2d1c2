/* The verdicts on upstreams' errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "domain/upstream_verdict.h"

#include <cmocka.h>

static const struct {
	int status;
	const char *type, *message;
	enum error error;
	bool retry;
	enum choice_outcome outcome;
	bool has_text;
} cases[] = {
	/* Anthropic */
	{400, "invalid_request_error", "messages: at least one message is required", E_BAD_REQUEST,
		false, CHOICE_GOOD, true},
	{400, "invalid_request_error",
		"Your credit balance is too low to access the Anthropic API. Please go to Plans & "
		"Billing to upgrade or purchase credits.",
		E_UPSTREAM_ERROR, true, CHOICE_REFUSED, false},
	{400, "invalid_request_error",
		"You have reached your specified API usage limits. You will regain access on "
		"2026-12-01 at 00:00 UTC.",
		E_UPSTREAM_ERROR, true, CHOICE_REFUSED, false},
	/* What a client sent is quoted: no key is put out of use by it. */
	{400, "invalid_request_error", "tools.0: 'Your credit balance is too low' is no name",
		E_BAD_REQUEST, false, CHOICE_GOOD, true},
	{401, "authentication_error", "invalid x-api-key", E_UPSTREAM_ERROR, true, CHOICE_REFUSED,
		false},
	{402, "billing_error", "payment required", E_UPSTREAM_ERROR, true, CHOICE_REFUSED, false},
	{403, "permission_error", "no access", E_UPSTREAM_ERROR, true, CHOICE_REFUSED, false},
	{404, "not_found_error", "model: nope", E_UPSTREAM_ERROR, true, CHOICE_FAILED, false},
	{409, "conflict_error", "again", E_UPSTREAM_ERROR, true, CHOICE_UNKNOWN, false},
	{413, "request_too_large", "too large", E_PAYLOAD_TOO_LARGE, false, CHOICE_GOOD, false},
	{429, "rate_limit_error", "slow down", E_UPSTREAM_OVERLOADED, true, CHOICE_LIMITED, false},
	{500, "api_error", "oops", E_UPSTREAM_ERROR, true, CHOICE_FAILED, false},
	{504, "timeout_error", "late", E_UPSTREAM_TIMEOUT, true, CHOICE_FAILED, false},
	{529, "overloaded_error", "Overloaded", E_UPSTREAM_OVERLOADED, true, CHOICE_OVERLOADED,
		false},
	/* OpenAI and its imitators */
	{400, "invalid_request_error", "This model's maximum context length is 8192 tokens",
		E_BAD_REQUEST, false, CHOICE_GOOD, true},
	{400, "", "", E_BAD_REQUEST, false, CHOICE_GOOD, false},
	{400, NULL, NULL, E_BAD_REQUEST, false, CHOICE_GOOD, false},
	{401, "invalid_request_error", "Incorrect API key provided: sk-...", E_UPSTREAM_ERROR, true,
		CHOICE_REFUSED, false},
	{402, "", "Insufficient Balance", E_UPSTREAM_ERROR, true, CHOICE_REFUSED, false},
	{405, "", "", E_UPSTREAM_ERROR, false, CHOICE_UNKNOWN, false},
	{408, "", "", E_UPSTREAM_TIMEOUT, true, CHOICE_FAILED, false},
	{422, "", "Input should be a valid string", E_BAD_REQUEST, false, CHOICE_GOOD, true},
	{429, "insufficient_quota", "You exceeded your current quota, please check your plan",
		E_UPSTREAM_ERROR, true, CHOICE_REFUSED, false},
	{429, "requests", "Rate limit reached for gpt-4o", E_UPSTREAM_OVERLOADED, true,
		CHOICE_LIMITED, false},
	{500, "server_error", "The server had an error", E_UPSTREAM_ERROR, true, CHOICE_FAILED,
		false},
	{502, "", "<html>", E_UPSTREAM_ERROR, true, CHOICE_FAILED, false},
	{503, "", "overloaded", E_UPSTREAM_OVERLOADED, true, CHOICE_OVERLOADED, false},
	{524, "", "", E_UPSTREAM_ERROR, true, CHOICE_FAILED, false},
	/* No error at all, or none that is known */
	{0, "", "something", E_UPSTREAM_ERROR, true, CHOICE_FAILED, false},
	{302, "", "", E_UPSTREAM_ERROR, true, CHOICE_FAILED, false},
	{999, "", "", E_UPSTREAM_ERROR, true, CHOICE_FAILED, false},
	{-1, "", "", E_UPSTREAM_ERROR, true, CHOICE_FAILED, false},
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict v =
			upstream_verdict(cases[i].status, cases[i].type, cases[i].message);
		print_message("  %d %s\n", cases[i].status, cases[i].message);
		assert_int_equal(v.error, cases[i].error);
		assert_int_equal(v.retry, cases[i].retry);
		assert_int_equal(v.outcome, cases[i].outcome);
		assert_ptr_equal(v.text, cases[i].has_text ? cases[i].message : NULL);
	}
}

/* Whatever a vendor says, the client never reads it as a word about its own token or balance. */
static void test_every_status(void **state)
{
	(void)state;
	for (int status = 0; status < 1000; status++) {
		struct verdict v = upstream_verdict(status, "any", "Any message");
		int shown = error_table[v.error].status;
		assert_true(shown == 400 || shown == 413 || shown >= 502);
		assert_int_equal(v.text != NULL, shown == 400);
	}
}

static void test_every_end(void **state)
{
	(void)state;
	for (enum net_end end = 0; end < NET_END_MAX; end++) {
		struct verdict v = upstream_verdict_of_end(end);
		print_message("  %s\n", net_end_names[end]);
		assert_int_not_equal(v.error, 0);
		assert_null(v.text);
		/* After bytes have come, or when nobody is there, there is nothing to try again. */
		if (end == NET_CLIENT_LEFT || end == NET_STOPPED || end == NET_TIMEOUT_IDLE ||
			end == NET_TIMEOUT_TOTAL || end == NET_TOO_LARGE)
			assert_false(v.retry);
		if (end == NET_CLIENT_LEFT || end == NET_STOPPED || end == NET_BREAKER_OPEN)
			assert_int_equal(v.outcome, CHOICE_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_every_status),
		cmocka_unit_test(test_every_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
