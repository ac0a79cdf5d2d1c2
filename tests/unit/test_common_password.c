/* Which passwords are refused: what everybody tries first, the account's address, the brand; and
 * that nothing is refused that chance has made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "domain/common_password.h"
#include "domain/password.h"
#include "fcgi/core/crypto.h"

#include <cmocka.h>

/* All of them known from published leaks. */
static const char *const common[] = {"123456789012", "1234567890123", "12345678901234567890",
	"012345678910", "123456789101", "1234567891011", "111111111111", "000000000000",
	"121212121212", "123123123123", "123321123321", "112233445566", "111222333444",
	"111222333000", "102030405060", "010203040506", "987654321098", "098765432109",
	"147258369147", "159753456852", "789456123789", "123654789123", "123456654321",
	"12345678987654321", "1234567887654321", "123456123456", "password1234", "password12345",
	"passwordpassword", "password123!", "Password123!", "Password2024", "PASSWORD1234",
	"p@ssw0rd1234", "P@$$w0rd2023", "passw0rd!!!!", "mypassword123", "password!@#$",
	"1password123", "drowssap1234", "qwertyuiop[]", "qwertyuiop123", "qwertyuiopasdf",
	"qwerty123456", "Qwerty123456!", "qwertyqwerty", "qwerty654321", "123456qwerty",
	"123qwe123qwe", "1q2w3e4r5t6y", "q1w2e3r4t5y6", "1q2w3e4r5t6y7u8i", "1qaz2wsx3edc",
	"1qaz2wsx3edc4rfv", "zaq12wsxcde3", "1qazxsw23edc", "qazwsxedcrfv", "qwerasdfzxcv",
	"1234qwerasdf", "123qweasdzxc", "qweasdzxc123", "asdfghjkl123", "asdfasdfasdf",
	"zxcvbnm12345", "zxcvbnmasdfghjkl", "azertyuiop123", "poiuytrewq123", "abcdefghijkl",
	"abcdefghijklmnopqrstuvwxyz", "abcd1234abcd", "abc123abc123", "a1b2c3d4e5f6",
	"aaaaaaaaaaaa", "aaaaaabbbbbb", "aabbccddeeff", "iloveyou1234", "iloveyousomuch",
	"iloveyouforever", "iloveyou2024", "ilovemymother", "iloveyoubaby", "loveyouforever",
	"letmein12345", "letmeinletmein", "welcome12345", "Welcome@2023", "changeme1234",
	"administrator", "admin1234567", "adminadminadmin", "trustno1trustno1", "monkey123456",
	"dragon123456", "superman1234", "liverpool123", "manchesterunited", "princess1234",
	"princess2005", "football1234", "baseball2020", "sunshine1234", "Summer2023!!",
	"christopher1", "michael12345", "jennifer1234", "charlotte2019", "sebastian123",
	"butterfly123", "chocolate123", "chocolatecake", "basketball23", "hannahmontana",
	"justinbieber", "linkinpark123", "spongebobsquarepants", "volkswagen123", "mercedesbenz1",
	"unbelievable", "relationship", "photography1", "congratulations", "thecakeisalie",
	"correcthorsebatterystaple", "jamesbond007", "counterstrike", "finalfantasy7",
	"needforspeed", "minecraft123", "pokemon12345", "startrek1234", "starwars1234",
	"peanutbutter", "leavemealone", "gfhjkmgfhjkm", "ghbdtnghbdtn", "motdepasse123",
	"passwort1234", "contrasena123", "hellohello12", "mynameisjohn", "godisgood123",
	"jesuschrist1", "blessed12345"};

/* Words drawn by dice, sentences, and what password managers make. */
static const char *const uncommon[] = {"cabbage-oblong-turret-fiddle", "tweed moat gutter plank",
	"ostrichvelvetanvilmoss", "prune.latch.cedar.umber", "kettle_barn_wisp_quartz",
	"sodium fjord lantern", "walnut-zipper-ember", "Grumpy!Otters?Fly-7",
	"my aunt keeps nine geese in Leeds", "the rain in Utrecht is horizontal",
	"Ich esse gern Kartoffelpuffer", "trois petits chats gris dorment", "J3v$kq9!zXwP",
	"x7Qm2pLr9TzK", "gT5#nB8!vC3@", "r8yzk3w0fj5q", "qpzmwoxneicb", "hxvtqbkwmzjd",
	"K9d-3fX-8hQ-2mV", "uY6pW2cR9sE4", "Zc4!Vw9@Lp2#", "b7f3a9d2c4e8", "58203749163082",
	"729406183574", "wopeirutyalskd", "MoleculeTrombone88", "harbour gnome satchel",
	"purple-giraffe-42-cactus", "Tr0ub4dor&3xyz",
	"\xd0\xbf\xd0\xb0\xd1\x80\xd0\xb8\xd0\xb6\xd1\x81\xd0\xba",
	"\xe3\x81\x82\xe3\x81\x84\xe3\x81\x86\xe6\xbc\xa2\xe5\xad\x97", "vN!e2%Lq8^Ta",
	"seven swans on a sofa", "9 lives of Schroedinger", "copper wombat 1987 jam",
	"lemon-tundra-basalt-hymn", "no soup for the wombat!", "Bratwurst&Kimchi4ever",
	"dune:saffron:knuckle"};

