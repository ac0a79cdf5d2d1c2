/* The SMTP dialogue of the mail sink (RFC 5321, 1870, 2920, 3207, 4954), and the faults that a test
 * asks for by the local part of a recipient: fail-temp, fail-perm, slow, drop. */
#include "tools/smtp_sink.h"

#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fcgi/core/str.h"

enum { SLOW_MS = 3000 };
enum step { STEP_NEXT, STEP_END };

struct session {
	const struct sink *sink;
	struct stream *stream;
	bool has_greeted, is_signed_in, has_sender;
	unsigned n_recipients, n_mails;
	bool is_slow, drops;
	char sender[SINK_ADDRESS_MAX];
	char recipient[SINK_RECIPIENTS_MAX][SINK_ADDRESS_MAX];
};

static enum step reply(struct session *s, const char *text)
{
	stream_reply(s->stream, text);
	return STEP_NEXT;
}

static void forget_mail(struct session *s)
{
	s->has_sender = s->is_slow = s->drops = false;
	s->n_recipients = 0;
}

static enum step greet(struct session *s, const char *args)
{
	if (*args == '\0')
		return reply(s, "501 Say who you are");
	s->has_greeted = true;
	forget_mail(s);
	return STEP_NEXT;
}

static enum step run_helo(struct session *s, const char *args)
{
	greet(s, args);
	return s->has_greeted ? reply(s, "250 turnpike-smtp-sink") : STEP_NEXT;
}

static enum step run_ehlo(struct session *s, const char *args)
{
	if (*args == '\0')
		return reply(s, "501 Say who you are");
	greet(s, args);
	reply(s, "250-turnpike-smtp-sink");
	reply(s, "250-SIZE 10485760");
	reply(s, "250-8BITMIME");
	if (s->stream->ssl == NULL)
		reply(s, "250-STARTTLS");
	if (s->sink->user != NULL)
		reply(s, "250-AUTH PLAIN LOGIN");
	return reply(s, "250 PIPELINING");
}

static enum step run_starttls(struct session *s, const char *args)
{
	if (s->stream->ssl != NULL || *args != '\0')
		return reply(s, s->stream->ssl != NULL ? "503 TLS is on" : "501 No argument here");
	SSL_CTX *tls = tls_context(s->sink);
	if (tls == NULL)
		return reply(s, "454 TLS is out of order");
	reply(s, "220 Go ahead");
	if (!stream_start_tls(s->stream, tls))
		return STEP_END;
	s->has_greeted = s->is_signed_in = false; /* RFC 3207: all is forgotten */
	forget_mail(s);
	return STEP_NEXT;
}

/* Base64 of at most 600 characters; the length, or -1. */
static int decode(const char *text, char ret[512])
{
	size_t n = strlen(text);
	unsigned char out[512];

	if (n > 600 || n % 4 != 0)
		return -1;
	int length = EVP_DecodeBlock(out, (const unsigned char *)text, (int)n);
	for (size_t i = n; length > 0 && i > 0 && text[i - 1] == '='; i--)
		length--;
	if (length < 0 || length > 511)
		return -1;
	memcpy(ret, out, (size_t)length);
	ret[length] = '\0';
	return length;
}

static bool ask(struct session *s, const char *challenge, char ret[512], int *ret_length)
{
	char line[SINK_LINE_MAX + 1];
	size_t length;

	stream_reply(s->stream, challenge);
	if (stream_line(s->stream, line, &length) != LINE_OK)
		return false;
	*ret_length = decode(line, ret);
	return true;
}

static enum step judge(struct session *s, const char *user, const char *password)
{
	s->is_signed_in = str_equal(user, s->sink->user) && str_equal(password, s->sink->password);
	return reply(s, s->is_signed_in ? "235 Signed in" : "535 Wrong user or password");
}

static enum step auth_plain(struct session *s, const char *initial)
{
	char text[512];
	int length;

	if (*initial == '\0' && !ask(s, "334 ", text, &length))
		return STEP_END;
	if (*initial != '\0')
		length = decode(initial, text);
	/* authorization id NUL user NUL password */
	char *user = length > 0 ? memchr(text, '\0', (size_t)length) : NULL;
	char *password =
		user != NULL ? memchr(user + 1, '\0', (size_t)(text + length - user - 1)) : NULL;
	if (password == NULL)
		return reply(s, "501 Malformed");
	return judge(s, user + 1, password + 1);
}

static enum step auth_login(struct session *s, const char *initial)
{
	char user[512], password[512];
	int n_user = decode(initial, user), n_password;

