/* Writing outbox rows. Their delivery is domain/jobs.c. */
#include "outbox.h"

#include <string.h>

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
	struct sha256 hash = sha256(mail->to, strlen(mail->to));
	struct sql_bytes recipient = {&hash, sizeof(hash)};
	struct buf b;

	if (mail->topic != NULL)
		TRY(sql_outbox_supersede(db, now_us, recipient, mail->topic, NULL));
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
			.topic = mail->topic,
			.payload = b.data,
			.recipient_hash = recipient,
			.next_at_us = now_us,
			.expires_at_us = mail->expires_at_us,
			.created_at_us = now_us,
		},
		NULL);
}

int outbox_erase_mails(struct db *db, const char *to)
{
	struct sha256 hash = sha256(to, strlen(to));

	return sql_outbox_erase(db, (struct sql_bytes){&hash, sizeof(hash)}, NULL);
}
