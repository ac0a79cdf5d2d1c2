/* The arena: alignment and zeroing, its ceiling, rewinding, the order of deferred calls, and that a
 * build with AddressSanitizer sees the bytes that nobody asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fcgi/core/arena.h"

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifdef HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

enum { CEILING = 1024 * 1024 };

static void test_memory_is_zeroed_and_aligned(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 4095, 16 * 1024, 40 * 1024, 3};
	struct arena a;

	(void)state;
	arena_init(&a, CEILING);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			unsigned char *p = arena_alloc(&a, sizes[i]);
			print_message("  %zu bytes\n", sizes[i]);
			assert_int_equal((uintptr_t)p % 16, 0);
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(p[j], 0);
			memset(p, 0xa5, sizes[i]);
		}
		arena_reset(&a);
		assert_int_equal(a.used_bytes, 0);
	}
	arena_free(&a);
}

/* Whether allocating `size` leaves through on_full. */
static bool is_refused(struct arena *a, size_t size)
{
	jmp_buf full;

	if (setjmp(full) != 0) {
		a->on_full = NULL;
		return true;
	}
	a->on_full = &full;
	arena_alloc(a, size);
	a->on_full = NULL;
	return false;
}

static void test_ceiling(void **state)
{
	static const struct {
		const char *name;
		size_t ceiling, used, size;
		bool refused;
	} cases[] = {
		{"fits exactly", 1024, 512, 512, false},
		{"one byte more", 1024, 512, 513, true},
		{"rounding counts", 1024, 1008, 1, false},
		{"nothing is left", 1024, 1024, 1, true},
		{"even nothing takes room", 1024, 1024, 0, true},
		{"more than the ceiling", 1024, 0, 1025, true},
		{"all there is", 1024, 0, 1024, false},
		{"a size that overflows when rounded", 1024, 0, SIZE_MAX, true},
		{"a size near half of all", 1024, 0, SIZE_MAX / 2, true},
		{"far above the first block", 64 * 1024 * 1024, 0, 48 * 1024 * 1024, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena a;
		print_message("  %s\n", cases[i].name);
		arena_init(&a, cases[i].ceiling);
		if (cases[i].used > 0)
			arena_alloc(&a, cases[i].used);
		size_t used_before = a.used_bytes;
		assert_int_equal(is_refused(&a, cases[i].size), cases[i].refused);
		if (cases[i].refused)
			assert_int_equal(a.used_bytes, used_before);
		/* Refused or not, it is usable again afterwards. */
		arena_reset(&a);
		assert_false(is_refused(&a, 16));
		arena_free(&a);
	}
}

static char calls[64];

static void note_call(void *arg)
{
	strcat(calls, arg);
}

static void test_deferred_order(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, CEILING);
	calls[0] = '\0';
	arena_defer(&a, note_call, "1");
	arena_defer(&a, note_call, "2");
	struct arena_mark mark = arena_mark(&a);
	arena_defer(&a, note_call, "3");
	arena_alloc(&a, 100 * 1024); /* its calls are in other blocks then */
	arena_defer(&a, note_call, "4");
	arena_rewind(&a, mark);
	assert_string_equal(calls, "43");
	arena_rewind(&a, mark);
	assert_string_equal(calls, "43");
	arena_defer(&a, note_call, "5");
	arena_reset(&a);
	assert_string_equal(calls, "43521");
	arena_reset(&a);
	arena_defer(&a, note_call, "6");
	arena_free(&a);
	assert_string_equal(calls, "435216");
}

static void test_rewind(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, CEILING);
	struct arena_mark empty = arena_mark(&a);
	char *kept = arena_strdup(&a, "kept");
	struct arena_mark mark = arena_mark(&a);
	size_t used = a.used_bytes;
	for (size_t i = 1; i < 300; i++) {
		/* Every try sees the same memory, however much the one before took. */
		char *p = arena_alloc(&a, i);
		assert_ptr_equal(p, kept + 16);
		memset(p, 'x', i);
		arena_alloc(&a, 100 * i);
		arena_rewind(&a, mark);
		assert_int_equal(a.used_bytes, used);
	}
	assert_string_equal(kept, "kept");
	arena_rewind(&a, empty);
	assert_int_equal(a.used_bytes, 0);
	assert_ptr_equal(arena_alloc(&a, 1), kept);
	arena_free(&a);
}

static void test_a_rewind_gives_the_ceiling_back(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, CEILING);
	struct arena_mark mark = arena_mark(&a);
	for (int i = 0; i < 100; i++) {
		assert_false(is_refused(&a, CEILING / 2));
		arena_rewind(&a, mark);
	}
	arena_free(&a);
}

static void test_copies(void **state)
{
	struct arena a;
	char text[] = "text";

	(void)state;
	arena_init(&a, CEILING);
	assert_string_equal(arena_strdup(&a, text), "text");
	assert_ptr_not_equal(arena_strdup(&a, text), text);
	assert_string_equal(arena_strndup(&a, "text", 2), "te");
	assert_string_equal(arena_strndup(&a, "text", 0), "");
	assert_memory_equal(arena_memdup(&a, "a\0b", 3), "a\0b", 3);
	assert_non_null(arena_memdup(&a, NULL, 0));
	assert_string_equal(arena_printf(&a, "%d %s", 7, "x"), "7 x");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
	assert_int_equal(strlen(arena_printf(&a, "%*d", 70000, 7)), 70000);
	arena_free(&a);
}

static void test_poisoning(void **state)
{
	(void)state;
#ifdef HAVE_ASAN
	struct arena a;
	arena_init(&a, CEILING);
	char *p = arena_alloc(&a, 10);
	assert_int_equal(__asan_address_is_poisoned(p + 9), 0);
	assert_int_equal(__asan_address_is_poisoned(p + 10), 1); /* the rest of its 16 */
	struct arena_mark mark = arena_mark(&a);
	char *q = arena_alloc(&a, 100);
	assert_int_equal(__asan_address_is_poisoned(q), 0);
	arena_rewind(&a, mark);
	assert_int_equal(__asan_address_is_poisoned(q), 1);
	assert_int_equal(__asan_address_is_poisoned(p), 0);
	arena_reset(&a);
	assert_int_equal(__asan_address_is_poisoned(p), 1);
	arena_free(&a);
#else
	skip();
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_zeroed_and_aligned),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_deferred_order),
		cmocka_unit_test(test_rewind),
		cmocka_unit_test(test_a_rewind_gives_the_ceiling_back),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_poisoning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
