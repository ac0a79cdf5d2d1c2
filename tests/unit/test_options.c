/* turnpike.conf: what each faulty line is answered with, what is stored, and that the sample file
 * says the defaults. */
#include "fcgi/core/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fcgi/core/buf.h"
#include "fcgi/core/str.h"

#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X250 X50 X50 X50 X50 X50

static struct arena arena;

static bool limit_row(const char *key, const char *value, void *arg, const char **ret_why)
{
	(void)arg;
	*ret_why = str_equal(key, "auth") ? "expected: COUNT/SECONDS" : "there is no such limit";
	return str_equal(key, "auth") && strchr(value, '/') != NULL;
}

/* What options_read() prints; ret_options is set by it. */
static char *read_text(const char *text, size_t length, struct options *ret, bool *ret_fine)
{
	char *printed = NULL, *kept;
	size_t n;
	FILE *err = open_memstream(&printed, &n);

	assert_non_null(err);
	*ret_fine = options_read(&arena, "t.conf", text, length, ret, limit_row, NULL, err);
	fclose(err);
	kept = arena_strdup(&arena, printed);
	free(printed);
	return kept;
}

static const struct fault_case {
	const char *text;
	const char *printed; /* "": no fault */
} fault_cases[] = {
	{"", ""}, {"# only\n; comments\n\n", ""},
	{"[server]\npublic_url = https://example.com\n", ""},
	{"\xef\xbb\xbf[server]\r\n\tsandbox = yes \r\n", ""},
	{"[pool.core]\n\nconections = 4\n",
		"t.conf:3: unknown key 'conections' in [pool.core]; did you mean 'connections'?\n"},
	{"[server]\nzzzzzzzz = 4\n", "t.conf:2: unknown key 'zzzzzzzz' in [server]\n"},
	{"[smtp]\npasword_file = /x\n",
		"t.conf:2: unknown key 'pasword_file' in [smtp]; did you mean 'password_file'?\n"},
	{"[smtp]\nuser_file = /x\n",
		"t.conf:2: unknown key 'user_file' in [smtp]; did you mean 'ca_file'?\n"},
	{"[oauth.githab]\nclient_id = x\nnonsense\n[server]\nsandbox = no\n",
		"t.conf:1: unknown section [oauth.githab]; did you mean [oauth.github]?\n"},
	{"[" X50 X10 "]\n", "t.conf:1: unknown section [" X50 X10 "]\n"},
	{"[database] port = 1\nport = x\n",
		"t.conf:1: '[database] port = 1' is not a [section] by itself\n"},
	{"[database\nport = x\n", "t.conf:1: '[database' is not a [section] by itself\n"},
	{"port = 1\n", "t.conf:1: 'port' stands before the first [section]\n"},
	{"[database]\nport\nhost = h\npassword hunter2 x\npassword_file\t/x\nhunter2\nhunter2 y\n",
		"t.conf:2: 'port' has no '='; expected: port = VALUE\n"
		"t.conf:4: 'password' has no '='; expected: password = VALUE\n"
		"t.conf:5: 'password_file' has no '='; expected: password_file = VALUE\n"
		"t.conf:6: this is not a comment, a [section] or KEY = VALUE\n"
		"t.conf:7: this is not a comment, a [section] or KEY = VALUE\n"},
	{"[database]\n= 7\n", "t.conf:2: unknown key '' in [database]\n"},
	{"[database]\nport = abc\nname =\ntimeout = 1\n",
		"t.conf:2: 'port' in [database] is 'abc'; expected: a whole number from 1 to "
		"65535\n"
		"t.conf:3: 'name' in [database] is ''; expected: 1 to 64 bytes\n"
		"t.conf:4: 'timeout' in [database] is '1'; expected: a whole number from 2 to "
		"120\n"},
	{"[database]\nport = 3306 ; default\n", "t.conf:2: 'port' in [database] is '3306 ; "
						"default'; expected: a whole number from 1 "
						"to 65535\n"},
	{"[database]\nport = 65536\n[pool.core]\nthreads = 99999999999999999999\n",
		"t.conf:2: 'port' in [database] is '65536'; expected: a whole number from 1 to "
		"65535\n"
		"t.conf:4: 'threads' in [pool.core] is '99999999999999999999'; expected: a whole "
		"number from 1 to 512\n"},
	{"[server]\nsandbox = maybe\n",
		"t.conf:2: 'sandbox' in [server] is 'maybe'; expected: yes or no\n"},
	{"[server]\nlog_level = trace\n",
		"t.conf:2: 'log_level' in [server] is 'trace'; expected: one of "
		"debug|info|warn|error\n"},
	{"[server]\nlog_level =\n", "t.conf:2: 'log_level' in [server] is ''; expected: one of "
				    "debug|info|warn|error\n"},
	{"[smtp]\nfrom_name = \"Turnpike\"\n", "t.conf:2: 'from_name' in [smtp] is '\"Turnpike\"'; "
					       "expected: text without quotes\n"},
	{"[smtp]\nfrom_name = Turnpike # us\n", "t.conf:2: 'from_name' in [smtp] is 'Turnpike # "
						"us'; expected: text without a comment "
						"(it needs a line of its own)\n"},
	{"[server]\nconfig_key = short\n",
		"t.conf:2: 'config_key' in [server] has 5 bytes; expected: 32 to 200 bytes\n"},
	{"[server]\nconfig_key =\n", ""},
	{"[account]\ncron_secret = guessable\n",
		"t.conf:2: 'cron_secret' in [account] has 9 bytes; expected: 16 to 200 bytes\n"},
	{"[account]\ncron_secret =\n", ""},
	{"[server]\nsandbox = no\n\n[server]\nsandbox = yes\n",
		"t.conf:5: 'sandbox' in [server] was given in line 2 already\n"},
	{"[server]\nconfig_key =\nconfig_key_file = /nowhere\n",
		"t.conf:3: 'config_key' in [server] was given in line 2 already\n"},
	{"[server]\nconfig_key_file = /nowhere/at all\n",
		"t.conf:2: 'config_key_file' in [server]: there is no file /nowhere/at all; make "
		"it\n"},
	{"[server]\nconfig_key_file = key\n",
		"t.conf:2: 'config_key_file' in [server] is 'key'; expected: an absolute path\n"},
	{"[server]\nconfig_key_file = /\n",
		"t.conf:2: 'config_key_file' in [server]: / cannot be read: Is a directory\n"},
	{"[server]\nconfig_key_file = /dev/zero\n",
		"t.conf:2: 'config_key_file' in [server]: /dev/zero is not a short text\n"},
	{"[limits]\nmode = dry-run\nauth = 5/60\n", ""},
	{"[limits]\nmode = drill\nauth = 5\nauht = 5/60\n",
		"t.conf:2: 'mode' in [limits] is 'drill'; expected: one of enforce|dry-run\n"
		"t.conf:3: 'auth = 5' in [limits]: expected: COUNT/SECONDS\n"
		"t.conf:4: 'auht = 5/60' in [limits]: there is no such limit\n"},
	{"[limits]\nauth = 5/60\nauth = 6/60\n",
		"t.conf:3: 'auth' in [limits] was given in line 2 already\n"},
	{"[smtp]\nuser = caf\xe9\n", "t.conf:2: the line cannot be read: not UTF-8\n"},
	{"# caf\xe9 in a comment\n", ""},
	{"[smtp]\nuser = a\x01\n",
		"t.conf:2: the line cannot be read: a control character is in it\n"},
	{"[smtp]\nuser = a\rb\n",
		"t.conf:2: the line cannot be read: a control character is in it\n"},
	{"[smtp]\nuser = " X250 X250 X250 X250 "\nport = 1\n",
		"t.conf:2: the line cannot be read: longer than 1000 bytes\n"
		"t.conf:3: unknown key 'port' in [smtp]\n"},
	{"# " X250 X250 X250 X250 X250 "\n", ""},
	{"[smtp]\nuser = " X250 "\n",
		"t.conf:2: 'user' in [smtp] is '" X250 "'; expected: 0 to 200 bytes\n"},
	{"[smtp]\nfrom = " X250 "\n", ""}, /* longer than inih's own lines */
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fault_cases); i++) {
		const struct fault_case *c = &fault_cases[i];
		struct options options;
		bool fine;
		char *printed = read_text(c->text, strlen(c->text), &options, &fine);
		if (!str_equal(printed, c->printed) || fine != (c->printed[0] == '\0'))
			fail_msg("%s: %d, %s", c->text, fine, printed);
		arena_reset(&arena);
	}
}

