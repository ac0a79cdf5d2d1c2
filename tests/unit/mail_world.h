/* What the tests of mail_send() share: a sink, options that lead to it, a struct net. What must not
 * fail here aborts. */
#ifndef TURNPIKE_MAIL_WORLD_H
#define TURNPIKE_MAIL_WORLD_H

#include "fcgi/core/metrics.h"
#include "fcgi/net/mailbox.h"
#include "fcgi/net/net.h"
#include "tests/unit/sink_process.h"

struct world {
	struct sink_process sink;
	struct arena arena;
	struct net *net;
	struct options options;
	struct fail fail;
	bool is_permanent;
};

extern i64 counted[METRIC_MAX];
extern const struct mail plain_mail;

void world_open(struct world *w, const char *auth);
void world_close(struct world *w); /* and the sink ended well */
int send_mail(struct world *w, const struct mail *mail);
size_t stored(struct world *w, struct mailbox_mail **ret);
size_t n_stored(struct world *w);

#endif
