/* The decoders of text from outside: whatever base64url and hex accept is the one spelling of its
 * bytes; whatever a form decodes to is UTF-8 and survives being encoded again. */
#include <string.h>

#include "fcgi/core/buf.h"
#include "fcgi/core/str.h"
#include "fcgi/http/json.h"
#include "seeds.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const seeds[] = {"Zm9vYmFy", "Zg", "-__-", "a+b%20c%C3%A9",
		"%F0%9F%98%80", "00ff7f", "<b>&\"'", "\xe2\x82\xac\xed\xa0\x80"};

	(void)argc;
	(void)argv;
	if (getenv("FUZZ_SEEDS") == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++)
		seed_write(seeds[i], strlen(seeds[i]));
	exit(0);
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_form(struct arena *arena, const char *text, size_t size)
{
	const char *decoded = form_decode(arena, text, size);

	if (decoded == NULL)
		return;
	must(strlen(decoded) <= size && utf8_valid(decoded, strlen(decoded)));
	must(utf8_count(decoded) <= strlen(decoded));
	const char *encoded = url_encode(arena, decoded);
	const char *again = form_decode(arena, encoded, strlen(encoded));
	must(again != NULL && str_equal(again, decoded));
}

/* What comes out of the escapers cannot leave its quotes. */
static void check_escapes(struct arena *arena, const char *data, size_t size)
{
	struct buf b;
	const char *text = arena_strndup(arena, data, size);
	const char *html = html_escape(arena, text);

	must(strpbrk(html, "<>\"'") == NULL);
	buf_init(&b, arena, 0);
	buf_json_n(&b, text, strlen(text));
	must(json_check(arena, b.data, b.length) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};
	const char *text = arena_memdup(&arena, data, size);
	size_t n;

	const unsigned char *bytes = base64url_decode(&arena, text, size, &n);
	if (bytes != NULL) {
		const char *again = base64url_encode(&arena, bytes, n);
		must(strlen(again) == size && memcmp(again, text, size) == 0);
	}
	const char *encoded = base64url_encode(&arena, data, size);
	bytes = base64url_decode(&arena, encoded, strlen(encoded), &n);
	must(bytes != NULL && n == size && memcmp(bytes, data, n) == 0);

	const char *hex = hex_encode(&arena, data, size);
	unsigned char *back = arena_alloc(&arena, size);
	must(hex_decode(hex, back, size) && memcmp(back, data, size) == 0);

	check_form(&arena, text, size);
	check_escapes(&arena, text, size);
	arena_reset(&arena);
	return 0;
}