	if (*initial == '\0' && !ask(s, "334 VXNlcm5hbWU6", user, &n_user))
		return STEP_END;
	if (!ask(s, "334 UGFzc3dvcmQ6", password, &n_password))
		return STEP_END;
	return n_user < 0 || n_password < 0 ? reply(s, "501 Malformed") : judge(s, user, password);
}

static enum step run_auth(struct session *s, const char *args)
{
	size_t n = strcspn(args, " ");
	const char *initial = args[n] == ' ' ? args + n + 1 : "";

	if (s->sink->user == NULL)
		return reply(s, "502 Nobody signs in here");
	if (!s->has_greeted || s->is_signed_in || s->has_sender)
		return reply(s, "503 Not now");
	if (n == 5 && strncasecmp(args, "PLAIN", n) == 0)
		return auth_plain(s, initial);
	if (n == 5 && strncasecmp(args, "LOGIN", n) == 0)
		return auth_login(s, initial);
	return reply(s, "504 PLAIN or LOGIN");
}

/* "<address>" at text; the parameters behind it, or NULL. */
static const char *read_path(const char *text, char ret[SINK_ADDRESS_MAX])
{
	const char *end = *text == '<' ? strchr(text, '>') : NULL;
	size_t n = end != NULL ? (size_t)(end - text - 1) : SINK_ADDRESS_MAX;

	if (n >= SINK_ADDRESS_MAX || (end[1] != '\0' && end[1] != ' '))
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (text[1 + i] <= ' ' || text[1 + i] == 0x7f || text[1 + i] == '<')
			return NULL;
	memcpy(ret, text + 1, n);
	ret[n] = '\0';
	return end + 1;
}

/* " SIZE=n", " BODY=7BIT", " BODY=8BITMIME", " AUTH=<>" in any order. */
static const char *sender_parameter_fault(const char *text)
{
	while (*text == ' ') {
		size_t n = strcspn(++text, " ");
		if (strncasecmp(text, "SIZE=", 5) == 0 &&
			strtoull(text + 5, NULL, 10) > SINK_MAIL_MAX)
			return "552 Too large";
		if (strncasecmp(text, "SIZE=", 5) != 0 && strncasecmp(text, "BODY=", 5) != 0 &&
			strncasecmp(text, "AUTH=", 5) != 0)
			return "555 Unknown parameter";
		text += n;
	}
	return NULL;
}

static enum step run_mail(struct session *s, const char *args)
{
	if (!s->has_greeted || s->has_sender)
		return reply(s, "503 Not now");
	if (s->sink->user != NULL && !s->is_signed_in)
		return reply(s, "530 Sign in first");
	if (s->n_mails >= SINK_MAILS_MAX)
		return reply(s, "452 Enough for one connection");
	const char *rest =
		strncasecmp(args, "FROM:", 5) == 0 ? read_path(args + 5, s->sender) : NULL;
	const char *fault = rest != NULL ? sender_parameter_fault(rest) : "501 MAIL FROM:<address>";
	if (fault != NULL)
		return reply(s, fault);
	s->has_sender = true;
	return reply(s, "250 OK");
}

/* Whether the recipient's local part is word, or word and +anything. */
static bool asks_for(const char *recipient, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(recipient, word, n) == 0 && (recipient[n] == '@' || recipient[n] == '+');
}

static enum step run_rcpt(struct session *s, const char *args)
{
	if (!s->has_sender)
		return reply(s, "503 Not now");
	if (s->n_recipients >= SINK_RECIPIENTS_MAX)
		return reply(s, "452 Too many recipients");
	char *to = s->recipient[s->n_recipients];
	const char *rest = strncasecmp(args, "TO:", 3) == 0 ? read_path(args + 3, to) : NULL;
	if (rest == NULL || strchr(to, '@') == NULL)
		return reply(s, "501 RCPT TO:<address>");
	if (*rest != '\0')
		return reply(s, "555 Unknown parameter");
	if (asks_for(to, "fail-temp"))
		return reply(s, "451 Try again later");
	if (asks_for(to, "fail-perm"))
		return reply(s, "550 No such mailbox");
	s->is_slow |= asks_for(to, "slow");
	s->drops |= asks_for(to, "drop");
	s->n_recipients++;
	return reply(s, "250 OK");
}

static void store_envelope(struct session *s, struct stored *m)
{
	char line[SINK_ADDRESS_MAX + 32];

	store_write(m, line,
		(size_t)snprintf(line, sizeof(line), "X-Envelope-From: <%s>\r\n", s->sender));
	for (unsigned i = 0; i < s->n_recipients; i++)
		store_write(m, line,
			(size_t)snprintf(
				line, sizeof(line), "X-Envelope-To: <%s>\r\n", s->recipient[i]));
}