static void test_common(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(common); i++) {
		if (!password_is_common(common[i]))
			print_error("  %s: %d\n", common[i], password_guess_tenths(common[i]));
		assert_string_equal(password_refusal(common[i], "ada@example.com"), "too_common");
	}
}

static void test_uncommon(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uncommon); i++) {
		if (password_is_common(uncommon[i]))
			print_error("  %s: %d\n", uncommon[i], password_guess_tenths(uncommon[i]));
		assert_null(password_refusal(uncommon[i], "ada@example.com"));
	}
}

/* Twelve characters by chance, of small alphabets, too. */
static void test_random(void **state)
{
	static const char *const alphabets[] = {"abcdefghijklmnopqrstuvwxyz",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		"abcdefghjkmnpqrstuvwxyz23456789!$%&/()=?"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(alphabets); i++) {
		for (int round = 0; round < 500; round++) {
			char password[PASSWORD_MIN + 1] = "";
			for (int at = 0; at < PASSWORD_MIN; at++)
				password[at] =
					alphabets[i][random_below((unsigned)strlen(alphabets[i]))];
			if (password_is_common(password))
				print_error("  %s\n", password);
			assert_false(password_is_common(password));
		}
	}
}

static void test_refusal(void **state)
{
	static const char long_one[] = "trois petits chats gris dorment sur le radiateur bleu "
				       "pendant que la pluie tombe, 77";
	static const struct {
		const char *name, *password, *email, *due;
	} cases[] = {
		{"nothing of it", "tweed moat gutter plank", "grace@example.com", NULL},
		{"the local part", "tweed grace gutter", "grace@example.com", "contains_email"},
		{"in capitals", "tweed GRACE gutter", "grace@example.com", "contains_email"},
		{"within a word", "disgraceful gutter", "grace@example.com", "contains_email"},
		{"without what follows a plus", "tweed grace gutter", "grace+shop@example.com",
			"contains_email"},
		{"with it", "tweed grace+shop gutter", "grace+shop@example.com", "contains_email"},
		{"too short a part to tell", "tweed ada moat gutter", "ada@example.com", NULL},
		{"the domain is nobody's", "tweed example gutter", "grace@example.com", NULL},
		{"no address", "tweed grace gutter", NULL, NULL},
		{"no at", "tweed grace gutter", "grace", "contains_email"},
		{"the brand", "tweed SuparBase moat", "grace@example.com", "too_common"},
		{"long", long_one, "grace@example.com", NULL},
		{"long, but the same again and again",
			"passwordpasswordpasswordpasswordpasswordpasswordpasswordpasswordpassword",
			"grace@example.com", "too_common"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].name);
		const char *got = password_refusal(cases[i].password, cases[i].email);
		if (cases[i].due == NULL)
			assert_null(got);
		else
			assert_string_equal(got, cases[i].due);
	}
}

/* The list is looked at as if it were lower case and sorted. */
static void test_list(void **state)
{
	static const char *const words[] = {
#define GLUE(text) text,
#define W(text) text,
#define WHOLE(text) text,
#include "domain/common_words.def"
#undef GLUE
#undef W
#undef WHOLE
	};

	(void)state;
	assert_true(ARRAY_LEN(words) > 1500);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (const char *c = words[i]; *c != '\0'; c++)
			if (*c >= 'A' && *c <= 'Z')
				fail_msg("%s has a capital letter", words[i]);
}

static int begin(void **state)
{
	static struct options options;

	(void)state;
	options_defaults(&options);
	options.account_hashes = 1;
	return password_start(&options) ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	password_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_common),
		cmocka_unit_test(test_uncommon),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
