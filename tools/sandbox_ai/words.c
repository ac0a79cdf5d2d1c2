/* What a model says: words that a test can foretell. Token i of a text is word i of sixteen. */
#include <string.h>

#include "answer.h"

enum { WORDS = 16 };

static const char *const plain_words[WORDS] = {"alpha ", "bravo ", "charlie ", "delta ", "echo ",
	"foxtrot ", "golf ", "hotel ", "india ", "juliett ", "kilo ", "lima ", "mike ", "november ",
	"oscar ", "papa "};

/* Two, three and four bytes a character. */
static const char *const wide_words[WORDS] = {"grün ", "naïve ", "日本 ", "мир ", "🙂 ", "café ",
	"한국 ", "Ωmega ", "żółć ", "中文 ", "🚀 ", "señor ", "ελιά ", "ไทย ", "ёж ", "𝄞 "};

static const char broken_word[] = "\xc3\x28\xff\xed\xa0\x80 "; /* no UTF-8 in five ways */

void answer_token_at(const struct answer *a, i64 number, struct token *ret)
{
	*ret = (struct token){TOKEN_THINK, number, a->n_think, 0};
	if (ret->at < ret->of)
		return;
	*ret = (struct token){TOKEN_TEXT, number - a->n_think, a->n_say, 0};
	if (ret->at < ret->of)
		return;
	ret->kind = TOKEN_TOOL;
	ret->at -= a->n_say;
	ret->of = answer_call_tokens(a, 0);
	while (ret->at >= ret->of) {
		ret->at -= ret->of;
		ret->of = answer_call_tokens(a, ++ret->call);
	}
}

/* The first calls take one more where the tokens cannot be shared evenly. */
i64 answer_call_tokens(const struct answer *a, i64 call)
{
	return a->n_tool / a->n_call + (call < a->n_tool % a->n_call ? 1 : 0);
}

void answer_word(struct answer *a, const struct token *t, struct bytes *ret)
{
	const char *word = plain_words[t->at % WORDS];

	if (a->ask.plan.utf8 != UTF8_OFF)
		word = wide_words[t->at % WORDS];
	if (a->ask.plan.utf8 == UTF8_BAD && t->at % 4 == 1)
		word = broken_word;
	if (t->kind != TOKEN_TOOL) {
		bytes_str(ret, word);
		if (t->kind == TOKEN_TEXT && ret == a->frame)
			a->pad_at = ret->length;
		return;
	}
	/* {"text":"bravo charlie "}, the first and the last fragment being the frame of it */
	if (t->at == 0)
		bytes_str(ret, "{\"text\":\"");
	else if (t->at < t->of - 1)
		bytes_str(ret, word);
	if (t->at == t->of - 1)
		bytes_str(ret, "\"}");
}

void answer_words(struct answer *a, enum token_kind kind, i64 call, struct bytes *ret)
{
	struct token t = {kind, 0, kind == TOKEN_THINK ? a->n_think : a->n_say, call};

	if (kind == TOKEN_TOOL)
		t.of = answer_call_tokens(a, call);
	for (; t.at < t.of; t.at++)
		answer_word(a, &t, ret);
}
