/* Reads stored mails. Made for what mail_send() writes; other mails are shown as well as can be. */
#include "mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../core/buf.h"
#include "../core/errors.h"
#include "../core/str.h"

enum { NAME_BYTES = 64, LIST_MAX = 500, PARTS_MAX = 20 };

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Quoted-printable, or the Q encoding of headers, where '_' is a space. */
static char *decode_quoted(struct arena *a, const char *text, size_t length, bool is_header)
{
	char *out = arena_alloc(a, length + 1);
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		int high = text[i] == '=' && i + 2 < length ? hex_digit(text[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
		if (low >= 0) {
			out[n++] = (char)(high << 4 | low);
			i += 2;
		} else if (text[i] == '=' && i + 1 < length && text[i + 1] == '\n') {
			i++; /* a soft line break */
		} else {
			out[n++] = is_header && text[i] == '_' ? ' ' : text[i];
		}
	}
	return out;
}

static char *decode_base64(struct arena *a, const char *text, size_t length)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = arena_alloc(a, length / 4 * 3 + 4);
	unsigned bits = 0, n_bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < length && text[i] != '='; i++) {
		const char *at = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;
		if (at == NULL)
			continue; /* line ends */
		bits = (bits << 6 | (unsigned)(at - alphabet)) & 0xffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (char)(bits >> n_bits);
		}
	}
	return out;
}

/* One encoded word at p ("=?charset?B?text?="), put into b; the byte after it, or NULL. */
static const char *put_word(struct buf *b, const char *p)
{
	const char *how = strchr(p + 2, '?');
	const char *end =
		how != NULL && how[1] != '\0' && how[2] == '?' ? strstr(how + 3, "?=") : NULL;

	if (end == NULL)
		return NULL;
	size_t length = (size_t)(end - how - 3);
	bool is_base64 = how[1] == 'B' || how[1] == 'b';
	buf_str(b, is_base64 ? decode_base64(b->arena, how + 3, length)
			     : decode_quoted(b->arena, how + 3, length, true));
	return end + 2;
}

static char *decode_words(struct arena *a, const char *text)
{
	struct buf b;

	buf_init(&b, a, strlen(text) + 1);
	while (*text != '\0') {
		const char *after = str_starts(text, "=?") ? put_word(&b, text) : NULL;
		if (after == NULL) {
			buf_char(&b, *text++);
			continue;
		}
		text = after;
		after += strspn(after, " \t");
		if (str_starts(after, "=?"))
			text = after; /* white space between two words is not part of the text */
	}
	return b.data;
}

/* A piece of a mail: header fields, an empty line, content. Lines end in LF. */
struct piece {
	const char *header, *header_end, *body, *end;
};

static struct piece split(const char *text, const char *end)
{
	const char *blank = strstr(text, "\n\n");

	if (*text == '\n')
		return (struct piece){text, text, text + 1, end};
	if (blank == NULL || blank >= end)
		return (struct piece){text, end, end, end};
	return (struct piece){text, blank + 1, blank + 2, end};
}

/* Where the field at p ends: at the first line that does not begin with white space. */
static const char *field_end(const char *p, const char *end)
{
	do {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		p = newline != NULL ? newline + 1 : end;
	} while (p < end && (*p == ' ' || *p == '\t'));
	return p;
}

