/* Writes mails: headers with encoded words (RFC 2047), bodies as quoted-printable (RFC 2045), text
 * and HTML as multipart/alternative (RFC 2046). */
#include "mime.h"

#include <openssl/evp.h>
#include <string.h>
#include <time.h>

#include "../core/buf.h"
#include "../core/clock.h"
#include "../core/crypto.h"
#include "../core/email.h"
#include "../core/str.h"

enum {
	LINE_MAX_BYTES = 76,
	WORD_BYTES = 39, /* "Subject: " and 39 bytes as an encoded word: 73 characters */
	PLAIN_SUBJECT_MAX = 66,
	SUBJECT_MAX = 500,
	MESSAGE_ID_MAX = 250
};

static bool header_safe(const char *text)
{
	if (!utf8_valid(text, strlen(text)))
		return false;
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

static bool message_id_safe(const char *id)
{
	size_t n = id != NULL ? strlen(id) : 0;

	if (n < 5 || n > MESSAGE_ID_MAX || id[0] != '<' || id[n - 1] != '>')
		return false;
	for (size_t i = 1; i < n - 1; i++)
		if (id[i] <= ' ' || id[i] >= 0x7f || strchr("<>\"(),:;\\[]", id[i]) != NULL)
			return false;
	return strchr(id, '@') != NULL;
}

const char *mime_fault(const struct options *options, const struct mail *mail)
{
	if (!mail_address_valid(options->smtp_from))
		return "[smtp] from";
	if (!header_safe(options->smtp_from_name))
		return "[smtp] from_name";
	if (!mail_address_valid(mail->to))
		return "recipient";
	if (!header_safe(mail->subject) || strlen(mail->subject) > SUBJECT_MAX)
		return "subject";
	if (!message_id_safe(mail->message_id))
		return "message id";
	return NULL;
}

static bool is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* Encoded words, one a line; a character is never cut in two (RFC 2047 section 5). */
static void put_words(struct buf *b, const char *text)
{
	unsigned char word[4 * WORD_BYTES];
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = 0;
		while (n < left && n + utf8_sequence(text + n, left - n) <= WORD_BYTES)
			n += utf8_sequence(text + n, left - n);
		EVP_EncodeBlock(word, (const unsigned char *)text, (int)n);
		buf_printf(b, "=?UTF-8?B?%s?=%s", word, n < left ? "\r\n " : "");
		text += n;
		left -= n;
	}
}

static void put_subject(struct buf *b, const char *subject)
{
	size_t n = strlen(subject);
	bool is_plain = is_ascii(subject) && n <= PLAIN_SUBJECT_MAX &&
			strstr(subject, "=?") == NULL && subject[0] != ' ' &&
			(n == 0 || subject[n - 1] != ' ');

	buf_str(b, "Subject: ");
	if (is_plain)
		buf_str(b, subject);
	else
		put_words(b, subject);
	buf_str(b, "\r\n");
}

static void put_from(struct buf *b, const char *name, const char *address)
{
	buf_str(b, "From: ");
	if (name[0] != '\0' && is_ascii(name) && strstr(name, "=?") == NULL) {
		buf_char(b, '"');
		for (const char *p = name; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				buf_char(b, '\\');
			buf_char(b, *p);
		}
		buf_char(b, '"');
	} else {
		put_words(b, name);
	}
	buf_printf(b, "%s<%s>\r\n", name[0] != '\0' ? "\r\n " : "", address);
}

static void put_date(struct buf *b, i64 now_us)
{
	time_t now_s = (time_t)(now_us / US_PER_S);
	struct tm tm;
	char text[64];

	gmtime_r(&now_s, &tm);
	strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S +0000\r\n", &tm);
	buf_str(b, text);
}

static bool stands_for_itself(const char *p)
{
	if (*p == ' ' || *p == '\t') /* not before a line end */
		return p[1] != '\0' && p[1] != '\n' && p[1] != '\r';
	return *p > ' ' && *p < 0x7f && *p != '=';
}

/* Lines of text end in LF or CRLF and leave as CRLF; a lone CR is a byte like others. */
static void put_quoted_printable(struct buf *b, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	char line[LINE_MAX_BYTES + 2] = "";
	size_t n = 0;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '\r' && text[1] == '\n')
			continue;
		if (c == '\n') {
			buf_bytes(b, line, n);
			buf_str(b, "\r\n");
			n = 0;
			continue;
		}
		bool is_plain = stands_for_itself(text);
		if (n + (is_plain ? 1 : 3) > LINE_MAX_BYTES - 1) {
			buf_bytes(b, line, n);
			buf_str(b, "=\r\n");
			n = 0;
		}
		if (is_plain) {
			line[n++] = (char)c;
		} else {
			line[n++] = '=';
			line[n++] = digits[c >> 4];
			line[n++] = digits[c & 15];
		}
	}
	buf_bytes(b, line, n);
	if (n > 0)
		buf_str(b, "\r\n");
}

static void put_part(struct buf *b, const char *type, const char *text)
{
	buf_printf(b,
		"Content-Type: %s; charset=utf-8\r\n"
		"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
		type);
	put_quoted_printable(b, text);
}

char *mime_message(struct arena *a, const struct options *options, const struct mail *mail,
	i64 now_us, size_t *ret_length)
{
	size_t length = strlen(mail->text) + (mail->html != NULL ? strlen(mail->html) : 0);
	struct buf b;

	buf_init(&b, a, length + length / 8 + 2048);
	put_date(&b, now_us);
	put_from(&b, options->smtp_from_name, options->smtp_from);
	buf_printf(&b, "To: <%s>\r\n", mail->to);
	put_subject(&b, mail->subject);
	buf_printf(&b,
		"Message-ID: %s\r\n"
		"MIME-Version: 1.0\r\n"
		"Auto-Submitted: auto-generated\r\n",
		mail->message_id);
	if (mail->html == NULL) {
		put_part(&b, "text/plain", mail->text);
	} else {
		/* "_" never stands beside "=" in quoted-printable, so no line can be the boundary.
		 */
		const char *boundary = arena_printf(a, "=_%s", random_token(a));
		buf_printf(&b, "Content-Type: multipart/alternative;\r\n boundary=\"%s\"\r\n\r\n",
			boundary);
		buf_printf(&b, "--%s\r\n", boundary);
		put_part(&b, "text/plain", mail->text);
		buf_printf(&b, "--%s\r\n", boundary);
		put_part(&b, "text/html", mail->html);
		buf_printf(&b, "--%s--\r\n", boundary);
	}
	*ret_length = b.length;
	return b.data;
}
