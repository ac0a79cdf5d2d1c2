/* Text: UTF-8, encodings, comparisons. Pure functions. */
#ifndef TURNPIKE_STR_H
#define TURNPIKE_STR_H

#include "arena.h"

/* Bytes of the well-formed UTF-8 sequence at p (1 to 4), 0 when there is none: no overlong forms,
 * no surrogates, nothing above U+10FFFF (RFC 3629). */
size_t utf8_sequence(const char *p, size_t length);
bool utf8_valid(const char *p, size_t length);
/* The well-formed start of foreign text, at most max bytes, cut between characters; NULL stays
 * NULL. */
char *utf8_clipped(struct arena *a, const char *text, size_t max);
/* Characters of valid UTF-8. */
size_t utf8_count(const char *text);
/* Its length in UTF-16, as JavaScript counts: characters beyond U+FFFF are two. */
size_t utf16_count(const char *text);
/* How many bytes from text on stand for themselves in a JSON string: printable ASCII without quote
 * and backslash. Eight at a time: prompts are long. */
size_t json_plain(const char *text, size_t length);

bool str_equal(const char *a, const char *b);
bool str_starts(const char *text, const char *prefix);
/* ASCII letters are equal in both cases; text may be NULL. */
bool str_equal_nocase(const char *a, const char *b);
/* The number that text holds, and nothing else: optional minus, digits. */
bool str_to_i64(const char *text, i64 *ret);
/* How many edits apart two short words are (Levenshtein), for "did you mean". */
size_t str_distance(const char *a, const char *b);
/* The candidate nearest to word within a third of its length, or NULL. */
const char *str_nearest(const char *word, const char *const *candidates, size_t n);

char *hex_encode(struct arena *a, const void *data, size_t length);
/* false unless text is exactly 2 * length hexadecimal digits. */
bool hex_decode(const char *text, void *ret, size_t length);
/* How many base64url characters text starts with. */
size_t base64url_span(const char *text);
/* base64url without padding (RFC 4648 section 5). */
char *base64url_encode(struct arena *a, const void *data, size_t length);
/* Decodes canonical base64url without padding; NULL when it is anything else. */
unsigned char *base64url_decode(struct arena *a, const char *text, size_t length, size_t *ret_n);
/* %XX and '+' decoded in place of an application/x-www-form-urlencoded piece; NULL when an escape
 * is broken or yields NUL or the result is not UTF-8. */
char *form_decode(struct arena *a, const char *text, size_t length);
/* Percent-encodes all but unreserved characters (RFC 3986 section 2.3). */
char *url_encode(struct arena *a, const char *text);
/* Text for HTML, also inside a quoted attribute. */
char *html_escape(struct arena *a, const char *text);

#endif