static void test_nul(void **state)
{
	static const char text[] = "[smtp]\nuser = a\0b\n";
	struct options options;
	bool fine;

	(void)state;
	assert_string_equal(read_text(text, sizeof(text) - 1, &options, &fine),
		"t.conf:2: the line cannot be read: a control character is in it\n");
	assert_false(fine);
	arena_reset(&arena);
}

static const struct value_case {
	const char *line, *name, *printed;
} value_cases[] = {
	{"", "server.public_url", "http://127.0.0.1:8080"},
	{"", "database.port", "3306"},
	{"", "server.sandbox", "no"},
	{"", "server.config_key", "(not set)"},
	{"[server]\nconfig_key = 0123456789abcdef0123456789abcdef", "server.config_key", "(set)"},
	{"[server]\nsandbox = TRUE", "server.sandbox", "yes"},
	{"[server]\nsandbox = on", "server.sandbox", "yes"},
	{"[server]\nsandbox = 1", "server.sandbox", "yes"},
	{"[server]\nsandbox = off", "server.sandbox", "no"},
	{"[server]\nsandbox = 0", "server.sandbox", "no"},
	{"[pool.core]\nthreads=512", "pool.core.threads", "512"},
	{"[pool.core]\nthreads : 007", "pool.core.threads", "7"},
	{"[smtp]\nfrom_name = The \xc3\xa9t\xc3\xa9 #1;x=y:z", "smtp.from_name",
		"The \xc3\xa9t\xc3\xa9 #1;x=y:z"},
	{"[smtp]\nuser =   a  b  ", "smtp.user", "a  b"},
	{"[limits]\nmode = dry-run", "limits.mode", "dry-run"},
	{"[database]\nsocket =", "database.socket", ""},
};

