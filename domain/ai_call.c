/* Governed calls. */
#include "ai_call.h"

#include <stdio.h>
#include <string.h>

#include "../fcgi/core/clock.h"
#include "../fcgi/core/log.h"
#include "../fcgi/core/metrics.h"
#include "../fcgi/core/str.h"
#include "route_choice.h"

/* gateway.md section 2.4, in milliseconds. */
static const struct budget {
	const char *name;
	i64 connect, first_byte, idle, stream, whole;
} budgets[] = {
	[MODE_CHAT] = {"chat", 10000, 60000, 60000, 300000, 120000},
	[MODE_PLAN] = {"plan", 10000, 90000, 120000, 900000, 300000},
	[MODE_AGENT] = {"agent", 10000, 120000, 180000, 1800000, 600000},
	[MODE_TAB] = {"tab", 2000, 4000, 4000, 10000, 6000},
};

/* One upstream asked once. */
struct attempt {
	struct ai_call *c;
	struct choice *choice;
	struct answer_reader *reader;
	bool is_over;	   /* the upstream said that this was all */
	bool client_left;  /* the sink said so */
	int bad;	   /* what its bytes were refused with */
	int error_status;  /* of an error in the middle of an answer: what it stands for, or 0 */
	const char *error; /* its text */
};

static void set_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

/* --- before ----------------------------------------------------------------------------------- */

static int check_abilities(struct ai_call *c)
{
	unsigned has = c->model->capabilities;

	if (c->endpoint == CALL_COMPLETIONS ? (has & (MODEL_FIM | MODEL_CHAT)) == 0
					    : (has & MODEL_CHAT) == 0)
		return fail(c->db->fail, E_BAD_REQUEST, "The model '%s' is not for this route.",
			c->model->id);
	if (c->chat != NULL && c->chat->n_tools > 0 && (has & MODEL_TOOLS) == 0)
		return fail(c->db->fail, E_BAD_REQUEST, "The model '%s' knows no tools.",
			c->model->id);
	if (c->n_images > 0 && (has & MODEL_VISION) == 0)
		return fail(c->db->fail, E_BAD_REQUEST, "The model '%s' sees no images.",
			c->model->id);
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
	if (!model_entitled(c->model, c->plan_rank))
		return fail(c->db->fail, E_MODEL_NOT_ALLOWED,
			"The model '%s' needs the tier '%s'.", c->model->id,
			c->model->requires_tier);
	return check_abilities(c);
}

static int reserve(struct ai_call *c)
{
	struct call_request q = {
		.user_id = c->user_id,
		.endpoint = c->endpoint,
		.request_id = c->request_id,
		.mode = budgets[c->mode].name,
		.model = c->model->id,
		.catalog_id = c->models->version,
		.price = c->model->price,
		.input_bytes = c->input_bytes,
		.n_images = c->n_images,
		.now_us = clock_now_us(),
	};

	if (c->max_tokens == 0)
		c->max_tokens = c->model->default_max_output;
	if (c->max_tokens > c->model->max_output_tokens)
		c->max_tokens = c->model->max_output_tokens;
	if (model_estimate(c->model, c->input_bytes, c->n_images, c->max_tokens, &q.estimate) != 0)
		return fail(c->db->fail, E_BAD_REQUEST, "This call is too large.");
	if (q.estimate == 0) /* a model that costs nothing is counted all the same */
		q.estimate = 1;
	return purse_admit(c->db, &q, &c->record);
}

int ai_call_begin(struct ai_call *c)
{
	int rc = find_model(c);

	if (rc == 0)
		rc = reserve(c);
	if (rc != 0) {
		models_put(c->models);
		c->models = NULL;
	}
	return rc;
}

/* --- while it runs ---------------------------------------------------------------------------- */

static void note_first_token(struct ai_call *c)
{
	struct call_record *r = c->record;

	if (r->has_first_token)
		return;
	r->has_first_token = true;
	r->first_token_us = clock_mono_us() - r->started_mono_us;
}

