/* Binding: every type, every rule, all faults of a body at once. The notation of a case's outcome:
 * "field:rule" or "field:rule=limit", separated by blanks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/str.h"
#include "fcgi/http/json.h"
#include "fcgi/http/schema.h"

#include <cmocka.h>

static struct arena arena = {.ceiling_bytes = 4 * 1024 * 1024};

struct part {
	const char *name;
	i64 n;
};
SCHEMA(part, STR(part, name, REQUIRED, .min = 1, .max = 5), I64(part, n, .min = 1, .max = 9));

struct all {
	const char *text, *word, *renamed, *mail;
	i64 number, bounded, usd_micro, at_us;
	struct opt_i64 maybe;
	bool yes;
	struct opt_bool maybe_yes;
	struct part *parts;
	size_t n_parts;
	const char *const *tags;
	size_t n_tags;
	const char *in_path, *in_query;
	struct opt_i64 query_number;
};
SCHEMA(all, STR(all, text, REQUIRED, .min = 2, .max = 8), STR(all, word, .values = "ide|web"),
	STR(all, renamed, .json = "other"), STR(all, mail, .max = 6, .error = E_INVALID_EMAIL),
	I64(all, number), I64(all, bounded, .min = -3, .max = 1000),
	USD_MICRO(all, usd_micro, .json = "usd", .min = 0, .max = 5000000),
	TIME_S(all, at_us, .json = "at"), OPT_I64(all, maybe), BOOL(all, yes),
	OPT_BOOL(all, maybe_yes), ARRAY(all, parts, part, .min = 1, .max = 2),
	STR_ARRAY(all, tags, .min = 0, .max = 3), STR(all, in_path, PATH, REQUIRED),
	STR(all, in_query, QUERY, REQUIRED, .max = 3), OPT_I64(all, query_number, QUERY));

struct list {
	struct part *items;
	size_t n_items;
};
SCHEMA_LIST(list, part, .min = 1, .max = 3);

static const struct {
	const char *name, *json, *faults;
	enum error rc;
} body_cases[] = {
	{"the least", "{\"text\":\"ab\"}", "", E_OK},
	{"nothing", "{}", "text:required", E_INVALID_FIELD},
	{"null is absent", "{\"text\":null}", "text:required", E_INVALID_FIELD},
	{"null where it may be", "{\"text\":\"ab\",\"number\":null,\"parts\":null}", "", E_OK},
	{"unknown members are ignored", "{\"text\":\"ab\",\"zz\":[{}]}", "", E_OK},
	{"a member of the path is no member of the body", "{\"text\":\"ab\",\"in_path\":7}", "",
		E_OK},
	{"no object", "[]", ":object", E_INVALID_FIELD},
	{"text for an object", "\"ab\"", ":object", E_INVALID_FIELD},

	{"number for text", "{\"text\":12}", "text:string", E_INVALID_FIELD},
	{"too short", "{\"text\":\"a\"}", "text:min=2", E_INVALID_FIELD},
	{"one character, two bytes", "{\"text\":\"é\"}", "text:min=2", E_INVALID_FIELD},
	{"characters are counted", "{\"text\":\"éééé😀éééé\"}", "text:max=8", E_INVALID_FIELD},
	{"longest", "{\"text\":\"éééé😀ééé\"}", "", E_OK},

	{"a word", "{\"text\":\"ab\",\"word\":\"web\"}", "", E_OK},
	{"another word", "{\"text\":\"ab\",\"word\":\"cli\"}", "word:values", E_INVALID_FIELD},
	{"start of a word", "{\"text\":\"ab\",\"word\":\"id\"}", "word:values", E_INVALID_FIELD},
	{"two words", "{\"text\":\"ab\",\"word\":\"ide|web\"}", "word:values", E_INVALID_FIELD},
	{"empty word", "{\"text\":\"ab\",\"word\":\"\"}", "word:values", E_INVALID_FIELD},
	{"other case", "{\"text\":\"ab\",\"word\":\"Web\"}", "word:values", E_INVALID_FIELD},

	{"its name in JSON", "{\"text\":\"ab\",\"other\":1}", "other:string", E_INVALID_FIELD},
	{"the member's own name is unknown", "{\"text\":\"ab\",\"renamed\":1}", "", E_OK},
	{"an error of its own", "{\"text\":\"ab\",\"mail\":\"1234567\"}", "mail:max=6",
		E_INVALID_EMAIL},

	{"real for an integer", "{\"text\":\"ab\",\"number\":1.0}", "number:integer",
		E_INVALID_FIELD},
	{"exponent", "{\"text\":\"ab\",\"number\":1e2}", "number:integer", E_INVALID_FIELD},
	{"text for an integer", "{\"text\":\"ab\",\"number\":\"1\"}", "number:integer",
		E_INVALID_FIELD},
	{"largest", "{\"text\":\"ab\",\"number\":9223372036854775807}", "", E_OK},
	{"one more", "{\"text\":\"ab\",\"number\":9223372036854775808}", "number:range",
		E_INVALID_FIELD},
	{"largest unsigned", "{\"text\":\"ab\",\"number\":18446744073709551615}", "number:range",
		E_INVALID_FIELD},
	{"smallest", "{\"text\":\"ab\",\"number\":-9223372036854775808}", "", E_OK},
	{"lower bound", "{\"text\":\"ab\",\"bounded\":-3}", "", E_OK},
	{"below", "{\"text\":\"ab\",\"bounded\":-4}", "bounded:min=-3", E_INVALID_FIELD},
	{"upper bound", "{\"text\":\"ab\",\"bounded\":1000}", "", E_OK},
	{"above", "{\"text\":\"ab\",\"bounded\":1001}", "bounded:max=1000", E_INVALID_FIELD},
	{"maybe a number", "{\"text\":\"ab\",\"maybe\":true}", "maybe:integer", E_INVALID_FIELD},

	{"time", "{\"text\":\"ab\",\"at\":253402300799}", "", E_OK},
	{"year 10000", "{\"text\":\"ab\",\"at\":253402300800}", "at:range", E_INVALID_FIELD},
	{"before 1970", "{\"text\":\"ab\",\"at\":-1}", "at:range", E_INVALID_FIELD},
	{"time as a real", "{\"text\":\"ab\",\"at\":1.5}", "at:integer", E_INVALID_FIELD},

	{"number for a switch", "{\"text\":\"ab\",\"yes\":1}", "yes:boolean", E_INVALID_FIELD},
	{"text for a switch", "{\"text\":\"ab\",\"maybe_yes\":\"true\"}", "maybe_yes:boolean",
		E_INVALID_FIELD},

	{"dollars as text", "{\"text\":\"ab\",\"usd\":\"1.5\"}", "usd:number", E_INVALID_FIELD},
	{"negative dollars", "{\"text\":\"ab\",\"usd\":-1}", "usd:range", E_INVALID_FIELD},
	{"dollars with an exponent", "{\"text\":\"ab\",\"usd\":1e-2}", "", E_OK},
	{"dollars above", "{\"text\":\"ab\",\"usd\":5.0000001}", "usd:max=5000000",
		E_INVALID_FIELD},
	{"dollars out of range", "{\"text\":\"ab\",\"usd\":9223372036854.775808}", "usd:range",
		E_INVALID_FIELD},

	{"object for an array", "{\"text\":\"ab\",\"parts\":{}}", "parts:array", E_INVALID_FIELD},
	{"empty array", "{\"text\":\"ab\",\"parts\":[]}", "parts:min=1", E_INVALID_FIELD},
	{"long array", "{\"text\":\"ab\",\"parts\":[{},{},{}]}", "parts:max=2", E_INVALID_FIELD},
	{"faults inside", "{\"text\":\"ab\",\"parts\":[{\"n\":0},{\"name\":\"toolong\"}]}",
		"name:required n:min=1 name:max=5", E_INVALID_FIELD},
	{"item is no object", "{\"text\":\"ab\",\"parts\":[{\"name\":\"a\"},7]}", ":object",
		E_INVALID_FIELD},
	{"null item", "{\"text\":\"ab\",\"parts\":[null]}", ":object", E_INVALID_FIELD},
	{"tags", "{\"text\":\"ab\",\"tags\":[]}", "", E_OK},
	{"tags are text", "{\"text\":\"ab\",\"tags\":[\"a\",1]}", "tags:string", E_INVALID_FIELD},
	{"null tag", "{\"text\":\"ab\",\"tags\":[null]}", "tags:string", E_INVALID_FIELD},
	{"too many tags", "{\"text\":\"ab\",\"tags\":[\"\",\"\",\"\",\"\"]}", "tags:max=3",
		E_INVALID_FIELD},

	{"all faults at once",
		"{\"word\":\"x\",\"other\":[],\"number\":\"\",\"usd\":{},\"at\":\"\",\"yes\":0,"
		"\"maybe\":1.5,\"maybe_yes\":0,\"bounded\":2000,\"parts\":1,\"tags\":1}",
		"text:required word:values other:string number:integer bounded:max=1000 usd:number "
		"at:integer maybe:integer yes:boolean maybe_yes:boolean parts:array tags:array",
		E_INVALID_FIELD},
	{"the first field's error counts", "{\"mail\":\"1234567\",\"number\":\"\"}",
		"text:required mail:max=6 number:integer", E_INVALID_FIELD},
};

static const char *faults_of(const struct fail *f)
{
	struct buf b;

	buf_init(&b, &arena, 0);
	for (size_t i = 0; i < f->n_fault; i++) {
		buf_printf(&b, "%s%s:%s", i > 0 ? " " : "", f->fault[i].field, f->fault[i].rule);
		if (f->fault[i].has_limit)
			buf_printf(&b, "=%lld", (long long)f->fault[i].limit);
	}
	return b.data;
}

/* What binding `json` to s returns; faults are noted in *f. */
static int bind(const struct schema *s, const char *json, void *ret, struct fail *f)
{
	const char *why;
	scoped(json_object) *doc = json_read(&arena, json, strlen(json), &why);

	assert_null(why);
	*f = (struct fail){.arena = &arena};
	return schema_bind_body(s, doc, ret, &arena, f);
}

