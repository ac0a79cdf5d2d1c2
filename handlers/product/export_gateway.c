/* The export's pages of what the gateway keeps: tokens of the IDE, which are named and never shown,
 * and feedback. */
#include "../../fcgi/http/request.h"
#include "export.h"

SCHEMA(export_ide_token, STR(export_ide_token, id, REQUIRED),
	STR(export_ide_token, name, REQUIRED, NULLABLE),
	TIME_S(export_ide_token, created_at_us, REQUIRED, .json = "created_at"),
	TIME_S(export_ide_token, last_used_at_us, REQUIRED, .json = "last_used_at"),
	TIME_S(export_ide_token, expires_at_us, REQUIRED, .json = "expires_at"));

SCHEMA(export_feedback, STR(export_feedback, id, REQUIRED), STR(export_feedback, message, REQUIRED),
	STR(export_feedback, category, REQUIRED, NULLABLE),
	OPT_I64(export_feedback, rating, DOC("1 to 5")), STR(export_feedback, request_id),
	STR(export_feedback, app_version), TIME_S(export_feedback, at_us, REQUIRED, .json = "ts"));

int export_ide_token_page(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct ide_token_page_row *row;

	TRY(sql_ide_token_page(
		&r->db, r->caller.user_id, at->is_start ? INT64_MAX : at->id, &row, ret_n));
	struct export_ide_token *item = arena_array(r->arena, struct export_ide_token, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct export_ide_token){
			.id = row[i].public_id,
			.name = row[i].name,
			.created_at_us = row[i].created_at_us,
			.last_used_at_us = row[i].last_used_at_us,
			.expires_at_us = row[i].expires_at_us,
		};
		at->id = row[i].ide_token_id;
	}
	*ret = item;
	return 0;
}

int export_feedback_page(struct req *r, struct export_place *at, const void **ret, size_t *ret_n)
{
	struct feedback_page_row *row;

	TRY(sql_feedback_page(
		&r->db, r->caller.user_id, at->is_start ? INT64_MAX : at->id, &row, ret_n));
	struct export_feedback *item = arena_array(r->arena, struct export_feedback, *ret_n);
	for (size_t i = 0; i < *ret_n; i++) {
		item[i] = (struct export_feedback){
			.id = row[i].public_id,
			.message = row[i].message,
			.category = row[i].category,
			.rating = row[i].rating,
			.request_id = row[i].request_id,
			.app_version = row[i].app_version,
			.at_us = row[i].received_at_us,
		};
		at->id = row[i].feedback_id;
	}
	*ret = item;
	return 0;
}
