/* The dialects of fill-in-the-middle upstreams (upstreams.md 12): OpenAI's completions with a
 * suffix or a model's own tokens, Mistral's FIM, llama.cpp's infill, and any chat model as a last
 * resort. */
#include "fim.h"

#include "dialects.h"
#include "openai.h"
#include "put.h"
#include "upstream_error.h"

enum { AROUND_BYTES = 1024 };

static size_t fim_bytes(const struct fim *fim)
{
	return (size_t)fim->input_bytes + (size_t)fim->input_bytes / 8 + AROUND_BYTES;
}

static void put_sampling(struct buf *b, const struct sampling *s, const struct upstream_model *m)
{
	if (!m->pass_sampling)
		return;
	put_json(b, "temperature", s->temperature);
	put_json(b, "top_p", s->top_p);
}

static void call_end(struct arena *a, struct buf *b, const char *path, const struct fim *fim,
	const struct upstream_model *m, const char *key, struct upstream_call *ret)
{
	buf_char(b, '}');
	*ret = (struct upstream_call){.path = path, .body = b->data, .body_length = b->length};
	openai_headers(a, m, fim->is_stream, key, ret);
}

/* The prefix with the context's files in front of it: how a file begins is "<mark>PATH\n". */
static const char *prefix_with_context(struct arena *a, const struct fim *fim, const char *mark)
{
	struct buf b;

	if (fim->n_context == 0)
		return fim->prefix;
	buf_init(&b, a, fim_bytes(fim));
	for (size_t i = 0; i < fim->n_context; i++) {
		buf_str(&b, mark);
		buf_str(&b, fim->context[i].path);
		buf_char(&b, '\n');
		buf_str(&b, fim->context[i].content);
		buf_char(&b, '\n');
	}
	buf_str(&b, mark);
	buf_str(&b, fim->path != NULL ? fim->path : "");
	buf_char(&b, '\n');
	buf_str(&b, fim->prefix);
	return b.data;
}

static int write_openai(struct arena *a, const struct fim *fim, const struct upstream_model *m,
	const char *key, struct upstream_call *ret, struct fail *fail)
{
	struct fim_prompt prompt = {.stop = fim->sampling.stop, .n_stop = fim->sampling.n_stop};
	struct buf b;

	if (m->fim_template == NULL)
		prompt.text = prefix_with_context(a, fim, "#");
	else if (!fim_prompt_make(a, fim, m->fim_template, &prompt))
		return fail_cause(
			fail, E_INTERNAL, "no template of prompts is called %s", m->fim_template);
	buf_init(&b, a, fim_bytes(fim));
	buf_str(&b, "{\"model\":");
	buf_json(&b, m->name);
	put_text(&b, "prompt", prompt.text);
	if (m->fim_template == NULL && fim->suffix[0] != '\0')
		put_text(&b, "suffix", fim->suffix);
	put_i64(&b, "max_tokens", upstream_max_tokens(&fim->sampling, m));
	put_sampling(&b, &fim->sampling, m);
	put_texts(&b, "stop", prompt.stop, prompt.n_stop);
	put_json(&b, "seed", fim->sampling.seed);
	put_stream(&b, fim->is_stream, m);
	call_end(a, &b, "/completions", fim, m, key, ret);
	return 0;
}

static int write_mistral(struct arena *a, const struct fim *fim, const struct upstream_model *m,
	const char *key, struct upstream_call *ret, struct fail *fail)
{
	struct buf b;

	(void)fail;
	buf_init(&b, a, fim_bytes(fim));
	buf_str(&b, "{\"model\":");
	buf_json(&b, m->name);
	put_text(&b, "prompt", prefix_with_context(a, fim, "+++++ "));
	if (fim->suffix[0] != '\0')
		put_text(&b, "suffix", fim->suffix);
	put_i64(&b, "max_tokens", upstream_max_tokens(&fim->sampling, m));
	put_sampling(&b, &fim->sampling, m);
	put_texts(&b, "stop", fim->sampling.stop, fim->sampling.n_stop);
	put_json(&b, "random_seed", fim->sampling.seed);
	put_true(&b, "stream", fim->is_stream);
	call_end(a, &b, "/v1/fim/completions", fim, m, key, ret);
	return 0;
}

static void put_extra(struct buf *b, const struct fim *fim)
{
	for (size_t i = 0; i < fim->n_context; i++) {
		buf_str(b, i == 0 ? ",\"input_extra\":[{\"filename\":" : ",{\"filename\":");
		buf_json(b, fim->context[i].path);
		put_text(b, "text", fim->context[i].content);
		buf_char(b, '}');
	}
	if (fim->n_context > 0)
		buf_char(b, ']');
}

