/* Governed calls after they ran: what they cost. */
#include "ai_call.h"

#include <stdio.h>

static void set_reason(struct call_record *r, const char *reason)
{
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
}

static void give_back(struct call_record *r, enum call_status status, const char *reason)
{
	r->status = status;
	r->tokens = (struct token_counts){.input = 0};
	r->cost = 0;
	r->is_estimated = false;
	set_reason(r, reason);
}

/* Nothing reached the client. Input that a provider counts for a call that failed is not the
 * client's; for one that the client gave up it is. */
static bool was_in_vain(const struct ai_call *c, bool has_input)
{
	/* Tokens may be read and then not passed on. */
	bool has_token = c->record->has_first_token && c->record->has_begun;

	return c->end != AI_CALL_COMPLETE && !has_token && (c->end != AI_CALL_LEFT || !has_input);
}

static void price(struct ai_call *c)
{
	struct call_record *r = c->record;
	bool has_input = r->tokens.input + r->tokens.cached + r->tokens.cache_write > 0;

	if (was_in_vain(c, has_input)) {
		give_back(r, CALL_REFUNDED,
			c->end == AI_CALL_LEFT	     ? "the client left before the first token"
			: c->db->fail->cause != NULL ? c->db->fail->cause
						     : "no upstream answered");
		return;
	}
	static const struct {
		enum call_status status;
		const char *reason;
	} ends[] = {
		[AI_CALL_FAILED] = {CALL_CUT, "the upstream broke off"},
		[AI_CALL_COMPLETE] = {CALL_OK, "the upstream reported no usage"},
		[AI_CALL_LEFT] = {CALL_ABORTED, "the client left in the middle"},
		[AI_CALL_GIVEN_UP] = {CALL_CUT, "the answer needed more memory than it may have"},
	};
	r->status = ends[c->end].status;
	if (c->end != AI_CALL_COMPLETE)
		set_reason(r, ends[c->end].reason);
	if (!call_usage_is_credible(r, c->model->context_window, c->max_tokens)) {
		r->tokens = (struct token_counts){.input = 0};
		call_estimate_missing(r, false, false);
		set_reason(r, "the upstream reported more than the call can have used");
	} else if (!has_input || !c->has_usage) {
		call_estimate_missing(r, has_input, false);
		set_reason(r, ends[c->end].reason);
	}
	if (call_price(r) != 0)
		set_reason(r,
			"the upstream reported more than can be priced: the estimate is charged");
}

void ai_call_price(struct ai_call *c)
{
	if (c->is_priced)
		return;
	c->is_priced = true;
	price(c);
	purse_priced(c->record);
}