static const char *print_value(const struct options *options, const char *name)
{
	char *printed = NULL, *kept;
	size_t n;
	FILE *out = open_memstream(&printed, &n);

	assert_non_null(out);
	assert_true(options_print_value(options, name, out));
	fclose(out);
	kept = arena_strdup(&arena, printed);
	free(printed);
	return kept;
}

static void test_values(void **state)
{
	struct options options;
	bool fine;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(value_cases); i++) {
		const struct value_case *c = &value_cases[i];
		const char *printed = read_text(c->line, strlen(c->line), &options, &fine);
		if (!fine || !str_equal(print_value(&options, c->name), c->printed))
			fail_msg("%s: %s %s", c->line, printed, print_value(&options, c->name));
		arena_reset(&arena);
	}
	read_text("[database]\npassword = a ;b #c \"", 31, &options, &fine);
	assert_string_equal(options.db_password, "a ;b #c \"");
	assert_false(options_print_value(&options, "server", stdout));
	assert_false(options_print_value(&options, "serve.public_url", stdout));
	assert_null(option_find("server", "public"));
	assert_non_null(option_find("oauth.github", "client_id"));
	arena_reset(&arena);
}

static void test_defaults_are_valid(void **state)
{
	struct options options;

	(void)state;
	for (const struct option_row *o = option_table; o->section != NULL; o++) {
		const char *wrong = option_store(&arena, &options, o, o->fallback);
		if (wrong != NULL)
			fail_msg("%s.%s: %s", o->section, o->key, wrong);
	}
	arena_reset(&arena);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

/* From real files: secrets in files of their own. */
static void test_load(void **state)
{
	static const char key[] = "0123456789abcdef0123456789abcdef";
	char folder[] = "/tmp/turnpike-options-XXXXXX", printed[1000] = "";
	struct options options;

	(void)state;
	assert_non_null(mkdtemp(folder));
	char *conf = arena_printf(&arena, "%s/turnpike.conf", folder);
	char *secret = arena_printf(&arena, "%s/key", folder);
	write_file(conf, arena_printf(&arena, "[server]\nconfig_key_file = %s\n", secret), 0600);

	FILE *err = fmemopen(printed, sizeof(printed), "w");
	write_file(secret, arena_printf(&arena, "%s\n", key), 0600);
	assert_true(options_load(conf, &options, limit_row, NULL, err));
	assert_string_equal(options.config_key, key);
	fflush(err);
	assert_string_equal(printed, "");

	write_file(secret, arena_printf(&arena, "%s \n\n", key), 0644);
	assert_true(options_load(conf, &options, limit_row, NULL, err));
	assert_string_equal(options.config_key, arena_printf(&arena, "%s \n", key));
	fflush(err);
	assert_string_equal(printed,
		arena_printf(&arena, "%s:2: warning: everybody can read %s; chmod o-r %s\n", conf,
			secret, secret));

	fclose(err);
	err = fmemopen(printed, sizeof(printed), "w");
	assert_false(options_load(folder, &options, limit_row, NULL, err));
	fclose(err);
	assert_string_equal(
		printed, arena_printf(&arena, "%s: cannot be read: Is a directory\n", folder));
	unlink(conf);
	unlink(secret);
	rmdir(folder);
	arena_reset(&arena);
}

/* The sample is a fine file as it is, and with every '#' taken off it says the defaults. */
static void test_sample(void **state)
{
	char *sample = NULL;
	struct options options, defaults;
	size_t n, n_keys = 0, n_rows = 0;
	bool fine;
	FILE *out = open_memstream(&sample, &n);

	(void)state;
	options_print_sample(out);
	fclose(out);
	assert_string_equal(read_text(sample, n, &options, &fine), "");
	for (char *p = sample; p < sample + n; p = strchr(p, '\n') + 1) {
		assert_true(strcspn(p, "\n") <= 210);
		if (p[0] == '#' && p[1] >= 'a' && p[1] <= 'z') {
			*p = ' ';
			n_keys++;
		}
	}
	assert_string_equal(read_text(sample, n, &options, &fine), "");
	options_defaults(&defaults);
	for (const struct option_row *o = option_table; o->section != NULL; o++, n_rows++) {
		const char *name = arena_printf(&arena, "%s.%s", o->section, o->key);
		assert_string_equal(print_value(&options, name), print_value(&defaults, name));
	}
	assert_int_equal(n_keys, n_rows);
	free(sample);
	arena_reset(&arena);
}

static void test_list(void **state)
{
	char *list = NULL;
	size_t n;
	FILE *out = open_memstream(&list, &n);

	(void)state;
	options_print(out);
	fclose(out);
	assert_non_null(strstr(list, "\ndatabase.port\tnumber\t3306\t1 to 65535\tMariaDB's port"));
	assert_non_null(strstr(list, "\nserver.sandbox\tbool\tno\tyes|no\tServe"));
	assert_non_null(strstr(list, "\nlimits.mode\tchoice\tenforce\tenforce|dry-run\t"));
	assert_non_null(strstr(list, "\nserver.config_key\tsecret\t\t32 to 200 bytes\t"));
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_defaults_are_valid),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_list),
	};

	arena_init(&arena, 16 * 1024 * 1024);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_free(&arena);
	return failed;
}