/* Reads the mail to its end; the reply when it is not taken. false: the connection ended. */
static bool read_mail(struct session *s, struct stored *m, const char **ret_fault)
{
	char line[SINK_LINE_MAX + 1];
	size_t length;

	for (;;) {
		enum line got = stream_line(s->stream, line, &length);
		if (got == LINE_CLOSED)
			return false;
		if (got == LINE_TOO_LONG) {
			*ret_fault = "500 Line too long";
			continue;
		}
		if (length == 1 && line[0] == '.')
			return true;
		/* Line ends that servers read in different ways are how mails are smuggled. */
		if (memchr(line, '\n', length) != NULL || memchr(line, '\r', length) != NULL ||
			memchr(line, '\0', length) != NULL)
			*ret_fault = "554 CR, LF or NUL within a line";
		if (m->bytes + length + 2 > SINK_MAIL_MAX)
			*ret_fault = "552 Too large";
		if (*ret_fault != NULL)
			continue; /* read on to the end, keep nothing */
		bool is_stuffed = line[0] == '.';
		memcpy(line + length, "\r\n", 2);
		store_write(m, line + is_stuffed, length + 2 - is_stuffed);
	}
}

static enum step run_data(struct session *s, const char *args)
{
	const char *fault = NULL;
	struct stored mail;

	if (s->n_recipients == 0 || *args != '\0')
		return reply(s, "503 MAIL and RCPT come first");
	if (s->is_slow) /* ends early when the connection does */
		poll(&(struct pollfd){.fd = s->stream->fd, .events = POLLRDHUP}, 1, SLOW_MS);
	if (!store_begin(&mail, s->sink->dir))
		return reply(s, "451 The folder cannot be written");
	store_envelope(s, &mail);
	reply(s, "354 End with a dot on a line of its own");
	if (!read_mail(s, &mail, &fault) || s->drops) {
		store_abandon(&mail);
		return STEP_END;
	}
	s->n_mails++;
	forget_mail(s);
	if (fault != NULL) {
		store_abandon(&mail);
		return reply(s, fault);
	}
	return reply(s, store_commit(&mail, s->sink->dir) ? "250 Kept"
							  : "451 The folder cannot be written");
}

static enum step run_rset(struct session *s, const char *args)
{
	(void)args;
	forget_mail(s);
	return reply(s, "250 OK");
}

static enum step run_noop(struct session *s, const char *args)
{
	(void)args;
	return reply(s, "250 OK");
}

static enum step run_vrfy(struct session *s, const char *args)
{
	(void)args;
	return reply(s, "252 Send and see");
}

static enum step run_quit(struct session *s, const char *args)
{
	(void)args;
	reply(s, "221 Bye");
	return STEP_END;
}

static const struct command {
	const char *name;
	enum step (*run)(struct session *s, const char *args);
} commands[] = {
	{"EHLO", run_ehlo},
	{"HELO", run_helo},
	{"STARTTLS", run_starttls},
	{"AUTH", run_auth},
	{"MAIL", run_mail},
	{"RCPT", run_rcpt},
	{"DATA", run_data},
	{"RSET", run_rset},
	{"NOOP", run_noop},
	{"VRFY", run_vrfy},
	{"QUIT", run_quit},
};

static enum step run_line(struct session *s, char *line, size_t length)
{
	size_t n = strcspn(line, " ");
	const char *args = line[n] == ' ' ? line + n + 1 : "";

	if (strlen(line) != length || strpbrk(line, "\r\n") != NULL)
		return reply(s, "500 CR, LF or NUL within a line");
	while (length > 0 && line[length - 1] == ' ')
		line[--length] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (n == strlen(commands[i].name) && strncasecmp(line, commands[i].name, n) == 0)
			return commands[i].run(s, args);
	return reply(s, "500 Unknown command");
}

void session_run(const struct sink *sink, struct stream *stream)
{
	struct session *s = calloc(1, sizeof(*s));
	char line[SINK_LINE_MAX + 1];
	enum step step = STEP_NEXT;
	size_t length;

	if (s == NULL)
		return;
	s->sink = sink;
	s->stream = stream;
	stream_reply(stream, "220 turnpike-smtp-sink ESMTP");
	while (step == STEP_NEXT) {
		enum line got = stream_line(stream, line, &length);
		if (got == LINE_CLOSED)
			break;
		step = got == LINE_OK ? run_line(s, line, length) : reply(s, "500 Line too long");
	}
	free(s);
}