static int write_llamacpp(struct arena *a, const struct fim *fim, const struct upstream_model *m,
	const char *key, struct upstream_call *ret, struct fail *fail)
{
	struct buf b;

	(void)fail;
	buf_init(&b, a, fim_bytes(fim));
	buf_str(&b, "{\"input_prefix\":");
	buf_json(&b, fim->prefix);
	put_text(&b, "input_suffix", fim->suffix);
	put_extra(&b, fim);
	put_i64(&b, "n_predict", upstream_max_tokens(&fim->sampling, m));
	put_sampling(&b, &fim->sampling, m);
	put_texts(&b, "stop", fim->sampling.stop, fim->sampling.n_stop);
	put_json(&b, "seed", fim->sampling.seed);
	put_true(&b, "stream", fim->is_stream);
	call_end(a, &b, "/infill", fim, m, key, ret);
	return 0;
}

/* --- llama.cpp's own answers: objects with content; the one with stop:true is the last --- */

struct infill {
	struct pull_text content, stop_type;
	bool has_content, is_last, is_limit, has_error;
	i64 n_prompt, n_predicted;
	struct upstream_error error;
};

static void pull_infill_member(struct pull *p, const struct pull_text *name, struct infill *f)
{
	if (pull_is(name, "content"))
		f->has_content = pull_string(p, &f->content) || f->has_content;
	else if (pull_is(name, "stop"))
		pull_bool(p, &f->is_last);
	else if (pull_is(name, "stop_type"))
		pull_string(p, &f->stop_type);
	else if (pull_is(name, "stopped_limit"))
		pull_bool(p, &f->is_limit);
	else if (pull_is(name, "tokens_evaluated"))
		answer_count(p, &f->n_prompt);
	else if (pull_is(name, "tokens_predicted"))
		answer_count(p, &f->n_predicted);
	else if (pull_is(name, "error") && pull_peek(p) != 'n') {
		f->has_error = true;
		upstream_error_pull(p, &f->error);
	} else
		pull_skip(p);
}

static int read_infill(struct answer_reader *r, const char *data, size_t length, bool is_whole)
{
	struct infill f = {.n_prompt = -1, .n_predicted = -1};
	struct pull_text name;
	struct pull p;

	pull_init(&p, data, length);
	for (bool more = pull_object(&p); more && pull_member(&p, &name);)
		pull_infill_member(&p, &name, &f);
	if (!pull_end(&p) || (!f.has_content && !f.has_error))
		return answer_garbage(r, &p);
	if (f.has_error)
		return answer_error(r, &f.error.message, f.error.status);
	TRY(answer_start(r));
	TRY(answer_text(r, EVENT_TEXT, 0, &f.content));
	if (!f.is_last && !is_whole)
		return 0;
	if (f.n_prompt >= 0 || f.n_predicted >= 0) {
		r->usage = (struct token_counts){
			.input = f.n_prompt > 0 ? f.n_prompt : 0,
			.output = f.n_predicted > 0 ? f.n_predicted : 0,
		};
		TRY(answer_usage(r));
	}
	bool is_limit = f.is_limit || (f.stop_type.at != NULL && pull_is(&f.stop_type, "limit"));
	TRY(answer_finish(r, is_limit ? FINISH_LENGTH : FINISH_STOP));
	return answer_done(r);
}

static int infill_frame(
	struct answer_reader *r, const struct pull_text *name, const char *data, size_t length)
{
	(void)name;
	if (pull_is(&(struct pull_text){data, length, false}, "[DONE]"))
		return answer_done(r);
	return read_infill(r, data, length, false);
}

static int infill_whole(struct answer_reader *r, const char *body, size_t length)
{
	return read_infill(r, body, length, true);
}

static const struct answer_decoder infill_decoder = {infill_frame, infill_whole};

static struct answer_reader *openai_reader(struct arena *a, chat_sink *sink, void *arg)
{
	return answer_new(a, &openai_decoder, sink, arg);
}

static struct answer_reader *infill_reader(struct arena *a, chat_sink *sink, void *arg)
{
	return answer_new(a, &infill_decoder, sink, arg);
}

const struct dialect_upstream dialect_fim_openai = {
	.name = "fim_openai",
	.write_fim = write_openai,
	.reader = openai_reader,
	.read_error = upstream_error_read,
};

const struct dialect_upstream dialect_fim_mistral = {
	.name = "fim_mistral",
	.write_fim = write_mistral,
	.reader = openai_reader,
	.read_error = upstream_error_read,
};

const struct dialect_upstream dialect_fim_llamacpp = {
	.name = "fim_llamacpp",
	.write_fim = write_llamacpp,
	.reader = infill_reader,
	.read_error = upstream_error_read,
};