static void note_event(struct attempt *a, const struct chat_event *e)
{
	struct call_record *r = a->c->record;

	switch (e->kind) {
	case EVENT_TEXT:
	case EVENT_REASONING:
	case EVENT_REFUSAL:
	case EVENT_TOOL_INPUT:
	case EVENT_TOOL_START:
		note_first_token(a->c);
		r->relayed_bytes += (i64)e->length;
		break;
	case EVENT_USAGE:
		r->tokens = e->usage;
		break;
	case EVENT_ERROR:
		a->error = arena_strdup(a->c->db->arena, e->text);
		a->error_status = e->status;
		break;
	case EVENT_END:
		a->is_over = true;
		break;
	case EVENT_START:
	case EVENT_FINISH:
		break;
	}
}

static int on_event(void *arg, const struct chat_event *e)
{
	struct attempt *a = arg;
	struct ai_call *c = a->c;

	note_event(a, e);
	if (e->kind == EVENT_ERROR || e->kind == EVENT_USAGE || e->kind == EVENT_END)
		return 0; /* what becomes of them is decided at the end */
	c->has_begun = c->has_begun || c->is_stream;
	if (c->on_event == NULL || c->on_event(c->arg, e) == 0)
		return 0;
	a->client_left = true;
	return -1;
}

static int on_data(void *arg, const char *data, size_t length)
{
	struct attempt *a = arg;
	struct ai_call *c = a->c;

	if (c->on_bytes != NULL) {
		c->has_begun = true;
		if (c->on_bytes(c->arg, data, length) != 0) {
			a->client_left = true;
			return -1;
		}
	}
	int rc = answer_feed(a->reader, data, length, c->db->fail);
	if (rc > 0)
		a->bad = rc;
	return rc;
}

static int on_quiet(void *arg)
{
	struct attempt *a = arg;

	if (!a->c->has_begun || a->c->on_quiet == NULL || a->c->on_quiet(a->c->arg) == 0)
		return 0;
	a->client_left = true;
	return -1;
}

/* What this upstream is sent. */
static int write_call(struct attempt *a, struct upstream_call *ret)
{
	const struct ai_call *c = a->c;
	const struct model_route *route = a->choice->route;
	const struct dialect_upstream *dialect =
		dialect_upstream_find(provider_dialect_names[route->provider->dialect]);
	struct upstream_model m = {
		.name = route->upstream_model,
		.api_version = route->provider->api_version,
		.max_tokens = c->max_tokens,
		.pass_sampling = c->model->passes_sampling,
		.has_reasoning = c->model->allows_reasoning,
		.max_completion_tokens = route->provider->max_completion_tokens,
	};
	struct arena *arena = c->db->arena;

	a->reader = dialect->reader(arena, on_event, a);
	if (c->chat != NULL && dialect->write_chat != NULL)
		return dialect->write_chat(
			arena, c->chat, &m, a->choice->key->secret, ret, c->db->fail);
	if (c->fim != NULL && dialect->write_fim != NULL) {
		a->reader = dialect->reader(arena, fim_filter_event,
			fim_filter_new(arena, c->fim, dialect, on_event, a));
		return dialect->write_fim(
			arena, c->fim, &m, a->choice->key->secret, ret, c->db->fail);
	}
	return fail_cause(c->db->fail, E_INTERNAL, "%s does not speak the dialect of %s",
		route->provider->id, call_endpoint_names[c->endpoint]);
}

static void note_route(struct ai_call *c, const struct choice *choice)
{
	struct call_record *r = c->record;

	r->attempts++;
	r->price = choice->route->price;
	r->tokens = (struct token_counts){.input = 0};
	set_text(r->provider, sizeof(r->provider), choice->route->provider->id);
	set_text(r->upstream_model, sizeof(r->upstream_model), choice->route->upstream_model);
	set_text(r->key_label, sizeof(r->key_label), choice->key->label);
}

/* Time-outs of the mode, less what other attempts have used. */
static void set_times(const struct ai_call *c, struct net_stream *call)
{
	const struct budget *b = &budgets[c->mode];
	i64 used_ms = (clock_mono_us() - c->record->started_mono_us) / US_PER_MS;

	call->connect_ms = b->connect;
	call->total_ms = (c->is_stream ? b->stream : b->whole) - used_ms;
	if (call->total_ms < 1)
		call->total_ms = 1;
	call->first_byte_ms = c->is_stream ? b->first_byte : call->total_ms;
	call->idle_ms = c->is_stream ? b->idle : 0;
	call->quiet_ms = c->is_stream ? QUIET_MS : 0;
}
