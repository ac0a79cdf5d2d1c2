/* The error table and the record of a failure. */
#include "errors.h"

const struct error_info error_table[E_MAX] = {
	[E_OK] = {.name = "OK", .status = 200, .code = "ok", .text = "Fine."},
#define E(name_, status_, code_, text_, ...) \
	[E_##name_] = {                      \
		.name = #name_, .status = status_, .code = code_, .text = text_, ##__VA_ARGS__},
#define GATEWAY(code_, text_) .gateway_code = code_, .gateway_text = text_
#include "errors.def"
#undef GATEWAY
#undef E
};

static bool fail_first(struct fail *f, enum error code)
{
	if (f->code != E_OK)
		return false;
	f->code = code;
	return true;
}

int fail(struct fail *f, enum error code, const char *format, ...)
{
	if (fail_first(f, code) && format != NULL) {
		va_list args;
		va_start(args, format);
		f->detail = arena_vprintf(f->arena, format, args);
		va_end(args);
	}
	return (int)code;
}

int fail_cause(struct fail *f, enum error code, const char *format, ...)
{
	if (fail_first(f, code)) {
		va_list args;
		va_start(args, format);
		f->cause = arena_vprintf(f->arena, format, args);
		va_end(args);
	}
	return (int)code;
}

int fail_later(struct fail *f, enum error code, i64 retry_after_s)
{
	if (fail_first(f, code))
		f->retry_after_s = retry_after_s < 1 ? 1 : retry_after_s;
	return (int)code;
}

static void extra_add(struct fail *f, struct fail_extra extra)
{
	if (f->n_extra < FAIL_EXTRAS_MAX)
		f->extra[f->n_extra++] = extra;
}

void fail_decimal(struct fail *f, const char *name, i64 number, int decimals)
{
	extra_add(f, (struct fail_extra){.name = name, .number = number, .decimals = decimals});
}

void fail_text(struct fail *f, const char *name, const char *text)
{
	extra_add(f, (struct fail_extra){.name = name, .text = text});
}

static void fault_add(struct fail *f, struct fault fault)
{
	if (f->n_fault == FAULTS_MAX)
		return;
	if (f->path != NULL)
		fault.field = arena_printf(f->arena, "%s%s", f->path, fault.field);
	f->fault[f->n_fault++] = fault;
}

void fail_fault(struct fail *f, const char *field, const char *rule)
{
	fault_add(f, (struct fault){.field = field, .rule = rule});
}

void fail_fault_limit(struct fail *f, const char *field, const char *rule, i64 limit)
{
	fault_add(f, (struct fault){field, rule, true, limit});
}

void fail_clear(struct fail *f)
{
	struct arena *arena = f->arena;

	*f = (struct fail){.arena = arena};
}
