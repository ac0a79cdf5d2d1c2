/* Completions for models that have no suffix of their own: prompts with the tokens that a model was
 * trained on, and a chat that asks for the code. Such tokens and tags inside the user's text are
 * broken by a space, so that the text cannot speak for us. */
#include <string.h>

#include "../core/str.h"
#include "fim.h"

enum { TOKENS_MAX = 10, STOP_MAX = 4 };

struct template
{
	const char *name;
	const char *prefix, *suffix, *middle;
	const char *file; /* in front of the path of a file of the context */
	/* All that is special to the model; the first ones end an answer. */
	const char *const token[TOKENS_MAX];
};

static const struct template templates[] = {
	{"qwen", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>",
		{"<|endoftext|>", "<|file_sep|>", "<|fim_prefix|>", "<|fim_suffix|>",
			"<|fim_middle|>", "<|fim_pad|>", "<|repo_name|>", "<|im_start|>",
			"<|im_end|>"}},
	{"starcoder", "<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>",
		{"<|endoftext|>", "<file_sep>", "<fim_prefix>", "<fim_suffix>", "<fim_middle>",
			"<fim_pad>", "<repo_name>", "<filename>"}},
	{"codellama", "<PRE> ", " <SUF>", " <MID>", "#",
		{"<EOT>", "</s>", "<PRE>", "<SUF>", "<MID>", "<s>"}},
	{"deepseek", "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "#",
		{"<｜end▁of▁sentence｜>", "<|EOT|>", "<｜fim▁begin｜>", "<｜fim▁hole｜>",
			"<｜fim▁end｜>", "<｜begin▁of▁sentence｜>"}},
};

/* The tags of the chat, which its text must not hold either. */
static const char *const tags[] = {"<before>", "</before>", "<after>", "</after>", "<file",
	"</file>", "<" FIM_TAG ">", "</" FIM_TAG ">"};

static size_t token_at(const char *text, const char *const *token, size_t n)
{
	for (size_t i = 0; i < n && token[i] != NULL; i++)
		if (str_starts(text, token[i]))
			return strlen(token[i]);
	return 0;
}

/* Appends text; each token in it gets a space behind its first character. */
static void put_neutral(struct buf *b, const char *text, const char *const *token, size_t n)
{
	for (;;) {
		const char *bracket = strchr(text, '<');
		if (bracket == NULL)
			break;
		buf_bytes(b, text, (size_t)(bracket - text) + 1);
		if (token_at(bracket, token, n) > 0)
			buf_char(b, ' ');
		text = bracket + 1;
	}
	buf_str(b, text);
}

static const struct template *template_find(const char *name)
{
	if (str_equal(name, "codegemma"))
		name = "qwen";
	for (size_t i = 0; i < ARRAY_LEN(templates); i++)
		if (str_equal(templates[i].name, name))
			return &templates[i];
	return NULL;
}

bool fim_prompt_make(
	struct arena *a, const struct fim *fim, const char *name, struct fim_prompt *ret)
{
	const struct template *t = template_find(name);
	struct buf b;

	if (t == NULL)
		return false;
	buf_init(&b, a, (size_t)fim->input_bytes + 256);
	for (size_t i = 0; i < fim->n_context; i++) {
		buf_str(&b, t->file);
		put_neutral(&b, fim->context[i].path, t->token, TOKENS_MAX);
		buf_char(&b, '\n');
		put_neutral(&b, fim->context[i].content, t->token, TOKENS_MAX);
		buf_char(&b, '\n');
	}
	if (fim->n_context > 0 && fim->path != NULL) {
		buf_str(&b, t->file);
		put_neutral(&b, fim->path, t->token, TOKENS_MAX);
		buf_char(&b, '\n');
	}
	buf_str(&b, t->prefix);
	put_neutral(&b, fim->prefix, t->token, TOKENS_MAX);
	buf_str(&b, t->suffix);
	put_neutral(&b, fim->suffix, t->token, TOKENS_MAX);
	buf_str(&b, t->middle);

	const char **stop = arena_array(a, const char *, STOP_MAX);
	size_t n = 0;
	for (; n < fim->sampling.n_stop && n < STOP_MAX; n++)
		stop[n] = fim->sampling.stop[n];
	for (size_t i = 0; i < 2 && n < STOP_MAX; i++)
		stop[n++] = t->token[i];
	*ret = (struct fim_prompt){.text = b.data, .stop = stop, .n_stop = n};
	return true;
}

static const char chat_rules[] =
	"You complete source code at the cursor. You are given the text before it in <before> and "
	"the text after it in <after>. Answer with exactly the text that belongs between them, "
	"inside <" FIM_TAG "> and </" FIM_TAG ">: no explanation, no code fence, nothing that is "
	"already there. If nothing fits, leave it empty.";

static void put_tagged(struct buf *b, const char *tag, const char *text)
{
	buf_printf(b, "<%s>", tag);
	put_neutral(b, text, tags, ARRAY_LEN(tags));
	buf_printf(b, "</%s>", tag);
}

static void put_line(struct buf *b, const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	buf_printf(b, "%s: ", name);
	put_neutral(b, text, tags, ARRAY_LEN(tags));
	buf_char(b, '\n');
}

static const char *chat_question(struct arena *a, const struct fim *fim)
{
	struct buf b;

	buf_init(&b, a, (size_t)fim->input_bytes + 256);
	for (size_t i = 0; i < fim->n_context; i++) {
		buf_str(&b, "<file ");
		put_neutral(&b, fim->context[i].path, tags, ARRAY_LEN(tags));
		buf_str(&b, ">\n");
		put_neutral(&b, fim->context[i].content, tags, ARRAY_LEN(tags));
		buf_str(&b, "</file>\n");
	}
	put_line(&b, "Language", fim->language);
	put_line(&b, "File", fim->path);
	put_tagged(&b, "before", fim->prefix);
	buf_char(&b, '\n');
	put_tagged(&b, "after", fim->suffix);
	return b.data;
}

static void message_set(
	struct arena *a, struct chat_message *m, enum chat_role role, const char *text)
{
	struct chat_part *part = arena_new(a, struct chat_part);

	*part = (struct chat_part){.kind = PART_TEXT, .text = text, .length = strlen(text)};
	*m = (struct chat_message){.role = role, .part = part, .n_parts = 1};
}

void fim_as_chat(struct arena *a, const struct fim *fim, struct chat *ret)
{
	struct chat_message *message = arena_array(a, struct chat_message, 2);
	const char **stop = arena_array(a, const char *, STOP_MAX);
	size_t n = 0;

	message_set(a, &message[0], ROLE_SYSTEM, chat_rules);
	message_set(a, &message[1], ROLE_USER, chat_question(a, fim));
	stop[n++] = "</" FIM_TAG ">";
	for (size_t i = 0; i < fim->sampling.n_stop && n < STOP_MAX; i++)
		stop[n++] = fim->sampling.stop[i];
	*ret = (struct chat){
		.model = fim->model,
		.mode = MODE_TAB,
		.is_stream = fim->is_stream,
		.include_usage = fim->include_usage,
		.sampling = fim->sampling,
		.message = message,
		.n_messages = 2,
		.input_bytes = (i64)(message[0].part->length + message[1].part->length),
	};
	ret->sampling.stop = stop;
	ret->sampling.n_stop = n;
}
