/* The verdicts on upstreams: upstreams.md section 11.3 for all dialects, whose statuses and types
 * do not contradict each other. */
#include "upstream_verdict.h"

#include <string.h>
#include <strings.h>

#include "../fcgi/core/str.h"

#define ANY INT32_MAX

/* The first row that fits counts. */
static const struct row {
	int from, to;	    /* statuses */
	const char *type;   /* NULL: any */
	const char *begins; /* the message does, in any case; NULL: any. Only its beginning counts:
			       further on it may quote what the client sent */
	enum error error;
	bool retry, is_clients_fault;
	enum choice_outcome outcome;
} rows[] = {
	/* An account without money shows in many ways. It is ours, not the client's. */
	{400, 429, "billing_error", NULL, E_UPSTREAM_ERROR, true, false, CHOICE_REFUSED},
	{400, 429, "insufficient_quota", NULL, E_UPSTREAM_ERROR, true, false, CHOICE_REFUSED},
	{400, 429, "billing_hard_limit_reached", NULL, E_UPSTREAM_ERROR, true, false,
		CHOICE_REFUSED},
	{400, 429, NULL, "Your credit balance is too low", E_UPSTREAM_ERROR, true, false,
		CHOICE_REFUSED},
	{400, 429, NULL, "You have reached your specified", E_UPSTREAM_ERROR, true, false,
		CHOICE_REFUSED},
	{400, 429, NULL, "You exceeded your current quota", E_UPSTREAM_ERROR, true, false,
		CHOICE_REFUSED},
	{400, 429, NULL, "Billing hard limit", E_UPSTREAM_ERROR, true, false, CHOICE_REFUSED},
	{400, 429, NULL, "This organization has", E_UPSTREAM_ERROR, true, false, CHOICE_REFUSED},
	{400, 429, NULL, "Insufficient Balance", E_UPSTREAM_ERROR, true, false, CHOICE_REFUSED},
	{400, 400, NULL, NULL, E_BAD_REQUEST, false, true, CHOICE_GOOD},
	{401, 403, NULL, NULL, E_UPSTREAM_ERROR, true, false, CHOICE_REFUSED},
	{404, 404, NULL, NULL, E_UPSTREAM_ERROR, true, false, CHOICE_FAILED},
	{408, 408, NULL, NULL, E_UPSTREAM_TIMEOUT, true, false, CHOICE_FAILED},
	{409, 409, NULL, NULL, E_UPSTREAM_ERROR, true, false, CHOICE_UNKNOWN},
	{413, 413, NULL, NULL, E_PAYLOAD_TOO_LARGE, false, false, CHOICE_GOOD},
	{422, 422, NULL, NULL, E_BAD_REQUEST, false, true, CHOICE_GOOD},
	{429, 429, NULL, NULL, E_UPSTREAM_OVERLOADED, true, false, CHOICE_LIMITED},
	{400, 499, NULL, NULL, E_UPSTREAM_ERROR, false, false, CHOICE_UNKNOWN},
	{503, 503, NULL, NULL, E_UPSTREAM_OVERLOADED, true, false, CHOICE_OVERLOADED},
	{504, 504, NULL, NULL, E_UPSTREAM_TIMEOUT, true, false, CHOICE_FAILED},
	{529, 529, NULL, NULL, E_UPSTREAM_OVERLOADED, true, false, CHOICE_OVERLOADED},
	/* 500, 502, those of proxies, redirects, and what is no status at all */
	{0, ANY, NULL, NULL, E_UPSTREAM_ERROR, true, false, CHOICE_FAILED},
};

static bool fits(const struct row *row, int status, const char *type, const char *message)
{
	return status >= row->from && status <= row->to &&
	       (row->type == NULL || str_equal(type, row->type)) &&
	       (row->begins == NULL || strncasecmp(message, row->begins, strlen(row->begins)) == 0);
}

struct verdict upstream_verdict(int status, const char *type, const char *message)
{
	const struct row *row = rows;

	type = type != NULL ? type : "";
	message = message != NULL ? message : "";
	while (row < &rows[ARRAY_LEN(rows) - 1] && !fits(row, status, type, message))
		row++;
	return (struct verdict){
		.error = row->error,
		.retry = row->retry,
		.outcome = row->outcome,
		.text = row->is_clients_fault && message[0] != '\0' ? message : NULL,
	};
}

/* No client began to read where a connection or a first byte was missed. */
struct verdict upstream_verdict_of_end(enum net_end end)
{
	static const struct verdict verdicts[NET_END_MAX] = {
		[NET_DONE] = {E_UPSTREAM_ERROR, true, CHOICE_FAILED, NULL}, /* it made no sense */
		[NET_CONNECT] = {E_UPSTREAM_ERROR, true, CHOICE_FAILED, NULL},
		[NET_BROKEN] = {E_UPSTREAM_ERROR, true, CHOICE_FAILED, NULL},
		[NET_TIMEOUT_CONNECT] = {E_UPSTREAM_TIMEOUT, true, CHOICE_FAILED, NULL},
		[NET_TIMEOUT_FIRST] = {E_TIMEOUT, true, CHOICE_FAILED, NULL},
		[NET_TIMEOUT_IDLE] = {E_TIMEOUT, false, CHOICE_FAILED, NULL},
		[NET_TIMEOUT_TOTAL] = {E_TIMEOUT, false, CHOICE_FAILED, NULL},
		[NET_CLIENT_LEFT] = {E_CLIENT_LEFT, false, CHOICE_UNKNOWN, NULL},
		[NET_STOPPED] = {E_UPSTREAM_ERROR, false, CHOICE_UNKNOWN, NULL},
		[NET_TOO_LARGE] = {E_UPSTREAM_ERROR, false, CHOICE_UNKNOWN, NULL},
		[NET_BREAKER_OPEN] = {E_UPSTREAM_OVERLOADED, true, CHOICE_UNKNOWN, NULL},
	};

	return verdicts[end];
}
