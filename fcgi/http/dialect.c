/* What the dialects share. */
#include "dialect.h"

int dialect_status(const struct dialect *dialect, enum error code)
{
	return dialect->status != NULL ? dialect->status(code) : error_table[code].status;
}

void dialect_message(const struct fail *fail, struct buf *out)
{
	buf_str(out, fail->detail != NULL ? fail->detail : error_table[fail->code].text);
	for (size_t i = 0; i < fail->n_fault; i++) {
		const struct fault *f = &fail->fault[i];
		buf_printf(out, "%s %s: %s", i == 0 ? "" : ";",
			f->field[0] != '\0' ? f->field : "body", f->rule);
		if (f->has_limit)
			buf_printf(out, " %lld", (long long)f->limit);
	}
}

void dialect_extras(const struct fail *fail, struct buf *out)
{
	for (size_t i = 0; i < fail->n_extra; i++) {
		const struct fail_extra *e = &fail->extra[i];
		buf_char(out, ',');
		buf_json(out, e->name);
		buf_char(out, ':');
		if (e->text != NULL)
			buf_json(out, e->text);
		else
			buf_decimal(out, e->number, e->decimals);
	}
}
