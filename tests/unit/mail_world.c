/* What the tests of mail_send() share. */
#include "tests/unit/mail_world.h"

#include <stdlib.h>

i64 counted[METRIC_MAX];

void metrics_add(enum metric m, i64 n)
{
	counted[m] += n;
}

void world_open(struct world *w, const char *auth)
{
	*w = (struct world){.is_permanent = false};
	if (!sink_start(&w->sink, NULL, auth))
		abort();
	arena_init(&w->arena, 64 << 20);
	w->fail.arena = &w->arena;
	w->net = net_new();
	w->options = (struct options){
		.smtp_url = w->sink.url,
		.smtp_from = "turnpike@example.com",
		.smtp_from_name = "Turnpike",
		.smtp_user = "",
		.smtp_password = "",
		.smtp_starttls = "required",
		.smtp_ca_file = w->sink.ca_file,
	};
}

void world_close(struct world *w)
{
	net_free(w->net);
	arena_free(&w->arena);
	if (sink_stop(&w->sink) != 0)
		abort();
	sink_remove(&w->sink);
}

const struct mail plain_mail = {
	.to = "ada@example.org",
	.subject = "Your code",
	.text = "Hello\n",
	.message_id = "<id-1@example.com>",
};

int send_mail(struct world *w, const struct mail *mail)
{
	fail_clear(&w->fail);
	w->fail.arena = &w->arena;
	return mail_send(w->net, &w->options, mail, &w->is_permanent, &w->arena, &w->fail);
}

size_t stored(struct world *w, struct mailbox_mail **ret)
{
	size_t n;

	if (mailbox_list(&w->arena, w->sink.dir, 100, ret, &n) != 0)
		abort();
	return n;
}

size_t n_stored(struct world *w)
{
	struct mailbox_mail *mails;

	return stored(w, &mails);
}
