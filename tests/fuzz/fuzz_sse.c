/* Server-sent events are the same events however they are cut; the first byte says how. */
#include <string.h>

#include "fcgi/ai/sse.h"
#include "seeds.h"

enum { PIECE_MAX = 32 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const seeds[] = {"\x01"
					    "data: a\n\ndata: b\r\n\r\n",
		"\x02\xef\xbb\xbf"
		"event: x\rdata: a\rdata\r\r: comment\n\n",
		"\x03id: 1\nretry: 2\ndata:\ndata:  two\n\nevent: y\n\ndata: z"};

	(void)argc;
	(void)argv;
	if (getenv("FUZZ_SEEDS") == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++)
		seed_write(seeds[i], strlen(seeds[i]));
	exit(0);
}

static int note(void *arg, const char *name, size_t name_length, const char *data, size_t length,
	struct fail *fail)
{
	(void)fail;
	buf_bytes(arg, name, name_length);
	buf_char(arg, '\n');
	buf_bytes(arg, data, length);
	buf_char(arg, '\r'); /* is in no event */
	return 0;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

static struct buf events(struct arena *a, const uint8_t *data, size_t size, size_t piece)
{
	struct fail fail = {.arena = a};
	struct sse s;
	struct buf b;

	buf_init(&b, a, 0);
	sse_init(&s, a, note, &b);
	for (size_t i = 0; i < size; i += piece) {
		size_t n = piece < size - i ? piece : size - i;
		char small[PIECE_MAX], *end = small + sizeof(small);
		/* A byte too far is a byte behind the array. */
		const char *bytes =
			n > sizeof(small) ? (const char *)data + i : memcpy(end - n, data + i, n);
		must(sse_feed(&s, bytes, n, &fail) == 0);
	}
	must(sse_end(&s, &fail) == 0);
	return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena = {.ceiling_bytes = 64 * 1024 * 1024};

	if (size == 0)
		return 0;
	struct buf whole = events(&arena, data + 1, size - 1, size);
	struct buf bytes = events(&arena, data + 1, size - 1, 1);
	struct buf pieces = events(&arena, data + 1, size - 1, 1 + data[0] % (unsigned)PIECE_MAX);
	must(whole.length == bytes.length && memcmp(whole.data, bytes.data, whole.length) == 0);
	must(whole.length == pieces.length && memcmp(whole.data, pieces.data, whole.length) == 0);
	arena_reset(&arena);
	return 0;
}
