/* Governed calls before they run: which model, by which routes, and what is reserved for it. */
#include "ai_call.h"

#include "../fcgi/core/clock.h"
#include "usage.h"

static const char *const mode_names[] = {
	[MODE_CHAT] = "chat",
	[MODE_PLAN] = "plan",
	[MODE_AGENT] = "agent",
	[MODE_TAB] = "tab",
};

static int check_abilities(struct ai_call *c)
{
	unsigned has = c->model->capabilities;

	if (c->endpoint == CALL_COMPLETIONS ? (has & (MODEL_FIM | MODEL_CHAT)) == 0
					    : (has & MODEL_CHAT) == 0)
		return fail(c->db->fail, E_BAD_REQUEST, "The model '%s' is not for this route.",
			c->model->id);
	if (c->chat != NULL && c->chat->n_tools > 0 && (has & MODEL_TOOLS) == 0)
		return fail(
			c->db->fail, E_BAD_REQUEST, "The model '%s' knows no tools.", c->model->id);
	if (c->n_images > 0 && (has & MODEL_VISION) == 0)
		return fail(
			c->db->fail, E_BAD_REQUEST, "The model '%s' sees no images.", c->model->id);
	return 0;
}

/* The model as it is sold to clients that speak the dialect of its upstreams with us. */
static int keep_raw_routes(struct ai_call *c)
{
	struct model *model = arena_memdup(c->db->arena, c->model, sizeof(*model));
	struct model_route *route =
		arena_array(c->db->arena, struct model_route, c->model->n_routes);

	model->n_routes = 0;
	for (size_t i = 0; i < c->model->n_routes; i++)
		if (model_route_dialect(&c->model->route[i])->write_raw != NULL)
			route[model->n_routes++] = c->model->route[i];
	model->route = route;
	if (model->n_routes == 0)
		return fail(c->db->fail, E_BAD_REQUEST,
			"The model '%s' is not served here; use POST /v1/chat/completions.",
			model->id);
	c->model = model;
	return 0;
}

static int find_model(struct ai_call *c)
{
	c->models = models_get();
	if (c->models == NULL)
		return fail_cause(c->db->fail, E_UNAVAILABLE, "no catalog is loaded");
	c->model = models_find(c->models, c->model_name);
	if (c->model == NULL)
		return fail(c->db->fail, E_MODEL_NOT_FOUND,
			"There is no model '%.100s'; GET /v1/models lists them.", c->model_name);
	if (!model_entitled(c->model, models_rank(c->models, c->plan)))
		return fail(c->db->fail, E_MODEL_NOT_ALLOWED, "The model '%s' needs the tier '%s'.",
			c->model->id, c->model->requires_tier);
	TRY(check_abilities(c));
	return c->raw != NULL ? keep_raw_routes(c) : 0;
}

static void bound_output(struct ai_call *c)
{
	if (c->max_tokens == 0)
		c->max_tokens = c->model->default_max_output;
	if (c->max_tokens > c->model->max_output_tokens)
		c->max_tokens = c->model->max_output_tokens;
}

/* What the tier allows for one call. */
static int check_tier(const struct ai_call *c, const struct model_plan *tier, i64 estimate)
{
	i64 max = tier != NULL && tier->credits_per_request.has
			  ? tier->credits_per_request.value * MICRO_PER_CREDIT
			  : INT64_MAX;

	if (estimate <= max)
		return 0;
	fail_decimal(c->db->fail, "required", money_charge_hundredths(estimate), 2);
	return fail(c->db->fail, E_FORBIDDEN,
		"The tier '%s' allows %lld credits for one call; ask for fewer tokens.", tier->tier,
		(long long)tier->credits_per_request.value);
}

/* What it allows for a day is used up, or reserved for calls under way. */
static int day_is_over(struct ai_call *c, const struct model_plan *tier, i64 now_us)
{
	struct fail *f = c->db->fail;

	fail_clear(f);
	f->no_retry = true;
	f->retry_after_s =
		(usage_day_start_us(usage_day(now_us) + 1) - now_us + US_PER_S - 1) / US_PER_S;
	return fail(f, E_RATE_LIMITED,
		"The tier '%s' allows %lld credits a day, until midnight UTC.", tier->tier,
		(long long)tier->credits_per_day.value);
}

static int reserve(struct ai_call *c)
{
	const struct model_plan *tier = models_plan_of(c->models, models_rank(c->models, c->plan));
	struct call_request q = {
		.user_id = c->user_id,
		.endpoint = c->endpoint,
		.request_id = c->request_id,
		.mode = mode_names[c->mode],
		.model = c->model->id,
		.catalog_id = c->models->version,
		.price = c->model->price,
		.input_bytes = c->input_bytes,
		.n_images = c->n_images,
		.now_us = clock_now_us(),
	};

	if (model_estimate(c->model, c->input_bytes, c->n_images, c->max_tokens, &q.estimate) != 0)
		return fail(c->db->fail, E_BAD_REQUEST, "This call is too large.");
	if (q.estimate == 0) /* a model that costs nothing is counted all the same */
		q.estimate = 1;
	TRY(check_tier(c, tier, q.estimate));
	if (tier != NULL && tier->credits_per_day.has)
		q.day_max = (struct opt_i64){true, tier->credits_per_day.value * MICRO_PER_CREDIT};
	int rc = purse_admit(c->db, &q, &c->record);
	return rc == E_RATE_LIMITED ? day_is_over(c, tier, q.now_us) : rc;
}

/* When the arena is reset: also where the handler was left by a jump. */
static void leave(void *arg)
{
	struct ai_call *c = arg;

	choice_done(&c->choice, CHOICE_UNKNOWN, 0);
	if (c->record != NULL && !c->is_free) {
		ai_call_price(c);
		purse_finish(c->record);
	}
	models_put(c->models);
}

int ai_call_begin(struct ai_call *c)
{
	arena_defer(c->db->arena, leave, c);
	TRY(find_model(c));
	bound_output(c);
	if (!c->is_free)
		return reserve(c);
	c->record = arena_new(c->db->arena, struct call_record);
	c->record->started_mono_us = clock_mono_us();
	c->is_priced = true;
	return 0;
}
