/* The look of our mails: one frame, as HTML and as plain text. */
#ifndef TURNPIKE_MAIL_FORM_H
#define TURNPIKE_MAIL_FORM_H

#include "../fcgi/core/arena.h"

/* Everything is text; what may be NULL is left out. */
struct mail_form {
	const char *title;
	const char *code;	   /* shown large; NULL: none */
	const char *lead;	   /* why it came, and what to do */
	const char *button, *link; /* where to do it; NULL: nowhere */
	const char *note;	   /* what else is to know */
};

char *mail_form_html(struct arena *a, const struct mail_form *form);
char *mail_form_text(struct arena *a, const struct mail_form *form);

#endif
