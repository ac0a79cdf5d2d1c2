/* E-mail addresses and the people behind them. */
#include "person.h"

#include "../fcgi/core/crypto.h"

int person_sign_out_everywhere(struct db *db, u64 user_id, const char *email)
{
	TRY(sql_session_end_all(db, user_id, NULL));
	TRY(sql_web_session_end_all(db, user_id, NULL));
	TRY(sql_ide_token_erase(db, user_id, NULL));
	TRY(sql_handoff_erase(db, user_id, NULL));
	TRY(sql_device_login_erase(db, user_id, NULL));
	TRY(sql_ide_login_erase(db, user_id, NULL));
	return email != NULL ? sql_code_delete(db, email, NULL) : 0;
}

int person_take_over(struct db *db, u64 user_id, i64 now_us)
{
	TRY(person_sign_out_everywhere(db, user_id, NULL));
	TRY(sql_password_erase(db, user_id, NULL));
	TRY(sql_email_token_consume_all(db, now_us, user_id, NULL));
	TRY(sql_second_factor_erase(db, user_id, NULL));
	TRY(sql_recovery_code_erase(db, user_id, NULL));
	TRY(sql_user_set_mfa(db, (struct opt_i64){0}, user_id, NULL));
	return sql_user_verify(db, now_us, user_id, NULL);
}

/* The row of the address, which nobody else changes from now on. SQL_CONFLICT: it is gone. */
static int lock_row(struct db *db, const char *email, u64 user_id, struct user_by_email_row *ret)
{
	struct user_lock_row lock;
	int rc = sql_user_lock(db, user_id, &lock);

	if (rc == 0)
		rc = sql_user_by_email(db, email, ret);
	return rc == SQL_NONE ? SQL_CONFLICT : rc;
}

int person_of_proved_email(struct db *db, const char *email, i64 now_us, u64 *ret_user_id)
{
	struct user_by_email_row row;
	int rc = sql_user_by_email(db, email, &row);

	if (rc == SQL_NONE) {
		rc = sql_user_insert(db,
			&(struct user_insert_in){
				.public_id = public_id(db->arena, "usr_"),
				.email = email,
				.email_verified_at_us = {true, now_us},
				.created_at_us = now_us,
			},
			ret_user_id);
		if (rc != SQL_CONFLICT)
			return rc;
		rc = sql_user_by_email(db, email, &row); /* somebody has just claimed it */
	}
	if (rc != 0)
		return rc == SQL_NONE ? SQL_CONFLICT : rc;
	*ret_user_id = row.user_id;
	if (row.email_verified_at_us.has)
		return 0;
	TRY(lock_row(db, email, row.user_id, &row)); /* another proof may have been faster */
	return row.email_verified_at_us.has ? 0 : person_take_over(db, row.user_id, now_us);
}