static void test_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(body_cases); i++) {
		struct all in = {0};
		struct fail f;
		print_message("  %s\n", body_cases[i].name);
		assert_int_equal(bind(&all_schema, body_cases[i].json, &in, &f), body_cases[i].rc);
		assert_string_equal(faults_of(&f), body_cases[i].faults);
		arena_reset(&arena);
	}
}

static void test_values(void **state)
{
	struct all in = {0};
	struct fail f;

	(void)state;
	assert_int_equal(
		bind(&all_schema,
			"{\"text\":\"a\\u00e9\",\"word\":\"ide\",\"other\":\"x\",\"number\":-7,"
			"\"bounded\":0,\"usd\":0.000001,\"at\":5,\"maybe\":0,\"yes\":true,\"maybe_"
			"yes\":"
			"false,\"parts\":[{\"name\":\"p\",\"n\":3},{\"name\":\"q\"}],\"tags\":["
			"\"t\","
			"\"\"]}",
			&in, &f),
		0);
	assert_string_equal(in.text, "aé");
	assert_string_equal(in.word, "ide");
	assert_string_equal(in.renamed, "x");
	assert_null(in.mail);
	assert_int_equal(in.number, -7);
	assert_int_equal(in.bounded, 0);
	assert_int_equal(in.usd_micro, 1);
	assert_int_equal(in.at_us, 5000000);
	assert_true(in.maybe.has);
	assert_int_equal(in.maybe.value, 0);
	assert_true(in.yes);
	assert_true(in.maybe_yes.has);
	assert_false(in.maybe_yes.value);
	assert_int_equal(in.n_parts, 2);
	assert_string_equal(in.parts[0].name, "p");
	assert_int_equal(in.parts[0].n, 3);
	assert_string_equal(in.parts[1].name, "q");
	assert_int_equal(in.parts[1].n, 0);
	assert_int_equal(in.n_tags, 2);
	assert_string_equal(in.tags[0], "t");
	assert_string_equal(in.tags[1], "");
	arena_reset(&arena);
}

