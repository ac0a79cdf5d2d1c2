/* Writing outbox rows. Their delivery is domain/jobs.c. */
#include "outbox.h"

#include "../fcgi/core/buf.h"
#include "../fcgi/core/crypto.h"
#include "gen/sql.h"

static void put_member(struct buf *b, const char *name, const char *value)
{
	buf_char(b, b->length == 0 ? '{' : ',');
	buf_json(b, name);
	buf_char(b, ':');
	buf_json(b, value);
}

int outbox_add_mail(struct db *db, const struct outbox_mail *mail, i64 now_us)
{
	struct buf b;

	buf_init(&b, db->arena, 1024);
	put_member(&b, "to", mail->to);
	put_member(&b, "subject", mail->subject);
	put_member(&b, "text", mail->text);
	if (mail->html != NULL)
		put_member(&b, "html", mail->html);
	buf_char(&b, '}');
	return sql_outbox_insert(db,
		&(struct outbox_insert_in){
			.public_id = public_id(db->arena, "out_"),
			.kind = "mail",
			.payload = b.data,
			.next_at_us = now_us,
			.created_at_us = now_us,
		},
		NULL);
}
