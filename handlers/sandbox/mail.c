/* The mail catcher's view: what turnpike-smtp-sink received, as a page and as JSON. */
#include <string.h>

#include "../../fcgi/core/clock.h"
#include "../../fcgi/core/str.h"
#include "../../fcgi/http/request.h"
#include "../../fcgi/http/response.h"
#include "../../fcgi/net/mailbox.h"
#include "sandbox.h"

enum { LISTED_MAX = 50 };

struct sandbox_mail_in {
	const char *to;
};
SCHEMA(sandbox_mail_in,
	STR(sandbox_mail_in, to, QUERY, .max = 254, DOC("Only mails to this address")));

static int read_mails(
	struct req *r, const struct sandbox_mail_in *in, struct mailbox_mail **ret, size_t *ret_n)
{
	const char *dir = arena_printf(r->arena, "%s/mail", r->worker->options->state_dir);
	size_t n_all, n = 0;

	TRY(mailbox_list(r->arena, dir, LISTED_MAX, ret, &n_all));
	for (size_t i = 0; i < n_all; i++)
		if (in->to == NULL || strstr((*ret)[i].to, in->to) != NULL)
			(*ret)[n++] = (*ret)[i];
	*ret_n = n;
	return 0;
}

static void put_member(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "\"%s\":", name);
	buf_json(b, value);
	buf_char(b, ',');
}

int sandbox_mail_json(struct req *r, const void *in, void *out)
{
	struct mailbox_mail *mail;
	size_t n;
	struct buf b;

	(void)out;
	TRY(read_mails(r, in, &mail, &n));
	buf_init(&b, r->arena, 16 * 1024);
	buf_char(&b, '[');
	for (size_t i = 0; i < n; i++) {
		buf_str(&b, i > 0 ? ",{" : "{");
		put_member(&b, "id", mail[i].id);
		put_member(&b, "from", mail[i].from);
		put_member(&b, "to", mail[i].to);
		put_member(&b, "subject", mail[i].subject);
		put_member(&b, "text", mail[i].text);
		put_member(&b, "html", mail[i].html);
		buf_printf(&b, "\"received_at\":%lld}",
			(long long)(mail[i].received_at_us / US_PER_S));
	}
	buf_str(&b, "]\n");
	return resp_text(r, 200, "application/json; charset=utf-8", b.data, b.length);
}

/* Links in the text are made clickable; everything else is escaped. */
static void put_text(struct buf *b, struct arena *a, const char *text)
{
	while (*text != '\0') {
		const char *link = strstr(text, "http");
		size_t before = link != NULL ? (size_t)(link - text) : strlen(text);
		buf_str(b, html_escape(a, arena_strndup(a, text, before)));
		text += before;
		if (link == NULL)
			break;
		size_t length = strcspn(text, " \r\n\t");
		char *word = html_escape(a, arena_strndup(a, text, length));
		buf_printf(b, "<a href=\"%s\">%s</a>", word, word);
		text += length;
	}
}

static void put_mail(struct buf *b, struct arena *a, const struct mailbox_mail *mail)
{
	const char *at = clock_iso8601(a, mail->received_at_us);

	buf_printf(b,
		"<article class=\"card stack\"><header class=\"stack-tight\"><h2>%s</h2>"
		"<p class=\"hint\">To %s, <time datetime=\"%s\">%s</time></p></header>"
		"<pre class=\"mail\">",
		html_escape(a, mail->subject), html_escape(a, mail->to), at, at);
	put_text(b, a, mail->text);
	buf_str(b, "</pre></article>");
}

int sandbox_mail_page(struct req *r, const void *in, void *out)
{
	struct mailbox_mail *mail;
	size_t n;
	struct buf b;

	(void)out;
	TRY(read_mails(r, in, &mail, &n));
	buf_init(&b, r->arena, 16 * 1024);
	buf_str(&b, "<main class=\"page sandbox-page stack\"><header class=\"stack-tight\">"
		    "<h1>Sandbox mail</h1><p class=\"muted\">Every mail of this stack ends here, "
		    "the newest first. <a href=\"/sandbox/mail.json\">The same as JSON</a></p>"
		    "</header>");
	if (n == 0)
		buf_str(&b, "<p class=\"card muted\">No mail yet. A sign-in code appears here a "
			    "moment after it was asked for.</p>");
	for (size_t i = 0; i < n; i++)
		put_mail(&b, r->arena, &mail[i]);
	buf_str(&b, "</main>");
	resp_header(r, "Refresh", "5");
	return resp_page(r, 200, "Sandbox mail", "sandbox", b.data);
}
