/* The look of our mails. */
#include "mail_form.h"

#include "../fcgi/core/buf.h"
#include "../fcgi/core/str.h"

/* Styles stand in the elements, since some readers drop the sheet; the sheet is for dark ones only.
 * Nothing is loaded from anywhere. */
static const char head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<title>%s</title>\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<meta name=\"color-scheme\" content=\"light dark\">\n"
	"<style>@media (prefers-color-scheme: dark) {\n"
	".page { background: #0e1311 !important; color: #e9efeb !important }\n"
	".card { background: #171e1a !important; border-color: #2d3833 !important }\n"
	".code { background: #1f2823 !important; color: #e9efeb !important }\n"
	".button { background: #62d5a6 !important; color: #06241a !important }\n"
	".muted { color: #a9b5ae !important }\n}</style>\n</head>\n"
	"<body class=\"page\" style=\"margin: 0; padding: 32px 16px; background: #f4f6f3; "
	"color: #14201a; font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, "
	"sans-serif\">\n"
	"<div class=\"card\" style=\"max-width: 26rem; margin: 0 auto; padding: 24px; "
	"border: 1px solid #d6dcd7; border-radius: 14px; background: #ffffff\">\n"
	"<h1 style=\"margin: 0 0 16px; font-size: 20px; line-height: 1.3\">%s</h1>\n";
static const char code[] =
	"<p class=\"code\" style=\"margin: 0 0 16px; padding: 16px 8px 16px 16px; "
	"border-radius: 8px; background: #edf0ec; color: #14201a; "
	"font: 600 32px/1.2 ui-monospace, Menlo, Consolas, monospace; letter-spacing: 8px; "
	"text-align: center\">%s</p>\n";
static const char lead[] = "<p style=\"margin: 0 0 16px\">%s</p>\n";
static const char button[] =
	"<p style=\"margin: 0 0 20px\"><a class=\"button\" href=\"%s\" style=\"display: block; "
	"padding: 11px 18px; border-radius: 8px; background: #0a6847; color: #ffffff; "
	"font-weight: 600; text-align: center; text-decoration: none\">%s</a></p>\n";
static const char note[] =
	"<p class=\"muted\" style=\"margin: 0; color: #4d5a53; font-size: 14px\">%s</p>\n";
static const char foot[] = "</div>\n</body>\n</html>\n";

char *mail_form_html(struct arena *a, const struct mail_form *form)
{
	const char *title = html_escape(a, form->title);
	struct buf b;

	buf_init(&b, a, 4096);
	buf_printf(&b, head, title, title);
	if (form->code != NULL)
		buf_printf(&b, code, html_escape(a, form->code));
	buf_printf(&b, lead, html_escape(a, form->lead));
	if (form->link != NULL)
		buf_printf(&b, button, html_escape(a, form->link), html_escape(a, form->button));
	if (form->note != NULL)
		buf_printf(&b, note, html_escape(a, form->note));
	buf_str(&b, foot);
	return b.data;
}

char *mail_form_text(struct arena *a, const struct mail_form *form)
{
	struct buf b;

	buf_init(&b, a, 1024);
	buf_printf(&b, "%s\n\n", form->title);
	if (form->code != NULL)
		buf_printf(&b, "%s\n\n", form->code);
	buf_printf(&b, "%s\n", form->lead);
	if (form->link != NULL)
		buf_printf(&b, "%s\n", form->link);
	if (form->note != NULL)
		buf_printf(&b, "\n%s\n", form->note);
	return b.data;
}