/* The values of all fields of that name, unfolded, separated by ", "; "" when there is none. */
static char *field(struct arena *a, const struct piece *piece, const char *name)
{
	size_t n = strlen(name);
	struct buf b;

	buf_init(&b, a, 64);
	for (const char *p = piece->header, *next; p < piece->header_end; p = next) {
		next = field_end(p, piece->header_end);
		if ((size_t)(next - p) <= n || strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		if (b.length > 0)
			buf_str(&b, ", ");
		p += n + 1;
		for (p += *p == ' '; p < next; p++)
			if (*p != '\n')
				buf_char(&b, *p);
	}
	return b.data;
}

static const char *content(struct arena *a, const struct piece *piece)
{
	const char *encoding = field(a, piece, "Content-Transfer-Encoding");
	size_t length = (size_t)(piece->end - piece->body);

	if (str_equal_nocase(encoding, "quoted-printable"))
		return decode_quoted(a, piece->body, length, false);
	if (str_equal_nocase(encoding, "base64"))
		return decode_base64(a, piece->body, length);
	return arena_strndup(a, piece->body, length);
}

static void take_piece(struct arena *a, const struct piece *piece, struct mailbox_mail *mail)
{
	const char *type = field(a, piece, "Content-Type");

	if (strncasecmp(type, "text/html", 9) == 0)
		mail->html = content(a, piece);
	else if (*type == '\0' || strncasecmp(type, "text/plain", 10) == 0)
		mail->text = content(a, piece);
}

/* "--" and the boundary, or NULL when the mail has one part. */
static const char *delimiter_of(struct arena *a, const struct piece *mail)
{
	const char *type = field(a, mail, "Content-Type");
	const char *at = strcasestr(type, "boundary=");

	if (strncasecmp(type, "multipart/", 10) != 0 || at == NULL)
		return NULL;
	at += strlen("boundary=");
	bool is_quoted = *at == '"';
	size_t n = is_quoted ? strcspn(at + 1, "\"") : strcspn(at, "; \t");
	return arena_printf(a, "\n--%.*s", (int)n, at + is_quoted);
}

static void take_pieces(struct arena *a, const struct piece *whole, struct mailbox_mail *mail)
{
	const char *delimiter = delimiter_of(a, whole);

	if (delimiter == NULL) {
		take_piece(a, whole, mail);
		return;
	}
	/* Starts a byte early: the first delimiter may open the body. */
	const char *p = strstr(whole->body - 1, delimiter);
	for (int i = 0; p != NULL && i < PARTS_MAX; i++) {
		p += strlen(delimiter);
		if (str_starts(p, "--"))
			return;
		p += strcspn(p, "\n");
		if (*p == '\0')
			return;
		const char *next = strstr(p, delimiter);
		struct piece piece = split(p + 1, next != NULL ? next : whole->end);
		take_piece(a, &piece, mail);
		p = next;
	}
}

/* The start of a file with CRLF as LF; NULL when it is gone. */
static char *read_text(struct arena *a, const char *dir, const char *name, size_t *ret_length)
{
	scoped_fd int fd = open(arena_printf(a, "%s/%s", dir, name), O_RDONLY | O_CLOEXEC);
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;

	if (size < 0)
		return NULL;
	size_t length = size < MAILBOX_BYTES_MAX ? (size_t)size : MAILBOX_BYTES_MAX, n = 0;
	char *text = arena_alloc(a, length + 1);
	ssize_t n_read = pread(fd, text, length, 0);
	for (ssize_t i = 0; i < n_read; i++)
		if (text[i] != '\0' && (text[i] != '\r' || i + 1 == n_read || text[i + 1] != '\n'))
			text[n++] = text[i];
	text[n] = '\0';
	*ret_length = n;
	return text;
}

static char *without_brackets(char *text)
{
	size_t n = 0;

	for (const char *p = text; *p != '\0'; p++)
		if (*p != '<' && *p != '>')
			text[n++] = *p;
	text[n] = '\0';
	return text;
}

static bool read_mail(struct arena *a, const char *dir, const char *name, struct mailbox_mail *ret)
{
	size_t length;
	const char *text = read_text(a, dir, name, &length);

	if (text == NULL)
		return false;
	struct piece whole = split(text, text + length);
	*ret = (struct mailbox_mail){
		.id = arena_strndup(a, name, strlen(name) - strlen(".eml")),
		.from = without_brackets(field(a, &whole, "X-Envelope-From")),
		.to = without_brackets(field(a, &whole, "X-Envelope-To")),
		.subject = decode_words(a, field(a, &whole, "Subject")),
		.received_at_us = strtoll(strchr(name, '-') + 1, NULL, 10),
		.text = "",
		.html = "",
	};
	take_pieces(a, &whole, ret);
	return true;
}

/* NNNNNNNN-<digits>.eml */
static bool is_mail_name(const char *name)
{
	size_t number = strspn(name, "0123456789");
	size_t time = name[number] == '-' ? strspn(name + number + 1, "0123456789") : 0;

	return number == 8 && time > 0 && time < 20 && str_equal(name + number + 1 + time, ".eml");
}

/* Keeps the max greatest names, greatest first; numbers have equal length. */
static size_t keep_name(char (*names)[NAME_BYTES], size_t n, size_t max, const char *name)
{
	size_t at = n;

	while (at > 0 && strcmp(names[at - 1], name) < 0)
		at--;
	if (at == max)
		return n;
	if (n < max)
		n++;
	memmove(names[at + 1], names[at], (n - 1 - at) * NAME_BYTES);
	snprintf(names[at], NAME_BYTES, "%.*s", NAME_BYTES - 1, name);
	return n;
}

int mailbox_list(
	struct arena *a, const char *dir, size_t max, struct mailbox_mail **ret, size_t *ret_n)
{
	size_t limit = max < LIST_MAX ? max : LIST_MAX, n_names = 0, n = 0;
	char(*names)[NAME_BYTES] = arena_alloc(a, (limit + 1) * NAME_BYTES);
	DIR *d = opendir(dir);

	*ret = NULL;
	*ret_n = 0;
	if (d == NULL)
		return errno == ENOENT ? 0 : E_INTERNAL;
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		if (is_mail_name(e->d_name))
			n_names = keep_name(names, n_names, limit, e->d_name);
	closedir(d);

	struct mailbox_mail *mails = arena_array(a, struct mailbox_mail, n_names);
	for (size_t i = 0; i < n_names; i++)
		n += read_mail(a, dir, names[i], &mails[n]);
	*ret = mails;
	*ret_n = n;
	return 0;
}