static void test_lists(void **state)
{
	static const struct {
		const char *json, *faults;
		size_t n;
	} cases[] = {
		{"{\"name\":\"a\"}", "", 1},
		{"[{\"name\":\"a\"}]", "", 1},
		{"[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]", "", 3},
		{"[]", "items:min=1", 0},
		{"[{},{},{},{}]", "items:max=3", 0},
		{"{}", "name:required", 1},
		{"null", ":object", 1},
		{"7", ":object", 1},
		{"[[]]", ":object", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct list in = {0};
		struct fail f;
		print_message("  %s\n", cases[i].json);
		int rc = bind(&list_schema, cases[i].json, &in, &f);
		assert_string_equal(faults_of(&f), cases[i].faults);
		assert_int_equal(rc, cases[i].faults[0] == '\0' ? 0 : E_INVALID_FIELD);
		assert_int_equal(in.n_items, cases[i].n);
		arena_reset(&arena);
	}
}

static const struct field *field_named(const char *name)
{
	for (size_t i = 0; i < all_schema.n_fields; i++)
		if (str_equal(all_schema.field[i].member, name))
			return &all_schema.field[i];
	fail_msg("no field %s", name);
	return NULL;
}

static void test_text(void **state)
{
	static const struct {
		const char *field, *text, *faults;
		int rc;
	} cases[] = {
		{"in_query", "abc", "", 0},
		{"in_query", "abcd", "in_query:max=3", E_INVALID_FIELD},
		{"in_path", "", "", 0},
		{"word", "no", "word:values", E_INVALID_FIELD},
		{"query_number", "12", "", 0},
		{"query_number", "-9223372036854775808", "", 0},
		{"query_number", "9223372036854775808", "query_number:integer", E_INVALID_FIELD},
		{"query_number", "", "query_number:integer", E_INVALID_FIELD},
		{"query_number", "1x", "query_number:integer", E_INVALID_FIELD},
		{"bounded", "1001", "bounded:max=1000", E_INVALID_FIELD},
		{"mail", "1234567", "mail:max=6", E_INVALID_EMAIL},
		{"yes", "true", "", E_INTERNAL},
		{"usd_micro", "1", "", E_INTERNAL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fail f = {.arena = &arena};
		struct all in = {0};
		print_message("  %s = '%s'\n", cases[i].field, cases[i].text);
		assert_int_equal(
			schema_bind_text(field_named(cases[i].field), cases[i].text, &in, &f),
			cases[i].rc);
		assert_string_equal(faults_of(&f), cases[i].faults);
		arena_reset(&arena);
	}
}

static void test_required_text(void **state)
{
	struct all in = {0};
	struct fail f = {.arena = &arena};

	(void)state;
	assert_int_equal(schema_check_required(&all_schema, PLACE_QUERY, &in, &f), E_INVALID_FIELD);
	assert_string_equal(faults_of(&f), "in_query:required");
	in.in_query = "";
	fail_clear(&f);
	assert_int_equal(schema_check_required(&all_schema, PLACE_QUERY, &in, &f), 0);
	assert_int_equal(f.n_fault, 0);
	arena_reset(&arena);
}

/* Types of answers are refused as input, with a cause for the log and no fault of the client. */
struct answer {
	i64 cents;
};
SCHEMA(answer, CENTS(answer, cents));

static void test_output_types_are_no_input(void **state)
{
	struct answer in = {0};
	struct fail f;

	(void)state;
	assert_int_equal(bind(&answer_schema, "{\"cents\":1}", &in, &f), E_INTERNAL);
	assert_int_equal(f.n_fault, 0);
	assert_string_equal(f.cause, "field cents cannot be input");
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_required_text),
		cmocka_unit_test(test_output_types_are_no_input),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_free(&arena);
	return failed;
}
